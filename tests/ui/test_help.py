"""Help is one key away and names every place."""

from __future__ import annotations

import re

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel

from fluxlora_desktop.ui.help import KEYS, HelpDialog
from fluxlora_desktop.ui.sidebar import PLACES
from fluxlora_desktop.ui.theme import Scheme, Theme
from fluxlora_desktop.ui.window import MainWindow
from tests.ui.furnished import SCREENS, House, make_bench


def test_f1_opens_help_and_escape_closes_it(qtbot):
    theme = Theme(QApplication.instance())
    theme.apply(Scheme.LIGHT)
    window = MainWindow(theme=theme, practice=True)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)

    assert window.help_action.shortcut() == QKeySequence(Qt.Key.Key_F1)
    window.help_action.trigger()
    dialog = window.findChild(HelpDialog)
    assert dialog is not None and dialog.isVisible()

    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: window.findChild(HelpDialog) is None)


def test_help_names_every_place_and_key(qtbot):
    dialog = HelpDialog()
    qtbot.addWidget(dialog)
    said = " ".join(found.text() for found in dialog.findChildren(QLabel))

    assert all(words in said for _name, words, _symbol in PLACES)
    assert all(keys in said for keys, _what in KEYS)


def shortcuts_of(window: MainWindow) -> set[str]:
    """Return the keys that a window listens to everywhere, letters of menus and labels left out."""
    found: list[QKeySequence] = []
    for shortcut in window.findChildren(QShortcut):
        found += shortcut.keys()
    for action in window.findChildren(QAction):
        found += action.shortcuts()
    found += [made.shortcut() for made in window.findChildren(QAbstractButton)]
    said = {keys.toString(QKeySequence.SequenceFormat.PortableText) for keys in found}
    return {keys for keys in said if keys and not keys.startswith("Alt+")}


WRITTEN = {
    "Ctrl+PgDown": "Ctrl+Page Down",
    "Ctrl+PgUp": "Ctrl+Page Up",
    "Del": "Delete",
    **{f"Ctrl+{n}": "Ctrl+1 … Ctrl+5" for n in range(1, 6)},
}
HANDLED = {"Ctrl+V", "Ctrl+Up", "Ctrl+Down", "Ctrl+Enter", "Ctrl+R", "Ctrl+M"}
"""Keys that a widget or a dialog handles where it has the keyboard; their own tests press them."""
OTHERS_OF_THE_SAME = {
    *("Ctrl+Y", "Ctrl+F4", "Alt+Backspace", "Ctrl+Shift+F4"),
    *("Undo", "Redo", "Close", "Find"),
}
"""Second keys of some systems and keyboards for undo, redo, close and find."""


def test_help_names_the_keys_that_there_are_and_no_others(qtbot, tmp_path):
    theme = Theme(QApplication.instance())
    with make_bench(tmp_path) as bench:
        house = House.build(bench, qtbot, theme, empty=True)
        for screen in SCREENS:
            house.show(screen)
        there = shortcuts_of(house.window)
    listed = ", ".join(keys for keys, _what in KEYS)
    named = set(listed.split(", "))
    missing = {keys for keys in there if WRITTEN.get(keys, keys) not in named}
    assert missing - OTHERS_OF_THE_SAME == set()
    wanted = {
        keys for keys in named if re.fullmatch(r"(Ctrl\+(Shift\+)?\w+( Down| Up)?)|F\d", keys)
    }
    spelled = {WRITTEN.get(keys, keys) for keys in there} | HANDLED
    assert wanted - spelled == {"Ctrl+arrows"}
    theme.deleteLater()
