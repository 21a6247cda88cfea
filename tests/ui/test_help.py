"""Help is one key away and names every place."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication, QLabel

from fluxlora_desktop.ui.help import KEYS, HelpDialog
from fluxlora_desktop.ui.sidebar import PLACES
from fluxlora_desktop.ui.theme import Scheme, Theme
from fluxlora_desktop.ui.window import MainWindow


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
