"""The dialog with the captions that a run's trainer wrote: to read, to copy, to use again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetricsF, QGuiApplication, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QDialog,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from fluxlora_desktop.domain.datasets import DatasetPhoto
from fluxlora_desktop.domain.names import shown_name
from fluxlora_desktop.domain.ports import Files
from fluxlora_desktop.ui import theme
from fluxlora_desktop.ui.create.photo_model import thumb_of
from fluxlora_desktop.ui.create.photo_paint import paint_cover, paint_ring, prepare
from fluxlora_desktop.ui.desks.runs import RunCaptions
from fluxlora_desktop.ui.theme import color
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import Card, button, column, label, row
from fluxlora_desktop.ui.wording import plural

Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
_ROLE = Qt.ItemDataRole.UserRole + 1
_THUMB, _PAD, _GAP = 64, 8, 12
_WRAP = int(Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignTop)
_HIGHEST = 2000.0


class WrittenModel(QAbstractListModel):
    """Photos, each with what was written for it."""

    def __init__(self, photos: Sequence[DatasetPhoto], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._photos = tuple(photos)

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Return how many there are."""
        return 0 if parent.isValid() else len(self._photos)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a photo, its caption, or both as words for a screen reader."""
        if not index.isValid() or index.row() >= len(self._photos):
            return None
        item = self._photos[index.row()]
        if role == _ROLE:
            return item
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{shown_name(item.photo.name)}: {item.caption}"
        return item.caption if role == Qt.ItemDataRole.DisplayRole else None


class WrittenDelegate(QStyledItemDelegate):
    """Paints a photo, its name, and the whole caption in as many lines as it takes."""

    def __init__(self, view: QListView, files: Files, thumbs: ThumbLoader) -> None:
        super().__init__(view)
        self._view, self._files, self._thumbs = view, files, thumbs

    def _room(self) -> float:
        """Return the width for words; that of the scroll bar is kept free at all times."""
        bar = self._view.verticalScrollBar().sizeHint().width()
        return max(80.0, self._view.width() - bar - _THUMB - _GAP - 2 * _PAD - 4)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return room for the photo and for all words."""
        name, body = (QFontMetricsF(theme.font(size)) for size in (theme.CAPTION, theme.BODY))
        box = QRectF(0, 0, self._room(), _HIGHEST)
        words = body.boundingRect(box, _WRAP, str(index.data()))
        height = max(float(_THUMB), name.height() + 2 + words.height())
        return QSize(120, round(height) + 2 * _PAD)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one row."""
        item = index.data(_ROLE)
        if not isinstance(item, DatasetPhoto):
            return
        painter.save()
        prepare(painter)
        whole = QRectF(option.rect).adjusted(1, 1, -1, -1)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color("accent_soft"))
            painter.drawRoundedRect(whole, theme.RADIUS, theme.RADIUS)
        if option.state & QStyle.StateFlag.State_HasFocus:
            paint_ring(painter, whole, theme.RADIUS)
        box = QRectF(whole.left() + _PAD, whole.top() + _PAD - 1, _THUMB, _THUMB)
        picture = self._thumbs.get(thumb_of(item, self._files), _THUMB, fill=True)
        paint_cover(painter, box, picture, theme.THUMB_RADIUS)
        words = QRectF(box.right() + _GAP, box.top(), self._room(), whole.bottom() - box.top())
        self._paint_words(painter, words, item)
        painter.restore()

    def _paint_words(self, painter: QPainter, box: QRectF, item: DatasetPhoto) -> None:
        painter.setFont(theme.font(theme.CAPTION))
        painter.setPen(color("muted"))
        small = painter.fontMetrics()
        elide = Qt.TextElideMode.ElideMiddle
        name = small.elidedText(shown_name(item.photo.name), elide, round(box.width()))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignTop), name)
        box.setTop(box.top() + QFontMetricsF(painter.font()).height() + 2)
        painter.setFont(theme.font(theme.BODY))
        painter.setPen(color("text"))
        painter.drawText(box, _WRAP, item.caption)


class WrittenList(QListView):
    """The captions, to read by arrows and to choose from; `copying()` by Ctrl+C."""

    copying = Signal()

    def __init__(self, photos: Sequence[DatasetPhoto], files: Files, thumbs: ThumbLoader) -> None:
        super().__init__()
        self.setObjectName("written_captions")
        self.setAccessibleName("Photos and the captions that the trainer wrote")
        self.setModel(WrittenModel(photos, self))
        self.setItemDelegate(WrittenDelegate(self, files, thumbs))
        self.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        thumbs.ready.connect(self._on_thumb)
        self.setCurrentIndex(self.model().index(0, 0))

    def chosen(self) -> tuple[str, ...]:
        """Return the captions that are selected, in their order."""
        rows = sorted(self.selectedIndexes(), key=lambda index: index.row())
        return tuple(str(index.data()) for index in rows)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy what is selected."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copying.emit()
        else:
            super().keyPressEvent(event)

    def _on_thumb(self, _path: str) -> None:
        self.viewport().update()


class CaptionsDialog(QDialog):
    """Shows what the trainer wrote; `using()` when it shall go into a draft."""

    using = Signal()

    def __init__(
        self,
        written: RunCaptions,
        files: Files,
        thumbs: ThumbLoader,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        photos = written.captions.photos
        self._all = tuple(item.caption for item in photos)
        title = "Captions the trainer wrote"
        self.setWindowTitle(title)
        self.setAccessibleName(title)
        self.setObjectName("run_captions")
        self.resize(640, 560)
        name = shown_name(written.run.plan.name) or "this training"
        count = plural(len(photos), "photo")
        self.says = label(f"{name}, {count} without a caption of your own.", "muted", wrap=True)
        self.list = WrittenList(photos, files, thumbs)
        self.list.copying.connect(self._copy_chosen)
        self.copy_button = button("Copy all", self._copy_all, symbol="copy")
        self.close_button = button("Close", self.reject)
        self.use_button = button("Use these captions", self._use, role="primary")
        self.use_button.setObjectName("use_run_captions")
        self.use_button.setDefault(True)
        card = Card(margin=4)
        card.body.addWidget(self.list)
        foot = row(self.copy_button, None, self.close_button, self.use_button)
        layout = column(label(title, "section"), self.says, card, foot, spacing=12, margin=20)
        layout.setStretch(2, 1)
        self.setLayout(layout)
        self.list.setFocus()

    def _copy_all(self) -> None:
        self._copy(self._all)

    def _copy_chosen(self) -> None:
        self._copy(self.list.chosen())

    def _copy(self, captions: Sequence[str]) -> None:
        if captions:
            QGuiApplication.clipboard().setText("\n".join(captions))
            self.says.setText(f"{plural(len(captions), 'caption')} copied, each in a line.")

    def _use(self) -> None:
        self.accept()
        self.using.emit()
