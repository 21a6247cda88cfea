"""Offer tokens found in the environment or in a `.env` file for import, once and by choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from PySide6.QtCore import QDir, Signal
from PySide6.QtWidgets import QCheckBox, QDialog, QFileDialog, QWidget

from fluxlora_desktop.domain.errors import AppError
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.services import service_title
from fluxlora_desktop.ui.notices import notice_for
from fluxlora_desktop.ui.widgets import button, clear, column, label, row

Found = Mapping[str, Secret]
"""Tokens by the service they are for."""


class ImportTokensDialog(QDialog):
    """Shows which services' tokens were found, never the tokens.

    `chosen(dict of service to Secret)` when a person imports. `read_file` parses a file as data.
    """

    chosen = Signal(object)

    def __init__(
        self,
        *,
        found: Found,
        read_file: Callable[[Path], Found],
        choose_file: Callable[[Callable[[Path], None]], None] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Import tokens")
        self.setMinimumWidth(460)
        self._read_file = read_file
        self._choose_file = choose_file or self._ask_for_file
        self._found: dict[str, Secret] = {}
        self.boxes: dict[str, QCheckBox] = {}
        self._words = label("", "muted", wrap=True)
        self._list = column(spacing=6)
        self.file_button = button("Choose a .env file…", self._on_choose, symbol="folder")
        self.import_button = button("Import", self._on_import, role="primary")
        self.import_button.setDefault(True)
        self.cancel_button = button("Cancel", self.reject)
        self.setLayout(
            column(
                label("Import tokens", "section"),
                self._words,
                self._list,
                8,
                row(self.file_button, None, self.cancel_button, self.import_button),
                spacing=8,
                margin=20,
            )
        )
        self._show(found, "in this program's environment")

    def _show(self, found: Found, where: str) -> None:
        self._found = dict(found)
        clear(self._list)
        self.boxes = {}
        for service in self._found:
            box = QCheckBox(service_title(service))
            box.setChecked(True)
            self.boxes[service] = box
            self._list.addWidget(box)
        if self._found:
            self._words.setText(
                f"Found {where}. Each is checked and then kept in the password store; "
                "the original stays as it is."
            )
        else:
            self._words.setText(f"No tokens were found {where}.")
        self.import_button.setEnabled(bool(self._found))

    def _on_choose(self) -> None:
        self._choose_file(self._on_file)

    def _ask_for_file(self, take: Callable[[Path], None]) -> None:
        dialog = QFileDialog(self, "Choose a .env file")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setFilter(dialog.filter() | QDir.Filter.Hidden)
        dialog.fileSelected.connect(lambda name: take(Path(name)))
        dialog.open()

    def _on_file(self, path: Path) -> None:
        try:
            found = self._read_file(path)
        except AppError as error:
            reason = notice_for(error).title
            self._words.setText(f"{path.name} was not read. {reason} Choose another file.")
        else:
            self._show(found, f"in {path.name}")

    def _on_import(self) -> None:
        taken = {
            service: self._found[service] for service, box in self.boxes.items() if box.isChecked()
        }
        self.accept()
        self.chosen.emit(taken)
