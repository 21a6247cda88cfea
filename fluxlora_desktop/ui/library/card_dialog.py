"""The dialog in which pictures of the gallery are chosen for a Lora's card on the hub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QSize, Qt, Signal, Slot
from PySide6.QtGui import QIcon, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QListWidget,
    QListWidgetItem,
    QStackedWidget,
    QWidget,
)

from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.gallery.delegate import PictureDelegate
from fluxlora_desktop.ui.gallery.model import PictureModel
from fluxlora_desktop.ui.gallery.view import GridView
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import EmptyState, button, column, label, row
from fluxlora_desktop.ui.wording import plural
from fluxlora_desktop.workflows.card import MOST_ON_CARD

_SMALL = 56
_ID = Qt.ItemDataRole.UserRole
_KEYS = "Space chooses. In the list, Alt+Up and Alt+Down change the order, Delete takes one out."


class CardDialog(QDialog):
    """Offers the pictures made with a Lora; `decided(tuple of ids)` in the order of the card.

    `make_wanted()` asks for pictures where there are none.
    """

    decided = Signal(object)
    make_wanted = Signal()

    def __init__(
        self,
        lora: Lora,
        *,
        jobs: JobRunner,
        locate: Callable[[str], Path],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        assert lora.publication is not None
        self.setWindowTitle("Pictures on the card")
        self.setObjectName("card_dialog")
        self.resize(940, 620)
        self._lora, self._publication = lora, lora.publication
        self._thumbs = ThumbLoader(jobs, self, locate=locate)
        self._pictures: dict[str, Picture] = {}
        self._filling = False
        self.model = PictureModel(self)
        self.grid = GridView()
        self.grid.setAccessibleName(f"Pictures made with {lora.name}")
        self.grid.setSelectionMode(QAbstractItemView.SelectionMode.MultiSelection)
        self.grid.setDragEnabled(False)
        self._delegate = PictureDelegate(thumbs=self._thumbs, price_of=_no_price)
        self.grid.setItemDelegate(self._delegate)
        self.grid.setModel(self.model)
        self.chosen = QListWidget()
        self.chosen.setAccessibleName("On the card, in this order")
        self.chosen.setIconSize(QSize(_SMALL, _SMALL))
        self.chosen.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.chosen.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.count = label("", "muted")
        self.put = button("", self._on_put, role="primary")
        self._lay_out()
        self._connect()
        self._show_count()

    def _lay_out(self) -> None:
        who = (
            "Everybody can see them there."
            if self._publication.public
            else "Only you can see them while the repo is private."
        )
        says = label(
            f"Choose up to {MOST_ON_CARD} pictures for {self._publication.repo}. They are sent "
            f"without metadata; each one's prompt stands below it. {who}",
            wrap=True,
        )
        self._loading = EmptyState("clock", "Looking for pictures")
        self._nothing = EmptyState(
            "gallery",
            f"No pictures were made with {self._lora.name} yet",
            button("Make pictures", self._on_make),
        )
        self._places = QStackedWidget()
        for place in (self._loading, self._nothing, self.grid):
            self._places.addWidget(place)
        right = QWidget()
        right.setFixedWidth(280)
        right.setLayout(column(label("On the card, in this order", "section"), self.chosen))
        beside = row(self._places, right, spacing=12)
        beside.setStretch(0, 1)
        cancel = button("Cancel", self.reject)
        foot = row(self.count, None, cancel, self.put)
        laid = column(says, beside, label(_KEYS, "caption"), foot, spacing=12, margin=16)
        laid.setStretch(1, 1)
        self.setLayout(laid)

    def _connect(self) -> None:
        self.grid.selectionModel().selectionChanged.connect(self._on_selected)
        self.grid.doubleClicked.disconnect(self.grid.opened)  # two clicks choose and let go
        self.grid.opened.connect(self._on_toggled)
        self._thumbs.ready.connect(self._on_thumb)
        keys = (
            ("Alt+Up", self._on_up),
            ("Alt+Down", self._on_down),
            (QKeySequence.StandardKey.Delete, self._on_take_out),
        )
        for key, slot in keys:
            shortcut = QShortcut(QKeySequence(key), self.chosen, slot)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)

    def show_pictures(self, pictures: Sequence[Picture], chosen: Sequence[str]) -> None:
        """Offer these pictures, newest first; `chosen` are the ids of those on the card by now."""
        self._pictures = {picture.id: picture for picture in pictures}
        self.model.show([picture.id for picture in pictures])
        self.model.take(pictures)
        self._places.setCurrentWidget(self.grid if pictures else self._nothing)
        for picture_id in chosen:
            self._select(picture_id, True)
        if pictures:
            flag = QItemSelectionModel.SelectionFlag.NoUpdate
            self.grid.selectionModel().setCurrentIndex(self.model.index(0), flag)
            self.grid.setFocus()
        self._show_count()

    def ids(self) -> tuple[str, ...]:
        """Return the chosen pictures in the order of the card."""
        return tuple(item.data(_ID) for item in map(self.chosen.item, range(self.chosen.count())))

    def _select(self, picture_id: str, selected: bool) -> None:
        place = self.model.row_of(picture_id)
        if place >= 0:
            flag = QItemSelectionModel.SelectionFlag
            how = flag.Select if selected else flag.Deselect
            self.grid.selectionModel().select(self.model.index(place), how)

    @Slot(QModelIndex)
    def _on_toggled(self, index: QModelIndex) -> None:
        self.grid.selectionModel().select(index, QItemSelectionModel.SelectionFlag.Toggle)

    @Slot()
    def _on_selected(self) -> None:
        """Take in what was selected, last; take out what was deselected; no more than fit."""
        if self._filling:
            return
        rows = {index.row() for index in self.grid.selectionModel().selectedIndexes()}
        selected = {self.model.id_at(place) for place in rows}
        before = self.ids()
        kept = [picture_id for picture_id in before if picture_id in selected]
        fresh = [self.model.id_at(place) for place in sorted(rows)]
        fresh = [picture_id for picture_id in fresh if picture_id not in before]
        room = MOST_ON_CARD - len(kept)
        self._show_chosen([*kept, *fresh[:room]])
        self._filling = True
        for picture_id in fresh[room:]:
            self._select(picture_id, False)
        self._filling = False
        self._show_count(full=len(fresh) > room)

    def _show_chosen(self, ids: Sequence[str]) -> None:
        self.chosen.clear()
        for picture_id in ids:
            picture = self._pictures[picture_id]
            item = QListWidgetItem(" ".join(picture.prompt.split()))
            item.setData(_ID, picture_id)
            item.setToolTip(picture.prompt)
            item.setSizeHint(QSize(0, _SMALL + 8))
            self.chosen.addItem(item)
        self._show_icons()

    @Slot(str)
    def _on_thumb(self, _path: str) -> None:
        self.grid.viewport().update()
        self._show_icons()

    def _show_icons(self) -> None:
        for item in map(self.chosen.item, range(self.chosen.count())):
            name = self._pictures[item.data(_ID)].thumb
            thumb = self._thumbs.get(name, _SMALL, fill=True) if name else None
            if thumb is not None:
                item.setIcon(QIcon(thumb))

    def _show_count(self, *, full: bool = False) -> None:
        number, before = self.chosen.count(), self._publication.pictures
        says = f"{number} of at most {MOST_ON_CARD}"
        self.count.setText(f"{says}: take one out to choose another." if full else says)
        if number:
            self.put.setText(f"Put {plural(number, 'picture')} on the card")
        else:
            self.put.setText("Take all pictures off the card" if before else "Put on the card")
        self.put.setEnabled(bool(number or before))

    @Slot()
    def _on_up(self) -> None:
        self._move(-1)

    @Slot()
    def _on_down(self) -> None:
        self._move(1)

    def _move(self, step: int) -> None:
        here = self.chosen.currentRow()
        there = here + step
        if here >= 0 and 0 <= there < self.chosen.count():
            self.chosen.insertItem(there, self.chosen.takeItem(here))
            self.chosen.setCurrentRow(there)

    @Slot()
    def _on_take_out(self) -> None:
        item = self.chosen.currentItem()
        if item is not None:
            here = self.chosen.currentRow()
            self._select(item.data(_ID), False)
            self.chosen.setCurrentRow(min(here, self.chosen.count() - 1))

    def _on_make(self) -> None:
        self.make_wanted.emit()
        self.reject()

    def _on_put(self) -> None:
        self.decided.emit(self.ids())
        self.accept()


def _no_price(_picture: Picture) -> str:
    return ""
