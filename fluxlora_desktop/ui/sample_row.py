"""Three of the sample photos in a row, for the card that invites to practise."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import row

_SIDE = 76


class SampleRow(QWidget):
    """Shows thumbnails as they are decoded in the background."""

    def __init__(self, *, photos: tuple[Path, ...], jobs: JobRunner) -> None:
        super().__init__()
        self._loader = ThumbLoader(jobs, self)
        self._labels: dict[Path, QLabel] = {}
        for photo in photos:
            frame = QLabel()
            frame.setFixedSize(_SIDE, _SIDE)
            frame.setAlignment(Qt.AlignmentFlag.AlignCenter)
            frame.setAccessibleName("Sample photo")
            self._labels[photo] = frame
        self.setLayout(row(*self._labels.values(), None, spacing=8))
        self._loader.ready.connect(self._show)
        self._show()

    def _show(self, _path: str = "") -> None:
        for photo, frame in self._labels.items():
            pixmap = self._loader.get(photo, _SIDE, fill=True)
            if pixmap is not None:
                frame.setPixmap(pixmap)
