"""The two questions about places on the disk that the Gallery asks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget

ChooseTarget = Callable[[QWidget, str, Callable[[Path], None]], None]
"""Asks where to save a file of this name and calls back with the place, or never."""
ChooseFolder = Callable[[QWidget, Callable[[Path], None]], None]
"""Asks for a folder and calls back with it, or never."""


def choose_target(parent: QWidget, name: str, then: Callable[[Path], None]) -> None:
    """Ask where to save a picture."""
    dialog = QFileDialog(parent, "Save picture", name, "PNG picture (*.png)")
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix("png")
    _open(dialog, then)


def choose_folder(parent: QWidget, then: Callable[[Path], None]) -> None:
    """Ask for the folder that several pictures are saved to."""
    dialog = QFileDialog(parent, "Save pictures to a folder")
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    _open(dialog, then)


def _open(dialog: QFileDialog, then: Callable[[Path], None]) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(partial(_answer, then))
    dialog.open()


def _answer(then: Callable[[Path], None], chosen: str) -> None:
    then(Path(chosen))
