"""The photos of the draft as rows, and how one of them is painted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from html import escape
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)

from fluxlora_desktop.domain.datasets import DatasetPhoto, Finding, Severity
from fluxlora_desktop.domain.dismissals import PAIRED
from fluxlora_desktop.domain.edits import PLAIN
from fluxlora_desktop.domain.names import shown_name
from fluxlora_desktop.domain.ports import Files
from fluxlora_desktop.ui.create.intake import PHOTO_MIME
from fluxlora_desktop.ui.desks.draft import Draft

Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


@dataclass(frozen=True, slots=True)
class PhotoRow:
    """One cell: a photo, or the place of one that is being taken in (`sha256` is empty then).

    `mark` is "" or the gravest severity among the findings about the photo.
    """

    key: str
    number: int
    sha256: str = ""
    name: str = ""
    thumb: Path | None = None
    caption: str = ""
    mark: str = ""
    kept: bool = True
    edited: bool = False

    @property
    def says(self) -> str:
        """Return the row for people who hear the screen."""
        if not self.sha256:
            return f"Photo {self.number}, being taken in"
        marked = {"block": ", blocked", "warn": ", needs attention"}.get(self.mark, "")
        edited = ", changed" if self.edited else ""
        out = "" if self.kept else ", left out"
        return f"Photo {self.number}, {self.name}{edited}{marked}{out}"


class PhotoRole(IntEnum):
    """What a row tells beside its text."""

    ROW = Qt.ItemDataRole.UserRole + 1


class PhotoRows:
    """Makes the rows of a draft; those of photos that are as before are the same objects."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._known: dict[str, tuple[DatasetPhoto, PhotoRow]] = {}

    def of(
        self, draft: Draft, arriving: int = 0, glimpses: Sequence[Path | None] = ()
    ) -> tuple[PhotoRow, ...]:
        """Return a row for each photo of the draft and for each that is on its way.

        `glimpses` are thumbnails of the first of those, None where there is none yet.
        """
        marks = _marks(draft.findings)
        self._known = {
            item.sha256: (item, self._row(item, place, marks.get(item.sha256, "")))
            for place, item in enumerate(draft.dataset.photos, 1)
        }
        rows = [row for _, row in self._known.values()]
        first = len(rows) + 1
        thumbs = (*glimpses, *([None] * arriving))[:arriving]
        rows += [  # named from the last on: those behind one that came stay who they are
            PhotoRow(key=f"arriving {arriving - place}", number=first + place, thumb=thumb)
            for place, thumb in enumerate(thumbs)
        ]
        return tuple(rows)

    def _row(self, item: DatasetPhoto, place: int, mark: str) -> PhotoRow:
        known, row = self._known.get(item.sha256, (None, None))
        if known is item and row is not None and (row.number, row.mark) == (place, mark):
            return row
        return PhotoRow(
            key=item.sha256,
            number=place,
            sha256=item.sha256,
            name=shown_name(item.photo.name),
            thumb=thumb_of(item, self._files),
            caption=item.caption,
            mark=mark,
            kept=item.kept,
            edited=not item.edits.plain,
        )


def thumb_of(item: DatasetPhoto, files: Files) -> Path:
    """Return the thumbnail of a photo, with its edits as soon as it is made."""
    return files.photo_thumb(item.sha256, item.edits if item.edited else PLAIN)


def copy_of(item: DatasetPhoto, files: Files) -> Path:
    """Return the working copy of a photo, with its edits as soon as it is made."""
    return files.working(item.sha256, item.edits if item.edited else PLAIN)


def _marks(findings: Sequence[Finding]) -> dict[str, str]:
    marks: dict[str, str] = {}
    for severity in (Severity.WARN, Severity.BLOCK):
        for finding in findings:
            if finding.severity is severity:
                marks.update(dict.fromkeys(_blamed(finding), severity.value))
    return marks


def _blamed(finding: Finding) -> tuple[str, ...]:
    """Return the photos that get a mark: of a pair the one that a click takes out."""
    return finding.photos[1:] if finding.what in PAIRED else finding.photos


def _tip(name: str) -> str:
    """Return a tooltip that shows a name as it is: Qt takes one with tags for HTML."""
    return f"<span>{escape(name)}</span>" if "<" in name else name


class PhotoModel(QAbstractListModel):
    """The rows; `show_rows` changes only what differs, so that selections stay."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[PhotoRow] = []

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Return how many rows there are; rows have no children."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a row, its name, or the words that a screen reader says."""
        if not index.isValid() or not 0 <= index.row() < len(self._rows):
            return None
        row = self._rows[index.row()]
        if role == PhotoRole.ROW:
            return row
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return row.says
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tip(row.name) or None
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Let photos be chosen and dragged; those on their way only be seen."""
        row = self.row(index)
        if row is None or not row.sha256:
            return Qt.ItemFlag.NoItemFlags
        return (
            Qt.ItemFlag.ItemIsEnabled
            | Qt.ItemFlag.ItemIsSelectable
            | Qt.ItemFlag.ItemIsDragEnabled
            | Qt.ItemFlag.ItemNeverHasChildren
        )

    def mimeTypes(self) -> list[str]:
        """Return the type under which photos move inside the grid."""
        return [PHOTO_MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        """Return the chosen photos' hashes for a move inside the grid."""
        rows = [row for index in indexes if (row := self.row(index)) is not None]
        mime = QMimeData()
        mime.setData(PHOTO_MIME, " ".join(row.sha256 for row in rows).encode())
        return mime

    def row(self, index: Index) -> PhotoRow | None:
        """Return the row at an index, or None."""
        found = self.data(index, PhotoRole.ROW)
        return found if isinstance(found, PhotoRow) else None

    def rows(self) -> tuple[PhotoRow, ...]:
        """Return all rows in order."""
        return tuple(self._rows)

    def place_of(self, sha256: str) -> int:
        """Return a photo's row, or -1."""
        return next((n for n, row in enumerate(self._rows) if row.sha256 == sha256), -1)

    def show_rows(self, rows: Sequence[PhotoRow]) -> None:
        """Become these rows by removing, moving, inserting and changing single ones.

        Only what lies between the first and the last difference is looked at row by row.
        """
        keys, wanted = [row.key for row in self._rows], [row.key for row in rows]
        start = _same_at_start(keys, wanted)
        same_at_end = _same_at_start(keys[start:][::-1], wanted[start:][::-1])
        self._remove_others(keys, set(wanted[start:]), start, len(keys) - same_at_end)
        present, place = set(keys[start:]), start
        while place < len(rows) - same_at_end:
            place = self._bring(keys, rows, place, present)
        for place, row in enumerate(rows):
            if self._rows[place] is not row and self._rows[place] != row:
                self._rows[place] = row
                self.dataChanged.emit(self.index(place), self.index(place))

    def _remove_others(self, keys: list[str], wanted: set[str], start: int, end: int) -> None:
        """Remove the rows of a stretch that are not wanted, neighbours in one go."""
        while end > start:
            first = end
            while first > start and keys[first - 1] not in wanted:
                first -= 1
            if first < end:
                self.beginRemoveRows(_NOWHERE, first, end - 1)
                del self._rows[first:end], keys[first:end]
                self.endRemoveRows()
            end = first - 1

    def _bring(
        self, keys: list[str], rows: Sequence[PhotoRow], place: int, present: set[str]
    ) -> int:
        """Make a row the one wanted there, with all new ones behind it; return the next place."""
        if rows[place].key in present:
            if keys[place] != rows[place].key:
                start = keys.index(rows[place].key, place)
                self.beginMoveRows(_NOWHERE, start, start, _NOWHERE, place)
                self._rows.insert(place, self._rows.pop(start))
                keys.insert(place, keys.pop(start))
                self.endMoveRows()
            return place + 1
        end = place
        while end < len(rows) and rows[end].key not in present:
            end += 1
        self.beginInsertRows(_NOWHERE, place, end - 1)
        self._rows[place:place] = rows[place:end]
        keys[place:place] = [row.key for row in rows[place:end]]
        self.endInsertRows()
        return end


def _same_at_start(some: Sequence[str], others: Sequence[str]) -> int:
    """Return how many of the first are the same."""
    most = min(len(some), len(others))
    return next((n for n in range(most) if some[n] != others[n]), most)
