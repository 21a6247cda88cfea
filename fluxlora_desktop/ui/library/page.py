"""The Library page: Loras as cards, the selected one in the inspector, imports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QStackedWidget, QWidget

from fluxlora_desktop.domain.exchange import ExportChoice
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.routes import Route
from fluxlora_desktop.domain.spending import LedgerQuery
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.exchange import ExchangeDesk
from fluxlora_desktop.ui.desks.loras import CardChoice, LoraDesk, LoraPictures, LoraWork
from fluxlora_desktop.ui.desks.money import LedgerPlace, MoneyDesk
from fluxlora_desktop.ui.desks.pictures import RouteChoice
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.ui.exchange.dialog import ChooseFolder, ExportDialog, choose_folder
from fluxlora_desktop.ui.library.card_dialog import CardDialog
from fluxlora_desktop.ui.library.forms import FetchForm, PublishOrder
from fluxlora_desktop.ui.library.grid import LoraGrid
from fluxlora_desktop.ui.library.inspector import LoraAsk, LoraInspector, LoraView
from fluxlora_desktop.ui.library.model import LoraCard, card_of
from fluxlora_desktop.ui.library.publication import HubAsk
from fluxlora_desktop.ui.library.works import WorkLines
from fluxlora_desktop.ui.make_public import AskPublic, ask_make_public
from fluxlora_desktop.ui.money.costs import CostWatch
from fluxlora_desktop.ui.page import COMPUTER, Page
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import Card, EmptyState, button, row, set_mark
from fluxlora_desktop.ui.wording import plural
from fluxlora_desktop.workflows.plans import repo_name

ChooseFile = Callable[[QWidget, Callable[[str], None]], None]
_SUFFIX = ".safetensors"


def ask_for_file(parent: QWidget, chosen: Callable[[str], None]) -> None:
    """Open the system's file dialog for one weights file; `chosen` gets its path."""
    dialog = QFileDialog(parent, "Import a LoRA", "", f"LoRA weights (*{_SUFFIX})")
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.fileSelected.connect(chosen)
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()


class LibraryPage(Page):
    """Shows the Loras and asks the desk.

    `open_requested(str)` with a web page's address, `reveal_requested(Path)` with a file to show
    in the file manager, `lineage_requested(Lora)`. `hub_owner` returns the account on the hub, ""
    when it is not known.
    """

    open_requested = Signal(str)
    reveal_requested = Signal(object)
    lineage_requested = Signal(object)

    def __init__(
        self,
        *,
        loras: LoraDesk,
        runs: RunDesk,
        jobs: JobRunner,
        hub_owner: Callable[[], str] = str,
        money: MoneyDesk | None = None,
        choose_file: ChooseFile = ask_for_file,
        exchange: ExchangeDesk | None = None,
        choose_folder: ChooseFolder = choose_folder,
        ask_public: AskPublic = ask_make_public,
    ) -> None:
        super().__init__("library", "Library")
        self._exchange, self._choose_folder = exchange, choose_folder
        self._loras, self._runs = loras, runs
        self._costs = None if money is None else CostWatch(money, self)
        self._hub_owner, self._choose_file = hub_owner, choose_file
        self._ask_public = ask_public
        self._known: frozenset[str] | None = None
        self._importing: set[str] = set()
        self._jobs = jobs
        self._thumbs = ThumbLoader(jobs, self)
        self._card_dialog: CardDialog | None = None
        self._card_added: tuple[str, ...] = ()
        self.grid = LoraGrid(self._thumbs)
        self.inspector = LoraInspector()
        self.works = WorkLines()
        self.fetch_form = FetchForm()
        self._lay_out()
        self._listen()
        self._on_listed()
        self.setAcceptDrops(True)

    def _lay_out(self) -> None:
        self.import_file = button("Import a file", self._on_import_file, symbol="folder")
        hub = self._loras.tools.services.hub.title
        self.import_repo = button(f"Import from {hub}", self._on_import_repo, symbol="download")
        self.header.addWidget(self.import_file)
        self.header.addWidget(self.import_repo)
        self.fetch_form.hide()
        empty = EmptyState(
            "library",
            "No LoRAs yet",
            button("Create a LoRA", self._on_create, role="primary"),
            button("Import a file", self._on_import_file),
            button("Find lost trainings…", self._on_find_lost),
            hint="Train one from your photos, or drop a .safetensors file here.",
        )
        loading = EmptyState("clock", "Reading your library")
        retry = button("Read the library again", self._loras.load)
        failed = EmptyState("error", "The library could not be read.", retry)
        self._main = Card(margin=6)
        self._main.body.addWidget(self.grid)
        filled = QWidget()
        filled.setLayout(row(self._main, self.inspector, spacing=12))
        self._empty = Card()
        self._empty.body.addWidget(empty)
        self._loading, self._failed, self._filled = loading, failed, filled
        self.states = QStackedWidget()
        for state in (loading, self._empty, failed, filled):
            self.states.addWidget(state)
        self.body.addWidget(self.fetch_form)
        self.body.addWidget(self.works)
        self.body.addWidget(self.states, 1)

    def _listen(self) -> None:
        self._loras.listed.connect(self._on_listed)
        self._loras.changed.connect(self._on_changed)
        self._loras.working.connect(self._on_working)
        self._loras.rested.connect(self._on_rested)
        self._loras.failed.connect(self._on_failed)
        self._loras.pictures_found.connect(self._on_pictures_found)
        self._runs.listed.connect(self._show_selected)
        if self._costs is not None:
            self._costs.changed.connect(self._show_selected)
        self.grid.chosen.connect(self._on_chosen)
        self.grid.opened.connect(self._on_opened)
        self.grid.remove_requested.connect(self._on_delete)
        self.inspector.asked.connect(self._on_asked)
        self.inspector.publication.asked.connect(self._on_hub_asked)
        self.inspector.publication.ordered.connect(self._on_publish)
        self.inspector.routes.use_wanted.connect(self._on_route)
        self.inspector.routes.public_wanted.connect(self._on_public)
        self.inspector.routes.set_up_wanted.connect(partial(self.go.emit, COMPUTER, None))
        words = self.inspector.words
        words.renamed.connect(self._on_renamed)
        words.trigger_changed.connect(self._on_trigger)
        words.scale_changed.connect(self._on_scale)
        words.base_chosen.connect(self._on_base)
        self.works.stop_requested.connect(self._loras.stop)
        self.fetch_form.ordered.connect(self._on_fetch)
        self.fetch_form.closed.connect(self.fetch_form.hide)
        if self._exchange is not None:
            self._exchange.working.connect(self._on_working)
            self._exchange.rested.connect(self._on_rested)
            self.works.stop_requested.connect(self._exchange.stop)

    def shown(self) -> None:
        """Let the arrow keys walk the cards at once, and add up the selected one's cost again."""
        if self._costs is not None:
            self._costs.refresh()
        if self.states.currentWidget() is self._filled:
            self.grid.setFocus()

    def arrive(self, what: object) -> None:
        """Select a Lora, given as itself or by its id; a `CardChoice` is put on its card."""
        if isinstance(what, CardChoice):
            self.grid.select(what.lora_id)
            self.choose_card_pictures(what.lora_id, what.picture_ids)
            return
        lora_id = what.id if isinstance(what, Lora) else what
        if isinstance(lora_id, str):
            self.grid.select(lora_id)

    def selected(self) -> Lora | None:
        """Return the Lora in the inspector."""
        return self._loras.lora(self.grid.selected())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take weights files and exported folders, nothing else."""
        if _weights_in(event) or (self._exchange is not None and _folders_in(event)):
            self._show_dropping(True)
            event.acceptProposedAction()
        else:
            event.ignore()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Look as before."""
        self._show_dropping(False)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Import the files and folders that were dropped."""
        self._show_dropping(False)
        for path in _weights_in(event):
            self._import(path)
        for folder in _folders_in(event):
            if self._exchange is not None:
                self._exchange.bring_in(folder)
        event.acceptProposedAction()

    def _show_dropping(self, dropping: bool) -> None:
        for card in (self._main, self._empty):
            set_mark(card, "dropping", "true" if dropping else "false")

    @Slot()
    def _on_listed(self) -> None:
        loras = self._loras.loras()
        ids = frozenset(lora.id for lora in loras)
        fresh = ids - self._known if self._known is not None else frozenset()
        self._known = ids if self._loras.loaded else None
        self.grid.show_rows(self._card(lora) for lora in loras)
        if self._importing and len(fresh) == 1:
            self.grid.select(next(iter(fresh)))
        self.hint.setText(f"{plural(len(loras), 'LoRA')}, yours to keep." if loras else "")
        self.hint.setVisible(bool(loras))
        if not self._loras.loaded:
            self.states.setCurrentWidget(self._loading)
        else:
            self.states.setCurrentWidget(self._filled if loras else self._empty)

    def _card(self, lora: Lora) -> LoraCard:
        return card_of(lora, self._loras.cover(lora))

    @Slot(object)
    def _on_changed(self, lora: Lora) -> None:
        self.grid.rows.show_row(self._card(lora))
        if lora.id == self.grid.selected():
            self._show_selected()

    @Slot(object)
    def _on_failed(self, _error: object) -> None:
        if not self._loras.loaded:
            self.states.setCurrentWidget(self._failed)

    @Slot(object)
    def _on_working(self, work: LoraWork) -> None:
        lora = self._loras.lora(work.lora_id)
        self.works.show_work(lora.name if lora else "", work)
        if work.transfer is None and work.lora_id == self.grid.selected():
            self._show_selected()

    @Slot(str)
    def _on_rested(self, key: str) -> None:
        self.works.forget(key)
        self._importing.discard(key)
        if key == self.grid.selected():
            self._show_selected()

    @Slot(str)
    def _on_chosen(self, _lora_id: str) -> None:
        self._show_selected()

    @Slot()
    def _show_selected(self) -> None:
        lora = self.selected()
        if lora is None:
            return
        run = self._runs.run(lora.run_id) if lora.run_id else None
        if self._costs is not None:
            self._costs.watch(LedgerQuery(lora_id=lora.id))
        view = LoraView(
            lora=lora,
            routes=self._loras.routes(lora),
            run_name=run.plan.name if run else "",
            owner=self._hub_owner(),
            repo=repo_name(lora.name),
            busy=self._loras.busy(lora.id),
            cost=self._costs.cost if self._costs is not None else None,
        )
        self.inspector.show_view(view)

    @Slot(object)
    def _on_asked(self, ask: LoraAsk) -> None:
        lora = self.selected()
        if lora is None:
            return
        if ask is LoraAsk.MAKE_PICTURES:
            self.go.emit("gallery", lora.id)
        elif ask is LoraAsk.FIND_STRENGTH:
            self.go.emit("grids", lora.id)
        elif ask is LoraAsk.SHOW_RUN and lora.run_id:
            self.go.emit("runs", self._runs.run(lora.run_id))
        elif ask is LoraAsk.SHOW_FILE:
            self.reveal_requested.emit(self._loras.path(lora.id))
        elif ask is LoraAsk.EXPORT:
            self._export(lora)
        elif ask is LoraAsk.LINEAGE:
            self.lineage_requested.emit(lora)
        elif ask is LoraAsk.TRAIN_AGAIN:
            self._train_again(lora)
        elif ask is LoraAsk.CHARGES:
            place = LedgerPlace(LedgerQuery(lora_id=lora.id), f"LoRA: {lora.name}")
            self.go.emit("spending", place)
        elif ask is LoraAsk.TRASH:
            self._on_delete(lora.id)

    def _train_again(self, lora: Lora) -> None:
        """Lead to a draft of what a Lora was trained on, or like it where that is not known."""
        run = self._runs.run(lora.run_id) if lora.run_id else None
        known = run is not None and run.version_id is not None and not run.recovered
        self.go.emit("create", run if known else lora)

    def _export(self, lora: Lora) -> None:
        if self._exchange is None:
            return
        choice = ExportChoice((lora.id,))
        dialog = ExportDialog(
            self._exchange, choice, name=lora.name, choose=self._choose_folder, parent=self
        )
        dialog.decided.connect(self._exchange.export)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(object)
    def _on_hub_asked(self, ask: HubAsk) -> None:
        lora = self.selected()
        if lora is None or lora.publication is None:
            return
        if ask is HubAsk.OPEN:
            self.open_requested.emit(lora.publication.page)
        elif ask is HubAsk.CHECK:
            self._loras.look(lora.id)
        elif ask is HubAsk.UPDATE:
            self._loras.update_on_hub(lora.id)
        elif ask is HubAsk.CREATE:
            there = lora.publication
            self._loras.publish(lora.id, there.repo, there.visibility)
        elif ask is HubAsk.CARD:
            self.choose_card_pictures(lora.id)
        elif ask is HubAsk.DELETE:
            self._loras.withdraw(lora.id)
        else:
            public = ask is HubAsk.MAKE_PUBLIC
            who = Visibility.PUBLIC if public else Visibility.PRIVATE
            self._loras.set_visibility(lora.id, who)

    def choose_card_pictures(self, lora_id: str, added: Sequence[str] = ()) -> None:
        """Let a person choose the pictures on a published Lora's card; `added` are chosen too."""
        lora = self._loras.lora(lora_id)
        if lora is None or lora.publication is None or self._card_dialog is not None:
            return
        dialog = CardDialog(lora, jobs=self._jobs, locate=self._loras.locate, parent=self)
        self._card_dialog = dialog
        self._card_added = tuple(added)
        dialog.decided.connect(partial(self._loras.show_on_card, lora_id))
        dialog.make_wanted.connect(partial(self.go.emit, "gallery", lora_id))
        dialog.finished.connect(self._on_card_over)
        dialog.open()
        self._loras.find_pictures(lora_id)

    @Slot(object)
    def _on_pictures_found(self, found: LoraPictures) -> None:
        dialog, lora = self._card_dialog, self._loras.lora(found.lora_id)
        if dialog is None or lora is None or lora.publication is None:
            return
        dialog.show_pictures(found.pictures, (*lora.publication.pictures, *self._card_added))

    @Slot()
    def _on_card_over(self) -> None:
        if self._card_dialog is not None:
            self._card_dialog.deleteLater()
            self._card_dialog = None

    @Slot(object)
    def _on_route(self, route: Route) -> None:
        choice = RouteChoice(route.generator, route.model, self.grid.selected())
        self.go.emit("gallery", choice)

    @Slot()
    def _on_public(self) -> None:
        lora = self.selected()
        if lora is not None:
            make = partial(self._loras.set_visibility, lora.id, Visibility.PUBLIC)
            self._ask_public(self, lora.name, make)

    @Slot(object)
    def _on_publish(self, order: PublishOrder) -> None:
        self._loras.publish(self.grid.selected(), order.repo, order.visibility)

    @Slot(str)
    def _on_renamed(self, name: str) -> None:
        self._loras.rename(self.grid.selected(), name)

    @Slot(str)
    def _on_trigger(self, word: str) -> None:
        self._loras.set_trigger(self.grid.selected(), word)

    @Slot(float)
    def _on_scale(self, scale: float) -> None:
        self._loras.set_scale(self.grid.selected(), scale)

    @Slot(str)
    def _on_base(self, base: str) -> None:
        self._loras.set_base(self.grid.selected(), base)

    @Slot(str)
    def _on_opened(self, lora_id: str) -> None:
        self.go.emit("gallery", lora_id)

    @Slot(str)
    def _on_delete(self, lora_id: str) -> None:
        if not self._loras.busy(lora_id):
            self._loras.delete(lora_id)

    def _on_find_lost(self) -> None:
        self.go.emit("recover", None)

    def _on_create(self) -> None:
        self.go.emit("create", None)

    def _on_import_file(self) -> None:
        self._choose_file(self, self._on_file_chosen)

    @Slot(str)
    def _on_file_chosen(self, path: str) -> None:
        self._import(Path(path))

    def _import(self, path: Path) -> None:
        self._importing.add(f"import:{path}")
        self._loras.import_file(path)

    def _on_import_repo(self) -> None:
        self.fetch_form.show()
        self.fetch_form.begin()

    @Slot(str)
    def _on_fetch(self, repo: str) -> None:
        self.fetch_form.hide()
        self._importing.add(f"import:{repo}")
        self._loras.import_repo(repo)


def _weights_in(event: QDropEvent) -> list[Path]:
    """Return the weights files that a drag brings."""
    paths = (Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile())
    return [path for path in paths if path.suffix.lower() == _SUFFIX]


def _folders_in(event: QDropEvent) -> list[Path]:
    """Return what may be exported folders in a drag: names without a suffix, or folders."""
    paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
    return [path for path in paths if path.suffix.lower() != _SUFFIX and path.is_dir()]
