"""The dialog in which two photos that are alike are compared, and one of them is kept."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QWidget

from fluxlora_desktop.domain.dismissals import dismissal_keys
from fluxlora_desktop.domain.pairs import Pair, are_outdated, pairs_of
from fluxlora_desktop.domain.ports import Files
from fluxlora_desktop.ui.create.pair_view import PhotoSide
from fluxlora_desktop.ui.desks.draft import Draft
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import button, column, icon_button, label, row

_KEYS = "Left and Right choose, Enter keeps, B keeps both."
_KEYS_OF_COPIES = "Left and Right choose, Enter keeps."


class PairDialog(QDialog):
    """Shows the pairs of the draft one at a time, and closes itself when none is left.

    `removing(hash)` asks to take a photo out of the set, `dismissing(Finding)` to keep both.
    """

    removing = Signal(str)
    dismissing = Signal(object)

    def __init__(
        self, draft: Draft, thumbs: ThumbLoader, files: Files, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Compare photos")
        self.setObjectName("pair_dialog")
        self.resize(920, 600)
        self._pairs: tuple[Pair, ...] = ()
        self._place = 0
        self.says = label("", wrap=True)
        self.says.setObjectName("pair_says")
        self.sides = tuple(PhotoSide(name, thumbs, files) for name in ("left", "right"))
        beside = row(*self.sides, spacing=12)
        laid = column(self._make_head(), beside, self._make_foot(), spacing=12, margin=16)
        laid.setStretch(1, 1)
        self.setLayout(laid)
        self._connect()
        self.show_draft(draft)

    def _make_head(self) -> QHBoxLayout:
        self.counter = label("", "muted")
        self.counter.setObjectName("pair_counter")
        self.previous = icon_button(
            "chevron-left", "Previous pair (Page Up)", partial(self._go, -1)
        )
        self.previous.setObjectName("previous_pair")
        self.next = icon_button("chevron-right", "Next pair (Page Down)", partial(self._go, 1))
        self.next.setObjectName("next_pair")
        head = row(self.says, self.counter, self.previous, self.next, spacing=8)
        head.setStretch(0, 1)
        return head

    def _make_foot(self) -> QHBoxLayout:
        self.keys = label(_KEYS, "muted")
        close = button("Close", self.reject, role="quiet")
        close.setObjectName("close_pairs")
        self.both = button("Keep both", self._keep_both)
        self.both.setObjectName("keep_both")
        self.both.setToolTip("They stay, and this is not remarked again (B)")
        self.sharper = button("", partial(self._keep, right=False), role="primary")
        self.sharper.setObjectName("keep_sharper")
        return row(self.keys, None, close, self.both, self.sharper, spacing=8)

    def _connect(self) -> None:
        for side, right in zip(self.sides, (False, True), strict=True):
            side.choosing.connect(partial(self._choose, right=right))
            side.keeping.connect(partial(self._keep, right=right))
        for key, act in (
            (Qt.Key.Key_Left, partial(self._choose, right=False)),
            (Qt.Key.Key_Right, partial(self._choose, right=True)),
            (Qt.Key.Key_B, self._keep_both),
            (Qt.Key.Key_PageUp, partial(self._go, -1)),
            (Qt.Key.Key_PageDown, partial(self._go, 1)),
        ):
            QShortcut(QKeySequence(key), self, act)
        for made in self.findChildren(QPushButton):
            made.setAutoDefault(True)  # Enter presses the button that has the keyboard

    @property
    def pair(self) -> Pair | None:
        """Return the pair that is shown; None while the next one is looked for."""
        return self._pairs[self._place] if self._pairs else None

    def show_pair_of(self, photos: tuple[str, ...]) -> bool:
        """Show the pair of these two photos; tell whether it is one still."""
        for place, pair in enumerate(self._pairs):
            if set(pair.finding.photos) == set(photos):
                self._show(place)
                return True
        return False

    @Slot(object)
    def show_draft(self, draft: Draft) -> None:
        """Show the pairs of the draft as it stands, the one that was shown if it is there still."""
        shown = self._key(self.pair)
        self._pairs = pairs_of(draft.findings, draft.dataset)
        keys = [self._key(pair) for pair in self._pairs]
        if shown in keys:
            self._place = keys.index(shown)
            self._fill()
        else:
            self._show(max(0, min(self._place, len(keys) - 1)))
        if not keys and not are_outdated(draft.findings, draft.dataset):
            self.accept()

    def _key(self, pair: Pair | None) -> tuple[str, ...]:
        return dismissal_keys(pair.finding) if pair is not None else ()

    def _show(self, place: int) -> None:
        """Show another pair, its sharper photo chosen."""
        self._place = place
        self._fill()
        if self.pair is not None:
            self._choose(right=False)

    def _fill(self) -> None:
        """Show the pair that is to be seen."""
        pair, count = self.pair, len(self._pairs)
        for part in (*self.sides, self.both, self.sharper):
            part.setEnabled(pair is not None)
        self.counter.setText(f"Pair {self._place + 1} of {count}")
        for part in (self.counter, self.previous, self.next):
            part.setVisible(count > 1)
        self.previous.setEnabled(self._place > 0)
        self.next.setEnabled(self._place < count - 1)
        if pair is None:
            return
        self.says.setText(pair.finding.says)
        self.both.setVisible(not pair.exact)
        self.keys.setText(_KEYS_OF_COPIES if pair.exact else _KEYS)
        self.sharper.setText(_words(pair))
        for side, item in zip(self.sides, pair.photos, strict=True):
            side.show_photo(item, sharper=pair.differs and item is pair.sharper)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave Enter to photos and buttons: a dialog would press a button of its own choice."""
        if event.key() not in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            super().keyPressEvent(event)

    def _choose(self, *, right: bool) -> None:
        for side, chosen in zip(self.sides, (not right, right), strict=True):
            side.set_chosen(chosen)
            if chosen:
                side.setFocus()

    def _go(self, by: int) -> None:
        if 0 <= self._place + by < len(self._pairs):
            self._show(self._place + by)

    def _keep(self, *, right: bool) -> None:
        if self.pair is not None:
            gone = self.pair.sharper if right else self.pair.duller
            self.removing.emit(gone.sha256)

    def _keep_both(self) -> None:
        if self.pair is not None and not self.pair.exact:
            self.dismissing.emit(self.pair.finding)


def _words(pair: Pair) -> str:
    """Return what the one click does: it keeps the photo at the left."""
    if pair.exact:
        return "Keep one of them"
    return "Keep the sharper one" if pair.differs else "Keep the left one"
