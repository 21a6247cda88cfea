"""What can be done with an open grid: go on, look closely, take a strength, keep it as a file."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.ui.gallery.words import about
from fluxlora_desktop.ui.grids.words import (
    Names,
    cell_words,
    made_words,
    progress_words,
    scale_of,
    shape_words,
    use_words,
)
from fluxlora_desktop.ui.theme import INSPECTOR_WIDTH
from fluxlora_desktop.ui.widgets import Card, ProgressLine, button, column, label, line, row
from fluxlora_desktop.ui.wording import plural, when
from fluxlora_desktop.workflows.grids import OpenGrid


@dataclass(frozen=True, slots=True, kw_only=True)
class GridView:
    """Everything that the panel shows of a grid.

    `rest` is what the missing pictures would cost, None when they cannot be made now. `lora` is the
    Lora it is about, `busy` tells that something is under way with it, `asking` that it was just
    given another strength and its hub may be told.
    """

    there: OpenGrid
    names: Names
    cell: int
    making: bool
    rest: Estimate | None
    lora: Lora | None
    busy: bool
    asking: bool


class GridPanel(Card):
    """Shows an open grid.

    `stop_wanted()`, `rest_wanted()`, `open_wanted()`, `compare_wanted()`, `used(float)`,
    `hub_wanted()`, `hub_declined()`, `export_wanted()`, `delete_wanted()`, `lora_wanted()`.
    """

    stop_wanted = Signal()
    rest_wanted = Signal()
    open_wanted = Signal()
    compare_wanted = Signal()
    used = Signal(float)
    hub_wanted = Signal()
    hub_declined = Signal()
    export_wanted = Signal()
    delete_wanted = Signal()
    lora_wanted = Signal()

    def __init__(self) -> None:
        super().__init__(margin=0, spacing=0)
        self.setFixedWidth(INSPECTOR_WIDTH)
        self._scale: float | None = None
        self.title = label("", "section", wrap=True)
        self.facts = label("", "muted", wrap=True)
        self.prompt = label("", "", wrap=True)
        self.progress = ProgressLine("Pictures made of this grid")
        self.state = label("", wrap=True)
        self.stop = button("Stop", self.stop_wanted.emit, symbol="stop")
        self.rest = button("", self.rest_wanted.emit)
        self.cell_title = label("", "strong", wrap=True)
        self.cell_state = label("", "muted", wrap=True)
        self.open = button("Look at it large", self.open_wanted.emit, role="link", symbol="eye")
        self.compare = button(
            "Compare with the base", self.compare_wanted.emit, role="link", symbol="image"
        )
        self.compare.setToolTip("Side by side, the same seed (C)")
        self.strength = label("", wrap=True)
        self.show_lora = button(
            "Show in the library", self.lora_wanted.emit, role="link", symbol="library"
        )
        self.hub_words = label("", "warn", wrap=True)
        self.hub = button("Update on the hub", self.hub_wanted.emit, symbol="upload")
        self.later = button("Not now", self.hub_declined.emit)
        self.use = button("", self._on_use, role="primary")
        self.use.setObjectName("grid_use")
        self.export = button("Save as picture…", self.export_wanted.emit, symbol="save")
        self.remove = button("Delete grid", self.delete_wanted.emit, role="quiet", symbol="trash")
        self._build()

    def _build(self) -> None:
        self._cell = QWidget()
        self._cell.setLayout(
            column(
                self.cell_title,
                self.cell_state,
                row(self.open, None),
                row(self.compare, None),
                spacing=4,
            )
        )
        self._hub = QWidget()
        self._hub.setLayout(column(self.hub_words, row(self.hub, self.later, None), spacing=8))
        self._lora = QWidget()
        self._lora.setLayout(
            column(
                line(),
                label("Strength", "section"),
                self.strength,
                self._hub,
                row(self.show_lora, None),
                spacing=8,
            )
        )
        inside = QWidget()
        inside.setLayout(
            column(
                column(self.title, self.facts, spacing=4),
                self.prompt,
                column(self.progress, self.state, row(self.stop, self.rest, None), spacing=8),
                line(),
                self._cell,
                self._lora,
                None,
                spacing=14,
                margin=16,
            )
        )
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setFocusPolicy(area.focusPolicy().NoFocus)
        area.setHorizontalScrollBarPolicy(area.horizontalScrollBarPolicy().ScrollBarAlwaysOff)
        area.setWidget(inside)
        self.body.addWidget(area, 1)
        self.body.addWidget(line())
        below = column(self.use, row(self.remove, None, self.export), spacing=10, margin=12)
        self.body.addLayout(below)

    def show_view(self, view: GridView) -> None:
        """Show a grid as it stands."""
        there, spec = view.there, view.there.grid.spec
        self.title.setText(there.grid.title)
        self.facts.setText(f"{shape_words(spec)}, made {when(there.grid.created_at)}")
        prompts = spec.base.prompt if len(spec.base.prompt) <= 300 else f"{spec.base.prompt[:299]}…"
        self.prompt.setText(prompts)
        self.state.setText(progress_words(there))
        self.progress.show_share(there.done() / spec.count)
        self.progress.setVisible(there.done() < spec.count)
        self.stop.setVisible(view.making)
        self._show_rest(view)
        self.export.setEnabled(there.done() > 0)
        self._show_cell(view)
        self._show_strength(view)

    def _show_rest(self, view: GridView) -> None:
        left = len(view.there.missing()) + len(view.there.waiting())
        price = f", {about(view.rest)}" if view.rest and view.rest.high_usd else ""
        self.rest.setText(f"Make the other {plural(left, 'picture')}{price}")
        if left == 1:
            self.rest.setText(f"Make the missing picture{price}")
        self.rest.setVisible(left > 0 and not view.making)
        self.rest.setEnabled(view.rest is not None)

    def _show_cell(self, view: GridView) -> None:
        spec, cell = view.there.grid.spec, view.cell
        if cell < 0:
            self.cell_title.setText("Choose a picture to look at it closely.")
            self.cell_state.hide()
        else:
            picture = view.there.pictures.get(cell)
            self.cell_title.setText(cell_words(spec, cell, view.names))
            self.cell_state.setText(made_words(picture))
            self.cell_state.setVisible(bool(self.cell_state.text()))
            done = picture is not None and picture.state is PictureState.DONE
            self.open.setEnabled(done)
            self.compare.setEnabled(done)
        for part in (self.open, self.compare):
            part.setVisible(cell >= 0)

    def _show_strength(self, view: GridView) -> None:
        lora, spec = view.lora, view.there.grid.spec
        self._lora.setVisible(lora is not None)
        scale = scale_of(spec, view.cell) if view.cell >= 0 else None
        self._scale = scale if lora is not None and scale else None
        self.use.setVisible(self._scale is not None)
        if lora is None:
            return
        own = lora.recommended_scale
        self.strength.setText(f"{lora.name} is used at strength {own:g} unless you say otherwise.")
        if self._scale is not None:
            self.use.setText(use_words(self._scale))
            self.use.setEnabled(abs(self._scale - own) >= 0.001)
        self._hub.setVisible(lora.hub_is_behind)
        self.hub_words.setText(
            "Update the card on the hub too?"
            if view.asking
            else "The hub still has the older strength."
        )
        self.hub.setEnabled(not view.busy)
        self.later.setVisible(view.asking)

    def _on_use(self) -> None:
        if self._scale is not None:
            self.used.emit(self._scale)
