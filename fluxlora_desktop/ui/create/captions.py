"""Step 2: the trigger word, and a caption for each photo."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import QPlainTextEdit, QStackedWidget, QWidget

from fluxlora_desktop.domain.caption_counts import length_of
from fluxlora_desktop.domain.datasets import DatasetPhoto
from fluxlora_desktop.domain.names import shown_name
from fluxlora_desktop.domain.recipes import PRESETS
from fluxlora_desktop.ui.create.body import StepBody, Typing
from fluxlora_desktop.ui.create.caption_choices import CaptionChoices
from fluxlora_desktop.ui.create.caption_list import CaptionList
from fluxlora_desktop.ui.create.caption_tools import CaptionTools
from fluxlora_desktop.ui.create.photo_model import copy_of
from fluxlora_desktop.ui.create.photo_paint import PhotoView
from fluxlora_desktop.ui.create.trigger import TriggerBar
from fluxlora_desktop.ui.create.writing import WritingPanel
from fluxlora_desktop.ui.desks.captioning import CaptioningDesk, Writing
from fluxlora_desktop.ui.desks.captions import CaptionDesk
from fluxlora_desktop.ui.desks.draft import Draft, DraftDesk
from fluxlora_desktop.ui.desks.draft_undo import typed_last
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.units import plural
from fluxlora_desktop.ui.widgets import Card, EmptyState, button, column, label, row, set_role

_PHOTO_SIDE = 640
_WALKING = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
_STEPS = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}


class CaptionEdit(QPlainTextEdit):
    """A caption; `walking(int)` asks for the photo before (-1) or after (1), `left()` when the
    keyboard goes elsewhere, `undoing(bool)` for undo (True) or redo."""

    walking = Signal(int)
    left = Signal()
    undoing = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("caption")
        self.setTabChangesFocus(True)
        self.setPlaceholderText("What varies in this photo: place, pose, light, clothes")
        self.setFixedHeight(84)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk to the next photo by Ctrl or Alt and an arrow; ask for undo and redo."""
        step = _STEPS.get(Qt.Key(event.key())) if event.modifiers() & _WALKING else None
        if step:
            self.walking.emit(step)
        elif event.matches(QKeySequence.StandardKey.Undo):
            self.undoing.emit(True)
        elif event.matches(QKeySequence.StandardKey.Redo):
            self.undoing.emit(False)
        elif event.matches(QKeySequence.StandardKey.Paste) and not self.canPaste():
            event.ignore()  # a picture goes to the page, which takes it in
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Say that the keyboard went elsewhere."""
        self.left.emit()
        super().focusOutEvent(event)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        """Take text, which office programs offer beside a picture of it; the rest is the page's."""
        return source.hasText() and not source.hasUrls()


class CaptionsStep(StepBody):
    """A list of photos left, the chosen photo with its caption right, the trigger word above.

    `back()` asks for the Photos step while there is none.
    """

    back = Signal()
    hint = "A trigger word names your subject. Captions say what varies from photo to photo."

    def __init__(
        self,
        *,
        draft: DraftDesk,
        captions: CaptionDesk,
        thumbs: ThumbLoader,
        captioning: CaptioningDesk | None = None,
        choices: CaptionChoices | None = None,
    ) -> None:
        super().__init__()
        self.writing: WritingPanel | None = None
        if captioning is not None:
            self.writing = WritingPanel(desk=captioning, choices=choices or CaptionChoices())
            self.writing.closing.connect(self.show_editor)
            self.writing.showing.connect(self._on_showing)
            self.writing.using.connect(self.use_written)
            captioning.changed.connect(self._on_writing)
        self._draft: Draft | None = None
        self._desk = draft
        self._photos: dict[str, DatasetPhoto] = {}
        self._current = ""
        self._base = ""
        self._visited = False
        self._typing = Typing(self)
        self._typing.timeout.connect(self._save)
        self.trigger = TriggerBar()
        self.tools = CaptionTools(captions, self, self.keep)
        self.side = CaptionList(thumbs, draft.tools.stores.files, self.tools.menu)
        self.list, self.model = self.side.list, self.side.model
        self.photo = PhotoView(thumbs, _PHOTO_SIDE)
        self.editor = CaptionEdit()
        self._pages = self._make_pages()
        layout = column(self.trigger, self._pages, spacing=12)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self._connect()

    def _make_pages(self) -> QStackedWidget:
        empty = Card()
        back = button("Choose photos first", self.back.emit, role="primary")
        empty.body.addWidget(EmptyState("photos", "There are no photos to describe yet", back))
        right = Card(spacing=8)
        self._name = label("Caption", "strong")
        self.write_button = button("Write captions…", self.show_writing)
        self.write_button.setObjectName("open_writing")
        self.write_button.setVisible(self.writing is not None)
        self._name.setBuddy(self.editor)
        self.length = label("", "caption", wrap=True)
        self.length.setObjectName("caption_length")
        self._advice = label("", "muted", wrap=True)
        self._advice.setObjectName("caption_advice")
        self._empty_ones = label("", "caption", wrap=True)
        self._empty_ones.setObjectName("caption_empty_ones")
        right.body.addWidget(self.photo, 1)
        head = row(self._name, self.write_button)
        head.setStretch(0, 1)
        right.body.addLayout(head)
        right.body.addWidget(self.editor)
        right.body.addWidget(self.length)
        right.body.addWidget(self._advice)
        right.body.addWidget(self._empty_ones)
        filled = QWidget()
        self._right = QStackedWidget()
        self._right.addWidget(right)
        if self.writing is not None:
            self._right.addWidget(self.writing)
        sides = row(self.side, self._right, spacing=12)
        sides.setStretch(1, 1)
        filled.setLayout(sides)
        pages = QStackedWidget()
        pages.addWidget(empty)
        pages.addWidget(filled)
        return pages

    def _connect(self) -> None:
        self.trigger.settled.connect(partial(self._desk.set_trigger, in_captions=True))
        self.trigger.spreading.connect(self._on_spreading)
        self.side.chosen.connect(self._on_chosen)
        self.side.selected_changed.connect(self._show_panel)
        self.side.editing.connect(self.show_editor)
        self.editor.textChanged.connect(self._on_typed)
        self.editor.left.connect(self._typing.flush)
        self.editor.walking.connect(self._walk)
        self.editor.undoing.connect(self._on_undoing)

    def show_draft(self, draft: Draft) -> None:
        """Show the draft's captions; the text being typed is left alone."""
        self._photos = {item.photo.sha256: item for item in draft.dataset.photos}
        self._base = draft.trainer.base
        self.side.show_draft(draft)
        self._pages.setCurrentIndex(1 if self._photos else 0)
        self.trigger.show_draft(draft)
        self._advice.setText(PRESETS[draft.plan.preset].caption_advice)
        self._empty_ones.setText(f"Captions you leave empty are {draft.caption_source}.")
        if self._current not in self._photos or not self._visited:
            self._typing.stop()
            self._current = ""
            self._select_first()
        elif not self._typing.isActive():
            self._show_caption(self._photos[self._current].caption)
        self._draft = draft
        self._show_panel()

    def _show_panel(self) -> None:
        if self.writing is not None and self._draft is not None:
            self.writing.show_draft(self._draft, self.selected())

    def selected(self) -> tuple[str, ...]:
        """Return the hashes of the photos that are selected in the list."""
        return self.side.selected()

    def show_writing(self) -> None:
        """Show the panel for automatic captions beside the list."""
        if self.writing is not None:
            self._typing.flush()
            self._right.setCurrentWidget(self.writing)
            self._show_panel()
            self.writing.open()

    def show_editor(self) -> None:
        """Go back to writing captions by hand."""
        self._right.setCurrentIndex(0)
        self.editor.setFocus(Qt.FocusReason.OtherFocusReason)

    def use_written(self, written: Mapping[str, str]) -> None:
        """Use captions that a trainer wrote, by photo."""
        self.tools.use_written(written)

    def _on_showing(self, sha256: str) -> None:
        if sha256 in self._photos:
            self._select(sha256)

    def _on_writing(self, writing: Writing) -> None:
        words = f"Writing {writing.place} of {writing.total}…"
        self.write_button.setText("Write captions…" if writing.over else words)

    def showEvent(self, event: QShowEvent) -> None:
        """Remember that a photo was looked at; until then the first one is the current one."""
        self._visited = True
        super().showEvent(event)

    def current(self) -> str:
        """Return the hash of the photo whose caption is in the editor, or ""."""
        return self._current

    def _select_first(self) -> None:
        rows = self.model.rows()
        first = rows[0].sha256 if rows else next(iter(self._photos), "")
        if first:
            self._select(first)

    def _select(self, sha256: str) -> None:
        self.side.select(sha256)
        self._open(sha256)

    def _on_chosen(self, sha256: str) -> None:
        self._typing.flush()
        self._open(sha256)

    def _open(self, sha256: str) -> None:
        item = self._photos.get(sha256)
        if item is None:
            return
        self._current = sha256
        files = self._desk.tools.stores.files
        name = shown_name(item.photo.name)
        self.photo.show_photo(copy_of(item, files), name)
        self._name.setText(f"Caption of {name}")
        self.editor.setAccessibleName(f"Caption of {name}")
        self._show_caption(item.caption)
        self._show_length()

    def _show_caption(self, caption: str) -> None:
        if self.editor.toPlainText() != caption:
            self.editor.blockSignals(True)
            self.editor.setPlainText(caption)
            self.editor.blockSignals(False)
            self._show_length()

    def _show_length(self) -> None:
        """Say how long the caption is, and what becomes of it beyond the encoders' limits."""
        length = length_of(self.editor.toPlainText(), self._base)
        says = f"{plural(length.words, 'word')}, about {length.tokens} of {length.limit} tokens"
        self.length.setText(f"{says}. {length.cut}" if length.cut else says)
        set_role(self.length, "warn" if length.cut else "caption")

    def _on_typed(self) -> None:
        self._typing.key()
        self._show_length()

    def _save(self) -> None:
        if self._current in self._photos:
            self._desk.set_caption(self._current, self.editor.toPlainText())

    def keep(self) -> None:
        """Save what was typed."""
        self._typing.flush()
        self.trigger.keep()

    def _walk(self, step: int) -> None:
        place, rows = self.side.place(), self.model.rows()
        to = place + step if place >= 0 else 0
        if 0 <= to < len(rows):
            self._typing.flush()
            self._select(rows[to].sha256)
            self.editor.selectAll()

    def _on_spreading(self) -> None:
        self._typing.flush()
        self._desk.add_trigger_to_all()

    def _on_undoing(self, undo: bool) -> None:
        """Take back word by word what was typed here last, else the last step of the draft."""
        stack, text = self._desk.undo_stack, self.editor.document()
        typing = self._typing.isActive() or typed_last(stack) == self._current
        if undo and typing and text.isUndoAvailable():
            self.editor.undo()
            return
        if not undo and text.isRedoAvailable() and not stack.canRedo():
            self.editor.redo()
            return
        self._typing.flush()
        before = {sha256: item.caption for sha256, item in self._photos.items()}
        if undo:
            stack.undo()
        else:
            stack.redo()
        self._show_changed(before)

    def _show_changed(self, before: dict[str, str]) -> None:
        """Bring the photo to the front whose caption alone is another one now."""
        changed = [
            sha256
            for sha256, item in self._photos.items()
            if before.get(sha256, item.caption) != item.caption
        ]
        if len(changed) == 1 and changed[0] != self._current:
            self._select(changed[0])

    def focus_field(self, field: str) -> None:
        """Bring the keyboard to the trigger word, or to the captions."""
        target = self.trigger.word if field == "trigger_word" else self.list
        target.setFocus(Qt.FocusReason.OtherFocusReason)
