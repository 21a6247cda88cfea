"""Small stand-ins for services; the library under test is a real one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from fluxlora_desktop.domain.captioning import (
    CaptionerAbilities,
    CaptionModel,
    CaptionRequest,
    TokenPrice,
    WrittenCaption,
)
from fluxlora_desktop.domain.datasets import MEASURED, Archive, FaceBox, PhotoFacts
from fluxlora_desktop.domain.edits import PLAIN, Edits
from fluxlora_desktop.domain.errors import JobCancelled
from fluxlora_desktop.domain.loras import (
    HubAccount,
    HubStatus,
    PublicationBundle,
    PublishedCommit,
)
from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.pictures import (
    GeneratedImage,
    GeneratorAbilities,
    GeneratorModel,
    PictureRequest,
)
from fluxlora_desktop.domain.ports import Account, FetchedWeights, TrainsElsewhere
from fluxlora_desktop.domain.training import (
    Destination,
    FoundRuns,
    ListedTraining,
    ListedTrainings,
    Parameter,
    ParameterKind,
    PriceRule,
    RemoteFile,
    RemoteRun,
    RemoteState,
    RunSnapshot,
    Trainer,
    TrainingAbilities,
    TrainingProgress,
    Visibility,
)

TRAINER = Trainer(
    key="fake/trainer",
    title="Fake trainer",
    base="flux.1-dev",
    says="For tests",
    parameters=(
        Parameter("steps", "Steps", ParameterKind.WHOLE, 1000, "steps", low=3, high=6000),
        Parameter("lora_rank", "Rank", ParameterKind.WHOLE, 16, "rank", low=1, high=128),
    ),
    price=PriceRule(
        usd_per_second=Decimal("0.001"),
        start_seconds=60,
        seconds_per_step=1,
        spread=0.2,
        basis="a test",
    ),
)


class HandClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def pass_seconds(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Context:
    """A job's context that keeps what was reported; waiting moves the clock."""

    def __init__(self, clock: HandClock, *, stop_after_pauses: int | None = None) -> None:
        self.clock, self.events, self.pauses = clock, [], []
        self._stop_after = stop_after_pauses

    def report(self, event: object) -> None:
        self.events.append(event)

    def check(self) -> None:
        return

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.pass_seconds(seconds)
        if self._stop_after is not None and len(self.pauses) >= self._stop_after:
            raise JobCancelled


Reply = object


@dataclass
class FakeBackend(TrainsElsewhere):
    """A training service whose answers are scripted; an exception in a script is raised."""

    upload_replies: list[Reply] = field(default_factory=list)
    submits: list[Reply] = field(default_factory=list)
    polls: list[Reply] = field(default_factory=list)
    finds: list[Reply] = field(default_factory=list)
    weights: Callable[[Path], None] | None = None
    key: str = "replicate"
    title: str = "Replicate"
    launched: list[str] = field(default_factory=list)
    uploads: list[str] = field(default_factory=list)
    cleaned: list[str] = field(default_factory=list)
    polled: list[RemoteRun] = field(default_factory=list)
    seen_at_submit: Callable[[str], None] | None = None
    absence_shows: bool = True
    handle: str = ""
    knows: bool = True
    prepared: dict[str, Destination] = field(default_factory=dict)
    listed: list[ListedTraining] = field(default_factory=list)
    lists: list[Reply] = field(default_factory=list)

    def abilities(self) -> TrainingAbilities:
        return TrainingAbilities((TRAINER,), absence_shows=self.absence_shows)

    def check(self) -> Account:
        return Account(self.key, "tester")

    def estimate(self, spec) -> Estimate:
        return TRAINER.price.estimate(TRAINER.steps_of(spec.parameters))

    def find_destination(self, spec, ctx) -> Destination | None:
        return self.prepared.get(spec.run_id)

    def prepare(self, spec, ctx) -> Destination:
        made = Destination(f"tester/{spec.destination}")
        self.prepared[spec.run_id] = made
        return made

    def upload(self, archive: Archive, nonce: str, ctx) -> RemoteFile:
        self.uploads.append(nonce)
        file = RemoteFile(f"file-{nonce}", "http://127.0.0.1/file", archive.sha256)
        return _answer(self.upload_replies, file)

    def submit(self, spec, destination, data, nonce) -> RemoteRun:
        if self.seen_at_submit is not None:
            self.seen_at_submit(spec.run_id)
        self.launched.append(nonce)
        made = RemoteRun(self.key, "remote-1", spec.trainer, "http://page", handle=self.handle)
        return _answer(self.submits, made)

    def find(self, mark, since, ctx) -> FoundRuns:
        return _answer(self.finds, FoundRuns((), True))

    def list_trainings(self, since, ctx) -> ListedTrainings:
        told = _answer(self.lists, ListedTrainings(tuple(self.listed), True))
        young = (one for one in told.trainings if not one.created_at or one.created_at >= since)
        return replace(told, trainings=tuple(young))

    def poll(self, run) -> RunSnapshot:
        self.polled.append(run)
        done = RunSnapshot(RemoteState.SUCCEEDED, weights_address="w", version="tester/x:1")
        return _answer(self.polls, done)

    def cancel(self, run) -> bool:
        if self.knows:
            self.polls = [RunSnapshot(RemoteState.CANCELLED)]
        return self.knows

    def page_of(self, remote_id, trainer) -> str:
        return f"http://{self.key}/{remote_id}"

    def fetch_weights(self, run, snapshot, folder: Path, ctx) -> FetchedWeights:
        target = folder / "lora.safetensors"
        assert self.weights is not None
        self.weights(target)
        return FetchedWeights(target)

    def clean_up(self, data) -> None:
        self.cleaned.append(data.id)


def training(step: int, total: int = 100) -> RunSnapshot:
    """Return what a poll tells in the middle of a training."""
    progress = TrainingProgress("Training", step, total, 1.0, float(total - step), 0.3)
    return RunSnapshot(RemoteState.TRAINING, progress, log="x" * step, losses=((step, 0.3),))


def _answer(script: list, otherwise):
    reply = script.pop(0) if script else otherwise
    if isinstance(reply, Exception):
        raise reply
    return reply


@dataclass
class FakeHub:
    """A hub that keeps what was published in memory."""

    key: str = "huggingface"
    title: str = "Hugging Face"
    trouble: list[Exception] = field(default_factory=list)
    repos: dict[str, HubStatus] = field(default_factory=dict)
    corrupt: bool = False

    def whoami(self) -> HubAccount:
        return HubAccount("tester", "fineGrained", True, True)

    def make_repo(self, bundle: PublicationBundle) -> None:
        self.repos.setdefault(bundle.repo, HubStatus(True, bundle.visibility))

    def published(self, bundle: PublicationBundle) -> PublishedCommit | None:
        return None

    def publish(self, bundle: PublicationBundle, ctx) -> PublishedCommit:
        if self.trouble:
            raise self.trouble.pop(0)
        sha = "0" * 64 if self.corrupt else bundle.weights_sha256
        self.repos[bundle.repo] = HubStatus(
            True, bundle.visibility, "c" * 40, sha, bundle.weights_size
        )
        page = f"http://hub/{bundle.repo}"
        address = f"{page}/resolve/main/lora.safetensors"
        return PublishedCommit(bundle.repo, "c" * 40, page, address, bundle.visibility)

    def status(self, repo: str) -> HubStatus:
        return self.repos.get(repo, HubStatus(False))

    def set_visibility(self, repo: str, visibility: Visibility) -> None:
        self.repos[repo] = replace(self.repos[repo], visibility=visibility)

    def fetch(self, repo: str, folder: Path, ctx) -> FetchedWeights:
        raise NotImplementedError

    def delete(self, repo: str) -> None:
        self.repos.pop(repo, None)


@dataclass
class FakeGenerator:
    """A generator whose answers are scripted."""

    replies: list[Reply] = field(default_factory=list)
    key: str = "replicate"
    title: str = "Replicate"
    asked: list[PictureRequest] = field(default_factory=list)
    looks: list[PictureRequest] = field(default_factory=list)
    look_trouble: Exception | None = None
    models: tuple[GeneratorModel, ...] = (
        GeneratorModel("base", "FLUX", "flux.1-dev", usd_per_picture=Decimal("0.03")),
        GeneratorModel(
            "trained",
            "The trained model",
            "flux.1-dev",
            needs_trained_version=True,
            usd_per_picture=Decimal("0.03"),
        ),
    )

    def abilities(self) -> GeneratorAbilities:
        return GeneratorAbilities(self.models)

    def refresh(self) -> GeneratorAbilities:
        return self.abilities()

    def look(self, request: PictureRequest, ctx) -> GeneratorAbilities:
        self.looks.append(request)
        if self.look_trouble is not None:
            raise self.look_trouble
        return self.abilities()

    def check(self) -> Account:
        return Account(self.key, "tester")

    def generate(self, request: PictureRequest, ctx) -> GeneratedImage:
        self.asked.append(request)
        image = GeneratedImage(b"image", "image/png", request.seed, "remote")
        return _answer(self.replies, image)


@dataclass
class FakeCaptioner:
    """A captioner whose answers are scripted; it costs what two tokens do, or nothing."""

    replies: list[Reply] = field(default_factory=list)
    key: str = "together"
    title: str = "Together"
    price: TokenPrice | None = field(default_factory=lambda: TokenPrice(Decimal(100), Decimal(100)))
    asked: list[CaptionRequest] = field(default_factory=list)
    trouble: Exception | None = None
    takes_address: bool = False
    while_writing: Callable[[], None] | None = None

    def abilities(self) -> CaptionerAbilities:
        models = (CaptionModel("eyes", "Eyes", self.price), CaptionModel("blind", "Blind", None))
        unlisted = self.price if self.takes_address else None
        return CaptionerAbilities(models, True, self.takes_address, unlisted)

    def refresh(self) -> CaptionerAbilities:
        if self.trouble is not None:
            raise self.trouble
        return self.abilities()

    def write(self, request: CaptionRequest) -> WrittenCaption:
        self.asked.append(request)
        if self.while_writing is not None:
            self.while_writing()
        answer = WrittenCaption(f"a fox, side {len(self.asked)}", "remote", 1000, 10)
        return _answer(self.replies, answer)


class FakePhotos:
    """Measures nothing: every file whose first byte is not X is a photo."""

    faces: tuple[FaceBox, ...] | None = None  # what its detector finds; None: it has none
    looked = 0

    def develop(
        self, original: Path, *, working: Path, thumb: Path, edits: Edits = PLAIN
    ) -> PhotoFacts:
        for path in (working, thumb):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(original.read_bytes())
        return self.measure(original)

    def measure(self, original: Path) -> PhotoFacts:
        return PhotoFacts("JPEG", 1024, 768, original.name, 0, 100.0, 0.0, 0.5, measured=MEASURED)

    def sees_faces(self) -> bool:
        return self.faces is not None

    def find_faces(self, working: Path) -> tuple[FaceBox, ...] | None:
        self.looked += 1
        return self.faces

    def glimpse(self, original: Path, thumb: Path) -> bool:
        return False

    def make_ready(self) -> None:
        pass

    def find_problems(self, photos) -> tuple:
        return ()

    def shrink(self, working: Path, side: int) -> bytes:
        return working.read_bytes()

    def package(self, items, stem, target: Path, ctx) -> Archive:
        target.parent.mkdir(parents=True, exist_ok=True)
        text = "\n".join(f"{stem.format(n)} {item.caption}" for n, item in enumerate(items))
        target.write_text(text, encoding="utf-8")
        return Archive(target, len(text), "a" * 64)


class FakePictures:
    """Writes pictures as they come."""

    def finish(self, data: bytes, text, target: Path, thumb: Path) -> str:
        for path in (target, thumb):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return "b" * 64

    def read_text(self, path: Path):
        return None

    def without_text(self, source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes())
