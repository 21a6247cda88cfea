"""One open grid: its table, what can be done with it, a cell large, two cells side by side."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QStackedLayout, QWidget

from fluxlora_desktop.domain.grids import value_words
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.grids import GridDesk, names_of
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.gallery.dialogs import ChooseTarget
from fluxlora_desktop.ui.gallery.viewer import Viewer
from fluxlora_desktop.ui.grids.compare import CompareView
from fluxlora_desktop.ui.grids.panel import GridPanel, GridView
from fluxlora_desktop.ui.grids.table import GridTable
from fluxlora_desktop.ui.grids.words import base_cell, file_name, scale_of, use_words
from fluxlora_desktop.ui.widgets import Card, row
from fluxlora_desktop.workflows.events import PictureAdvanced
from fluxlora_desktop.workflows.grids import OpenGrid

_THUMB = 384


class GridWork(QWidget):
    """Shows one grid and asks the desks; `place_changed()` when it shows another part of itself.

    `closed()` when its grid is gone, `lora_wanted(str)` with a Lora's id.
    """

    place_changed = Signal()
    closed = Signal()
    lora_wanted = Signal(str)

    def __init__(
        self,
        *,
        grids: GridDesk,
        loras: LoraDesk,
        jobs: JobRunner,
        viewer: Viewer,
        choose_sheet: ChooseTarget,
    ) -> None:
        super().__init__()
        self._grids, self._loras, self._choose_sheet = grids, loras, choose_sheet
        self._id = ""
        self._asking = False
        self.panel = GridPanel()
        self.table = GridTable(desk=grids, jobs=jobs)
        self.compare = CompareView(desk=grids, jobs=jobs)
        self.viewer = viewer
        self._main = Card(margin=12)
        self._main.body.addWidget(self.table)
        self._browse = QWidget()
        inside = row(self.panel, self._main, spacing=16)
        inside.setStretch(1, 1)
        self._browse.setLayout(inside)
        self._places = QStackedLayout(self)
        for place in (self._browse, self.viewer, self.compare):
            self._places.addWidget(place)
        self._listen()

    def _listen(self) -> None:
        self._grids.changed.connect(self._on_picture)
        self._grids.advanced.connect(self._on_advanced)
        self._grids.opened.connect(self._on_read)
        self._grids.rested.connect(self._show)
        for signal in (self._loras.changed, self._loras.listed, self._loras.rested):
            signal.connect(self._show)
        self.table.chosen.connect(self._show)
        self.table.opened.connect(self._view)
        self.table.compare_wanted.connect(self._compare)
        self.table.used.connect(self._use)
        panel = self.panel
        panel.used.connect(self._use)
        panel.stop_wanted.connect(self._on_stop)
        panel.rest_wanted.connect(self._on_rest)
        panel.open_wanted.connect(self._on_open)
        panel.compare_wanted.connect(self._on_compare)
        panel.hub_wanted.connect(self._on_hub)
        panel.hub_declined.connect(self._on_hub_declined)
        panel.export_wanted.connect(self._on_export)
        panel.delete_wanted.connect(self._on_delete)
        panel.lora_wanted.connect(self._on_lora)
        self.viewer.closed.connect(self.back)
        self.viewer.step_wanted.connect(self._on_viewer_step)
        self.compare.closed.connect(self.back)
        self.compare.step_wanted.connect(self._on_compare_step)
        self.compare.used.connect(self._on_compare_used)

    @property
    def grid_id(self) -> str:
        """Return the id of the grid that is open, "" for none."""
        return self._id

    @property
    def browsing(self) -> bool:
        """Tell whether the table is shown, and not one or two of its cells."""
        return self._places.currentWidget() is self._browse

    def current(self) -> OpenGrid | None:
        """Return the grid as it stands, or None."""
        return self._grids.grid(self._id) if self._id else None

    def open(self, grid_id: str) -> None:
        """Show a grid, "" for none."""
        self._id, self._asking = grid_id, False
        self.back()

    @Slot()
    def back(self) -> None:
        """Show the table."""
        self.viewer.leave()
        self.compare.leave()
        self._places.setCurrentWidget(self._browse)
        self._show()
        self.table.cells.setFocus()
        self.place_changed.emit()

    def lora(self) -> Lora | None:
        """Return the Lora that the grid is about, while it is in the library."""
        there = self.current()
        return self._loras.lora(there.grid.lora_id) if there and there.grid.lora_id else None

    @Slot(object)
    def _on_read(self, there: OpenGrid) -> None:
        if there.grid.id == self._id:
            self._show()

    @Slot(object)
    def _on_advanced(self, told: PictureAdvanced) -> None:
        self.table.model.show_steps(told.picture_id, told.steps)

    @Slot(object)
    def _on_picture(self, picture: Picture) -> None:
        if not self._id or picture.grid_id != self._id:
            return
        self._show()
        if self._places.currentWidget() is self.compare and picture.cell == self.table.cell():
            self._compare(picture.cell)

    @Slot()
    def _show(self, _what: object = None) -> None:
        there, lora = self.current(), self.lora()
        if there is None:
            return
        known = self._loras.loras()
        names, own = names_of(there, known), lora.recommended_scale if lora else None
        self.table.show_grid(there.grid.spec, there.pictures, names, own)
        self.panel.show_view(
            GridView(
                there=there,
                names=names,
                cell=self.table.cell(),
                making=self._grids.is_making(there.grid.id),
                rest=self._grids.price_of_rest(there, known),
                lora=lora,
                busy=lora is not None and self._loras.busy(lora.id),
                asking=self._asking,
            )
        )
        self._offer_use()

    @Slot(float)
    def _use(self, scale: float) -> None:
        """Make a strength the LoRA's own; its weights follow, and its card if that is wanted."""
        lora = self.lora()
        if lora is not None and abs(lora.recommended_scale - scale) >= 0.001:
            self._asking = lora.publication is not None
            (self.table.cells if self.browsing else self.compare).setFocus()  # its button greys
            self._loras.set_scale(lora.id, scale, undoable=True)

    def _on_stop(self) -> None:
        self._grids.stop(self._id)

    def _on_rest(self) -> None:
        self._grids.make_rest(self._id)

    def _on_hub(self) -> None:
        lora = self.lora()
        if lora is not None:
            self._asking = False
            self._loras.update_on_hub(lora.id)
            self._show()

    def _on_hub_declined(self) -> None:
        self._asking = False
        self._show()

    def _on_export(self) -> None:
        there = self.current()
        if there is not None:
            self._choose_sheet(self, file_name(there.grid.title), self._save)

    def _save(self, target: Path) -> None:
        if self._id:
            self._grids.export(self._id, target)

    def _on_delete(self) -> None:
        grid_id, self._id = self._id, ""
        self.closed.emit()
        self._grids.delete(grid_id)

    def _on_lora(self) -> None:
        lora = self.lora()
        if lora is not None:
            self.lora_wanted.emit(lora.id)

    def _on_open(self) -> None:
        self._view(self.table.cell())

    def _on_compare(self) -> None:
        self._compare(self.table.cell())

    def _picture(self, cell: int) -> Picture | None:
        there = self.current()
        picture = there.pictures.get(cell) if there else None
        return picture if picture and picture.state is PictureState.DONE else None

    @Slot(int)
    def _view(self, cell: int) -> None:
        """Show a cell large, once it is made."""
        there, picture = self.current(), self._picture(cell)
        if there is None or picture is None:
            return
        path = self._grids.thumb(picture)
        self.viewer.show_picture(picture, self.table.thumbs.get(path, _THUMB) if path else None)
        self.viewer.show_place(cell, there.grid.spec.count)
        self._places.setCurrentWidget(self.viewer)
        self.viewer.canvas.setFocus()
        self.place_changed.emit()

    @Slot(int)
    def _on_viewer_step(self, step: int) -> None:
        there, cell = self.current(), self.table.cell() + step
        while there is not None and 0 <= cell < there.grid.spec.count:
            if self._picture(cell) is not None:
                self.table.select(cell)
                self._view(cell)
                return
            cell += step

    @Slot(int)
    def _compare(self, cell: int) -> None:
        """Show a cell beside its neighbour without the LoRA, else beside its row's first."""
        there = self.current()
        if there is None or cell < 0:
            return
        spec, names = there.grid.spec, names_of(there, self._loras.loras())
        line, pile = spec.place(cell)
        against = base_cell(spec, cell)
        if against is None:
            against = spec.cell(line, 0)
        if spec.place(against)[0] == line:
            varied, shared = (
                spec.columns,
                value_words(spec.rows.kind, spec.rows.values[line], names),
            )
            places = (spec.place(against)[1], pile)
        else:
            value = spec.columns.values[pile]
            varied, shared = spec.rows, value_words(spec.columns.kind, value, names)
            places = (spec.place(against)[0], line)
        left, right = (value_words(varied.kind, varied.values[n], names) for n in places)
        pair = (there.pictures.get(against), there.pictures.get(cell))
        self._places.setCurrentWidget(self.compare)
        self.compare.show_pair((left, right), pair, shared)
        self._offer_use()
        self.compare.setFocus()
        self.place_changed.emit()

    def _offer_use(self) -> None:
        if self._places.currentWidget() is not self.compare:
            return
        there, lora = self.current(), self.lora()
        scale = scale_of(there.grid.spec, self.table.cell()) if there and lora else None
        own = lora.recommended_scale if lora else 0.0
        enabled = scale is not None and abs(scale - own) >= 0.001
        self.compare.offer_use(use_words(scale) if scale else "", enabled=enabled)

    @Slot(int, int)
    def _on_compare_step(self, across: int, down: int) -> None:
        there = self.current()
        if there is None:
            return
        spec = there.grid.spec
        line, pile = spec.place(self.table.cell())
        line = max(0, min(len(spec.rows.values) - 1, line + down))
        pile = max(0, min(spec.width - 1, pile + across))
        self.table.select(spec.cell(line, pile))
        self._compare(self.table.cell())

    @Slot()
    def _on_compare_used(self) -> None:
        there = self.current()
        scale = scale_of(there.grid.spec, self.table.cell()) if there else None
        if scale is not None:
            self._use(scale)

    def on_theme_changed(self) -> None:
        """Draw what depends on the look again."""
        self.table.on_theme_changed()
        self.viewer.commands.on_theme_changed()
