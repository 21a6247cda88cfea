"""Offer tokens found in the environment or in a `.env` file for import, once and by choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QDir, Signal
from PySide6.QtWidgets import QCheckBox, QDialog, QFileDialog, QWidget

from fluxlora_desktop.domain.errors import AppError
from fluxlora_desktop.domain.names import shown_name
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.services import service_title
from fluxlora_desktop.system.environment import ImportedTokens
from fluxlora_desktop.ui.notices import notice_for
from fluxlora_desktop.ui.widgets import button, clear, column, label, row


@dataclass(frozen=True, slots=True)
class Import:
    """What a person chose: tokens by service, and the file to empty of them, if that was ticked."""

    tokens: Mapping[str, Secret]
    blank: Path | None = None


class ImportTokensDialog(QDialog):
    """Shows which names and services were found, never the tokens.

    `chosen(Import)` when a person imports. `read_file` parses a file as data. What stands in the
    environment is taken only when it is ticked; a file was picked, so its tokens are ticked.
    """

    chosen = Signal(object)

    def __init__(
        self,
        *,
        found: ImportedTokens,
        read_file: Callable[[Path], ImportedTokens],
        choose_file: Callable[[Callable[[Path], None]], None] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Import tokens")
        self.setMinimumWidth(460)
        self._read_file = read_file
        self._choose_file = choose_file or self._ask_for_file
        self._found = found
        self.boxes: dict[str, QCheckBox] = {}
        self._words = label("", "muted", wrap=True)
        self._list = column(spacing=6)
        self.blank_box = QCheckBox()
        self._blank_note = label(
            "Only after each was checked and kept. Its history and backups may still hold them.",
            "caption",
            wrap=True,
        )
        self.file_button = button("Choose a .env file…", self._on_choose, symbol="folder")
        self.import_button = button("Import", self._on_import, role="primary")
        self.cancel_button = button("Cancel", self.reject)
        self.setLayout(
            column(
                label("Import tokens", "section"),
                self._words,
                self._list,
                self.blank_box,
                self._blank_note,
                8,
                row(self.file_button, None, self.cancel_button, self.import_button),
                spacing=8,
                margin=20,
            )
        )
        self._show(found)

    def _show(self, found: ImportedTokens) -> None:
        self._found = found
        clear(self._list)
        self.boxes = {}
        for service, _secret in found.tokens:
            box = QCheckBox(service_title(service))
            box.setChecked(found.path is not None)
            box.toggled.connect(self._on_ticked)
            self.boxes[service] = box
            self._list.addWidget(box)
        self._words.setText(_words_for(found))
        name = found.path.name if found.path else ""
        self.blank_box.setText(f"Then empty these values in {name}")
        self.blank_box.setChecked(False)
        for widget in (self.blank_box, self._blank_note):
            widget.setVisible(bool(name and found))
        self._on_ticked()

    def _on_ticked(self) -> None:
        any_ticked = any(box.isChecked() for box in self.boxes.values())
        self.import_button.setEnabled(any_ticked)
        self.import_button.setDefault(any_ticked)

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
            self._words.setText(
                f"{shown_name(path.name)} was not read. {reason} Choose another file."
            )
        else:
            self._show(found)

    def _on_import(self) -> None:
        ticked = [service for service, box in self.boxes.items() if box.isChecked()]
        found = dict(self._found.tokens)
        blank = self._found.path if self.blank_box.isChecked() else None
        self.accept()
        self.chosen.emit(Import({service: found[service] for service in ticked}, blank))


def _words_for(found: ImportedTokens) -> str:
    """Return which names were found, and where; a link is told with where it leads."""
    where = f"in {shown_name(found.path.name)}" if found.path else "in this program's environment"
    link = f" It is a link to {found.leads_to}." if found.leads_to else ""
    if not found:
        return f"No tokens were found {where}.{link}"
    names = ", ".join(found.names)
    return (
        f"Found {where}: {names}.{link} Each that you tick is checked and then kept in the "
        "password store; the original stays as it is."
    )
