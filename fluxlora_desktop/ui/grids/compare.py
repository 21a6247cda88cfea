"""Two pictures of a grid side by side: the base, and the same seed with the LoRA."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QKeyEvent, QPixmap
from PySide6.QtWidgets import QWidget

from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.grids import GridDesk
from fluxlora_desktop.ui.gallery.canvas import Canvas
from fluxlora_desktop.ui.gallery.images import decode
from fluxlora_desktop.ui.grids.words import made_words
from fluxlora_desktop.ui.widgets import button, column, label, row

_KEPT = 8
_MOVES = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


class Side(QWidget):
    """One picture with its label."""

    def __init__(self) -> None:
        super().__init__()
        self.title = label("", "section", wrap=True)
        self.title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.canvas = Canvas()
        self.trouble = label("", "muted", wrap=True)
        self.trouble.setAlignment(Qt.AlignmentFlag.AlignCenter)
        whole = column(self.title, self.canvas, self.trouble, spacing=8)
        whole.setStretch(1, 1)
        self.setLayout(whole)


class CompareView(QWidget):
    """Shows two cells; zoom and place are the same in both.

    `closed()`, `step_wanted(int, int)` by columns and rows, `used()` when the right one's strength
    is taken.
    """

    closed = Signal()
    step_wanted = Signal(int, int)
    used = Signal()

    def __init__(self, *, desk: GridDesk, jobs: JobRunner) -> None:
        super().__init__()
        self.setAccessibleName("Two pictures side by side")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._desk, self._jobs = desk, jobs
        self._kept: OrderedDict[str, QPixmap] = OrderedDict()
        self._loading: set[str] = set()
        self._shown: tuple[Picture | None, Picture | None] = (None, None)
        self.left, self.right = Side(), Side()
        self.back = button(
            "Back to the grid", self.closed.emit, role="quiet", symbol="chevron-left"
        )
        self.back.setToolTip("Esc")
        self.place = label("", "muted")
        self.fit = button("Fit", self._on_fit, role="quiet")
        self.full = button("100 %", self._on_full, role="quiet")
        self.use = button("", self.used.emit, role="primary")
        hint = label("Arrows show the next column or row.", "caption")
        sides = row(self.left, self.right, spacing=16)
        sides.setStretch(0, 1)
        sides.setStretch(1, 1)
        head = row(self.back, self.place, None, self.fit, self.full, spacing=8)
        whole = column(head, sides, row(hint, None, self.use), spacing=10)
        whole.setStretch(1, 1)
        self.setLayout(whole)
        for one, other in ((self.left, self.right), (self.right, self.left)):
            one.canvas.moved.connect(other.canvas.look_at)
            one.canvas.toggled.connect(self._on_toggled)

    def show_pair(
        self, titles: tuple[str, str], pictures: tuple[Picture | None, Picture | None], place: str
    ) -> None:
        """Show two cells by their labels; `place` says what both have in common."""
        anew = self._shown == (None, None)
        self._shown = pictures
        self.place.setText(place)
        for side, title, picture in zip((self.left, self.right), titles, pictures, strict=True):
            side.title.setText(title)
            side.canvas.setAccessibleName(title)
            self._show(side, picture, anew=anew)

    def offer_use(self, words: str, *, enabled: bool) -> None:
        """Say what the primary button does, "" for nothing."""
        self.use.setText(words)
        self.use.setVisible(bool(words))
        self.use.setEnabled(enabled)

    def leave(self) -> None:
        """Forget what was shown."""
        self._shown = (None, None)

    def _show(self, side: Side, picture: Picture | None, *, anew: bool) -> None:
        done = picture is not None and picture.state is PictureState.DONE
        side.trouble.setText(made_words(picture))
        side.trouble.setVisible(not done)
        if picture is None or not done:
            side.canvas.show_picture(None, QSize(1, 1), anew=anew)
            return
        large = self._kept.get(picture.id)
        size = large.size() if large else QSize(picture.width, picture.height)
        side.canvas.show_picture(large, size, anew=anew)
        path = self._desk.file(picture)
        if large is None and path is not None:
            self._load(picture, path)

    def _load(self, picture: Picture, path: Path) -> None:
        if picture.id in self._loading:
            return
        self._loading.add(picture.id)
        job = self._jobs.start("Open picture", partial(decode, path), lane="thumbs")
        job.succeeded.connect(partial(self._on_loaded, picture))
        job.finished.connect(partial(self._loading.discard, picture.id))

    def _on_loaded(self, picture: Picture, image: QImage) -> None:
        if not image.isNull():
            self._kept[picture.id] = QPixmap.fromImage(image)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        for side, shown in zip((self.left, self.right), self._shown, strict=True):
            if shown is not None and shown.id == picture.id:
                if image.isNull():
                    side.trouble.setText("The file of this picture cannot be read.")
                    side.trouble.show()
                else:
                    side.canvas.show_picture(self._kept[picture.id], image.size(), anew=False)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Step by the arrows, zoom, or go back."""
        key = Qt.Key(event.key())
        if key in _MOVES:
            self.step_wanted.emit(*_MOVES[key])
        elif key in {Qt.Key.Key_Escape, Qt.Key.Key_Backspace}:
            self.closed.emit()
        elif key == Qt.Key.Key_0:
            self._on_fit()
        elif key == Qt.Key.Key_1:
            self._on_full()
        elif key in {Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus}:
            self.left.canvas.zoom_by(-1 if key == Qt.Key.Key_Minus else 1)
        else:
            super().keyPressEvent(event)

    def _on_fit(self) -> None:
        self.left.canvas.fit()

    def _on_full(self) -> None:
        self.left.canvas.zoom_to(1.0)

    @Slot()
    def _on_toggled(self) -> None:
        if self.left.canvas.fitted:
            self._on_full()
        else:
            self._on_fit()
