"""Stop a training for now and go on with it: what only some backends can."""

from __future__ import annotations

from fluxlora_desktop.domain.errors import ServiceRefused
from fluxlora_desktop.domain.ports import TrainingBackend
from fluxlora_desktop.domain.runs import AT_SERVICE, Run, RunState
from fluxlora_desktop.domain.training import PAUSING, WAITS, TrainingOutputs
from fluxlora_desktop.workflows.follow import remote_of
from fluxlora_desktop.workflows.tools import Tools


def pause_training(run_id: str, tools: Tools) -> Run:
    """Ask for a training to stop for now; following it shows when it does.

    Raises `ServiceRefused` where it cannot be paused.
    """
    runs = tools.stores.runs
    run = runs.get(run_id)
    if run.state not in AT_SERVICE or run.paused:
        return run
    if not _backend(run, tools).pause(remote_of(run, tools)):
        raise ServiceRefused(_backend(run, tools).key, "This training cannot be paused.")
    runs.add_event(run_id, "note", "Paused from here.")
    return runs.update(run_id, stage=PAUSING, eta_seconds=None)


def go_on_with(run_id: str, tools: Tools) -> Run:
    """Go on with a training that was paused, failed or cancelled, from its last checkpoint.

    Raises `ServiceRefused` where there is nothing to go on with.
    """
    runs = tools.stores.runs
    run = runs.get(run_id)
    ended = run.state in {RunState.FAILED, RunState.CANCELLED}
    if not (run.paused or (ended and run.external_training_id)):
        return run
    backend = _backend(run, tools)
    if not backend.resume(remote_of(run, tools)):
        raise ServiceRefused(backend.key, "There is nothing left of this training to go on with.")
    runs.add_event(run_id, "note", "Going on from the last checkpoint.")
    if run.paused:
        return runs.update(run_id, stage=WAITS)
    return runs.advance(
        run_id,
        RunState.QUEUED,
        stage=WAITS,
        error="",
        error_kind="",
        attention="",
        finished_at=None,
        failed_at=None,
        cost_usd=None,
    )


def outputs_of(run: Run, tools: Tools) -> TrainingOutputs:
    """Return what a training has left on this computer; nothing where its backend is not known."""
    if not run.external_training_id or not run.external_training_service:
        return TrainingOutputs()
    try:
        backend = _backend(run, tools)
    except KeyError:
        return TrainingOutputs()
    return backend.outputs(remote_of(run, tools))


def forget_outputs(run_id: str, tools: Tools) -> Run:
    """Delete the samples and checkpoints of a training that has ended; its LoRA stays."""
    run = tools.stores.runs.get(run_id)
    if not run.open and run.external_training_id:
        _backend(run, tools).forget_outputs(remote_of(run, tools))
        tools.stores.runs.add_event(run_id, "note", "Samples and checkpoints were deleted.")
    return run


def _backend(run: Run, tools: Tools) -> TrainingBackend:
    return tools.services.trainer(run.external_training_service or run.plan.backend)
