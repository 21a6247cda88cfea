"""The gallery's rows: all ids at once, the pictures themselves in pages as they are looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt, Signal, Slot

from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.ui.gallery.words import spoken

PAGE = 128
_KEPT = 40 * PAGE
PictureRole = int(Qt.ItemDataRole.UserRole)
"""The role under which a row gives its `Picture`, or None while it is not read yet."""

Index = QModelIndex | QPersistentModelIndex


class PictureModel(QAbstractListModel):
    """Holds ids newest first and the pictures read so far.

    `needed(tuple of ids)` asks for pictures that are looked at and not known yet; the answer comes
    to `take`. `data` reads nothing. Ids are kept oldest first, so that a new picture is an append
    and no row has to be counted anew.
    """

    needed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._ids: list[str] = []
        self._places: dict[str, int] = {}
        self._known: OrderedDict[str, Picture] = OrderedDict()
        self._asked: set[str] = set()

    def rowCount(self, parent: Index | None = None) -> int:
        """Return how many pictures there are."""
        return 0 if parent is not None and parent.isValid() else len(self._ids)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a row's picture, or its words."""
        if not index.isValid() or not 0 <= index.row() < len(self._ids):
            return None
        picture = self.picture(index.row())
        if role == PictureRole:
            return picture
        if role in {Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole}:
            return spoken(picture) if picture else "Picture"
        if role == Qt.ItemDataRole.ToolTipRole:
            return picture.prompt if picture else None
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Let rows be selected and dragged."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        return (
            Qt.ItemFlag.ItemIsEnabled
            | Qt.ItemFlag.ItemIsSelectable
            | Qt.ItemFlag.ItemIsDragEnabled
            | Qt.ItemFlag.ItemNeverHasChildren
        )

    def id_at(self, row: int) -> str:
        """Return the id of a row."""
        return self._ids[len(self._ids) - 1 - row]

    def row_of(self, picture_id: str) -> int:
        """Return the row of a picture, or -1."""
        place = self._places.get(picture_id)
        return -1 if place is None else len(self._ids) - 1 - place

    def picture(self, row: int) -> Picture | None:
        """Return the picture of a row, or None while it is not read."""
        return self._known.get(self.id_at(row)) if 0 <= row < len(self._ids) else None

    @Slot(int, int)
    def want(self, first: int, last: int) -> None:
        """Ask for the pages that these rows lie in, once."""
        start = max(0, first) // PAGE * PAGE
        stop = min(len(self._ids), (last // PAGE + 1) * PAGE)
        for row in range(max(0, first), min(last + 1, len(self._ids))):
            picture_id = self.id_at(row)
            if picture_id in self._known:
                self._known.move_to_end(picture_id)
        missing = tuple(
            picture_id
            for picture_id in map(self.id_at, range(start, stop))
            if picture_id not in self._known and picture_id not in self._asked
        )
        if missing:
            self._asked.update(missing)
            self.needed.emit(missing)

    @Slot(object)
    def take(self, pictures: Iterable[Picture]) -> None:
        """Keep pictures that were read or have changed, and show them where they have a row."""
        rows: list[int] = []
        for picture in pictures:
            self._asked.discard(picture.id)
            self._known[picture.id] = picture
            self._known.move_to_end(picture.id)
            row = self.row_of(picture.id)
            if row >= 0:
                rows.append(row)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        for first, last in _runs(rows):
            self.dataChanged.emit(self.index(first), self.index(last))

    def show(self, ids: Sequence[str]) -> None:
        """Show these ids, newest first; only what differs at the top is inserted."""
        turned = list(reversed(ids))
        old = len(self._ids)
        if old and len(turned) > old and turned[:old] == self._ids:
            self._append(turned[old:])
        elif turned != self._ids:
            self.beginResetModel()
            self._ids = turned
            self._count_places()
            self._asked.clear()
            self.endResetModel()

    def add(self, pictures: Sequence[Picture]) -> None:
        """Put new pictures on top, the last one first."""
        fresh = [picture for picture in pictures if picture.id not in self._places]
        for picture in fresh:
            self._known[picture.id] = picture
        self._append([picture.id for picture in fresh])

    def _append(self, ids: list[str]) -> None:
        if not ids:
            return
        self.beginInsertRows(QModelIndex(), 0, len(ids) - 1)
        for place, picture_id in enumerate(ids, start=len(self._ids)):
            self._places[picture_id] = place
        self._ids += ids
        self.endInsertRows()

    def remove(self, ids: Iterable[str]) -> None:
        """Take pictures out, in as few steps as their rows allow."""
        rows = [row for row in map(self.row_of, ids) if row >= 0]
        for first, last in reversed(_runs(rows)):
            self.beginRemoveRows(QModelIndex(), first, last)
            count = len(self._ids)
            del self._ids[count - 1 - last : count - first]
            self._count_places()
            self.endRemoveRows()

    def forget(self, ids: Iterable[str]) -> None:
        """Let go of what is known about pictures that have changed, or of all: it is read anew."""
        for picture_id in tuple(ids) or tuple(self._known):
            self._known.pop(picture_id, None)

    def _count_places(self) -> None:
        self._places = {picture_id: place for place, picture_id in enumerate(self._ids)}


def _runs(rows: Iterable[int]) -> list[tuple[int, int]]:
    """Return the rows as pairs of first and last, in order."""
    found: list[tuple[int, int]] = []
    for row in sorted(set(rows)):
        if found and row == found[-1][1] + 1:
            found[-1] = (found[-1][0], row)
        else:
            found.append((row, row))
    return found
