"""The Tools menu over the captions: what it offers, and the dialogs that it opens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QFileDialog, QMenu, QMessageBox, QWidget

from fluxlora_desktop.domain.caption_files import ReadCaptions
from fluxlora_desktop.domain.names import shown_name
from fluxlora_desktop.ui.create.caption_dialogs import (
    AddTextDialog,
    FindReplaceDialog,
    ImportDialog,
    OrderTagsDialog,
    RemoveTagDialog,
    WrittenDialog,
)
from fluxlora_desktop.ui.desks.captions import CaptionDesk
from fluxlora_desktop.ui.units import plural

TakePath = Callable[[Path], None]
ChoosePath = Callable[[QWidget, TakePath], None]
_TABLES = "Tables (*.csv)"
_MOST_NAMES = 6


def choose_table(parent: QWidget, take: TakePath) -> None:
    """Let the person choose a CSV file."""
    dialog = QFileDialog(parent, "Import captions from a CSV file", "", _TABLES)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    _open(dialog, take)


def choose_new_table(parent: QWidget, take: TakePath) -> None:
    """Let the person name a CSV file to write; the system asks before one is replaced."""
    dialog = QFileDialog(parent, "Export captions as a CSV file", "captions.csv", _TABLES)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix("csv")
    _open(dialog, take)


def choose_text_folder(parent: QWidget, take: TakePath) -> None:
    """Let the person choose a folder of text files."""
    dialog = QFileDialog(parent, "Choose a folder of text files")
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    _open(dialog, take)


def _open(dialog: QFileDialog, take: TakePath) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(lambda name: take(Path(name)))
    dialog.open()


def ask_replace(parent: QWidget, names: tuple[str, ...], go: Callable[[], None]) -> None:
    """Ask whether files may be replaced; `go` is called for yes."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(f"Replace {plural(len(names), 'text file')} that say something else?")
    listed = [shown_name(name) for name in names[:_MOST_NAMES]]
    rest = len(names) - len(listed)
    box.setInformativeText("\n".join(listed + ([f"and {rest} more"] if rest else [])))
    yes = box.addButton("Replace them", QMessageBox.ButtonRole.AcceptRole)
    box.setDefaultButton(box.addButton("Cancel", QMessageBox.ButtonRole.RejectRole))
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.buttonClicked.connect(lambda pressed: go() if pressed is yes else None)
    box.open()


@dataclass(slots=True)
class CaptionAsks:
    """The questions to the person, which tests answer."""

    table: ChoosePath = choose_table
    new_table: ChoosePath = choose_new_table
    folder: ChoosePath = choose_text_folder
    replace: Callable[[QWidget, tuple[str, ...], Callable[[], None]], None] = ask_replace


class CaptionTools(QObject):
    """The menu; `keep` saves what is being typed before anything is read or changed.

    `dialog` is the one that is open, or None.
    """

    def __init__(self, desk: CaptionDesk, parent: QWidget, keep: Callable[[], None]) -> None:
        super().__init__(parent)
        self._desk, self._window, self._keep = desk, parent, keep
        self.asks = CaptionAsks()
        self.dialog: QDialog | None = None
        self.menu = QMenu(parent)
        self._add("&Find and replace…", self.find_and_replace, "Ctrl+H")
        self.menu.addSeparator()
        self._add("Add &before…", partial(self.add_text, before=True))
        self._add("Add &after…", partial(self.add_text, before=False))
        self._add("&Remove tag…", self.remove_tag)
        self._add("&Order tags…", self.order_tags)
        self.menu.addSeparator()
        self._add("&Import from a CSV file…", self.import_table)
        self._add("Import &text files…", self.import_texts)
        self._add("&Export as a CSV file…", self.export_table)
        self._add("Export te&xt files…", self.export_texts)

    def _add(self, says: str, do: Callable[[], None], keys: str = "") -> None:
        action = self.menu.addAction(says)
        action.triggered.connect(partial(self._start, do))
        if keys:
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            self._window.addAction(action)

    def _start(self, do: Callable[[], None], _checked: bool = False) -> None:
        self._keep()
        do()

    def find_and_replace(self) -> None:
        """Open the dialog for words."""
        self._show(FindReplaceDialog(self._desk, self._window))

    def add_text(self, *, before: bool) -> None:
        """Open the dialog for text before or after."""
        self._show(AddTextDialog(self._desk, before=before, parent=self._window))

    def remove_tag(self) -> None:
        """Open the dialog that takes a tag out."""
        self._show(RemoveTagDialog(self._desk, self._window))

    def order_tags(self) -> None:
        """Open the dialog that orders tags."""
        self._show(OrderTagsDialog(self._desk, self._window))

    def import_table(self) -> None:
        """Ask for a CSV file and show what it would change."""
        self.asks.table(self._window, partial(self._desk.read_table, done=self.show_read))

    def import_texts(self) -> None:
        """Ask for a folder of text files and show what they would change."""
        self.asks.folder(self._window, partial(self._desk.read_texts, done=self.show_read))

    def export_table(self) -> None:
        """Ask for a file and write all captions into it."""
        self.asks.new_table(self._window, self._desk.export_table)

    def export_texts(self) -> None:
        """Ask for a folder and write a text file for each caption into it."""
        self.asks.folder(self._window, self._export_into)

    def use_written(self, written: Mapping[str, str]) -> None:
        """Use captions that a trainer wrote; asks for which photos where others would go."""
        self._keep()
        every = self._desk.preview_written(written)
        if not every.changes:
            self._desk.said.emit("The photos have these captions already.")
        elif any(change.before.strip() for change in every.changes):
            self._show(WrittenDialog(self._desk, written, self._window))
        else:
            self._desk.apply(WrittenDialog.TITLE, every)

    def _export_into(self, folder: Path) -> None:
        self._desk.export_texts(folder, partial(self.asks.replace, self._window))

    def show_read(self, read: ReadCaptions) -> None:
        """Show what captions that were read from files would change."""
        self._show(ImportDialog(self._desk, read, self._window))

    def _show(self, dialog: QDialog) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.finished.connect(self._on_finished)
        self.dialog = dialog
        dialog.open()

    def _on_finished(self, _result: int) -> None:
        self.dialog = None
