"""The questions that the Gallery asks: where files shall go, whether they shall be gone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from fluxlora_desktop.ui.wording import plural

_KINDS = {
    ".png": "PNG picture (*.png)",
    ".jpg": "JPEG picture (*.jpg *.jpeg)",
    ".webp": "WebP picture (*.webp)",
}
ChooseTarget = Callable[[QWidget, str, Callable[[Path], None]], None]
"""Asks where to save a file of this name and calls back with the place, or never."""
ChooseFolder = Callable[[QWidget, Callable[[Path], None]], None]
"""Asks for a folder and calls back with it, or never."""


def choose_target(parent: QWidget, name: str, then: Callable[[Path], None]) -> None:
    """Ask where to save a picture, in the format that it has."""
    suffix = Path(name).suffix.lower()
    dialog = QFileDialog(parent, "Save picture", name, _KINDS.get(suffix, _KINDS[".png"]))
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix((suffix or ".png").removeprefix("."))
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


def ask_delete_for_good(parent: QWidget, count: int, delete: Callable[[], None]) -> None:
    """Ask before pictures are gone for good; Enter keeps them."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle("Delete for good")
    box.setText(f"Delete {plural(count, 'picture')} for good?")
    box.setInformativeText(
        "The files are deleted from this computer's trash too, and there is no way back. What was "
        "spent stays in the ledger."
    )
    yes = box.addButton("Delete for good", QMessageBox.ButtonRole.DestructiveRole)
    keep = box.addButton("Keep them in the trash", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(keep)
    yes.clicked.connect(lambda: delete())  # noqa: PLW0108 - drops Qt's `checked`
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
