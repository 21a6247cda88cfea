"""The dialog before an export: what goes with it, how large that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QDialog, QFileDialog, QWidget

from fluxlora_desktop.domain.exchange import ExportChoice, Luggage
from fluxlora_desktop.ui.desks.exchange import Counted, ExchangeDesk
from fluxlora_desktop.ui.widgets import button, column, label, row
from fluxlora_desktop.ui.wording import file_size, plural

ChooseFolder = Callable[[QWidget, str, Callable[[Path], None]], None]
"""Asks for a folder under a title and calls back with it, or never."""


def choose_folder(parent: QWidget, title: str, then: Callable[[Path], None]) -> None:
    """Open the system's dialog for a folder."""
    dialog = QFileDialog(parent, title)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(lambda chosen: then(Path(chosen)))
    dialog.open()


class ExportDialog(QDialog):
    """Asks what is exported and where to; `decided(ExportChoice, Path)`.

    `name` is the LoRA's, "" for the whole library.
    """

    decided = Signal(object, object)

    def __init__(
        self,
        desk: ExchangeDesk,
        choice: ExportChoice,
        *,
        name: str = "",
        choose: ChooseFolder = choose_folder,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("export_dialog")
        self._desk, self._choice, self._choose = desk, choice, choose
        self._loads: dict[ExportChoice, Luggage] = {}
        self.setWindowTitle(f"Export {name}" if name else "Export the library")
        what = f"{name} goes into a folder" if name else "The library goes into a folder"
        says = (
            f"{what} that this app reads on another computer, or after a loss. Its files are in "
            "open formats. Tokens are never in it."
        )
        self.photos = QCheckBox("The training photos and their captions")
        self.pictures = QCheckBox("The pictures made with it" if name else "The pictures")
        for box in (self.photos, self.pictures):
            box.setChecked(True)
            box.toggled.connect(self._on_toggled)
        personal = "Photos of people are personal: leave them out of a folder that you give away."
        self.load = label("Counting…", "muted")
        self.go = button("Choose where…", self._on_go, role="primary")
        cancel = button("Cancel", self.reject)
        self.setLayout(
            column(
                label(says, wrap=True),
                column(self.photos, self.pictures, spacing=8),
                label(personal, "caption", wrap=True),
                self.load,
                row(None, cancel, self.go),
                spacing=14,
                margin=18,
            )
        )
        self.setMinimumWidth(460)
        desk.counted.connect(self._on_counted)
        self._on_toggled()

    def choice(self) -> ExportChoice:
        """Return what shall be exported."""
        return replace(
            self._choice, photos=self.photos.isChecked(), pictures=self.pictures.isChecked()
        )

    @Slot()
    def _on_toggled(self) -> None:
        if self.choice() in self._loads:
            self._show()
        else:
            self.load.setText("Counting…")
            self.go.setEnabled(False)
            self._desk.count(self.choice())

    @Slot(object)
    def _on_counted(self, counted: Counted) -> None:
        self._loads[counted.choice] = counted.load
        if counted.choice == self.choice():
            self._show()

    def _show(self) -> None:
        load = self._loads[self.choice()]
        parts = [
            plural(number, noun)
            for number, noun in (
                (load.loras, "LoRA"),
                (load.photos, "photo"),
                (load.pictures, "picture"),
            )
            if number
        ]
        self.go.setEnabled(bool(parts))
        listed = ", ".join(parts)
        self.load.setText(
            f"{listed}: {file_size(load.size_bytes)}" if parts else "There is nothing to export."
        )

    def _on_go(self) -> None:
        self._choose(self, "Choose where the folder is made", partial(self._on_chosen))

    def _on_chosen(self, folder: Path) -> None:
        self.decided.emit(self.choice(), folder)
        self.accept()
