"""The Gallery page: the prompt panel, the pictures, and the viewer over all."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QShortcut
from PySide6.QtWidgets import QStackedLayout, QWidget

from fluxlora_desktop.domain.errors import NextRoute
from fluxlora_desktop.domain.gallery import PictureFilter
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import Picture, PictureRequest
from fluxlora_desktop.domain.routes import Remedy
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.gallery import GalleryDesk
from fluxlora_desktop.ui.desks.loras import CardChoice, LoraDesk
from fluxlora_desktop.ui.desks.picture_imports import PictureImportDesk
from fluxlora_desktop.ui.desks.pictures import Offer, PictureDesk, RouteChoice
from fluxlora_desktop.ui.desks.prompts import PromptDesk
from fluxlora_desktop.ui.gallery.again import request_of, varied, written_request_of
from fluxlora_desktop.ui.gallery.arrivals import (
    ArrivalsLine,
    ChoosePictures,
    PictureDrops,
    choose_pictures,
)
from fluxlora_desktop.ui.gallery.browser import PictureBrowser
from fluxlora_desktop.ui.gallery.compare import FEWEST, MOST, CompareView
from fluxlora_desktop.ui.gallery.dialogs import (
    ChooseFolder,
    ChooseTarget,
    choose_folder,
    choose_target,
)
from fluxlora_desktop.ui.gallery.prompt import PromptPanel
from fluxlora_desktop.ui.gallery.viewer import Viewer
from fluxlora_desktop.ui.make_public import AskPublic, ask_make_public
from fluxlora_desktop.ui.page import COMPUTER, Page
from fluxlora_desktop.ui.shortcuts import Group, describe
from fluxlora_desktop.ui.widgets import button, row


@dataclass(frozen=True, slots=True)
class ShowPicture:
    """A picture that another page asks to see, by its id."""

    id: str


class GalleryPage(Page):
    """Make pictures and look at them.

    `reveal_requested(Path)` asks to show a file, `grid_requested(Picture)` for a grid of pictures
    like this one.
    """

    reveal_requested = Signal(object)
    grid_requested = Signal(object)
    lineage_requested = Signal(object)

    def __init__(
        self,
        *,
        pictures: PictureDesk,
        gallery: GalleryDesk,
        loras: LoraDesk,
        prompts: PromptDesk,
        jobs: JobRunner,
        choose_target: ChooseTarget = choose_target,
        choose_folder: ChooseFolder = choose_folder,
        ask_public: AskPublic = ask_make_public,
        imports: PictureImportDesk | None = None,
        choose_pictures: ChoosePictures = choose_pictures,
    ) -> None:
        super().__init__("gallery", "Gallery")
        self.hint.setText("Write a prompt, choose a LoRA, and the pictures appear one by one.")
        self._pictures, self._gallery = pictures, gallery
        self._loras, self._prompts = loras, prompts
        self._ask_public = ask_public
        self._awaited, self._sought = -1, ""
        self.panel = PromptPanel(pictures=pictures, loras=loras, prompts=prompts)
        self.browser = PictureBrowser(
            pictures=pictures,
            gallery=gallery,
            loras=loras,
            jobs=jobs,
            choose_target=choose_target,
            choose_folder=choose_folder,
        )
        self.viewer = Viewer(
            pictures=pictures,
            gallery=gallery,
            jobs=jobs,
            choose_target=choose_target,
            choose_folder=choose_folder,
        )
        self.compare = CompareView(self.viewer.large)
        self._build()
        self._connect()
        self.import_button = button("Import pictures…", symbol="download")
        self.import_button.setVisible(imports is not None)
        if imports is not None:
            self._take_imports(imports, choose_pictures)

    def _take_imports(self, imports: PictureImportDesk, choose: ChoosePictures) -> None:
        """Let pictures of other programs come in by drop, by paste, or chosen."""
        self.import_button.setToolTip("Pictures of other programs, with what made them (Ctrl+O)")
        self.import_button.clicked.connect(partial(choose, self, imports.bring))
        choosing = QShortcut("Ctrl+O", self, self.import_button.click)
        describe(choosing, "Import pictures of other programs", Group.SHARE)
        self.header.addWidget(self.import_button)
        self.drops = PictureDrops(self.browser, self.browser.card, imports)
        paste = QShortcut("Ctrl+V", self, self.drops.paste)
        paste.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        describe(paste, "Import the picture files that were copied", Group.SHARE)
        self.arrivals = ArrivalsLine(imports)
        self.body.insertWidget(0, self.arrivals)
        imports.came_in.connect(self.browser.look_up)
        imports.grew.connect(self.browser.look_up)

    def _build(self) -> None:
        self.grids = button("Grids", self._on_grids, symbol="photos")
        self.grids.setToolTip("The same picture at several strengths, seeds or other settings")
        self.header.addWidget(self.grids)
        browse = QWidget()
        whole = row(self.panel, self.browser, spacing=16)
        whole.setStretch(1, 1)
        browse.setLayout(whole)
        places = QWidget()
        self._places = QStackedLayout(places)
        self._places.addWidget(browse)
        self._places.addWidget(self.viewer)
        self._places.addWidget(self.compare)
        self.compare_button = button("Compare", self._on_compare, symbol="compare")
        self.compare_button.setToolTip("Look at two to four pictures side by side (C)")
        self.compare_button.hide()
        self.header.addWidget(self.compare_button)
        self._compare_key = QShortcut(Qt.Key.Key_C, self.browser.grid, self._on_compare)
        self._compare_key.setContext(Qt.ShortcutContext.WidgetShortcut)
        describe(self._compare_key, "Compare two to four chosen pictures", Group.COMPARE)
        self.body.addWidget(places, 1)

    def _connect(self) -> None:
        self.panel.make_requested.connect(self._pictures.make)
        self.panel.reveal_requested.connect(self.reveal_requested)
        self.panel.offer.remedy_wanted.connect(self._on_remedy)
        self._pictures.changed.connect(self._on_changed)
        self._gallery.removed.connect(self._on_removed)
        self._gallery.restored.connect(self._on_restored)
        self._pictures.page_ready.connect(self._on_read)
        self._pictures.rows_ready.connect(self._on_found)
        self.browser.opened.connect(self._view)
        self.browser.again_requested.connect(self._on_again)
        self.browser.write_wanted.connect(self.panel.write)
        self.viewer.step_wanted.connect(self._on_step)
        self.viewer.closed.connect(self._close_viewer)
        self.compare.closed.connect(self._close_viewer)
        self.compare.keep_requested.connect(self._on_keep)
        self._gallery.marked.connect(self.compare.show_marked)
        self.browser.grid.selectionModel().selectionChanged.connect(self._on_selected)
        for commands in (self.browser.commands, self.viewer.commands):
            commands.reuse_requested.connect(self._on_reuse)
            commands.again_requested.connect(self._on_again)
            commands.vary_requested.connect(self._on_vary)
            commands.grid_requested.connect(self.grid_requested)
            commands.lineage_requested.connect(self.lineage_requested)
            commands.card_requested.connect(self._on_card)
            commands.reveal_requested.connect(self.reveal_requested)

    def shown(self) -> None:
        """Look the pictures up, and once ask the services what they offer now."""
        self.browser.look_up()
        self._pictures.refresh_offers_once()
        self._prompts.load()
        self._prompts.read_wildcards()

    def arrive(self, what: object) -> None:
        """Take a LoRA (itself or its id), an order, a route, or a picture to be made like it.

        A `ShowPicture` is looked at, a `PictureFilter` says which ones are shown.
        """
        if what is None:
            return
        self._close_viewer()
        if isinstance(what, ShowPicture):
            self._sought = what.id  # the rows are on their way: see `shown`
            return
        if isinstance(what, PictureFilter):
            self.browser.show_filter(what)
            self.browser.grid.setFocus()
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
            number = self.panel.number.currentIndex()
            self._fill(written_request_of(what, self._loras))
            self.panel.number.setCurrentIndex(number)
        self.panel.write()

    @Slot(object)
    def _on_card(self, pictures: tuple[Picture, ...]) -> None:
        """Lead to the card of the published LoRA that most of the pictures were made with."""
        uses = Counter(part.lora_id for picture in pictures for part in picture.loras)
        for lora_id, _times in uses.most_common():
            lora = self._loras.lora(lora_id)
            if lora is not None and lora.publication is not None:
                made = (p.id for p in pictures if any(u.lora_id == lora_id for u in p.loras))
                self.go.emit("library", CardChoice(lora_id, tuple(made)))
                return
        known = (self._loras.lora(lora_id) for lora_id in uses)
        lora = next((lora for lora in known if lora is not None), None)
        if lora is None:
            self._pictures.said.emit("The LoRA of these pictures is no longer in the library.")
        else:
            self._pictures.said.emit(f"{lora.name} is not published yet, so it has no card.")
            self.go.emit("library", lora.id)

    def on_theme_changed(self) -> None:
        """Draw what depends on the look again."""
        super().on_theme_changed()
        self.panel.on_theme_changed()
        self.browser.on_theme_changed()
        self.viewer.commands.on_theme_changed()

    def _on_grids(self) -> None:
        """Show the grids; a new one begins with what the panel says."""
        offer = self.panel.offer.offer()
        basis = self.panel.single_request(offer) if offer and not self.panel.problem() else ""
        self.go.emit("grids", basis)

    @property
    def viewing(self) -> bool:
        """Tell whether one picture is shown large."""
        return self._places.currentWidget() is self.viewer

    @property
    def comparing(self) -> bool:
        """Tell whether several pictures are shown side by side."""
        return self._places.currentWidget() is self.compare

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
        if offer.remedy is Remedy.SET_UP:
            self.go.emit(COMPUTER, None)
            return
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
        self.viewer.prepare((model.picture(row_number + 1), model.picture(row_number - 1)))
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
        if not self.viewing and not self.comparing:
            return
        self._awaited = -1
        self.viewer.leave()
        self.compare.leave()
        self._show_head(True)
        self._places.setCurrentIndex(0)
        self.browser.grid.setFocus()

    def _show_head(self, shown: bool) -> None:
        for part in (self.title, self.hint, self.grids, self.import_button):
            part.setVisible(shown)
        self.compare_button.setVisible(shown and self._can_compare())

    def _selected(self) -> int:
        selection = self.browser.grid.selectionModel().selection()
        return sum(selection.at(n).height() for n in range(selection.count()))

    def _can_compare(self) -> bool:
        return FEWEST <= self._selected() <= MOST

    @Slot()
    def _on_selected(self) -> None:
        browsing = not self.viewing and not self.comparing
        self.compare_button.setVisible(browsing and self._can_compare())

    @Slot(object)
    def _on_keep(self, picture: Picture) -> None:
        if not picture.favourite:
            self._gallery.toggle_favourite((picture.id,))

    @Slot()
    def _on_compare(self) -> None:
        """Show what is selected side by side."""
        chosen = self.browser.commands.chosen
        if not self._can_compare() or not FEWEST <= len(chosen) <= MOST:
            self._pictures.said.emit("Select two to four pictures, then press C to compare them.")
            return
        self._show_head(False)
        self._places.setCurrentWidget(self.compare)
        self.compare.show_pictures(chosen, tuple(map(self.browser.thumb, chosen)))

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

    @Slot(object)
    def _on_vary(self, picture: Picture) -> None:
        self._pictures.make(varied(request_of(picture, self._loras)))

    @Slot()
    def _on_restored(self) -> None:
        """Leave a picture of the trash that is there no longer."""
        shown = self.viewer.picture
        if shown is not None and shown.trashed_at is not None:
            self._close_viewer()
