"""The lineage desk: reads the line from photo to picture, from any point of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import Signal

from fluxlora_desktop.domain.lineage import Lineage
from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.workflows.lineage import (
    lineage_of_lora,
    lineage_of_run,
    lineages_of_photo,
    lineages_of_picture,
)


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines through one thing: `title` says which, `nothing` what it means if there is none."""

    title: str
    nothing: str
    lines: tuple[Lineage, ...]


class LineageDesk(Desk):
    """Reads lines in the background; `found(Lines)` answers each of the asks."""

    found = Signal(object)

    def of_lora(self, lora_id: str, name: str) -> None:
        """Ask for the line through a Lora."""
        self._read(f"How {name} came to be", "", lambda: (lineage_of_lora(lora_id, self.tools),))

    def of_run(self, run_id: str, name: str) -> None:
        """Ask for the line through a run."""
        self._read(f"What {name} led to", "", lambda: (lineage_of_run(run_id, self.tools),))

    def of_picture(self, picture: Picture) -> None:
        """Ask for the line through each Lora of a picture."""
        nothing = "No LoRA was in this picture: the base model made it alone."
        self._read(
            "How this picture came to be",
            nothing,
            lambda: lineages_of_picture(picture, self.tools),
        )

    def of_photo(self, sha256: str, name: str) -> None:
        """Ask for the line through each training of a photo."""
        nothing = "No training has used this photo yet."
        self._read(
            f"What {name} was used for", nothing, lambda: lineages_of_photo(sha256, self.tools)
        )

    def _read(self, title: str, nothing: str, read: Callable[[], tuple[Lineage, ...]]) -> None:
        work = partial(_lines, title, nothing, read)
        self._run("Read lineage", work, lane="details", done=self.found.emit)


def _lines(
    title: str, nothing: str, read: Callable[[], tuple[Lineage, ...]], _ctx: JobContext
) -> Lines:
    return Lines(title, nothing, read())
