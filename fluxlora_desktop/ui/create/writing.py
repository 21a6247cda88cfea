"""The panel for automatic captions: choose, see the price, write, see what came of it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from fluxlora_desktop.domain.names import shown_name
from fluxlora_desktop.ui.create.caption_choices import CaptionChoices
from fluxlora_desktop.ui.create.writing_form import PhotosForm, PromptForm, WriterForm
from fluxlora_desktop.ui.create.writing_progress import WritingProgress
from fluxlora_desktop.ui.create.writing_words import Trouble, button_words, price_words
from fluxlora_desktop.ui.desks.captioning import CaptioningDesk, Earlier, Writing
from fluxlora_desktop.ui.desks.draft import Draft
from fluxlora_desktop.ui.notices import BILLING_PAGES, STATUS_PAGES, Action
from fluxlora_desktop.ui.scrolling import scrolling
from fluxlora_desktop.ui.widgets import Card, button, column, label, line, row
from fluxlora_desktop.ui.wording import plural


class WritingPanel(Card):
    """Lets a model describe the draft's photos.

    `closing()` goes back to the captions, `settings_wanted(str)` asks for an account, `page_wanted
    (str)` for a web page, `showing(str)` for a photo by its hash, `using(dict)` for captions of a
    trainer by photo.
    """

    closing = Signal()
    settings_wanted = Signal(str)
    page_wanted = Signal(str)
    showing = Signal(str)
    using = Signal(object)

    def __init__(self, *, desk: CaptioningDesk, choices: CaptionChoices) -> None:
        super().__init__(margin=0, spacing=0)
        self.setObjectName("writing_panel")
        self.setAccessibleName("Write captions")
        self._desk = desk
        self._draft: Draft | None = None
        self._names: dict[str, str] = {}
        self._earlier = Earlier()
        self.writer = WriterForm(choices)
        self.photos = PhotosForm()
        self.prompt = PromptForm(choices)
        self.progress = WritingProgress()
        self.progress.hide()
        self.back = button("Back to the captions", self.closing.emit, role="link")
        self.price = label("", "strong", wrap=True)
        self.price.setObjectName("caption_price")
        self.basis = label("", "caption", wrap=True)
        self.lost = label("", "caption", wrap=True)
        self.trainers = button("", self._use_trainers, role="link")
        self.trainers.setObjectName("use_trainer_captions")
        self.trainers.hide()
        self.write_button = button("", self._write)
        self.write_button.setObjectName("write_captions")
        self._lay_out()
        self._connect()
        self._show_price()

    def _lay_out(self) -> None:
        self._form, self._foot, self._between = QWidget(), QWidget(), line()
        self._between.hide()
        self._form.setLayout(
            column(self.writer, self.photos, self.prompt, self.trainers, spacing=12)
        )
        says = (
            "A model looks at each photo and describes it. Photos are sent small, without "
            "metadata, to the one you choose and nobody else."
        )
        inside = column(
            row(label("Write captions", "section"), None, self.back),
            label(says, "muted", wrap=True),
            self.progress,
            self._between,
            self._form,
            None,
            spacing=12,
            margin=16,
        )
        cost = column(self.price, self.basis, self.lost, spacing=2)
        foot = row(cost, self.write_button, spacing=12, margin=12)
        foot.setStretch(0, 1)
        self.area = scrolling(inside, "Automatic captions")
        self._foot.setLayout(column(line(), foot, spacing=0))
        self.body.addWidget(self.area, 1)
        self.body.addWidget(self._foot)

    def _connect(self) -> None:
        desk = self._desk
        desk.offers_changed.connect(self._on_offers)
        desk.changed.connect(self._on_writing)
        desk.earlier_found.connect(self._on_earlier)
        desk.held_changed.connect(self._show_price)
        self.writer.changed.connect(self._show_price)
        self.writer.asking.connect(desk.refresh)
        self.writer.key_given.connect(desk.keep_key)
        self.writer.leading.connect(self._on_leading)
        self.photos.changed.connect(self._show_price)
        self.prompt.text.textChanged.connect(self._show_price)
        self.progress.stopping.connect(desk.stop)
        self.progress.again.connect(self._on_again)
        self.progress.leading.connect(self._on_leading)
        self.progress.showing.connect(self.showing)

    def open(self) -> None:
        """Ask who can write, and look what earlier runs and lost answers left."""
        self._on_offers()
        self._desk.refresh()
        self._desk.look_back()
        self.writer.who.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_draft(self, draft: Draft, selected: tuple[str, ...]) -> None:
        """Show what can be written for the draft as it stands."""
        self._draft = draft
        photos = draft.dataset.photos
        self._names = {item.photo.sha256: shown_name(item.photo.name) for item in photos}
        self.photos.show_photos(draft.dataset, selected)
        self.prompt.show_preset(draft.plan.preset)
        self._show_earlier()
        self._show_price()

    def _on_offers(self) -> None:
        self.writer.show_offers(self._desk.offers())

    def _on_earlier(self, earlier: Earlier) -> None:
        self._earlier = earlier
        self._show_earlier()

    def _show_earlier(self) -> None:
        bare, found = self._bare(), self._trainers_words()
        words = plural(len(found), "caption")
        asks = "" if bare.issuperset(found) else "…"
        self.trainers.setText(f"Use {words} that a trainer wrote in an earlier run, free{asks}")
        self.trainers.setVisible(bool(found))
        lost = len(self._earlier.lost & bare)
        noun = "answer was" if lost == 1 else "answers were"
        self.lost.setText(
            f"{lost} earlier {noun} lost and may have been charged; writing again costs again."
        )
        self.lost.setVisible(lost > 0)

    def _trainers_words(self) -> dict[str, str]:
        """Return captions of a trainer that photos of the draft do not have."""
        photos = self._draft.dataset.photos if self._draft is not None else ()
        now = {item.sha256: item.caption for item in photos}
        return {sha: text for sha, text in self._earlier.trainer if now.get(sha, text) != text}

    def _bare(self) -> frozenset[str]:
        photos = self._draft.dataset.photos if self._draft is not None else ()
        return frozenset(item.photo.sha256 for item in photos if not item.caption.strip())

    def _show_price(self) -> None:
        offer, model = self.writer.offer(), self.writer.chosen_model()
        photos = self.photos.photos()
        says = price_words(offer.abilities, model, len(photos)) if offer is not None else ("", "")
        self.price.setText(says[0] if photos else "No photo to describe")
        replaced = self.photos.replaced()
        if replaced and not self.photos.ready():
            says = says[0], f"First tick that {plural(replaced, 'caption')} may be replaced."
        self.basis.setText(says[1])
        self.basis.setVisible(bool(says[1]))
        self.write_button.setText(button_words(len(photos), replaced))
        ready = self.writer.ready() and self.photos.ready() and bool(self.prompt.prompt().strip())
        free = offer is not None and offer.abilities.model(model).free
        self.write_button.setEnabled(
            ready and not self._desk.busy and (free or self._desk.held is None)
        )

    def _write(self) -> None:
        self._start(self.photos.photos())

    def _start(self, photos: dict[str, str]) -> None:
        offer = self.writer.offer()
        if offer is not None and self.writer.ready():
            model = self.writer.chosen_model()
            self._desk.write(photos, offer.key, model, self.prompt.prompt())

    def _on_again(self, hashes: tuple[str, ...]) -> None:
        photos = self._draft.dataset.photos if self._draft is not None else ()
        again = {i.photo.sha256: i.caption for i in photos if i.photo.sha256 in hashes}
        self._start(again)

    def _use_trainers(self) -> None:
        self.using.emit(self._trainers_words())

    def _on_writing(self, writing: Writing) -> None:
        offers = {offer.key: offer for offer in self._desk.offers()}
        own = offers[writing.order.captioner].abilities.takes_address
        self.progress.show_writing(writing, self._names, own=own)
        self.progress.show()
        held = self.isAncestorOf(self.focusWidget() or self)
        for part in (self._form, self._foot, self._between):
            part.setVisible(writing.over)
        self.area.verticalScrollBar().setValue(0)
        if held and not writing.over:
            self.progress.stop_button.setFocus(Qt.FocusReason.OtherFocusReason)
        elif held:
            self.back.setFocus(Qt.FocusReason.OtherFocusReason)
        if writing.over:
            self._desk.look_back()
        self._show_price()

    def _on_leading(self, trouble: Trouble) -> None:
        match trouble.action:
            case Action.SETTINGS:
                self.settings_wanted.emit(trouble.target)
            case Action.BILLING:
                self.page_wanted.emit(BILLING_PAGES.get(trouble.target, ""))
            case Action.STATUS_PAGE:
                self.page_wanted.emit(STATUS_PAGES.get(trouble.target, ""))
            case Action.RETRY if self._desk.writing is not None and self._desk.writing.error:
                self._write()
            case Action.RETRY:
                self._desk.refresh(trouble.target)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go back by Esc; what is being written goes on."""
        if event.key() == Qt.Key.Key_Escape:
            self.closing.emit()
        else:
            super().keyPressEvent(event)
