"""How a job stands, in the app's words."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from fluxlora_desktop.backends.http.logs import clean_log
from fluxlora_desktop.backends.local.events import Download, Told, tail_of
from fluxlora_desktop.backends.local.files import size_of
from fluxlora_desktop.backends.local.job import IMAGES
from fluxlora_desktop.backends.local.notes import Wish
from fluxlora_desktop.backends.local.process import LOG
from fluxlora_desktop.backends.local.queue import MOST_FRUITLESS, Job, Standing
from fluxlora_desktop.domain.bases import title_of
from fluxlora_desktop.domain.errors import AccessGated, DiskFull, OutOfGpuMemory
from fluxlora_desktop.domain.training import (
    PAUSED,
    PAUSING,
    WAITS,
    Checkpoint,
    RemoteState,
    RunSnapshot,
    Sample,
    TrainingOutputs,
    TrainingProgress,
)

OUT_OF_MEMORY, GATED, DISK_FULL = 11, 12, 13
_KINDS: Mapping[int, str] = {
    OUT_OF_MEMORY: OutOfGpuMemory.__name__,
    GATED: AccessGated.__name__,
    DISK_FULL: DiskFull.__name__,
}
_STAGES = {
    "reading": "Reading the photos",
    "text": "Reading the captions",
    "latents": "Preparing the photos",
    "loading": "Loading the base model",
    "training": "Training",
    "sampling": "Making sample pictures",
    "saving": "Saving",
}
_SHOWN_TAIL = 20_000
_LAST_WORDS = 300


def snapshot_of(job: Job) -> RunSnapshot:
    """Return how a job stands."""
    state = _state(job)
    told = job.told
    failed = state is RemoteState.FAILED
    over = state not in {RemoteState.QUEUED, RemoteState.TRAINING}
    return RunSnapshot(
        state,
        progress=_progress(job),
        log=log_of(told),
        losses=told.losses,
        error=_error(job) if failed else "",
        error_kind=_error_kind(job) if failed else "",
        weights_address="local" if state is RemoteState.SUCCEEDED else "",
        charge_usd=Decimal(0) if over else None,
        paused=job.standing is Standing.PAUSED,
        samples=_samples(job),
        checkpoints=_checkpoints(job),
    )


def _state(job: Job) -> RemoteState:
    if job.standing is Standing.CANCELLED:
        return RemoteState.CANCELLED
    if job.standing is Standing.GAVE_UP:
        return RemoteState.FAILED
    if job.standing is Standing.ENDED:
        done = job.result is not None and job.result.status == "done"
        return RemoteState.SUCCEEDED if done else RemoteState.FAILED
    begun = job.begun or job.standing is Standing.RUNNING
    return RemoteState.TRAINING if begun else RemoteState.QUEUED


def _progress(job: Job) -> TrainingProgress:
    told = job.told
    eta = None
    trains = job.standing is Standing.RUNNING and told.stage == "training"
    if trains and told.step is not None and told.of and told.seconds_per_step:
        eta = max(0.0, (told.of - told.step) * told.seconds_per_step)
    return TrainingProgress(
        stage=_stage(job),
        step=told.step,
        total=told.of or job.note.steps or None,
        seconds_per_step=told.seconds_per_step,
        eta_seconds=eta,
        loss=told.loss,
    )


def _stage(job: Job) -> str:
    if job.standing is Standing.PAUSED:
        return PAUSED
    if job.standing is Standing.WAITING:
        return WAITS
    if job.standing is Standing.RUNNING and job.note.wish is not Wish.NONE:
        return PAUSING if job.note.wish is Wish.PAUSE else "Cancelling"
    told = job.told
    if told.download is not None:
        return _download_words(told.download, title_of(job.note.base))
    return _STAGES.get(told.stage) or told.says or "Starting the trainer"


def _download_words(download: Download, base: str) -> str:
    words = f"Downloading {base}"
    if not download.total:
        return words
    return f"{words}: {download.done / 1e9:.1f} of {download.total / 1e9:.1f} GB"


def _error(job: Job) -> str:
    """Return why a job failed and what helps, in sentences."""
    code = job.result.code if job.result is not None else 1
    told = job.told.error
    base = title_of(job.note.base)
    if code == OUT_OF_MEMORY:
        return (
            "The graphics card has too little memory for this training, also with the smallest "
            "plan. Close other programs that use it, or choose a smaller resolution or batch."
        )
    if code == GATED:
        return (
            f"{base} may only be downloaded by those who accepted its terms. Accept them on its "
            "page, with the account of your Hugging Face token, then go on here."
        )
    if code == DISK_FULL:
        return "The disk is full. Free some space, then go on: what was trained is kept."
    if job.standing is Standing.GAVE_UP:
        times = MOST_FRUITLESS + 1
        words = _last_words(job)
        said = f" Its last words: {words}" if words else ""
        return f"The trainer stopped {times} times without getting further.{said}"
    reason = (told.says if told else "") or (job.result.reason if job.result else "")
    mend = told.mend if told else ""
    words = " ".join(part for part in (reason, mend) if part)
    return words or _last_words(job) or "The trainer stopped without a reason."


def _error_kind(job: Job) -> str:
    return _KINDS.get(job.result.code, "") if job.result is not None else ""


def _last_words(job: Job) -> str:
    """Return the last line that the trainer's log holds."""
    lines = [line.strip() for line in tail_of(job.out / LOG, 8000).splitlines() if line.strip()]
    return lines[-1][:_LAST_WORDS] if lines else ""


def log_of(told: Told) -> str:
    """Return what the events tell as lines of a log, which only grows while a training goes on."""
    lines = [(0, f"{told.gpu}, {told.precision}")] if told.gpu and told.precision else []
    lines += [(step, f"Step {step}: loss {loss:.4f}") for step, loss in told.losses]
    lines += [(item.step, f"Checkpoint after step {item.step}") for item in told.checkpoints]
    lines.sort(key=lambda line: line[0])
    return "".join(f"{text}\n" for _step, text in lines)


def outputs_of(job: Job) -> TrainingOutputs:
    """Return what a job has left in its folder."""
    return TrainingOutputs(
        _samples(job),
        _checkpoints(job),
        size_of(job.out) + size_of(job.folder / IMAGES),
        log="\n".join((*job.told.warnings, _shown(tail_of(job.out / LOG, _SHOWN_TAIL)))).strip(),
    )


def _shown(log: str) -> str:
    """Return a log as a terminal would show it: of a bar that is drawn over and over, the last."""
    lines = log.replace("\r\n", "\n").split("\n")
    return clean_log("\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines))


def _samples(job: Job) -> tuple[Sample, ...]:
    found = ((item, job.out / item.path) for item in job.told.samples)
    return tuple(
        Sample(item.step, item.index, path, item.prompt, item.seed)
        for item, path in found
        if path.is_file()
    )


def _checkpoints(job: Job) -> tuple[Checkpoint, ...]:
    found = ((item.step, job.out / item.path) for item in job.told.checkpoints)
    return tuple(
        Checkpoint(step, path, path.stat().st_size) for step, path in found if path.is_file()
    )
