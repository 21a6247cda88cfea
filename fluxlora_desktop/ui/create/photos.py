"""Step 1: the photos."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton, QStackedWidget, QVBoxLayout, QWidget

from fluxlora_desktop.domain.datasets import FEWEST_PHOTOS, MOST_PHOTOS, Finding, Mend
from fluxlora_desktop.ui.create.body import StepBody
from fluxlora_desktop.ui.create.crop_editor import CropEditor
from fluxlora_desktop.ui.create.dialogs import ChoosePaths
from fluxlora_desktop.ui.create.inspector import PhotoInspector
from fluxlora_desktop.ui.create.intake import offers_photos, take_in
from fluxlora_desktop.ui.create.pair_dialog import PairDialog
from fluxlora_desktop.ui.create.photo_grid import PhotoGrid
from fluxlora_desktop.ui.create.photo_model import PhotoModel, PhotoRows
from fluxlora_desktop.ui.create.refused import RefusedList
from fluxlora_desktop.ui.desks.draft import Draft, DraftDesk
from fluxlora_desktop.ui.desks.photo_intake import Arrivals, Arrived
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import (
    Card,
    EmptyState,
    ProgressLine,
    button,
    icon_button,
    label,
    row,
    set_mark,
)


class PhotosStep(StepBody):
    """Shows the grid and the inspector, or the place to drop photos on.

    `change_trigger()` asks for the step where the trigger word stands.
    """

    change_trigger = Signal()
    hint = (
        "5 to 20 photos of one person, thing or style, from several sides and in different light."
    )

    def __init__(
        self,
        *,
        draft: DraftDesk,
        thumbs: ThumbLoader,
        choose_files: ChoosePaths,
        choose_folder: ChoosePaths,
    ) -> None:
        super().__init__()
        self._desk, self._thumbs = draft, thumbs
        self._choose_files, self._choose_folder = choose_files, choose_folder
        self._arrivals = Arrivals(0, 0)
        self._shown: Draft | None = None
        self._rows = PhotoRows(draft.tools.stores.files)
        self.model = PhotoModel(self)
        self.grid = PhotoGrid(self.model, thumbs)
        self.inspector = PhotoInspector(thumbs, draft.tools.stores.files)
        self.refused = RefusedList()
        self.card = self._make_card()
        layout = row(self.card, self.inspector, spacing=12)
        layout.setStretch(0, 1)
        self.setLayout(layout)
        self._connect()

    def _make_card(self) -> Card:
        self._empty = EmptyState(
            "photos",
            "Drop 5 to 20 photos here",
            *self._entrances(),
            hint="Files or folders from anywhere. Text files beside photos become their captions.",
        )
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self._make_filled())
        card = Card(margin=5, spacing=8)
        card.body.addWidget(self._stack, 1)
        card.body.addWidget(self.refused)
        return card

    def _make_filled(self) -> QWidget:
        self.counter = label("", "strong")
        self.counter.setObjectName("photo_counter")
        self.progress_words = label("", "muted")
        self.progress_words.setObjectName("photo_progress")
        self.progress = ProgressLine("Taking in photos")
        self.remove_button = icon_button("trash", "Remove the chosen photos", self._remove)
        self.remove_button.setObjectName("remove_photos")
        more = button("Choose files", self.ask_files, role="quiet", symbol="add")
        more.setObjectName("more_files")
        folder = icon_button("folder", "Choose a folder", self._ask_folder)
        folder.setObjectName("more_folder")
        paste = icon_button("paste", "Paste", self.paste)
        paste.setObjectName("more_paste")
        head = row(self.counter, None, self.remove_button, more, folder, paste, spacing=4)
        head.setContentsMargins(8, 4, 4, 0)
        self.stop_button = button("Stop", self._desk.intake.stop, role="link")
        self.stop_button.setObjectName("stop_taking_in")
        self.stop_button.setToolTip("Take no more photos in; those that are in stay")
        coming = row(self.progress_words, self.progress, self.stop_button, spacing=12)
        coming.setContentsMargins(8, 0, 12, 0)
        filled = QWidget()
        layout = QVBoxLayout(filled)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(head)
        layout.addLayout(coming)
        layout.addWidget(self.grid, 1)
        return filled

    def _entrances(self) -> tuple[QPushButton, ...]:
        files = button("Choose files", self.ask_files, role="primary", symbol="add")
        folder = button("Choose folder", self._ask_folder, symbol="folder")
        paste = button("Paste", self.paste, symbol="paste")
        for made, word in ((files, "files"), (folder, "folder"), (paste, "paste")):
            made.setObjectName(f"first_{word}")
        return files, folder, paste

    def _connect(self) -> None:
        self._desk.arriving.connect(self._on_arriving)
        self._desk.intake.arrived.connect(self._on_arrived)
        self._desk.refused.connect(self.refused.add)
        self.grid.removing.connect(self._desk.remove)
        self.grid.moving.connect(self._move)
        self.grid.chosen.connect(self._on_chosen)
        self.grid.keeping.connect(self._desk.set_kept)
        self.grid.editing.connect(self.edit_photo)
        self.inspector.photo.editing.connect(self.edit_photo)
        self.inspector.photo.keeping.connect(self._keep)
        self.inspector.exporting.connect(self._ask_export)
        self.inspector.mending.connect(self._mend)
        self.inspector.keeping.connect(self._desk.dismiss)
        self.inspector.showing.connect(self._show_photos)
        self.inspector.comparing.connect(self.compare_pair)
        self.inspector.restoring.connect(self._desk.show_again)
        self.inspector.closing.connect(self.grid.clearSelection)
        self.inspector.leaving.connect(partial(self.focus_field, ""))

    def show_draft(self, draft: Draft) -> None:
        """Show the photos of the draft, those on their way, and the verdict."""
        self._shown = draft
        self._show_photos_of(draft)
        count = len(draft.dataset.kept)
        self.counter.setText(f"{count} of {FEWEST_PHOTOS} to {MOST_PHOTOS}")
        self.counter.setAccessibleName(f"{count} photos; 5 to 20 work well")
        self._on_chosen()

    def _show_photos_of(self, draft: Draft) -> None:
        """Show the photos that are in, and a place for each that is on its way."""
        waiting = self._arrivals.total - self._arrivals.done
        self.model.show_rows(self._rows.of(draft, waiting, self._arrivals.thumbs))
        filled = self.model.rowCount() > 0
        self._stack.setCurrentIndex(1 if filled else 0)
        self.inspector.setVisible(filled)
        for part in (self.progress, self.progress_words, self.stop_button):
            part.setVisible(waiting > 0)

    def _on_arriving(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        now = min(arrivals.done + 1, arrivals.total)
        self.progress_words.setText(f"Taking in {now} of {arrivals.total}")
        self.progress.show_share(arrivals.done / arrivals.total if arrivals.total else None)
        if self._shown is not None:
            self._show_photos_of(self._shown)

    def _on_arrived(self, lot: tuple[Arrived, ...]) -> None:
        files = self._desk.tools.stores.files
        for one in lot:
            if one.glimpse is not None:
                self._thumbs.inherit(files.photo_thumb(one.taken.photo.sha256), one.glimpse)

    def _on_chosen(self) -> None:
        chosen = self.grid.selected()
        self.remove_button.setEnabled(bool(chosen))
        if self._shown is not None:
            self.inspector.show_draft(self._shown, chosen)

    def _move(self, hashes: tuple[str, ...], to: int) -> None:
        """Put photos between those that stay, as one step of undo."""
        now = [row.sha256 for row in self.model.rows() if row.sha256]
        others = [sha for sha in now if sha not in hashes]
        wanted = [*others[:to], *hashes, *others[to:]]
        if wanted == now:
            return
        self._desk.undo_stack.beginMacro("Move photos")
        for place, sha in enumerate(wanted):
            self._desk.move(sha, place)
        self._desk.undo_stack.endMacro()

    def _remove(self) -> None:
        self._desk.remove(self.grid.selected())

    def _mend(self, finding: Finding) -> None:
        if finding.mend is Mend.ADD_PHOTOS:
            self.ask_files()
        elif finding.mend is Mend.CHANGE_TRIGGER:
            self.change_trigger.emit()
        elif finding.mend is Mend.CROP:
            self.edit_photo(finding.photos[0])
        else:
            self._desk.mend(finding)

    def _keep(self, sha256: str, kept: bool) -> None:
        self._desk.set_kept([sha256], kept)

    def edit_photo(self, sha256: str) -> None:
        """Open the dialog in which a photo is cropped and turned."""
        if self._shown is None:
            return
        item = next(item for item in self._shown.dataset.photos if item.sha256 == sha256)
        files = self._desk.tools.stores.files
        self.editor = CropEditor(item, self._thumbs, files, self._shown.resolutions, self)
        self.editor.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.editor.edited.connect(partial(self._desk.set_edits, sha256))
        self.editor.open()

    def compare_pair(self, finding: Finding) -> None:
        """Open the dialog in which photos that are alike are compared, at those of a finding."""
        if self._shown is None:
            return
        self.pairs = PairDialog(self._shown, self._thumbs, self._desk.tools.stores.files, self)
        self.pairs.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if not self.pairs.show_pair_of(finding.photos):
            self.pairs.deleteLater()
            return
        self.pairs.removing.connect(self._remove_one)
        self.pairs.dismissing.connect(self._desk.dismiss)
        self._desk.changed.connect(self.pairs.show_draft)
        self.pairs.open()

    def _remove_one(self, sha256: str) -> None:
        self._desk.remove([sha256])

    def _show_photos(self, finding: Finding) -> None:
        self.grid.select(finding.photos)
        self.grid.setFocus()

    def ask_files(self) -> None:
        """Let the person choose files."""
        self._desk.intake.prepare()
        self._choose_files(self, self._desk.add_files)

    def _ask_folder(self) -> None:
        self._desk.intake.prepare()
        self._choose_folder(self, self._desk.add_files)

    def _ask_export(self) -> None:
        self._choose_folder(self, self._on_export_folder)

    def _on_export_folder(self, folders: tuple[Path, ...]) -> None:
        self._desk.export(folders[0])

    def paste(self) -> None:
        """Take in what lies on the clipboard: files, or a picture."""
        mime = QGuiApplication.clipboard().mimeData()
        if mime is None or not offers_photos(mime) or not take_in(mime, self._desk):
            self._desk.said.emit(
                "There is no picture on the clipboard. Copy one, then paste again."
            )

    def show_dropping(self, dropping: bool) -> None:
        """Mark the card while something to take in hangs over the page."""
        set_mark(self.card, "dropping", "true" if dropping else "false")

    def focus_field(self, field: str) -> None:
        """Bring the keyboard to the grid, or to the first entrance while it is empty."""
        filled = self._stack.currentIndex() == 1
        (self.grid if filled else self._empty).setFocus(Qt.FocusReason.OtherFocusReason)
