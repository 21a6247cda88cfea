"""Trainings on this computer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from fluxlora_desktop.backends.local.child import child_environment, on_gpu
from fluxlora_desktop.backends.local.files import (
    hash_file,
    remove_folder,
    storage_errors,
    write_json,
)
from fluxlora_desktop.backends.local.job import (
    IMAGES,
    JOB,
    SERVICE,
    Image,
    caption_photos,
    hash_of_program,
    job_for,
    unpack,
)
from fluxlora_desktop.backends.local.notes import Note, Wish
from fluxlora_desktop.backends.local.parts import LocalParts
from fluxlora_desktop.backends.local.process import Program
from fluxlora_desktop.backends.local.queue import Job, LocalQueue, Reader, Standing, events_of
from fluxlora_desktop.backends.local.telling import outputs_of, snapshot_of
from fluxlora_desktop.backends.local.trainers import FREE, TRAINERS
from fluxlora_desktop.domain.bases import base_named
from fluxlora_desktop.domain.datasets import Archive
from fluxlora_desktop.domain.engine import NO_TOKEN
from fluxlora_desktop.domain.errors import (
    InputError,
    NotFoundAtService,
    ServiceRefused,
    WeightsError,
)
from fluxlora_desktop.domain.money import NOTHING, Estimate
from fluxlora_desktop.domain.ports import Account, FetchedWeights, JobContext, Transferred
from fluxlora_desktop.domain.recovery import mark_in
from fluxlora_desktop.domain.training import (
    Destination,
    FoundRuns,
    ListedTraining,
    ListedTrainings,
    Mark,
    RemoteFile,
    RemoteRun,
    RemoteState,
    RunSnapshot,
    Trainer,
    TrainingAbilities,
    TrainingOutputs,
    TrainingSpec,
)

_ARCHIVE_LIMIT = 4_000_000_000
_WEIGHTS = "lora.safetensors"
_BLOCK = 1 << 20


class LocalTraining:
    """Trains with the program in its own interpreter; a job is a folder named by its launch's mark.

    The folder appears in one moment, so a launch happened or did not, and looking tells which.
    """

    key = SERVICE
    title = "This computer"
    _made_folders: tuple[str, ...] = ("checkpoints", "samples")

    def __init__(self, parts: LocalParts, queue: LocalQueue) -> None:
        self._parts, self._queue = parts, queue
        self._sha256 = ""
        queue.offer(self.key, self._program, self._reader)

    def abilities(self) -> TrainingAbilities:
        """Return a trainer for each base, and why they cannot be used now, if so."""
        return TrainingAbilities(
            trainers=tuple(map(self._as_it_stands, self._trainers())),
            makes_samples=True,
            can_pause=True,
            can_resume=True,
            runs_here=True,
            not_ready=self._not_ready(),
            archive_limit_bytes=_ARCHIVE_LIMIT,
        )

    def _as_it_stands(self, trainer: Trainer) -> Trainer:
        return replace(trainer, not_ready=self._not_ready(trainer.base))

    def check(self) -> Account:
        """Return nobody: this computer takes no account."""
        return Account(self.key, "")

    def estimate(self, spec: TrainingSpec) -> Estimate:
        """Return no price, and the time as the engine expects it."""
        trainer = self._trainer(spec.trainer)
        steps = trainer.steps_of(spec.parameters)
        resolution = str(spec.parameters.get("resolution", "1024"))
        pace = self._parts.engine.pace(spec.base, steps, resolution)
        if pace is None:
            return trainer.price.estimate(steps)
        seconds = pace.start_seconds + steps * pace.seconds_per_step
        low, high = seconds * (1 - pace.spread), seconds * (1 + pace.spread)
        return Estimate(NOTHING, NOTHING, low, high, f"{FREE} {pace.basis}".strip())

    def find_destination(self, _spec: TrainingSpec, _ctx: JobContext) -> Destination | None:
        """Return no place; see `prepare`."""
        return Destination("")

    def prepare(self, _spec: TrainingSpec, _ctx: JobContext) -> Destination:
        """Return no place: the result lies in the job's folder until it is in the library."""
        return Destination("")

    def upload(self, archive: Archive, nonce: str, ctx: JobContext) -> RemoteFile:
        """Unpack the photos into what becomes the job's folder; reports `Transferred`."""
        ctx.check()
        self._queue.discard(nonce)
        part = self._queue.staging(nonce)

        def tell(done: int) -> None:
            ctx.check()
            ctx.report(Transferred("photos", min(done, archive.size_bytes), archive.size_bytes))

        with storage_errors(part):
            unpack(archive.path, part / IMAGES, tell)
        ctx.report(Transferred("photos", archive.size_bytes, archive.size_bytes))
        return RemoteFile(nonce, "", archive.sha256)

    def submit(
        self, spec: TrainingSpec, _destination: Destination, data: RemoteFile, nonce: str
    ) -> RemoteRun:
        """Put the job in order: its folder appears, and is trained when its turn comes."""
        trainer = self._trainer(spec.trainer)
        reason = self._not_ready(spec.base)
        if reason:
            raise ServiceRefused(self.key, reason)
        if self._queue.job(nonce) is None:
            self._put_together(spec, trainer, data, nonce)
        return self._remote(nonce, trainer.key, trainer.steps_of(spec.parameters))

    def _put_together(
        self, spec: TrainingSpec, trainer: Trainer, data: RemoteFile, nonce: str
    ) -> None:
        part = self._queue.staging(data.id)
        parameters = trainer.checked(spec.parameters)
        with storage_errors(part):
            default = str(parameters.get("default_caption", ""))
            images = caption_photos(part / IMAGES, spec.trigger_word, default)
            if not images:
                raise InputError("photos", "there are no photos to train on")
            self._write_job(part, spec, images, nonce)
        note = Note(
            kind=self.key,
            run_id=spec.run_id,
            trainer=trainer.key,
            base=trainer.base,
            trigger_word=spec.trigger_word,
            destination=spec.destination,
            created_at=datetime.now(UTC),
            parameters=parameters,
            steps=trainer.steps_of(parameters),
        )
        self._queue.add(nonce, note)

    def _write_job(
        self, part: Path, spec: TrainingSpec, images: Sequence[Image], nonce: str
    ) -> None:
        """Write what the trainer reads into what becomes the folder of `nonce`."""
        model = self._parts.model_folder(spec.base) or _hub_id(spec.base)
        program = self._program_sha256()
        job = job_for(spec, images, nonce=nonce, model=model, trainer_sha256=program)
        write_json(part / JOB, job)

    def _program_sha256(self) -> str:
        if not self._sha256:
            self._sha256 = hash_of_program(self._parts.trainer)
        return self._sha256

    def _program(self, folder: Path, note: Note) -> Program:
        """Return how a job's trainer is started; the token is in its environment alone."""
        parts = self._parts
        token = parts.hub_token() or NO_TOKEN
        environment = child_environment(parts.environment(), models=parts.models, token=token)
        if note.gpu is not None:
            environment = on_gpu(environment, note.gpu)
        python = str(parts.engine.python())
        return Program((python, str(parts.trainer), str(folder)), environment, folder)

    def find(self, mark: Mark, _since: datetime, _ctx: JobContext) -> FoundRuns:
        """Return the job whose folder bears the mark; where there is none, none was launched."""
        job = self._queue.job(mark.nonce)
        runs = () if job is None else (self._remote_of(job),)
        return FoundRuns(runs, complete=True, at=datetime.now(UTC))

    def list_trainings(self, since: datetime, ctx: JobContext) -> ListedTrainings:
        """Return the jobs on this computer."""
        ctx.check()
        found = [
            self._listed(job)
            for job in self._queue.jobs()
            if job.note.kind == self.key and job.note.created_at >= since
        ]
        return ListedTrainings(tuple(reversed(found)), complete=True)

    def _listed(self, job: Job) -> ListedTraining:
        note = job.note
        state = snapshot_of(job).state
        return ListedTraining(
            self._remote_of(job),
            state,
            created_at=note.created_at,
            base=note.base,
            trigger_word=note.trigger_word,
            parameters=note.parameters,
            mark=mark_in(job.nonce),
            file_id=job.nonce,
            has_weights=state is RemoteState.SUCCEEDED and (job.out / _WEIGHTS).is_file(),
        )

    def poll(self, run: RemoteRun) -> RunSnapshot:
        """Move the queue on and return how a job stands."""
        self._queue.move_on()
        return snapshot_of(self._known(run))

    def cancel(self, run: RemoteRun) -> bool:
        """Ask the trainer to stop; it is ended where it does not."""
        asked = self._queue.ask(run.id, Wish.CANCEL)
        self._queue.move_on()
        return asked

    def pause(self, run: RemoteRun) -> bool:
        """Ask the trainer to stop after the step that it is at, with a checkpoint."""
        asked = self._queue.ask(run.id, Wish.PAUSE)
        self._queue.move_on()
        return asked

    def resume(self, run: RemoteRun) -> bool:
        """Let a job go on from its last checkpoint when its turn comes."""
        goes_on = self._queue.go_on(run.id)
        if goes_on:
            self._queue.move_on()
        return goes_on

    def outputs(self, run: RemoteRun) -> TrainingOutputs:
        """Return the samples and checkpoints that lie here, and the end of the trainer's log."""
        job = self._queue.job(run.id)
        return TrainingOutputs() if job is None else outputs_of(job)

    def forget_outputs(self, run: RemoteRun) -> None:
        """Delete the job's folder where it has ended; its place in the history stays."""
        job = self._queue.job(run.id)
        if job is None or job.standing in {Standing.RUNNING, Standing.WAITING, Standing.PAUSED}:
            return
        for name in self._made_folders:
            remove_folder(job.out / name)
        remove_folder(job.folder / IMAGES)
        for path in (*self._states_of(job), job.out / _WEIGHTS):
            with storage_errors(path):
                path.unlink(missing_ok=True)

    def page_of(self, _remote_id: str, _trainer: str) -> str:
        """Return no page: the Runs page shows all there is."""
        return ""

    def fetch_weights(
        self, run: RemoteRun, _snapshot: RunSnapshot, folder: Path, ctx: JobContext
    ) -> FetchedWeights:
        """Copy the weights out of the job's folder, and see that they are those it wrote.

        Raises `WeightsError` for others, `NotFoundAtService` where there are none.
        """
        job = self._known(run)
        source, target = job.out / _WEIGHTS, folder / _WEIGHTS
        if not source.is_file():
            raise NotFoundAtService(self.key, "The weights are no longer in the job's folder.")
        total = source.stat().st_size
        part = folder / f"{_WEIGHTS}.part"
        with storage_errors(target):
            folder.mkdir(parents=True, exist_ok=True)
            with source.open("rb") as read, part.open("wb") as write:
                done = 0
                while block := read.read(_BLOCK):
                    ctx.check()
                    write.write(block)
                    done += len(block)
                    ctx.report(Transferred("weights", done, total))
            digest = hash_file(part)
            part.replace(target)
        if job.result is not None and job.result.sha256 not in {"", digest}:
            raise WeightsError(target, "they are not what the trainer wrote")
        return FetchedWeights(target)

    def clean_up(self, data: RemoteFile) -> None:
        """Delete a job's photos once it is of no use to go on with them; silent when they are gone.

        Samples and checkpoints stay until a person deletes them.
        """
        job = self._queue.job(data.id)
        if job is None:
            self._queue.discard(data.id)
        elif job.standing is Standing.ENDED and job.result and job.result.status == "done":
            remove_folder(job.folder / IMAGES)
            with storage_errors(job.out):
                for path in self._states_of(job):
                    path.unlink(missing_ok=True)

    def _trainers(self) -> tuple[Trainer, ...]:
        return TRAINERS

    def _not_ready(self, base: str = "") -> str:
        return self._parts.engine.not_ready(base)

    def _reader(self, folder: Path) -> Reader:
        return events_of(folder)

    def _states_of(self, job: Job) -> tuple[Path, ...]:
        """Return the files that are only of use to go on with a job."""
        return (job.out / "state.pt",)

    def _trainer(self, key: str) -> Trainer:
        return self.abilities().trainer(key)

    def _known(self, run: RemoteRun) -> Job:
        job = self._queue.job(run.id)
        if job is None:
            raise NotFoundAtService(self.key, "Its folder is gone.")
        return job

    def _remote(self, nonce: str, trainer: str, steps: int) -> RemoteRun:
        return RemoteRun(self.key, nonce, trainer, steps=steps)

    def _remote_of(self, job: Job) -> RemoteRun:
        return self._remote(job.nonce, job.note.trainer, job.note.steps)


def _hub_id(base: str) -> str:
    known = base_named(base)
    if known is None:
        raise InputError("base", f"{base} is not known")
    return known.training_hub_id
