"""The Gallery page: the prompt panel, the pictures, and the viewer over all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QStackedLayout, QWidget

from fluxlora_desktop.domain.errors import NextRoute
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import Picture, PictureRequest
from fluxlora_desktop.domain.routes import Remedy
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.pictures import Offer, PictureDesk, RouteChoice
from fluxlora_desktop.ui.gallery.again import request_of
from fluxlora_desktop.ui.gallery.browser import PictureBrowser
from fluxlora_desktop.ui.gallery.dialogs import (
    ChooseFolder,
    ChooseTarget,
    choose_folder,
    choose_target,
)
from fluxlora_desktop.ui.gallery.prompt import PromptPanel
from fluxlora_desktop.ui.gallery.viewer import Viewer
from fluxlora_desktop.ui.make_public import AskPublic, ask_make_public
from fluxlora_desktop.ui.page import Page
from fluxlora_desktop.ui.widgets import row


@dataclass(frozen=True, slots=True)
class ShowPicture:
    """A picture that another page asks to see, by its id."""

    id: str


class GalleryPage(Page):
    """Make pictures and look at them; `reveal_requested(Path)` asks to show a file."""

    reveal_requested = Signal(object)

    def __init__(
        self,
        *,
        pictures: PictureDesk,
        loras: LoraDesk,
        jobs: JobRunner,
        choose_target: ChooseTarget = choose_target,
        choose_folder: ChooseFolder = choose_folder,
        ask_public: AskPublic = ask_make_public,
    ) -> None:
        super().__init__("gallery", "Gallery")
        self.hint.setText("Write a prompt, choose a LoRA, and the pictures appear one by one.")
        self._pictures, self._loras = pictures, loras
        self._ask_public = ask_public
        self._awaited, self._sought = -1, ""
        self.panel = PromptPanel(pictures=pictures, loras=loras)
        self.browser = PictureBrowser(
            pictures=pictures,
            loras=loras,
            jobs=jobs,
            choose_target=choose_target,
            choose_folder=choose_folder,
        )
        self.viewer = Viewer(
            pictures=pictures, jobs=jobs, choose_target=choose_target, choose_folder=choose_folder
        )
        self._build()
        self._connect()

    def _build(self) -> None:
        browse = QWidget()
        whole = row(self.panel, self.browser, spacing=16)
        whole.setStretch(1, 1)
        browse.setLayout(whole)
        places = QWidget()
        self._places = QStackedLayout(places)
        self._places.addWidget(browse)
        self._places.addWidget(self.viewer)
        self.body.addWidget(places, 1)

    def _connect(self) -> None:
        self.panel.make_requested.connect(self._pictures.make)
        self.panel.offer.remedy_wanted.connect(self._on_remedy)
        self._pictures.changed.connect(self._on_changed)
        self._pictures.removed.connect(self._on_removed)
        self._pictures.page_ready.connect(self._on_read)
        self._pictures.rows_ready.connect(self._on_found)
        self.browser.opened.connect(self._view)
        self.browser.again_requested.connect(self._on_again)
        self.browser.write_wanted.connect(self.panel.prompt.setFocus)
        self.viewer.step_wanted.connect(self._on_step)
        self.viewer.closed.connect(self._close_viewer)
        for commands in (self.browser.commands, self.viewer.commands):
            commands.reuse_requested.connect(self._on_reuse)
            commands.again_requested.connect(self._on_again)
            commands.reveal_requested.connect(self.reveal_requested)

    def shown(self) -> None:
        """Look the pictures up, and once ask the services what they offer now."""
        self.browser.look_up()
        self._pictures.refresh_offers_once()

    def arrive(self, what: object) -> None:
        """Take a LoRA (itself or its id), an order, a route, or a picture to be made like it.

        A `ShowPicture` is looked at.
        """
        if what is None:
            return
        self._close_viewer()
        if isinstance(what, ShowPicture):
            self._sought = what.id  # the rows are on their way: see `shown`
            return
        if isinstance(what, Lora):
            self.panel.choose_lora(what.id)
        elif isinstance(what, str):
            self.panel.choose_lora(what)
        elif isinstance(what, PictureRequest):
            self._fill(what)
        elif isinstance(what, NextRoute):
            self._take_route(RouteChoice(what.generator, what.model))
        elif isinstance(what, RouteChoice):
            self._take_route(what)
        elif isinstance(what, Picture):
            self._fill(replace(request_of(what, self._loras), count=self.panel.count()))
        self.panel.prompt.setFocus()

    def on_theme_changed(self) -> None:
        """Draw what depends on the look again."""
        super().on_theme_changed()
        self.panel.on_theme_changed()
        self.browser.on_theme_changed()
        self.viewer.commands.on_theme_changed()

    @property
    def viewing(self) -> bool:
        """Tell whether one picture is shown large."""
        return self._places.currentWidget() is self.viewer

    def _fill(self, request: PictureRequest) -> None:
        gone = self.panel.fill(request)
        if gone:
            verb = "is" if len(gone) == 1 else "are"
            names = " and ".join(gone)
            self._pictures.said.emit(f"{names} {verb} no longer in the library.")

    def _take_route(self, choice: RouteChoice) -> None:
        """Choose a route: for a LoRA, or for the order that another one refused."""
        order = self._pictures.refused_order
        if choice.lora_id:
            self.panel.choose_lora(choice.lora_id)
        elif order is not None:
            there = replace(order, generator=choice.generator, model=choice.model, seed=0)
            self._fill(there)
        self.panel.offer.ask(choice.generator, choice.model)
        self.panel.refresh()

    @Slot(object)
    def _on_remedy(self, offer: Offer) -> None:
        lora = self._loras.lora(offer.lora_id)
        if lora is None:
            return
        if offer.remedy is Remedy.PUBLISH:
            self.go.emit("library", lora.id)
        elif offer.remedy is Remedy.MAKE_PUBLIC:
            make = partial(self._loras.set_visibility, lora.id, Visibility.PUBLIC)
            self._ask_public(self, lora.name, make)

    @Slot(int)
    def _view(self, row_number: int) -> None:
        model = self.browser.model
        model.want(row_number - 1, row_number + 1)
        picture = model.picture(row_number)
        self._awaited = row_number if picture is None else -1
        if picture is None:
            return
        self.viewer.show_picture(picture, self.browser.thumb(picture))
        self.viewer.show_again(self.browser.again_words(picture))
        self.viewer.show_place(row_number, model.rowCount())
        if not self.viewing:
            self._show_head(False)
            self._places.setCurrentWidget(self.viewer)
            self.viewer.canvas.setFocus()

    @Slot()
    def _on_found(self) -> None:
        """Show the picture that another page asked for, once the rows are there."""
        sought, self._sought = self._sought, ""
        place = self.browser.model.row_of(sought) if sought else -1
        if place >= 0:
            self.browser.go_to(place)
            self._view(place)
        elif sought:
            self._pictures.said.emit("The picture is not among those that the filters let through.")

    @Slot()
    def _on_read(self) -> None:
        """Show the picture that was asked for before it was read."""
        if self._awaited >= 0:
            self._view(self._awaited)

    @Slot(int)
    def _on_step(self, step: int) -> None:
        there = self.browser.row() + step
        if 0 <= there < self.browser.model.rowCount():
            self.browser.go_to(there)
            self._view(there)

    @Slot()
    def _close_viewer(self) -> None:
        if not self.viewing:
            return
        self._awaited = -1
        self.viewer.leave()
        self._show_head(True)
        self._places.setCurrentIndex(0)
        self.browser.grid.setFocus()

    def _show_head(self, shown: bool) -> None:
        self.title.setVisible(shown)
        self.hint.setVisible(shown)

    @Slot(object)
    def _on_changed(self, picture: Picture) -> None:
        shown = self.viewer.picture
        if self.viewing and shown is not None and shown.id == picture.id:
            self._view(self.browser.model.row_of(picture.id))

    @Slot(object)
    def _on_removed(self, _ids: tuple[str, ...]) -> None:
        if self.viewing and self.browser.model.rowCount():
            self._view(self.browser.row())
        else:
            self._close_viewer()

    @Slot(object)
    def _on_reuse(self, picture: Picture) -> None:
        self.arrive(picture)

    @Slot(object)
    def _on_again(self, picture: Picture) -> None:
        self._pictures.make(request_of(picture, self._loras))
