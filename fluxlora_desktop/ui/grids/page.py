"""The Grids page: the list, setting one up, and a grid that fills."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QFileDialog, QStackedLayout, QStackedWidget, QWidget

from fluxlora_desktop.domain.grids import Axis, Grid, GridSpec
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import Picture, PictureRequest, PictureState
from fluxlora_desktop.domain.routes import Remedy
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.gallery import GalleryDesk
from fluxlora_desktop.ui.desks.grids import GridDesk
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.pictures import Offer, PictureDesk
from fluxlora_desktop.ui.gallery.again import request_of, varied
from fluxlora_desktop.ui.gallery.dialogs import (
    ChooseFolder,
    ChooseTarget,
    choose_folder,
    choose_target,
)
from fluxlora_desktop.ui.gallery.viewer import Viewer
from fluxlora_desktop.ui.grids.list import GridList, GridRow
from fluxlora_desktop.ui.grids.setup import GridOrder, SetupPanel
from fluxlora_desktop.ui.grids.table import GridTable
from fluxlora_desktop.ui.grids.words import progress_words, shape_words
from fluxlora_desktop.ui.grids.work import GridWork
from fluxlora_desktop.ui.page import COMPUTER, Page
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import Card, EmptyState, button, label, row
from fluxlora_desktop.ui.wording import when
from fluxlora_desktop.workflows.grids import OpenGrid

_COVERS = 3
_PLAN_SAYS = "The same picture with two settings varied. Nothing is charged before you press Make."


def choose_sheet(parent: QWidget, name: str, then: Callable[[Path], None]) -> None:
    """Ask where to save a grid as one picture."""
    kinds = "PNG picture (*.png);;JPEG picture (*.jpg);;WebP picture (*.webp)"
    dialog = QFileDialog(parent, "Save the grid as one picture", name, kinds)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix("png")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(lambda chosen: then(Path(chosen)))
    dialog.open()


class GridsPage(Page):
    """Plans grids and shows them as they fill; `reveal_requested(Path)` asks to show a file."""

    under = "gallery"
    reveal_requested = Signal(object)

    def __init__(
        self,
        *,
        grids: GridDesk,
        pictures: PictureDesk,
        gallery: GalleryDesk,
        loras: LoraDesk,
        jobs: JobRunner,
        choose_sheet: ChooseTarget = choose_sheet,
        choose_target: ChooseTarget = choose_target,
        choose_folder: ChooseFolder = choose_folder,
    ) -> None:
        super().__init__("grids", "Grids")
        self._grids, self._pictures, self._loras = grids, pictures, loras
        self._basis: PictureRequest | None = None
        self.setup = SetupPanel(grids=grids, pictures=pictures, loras=loras)
        self.preview = GridTable(desk=grids, jobs=jobs)
        self.list = GridList(ThumbLoader(jobs, self))
        viewer = Viewer(
            pictures=pictures,
            gallery=gallery,
            jobs=jobs,
            choose_target=choose_target,
            choose_folder=choose_folder,
        )
        self.work = GridWork(
            grids=grids, loras=loras, jobs=jobs, viewer=viewer, choose_sheet=choose_sheet
        )
        self._build()
        self._listen(viewer)
        self._show_list()

    def _build(self) -> None:
        self.gallery = button("Gallery", self._on_gallery, role="quiet", symbol="chevron-left")
        self.all = button("All grids", self._show_list)
        self.new = button("New grid", self._on_new, symbol="add")
        self.whose = QComboBox()
        self.whose.setAccessibleName("Grids of which LoRA")
        self.whose.activated.connect(self._on_listed)
        self.zoom_words = label("Size", "muted")
        self.zoom_words.setBuddy(self.work.table.zoom)
        zoom = self.work.table.zoom
        for part in (self.zoom_words, zoom, self.gallery, self.whose, self.all, self.new):
            self.header.addWidget(part)
        empty = EmptyState(
            "photos",
            "No grids yet",
            button("New grid", self._on_new, role="primary"),
            hint="A grid shows the same picture at several strengths, seeds or other settings.",
        )
        retry = button("Read them again", self._grids.load)
        failed = EmptyState("error", "The grids could not be read.", retry, hint="Nothing is lost.")
        self._loading, self._failed = EmptyState("clock", "Reading your grids"), failed
        self._empty, self._filled = Card(), Card(margin=6)
        self._empty.body.addWidget(empty)
        self._filled.body.addWidget(self.list)
        self.states = QStackedWidget()
        for state in (self._loading, self._empty, self._failed, self._filled):
            self.states.addWidget(state)
        card = Card(margin=12)
        card.body.addWidget(self.preview)
        self.plan = QWidget()
        inside = row(self.setup, card, spacing=16)
        inside.setStretch(1, 1)
        self.plan.setLayout(inside)
        places = QWidget()
        self._places = QStackedLayout(places)
        for place in (self.states, self.plan, self.work):
            self._places.addWidget(place)
        self.body.addWidget(places, 1)

    def _listen(self, viewer: Viewer) -> None:
        self._grids.listed.connect(self._on_listed)
        self._grids.opened.connect(self._on_opened)
        self._grids.failed.connect(self._on_failed)
        self._loras.listed.connect(self._on_listed)
        self.list.opened.connect(self.open_grid)
        self.list.remove_requested.connect(self._grids.delete)
        self.setup.ordered.connect(self._on_order)
        self.setup.planned.connect(self._on_planned)
        self.setup.offer.remedy_wanted.connect(self._on_remedy)
        self.work.closed.connect(self._show_list)
        self.work.place_changed.connect(self._show_head)
        self.work.lora_wanted.connect(self._on_lora_wanted)
        viewer.commands.reveal_requested.connect(self.reveal_requested)
        viewer.commands.reuse_requested.connect(self._on_reuse)
        viewer.commands.vary_requested.connect(self._on_vary)
        viewer.commands.grid_requested.connect(self.arrive)

    @Slot(object)
    def _on_remedy(self, offer: Offer) -> None:
        """Lead to where a person can do something about an offer that does not work."""
        if offer.remedy is Remedy.SET_UP:
            self.go.emit(COMPUTER, None)
        else:
            self.go.emit("library", offer.lora_id)

    def shown(self) -> None:
        """Read the grids anew: pictures may have been thrown away in the gallery."""
        self._grids.load()
        self._pictures.refresh_offers_once()

    def arrive(self, what: object) -> None:
        """Take a LoRA (itself or its id) for its strength, a picture, a grid, "" for the list.

        An order is what the next new grid begins with, an axis of LoRAs what a grid compares.
        """
        if isinstance(what, Grid):
            self.open_grid(what.id)
        elif what == "":
            self._show_list()
        elif isinstance(what, Lora | str):
            self._show_plan()
            self.setup.begin_strength(what.id if isinstance(what, Lora) else what)
        elif isinstance(what, Axis):
            self._show_plan()
            self.setup.begin_loras(what)
        elif isinstance(what, Picture):
            self._show_plan()
            self.setup.begin_picture(what, request_of(what, self._loras))
        elif isinstance(what, PictureRequest):
            self._basis = what
            self._show_list()

    def on_theme_changed(self) -> None:
        """Draw what depends on the look again."""
        super().on_theme_changed()
        self.work.on_theme_changed()
        self.preview.on_theme_changed()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go back to the list by Esc."""
        if event.key() == Qt.Key.Key_Escape and self._places.currentWidget() is not self.states:
            self._show_list()
        else:
            super().keyPressEvent(event)

    def open_grid(self, grid_id: str) -> None:
        """Show a grid, read anew."""
        self._places.setCurrentWidget(self.work)
        self.work.open(grid_id)
        self._grids.open(grid_id)

    def _show_plan(self) -> None:
        self.work.open("")
        self._places.setCurrentWidget(self.plan)
        self._show_head()
        self.setup.prompt.setFocus()

    @Slot()
    def _show_list(self) -> None:
        self.work.open("")
        self._places.setCurrentWidget(self.states)
        self._on_listed()
        self.list.setFocus()

    @Slot()
    def _show_head(self) -> None:
        place = self._places.currentWidget()
        listing, working = place is self.states, place is self.work
        planning = place is self.plan
        closely = working and not self.work.browsing
        for part in (self.zoom_words, self.work.table.zoom):
            part.setVisible(working and not closely)
        self.gallery.setVisible(listing)
        self.whose.setVisible(listing and self.whose.count() > 1)
        self.all.setVisible(not listing and not closely)
        self.new.setVisible(not planning and not closely and bool(self._grids.grids()))
        self.title.setVisible(not closely)
        self.title.setText("New grid" if planning else "Grids")
        self.hint.setVisible(planning)
        self.hint.setText(_PLAN_SAYS)

    def _show_whose(self) -> None:
        """Offer the LoRAs that have grids; the chosen one stays chosen."""
        kept = self.whose.currentData()
        known = {lora.id: lora.name for lora in self._loras.loras()}
        ids = dict.fromkeys(there.grid.lora_id for there in self._grids.grids())
        self.whose.clear()
        self.whose.addItem("All LoRAs", "")
        for lora_id in ids:
            if lora_id in known:
                self.whose.addItem(known[lora_id], lora_id)
        self.whose.setCurrentIndex(max(0, self.whose.findData(kept)))

    @Slot()
    def _on_listed(self, _what: object = None) -> None:
        self._show_whose()
        there = self._grids.grids(self.whose.currentData())
        self.list.show_rows(self._row(one) for one in there)
        if not self._grids.loaded:
            self.states.setCurrentWidget(self._loading)
        else:
            self.states.setCurrentWidget(self._filled if there else self._empty)
        if self._grids.loaded and self.work.grid_id and self.work.current() is None:
            self._show_list()
        self._show_head()

    def _row(self, there: OpenGrid) -> GridRow:
        grid = there.grid
        done = [one for one in there.pictures.values() if one.state is PictureState.DONE]
        step = max(1, len(done) // _COVERS)
        thumbs = (self._grids.thumb(one) for one in done[::step][:_COVERS])
        words = (shape_words(grid.spec), progress_words(there).rstrip("."), when(grid.created_at))
        covers = tuple(path for path in thumbs if path)
        return GridRow(grid.id, grid.title, " · ".join(words), covers)

    @Slot(object)
    def _on_failed(self, _error: object) -> None:
        if not self._grids.loaded:
            self.states.setCurrentWidget(self._failed)

    def _on_new(self) -> None:
        """Begin with the LoRA of the open grid, the order that was sent along, or any LoRA."""
        lora, basis = self.work.lora(), self._basis
        self._show_plan()
        if lora is not None:
            self.setup.begin_strength(lora.id)
        elif basis is not None:
            self.setup.begin_request(basis)
        elif self.setup.chosen() is None and self._loras.loras():
            self.setup.begin_strength(self._loras.loras()[0].id)
        self._basis = None

    @Slot(object)
    def _on_planned(self, spec: GridSpec | None) -> None:
        names = {lora.id: lora.name for lora in self._loras.loras()}
        self.preview.show_grid(spec, {}, names, None)

    @Slot(object)
    def _on_order(self, order: GridOrder) -> None:
        self._grids.make(order.title, order.lora_id, order.spec)

    @Slot(object)
    def _on_opened(self, there: OpenGrid) -> None:
        """Lead from setting up to the grid that was ordered."""
        if self._places.currentWidget() is self.plan:
            self._places.setCurrentWidget(self.work)
            self.work.open(there.grid.id)
            self._show_head()

    @Slot(str)
    def _on_lora_wanted(self, lora_id: str) -> None:
        self.go.emit("library", lora_id)

    def _on_gallery(self) -> None:
        self.go.emit("gallery", None)

    @Slot(object)
    def _on_vary(self, picture: Picture) -> None:
        self._pictures.make(varied(request_of(picture, self._loras)))

    @Slot(object)
    def _on_reuse(self, picture: Picture) -> None:
        self.go.emit("gallery", picture)
