"""The Gallery page: the prompt panel, the grid, what is selected, and the viewer over all."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QStackedLayout, QWidget

from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import Picture, PictureRequest, PictureState
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.pictures import GalleryQuery, GalleryRows, PictureDesk
from fluxlora_desktop.ui.gallery.again import price_again, request_of
from fluxlora_desktop.ui.gallery.commands import PictureCommands
from fluxlora_desktop.ui.gallery.delegate import THUMB_SIDE, PictureDelegate
from fluxlora_desktop.ui.gallery.dialogs import (
    ChooseFolder,
    ChooseTarget,
    choose_folder,
    choose_target,
)
from fluxlora_desktop.ui.gallery.filters import FilterBar
from fluxlora_desktop.ui.gallery.inspector import Inspector
from fluxlora_desktop.ui.gallery.model import PictureModel
from fluxlora_desktop.ui.gallery.orders import OrdersLine
from fluxlora_desktop.ui.gallery.prompt import PromptPanel
from fluxlora_desktop.ui.gallery.view import GridView, LoadingCells
from fluxlora_desktop.ui.gallery.viewer import Viewer
from fluxlora_desktop.ui.gallery.words import LOST, ON_ITS_WAY, again_words
from fluxlora_desktop.ui.page import Page
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import Card, EmptyState, button, column, row

_MOST_CHOSEN = 5000
"""Pictures that one command is about at most; more rows can be selected than are read."""
_NOT_SENT = "It was not sent: the app was closed or the order was stopped. Nothing was charged."
_TIDY_MS = 700


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
    ) -> None:
        super().__init__("gallery", "Gallery")
        self.hint.setText("Write a prompt, choose a LoRA, and the pictures appear one by one.")
        self._pictures, self._loras = pictures, loras
        self._query = GalleryQuery()
        self._asked = False
        self.panel = PromptPanel(pictures=pictures, loras=loras)
        self.filters = FilterBar()
        self.orders = OrdersLine()
        self.model = PictureModel()
        self.thumbs = ThumbLoader(jobs, self)
        self.grid = GridView()
        self.grid.setObjectName("gallery_grid")
        self.grid.setAccessibleName("Pictures")
        self.delegate = PictureDelegate(
            thumbs=self.thumbs, thumb_path=pictures.thumb, price_of=self._price_of
        )
        self.grid.setItemDelegate(self.delegate)
        self.grid.setModel(self.model)
        self.commands = PictureCommands(
            self.grid,
            pictures=pictures,
            jobs=jobs,
            choose_target=choose_target,
            choose_folder=choose_folder,
        )
        self.inspector = Inspector(self.commands)
        self.viewer = Viewer(
            pictures=pictures, jobs=jobs, choose_target=choose_target, choose_folder=choose_folder
        )
        self._tidy = QTimer(self, interval=_TIDY_MS)
        self._tidy.timeout.connect(self._read_what_was_left)
        self._build()
        self._connect()
        self._show_loras()
        self._show_generators()
        self._show_rows()

    def _build(self) -> None:
        write = button("Write a prompt", self._on_write)
        show_all = button("Clear the filter", self.filters.clear)
        self.empty = EmptyState(
            "gallery",
            "Your pictures appear here",
            write,
            hint="Write what you want to see, choose how many, and press Make pictures.",
        )
        self.no_match = EmptyState("search", "No picture matches", show_all)
        self.unread = EmptyState(
            "error",
            "The pictures could not be read",
            button("Try again", self._look_up),
            hint="Nothing was lost and nothing was charged.",
        )
        self.loading = LoadingCells()
        cells = QWidget()
        cells.setMinimumSize(200, 140)
        self._cells = QStackedLayout(cells)
        for part in (self.loading, self.empty, self.no_match, self.unread, self.grid):
            self._cells.addWidget(part)
        card = Card(margin=6)
        card.body.addWidget(cells)
        right = column(self.filters, self.orders, card, self.inspector, spacing=10)
        right.setStretch(2, 1)
        browse = QWidget()
        whole = row(self.panel, right, spacing=16)
        whole.setStretch(1, 1)
        browse.setLayout(whole)
        places = QWidget()
        self._places = QStackedLayout(places)
        self._places.addWidget(browse)
        self._places.addWidget(self.viewer)
        self.body.addWidget(places, 1)

    def _connect(self) -> None:
        desk = self._pictures
        desk.rows_ready.connect(self._on_rows)
        desk.page_ready.connect(self._on_page)
        desk.ordered.connect(self._on_ordered)
        desk.changed.connect(self._on_changed)
        desk.removed.connect(self._on_removed)
        desk.restored.connect(self._on_restored)
        desk.offers_changed.connect(self._show_generators)
        desk.failed.connect(self._on_failed)
        self._loras.listed.connect(self._show_loras)
        self._loras.changed.connect(self._show_loras)
        self.panel.make_requested.connect(desk.make)
        self.filters.changed.connect(self._on_filter)
        self.orders.stop_requested.connect(desk.stop)
        self.model.needed.connect(desk.read)
        self.thumbs.ready.connect(self._on_thumb)
        self.grid.painted.connect(self.model.want)
        self.grid.opened.connect(self._on_opened)
        self.grid.drag_wanted.connect(self._on_drag)
        self.grid.customContextMenuRequested.connect(self._on_menu)
        self.grid.selectionModel().selectionChanged.connect(self._on_selected)
        self.delegate.again_requested.connect(self._on_again)
        self.viewer.step_wanted.connect(self._on_step)
        self.viewer.closed.connect(self._on_viewer_closed)
        for commands in (self.commands, self.viewer.commands):
            commands.reuse_requested.connect(self._on_reuse)
            commands.again_requested.connect(self._on_again)
            commands.reveal_requested.connect(self.reveal_requested)

    def shown(self) -> None:
        """Look the pictures up, and once ask the services what they offer now."""
        self._look_up()
        if not self._asked:
            self._asked = True
            self._pictures.refresh_offers()

    def arrive(self, what: object) -> None:
        """Take a LoRA (itself or its id), an order, or a picture whose settings are used again."""
        if isinstance(what, Lora):
            self.panel.choose_lora(what.id)
        elif isinstance(what, str):
            self.panel.choose_lora(what)
        elif isinstance(what, PictureRequest):
            self._fill(what)
        elif isinstance(what, Picture):
            self._on_reuse(what)
        if what is not None:
            self._on_viewer_closed()
            self.panel.prompt.setFocus()

    def on_theme_changed(self) -> None:
        """Draw what depends on the look again."""
        super().on_theme_changed()
        self.filters.on_theme_changed()
        self.panel.on_theme_changed()
        self.grid.viewport().update()

    @property
    def viewing(self) -> bool:
        """Tell whether one picture is shown large."""
        return self._places.currentWidget() is self.viewer

    def _fill(self, request: PictureRequest) -> None:
        gone = self.panel.fill(request)
        if gone:
            names = " and ".join(gone)
            self._pictures.said.emit(f"{names} is no longer in the library; the rest is filled in.")

    @Slot()
    def _show_loras(self) -> None:
        self.filters.show_loras(self._loras.loras())

    @Slot()
    def _show_generators(self) -> None:
        offers = self._pictures.offers(())
        services = dict.fromkeys((offer.generator_title, offer.generator) for offer in offers)
        self.filters.show_generators(services)
        self.grid.viewport().update()

    def _price_of(self, picture: Picture) -> str:
        return price_again(picture, self._pictures)

    @Slot(object)
    def _on_filter(self, query: GalleryQuery) -> None:
        if query != self._query:
            self._query = query
            self._pictures.find(query)

    def _look_up(self) -> None:
        if self._cells.currentWidget() is self.unread:
            self._cells.setCurrentWidget(self.loading)
        self._pictures.find(self._query)

    @Slot()
    def _on_failed(self) -> None:
        if self._cells.currentWidget() is self.loading:
            self._cells.setCurrentWidget(self.unread)

    @Slot(object)
    def _on_rows(self, rows: GalleryRows) -> None:
        if rows.query == self._query:
            self.model.show(rows.ids)
            self._cells.setCurrentWidget(self.grid)
            self._show_rows(known=True)

    @Slot(object)
    def _on_page(self, pictures: tuple[Picture, ...]) -> None:
        self.model.take(map(self._as_it_stands, pictures))
        self._on_selected()

    def _as_it_stands(self, picture: Picture) -> Picture:
        """Show a picture that waits for an order of an earlier start of the app as not made."""
        abandoned = not self.orders.seen(picture.order_id) and not self._pictures.making()
        if picture.state in ON_ITS_WAY and abandoned:
            return replace(picture, state=PictureState.FAILED, error=_NOT_SENT)
        return picture

    @Slot(object)
    def _on_ordered(self, pictures: tuple[Picture, ...]) -> None:
        self.orders.follow(pictures)
        self._tidy.start()
        self.model.take(pictures)
        if self._query == GalleryQuery():
            self.model.add(pictures)
            self.grid.scrollToTop()
        else:
            self._pictures.find(self._query)
        self._show_rows(known=True)

    @Slot(object)
    def _on_changed(self, picture: Picture) -> None:
        self.orders.note_change(picture)
        self.model.take((picture,))
        shown = self.viewer.picture
        if shown is not None and shown.id == picture.id and self.viewing:
            self.viewer.show_picture(picture, None)
        if picture.id in {chosen.id for chosen in self.commands.chosen}:
            self._on_selected()

    @Slot()
    def _read_what_was_left(self) -> None:
        """Read pictures anew whose order ended in the middle: it says nothing about them."""
        if self._pictures.making():
            return
        self._tidy.stop()
        left = self.orders.under_way()
        if left:
            self.orders.forget()
            self._pictures.read(left)

    @Slot(object)
    def _on_removed(self, ids: tuple[str, ...]) -> None:
        here = self.grid.currentIndex().row()
        self.model.remove(ids)
        self._show_rows(known=True)
        after = min(here, self.model.rowCount() - 1)
        if after >= 0:
            self.grid.setCurrentIndex(self.model.index(after))
        if not self.viewing:
            return
        if after >= 0:
            self._view(after)
        else:
            self._on_viewer_closed()

    @Slot(object)
    def _on_restored(self, _ids: tuple[str, ...]) -> None:
        self._pictures.find(self._query)

    def _show_rows(self, *, known: bool = False) -> None:
        """Show which of the four states the grid is in."""
        count, everything = self.model.rowCount(), self._query == GalleryQuery()
        self.orders.show_count(count, filtered=not everything)
        nothing = self.empty if everything else self.no_match
        self._cells.setCurrentWidget(self.grid if count else nothing if known else self.loading)
        self._on_selected()

    @Slot()
    def _on_selected(self) -> None:
        rows: list[int] = []
        selected = 0
        selection = self.grid.selectionModel().selection()
        for span in map(selection.at, range(selection.count())):
            selected += span.height()
            rows += range(span.top(), span.top() + span.height())[: _MOST_CHOSEN - len(rows)]
        chosen = tuple(p for p in map(self.model.picture, sorted(rows)) if p is not None)
        if len(chosen) < len(rows):
            self.model.want(min(rows), max(rows))
        self.commands.show(chosen)
        one = chosen[0] if len(chosen) == 1 else None
        self.inspector.show_pictures(chosen, selected, self._again_words(one))

    def _again_words(self, picture: Picture | None) -> str:
        if picture is None or picture.state not in LOST:
            return "Make it again"
        price = self._price_of(picture)
        return again_words(picture) + (f", {price}" if price else "")

    @Slot(str)
    def _on_thumb(self, _path: str) -> None:
        self.grid.viewport().update()

    @Slot(QModelIndex)
    def _on_opened(self, index: QModelIndex) -> None:
        self._view(index.row())

    def _view(self, row_number: int) -> None:
        picture = self.model.picture(row_number)
        self.model.want(row_number - 1, row_number + 1)
        if picture is None:
            return
        path = self._pictures.thumb(picture)
        thumb = self.thumbs.get(path, THUMB_SIDE) if path else None
        self.viewer.show_picture(picture, thumb)
        self.viewer.show_again(self._again_words(picture))
        self.viewer.show_place(row_number, self.model.rowCount())
        self._places.setCurrentWidget(self.viewer)
        self.hint.hide()
        self.title.hide()
        self.viewer.canvas.setFocus()

    @Slot(int)
    def _on_step(self, step: int) -> None:
        there = self.grid.currentIndex().row() + step
        if 0 <= there < self.model.rowCount():
            self.grid.setCurrentIndex(self.model.index(there))
            self._view(there)

    @Slot()
    def _on_viewer_closed(self) -> None:
        if not self.viewing:
            return
        self.viewer.leave()
        self._places.setCurrentIndex(0)
        self.hint.show()
        self.title.show()
        self.grid.setFocus()

    @Slot(object)
    def _on_reuse(self, picture: Picture) -> None:
        self._on_viewer_closed()
        self._fill(request_of(picture, self._loras))
        self.panel.prompt.setFocus()

    @Slot(object)
    def _on_again(self, picture: Picture) -> None:
        self._pictures.make(request_of(picture, self._loras))

    @Slot()
    def _on_write(self) -> None:
        self.panel.prompt.setFocus()

    @Slot()
    def _on_drag(self) -> None:
        path = self._pictures.thumb(self.commands.chosen[0]) if self.commands.chosen else None
        cover = self.thumbs.get(path, THUMB_SIDE) if path else None
        self.commands.drag(
            cover.scaledToWidth(96, Qt.TransformationMode.SmoothTransformation) if cover else None
        )

    @Slot(QPoint)
    def _on_menu(self, point: QPoint) -> None:
        if self.commands.chosen:
            self.commands.menu(self.grid).popup(self.grid.viewport().mapToGlobal(point))
