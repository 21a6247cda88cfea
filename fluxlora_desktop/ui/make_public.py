"""The question before a LoRA that is private becomes public, wherever it is asked for."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

AskPublic = Callable[[QWidget, str, Callable[[], None]], None]
"""Asks whether the LoRA of this name may become public and calls back for yes."""


def ask_make_public(parent: QWidget, name: str, then: Callable[[], None]) -> None:
    """Ask whether a LoRA may become public; `then` is called for yes."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setText(f"Make “{name}” public?")
    box.setInformativeText(
        "Everybody can then see its page and download it, and more services can make pictures "
        "with it. You can make it private again; copies that others made stay theirs."
    )
    yes = box.addButton("Make it public", QMessageBox.ButtonRole.AcceptRole)
    box.setDefaultButton(box.addButton("Keep it private", QMessageBox.ButtonRole.RejectRole))
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.buttonClicked.connect(lambda pressed: then() if pressed is yes else None)
    box.open()
