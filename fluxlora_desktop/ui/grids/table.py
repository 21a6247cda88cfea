"""The table of a grid: labels that stay, cells that fill, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QGridLayout,
    QHeaderView,
    QSlider,
    QTableView,
    QWidget,
)

from fluxlora_desktop.domain.grids import Axis, AxisKind, GridSpec, is_bare, value_words
from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.grids import GridDesk
from fluxlora_desktop.ui.grids.delegate import GAP, CellDelegate
from fluxlora_desktop.ui.grids.heads import AxisHeads, Head
from fluxlora_desktop.ui.grids.model import GridModel
from fluxlora_desktop.ui.grids.words import Names
from fluxlora_desktop.ui.thumbs import ThumbLoader

SMALLEST, LARGEST = 72, 420
_LEAST_LABELS, _MOST_LABELS = 56, 140
_TALLEST_FIT = 300


class CellsView(QTableView):
    """The cells alone; `opened(int)` and `compare_wanted(int)` with a cell, `zoom_wanted(int)`."""

    opened = Signal(int)
    compare_wanted = Signal(int)
    zoom_wanted = Signal(int)
    resized = Signal()

    def __init__(self, model: GridModel, delegate: CellDelegate) -> None:
        super().__init__()
        self._cells = model
        self.setModel(model)
        delegate.setParent(self)
        self.setItemDelegate(delegate)
        self.setAccessibleName("Pictures of the grid")
        self.setObjectName("grid_cells")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setStyleSheet("selection-background-color: transparent")  # cells mark themselves
        self.setShowGrid(False)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        for header in (self.horizontalHeader(), self.verticalHeader()):
            header.hide()
            header.setMinimumSectionSize(1)
            header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.doubleClicked.connect(self._on_double)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open a cell by Enter or Space, compare it by C, zoom by plus and minus."""
        cell, key = self._cells.cell(self.currentIndex()), event.key()
        if key in {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space} and cell >= 0:
            self.opened.emit(cell)
        elif key == Qt.Key.Key_C and not event.modifiers() and cell >= 0:
            self.compare_wanted.emit(cell)
        elif key in {Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus}:
            self.zoom_wanted.emit(-1 if key == Qt.Key.Key_Minus else 1)
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom while Ctrl is held."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom_wanted.emit(1 if event.angleDelta().y() > 0 else -1)
            event.accept()
            return
        super().wheelEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Say that there is another amount of room."""
        super().resizeEvent(event)
        self.resized.emit()

    @Slot(QModelIndex)
    def _on_double(self, index: QModelIndex) -> None:
        self.opened.emit(self._cells.cell(index))


class GridTable(QWidget):
    """Labels and cells; `chosen(int)` with the current cell, `used(float)` with a strength."""

    chosen = Signal(int)
    used = Signal(float)

    def __init__(self, *, desk: GridDesk, jobs: JobRunner) -> None:
        super().__init__()
        self._width: int | None = None
        self.model = GridModel(self)
        self.thumbs = ThumbLoader(jobs, self)
        self.cells = CellsView(self.model, CellDelegate(thumbs=self.thumbs, thumb_path=desk.thumb))
        self.opened, self.compare_wanted = self.cells.opened, self.cells.compare_wanted
        self.top, self.left = AxisHeads(across=True), AxisHeads(across=False)
        self.zoom = QSlider(Qt.Orientation.Horizontal, self)
        self.zoom.hide()  # the page puts it where it is wanted
        self.zoom.setAccessibleName("Size of the pictures")
        self.zoom.setToolTip("Size of the pictures (Ctrl and the wheel, + and -)")
        self.zoom.setRange(SMALLEST, LARGEST)
        self.zoom.setPageStep(40)
        self.zoom.setFixedWidth(140)
        whole = QGridLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(4)
        whole.addWidget(self.top, 0, 1)
        whole.addWidget(self.left, 1, 0)
        whole.addWidget(self.cells, 1, 1)
        whole.setColumnStretch(1, 1)
        whole.setRowStretch(1, 1)
        self.cells.horizontalScrollBar().valueChanged.connect(self.top.scroll_to)
        self.cells.verticalScrollBar().valueChanged.connect(self.left.scroll_to)
        self.cells.selectionModel().currentChanged.connect(self._on_current)
        self.cells.zoom_wanted.connect(self._on_zoom)
        self.cells.resized.connect(self._fit)
        self.zoom.valueChanged.connect(self._on_slider)
        self.thumbs.ready.connect(self.cells.viewport().update)
        self.top.used.connect(self.used)
        self.left.used.connect(self.used)

    def show_grid(
        self,
        spec: GridSpec | None,
        pictures: Mapping[int, Picture],
        names: Names,
        own_scale: float | None,
    ) -> None:
        """Show a grid, or what one would look like; `own_scale` is the LoRA's, None: no buttons."""
        fresh = self.model.spec is None or spec is None or self.model.spec.count != spec.count
        self.model.show_grid(spec, pictures, names)
        self.top.show_heads(_heads(spec.columns, names, own_scale) if spec else ())
        self.left.show_heads(_heads(spec.rows, names, own_scale) if spec else ())
        self.left.setFixedWidth(max(_LEAST_LABELS, min(_MOST_LABELS, self.left.longest())))
        if fresh:
            self._width = None
        self._fit()

    def cell(self) -> int:
        """Return the current cell, -1 for none."""
        return self.model.cell(self.cells.currentIndex())

    def select(self, cell: int) -> None:
        """Make a cell the current one."""
        if self.model.spec is not None and 0 <= cell < self.model.spec.count:
            index = self.model.index(*self.model.spec.place(cell))
            self.cells.setCurrentIndex(index)
            self.cells.scrollTo(index)

    def on_theme_changed(self) -> None:
        """Paint in the look in force."""
        self.cells.viewport().update()

    @Slot()
    def _fit(self) -> None:
        """Give cells the width that was asked for, else the one at which all columns are seen."""
        spec = self.model.spec
        if spec is None:
            return
        shape = spec.base.height / max(1, spec.base.width)
        room = self.cells.viewport().width() // max(1, spec.width)
        fitted = min(room, round(_TALLEST_FIT / shape) if shape > 1 else _TALLEST_FIT)
        width = self._width or max(SMALLEST, min(LARGEST, fitted))
        height = max(48, round((width - 2 * GAP) * shape) + 2 * GAP)
        self.cells.horizontalHeader().setDefaultSectionSize(width)
        self.cells.verticalHeader().setDefaultSectionSize(height)
        self.top.lay_out(width)
        self.left.lay_out(height)
        blocked = self.zoom.blockSignals(True)
        self.zoom.setValue(width)
        self.zoom.blockSignals(blocked)

    @Slot(int)
    def _on_slider(self, width: int) -> None:
        self._width = width
        self._fit()

    @Slot(int)
    def _on_zoom(self, step: int) -> None:
        self._on_slider(max(SMALLEST, min(LARGEST, self.zoom.value() + step * 24)))

    @Slot(QModelIndex, QModelIndex)
    def _on_current(self, now: QModelIndex, _before: QModelIndex) -> None:
        self.chosen.emit(self.model.cell(now))


def _heads(axis: Axis, names: Names, own_scale: float | None) -> Sequence[Head]:
    heads: list[Head] = []
    for value in axis.values:
        bare = is_bare(axis.kind, value)
        usable = axis.kind is AxisKind.SCALE and own_scale is not None and not bare
        scale = float(value) if usable else None
        own = scale is not None and own_scale is not None and abs(scale - own_scale) < 0.001
        heads.append(Head(value_words(axis.kind, value, names), scale, own, bare))
    return heads
