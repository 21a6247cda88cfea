"""The rows of the ledger's table: lines, or sums of lines."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from fluxlora_desktop.domain.money import Certainty
from fluxlora_desktop.domain.services import service_title
from fluxlora_desktop.domain.spending import GroupBy, LedgerGroup, LedgerLine
from fluxlora_desktop.ui.desks.money import LedgerView
from fluxlora_desktop.ui.money.words import (
    GROUPS,
    group_name,
    line_says,
    loras_of,
    subject_of,
)
from fluxlora_desktop.ui.theme import color
from fluxlora_desktop.ui.wording import usd, when

Row = LedgerLine | LedgerGroup
Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()
_ALIGN = Qt.AlignmentFlag
_AMOUNTS = ("Charged", "May have been charged")
_LINES = ("Date", "For", "Service", "LoRA", *_AMOUNTS)
_RIGHT = frozenset({"Charges", "Shared", *_AMOUNTS})


class LedgerModel(QAbstractTableModel):
    """Holds what the ledger answered; cells are made when they are looked at."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []
        self.columns: tuple[str, ...] = _LINES

    def show_view(self, view: LedgerView) -> None:
        """Replace all rows."""
        self.beginResetModel()
        self._rows = list(view.lines if view.by is None else view.groups)
        self.columns = _LINES if view.by is None else _columns(view)
        self.endResetModel()

    def row(self, place: int) -> Row | None:
        """Return what stands in a row, or None."""
        return self._rows[place] if 0 <= place < len(self._rows) else None

    def place_of(self, key: str) -> int:
        """Return the row of a line or group, or -1."""
        return next((at for at, row in enumerate(self._rows) if key_of(row) == key), -1)

    def rowCount(self, parent: Index = _NO_INDEX) -> int:
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _NO_INDEX) -> int:
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell."""
        row = self.row(index.row())
        if row is None:
            return None
        name, roles = self.columns[index.column()], Qt.ItemDataRole
        if role == roles.DisplayRole:
            return _cell(row, name)
        if role == roles.ToolTipRole:
            return _cell(row, name) if name in {"For", "LoRA"} else None
        if role == roles.AccessibleTextRole:
            return _says(row) if index.column() == 0 else f"{name}: {_cell(row, name)}"
        if role == roles.TextAlignmentRole:
            side = _ALIGN.AlignRight if name in _RIGHT else _ALIGN.AlignLeft
            return side | _ALIGN.AlignVCenter
        if role == roles.ForegroundRole and name == _AMOUNTS[1]:
            return color("warn")
        return None

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Return a column's title."""
        if orientation is not Qt.Orientation.Horizontal or section >= len(self.columns):
            return None
        name = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return "May have\nbeen charged" if name == _AMOUNTS[1] else name
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = _ALIGN.AlignRight if name in _RIGHT else _ALIGN.AlignLeft
            return side | _ALIGN.AlignVCenter
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Put the rows in the order of a column; -1 leaves them as they came."""
        if not 0 <= column < len(self.columns):
            return
        name = self.columns[column]
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        rows = [self._rows[index.row()] for index in before]
        down = order is Qt.SortOrder.DescendingOrder
        self._rows.sort(key=lambda row: _sort_key(row, name), reverse=down)
        places = {id(row): place for place, row in enumerate(self._rows)}
        after = [
            self.index(places[id(row)], index.column())
            for row, index in zip(rows, before, strict=True)
        ]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()


def key_of(row: Row) -> str:
    """Return what a row is known by when the table is read anew."""
    return row.charge.id if isinstance(row, LedgerLine) else row.key


def _columns(view: LedgerView) -> tuple[str, ...]:
    title = next(title for by, _says, title in GROUPS if by is view.by)
    shared = ("Shared",) if view.by is GroupBy.LORA and view.shared else ()
    return (title, "Charges", *shared, *_AMOUNTS)


def _amounts(row: Row) -> tuple[Decimal, Decimal]:
    if isinstance(row, LedgerGroup):
        return row.sum.charged, row.sum.maybe
    amount = row.charge.amount_usd
    unsure = row.charge.certainty is Certainty.MAYBE
    return (Decimal(0), amount) if unsure else (amount, Decimal(0))


def _cell(row: Row, name: str) -> str:
    if name in _AMOUNTS:
        return _amount(row, name)
    if isinstance(row, LedgerGroup):
        if name == "Charges":
            return f"{row.sum.count:,}"
        if name == "Shared":
            return usd(row.shared) if row.shared else ""
        return group_name(row)
    return {
        "Date": lambda: when(row.charge.at),
        "For": lambda: subject_of(row),
        "Service": lambda: service_title(row.charge.service),
        "LoRA": lambda: loras_of(row),
    }[name]()


def _amount(row: Row, name: str) -> str:
    charged, maybe = _amounts(row)
    if name == _AMOUNTS[1]:
        return usd(maybe) if maybe else ""
    return usd(charged) if charged or not maybe else ""


def _sort_key(row: Row, name: str) -> Any:
    if name in _AMOUNTS:
        return _amounts(row)[_AMOUNTS.index(name)]
    if isinstance(row, LedgerGroup):
        keys: dict[str, Any] = {"Charges": row.sum.count, "Shared": row.shared}
        plain = row.key if row.by is GroupBy.MONTH else group_name(row).casefold()
        return keys.get(name, plain)
    return row.charge.at if name == "Date" else _cell(row, name).casefold()


def _says(row: Row) -> str:
    if isinstance(row, LedgerLine):
        return line_says(row)
    amounts = " ".join(_amount(row, name) for name in _AMOUNTS)
    return f"{group_name(row)}, {amounts}".strip()
