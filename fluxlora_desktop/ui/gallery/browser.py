"""The pictures: filter, what is being made, the grid in its four states, what is selected."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QModelIndex, QPoint, Qt, Signal, Slot
from PySide6.QtGui import QAction, QPixmap
from PySide6.QtWidgets import QStackedLayout, QWidget

from fluxlora_desktop.domain.gallery import EVERYTHING, PictureFilter, PictureQuery, PictureSort
from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.gallery import GalleryDesk
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.pictures import GalleryRows, PictureDesk
from fluxlora_desktop.ui.desks.queue import OrderOver
from fluxlora_desktop.ui.gallery.again import price_again
from fluxlora_desktop.ui.gallery.cells import LoadingCells
from fluxlora_desktop.ui.gallery.commands import PictureCommands
from fluxlora_desktop.ui.gallery.delegate import PictureDelegate
from fluxlora_desktop.ui.gallery.dialogs import ChooseFolder, ChooseTarget
from fluxlora_desktop.ui.gallery.filters import FilterBar
from fluxlora_desktop.ui.gallery.inspector import Inspector
from fluxlora_desktop.ui.gallery.model import PictureModel
from fluxlora_desktop.ui.gallery.orders import OrdersLine
from fluxlora_desktop.ui.gallery.place import go_back, remember, selected_ids
from fluxlora_desktop.ui.gallery.view import GridView
from fluxlora_desktop.ui.gallery.words import LOST, ON_ITS_WAY, again_words
from fluxlora_desktop.ui.shortcuts import Group, describe
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import Card, EmptyState, button, column
from fluxlora_desktop.workflows.events import PictureAdvanced

_MOST_CHOSEN = 5000
"""Pictures that one command is about at most; more rows can be selected than are read."""
_NOT_SENT = "It was not sent: the app was closed or the order was stopped. Nothing was charged."
_LOST_TRACK = "The app lost track of it while it was made."
_DRAG_COVER = 96


class PictureBrowser(QWidget):
    """Shows the gallery's pictures.

    `opened(int)` names the row that shall be shown large, `again_requested(Picture)` one that was
    lost and shall be made again, `write_wanted()` asks for the prompt.
    """

    opened = Signal(int)
    again_requested = Signal(object)
    write_wanted = Signal()

    def __init__(
        self,
        *,
        pictures: PictureDesk,
        gallery: GalleryDesk,
        loras: LoraDesk,
        jobs: JobRunner,
        choose_target: ChooseTarget,
        choose_folder: ChooseFolder,
    ) -> None:
        super().__init__()
        self._pictures, self._gallery, self._loras = pictures, gallery, loras
        self.filters = FilterBar(gallery.filter)
        self._query = self.filters.query()
        self._found = self._query
        self.orders = OrdersLine(pictures)
        self.model = PictureModel(self)
        self._thumbs = ThumbLoader(jobs, self, locate=pictures.locate)
        self.grid = GridView()
        self.grid.setObjectName("gallery_grid")
        self.grid.setAccessibleName("Pictures")
        self._delegate = PictureDelegate(thumbs=self._thumbs, price_of=self._price_of)
        self.grid.setItemDelegate(self._delegate)
        self.grid.setModel(self.model)
        self.commands = PictureCommands(
            self.grid,
            pictures=pictures,
            gallery=gallery,
            jobs=jobs,
            choose_target=choose_target,
            choose_folder=choose_folder,
        )
        self.inspector = Inspector(self.commands)
        self._build()
        self._connect()
        self._escape = QAction("Clear the selection, then the filter", self)
        self._escape.setShortcut(Qt.Key.Key_Escape)
        self._escape.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._escape.triggered.connect(self._on_escape)
        describe(self._escape, self._escape.text(), Group.FIND)
        self.addAction(self._escape)
        self._show_loras()
        self._show_rows()

    def _build(self) -> None:
        self.empty = EmptyState(
            "gallery",
            "Your pictures appear here",
            button("Write a prompt", self.write_wanted.emit),
            hint="Write what you want to see, choose how many, and press Make pictures. "
            "Pictures of other programs may be dropped here.",
        )
        self.no_match = EmptyState(
            "search", "No picture matches", button("Clear the filter", self.filters.clear)
        )
        self.no_trash = EmptyState(
            "trash",
            "The trash is empty",
            button("Back to the pictures", self.filters.clear),
            hint="What you move to the trash can be brought back for 30 days.",
        )
        self.unread = EmptyState(
            "error",
            "The pictures could not be read",
            button("Try again", self.look_up),
            hint="Nothing was lost and nothing was charged.",
        )
        self._loading = LoadingCells()
        cells = QWidget()
        cells.setMinimumSize(200, 140)
        self._cells = QStackedLayout(cells)
        for part in self._states():
            self._cells.addWidget(part)
        self.card = Card(margin=6)
        self.card.body.addWidget(cells)
        whole = column(self.filters, self.orders, self.card, self.inspector, spacing=10)
        whole.setStretch(2, 1)
        self.setLayout(whole)

    def _states(self) -> tuple[QWidget, ...]:
        empty = (self.empty, self.no_match, self.no_trash)
        return (self._loading, *empty, self.unread, self.grid)

    def _connect(self) -> None:
        desk = self._pictures
        desk.rows_ready.connect(self._on_rows)
        desk.first_ready.connect(self._on_first)
        desk.page_ready.connect(self._on_page)
        desk.ordered.connect(self._on_ordered)
        desk.changed.connect(self._on_changed)
        desk.advanced.connect(self._on_advanced)
        desk.order_over.connect(self._read_what_was_left)
        desk.offers_changed.connect(self._on_offers)
        marks = self._gallery
        marks.removed.connect(self._on_removed)
        marks.restored.connect(self._on_restored)
        marks.marked.connect(self._on_marked)
        marks.uses_read.connect(self.filters.show_uses)
        desk.failed.connect(self._on_failed)
        self._loras.listed.connect(self._show_loras)
        self._loras.changed.connect(self._show_loras)
        self.filters.changed.connect(self._on_filter)
        self.filters.opened.connect(marks.read_uses)
        self.filters.left.connect(self._on_search_left)
        self.model.needed.connect(desk.read)
        self._thumbs.came.connect(self._on_thumbs)
        self._delegate.again_requested.connect(self.again_requested)
        self.grid.painted.connect(self.model.want)
        self.grid.scrolled.connect(self._delegate.begin_anew)
        self.grid.resized.connect(self._on_resized)
        self.grid.opened.connect(self._on_opened)
        self.grid.drag_wanted.connect(self._on_drag)
        self.grid.customContextMenuRequested.connect(self._on_menu)
        self.grid.selectionModel().selectionChanged.connect(self._on_selected)

    @Slot()
    def look_up(self) -> None:
        """Ask which pictures there are."""
        if self._cells.currentWidget() is self.unread:
            self._cells.setCurrentWidget(self._loading)
        self._query = self.filters.query()
        self._pictures.find(self._query)

    def show_filter(self, chosen: PictureFilter) -> None:
        """Show what a filter asks for."""
        self.filters.show_filter(chosen)

    def go_to(self, row: int) -> None:
        """Make a row the current one, in view."""
        self.grid.setCurrentIndex(self.model.index(row))

    def row(self) -> int:
        """Return the current row, or -1."""
        return self.grid.currentIndex().row()

    def thumb(self, picture: Picture) -> QPixmap | None:
        """Return a picture's thumbnail when it is decoded."""
        return self._thumbs.get(picture.thumb, self._delegate.side) if picture.thumb else None

    def again_words(self, picture: Picture | None) -> str:
        """Return what the button says that makes a lost picture again."""
        if picture is None or picture.state not in LOST:
            return "Make it again"
        price = self._price_of(picture)
        return again_words(picture) + (f", {price}" if price else "")

    def on_theme_changed(self) -> None:
        """Draw what depends on the look again."""
        self.filters.on_theme_changed()
        self.commands.on_theme_changed()
        self.grid.viewport().update()

    def _price_of(self, picture: Picture) -> str:
        return price_again(picture, self._pictures)

    @Slot()
    def _show_loras(self) -> None:
        self.filters.show_loras(self._loras.loras())

    @Slot()
    def _on_offers(self) -> None:
        self._on_selected()
        self.grid.viewport().update()

    @Slot(object)
    def _on_filter(self, query: PictureQuery) -> None:
        self._gallery.filter = self.filters.chosen
        if query != self._query:
            self._query = query
            self._pictures.find(query)

    @Slot()
    def _on_escape(self) -> None:
        """Take back the last narrowing: the selection, then words and filter."""
        if self.grid.selectionModel().hasSelection():
            self.grid.clearSelection()
        elif self.filters.filtered():
            self.filters.clear()
        self.grid.setFocus()

    @Slot()
    def _on_search_left(self) -> None:
        """Go from the search to the first of what it found."""
        if self.model.rowCount():
            self.grid.setFocus()
            if not self.grid.currentIndex().isValid():
                self.go_to(0)

    @Slot()
    def _on_failed(self) -> None:
        self.model.ask_again()
        if self._cells.currentWidget() is self._loading:
            self._cells.setCurrentWidget(self.unread)

    @Slot(object)
    def _on_rows(self, rows: GalleryRows) -> None:
        if rows.query != self._query:
            return
        place = remember(self.grid, self.model)
        if rows.query != self._found and not self.model.shows(rows.ids):
            # Another question with another answer: the best of it is at the top.
            place = replace(place, top="", selected=frozenset())
            self.grid.scrollToTop()
        self._take_rows(rows)
        self._show_rows(known=True)
        go_back(self.grid, self.model, place)

    @Slot(object)
    def _on_first(self, rows: GalleryRows) -> None:
        """Show the first rows of another question at once: all of them take longer to look up."""
        if rows.query == self._query and (rows.query != self._found or not self.model.rowCount()):
            self._take_rows(rows)
            self.grid.scrollToTop()
            self._cells.setCurrentWidget(self.grid)

    def _take_rows(self, rows: GalleryRows) -> None:
        self._found = rows.query
        self._delegate.begin_anew()
        self.model.show(rows.ids)  # first: among these rows what was read is at the top
        self.model.take(map(self._as_it_stands, rows.first))

    @Slot(object)
    def _on_page(self, pictures: tuple[Picture, ...]) -> None:
        self.model.answer(map(self._as_it_stands, pictures))
        if self.grid.selectionModel().hasSelection():
            self._on_selected()

    def _as_it_stands(self, picture: Picture) -> Picture:
        """Show a picture whose order has ended without it as what that means for the person."""
        if picture.state not in ON_ITS_WAY or self.orders.seen(picture.order_id):
            return picture
        if self._pictures.waits_for(picture.order_id):
            return picture
        if picture.state is PictureState.WAITING or self._pictures.is_free(picture):
            return replace(picture, state=PictureState.FAILED, error=_NOT_SENT)
        return replace(picture, state=PictureState.MAYBE_CHARGED, error=_LOST_TRACK)

    @Slot(object)
    def _on_ordered(self, pictures: tuple[Picture, ...]) -> None:
        self.orders.follow(pictures)
        if self._query == EVERYTHING and self._found == EVERYTHING:
            place = remember(self.grid, self.model)
            self.model.add(pictures)
            self._show_rows(known=True)
            go_back(self.grid, self.model, place)
        else:
            self.model.take(pictures)
            self._pictures.find(self._query)

    @Slot(object)
    def _on_changed(self, picture: Picture) -> None:
        self.orders.note_change(picture)
        self.model.take((picture,))
        if picture.id in {chosen.id for chosen in self.commands.chosen}:
            self._on_selected()

    @Slot(object)
    def _on_advanced(self, told: PictureAdvanced) -> None:
        self.model.show_steps(told.picture_id, told.steps)

    @Slot(object)
    def _on_marked(self, pictures: tuple[Picture, ...]) -> None:
        """Show marks; where they are what is asked for, look up what is shown now."""
        self.model.take(map(self._as_it_stands, pictures[:_MOST_CHOSEN]))
        self._on_selected()
        query = self._query
        if query.favourite or query.rating or query.tag or query.sort is PictureSort.BEST:
            self._pictures.find(query)

    @Slot(object)
    def _read_what_was_left(self, over: OrderOver) -> None:
        """Read pictures anew whose order ended in the middle: it says nothing about them."""
        left = self.orders.left_behind(over.order.id)
        if left:
            self._pictures.read(left)

    @Slot(object)
    def _on_removed(self, ids: tuple[str, ...]) -> None:
        here = self.row()
        self.model.remove(ids)
        self.model.forget(ids)
        self._show_rows(known=True)
        after = min(here, self.model.rowCount() - 1)
        if after >= 0:
            self.go_to(after)

    @Slot(object)
    def _on_restored(self, ids: tuple[str, ...]) -> None:
        self.model.forget(ids)
        self.look_up()

    def _show_rows(self, *, known: bool = False) -> None:
        """Show which of the four states the grid is in."""
        count, filtered = self.model.rowCount(), self.filters.filtered()
        self.orders.show_count(count, filtered=filtered, trashed=self._query.trashed)
        nothing = self.no_match if filtered else self.empty
        if replace(self._query, sort=EVERYTHING.sort) == replace(EVERYTHING, trashed=True):
            nothing = self.no_trash
        self._cells.setCurrentWidget(self.grid if count else nothing if known else self._loading)
        self._on_selected()

    @Slot()
    def _on_selected(self) -> None:
        selection = self.grid.selectionModel().selection()
        rows: list[int] = []
        selected = 0
        for span in map(selection.at, range(selection.count())):
            selected += span.height()
            rows += range(span.top(), span.top() + span.height())[: _MOST_CHOSEN - len(rows)]
        chosen = tuple(p for p in map(self.model.picture, sorted(rows)) if p is not None)
        if len(chosen) < len(rows):
            self.model.want(min(rows), max(rows))
        self.commands.show(chosen, partial(selected_ids, self.grid, self.model))
        one = chosen[0] if len(chosen) == 1 else None
        price = self._price_of(one) if one is not None and one.state in LOST else ""
        self.inspector.show_pictures(chosen, selected, self.again_words(one), price)

    @Slot(object)
    def _on_thumbs(self, paths: frozenset[str]) -> None:
        first, last = self.grid.rows_in_sight()
        seen = enumerate(self.model.pictures(first, last), start=first)
        self.grid.update_rows(row for row, one in seen if one is not None and one.thumb in paths)

    @Slot(int)
    def _on_resized(self, side: int) -> None:
        """Ask for thumbnails as large as they are shown now; until then the old ones are scaled."""
        self._delegate.begin_anew()
        self._delegate.side = side

    @Slot(QModelIndex)
    def _on_opened(self, index: QModelIndex) -> None:
        self.opened.emit(index.row())

    @Slot()
    def _on_drag(self) -> None:
        cover = self.thumb(self.commands.chosen[0]) if self.commands.chosen else None
        smooth = Qt.TransformationMode.SmoothTransformation
        self.commands.drag(cover.scaledToWidth(_DRAG_COVER, smooth) if cover else None)

    @Slot(QPoint)
    def _on_menu(self, point: QPoint) -> None:
        if self.commands.chosen:
            self.commands.menu(self.grid).popup(self.grid.viewport().mapToGlobal(point))
