"""What the keys of a page do, read off the page itself, and the sheet that shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog, QFrame, QScrollArea, QWidget

from fluxlora_desktop.ui.help import table
from fluxlora_desktop.ui.widgets import button, column, label, row

_NATIVE = QKeySequence.SequenceFormat.NativeText


class Group(StrEnum):
    """What a key is good for, in the order of the sheet."""

    FIND = "Find"
    MOVE = "Move and select"
    MARK = "Mark"
    MAKE = "Make"
    SHARE = "Share and keep"
    TRASH = "Throw away"
    LARGE = "One picture large"
    COMPARE = "Pictures side by side"


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys that a widget handles itself: it names them in an attribute `KEYS`."""

    group: Group
    keys: str
    says: str


@dataclass(frozen=True, slots=True)
class KeyGroup:
    """The lines of one group, as keys and what they do."""

    title: str
    lines: tuple[tuple[str, str], ...]


def describe(action: QAction | QShortcut, says: str, group: Group | None = None) -> None:
    """Say what a key does, and let it be shown in the sheet where `group` is given."""
    action.setProperty("says", says)
    if group is not None:
        action.setProperty("group", group.value)


def groups_of(root: QWidget) -> tuple[KeyGroup, ...]:
    """Return what the keys of a widget and of all inside it do; nothing is listed twice."""
    found: dict[str, dict[str, list[str]]] = {group.value: {} for group in Group}
    for group, keys, says in (*_handled(root), *_actions(root)):
        lines = found[group].setdefault(says, [])
        if keys not in lines:
            lines.append(keys)
    return tuple(
        KeyGroup(title, tuple((_joined(keys), says) for says, keys in lines.items()))
        for title, lines in found.items()
        if lines
    )


def _joined(keys: Sequence[str]) -> str:
    """Write keys one after another; digits in a row by their ends."""
    digits = [key[-1] for key in keys]
    if len(keys) > 2 and "".join(digits) in "0123456789":
        return f"{keys[0]} … {keys[-1]}"
    return ", ".join(keys)


def _handled(root: QWidget) -> Iterator[tuple[str, str, str]]:
    for widget in (root, *root.findChildren(QWidget)):
        known: Sequence[Keys] = getattr(widget, "KEYS", ())
        for line in known:
            yield line.group, line.keys, line.says


def _actions(root: QWidget) -> Iterator[tuple[str, str, str]]:
    for action in root.findChildren(QAction):
        if action.property("group"):
            for keys in action.shortcuts():
                yield action.property("group"), keys.toString(_NATIVE), action.property("says")
    for shortcut in root.findChildren(QShortcut):
        if shortcut.property("group"):
            yield (
                shortcut.property("group"),
                shortcut.key().toString(_NATIVE),
                shortcut.property("says"),
            )


class ShortcutSheet(QDialog):
    """Shows every key of a page in two columns; closes by Esc."""

    def __init__(self, title: str, groups: Sequence[KeyGroup], parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setObjectName("shortcut_sheet")
        self.setWindowTitle(f"Keyboard shortcuts: {title}")
        self.setAccessibleName(self.windowTitle())
        self.resize(880, 620)
        inside = QWidget()
        left, right = _halves(groups)
        halves = row(_part(left), _part(right), spacing=32)
        halves.setStretch(0, 1)
        halves.setStretch(1, 1)
        inside.setLayout(halves)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        area.setAccessibleName("Keys and what they do")
        self.close_button = button("Close", self.accept, role="primary")
        foot = row(label("F1 opens the help.", "muted"), None, self.close_button)
        self.setLayout(column(area, foot, spacing=12, margin=20))


def _halves(groups: Sequence[KeyGroup]) -> tuple[Sequence[KeyGroup], Sequence[KeyGroup]]:
    """Cut where both columns are nearest to the same length."""
    sizes = [len(group.lines) + 2 for group in groups]
    cut = min(range(len(groups) + 1), key=lambda at: abs(sum(sizes[:at]) - sum(sizes[at:])))
    return groups[:cut], groups[cut:]


def _part(groups: Sequence[KeyGroup]) -> QWidget:
    holder = QWidget()
    parts: list[QWidget | int | None] = []
    for group in groups:
        parts += [label(group.title, "section"), table(group.lines), 12]
    holder.setLayout(column(*parts, None, spacing=8, margin=4))
    return holder
