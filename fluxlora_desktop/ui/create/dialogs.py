"""The wizard's questions to the person, each behind a function that tests can answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from fluxlora_desktop.ui.create.intake import photo_filter

TakePaths = Callable[[tuple[Path, ...]], None]
ChoosePaths = Callable[[QWidget, TakePaths], None]
AskStartOver = Callable[[QWidget, Callable[[], None]], None]


def choose_files(parent: QWidget, take: TakePaths) -> None:
    """Let the person choose photos; `take` gets them, or nothing is called."""
    _open(QFileDialog(parent, "Choose photos", "", photo_filter()), many=True, take=take)


def choose_folder(parent: QWidget, take: TakePaths) -> None:
    """Let the person choose a folder of photos."""
    _open(QFileDialog(parent, "Choose a folder"), many=False, take=take)


def _open(dialog: QFileDialog, *, many: bool, take: TakePaths) -> None:
    mode = QFileDialog.FileMode
    dialog.setFileMode(mode.ExistingFiles if many else mode.Directory)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.filesSelected.connect(lambda names: take(tuple(Path(name) for name in names)))
    dialog.open()


def ask_start_over(parent: QWidget, start_over: Callable[[], None]) -> None:
    """Ask whether the draft may be forgotten; `start_over` is called for yes."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setText("Start over with an empty draft?")
    box.setInformativeText(
        "The photos, captions and choices of this draft go away. "
        "Your own files stay where they are."
    )
    yes = box.addButton("Start over", QMessageBox.ButtonRole.AcceptRole)
    keep = box.addButton("Keep this draft", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.buttonClicked.connect(lambda pressed: start_over() if pressed is yes else None)
    box.open()
