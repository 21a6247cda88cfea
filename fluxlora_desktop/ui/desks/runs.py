"""The runs desk: start, follow, cancel, try again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from PySide6.QtCore import QObject, Signal, Slot

from fluxlora_desktop.domain.captioning import TrainersCaptions
from fluxlora_desktop.domain.datasets import Dataset, DatasetVersion
from fluxlora_desktop.domain.lineage import Difference, differences
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.ports import JobContext, Transferred
from fluxlora_desktop.domain.runs import (
    AT_SERVICE,
    BEFORE_LAUNCH,
    LossPoint,
    Run,
    RunEvent,
)
from fluxlora_desktop.domain.spending import Agreement
from fluxlora_desktop.domain.training import TrainingOutputs
from fluxlora_desktop.domain.versions import DatasetDiff, compare
from fluxlora_desktop.jobs.runner import Job, JobRunner
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.workflows.captioning import captions_of_run
from fluxlora_desktop.workflows.carry import carry_run, set_aside
from fluxlora_desktop.workflows.checkpoints import keep_checkpoints
from fluxlora_desktop.workflows.doubt import say_absent, say_found
from fluxlora_desktop.workflows.events import RunChanged
from fluxlora_desktop.workflows.follow import cancel_training, wish_cancel
from fluxlora_desktop.workflows.launch import abandon_run, look_again, start_run, try_again
from fluxlora_desktop.workflows.lineage import facts_of_run
from fluxlora_desktop.workflows.pausing import (
    forget_outputs,
    go_on_with,
    outputs_of,
    pause_training,
)
from fluxlora_desktop.workflows.recover import NOT_SENT, hold_back, let_go
from fluxlora_desktop.workflows.tools import Tools


@dataclass(frozen=True, slots=True)
class RunDetails:
    """Everything that the Runs page shows of one run; `log` is the service's whole log.

    `captions` are those that the trainer wrote, `outputs` what the training left on this computer.
    """

    run: Run
    events: tuple[RunEvent, ...]
    log: str
    losses: tuple[LossPoint, ...]
    captions: TrainersCaptions = field(default_factory=TrainersCaptions)
    outputs: TrainingOutputs = field(default_factory=TrainingOutputs)


@dataclass(frozen=True, slots=True)
class KeptCheckpoints:
    """Checkpoints of a run that are in the library now; `compare` when they are to be compared."""

    run_id: str
    loras: tuple[Lora, ...]
    compare: bool = False


@dataclass(frozen=True, slots=True)
class RunCaptions:
    """A run with the captions that its trainer wrote, on their way into a draft."""

    run: Run
    captions: TrainersCaptions


@dataclass(frozen=True, slots=True)
class RunTransfer:
    """Bytes on the move for a run."""

    run_id: str
    transfer: Transferred


@dataclass(frozen=True, slots=True)
class RunComparison:
    """How the photos and settings of one run became those of another."""

    before: str
    after: str
    diff: DatasetDiff
    settings: tuple[Difference, ...] = ()


class RunDesk(Desk):
    """Holds every run that has left its draft, and carries the open ones on.

    `listed()` when the whole list is known or a run came or went, `changed(Run)` for one of them,
    `details_ready(RunDetails)`, `compared(RunComparison)`, `transferring(RunTransfer)`,
    `ended(Run)` when a run reached READY, FAILED or CANCELLED while the app was open,
    `kept(KeptCheckpoints)` when checkpoints were taken into the library.
    """

    listed = Signal()
    changed = Signal(object)
    details_ready = Signal(object)
    compared = Signal(object)
    transferring = Signal(object)
    ended = Signal(object)
    kept = Signal(object)

    def __init__(self, tools: Tools, jobs: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(tools, jobs, parent)
        self._runs: dict[str, Run] = {}
        self._carrying: dict[str, Job] = {}
        self._abandoned: set[str] = set()
        self._told: dict[str, Callable[[JobContext], Run]] = {}
        self._settling: set[str] = set()
        self._unwanted: set[str] = set()
        self._holding = False
        self._away: frozenset[str] = frozenset()
        self.loaded = False

    def load(self) -> None:
        """Read every run and carry on the ones that a closed or killed app left open."""
        self._run("List runs", self._list, lane="library", done=self._on_listed)

    def _list(self, _ctx: JobContext) -> tuple[Run, ...]:
        return self.tools.stores.runs.all()

    @Slot(object)
    def _on_listed(self, runs: tuple[Run, ...]) -> None:
        self._runs = {run.id: run for run in runs}
        self.loaded = True
        self.listed.emit()
        for run in runs:
            if run.open and run.id not in self._carrying and not self._held(run):
                self._carry(run.id)

    def _held(self, run: Run) -> bool:
        held = self._holding or run.plan.backend in self._away
        return held and run.state in NOT_SENT

    def await_sweep(self) -> None:
        """Let no run go on to its launch that the last process left before it, for now.

        A library restored from a copy does not know what was launched since.
        """
        self._holding = True

    def release_launches(self, away: Iterable[str] = (), refused: Iterable[str] = ()) -> None:
        """Carry on what was held, but for the runs of services that cannot be asked yet.

        `refused` are those of the `away` that do not accept the token.
        """
        held = [run for run in self._runs.values() if run.open and self._held(run)]
        self._holding, self._away = False, frozenset(away)
        refused = frozenset(refused)
        for run in held:
            if not self._held(run):
                work = partial(let_go, run.id, self.tools)
                self._settle_hold("Let run go", work, self._on_started)
            elif run.id not in self._carrying:
                no = run.plan.backend in refused
                work = partial(hold_back, run.id, self.tools, refused=no)
                self._settle_hold("Hold run", work, self._keep)
        self._away = frozenset(run.plan.backend for run in held if self._held(run))

    def _settle_hold(self, name: str, work: Callable[[], Run], done: Callable[[Run], None]) -> None:
        self._run(name, lambda _ctx: work(), lane="library", done=done)

    def carried(self) -> frozenset[str]:
        """Return the runs whose work is under way."""
        return frozenset(self._carrying)

    def take_in(self, run: Run) -> None:
        """Take a run that was found at its service into the list, and carry it on."""
        self._on_started(run)

    def runs(self) -> tuple[Run, ...]:
        """Return the runs, newest first."""
        return tuple(sorted(self._runs.values(), key=lambda run: run.created_at, reverse=True))

    def run(self, run_id: str) -> Run | None:
        """Return one run, or None."""
        return self._runs.get(run_id)

    def open_count(self) -> int:
        """Return how many runs are on their way."""
        return sum(run.open for run in self._runs.values())

    def start(self, run_id: str, agreed: Agreement | None = None) -> None:
        """Start a draft's training: the click that costs money."""
        if run_id in self._runs or not self._may_launch():
            return
        self._run(
            "Start run",
            lambda _ctx: start_run(run_id, self.tools, agreed),
            lane="library",
            done=self._on_started,
            agreeable=partial(self.start, run_id),
        )

    @Slot(object)
    def _on_started(self, run: Run) -> None:
        self._keep(run)
        self.listed.emit()
        if run.open and run.id not in self._carrying:
            self._carry(run.id)

    def _carry(self, run_id: str) -> None:
        if self.settling(run_id):
            return
        job = self._run(
            f"Run {run_id}",
            partial(self._carry_on, run_id),
            lane="training",
            done=self._keep,
            failed=partial(self._on_broken, run_id),
            progress=self._on_progress,
        )
        self._carrying[run_id] = job
        job.finished.connect(partial(self._on_carried, run_id))

    def _carry_on(self, run_id: str, ctx: JobContext) -> Run:
        return carry_run(run_id, self.tools, _NamedContext(run_id, ctx))

    @Slot(object)
    def _on_progress(self, event: object) -> None:
        if isinstance(event, RunChanged):
            self._keep(event.run)
            if event.log or event.losses:
                self.load_details(event.run.id)
        elif isinstance(event, RunTransfer):
            self.transferring.emit(event)

    def _on_carried(self, run_id: str) -> None:
        self._carrying.pop(run_id, None)
        if run_id in self._abandoned:
            self._abandoned.discard(run_id)
            self._run(
                "Abandon run",
                partial(self._abandon, run_id),
                lane="library",
                done=self._on_abandoned,
            )
        told = self._told.pop(run_id, None)
        if told is not None:
            self._settling.add(run_id)
            self._run(
                "Settle run",
                told,
                lane="network",
                done=self._on_settled,
                failed=partial(self._on_not_settled, run_id),
            )

    def _on_settled(self, run: Run) -> None:
        self._settling.discard(run.id)
        self._on_started(run)
        self.changed.emit(self._runs[run.id])  # also where the looking job was faster

    def _on_not_settled(self, run_id: str, error: object) -> None:
        self._settling.discard(run_id)
        self._tell_only(error)
        self._carry_if_open(run_id)
        run = self._runs.get(run_id)
        if run is not None:
            self.changed.emit(run)

    def _abandon(self, run_id: str, _ctx: JobContext) -> Run:
        return abandon_run(run_id, self.tools)

    def _on_abandoned(self, run: Run) -> None:
        """Carry on a run whose launch was faster than Cancel, and cancel it at the service."""
        if run.open:
            self._unwanted.add(run.id)
        self._on_started(run)
        self._cancel_unwanted(run)

    def _on_broken(self, run_id: str, error: object) -> None:
        """Tell of a bug, or of a disk that took nothing, and leave the run to a person."""
        self._tell_only(error)
        self._run(
            "Set run aside",
            partial(self._set_aside, run_id),
            lane="library",
            done=self._on_set_aside,
        )

    def _set_aside(self, run_id: str, _ctx: JobContext) -> Run:
        return set_aside(run_id, self.tools)

    def _on_set_aside(self, run: Run) -> None:
        self._again = partial(self.look_now, run.id)
        self._keep(run)

    @Slot(object)
    def _keep(self, run: Run) -> None:
        before = self._runs.get(run.id)
        if before is not None and (before == run or run.updated_at < before.updated_at):
            return  # nothing new, or an answer that was overtaken
        self._runs[run.id] = run
        self.changed.emit(run)
        if before is not None and before.open and not run.open:
            self.ended.emit(run)
        self._cancel_unwanted(run)

    def _cancel_unwanted(self, run: Run) -> None:
        if run.id in self._unwanted and run.state in AT_SERVICE:
            self._unwanted.discard(run.id)
            self.cancel(run.id)

    def cancel(self, run_id: str) -> None:
        """Cancel a run: before the launch by stopping the work, after it by asking the service."""
        run = self._runs[run_id]
        job = self._carrying.get(run_id)
        if run.state in BEFORE_LAUNCH:
            self._abandoned.add(run_id)
            if job is not None:
                job.cancel()
            else:
                self._on_carried(run_id)
        elif run.state in AT_SERVICE:
            self._run(
                "Cancel training", partial(self._cancel, run_id), lane="network", done=self._keep
            )

    def _cancel(self, run_id: str, _ctx: JobContext) -> Run:
        return cancel_training(run_id, self.tools)

    def pause(self, run_id: str) -> None:
        """Stop a training for now."""
        self._settle_hold("Pause training", partial(pause_training, run_id, self.tools), self._keep)

    def go_on(self, run_id: str) -> None:
        """Go on with a training that was paused, failed or cancelled."""
        self._run(
            "Go on with training",
            lambda _ctx: go_on_with(run_id, self.tools),
            lane="library",
            done=self._on_goes_on,
        )

    def _on_goes_on(self, run: Run) -> None:
        self._on_started(run)
        self.look_now(run.id)

    def keep_checkpoints(self, run_id: str, steps: Sequence[int], *, compare: bool) -> None:
        """Take checkpoints into the library as LoRAs of their own; `kept` brings them."""
        self._run(
            "Keep checkpoints",
            lambda ctx: KeptCheckpoints(
                run_id, keep_checkpoints(run_id, steps, self.tools, ctx), compare
            ),
            lane="library",
            done=self.kept.emit,
        )

    def forget_outputs(self, run_id: str) -> None:
        """Delete the samples and checkpoints of a training that has ended."""
        self._run(
            "Delete checkpoints",
            lambda _ctx: forget_outputs(run_id, self.tools),
            lane="library",
            done=self._on_forgotten,
        )

    def _on_forgotten(self, run: Run) -> None:
        self.said.emit("The samples and checkpoints are deleted. The LoRA stays.")
        self.load_details(run.id)

    def try_again(self, run_id: str, agreed: Agreement | None = None) -> None:
        """Send a failed or cancelled run on its way again."""
        if not self._may_launch():
            return
        self._run(
            "Try again",
            lambda _ctx: try_again(run_id, self.tools, agreed),
            lane="library",
            done=self._on_started,
            agreeable=partial(self.try_again, run_id),
        )

    def look_now(self, run_id: str) -> None:
        """Ask the service at once about a run that waits."""
        job = self._carrying.get(run_id)
        if job is None:
            self._carry(run_id)
            return
        job.finished.connect(partial(self._carry_if_open, run_id))
        job.cancel()

    def look_again(self, run_id: str) -> None:
        """Ask the service anew about a training that ended without weights."""
        self._run(
            "Look again",
            lambda _ctx: look_again(run_id, self.tools),
            lane="library",
            done=self._on_started,
        )

    def say_absent(self, run_id: str) -> None:
        """Take a person's word that a launch without an answer did not happen."""
        self._settle(run_id, lambda _ctx: say_absent(run_id, self.tools))

    def say_found(self, run_id: str, remote_id: str) -> None:
        """Take on the training that a person found for a launch without an answer."""
        self._settle(run_id, lambda _ctx: say_found(run_id, remote_id, self.tools))

    def wish_cancel(self, run_id: str, wanted: bool) -> None:
        """Say that a launch in doubt is to be cancelled at once if it is found, or is not."""
        self._run(
            "Wish for a cancel",
            lambda _ctx: wish_cancel(run_id, wanted, self.tools),
            lane="library",
            done=self._on_wished,
        )

    def _on_wished(self, run: Run) -> None:
        self._keep(run)
        self.load_details(run.id)

    def settling(self, run_id: str) -> bool:
        """Tell whether a person's word about a launch is being checked."""
        return run_id in self._told or run_id in self._settling

    def _settle(self, run_id: str, work: Callable[[JobContext], Run]) -> None:
        """Stop looking for a launch before a person's word counts."""
        if self.settling(run_id):
            return
        self._told[run_id] = work
        self.changed.emit(self._runs[run_id])
        job = self._carrying.get(run_id)
        if job is not None:
            job.cancel()
        else:
            self._on_carried(run_id)

    def _carry_if_open(self, run_id: str) -> None:
        run = self._runs.get(run_id)
        if run is not None and run.open and run_id not in self._carrying:
            self._carry(run_id)

    def load_details(self, run_id: str) -> None:
        """Read history, log and loss curve of a run; `details_ready` brings them."""
        self._run(
            "Read run",
            partial(self._details, run_id),
            lane="details",
            done=self._on_details,
        )

    @Slot(object)
    def _on_details(self, details: RunDetails) -> None:
        if details.run.id in self._runs:
            self._keep(details.run)
        self.details_ready.emit(details)

    def _details(self, run_id: str, _ctx: JobContext) -> RunDetails:
        runs = self.tools.stores.runs
        run = runs.get(run_id)
        outputs = outputs_of(run, self.tools)
        return RunDetails(
            run=run,
            events=runs.events(run_id),
            log=runs.log(run_id) + outputs.log,
            losses=runs.losses(run_id),
            captions=captions_of_run(run, self.tools),
            outputs=outputs,
        )

    def compare(self, before: str, after: str) -> None:
        """Compare what two runs were trained on; `compared` brings what differs."""
        self._run(
            "Compare photos",
            partial(self._compare, before, after),
            lane="details",
            done=self.compared.emit,
        )

    def _compare(self, before: str, after: str, _ctx: JobContext) -> RunComparison:
        one, other = (self._version_of(run_id) for run_id in (before, after))
        runs = self.tools.stores.runs
        facts = (facts_of_run(runs.get(run_id), self.tools) for run_id in (before, after))
        return RunComparison(before, after, compare(one, other), differences(*facts))

    def _version_of(self, run_id: str) -> Dataset | DatasetVersion:
        stores = self.tools.stores
        run = stores.runs.get(run_id)
        version = run.version_id
        return stores.datasets.version(version) if version else stores.datasets.get(run.dataset_id)

    def hide(self, run_id: str) -> None:
        """Take a finished run off the list; its history and cost stay in the library."""
        run = self._runs.get(run_id)
        if run is None or run.open:
            return
        del self._runs[run_id]
        self._save("Hide run", partial(self.tools.stores.runs.hide, run_id))
        self.listed.emit()


class _NamedContext:
    """A job's context that says which run its bytes belong to."""

    def __init__(self, run_id: str, ctx: JobContext) -> None:
        self._run_id, self._ctx = run_id, ctx

    def report(self, event: object) -> None:
        if isinstance(event, Transferred):
            event = RunTransfer(self._run_id, event)
        self._ctx.report(event)

    def check(self) -> None:
        self._ctx.check()

    def pause(self, seconds: float) -> None:
        self._ctx.pause(seconds)
