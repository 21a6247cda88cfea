"""The gallery's rows: all ids at once, the pictures themselves in pages as they are looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QTimer,
    Signal,
    Slot,
)

from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.domain.ports import StepsDone
from fluxlora_desktop.ui.gallery.words import spoken, steps_words

PAGE = 128
_LATER_MS = 80
"""What is in sight is read and decoded first: to read a page takes Python's lock from that."""
_KEPT = 40 * PAGE
_RECENT = 1000
"""Rows among which a picture that was just ordered can be already."""
_FEW = 4
_TOP = 4 * PAGE
PictureRole = int(Qt.ItemDataRole.UserRole)
"""The role under which a row gives its `Picture`, or None while it is not read yet."""
_FLAGS = (
    Qt.ItemFlag.ItemIsEnabled
    | Qt.ItemFlag.ItemIsSelectable
    | Qt.ItemFlag.ItemIsDragEnabled
    | Qt.ItemFlag.ItemNeverHasChildren
)

Index = QModelIndex | QPersistentModelIndex


class PictureModel(QAbstractListModel):
    """Holds ids in the order of the rows and the pictures read so far.

    `needed(tuple of ids)` asks for pictures that are looked at and not known yet, one page after
    another, and a little later for their neighbours; the answer comes to `answer`. `data` reads
    nothing. There is no table of ids to rows: making one takes longer than all else between a click
    and the first paint, and looking through 100,000 ids takes 2 ms.
    """

    needed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ids: list[str] = []
        self._known: OrderedDict[str, Picture] = OrderedDict()
        self._asked: tuple[str, ...] = ()
        self._asked_from = 0
        self._gone: set[str] = set()
        self._looked_at = (0, -1)
        self._steps: dict[str, StepsDone] = {}
        self._later = QTimer(self, singleShot=True, interval=_LATER_MS)
        self._later.timeout.connect(self._want_neighbours)

    def rowCount(self, parent: Index | None = None) -> int:
        """Return how many pictures there are."""
        return 0 if parent is not None and parent.isValid() else len(self._ids)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a row's picture, or its words."""
        if not index.isValid():
            return None
        picture = self.picture(index.row())
        if role == PictureRole:
            return picture
        if role in {Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole}:
            return self._spoken(picture) if picture else "Picture"
        if role == Qt.ItemDataRole.ToolTipRole:
            return picture.prompt if picture else None
        return None

    def _spoken(self, picture: Picture) -> str:
        steps = self._steps.get(picture.id)
        return f"{spoken(picture)} {steps_words(steps)}" if steps else spoken(picture)

    def steps(self, picture_id: str) -> StepsDone | None:
        """Return how far a picture is that is being made, None where nothing tells."""
        return self._steps.get(picture_id)

    def show_steps(self, picture_id: str, steps: StepsDone) -> None:
        """Show how far a picture is, until it is taken as something else than being made."""
        self._steps[picture_id] = steps
        row = self.row_of(picture_id)
        if row >= 0:
            self.dataChanged.emit(self.index(row), self.index(row))

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Let rows be selected and dragged."""
        return _FLAGS if index.isValid() else Qt.ItemFlag.NoItemFlags

    def id_at(self, row: int) -> str:
        """Return the id of a row."""
        return self._ids[row]

    def row_of(self, picture_id: str) -> int:
        """Return the row of a picture, or -1."""
        try:
            return self._ids.index(picture_id)
        except ValueError:
            return -1

    def picture(self, row: int) -> Picture | None:
        """Return the picture of a row, or None while it is not read."""
        return self._known.get(self._ids[row]) if 0 <= row < len(self._ids) else None

    def pictures(self, first: int, last: int) -> list[Picture | None]:
        """Return the pictures of these rows, None for each that is not read."""
        return list(map(self._known.get, self._ids[first : last + 1]))

    @Slot(int, int)
    def want(self, first: int, last: int) -> None:
        """Ask for the pages that these rows lie in, and later for their neighbours' pages.

        What is looked at when that one comes is asked for then: rows that were scrolled past in
        the meantime are never read.
        """
        first, last = max(0, first), min(last, len(self._ids) - 1)
        self._looked_at = (first, last)
        if self._asked or last < first:
            return
        for picture_id in self._ids[first : last + 1]:
            if picture_id in self._known:
                self._known.move_to_end(picture_id)
        self._ask(first, last)
        if not self._asked and not self._later.isActive():
            self._later.start()

    @Slot()
    def _want_neighbours(self) -> None:
        """Ask for what may be looked at next, when what is in sight had time to be shown."""
        first, last = self._looked_at
        for low, high in ((last + 1, last + PAGE), (first - PAGE, first - 1)):
            if not self._asked and low <= high and high >= 0:
                self._ask(max(0, low), high)

    def _ask(self, first: int, last: int) -> None:
        known, gone = self._known, self._gone
        if not [p for p in self._ids[first : last + 1] if p not in known and p not in gone]:
            return
        start, stop = first // PAGE * PAGE, (last // PAGE + 1) * PAGE
        self._asked_from = start
        self._asked = tuple(p for p in self._ids[start:stop] if p not in known and p not in gone)
        self.needed.emit(self._asked)

    @Slot(object)
    def answer(self, pictures: Iterable[Picture]) -> None:
        """Take what was asked for, and go on with what is looked at now."""
        taken = list(pictures)
        asked, self._asked = self._asked, ()
        self.take(taken)
        self._gone.update(picture_id for picture_id in asked if picture_id not in self._known)
        self.want(*self._looked_at)

    def ask_again(self) -> None:
        """Forget that something was asked for: there was no answer."""
        self._asked = ()

    @Slot(object)
    def take(self, pictures: Iterable[Picture]) -> None:
        """Keep pictures that were read or have changed, and show them where they have a row."""
        taken = {picture.id: picture for picture in pictures}
        for picture_id, picture in taken.items():
            if picture.state is not PictureState.MAKING:
                self._steps.pop(picture_id, None)
            self._known[picture_id] = picture
            self._known.move_to_end(picture_id)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        for first, last in _runs(self.rows_of(taken)):
            self.dataChanged.emit(self.index(first), self.index(last))

    def rows_of(self, ids: Iterable[str]) -> list[int]:
        """Return the rows of those that have one.

        Many are looked for near what was asked and at the top, before all rows are looked through.
        """
        places = {picture_id: row for row, picture_id in enumerate(self._ids[:_TOP])}
        near = self._ids[self._asked_from : self._asked_from + _TOP]
        places |= {picture_id: row for row, picture_id in enumerate(near, start=self._asked_from)}
        rows = [places[picture_id] for picture_id in ids if picture_id in places]
        rest = [picture_id for picture_id in ids if picture_id not in places]
        if len(rest) > _FEW:
            places = {picture_id: row for row, picture_id in enumerate(self._ids)}
            return rows + [places[picture_id] for picture_id in rest if picture_id in places]
        return rows + [row for row in map(self.row_of, rest) if row >= 0]

    def shows(self, ids: Sequence[str]) -> bool:
        """Tell whether these are the rows, in this order."""
        return len(ids) == len(self._ids) and list(ids) == self._ids

    def show(self, ids: Sequence[str]) -> None:
        """Show these ids in their order; what only came on top or at the end is inserted."""
        shown, old = list(ids), len(self._ids)
        self._gone.clear()
        if old and len(shown) > old and shown[-old:] == self._ids:
            self._put_on_top(shown[:-old])
        elif old and len(shown) > old and shown[:old] == self._ids:
            self.beginInsertRows(QModelIndex(), old, len(shown) - 1)
            self._ids = shown
            self.endInsertRows()
        elif shown != self._ids:
            self.beginResetModel()
            self._ids = shown
            self._asked = ()
            self.endResetModel()

    def add(self, pictures: Sequence[Picture]) -> None:
        """Put new pictures on top, the last one first."""
        recent = set(self._ids[:_RECENT])
        fresh = [picture for picture in pictures if picture.id not in recent]
        self.take(picture for picture in pictures if picture.id in recent)
        for picture in fresh:  # not by `take`, which would look for their rows among all
            self._known[picture.id] = picture
        self._put_on_top([picture.id for picture in reversed(fresh)])

    def _put_on_top(self, ids: list[str]) -> None:
        if not ids:
            return
        self.beginInsertRows(QModelIndex(), 0, len(ids) - 1)
        self._ids[:0] = ids
        self._asked_from += len(ids)
        self.endInsertRows()

    def remove(self, ids: Iterable[str]) -> None:
        """Take pictures out, in as few steps as their rows allow."""
        for first, last in reversed(_runs(self.rows_of(list(ids)))):
            self.beginRemoveRows(QModelIndex(), first, last)
            del self._ids[first : last + 1]
            self.endRemoveRows()

    def forget(self, ids: Iterable[str]) -> None:
        """Let go of what is known about pictures that have changed, or of all: it is read anew."""
        for picture_id in tuple(ids) or tuple(self._known):
            self._known.pop(picture_id, None)


def _runs(rows: Iterable[int]) -> list[tuple[int, int]]:
    """Return the rows as pairs of first and last, in order."""
    found: list[tuple[int, int]] = []
    for row in sorted(set(rows)):
        if found and row == found[-1][1] + 1:
            found[-1] = (found[-1][0], row)
        else:
            found.append((row, row))
    return found
