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


def photo_rows(
    draft: Draft, files: Files, arriving: int = 0, glimpses: Sequence[Path] = ()
) -> tuple[PhotoRow, ...]:
    """Return a row for each photo of the draft and for each that is on its way.

    `glimpses` are thumbnails of the first of those.
    """
    marks = _marks(draft.findings)
    rows = [
        PhotoRow(
            key=item.photo.sha256,
            number=place,
            sha256=item.photo.sha256,
            name=shown_name(item.photo.name),
            thumb=thumb_of(item, files),
            caption=item.caption,
            mark=marks.get(item.photo.sha256, ""),
            kept=item.kept,
            edited=not item.edits.plain,
        )
        for place, item in enumerate(draft.dataset.photos, 1)
    ]
    first = len(rows) + 1
    thumbs = (*glimpses, *([None] * arriving))[:arriving]
    rows += [
        PhotoRow(key=f"arriving {n}", number=first + n, thumb=thumb)
        for n, thumb in enumerate(thumbs)
    ]
    return tuple(rows)


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
    """Return the photos that get a mark: of near duplicates only the duller ones."""
    return finding.photos[1:] if finding.what == "near_duplicate" else finding.photos


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
        """Become these rows by removing, moving, inserting and changing single ones."""
        wanted = {row.key for row in rows}
        for place in range(len(self._rows) - 1, -1, -1):
            if self._rows[place].key not in wanted:
                self.beginRemoveRows(_NOWHERE, place, place)
                del self._rows[place]
                self.endRemoveRows()
        for place, row in enumerate(rows):
            self._bring(row, place)
        for place, row in enumerate(rows):
            if self._rows[place] != row:
                self._rows[place] = row
                self.dataChanged.emit(self.index(place), self.index(place))

    def _bring(self, row: PhotoRow, place: int) -> None:
        keys = [known.key for known in self._rows]
        if place < len(keys) and keys[place] == row.key:
            return
        if row.key in keys:
            start = keys.index(row.key)
            self.beginMoveRows(_NOWHERE, start, start, _NOWHERE, place)
            self._rows.insert(place, self._rows.pop(start))
            self.endMoveRows()
        else:
            self.beginInsertRows(_NOWHERE, place, place)
            self._rows.insert(place, row)
            self.endInsertRows()
