"""Trainings at Replicate."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from fluxlora_desktop.backends.http.downloads import bring_from, forget_part
from fluxlora_desktop.backends.http.errors import scrub
from fluxlora_desktop.backends.http.logs import clean_log
from fluxlora_desktop.backends.http.replies import words
from fluxlora_desktop.backends.replicate.client import ReplicateClient
from fluxlora_desktop.backends.replicate.destinations import find_destination, make_destination
from fluxlora_desktop.backends.replicate.logs import read_losses, read_progress
from fluxlora_desktop.backends.replicate.trainers import TRAINERS
from fluxlora_desktop.backends.replicate.weights import take_weights
from fluxlora_desktop.backends.replicate.wire import SERVICE, FileReply, JobReply
from fluxlora_desktop.domain.datasets import Archive
from fluxlora_desktop.domain.errors import (
    ArrivedDamaged,
    InputError,
    NotFoundAtService,
    OutcomeUnknown,
    ServiceInterrupted,
    ServiceRefused,
    ServiceUnreachable,
    UnexpectedReply,
    WeightsError,
)
from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.ports import Account, FetchedWeights, JobContext, TrainsElsewhere
from fluxlora_desktop.domain.recovery import mark_in
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.training import (
    Destination,
    FoundRuns,
    ListedTraining,
    ListedTrainings,
    Mark,
    ParameterValue,
    RemoteFile,
    RemoteRun,
    RemoteState,
    RunSnapshot,
    Trainer,
    TrainingAbilities,
    TrainingSpec,
)
from fluxlora_desktop.domain.weights import damaged_since, keep_damaged

_STATES = {
    "starting": RemoteState.QUEUED,
    "processing": RemoteState.TRAINING,
    "succeeded": RemoteState.SUCCEEDED,
    "failed": RemoteState.FAILED,
    "canceled": RemoteState.CANCELLED,
    "aborted": RemoteState.FAILED,
}
_OPEN = frozenset({RemoteState.QUEUED, RemoteState.TRAINING})
_ARCHIVE_LIMIT = 100_000_000
_OUTPUT_PATIENCE = timedelta(minutes=10)
_CLOCK_SLACK = timedelta(minutes=15)
_MOST_PAGES = 50
_FILES_LIVE = timedelta(hours=25)


class ReplicateTraining(TrainsElsewhere):
    """Trains with the trainers listed in `trainers.py`."""

    key = SERVICE
    title = "Replicate"

    def __init__(self, *, address: str, token: Callable[[], Secret | None]) -> None:
        self._client = ReplicateClient(address=address, token=token)

    def abilities(self) -> TrainingAbilities:
        """Return the trainers and what Replicate can do."""
        return TrainingAbilities(
            trainers=TRAINERS,
            archive_limit_bytes=_ARCHIVE_LIMIT - 1,
            runs_page="https://replicate.com/trainings",
            version_page="https://replicate.com/{model}/versions/{version}",
        )

    def check(self) -> Account:
        """Ask Replicate whose token it is."""
        account = self._client.account()
        return Account(SERVICE, account.username, account.name)

    def estimate(self, spec: TrainingSpec) -> Estimate:
        """Return the price and time range of a training."""
        trainer = self._trainer(spec.trainer)
        return trainer.price.estimate(trainer.steps_of(spec.parameters))

    def find_destination(self, spec: TrainingSpec, ctx: JobContext) -> Destination | None:
        """Return the model that this run made before, or None."""
        return find_destination(self._client, spec, ctx)

    def prepare(self, spec: TrainingSpec, ctx: JobContext) -> Destination:
        """Make the model that will hold the trained version, unless this run made it before."""
        return make_destination(self._client, spec, ctx)

    def upload(self, archive: Archive, nonce: str, ctx: JobContext) -> RemoteFile:
        """Send the archive for one attempt; what arrives is compared by SHA-256."""
        if archive.size_bytes >= _ARCHIVE_LIMIT:
            raise InputError("photos", "Replicate takes less than 100 MB of photos")
        file = self._sent(archive, nonce, ctx)
        if file.sha256 and file.sha256 != archive.sha256:
            self._client.delete_file(file.id)
            raise ArrivedDamaged(SERVICE, "the photos arrived damaged")
        if not file.address:
            raise UnexpectedReply(SERVICE, "FileReply.urls.get", "no address")
        return RemoteFile(
            file.id, file.address, archive.sha256, file.expires_at, self._client.server_date
        )

    def _sent(self, archive: Archive, nonce: str, ctx: JobContext) -> FileReply:
        """Send the archive; when its answer is lost, look whether all of it arrived."""
        try:
            return self._client.upload(archive, nonce, ctx)
        except (ServiceInterrupted, UnexpectedReply):
            file = self._client.file_of(nonce, archive.sha256, ctx)
            if file is None:
                raise
            return file

    def submit(
        self, spec: TrainingSpec, destination: Destination, data: RemoteFile, nonce: str
    ) -> RemoteRun:
        """Launch with the trainer's newest version: one paid request, never repeated."""
        trainer = self._trainer(spec.trainer)
        version = self._newest_version(trainer)
        job = self._client.create_training(
            trainer.key, version, destination.name, _inputs(trainer, spec, data, nonce)
        )
        if not job.bears(nonce, data.id):
            raise OutcomeUnknown(SERVICE, f"the answer names another training: {job.id}")
        return _remote(job, trainer.key, version)

    def find(self, mark: Mark, since: datetime, ctx: JobContext) -> FoundRuns:
        """Return the trainings that bear the mark, the one that still runs first."""
        until, page, hits = since - _CLOCK_SLACK, "", list[JobReply]()
        for _ in range(_MOST_PAGES):
            ctx.check()
            reply = self._client.trainings(page, ctx)
            hits += [job for job in reply.results if job.bears(mark.nonce, mark.file_id)]
            past = any(job.created_at and job.created_at < until for job in reply.results)
            page = reply.next
            if past or not page:
                return FoundRuns(_in_order(hits), complete=True, at=self._client.server_date)
        return FoundRuns(_in_order(hits), complete=False, at=self._client.server_date)

    def list_trainings(self, since: datetime, ctx: JobContext) -> ListedTrainings:
        """Return the account's trainings with known trainers, as far back as asked for."""
        owner = self._client.account().username
        page, found = "", list[ListedTraining]()
        for _ in range(_MOST_PAGES):
            ctx.check()
            reply = self._client.trainings(page, ctx)
            young = [job for job in reply.results if not job.created_at or job.created_at >= since]
            found += filter(None, (self._listed(job, owner, ctx) for job in young))
            page = reply.next
            if not page or len(young) < len(reply.results):
                return ListedTrainings(tuple(found), complete=True)
        return ListedTrainings(tuple(found), complete=False)

    def _listed(self, job: JobReply, owner: str, ctx: JobContext) -> ListedTraining | None:
        trainer = next((one for one in TRAINERS if one.key == job.model), None)
        if trainer is None or job.status == "aborted":
            return None
        state = _STATES.get(job.status, RemoteState.TRAINING)
        if state is RemoteState.SUCCEEDED and not job.weights and not _output_is_late(job):
            state = RemoteState.TRAINING
        parameters = trainer.told(job.input)
        return ListedTraining(
            replace(_remote(job, trainer.key, job.version), steps=trainer.steps_of(parameters)),
            state,
            created_at=job.created_at,
            owner=owner,
            base=trainer.base,
            trigger_word=words(job.input.get(trainer.trigger_input)),
            parameters=parameters,
            destination=job.trained_version.partition(":")[0].rpartition("/")[2],
            version=job.trained_version,
            mark=self._mark(job, trainer, ctx),
            file_id=job.file_id,
            has_weights=bool(job.weights),
            charge_usd=self._charge(job.metrics.predict_time, trainer.key),
        )

    def _mark(self, job: JobReply, trainer: Trainer, ctx: JobContext) -> str:
        """Return the mark of its launch: of the spare input, or of the file uploaded for it.

        Replicate forgets the file after a day, and the app deletes it when the training has ended;
        the model that was trained still says whose it is.
        """
        if trainer.spare_input:
            return mark_in(words(job.input.get(trainer.spare_input)))
        young = job.created_at and datetime.now(UTC) - job.created_at < _FILES_LIVE
        mark = ""
        if job.file_id and young:
            with suppress(ServiceRefused):
                mark = mark_in(self._client.file(job.file_id, ctx).attempt)
        return mark or self._mark_of_model(job)

    def _mark_of_model(self, job: JobReply) -> str:
        """Return the mark in the description of the model that a training was for."""
        name = job.trained_version.partition(":")[0]
        if not name:
            return ""
        with suppress(ServiceRefused):
            return mark_in(self._client.model(name).description)
        return ""

    def poll(self, run: RemoteRun) -> RunSnapshot:
        """Return how a training stands, with everything that its log tells."""
        return self._snapshot(self._client.training(run.id), run.trainer)

    def cancel(self, run: RemoteRun) -> bool:
        """Ask Replicate to stop; silent for a training that has ended, false for an unknown one."""
        try:
            self._client.cancel("trainings", run.id)
        except NotFoundAtService:
            return False
        except ServiceRefused:
            job = self._client.training(run.id)
            if _STATES.get(job.status, RemoteState.TRAINING) in _OPEN:
                raise
        return True

    def page_of(self, remote_id: str, _trainer: str) -> str:
        """Return the training's own page."""
        return f"https://replicate.com/p/{remote_id}"

    def fetch_weights(
        self, run: RemoteRun, snapshot: RunSnapshot, folder: Path, ctx: JobContext
    ) -> FetchedWeights:
        """Bring the archive into `folder`, keep it, and take `lora.safetensors` out of it.

        An archive that cannot be read, or whose weights were set aside as damaged, is set aside
        too and brought once more: perhaps the way is at fault and not the training.
        """
        folder.mkdir(parents=True, exist_ok=True)
        archive, target = folder / "weights.tar", folder / "lora.safetensors"
        if archive.is_file() and damaged_since(target, archive):
            keep_damaged(archive)
        if not archive.is_file():
            self._bring(run, snapshot, archive, ctx)
        try:
            return take_weights(archive, target, ctx)
        except WeightsError as error:
            kept, reason = keep_damaged(archive), error.reason
        try:
            self._bring(run, snapshot, archive, ctx)
        except NotFoundAtService as error:
            raise WeightsError(kept, reason) from error
        return take_weights(archive, target, ctx)

    def _bring(self, run: RemoteRun, snapshot: RunSnapshot, archive: Path, ctx: JobContext) -> None:
        """Bring the archive, going on where an earlier try ended."""
        part = archive.with_name("weights.tar.part")
        bring_from(
            snapshot.weights_address,
            service=SERVICE,
            ask=lambda: self.poll(run).weights_address,
            bring=lambda address: self._client.weights(address, part, ctx),
        )
        part.replace(archive)
        forget_part(part)

    def clean_up(self, data: RemoteFile) -> None:
        """Delete the uploaded photos; silent when they are gone."""
        self._client.delete_file(data.id)

    def _trainer(self, key: str) -> Trainer:
        return self.abilities().trainer(key)

    def _newest_version(self, trainer: Trainer) -> str:
        """Look the version up; trouble here means that nothing was launched."""
        try:
            model = self._client.model(trainer.key)
        except ServiceInterrupted as error:
            raise ServiceUnreachable(SERVICE, error.detail, kind="offline") from error
        if model.latest_version is None:
            raise ServiceRefused(SERVICE, f"{trainer.title} has no version at present.")
        return model.latest_version.id

    def _snapshot(self, job: JobReply, trainer: str) -> RunSnapshot:
        state = _STATES.get(job.status, RemoteState.TRAINING)
        error = job.error
        if job.status == "aborted":
            error = error or "Replicate ended the training before it ran."
        if state is RemoteState.SUCCEEDED and not job.weights:
            if _output_is_late(job):
                state, error = RemoteState.FAILED, error or "The training left no weights."
            else:
                state = RemoteState.TRAINING
        log = clean_log(job.logs)
        seconds = None if state in _OPEN else job.metrics.predict_time
        return RunSnapshot(
            state=state,
            progress=read_progress(log),
            log=log,
            losses=read_losses(log),
            error=scrub(error),
            weights_address=job.weights,
            version=job.trained_version,
            billed_seconds=seconds,
            charge_usd=self._charge(seconds, trainer),
        )

    def _charge(self, seconds: float | None, trainer: str) -> Decimal | None:
        known = next((item for item in TRAINERS if item.key == trainer), None)
        if seconds is None or known is None:
            return None
        return (known.price.usd_per_second * Decimal(str(seconds))).quantize(Decimal("0.0001"))


def _output_is_late(job: JobReply) -> bool:
    """Tell whether a success without weights has had its ten minutes to name them."""
    return job.completed_at is None or datetime.now(UTC) - job.completed_at > _OUTPUT_PATIENCE


def _inputs(
    trainer: Trainer, spec: TrainingSpec, data: RemoteFile, nonce: str
) -> dict[str, ParameterValue]:
    """Return the trainer's inputs; a text left empty is left out, as the trainer's default."""
    chosen = trainer.checked(spec.parameters)
    inputs = {name: value for name, value in chosen.items() if value != ""}
    inputs["input_images"] = data.address
    if trainer.trigger_input:
        inputs[trainer.trigger_input] = spec.trigger_word
    if trainer.spare_input:
        inputs[trainer.spare_input] = f"fluxlora-{nonce}"
    return inputs


def _in_order(hits: list[JobReply]) -> tuple[RemoteRun, ...]:
    def rank(job: JobReply) -> tuple[bool, datetime]:
        ended = _STATES.get(job.status, RemoteState.TRAINING) not in _OPEN
        return ended, job.created_at or datetime.max.replace(tzinfo=UTC)

    return tuple(_remote(job, "", job.version) for job in sorted(hits, key=rank))


def _remote(job: JobReply, trainer: str, version: str) -> RemoteRun:
    return RemoteRun(SERVICE, job.id, trainer, f"https://replicate.com/p/{job.id}", version)
