"""Two to four pictures side by side, zoomed and moved together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QWidget

from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.ui.gallery.canvas import Canvas, Sight
from fluxlora_desktop.ui.gallery.differences import differences
from fluxlora_desktop.ui.gallery.large import LargePictures
from fluxlora_desktop.ui.gallery.words import STATE_WORDS
from fluxlora_desktop.ui.shortcuts import Group, Keys
from fluxlora_desktop.ui.widgets import button, column, label, row, set_mark
from fluxlora_desktop.ui.wording import plural

FEWEST, MOST = 2, 4
_MOVE = 60.0
"""How far an arrow key moves a picture that is zoomed, in logical pixels."""
_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
_DIGITS = (Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_3, Qt.Key.Key_4)


class Pane(QFrame):
    """One of the pictures with what it has of its own; `picked()` when it is clicked or focused."""

    picked = Signal()
    resized = Signal()
    keep_requested = Signal(object)

    def __init__(self, number: int) -> None:
        super().__init__()
        self.setProperty("role", "side")
        self.number = number
        self.picture: Picture | None = None
        self.canvas = Canvas()
        self.canvas.setMinimumSize(120, 120)
        self.badge = label(str(number), "strong")
        self.says = label("", "", wrap=True)
        self.keep = button("Keep this one", self._on_keep)
        self.keep.setToolTip("Put a star on it (K)")
        foot = row(self.badge, self.says, self.keep, spacing=8)
        foot.setStretch(1, 1)
        foot.setAlignment(self.badge, Qt.AlignmentFlag.AlignTop)
        foot.setAlignment(self.says, Qt.AlignmentFlag.AlignTop)
        foot.setAlignment(self.keep, Qt.AlignmentFlag.AlignTop)
        self.trouble = label("", "muted", wrap=True)
        self.trouble.hide()
        whole = column(self.canvas, self.trouble, foot, spacing=8, margin=8)
        whole.setStretch(0, 1)
        self.setLayout(whole)
        self.canvas.pressed.connect(self.picked)

    def show_picture(self, picture: Picture, says: str, count: int) -> None:
        """Show a picture and what differs."""
        self.says.setText(says)
        self.keep.setAccessibleName(f"Keep picture {self.number}")
        self.show_star(picture)
        self.canvas.setAccessibleName(
            f"{self.number} of {count}: {STATE_WORDS[picture.state]}, {picture.prompt}"
        )
        self.canvas.setAccessibleDescription(says)
        self.trouble.hide()

    def show_star(self, picture: Picture) -> None:
        """Say whether the picture is kept by now."""
        self.picture = picture
        self.keep.setText("Kept" if picture.favourite else "Keep this one")
        self.keep.setEnabled(not picture.favourite)

    def show_pixels(self, pixmap: QPixmap | None, size: QSize, *, anew: bool) -> None:
        """Show what is decoded by now."""
        self.canvas.show_picture(pixmap, size, anew=anew)

    def say_unreadable(self) -> None:
        """Say that there is nothing to show."""
        self.trouble.setText("The file of this picture cannot be read. It may be gone.")
        self.trouble.show()

    def words_height(self) -> int:
        """Return how high the words are in the width that they have."""
        return self.says.heightForWidth(self.says.width())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Say that words may need other lines."""
        super().resizeEvent(event)
        self.resized.emit()

    def _on_keep(self) -> None:
        if self.picture is not None:
            self.keep.setEnabled(False)  # a second press would take the star off again
            self.keep_requested.emit(self.picture)


class CompareView(QWidget):
    """Shows two to four pictures.

    `closed()` asks for the grid, `keep_requested(Picture)` for a star on one of them. What is
    zoomed or moved in one is in all, until *Move together* is off.
    """

    KEYS = (
        Keys(Group.COMPARE, "1 … 4, arrows", "Pick one of them; arrows move what is zoomed"),
        Keys(Group.COMPARE, "+, -, 0, Z", "Larger, smaller, the whole pictures, full size"),
        Keys(Group.COMPARE, "L", "Move them together, or each alone"),
        Keys(Group.COMPARE, "K", "Keep the picked one: put a star on it"),
        Keys(Group.COMPARE, "Esc", "Back to the grid"),
    )
    closed = Signal()
    keep_requested = Signal(object)

    def __init__(self, large: LargePictures) -> None:
        super().__init__()
        self.setObjectName("gallery_compare")
        self.setAccessibleName("Compare pictures")
        self._large = large
        self.panes: tuple[Pane, ...] = ()
        self._picked = 0
        self.title = label("", "section")
        self.back = button(
            "Back to the grid", self.closed.emit, role="quiet", symbol="chevron-left"
        )
        self.back.setToolTip("Esc")
        self.zoom = label("", "muted")
        self.fit = button("Fit", self._on_fit, role="quiet")
        self.fit.setToolTip("Show the whole pictures (0)")
        self.full = button("100 %", self._on_full, role="quiet")
        self.full.setToolTip("One picture pixel for each screen pixel (Z)")
        self.linked = button("Move together", role="quiet", symbol="link")
        self.linked.setToolTip("Zoom and move all pictures alike (L)")
        self.linked.setCheckable(True)
        self.linked.setChecked(True)
        self.linked.toggled.connect(self._on_linked)
        head = row(
            self.back, self.title, None, self.zoom, self.linked, self.fit, self.full, spacing=8
        )
        self._holder = QWidget()
        self._cells = QGridLayout(self._holder)
        self._cells.setContentsMargins(0, 0, 0, 0)
        self._cells.setSpacing(8)
        self.hint = label(
            "1 to 4 pick one, K keeps it. Plus, minus and the wheel zoom, arrows move.", "caption"
        )
        whole = column(head, self._holder, self.hint, spacing=8)
        whole.setStretch(1, 1)
        self.setLayout(whole)
        large.ready.connect(self._on_ready)
        large.failed.connect(self._on_failed)

    def show_pictures(self, pictures: Sequence[Picture], thumbs: Sequence[QPixmap | None]) -> None:
        """Show pictures; a thumbnail stands for each until it is decoded."""
        self._make_panes(len(pictures))
        self.title.setText(f"Comparing {plural(len(pictures), 'picture')}")
        for pane, picture, says, thumb in zip(
            self.panes, pictures, differences(pictures), thumbs, strict=True
        ):
            pane.show_picture(picture, says, len(pictures))
            large = self._large.get(picture)
            pixmap = large.pixmap if large else thumb
            size = large.size if large else QSize(picture.width, picture.height)
            done = picture.state is PictureState.DONE
            pane.show_pixels(pixmap if done else None, size, anew=True)
        self.pick(0)
        self._large.show(pictures, self.panes[0].canvas.room())

    def show_marked(self, pictures: Sequence[Picture]) -> None:
        """Take pictures in whose marks are others now."""
        now = {picture.id: picture for picture in pictures}
        for pane in self.panes:
            if pane.picture is not None and pane.picture.id in now:
                pane.show_star(now[pane.picture.id])

    def _make_panes(self, count: int) -> None:
        for pane in self.panes:
            self._cells.removeWidget(pane)
            pane.hide()
            pane.deleteLater()
        columns = 2 if count == MOST else max(1, count)
        for place in range(MOST):
            self._cells.setColumnStretch(place, 1 if place < columns else 0)
            self._cells.setRowStretch(place, 1 if place < -(-count // columns) else 0)
        self.panes = tuple(Pane(number) for number in range(1, count + 1))
        for place, pane in enumerate(self.panes):
            self._cells.addWidget(pane, *divmod(place, columns))
            pane.picked.connect(partial(self.pick, place))
            pane.keep_requested.connect(self.keep_requested)
            pane.resized.connect(self._even_out)
            pane.canvas.moved.connect(partial(self._on_moved, pane))
            pane.canvas.zoomed.connect(partial(self._on_zoomed, pane))
            pane.canvas.toggled.connect(self._on_toggled)

    @Slot()
    def _even_out(self) -> None:
        """Give all pictures the same room, whatever is said about them."""
        height = max(pane.words_height() for pane in self.panes)
        for pane in self.panes:
            pane.says.setMinimumHeight(height)

    def leave(self) -> None:
        """Forget what was shown."""
        self._make_panes(0)

    @property
    def picked(self) -> Pane:
        """Return the pane that keys are about."""
        return self.panes[self._picked]

    def pick(self, place: int) -> None:
        """Let keys be about one of the pictures."""
        if not 0 <= place < len(self.panes):
            return
        self._picked = place
        for pane in self.panes:
            set_mark(pane, "chosen", "true" if pane is self.picked else "false")
        self.picked.canvas.setFocus()
        self._on_zoomed(self.picked, self.picked.canvas.scale())

    def _on_moved(self, source: Pane, sight: Sight) -> None:
        for pane in self.panes if self.linked.isChecked() else ():
            if pane is not source:
                pane.canvas.look_at(sight)

    def _on_zoomed(self, source: Pane, scale: float) -> None:
        if self.panes and source is self.picked:
            self.zoom.setText(f"{round(scale * 100)} %")

    @Slot(bool)
    def _on_linked(self, linked: bool) -> None:
        if linked and self.panes:
            self._on_moved(self.picked, self.picked.canvas.sight())

    def _on_fit(self) -> None:
        self.picked.canvas.fit()

    def _on_full(self) -> None:
        self.picked.canvas.zoom_to(1.0)

    @Slot()
    def _on_toggled(self) -> None:
        if self.picked.canvas.fitted:
            self._on_full()
        else:
            self._on_fit()

    @Slot(str)
    def _on_ready(self, picture_id: str) -> None:
        for pane in self.panes:
            if pane.picture is not None and pane.picture.id == picture_id:
                large = self._large.get(pane.picture)
                assert large is not None
                sight = pane.canvas.sight()
                pane.show_pixels(large.pixmap, large.size, anew=False)
                pane.canvas.look_at(sight)

    @Slot(str)
    def _on_failed(self, picture_id: str) -> None:
        for pane in self.panes:
            if pane.picture is not None and pane.picture.id == picture_id:
                pane.say_unreadable()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Pick, zoom, move, keep, or go back."""
        key, canvas = event.key(), self.picked.canvas
        if key in _DIGITS:
            self.pick(_DIGITS.index(Qt.Key(key)))
        elif key in _ARROWS:
            self._on_arrow(*_ARROWS[Qt.Key(key)])
        elif key in {Qt.Key.Key_Escape, Qt.Key.Key_Backspace, Qt.Key.Key_C}:
            self.closed.emit()
        elif key in {Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus}:
            canvas.zoom_by(-1 if key == Qt.Key.Key_Minus else 1)
        elif key == Qt.Key.Key_0:
            self._on_fit()
        elif key == Qt.Key.Key_Z:
            self._on_full()
        elif key == Qt.Key.Key_L:
            self.linked.toggle()
        elif key == Qt.Key.Key_K:
            self.picked.keep.click()
        elif key == Qt.Key.Key_Space:
            self._on_toggled()
        else:
            super().keyPressEvent(event)

    def _on_arrow(self, across: int, down: int) -> None:
        """Move what is zoomed; of whole pictures, pick the one beside."""
        if not self.picked.canvas.fitted:
            self.picked.canvas.move_by(across * _MOVE, down * _MOVE)
            return
        below = 2 if len(self.panes) == MOST else 0
        self.pick(self._picked + across + down * below)
