"""Which picture stands for a run before its Lora is there: the first photo it was trained on."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from fluxlora_desktop.domain.ports import JobContext, Stores
from fluxlora_desktop.domain.runs import Run
from fluxlora_desktop.jobs.runner import JobRunner


class RunCovers(QObject):
    """Knows the covers of runs, reading each dataset version once; `found(str)` with the run's id.

    A run whose photos are not known has none.
    """

    found = Signal(str)

    def __init__(self, stores: Stores, jobs: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._stores, self._jobs = stores, jobs
        self._covers: dict[str, Path | None] = {}

    def get(self, run: Run) -> Path | None:
        """Return a run's cover, or None for now."""
        if run.version_id is None:
            return None
        if run.id not in self._covers:
            self._covers[run.id] = None
            work = partial(_first_photo, self._stores, run.version_id)
            job = self._jobs.start(f"Cover of {run.id}", work, lane="details")
            job.succeeded.connect(partial(self._on_found, run.id))
        return self._covers[run.id]

    def _on_found(self, run_id: str, cover: Path | None) -> None:
        self._covers[run_id] = cover
        if cover is not None:
            self.found.emit(run_id)


def _first_photo(stores: Stores, version_id: str, _ctx: JobContext) -> Path | None:
    photos = stores.datasets.version(version_id).photos
    return stores.files.photo_thumb(photos[0].photo.sha256) if photos else None
