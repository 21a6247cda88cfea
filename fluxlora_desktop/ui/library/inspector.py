"""The selected Lora: its facts, its words to change, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.routes import Route
from fluxlora_desktop.ui.desks.money import Cost
from fluxlora_desktop.ui.library.facts import lora_cost_words
from fluxlora_desktop.ui.library.hashes import CopyLine
from fluxlora_desktop.ui.library.publication import PublicationPart
from fluxlora_desktop.ui.library.routes import RoutesPart
from fluxlora_desktop.ui.library.words import WordsPart
from fluxlora_desktop.ui.theme import INSPECTOR_WIDTH
from fluxlora_desktop.ui.widgets import Card, button, column, label, line, row

_ROOM = 16


class LoraAsk(StrEnum):
    """One thing that a person can ask for a Lora."""

    MAKE_PICTURES = "make_pictures"
    FIND_STRENGTH = "find_strength"
    SHOW_RUN = "show_run"
    SHOW_FILE = "show_file"
    EXPORT = "export"
    LINEAGE = "lineage"
    TRAIN_AGAIN = "train_again"
    TRASH = "trash"
    CHARGES = "charges"


@dataclass(frozen=True, slots=True)
class LoraView:
    """Everything that the inspector shows of a Lora.

    `run_name` is empty when its training is not known, `owner` the account on the hub, `repo` the
    name offered for publishing, `cost` what its training and its pictures cost.
    """

    lora: Lora
    routes: Sequence[Route]
    run_name: str
    owner: str
    repo: str
    busy: bool
    cost: Cost | None = None


class LoraInspector(Card):
    """Shows one Lora; `asked(LoraAsk)`; its parts have signals of their own."""

    asked = Signal(object)

    def __init__(self) -> None:
        super().__init__(margin=0, spacing=0)
        self.setFixedWidth(INSPECTOR_WIDTH)
        self.setAccessibleName("The selected LoRA")
        self.words = WordsPart()
        self.publication = PublicationPart()
        self.routes = RoutesPart()
        self.sha256 = CopyLine("SHA-256")
        self.auto_v3 = CopyLine("AutoV3")
        self.find_strength = button(
            "Find the best strength", self._on_find, role="link", symbol="photos"
        )
        self.run_link = button("", self._on_run, role="link", symbol="runs")
        self.cost = label("", wrap=True)
        self.charges_link = button("See its charges", self._on_charges, role="link", symbol="money")
        self.show_file = button("Show the file", self._on_file, role="link", symbol="folder")
        self.lineage = button("How it came to be", self._on_lineage, role="link", symbol="runs")
        self.again = button(
            "Train again with changes", self._on_again, role="link", symbol="create"
        )
        self.export = button("Export…", self._on_export, role="link", symbol="upload")
        self.trash = button("Move to trash", self._on_trash, role="quiet", symbol="trash")
        self.make = button("Make pictures", self._on_make, role="primary")
        self._scroll = QScrollArea()
        self._unfolded: QWidget | None = None
        self.publication.unfolded.connect(self._on_unfolded)
        self._lay_out()
        self.body.addWidget(self._scroll, 1)
        self.body.addWidget(line())
        self.body.addLayout(row(self.trash, None, self.make, margin=12))

    def _lay_out(self) -> None:
        file = column(
            label("File", "section"),
            self.sha256,
            self.auto_v3,
            row(self.show_file, None),
            row(self.export, None),
            row(self.run_link, None),
            row(self.lineage, None),
            row(self.again, None),
            spacing=4,
        )
        self._money = QWidget()
        self._money.setLayout(
            column(
                line(),
                10,
                label("Cost", "section"),
                self.cost,
                row(self.charges_link, None),
                spacing=4,
            )
        )
        inside = QWidget()
        inside.setLayout(
            column(
                column(self.words, row(self.find_strength, None), spacing=4),
                line(),
                self.publication,
                line(),
                self.routes,
                line(),
                file,
                self._money,
                None,
                spacing=14,
                margin=16,
            )
        )
        scroll = self._scroll
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(inside)

    def show_view(self, view: LoraView) -> None:
        """Show a Lora as it stands."""
        lora = view.lora
        self.words.show_lora(lora)
        self.publication.show_lora(lora, owner=view.owner, repo=view.repo, busy=view.busy)
        self.routes.show_routes(view.routes)
        self.sha256.show_value(lora.sha256)
        self.auto_v3.show_value(lora.short_hash)
        self.run_link.setVisible(bool(view.run_name))
        self.run_link.setText(f"Training: {view.run_name}")
        self.trash.setEnabled(not view.busy)
        self._show_cost(view.cost)

    def _show_cost(self, cost: Cost | None) -> None:
        self._money.setVisible(cost is not None and cost.whole.count > 0)
        if cost is not None:
            self.cost.setText(lora_cost_words(cost))

    @Slot(object)
    def _on_unfolded(self, form: QWidget) -> None:
        self._unfolded = form
        QTimer.singleShot(0, self, self._reveal_unfolded)  # its place is known after the layout

    @Slot()
    def _reveal_unfolded(self) -> None:
        if self._unfolded is not None:
            self._scroll.ensureWidgetVisible(self._unfolded, 0, _ROOM)

    def _on_make(self) -> None:
        self.asked.emit(LoraAsk.MAKE_PICTURES)

    def _on_find(self) -> None:
        self.asked.emit(LoraAsk.FIND_STRENGTH)

    def _on_run(self) -> None:
        self.asked.emit(LoraAsk.SHOW_RUN)

    def _on_file(self) -> None:
        self.asked.emit(LoraAsk.SHOW_FILE)

    def _on_lineage(self) -> None:
        self.asked.emit(LoraAsk.LINEAGE)

    def _on_again(self) -> None:
        self.asked.emit(LoraAsk.TRAIN_AGAIN)

    def _on_export(self) -> None:
        self.asked.emit(LoraAsk.EXPORT)

    def _on_charges(self) -> None:
        self.asked.emit(LoraAsk.CHARGES)

    def _on_trash(self) -> None:
        self.asked.emit(LoraAsk.TRASH)
