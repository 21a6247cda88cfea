"""Trainings at fal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from fluxlora_desktop.backends.fal.client import FalClient
from fluxlora_desktop.backends.fal.ends import end_of
from fluxlora_desktop.backends.fal.logs import read_losses, read_progress
from fluxlora_desktop.backends.fal.trainers import ARCHIVE_INPUTS, FLUX2, TRAINERS
from fluxlora_desktop.backends.fal.wire import (
    SERVICE,
    Addresses,
    PastRequest,
    Status,
    Trained,
    read,
)
from fluxlora_desktop.backends.http.downloads import bring_from, forget_part
from fluxlora_desktop.backends.http.logs import clean_log
from fluxlora_desktop.backends.http.replies import words
from fluxlora_desktop.domain.datasets import Archive
from fluxlora_desktop.domain.errors import (
    InputError,
    NotFoundAtService,
    ServiceRefused,
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
    TrainingProgress,
    TrainingSpec,
)

_ARCHIVE_LIMIT = 100_000_000  # fal-client sends larger files in parts
_CLOCK_SLACK = timedelta(minutes=15)
_HISTORY = timedelta(days=89)  # the docs let a look at one request go back 90 days
_MOST_PAGES = 50
_CANCELLED_STATUS = 499
_RUNS_PAGE = "https://fal.ai/dashboard/requests"
_GONE = "If it has finished, its weights are among your requests at fal."


class FalTraining(TrainsElsewhere):
    """Trains with the trainers listed in `trainers.py`, through the queue.

    fal's history tells which requests have begun and what they were given, so a launch whose answer
    was lost is found by the address of its photos once it runs; one that waits in the queue is in
    no list, so its absence proves nothing.
    """

    key = SERVICE
    title = "fal"

    def __init__(self, *, address: str, token: Callable[[], Secret | None]) -> None:
        self._client = FalClient(address=address, token=token)

    def abilities(self) -> TrainingAbilities:
        """Return the trainers and what fal can do."""
        return TrainingAbilities(
            trainers=TRAINERS,
            archive_limit_bytes=_ARCHIVE_LIMIT - 1,
            runs_page=_RUNS_PAGE,
            absence_shows=False,
        )

    def check(self) -> Account:
        """Ask for one line of the account's history, which needs a good key; it names nobody."""
        return self._client.check(FLUX2.key)

    def estimate(self, spec: TrainingSpec) -> Estimate:
        """Return the price and time range of a training."""
        trainer = self._trainer(spec.trainer)
        return trainer.price.estimate(trainer.steps_of(spec.parameters))

    def find_destination(self, _spec: TrainingSpec, _ctx: JobContext) -> Destination | None:
        """Return no place; see `prepare`."""
        return Destination("")

    def prepare(self, _spec: TrainingSpec, _ctx: JobContext) -> Destination:
        """Return no place: fal keeps results as files, not in models of their own."""
        return Destination("")

    def upload(self, archive: Archive, nonce: str, ctx: JobContext) -> RemoteFile:
        """Send the archive for one attempt, under a name that bears its mark."""
        if archive.size_bytes >= _ARCHIVE_LIMIT:
            raise InputError("photos", "fal takes less than 100 MB of photos at once")
        ctx.check()
        ticket = self._client.upload(archive.path, f"photos-{nonce}.zip", ctx)
        return RemoteFile(
            ticket.file_id, ticket.file_url, archive.sha256, server_date=self._client.server_date
        )

    def submit(
        self, spec: TrainingSpec, _destination: Destination, data: RemoteFile, _nonce: str
    ) -> RemoteRun:
        """Put the training into the queue: one paid request, never repeated.

        The mark is the address of the photos, which were uploaded for this attempt alone.
        """
        trainer = self._trainer(spec.trainer)
        taken = self._client.submit(trainer.key, _inputs(trainer, spec, data))
        return RemoteRun(
            SERVICE,
            taken.request_id,
            trainer.key,
            page=self.page_of("", trainer.key),
            handle=taken.addresses.as_text(),
            steps=trainer.steps_of(spec.parameters),
        )

    def find(self, mark: Mark, since: datetime, ctx: JobContext) -> FoundRuns:
        """Return the requests that bear the mark and have begun, the one that still runs first."""
        hits, cursor = list[PastRequest](), ""
        for _ in range(_MOST_PAGES):
            ctx.check()
            page = self._client.history(
                ARCHIVE_INPUTS, since=since - _CLOCK_SLACK, cursor=cursor, ctx=ctx
            )
            hits += [item for item in page.items if item.bears(mark.nonce, mark.file_id)]
            cursor = page.next_cursor if page.has_more else ""
            if not cursor:
                break
        runs = (
            RemoteRun(
                SERVICE,
                item.request_id,
                item.endpoint_id,
                self.page_of(item.request_id, item.endpoint_id),
            )
            for item in sorted(hits, key=_rank)
        )
        return FoundRuns(tuple(runs), complete=False, at=self._client.server_date)

    def list_trainings(self, since: datetime, ctx: JobContext) -> ListedTrainings:
        """Return the trainings that have begun, as far back as the history goes.

        One that waits in the queue is in no list, so there may always be more.
        """
        oldest = max(since, datetime.now(UTC) - _HISTORY)
        found, cursor = list[ListedTraining](), ""
        for _ in range(_MOST_PAGES):
            ctx.check()
            page = self._client.history(ARCHIVE_INPUTS, since=oldest, cursor=cursor, ctx=ctx)
            found += filter(None, map(self._listed, page.items))
            cursor = page.next_cursor if page.has_more else ""
            if not cursor:
                break
        found.sort(key=_age, reverse=True)
        return ListedTrainings(tuple(found), complete=False)

    def _listed(self, item: PastRequest) -> ListedTraining | None:
        trainer = next((one for one in TRAINERS if one.key == item.endpoint_id), None)
        if trainer is None:
            return None
        parameters = trainer.told(item.given)
        page = self.page_of(item.request_id, trainer.key)
        steps = trainer.steps_of(parameters)
        return ListedTraining(
            RemoteRun(SERVICE, item.request_id, trainer.key, page, steps=steps),
            _state_of(item),
            created_at=item.sent_at,
            base=trainer.base,
            trigger_word=words(item.given.get(trainer.trigger_input)),
            parameters=parameters,
            mark=mark_in(item.archive),
            file_id=item.file_id,
            has_weights=bool(item.weights_address),
        )

    def poll(self, run: RemoteRun) -> RunSnapshot:
        """Return how a training stands, with everything that its log tells."""
        where = self._addresses(run)
        try:
            status = self._client.status(where)
        except NotFoundAtService:
            past = self._from_history(run)
            if past is None or past.ended_at is None:
                raise
            return self._ended(run, past)
        log = clean_log("\n".join(status.lines))
        seen = RunSnapshot(
            RemoteState.TRAINING,
            progress=read_progress(log, run.steps),
            log=log,
            losses=read_losses(log, run.steps),
        )
        if status.status == "IN_QUEUE":
            return RunSnapshot(RemoteState.QUEUED, progress=TrainingProgress(_place(status)))
        return self._finished(run, status, where, seen) if status.ended else seen

    def cancel(self, run: RemoteRun) -> bool:
        """Ask fal to stop; silent for a training that has ended, false for one it does not find."""
        try:
            self._client.cancel(self._addresses(run))
        except NotFoundAtService:
            return False
        except ServiceRefused:
            try:
                goes_on = self.poll(run).state in {RemoteState.QUEUED, RemoteState.TRAINING}
            except NotFoundAtService:
                return False
            if goes_on:
                raise
        return True

    def page_of(self, _remote_id: str, trainer: str) -> str:
        """Return the list of a trainer's requests: fal has no page for a single one."""
        return f"https://fal.ai/models/{trainer}/requests" if trainer else _RUNS_PAGE

    def fetch_weights(
        self, run: RemoteRun, snapshot: RunSnapshot, folder: Path, ctx: JobContext
    ) -> FetchedWeights:
        """Bring the weights file into `folder`, resuming what an earlier try left there."""
        folder.mkdir(parents=True, exist_ok=True)
        part, target = folder / "lora.safetensors.part", folder / "lora.safetensors"
        bring_from(
            snapshot.weights_address,
            service=SERVICE,
            ask=lambda: self.poll(run).weights_address,
            bring=lambda address: self._client.weights(address, part, ctx),
        )
        part.replace(target)
        forget_part(part)
        return FetchedWeights(target)

    def clean_up(self, data: RemoteFile) -> None:
        """Leave the photos to fal, which deletes them a day after the upload.

        Its order to delete a request's files deletes the weights with them.
        """

    def _trainer(self, key: str) -> Trainer:
        return self.abilities().trainer(key)

    def _addresses(self, run: RemoteRun) -> Addresses:
        return self._client.addresses(Addresses.from_text(run.handle), run.trainer, run.id)

    def _finished(
        self, run: RemoteRun, status: Status, where: Addresses, seen: RunSnapshot
    ) -> RunSnapshot:
        if status.cancelled:
            begun = bool(seen.log)
            return self._without_weights(run, RemoteState.CANCELLED, "", seen, begun=begun)
        try:
            end = end_of(self._client, where, status)
        except NotFoundAtService:
            return self._ended(run, self._from_history(run), seen)
        if end.made is None:
            begun = bool(seen.log) and not end.free
            return self._without_weights(run, RemoteState.FAILED, end.reason, seen, begun=begun)
        weights = read(Trained, end.made).weights_address
        if not weights:
            return self._ended(run, self._from_history(run), seen)
        return self._with_weights(run, weights, seen)

    def _ended(
        self, run: RemoteRun, past: PastRequest | None, seen: RunSnapshot | None = None
    ) -> RunSnapshot:
        """Return how a training ended that the queue has forgotten and the history has not.

        Raises `NotFoundAtService` where neither tells of weights or of trouble.
        """
        seen = seen or RunSnapshot(RemoteState.SUCCEEDED)
        if past is not None and past.weights_address:
            return self._with_weights(run, past.weights_address, seen)
        if past is None or past.status_code is None or past.status_code < 400:
            raise NotFoundAtService(SERVICE, _GONE, status=404)
        if past.status_code == _CANCELLED_STATUS:
            return self._without_weights(run, RemoteState.CANCELLED, "", seen)
        words = f"The training ended with the status {past.status_code}."
        free = past.status_code >= 500 or past.status_code == 422
        return self._without_weights(run, RemoteState.FAILED, words, seen, begun=not free)

    def _from_history(self, run: RemoteRun) -> PastRequest | None:
        return self._client.past(run.trainer, run.id, since=datetime.now(UTC) - _HISTORY)

    def _with_weights(self, run: RemoteRun, address: str, seen: RunSnapshot) -> RunSnapshot:
        trainer = self._known(run)
        return replace(
            seen,
            state=RemoteState.SUCCEEDED,
            weights_address=address,
            charge_usd=self._price(run),
            charge_sure=trainer is not None and not trainer.price.most_usd_per_step,
        )

    def _without_weights(
        self,
        run: RemoteRun,
        state: RemoteState,
        words: str,
        seen: RunSnapshot,
        *,
        begun: bool = True,
    ) -> RunSnapshot:
        """Return an end without a result; whether fal bills what had run is not documented."""
        return replace(
            seen,
            state=state,
            error=words,
            charge_usd=self._price(run) if begun else None,
            charge_sure=False,
        )

    def _known(self, run: RemoteRun) -> Trainer | None:
        return next((item for item in TRAINERS if item.key == run.trainer), None)

    def _price(self, run: RemoteRun) -> Decimal | None:
        known = self._known(run)
        return known.price.estimate(run.steps).high_usd if known and run.steps else None


def _inputs(trainer: Trainer, spec: TrainingSpec, data: RemoteFile) -> dict[str, ParameterValue]:
    """Return the trainer's inputs; a text left empty is left out, as the trainer's default."""
    chosen = trainer.checked(spec.parameters)
    inputs = {name: value for name, value in chosen.items() if value != ""}
    inputs[ARCHIVE_INPUTS[trainer.key]] = data.address
    if trainer.trigger_input:
        inputs[trainer.trigger_input] = spec.trigger_word
    return inputs


def _place(status: Status) -> str:
    if not status.place:
        return "Next in the queue" if status.place == 0 else "In the queue"
    return f"In the queue, {status.place} before it"


def _state_of(item: PastRequest) -> RemoteState:
    """Return how a request of the history stands; one without an end runs."""
    if item.weights_address:
        return RemoteState.SUCCEEDED
    if item.ended_at is None:
        return RemoteState.TRAINING
    if item.status_code == _CANCELLED_STATUS:
        return RemoteState.CANCELLED
    failed = item.status_code is not None and item.status_code >= 400
    return RemoteState.FAILED if failed else RemoteState.SUCCEEDED


def _age(listed: ListedTraining) -> float:
    return listed.created_at.timestamp() if listed.created_at else 0.0


def _rank(item: PastRequest) -> tuple[bool, float]:
    return item.ended_at is not None, item.sent_at.timestamp() if item.sent_at else float("inf")
