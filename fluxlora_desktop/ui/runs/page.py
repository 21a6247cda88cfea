"""The Runs page: every training, newest first, and one of them in detail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication, QHideEvent, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from fluxlora_desktop.domain.grids import Axis, AxisKind
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.ports import TrainingBackend
from fluxlora_desktop.domain.runs import FINAL, Run
from fluxlora_desktop.domain.services import service_named
from fluxlora_desktop.domain.training import TrainingOutputs
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.loras import LoraDesk, LoraWork
from fluxlora_desktop.ui.desks.money import Cost, LedgerPlace, MoneyDesk, charges_of
from fluxlora_desktop.ui.desks.recover import RecoverDesk
from fluxlora_desktop.ui.desks.runs import (
    KeptCheckpoints,
    RunCaptions,
    RunDesk,
    RunDetails,
    RunTransfer,
)
from fluxlora_desktop.ui.money.costs import CostWatch
from fluxlora_desktop.ui.notices import BILLING_PAGES, SPENDING
from fluxlora_desktop.ui.page import Page
from fluxlora_desktop.ui.runs.actions import Around, next_step, offers_for
from fluxlora_desktop.ui.runs.captions import CaptionsDialog
from fluxlora_desktop.ui.runs.compare import CompareDialog
from fluxlora_desktop.ui.runs.countdown import Countdown
from fluxlora_desktop.ui.runs.covers import RunCovers
from fluxlora_desktop.ui.runs.detail import RunDetail, RunView
from fluxlora_desktop.ui.runs.exits import Ask
from fluxlora_desktop.ui.runs.facts import (
    attention_words,
    kept_words,
    page_of_base,
    publication_trouble,
    report_of,
)
from fluxlora_desktop.ui.runs.found import FoundBar
from fluxlora_desktop.ui.runs.list import RunList
from fluxlora_desktop.ui.runs.model import RunRow, row_of
from fluxlora_desktop.ui.runs.stages import stages_of
from fluxlora_desktop.ui.theme import INSPECTOR_WIDTH
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import Card, EmptyState, button, row
from fluxlora_desktop.ui.wording import plural
from fluxlora_desktop.workflows.follow import cancel_wished

_FIND_LOST = "Find lost trainings…"


class RunsPage(Page):
    """Shows the runs and asks the desks; `open_requested(str)` with a web page's address."""

    open_requested = Signal(str)
    lineage_requested = Signal(object)

    def __init__(
        self,
        *,
        runs: RunDesk,
        loras: LoraDesk,
        jobs: JobRunner,
        recover: RecoverDesk | None = None,
        money: MoneyDesk | None = None,
    ) -> None:
        super().__init__("runs", "Runs")
        self._recover = recover
        self._costs = None if money is None else CostWatch(money, self)
        self._runs, self._loras = runs, loras
        self._details: RunDetails | None = None
        self._known: frozenset[str] = frozenset()
        self._expects_new = False
        self._covers = RunCovers(runs.tools.stores, jobs, self)
        self._thumbs = ThumbLoader(jobs, self)
        self.list = RunList(self._thumbs)
        self.detail = RunDetail(self._thumbs)
        self.countdown = Countdown(runs.tools.clock, self)
        self._asked: dict[Ask, Callable[[Run], None]] = {
            Ask.CANCEL: self._cancel,
            Ask.PAUSE: lambda run: runs.pause(run.id),
            Ask.GO_ON: lambda run: runs.go_on(run.id),
            Ask.FORGET: lambda run: runs.forget_outputs(run.id),
            Ask.ACCEPT_TERMS: lambda run: self.open_requested.emit(page_of_base(run.base)),
            Ask.THIS_COMPUTER: lambda _run: self.go.emit("computer", None),
            Ask.TRY_AGAIN: self._try_again,
            Ask.LOOK_NOW: self._look_now,
            Ask.LOOK_AGAIN: self._look_again,
            Ask.SAY_FOUND: self._say_found,
            Ask.SAY_ABSENT: self._say_absent,
            Ask.CANCEL_IF_FOUND: self._cancel_if_found,
            Ask.LET_IT_RUN: self._let_it_run,
            Ask.OPEN_RUNS_PAGE: self._open_runs_page,
            Ask.BILLING: self._open_billing,
            Ask.SETTINGS: self._open_settings,
            Ask.HUB_SETTINGS: self._open_hub_settings,
            Ask.FREE_SPACE: self._free_space,
            Ask.CHOOSE_NAME: self._choose_name,
            Ask.LOOK_IN_VERSION: self._look_in_version,
            Ask.REPORT: self._report,
            Ask.MAKE_PICTURES: self._make_pictures,
            Ask.FIND_STRENGTH: self._find_strength,
            Ask.PUBLISH: self._publish,
            Ask.OPEN_AT_SERVICE: self._open_at_service,
            Ask.OPEN_ON_HUB: self._open_on_hub,
            Ask.SHOW_IN_LIBRARY: self._show_in_library,
            Ask.USE_PHOTOS: self._use_photos,
            Ask.COMPARE: self.compare,
            Ask.LINEAGE: self.lineage_requested.emit,
            Ask.CAPTIONS: self._show_captions,
            Ask.REMOVE: self._remove,
            Ask.CHARGES: self._show_charges,
            Ask.LIMIT: self._change_limit,
        }
        self._lay_out()
        self._listen()
        self._on_listed()

    def _lay_out(self) -> None:
        self.lost = button(_FIND_LOST, self._on_find_lost, symbol="search")
        self.header.addWidget(self.lost)
        self.found = FoundBar()
        self._create = button("Create a LoRA", self._on_create, role="primary")
        self._empty = EmptyState(
            "runs",
            "No trainings yet",
            self._create,
            button(_FIND_LOST, self._on_find_lost),
            hint="Five to twenty photos are enough. A training takes about half an hour.",
        )
        self._retry = button("Read the list again", self._runs.load)
        self._failed = EmptyState(
            "error", "The list could not be read.", self._retry, hint="Nothing was lost."
        )
        self._loading = EmptyState("clock", "Reading your trainings")
        left = Card(margin=6)
        left.setFixedWidth(INSPECTOR_WIDTH - 56)
        left.body.addWidget(self.list)
        filled = QWidget()
        filled.setLayout(row(left, self.detail, spacing=12))
        self._filled = filled
        self.states = QStackedWidget()
        for state in (self._loading, self._empty, self._failed, filled):
            self.states.addWidget(state)
        self.body.addWidget(self.states, 1)
        self.body.addWidget(self.found)

    def _listen(self) -> None:
        self._runs.listed.connect(self._on_listed)
        self._runs.changed.connect(self._on_changed)
        self._runs.details_ready.connect(self._on_details)
        self._runs.transferring.connect(self._on_transfer)
        self._runs.failed.connect(self._on_failed)
        self._runs.kept.connect(self._on_kept)
        self._loras.listed.connect(self._show_selected)
        self._loras.changed.connect(self._on_lora)
        self._loras.working.connect(self._on_working)
        self._loras.rested.connect(self._on_rested)
        self._covers.found.connect(self._on_cover)
        self.list.chosen.connect(self._on_chosen)
        self.list.remove_requested.connect(self._on_remove)
        self.detail.asked.connect(self._on_asked)
        self.detail.outputs.keep_wanted.connect(partial(self._keep_checkpoints, compare=False))
        self.detail.outputs.compare_wanted.connect(partial(self._keep_checkpoints, compare=True))
        self.countdown.ticked.connect(self._on_tick)
        self.found.show_requested.connect(self._on_show_found)
        if self._costs is not None:
            self._costs.changed.connect(self._show_selected)
        if self._recover is not None:
            self.found.closed.connect(self._recover.found_seen)
            self._recover.found.connect(self._on_found)
            self._on_found()

    def shown(self) -> None:
        """Add up again what the selected training cost."""
        if self._costs is not None:
            self._costs.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Count down while somebody looks."""
        super().showEvent(event)
        self.countdown.pause(False)

    def hideEvent(self, event: QHideEvent) -> None:
        """Stop counting while nobody looks."""
        self.countdown.pause(True)
        super().hideEvent(event)

    @Slot()
    def _on_tick(self) -> None:
        for run in self._runs.runs():
            if run.wait_until is not None:
                self.list.rows.show_row(self._row(run))
        shown = self.selected()
        if shown is not None and shown.wait_until is not None:
            self.detail.show_wait(self._attention(shown, self._lora_of(shown)))

    def arrive(self, what: object) -> None:
        """Select a run, given as itself or by its id."""
        run_id = what.id if isinstance(what, Run) else what
        if isinstance(run_id, str):
            self.list.select(run_id)

    def selected(self) -> Run | None:
        """Return the run that is shown in detail."""
        return self._runs.run(self.list.selected())

    @Slot()
    def _on_listed(self) -> None:
        runs = self._runs.runs()
        self.countdown.watch(runs)
        self.list.show_rows(self._row(run) for run in runs)
        self._select_new(frozenset(run.id for run in runs))
        self._show_hint()
        if not self._runs.loaded:
            self.states.setCurrentWidget(self._loading)
        else:
            self.states.setCurrentWidget(self._filled if runs else self._empty)

    def _select_new(self, ids: frozenset[str]) -> None:
        """Select the run that Try again began."""
        fresh, self._known = ids - self._known, ids
        if self._expects_new and len(fresh) == 1:
            self._expects_new = False
            self.list.select(next(iter(fresh)))

    def _show_hint(self) -> None:
        count = self._runs.open_count()
        training = f"{plural(count, 'training')} under way." if count else "Nothing is under way."
        self.hint.setText(f"{training} Closing the app stops none." if count else training)
        self.hint.setVisible(bool(self._runs.runs()))
        self.lost.setVisible(bool(self._runs.runs()))

    def _row(self, run: Run) -> RunRow:
        lora = self._lora_of(run)
        cover = self._loras.cover(lora) if lora is not None else None
        waits = self.countdown.short_words(run)
        return row_of(run, cover or self._covers.get(run), waits)

    @Slot(object)
    def _on_changed(self, run: Run) -> None:
        self.countdown.watch(self._runs.runs())
        self.list.rows.show_row(self._row(run))
        self._show_hint()
        if run.id == self.list.selected():
            before = self._details.run if self._details else None
            self._show_selected()
            if before is None or before.state is not run.state:
                self._runs.load_details(run.id)
                if self._costs is not None:
                    self._costs.refresh()

    @Slot(str)
    def _on_cover(self, run_id: str) -> None:
        run = self._runs.run(run_id)
        if run is not None:
            self.list.rows.show_row(self._row(run))

    @Slot(str)
    def _on_chosen(self, run_id: str) -> None:
        self._details = None
        if run_id:
            self._show_selected()
            self._runs.load_details(run_id)

    @Slot(object)
    def _on_details(self, details: RunDetails) -> None:
        if details.run.id != self.list.selected():
            return
        self._details = details
        self._show_selected()
        self.detail.show_losses(details.losses)
        self.detail.log.show_log(details.log)
        self.detail.outputs.show_outputs(details.outputs)

    @Slot(object)
    def _on_transfer(self, moved: RunTransfer) -> None:
        if moved.run_id == self.detail.run_id:
            self.detail.show_transfer(moved.transfer)

    @Slot(object)
    def _on_failed(self, _error: object) -> None:
        if not self._runs.loaded:
            self.states.setCurrentWidget(self._failed)

    @Slot(object)
    def _on_lora(self, lora: Lora) -> None:
        run = self.selected()
        if run is not None and run.lora_id == lora.id:
            self._show_selected()

    @Slot(object)
    def _on_working(self, work: LoraWork) -> None:
        run = self.selected()
        if run is not None and run.lora_id == work.lora_id:
            self._show_selected()
            self.detail.show_transfer(work.transfer)

    @Slot(str)
    def _on_rested(self, lora_id: str) -> None:
        run = self.selected()
        if run is not None and run.lora_id == lora_id:
            self.detail.show_transfer(None)
            self._show_selected()

    @Slot()
    def _show_selected(self) -> None:
        run = self.selected()
        if run is None:
            return
        lora, backend = self._lora_of(run), self._backend(run)
        if self._costs is not None:
            self._costs.watch(charges_of(run))
        published = lora is not None and lora.publication is not None
        events = self._details.events if self._details else ()
        view = RunView(
            run=run,
            trained_at=backend.title if backend else run.plan.backend,
            stages=stages_of(run, events, published=published),
            offers=offers_for(run, lora, self._around(run, lora)),
            attention=self._attention(run, lora),
            next_step=next_step(run, lora),
            cost=self._cost(),
            kept_bytes=self._outputs().size_bytes,
        )
        self.detail.show_view(view, datetime.now(UTC))

    def _outputs(self) -> TrainingOutputs:
        return self._details.outputs if self._details else TrainingOutputs()

    def _cost(self) -> Cost | None:
        return self._costs.cost if self._costs is not None else None

    def _around(self, run: Run, lora: Lora | None) -> Around:
        backend = self._backend(run)
        abilities = backend.abilities() if backend else None
        hub = service_named(self._runs.tools.services.hub.key)
        events = self._details.events if self._details else ()
        return Around(
            can_cancel=abilities is None or abilities.can_cancel,
            billing=self._service(run) in BILLING_PAGES,
            runs_page=abilities.runs_page if abilities else "",
            version_page=self._version_page(run),
            storage_page=hub.storage_page if hub else "",
            cancel_wished=cancel_wished(events),
            work_under_way=lora is not None and self._loras.busy(lora.id),
            settling=self._runs.settling(run.id),
            captions=bool(self._details and self._details.captions.photos),
            charges=(cost := self._cost()) is not None and cost.whole.count > 0,
            can_pause=abilities is not None and abilities.can_pause,
            can_resume=abilities is not None and abilities.can_resume,
            base_page=page_of_base(run.base),
            kept_bytes=self._outputs().size_bytes,
        )

    def _version_page(self, run: Run) -> str:
        backend = self._backend(run)
        page = backend.abilities().version_page if backend else ""
        model, _, version = run.output_version.partition(":")
        return page.format(model=model, version=version) if page and version else ""

    def _attention(self, run: Run, lora: Lora | None) -> str:
        if self._runs.settling(run.id):
            return "Asking the service…"
        if run.state in FINAL and lora is not None and lora.publication is not None:
            return publication_trouble(lora.publication)
        if run.wait_until is not None and run.open:
            return self.countdown.words(run)
        return attention_words(run, self._runs.tools.services.hub.key)

    def _lora_of(self, run: Run) -> Lora | None:
        return self._loras.lora(run.lora_id) if run.lora_id else None

    def _backend(self, run: Run) -> TrainingBackend | None:
        try:
            return self._runs.tools.services.trainer(
                run.external_training_service or run.plan.backend
            )
        except KeyError:  # a service that this app does not know any more
            return None

    def _service(self, run: Run) -> str:
        """Return the key of the service that trains a run."""
        backend = self._backend(run)
        return backend.key if backend else run.plan.backend

    @Slot(object)
    def _on_asked(self, ask: Ask) -> None:
        run = self.selected()
        if run is not None:
            self._asked[ask](run)

    @Slot(str)
    def _on_remove(self, run_id: str) -> None:
        run = self._runs.run(run_id)
        if run is not None and run.state in FINAL:
            self._remove(run)

    @Slot()
    def _on_found(self) -> None:
        assert self._recover is not None
        self.found.show_runs(self._recover.found_runs())

    @Slot(str)
    def _on_show_found(self, run_id: str) -> None:
        self.list.select(run_id)
        self.list.setFocus()

    def _on_find_lost(self) -> None:
        self.go.emit("recover", None)

    def _on_create(self) -> None:
        self.go.emit("create", None)

    def _cancel(self, run: Run) -> None:
        self._runs.cancel(run.id)

    def _keep_checkpoints(self, steps: tuple[int, ...], *, compare: bool) -> None:
        run = self.selected()
        if run is not None:
            self._runs.keep_checkpoints(run.id, steps, compare=compare)

    @Slot(object)
    def _on_kept(self, kept: KeptCheckpoints) -> None:
        """Say what is in the library now, or lead to a grid that compares it."""
        self._loras.load()
        if kept.compare:
            ids = tuple(lora.id for lora in kept.loras)
            self.go.emit("grids", Axis(AxisKind.LORA, ids))
        else:
            self._runs.said.emit(kept_words(kept.loras))

    def _try_again(self, run: Run) -> None:
        self._expects_new = True
        self._runs.try_again(run.id)

    def _look_now(self, run: Run) -> None:
        self._runs.look_now(run.id)

    def _look_again(self, run: Run) -> None:
        self._runs.look_again(run.id)

    def _say_found(self, run: Run) -> None:
        self._runs.say_found(run.id, self.detail.asks.answer)

    def _say_absent(self, run: Run) -> None:
        self._runs.say_absent(run.id)

    def _cancel_if_found(self, run: Run) -> None:
        self._runs.wish_cancel(run.id, True)

    def _let_it_run(self, run: Run) -> None:
        self._runs.wish_cancel(run.id, False)

    def _open_runs_page(self, run: Run) -> None:
        backend = self._backend(run)
        if backend is not None:
            self.open_requested.emit(backend.abilities().runs_page)

    def _open_billing(self, run: Run) -> None:
        self.open_requested.emit(BILLING_PAGES[self._service(run)])

    def _open_settings(self, run: Run) -> None:
        self.go.emit("settings", self._service(run))

    def _open_hub_settings(self, _run: Run) -> None:
        self.go.emit("settings", self._runs.tools.services.hub.key)

    def _free_space(self, _run: Run) -> None:
        hub = service_named(self._runs.tools.services.hub.key)
        if hub is not None:
            self.open_requested.emit(hub.storage_page)

    def _choose_name(self, run: Run) -> None:
        if run.lora_id is not None:
            self._loras.publish(run.lora_id, self.detail.asks.answer, run.plan.visibility)

    def _look_in_version(self, run: Run) -> None:
        self.open_requested.emit(self._version_page(run))

    def _report(self, run: Run) -> None:
        backend = self._backend(run)
        title = backend.title if backend else run.plan.backend
        QGuiApplication.clipboard().setText(report_of(run, title))
        self._runs.said.emit("The report is copied. It holds no token.")

    def _make_pictures(self, run: Run) -> None:
        self.go.emit("gallery", run.lora_id)

    def _find_strength(self, run: Run) -> None:
        self.go.emit("grids", run.lora_id)

    def _publish(self, run: Run) -> None:
        lora, plan = self._lora_of(run), run.plan
        if lora is not None and lora.publication is not None:
            self._loras.publish(lora.id, lora.publication.repo, lora.publication.visibility)
        elif run.lora_id is not None:
            self._loras.publish(run.lora_id, plan.repo or plan.name, plan.visibility)

    def _open_at_service(self, run: Run) -> None:
        self.open_requested.emit(run.page)

    def _open_on_hub(self, run: Run) -> None:
        lora = self._lora_of(run)
        if lora is not None and lora.publication is not None:
            self.open_requested.emit(lora.publication.page)

    def _show_in_library(self, run: Run) -> None:
        self.go.emit("library", run.lora_id)

    def _use_photos(self, run: Run) -> None:
        self.go.emit("create", run)

    def compare(self, run: Run) -> None:
        """Let a person compare a run with another one."""
        self.comparing = CompareDialog(run, self._runs, self._thumbs, self)
        self.comparing.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.comparing.open()

    def _show_captions(self, run: Run) -> None:
        if self._details is None:
            return
        brought = RunCaptions(run, self._details.captions)
        files = self._runs.tools.stores.files
        self.reading = CaptionsDialog(brought, files, self._thumbs, self)
        self.reading.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.reading.using.connect(partial(self.go.emit, "create", brought))
        self.reading.open()

    def _show_charges(self, run: Run) -> None:
        says = f"Training: {run.plan.name or 'Unnamed'}"
        self.go.emit("spending", LedgerPlace(charges_of(run), says))

    def _change_limit(self, _run: Run) -> None:
        self.go.emit("settings", SPENDING)

    def _remove(self, run: Run) -> None:
        self._runs.hide(run.id)
