"""Stand-ins for services under real desks, a real library and real jobs."""

from __future__ import annotations

import json
import shutil
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from fluxlora_desktop.domain.datasets import MEASURED, Archive, FaceBox, PhotoFacts
from fluxlora_desktop.domain.edits import PLAIN, Edits
from fluxlora_desktop.domain.errors import ServiceUnreachable
from fluxlora_desktop.domain.loras import HubAccount, HubStatus, PublicationBundle, PublishedCommit
from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.pictures import (
    GeneratedImage,
    GeneratorAbilities,
    GeneratorModel,
    PictureRequest,
)
from fluxlora_desktop.domain.ports import (
    Account,
    FetchedWeights,
    JobContext,
    Services,
    Stores,
    TrainsElsewhere,
    Transferred,
)
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
    TrainingSpec,
    Visibility,
)
from fluxlora_desktop.workflows.tools import Patience, Tools

TRAINER = Trainer(
    key="ostris/flux-dev-lora-trainer",
    title="FLUX LoRA trainer",
    base="flux.1-dev",
    says="Thorough, about half an hour.",
    parameters=(
        Parameter("steps", "Steps", ParameterKind.WHOLE, 1000, "steps", low=3, high=6000),
        Parameter("lora_rank", "Rank", ParameterKind.WHOLE, 16, "rank", low=1, high=128),
    ),
    price=PriceRule(
        usd_per_second=Decimal("0.001525"),
        start_seconds=400,
        seconds_per_step=1.4,
        spread=0.2,
        basis="Replicate's price list",
    ),
)
OTHER_TRAINER = Trainer(
    key="fal-ai/flux-2-trainer",
    title="FLUX.2 trainer",
    base="flux.2-dev",
    says="The newest base.",
    parameters=(
        Parameter(
            "steps", "Steps", ParameterKind.WHOLE, 1000, "steps", low=100, high=9000, multiple=100
        ),
        Parameter("default_caption", "Caption", ParameterKind.TEXT, "", "default_caption"),
    ),
    price=PriceRule(
        usd_per_step=Decimal("0.0064"),
        start_seconds=120,
        seconds_per_step=1.27,
        spread=0.2,
        basis="fal's page",
    ),
    trigger_input="",
    writes_captions=False,
    formats=("PNG",),
)
PATIENT = Patience(poll=60.0, shortest_retry=60.0, longest_retry=60.0)


class WallClock:
    """The computer's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return datetime.now(UTC).timestamp()


@dataclass
class FakeTrainer(TrainsElsewhere):
    """A training service: `snapshot` is what each poll tells; `hold` keeps uploads waiting.

    Polls wait until `answer` is set, searches for `found` until `search` is.
    """

    snapshot: RunSnapshot = field(default_factory=lambda: RunSnapshot(RemoteState.QUEUED))
    key: str = "replicate"
    title: str = "Replicate"
    can_cancel: bool = True
    hold: bool = False
    launched: list[str] = field(default_factory=list)
    polled: int = 0
    cancelled: list[str] = field(default_factory=list)
    trainers: tuple[Trainer, ...] = (TRAINER,)
    absence_shows: bool = True
    looks: int = 0
    answer: threading.Event | None = None
    search: threading.Event | None = None
    found: tuple[RemoteRun, ...] = ()
    listed: list[ListedTraining] = field(default_factory=list)
    listings: int = 0
    listing: threading.Event | None = None
    list_trouble: Exception | None = None
    can_pause: bool = False
    weights: Callable[[Path], object] | None = None

    def abilities(self) -> TrainingAbilities:
        return TrainingAbilities(
            self.trainers,
            self.can_cancel,
            runs_page="https://replicate.com/trainings",
            absence_shows=self.absence_shows,
            version_page="https://replicate.com/{model}/versions/{version}",
            can_pause=self.can_pause,
            can_resume=self.can_pause,
        )

    def check(self) -> Account:
        return Account(self.key, "tester")

    def estimate(self, spec: TrainingSpec) -> Estimate:
        trainer = self.abilities().trainer(spec.trainer)
        return trainer.price.estimate(trainer.steps_of(spec.parameters))

    def find_destination(self, spec: object, ctx: JobContext) -> Destination | None:
        return None

    def prepare(self, spec: object, ctx: JobContext) -> Destination:
        return Destination("tester/fox")

    def upload(self, archive: Archive, nonce: str, ctx: JobContext) -> RemoteFile:
        ctx.report(Transferred("photos", 12_400_000, 31_000_000))
        while self.hold:
            ctx.pause(60.0)
        return RemoteFile(f"file-{nonce}", "https://replicate.delivery/file", archive.sha256)

    def submit(
        self, spec: object, destination: Destination, data: RemoteFile, nonce: str
    ) -> RemoteRun:
        self.launched.append(nonce)
        return RemoteRun(self.key, "remote-1", TRAINER.key, "https://replicate.com/p/remote-1")

    def find(self, mark: object, since: datetime, ctx: JobContext) -> FoundRuns:
        self.looks += 1
        if self.search is not None:
            self.search.wait(60)
        return FoundRuns(self.found, False)

    def list_trainings(self, since: datetime, ctx: JobContext) -> ListedTrainings:
        self.listings += 1
        if self.listing is not None:
            self.listing.wait(60)
        if self.list_trouble is not None:
            raise self.list_trouble
        return ListedTrainings(tuple(self.listed), self.absence_shows)

    def poll(self, run: RemoteRun) -> RunSnapshot:
        self.polled += 1
        if self.answer is not None:
            self.answer.wait(60)
        return self.snapshot

    def cancel(self, run: RemoteRun) -> bool:
        self.snapshot = RunSnapshot(RemoteState.CANCELLED, charge_usd=Decimal("0.31"))
        self.cancelled.append(run.id)
        return True

    def page_of(self, remote_id: str, trainer: str) -> str:
        return f"https://{self.key}.example/{remote_id}"

    def fetch_weights(
        self, run: RemoteRun, snapshot: RunSnapshot, folder: Path, ctx: JobContext
    ) -> FetchedWeights:
        if self.weights is None:
            raise ServiceUnreachable(self.key, "not in this test")
        target = folder / "lora.safetensors"
        self.weights(target)
        return FetchedWeights(target)

    def clean_up(self, data: RemoteFile) -> None:
        return


@dataclass
class FakeHub:
    """A hub in memory; `hold` keeps transfers waiting until they are stopped."""

    key: str = "huggingface"
    title: str = "Hugging Face"
    hold: bool = False
    trouble: list[Exception] = field(default_factory=list)
    repos: dict[str, HubStatus] = field(default_factory=dict)
    weights: Callable[[Path], Path] | None = None

    def whoami(self) -> HubAccount:
        return HubAccount("tester", "fineGrained", True, True)

    def make_repo(self, bundle: PublicationBundle) -> None:
        self.repos.setdefault(bundle.repo, HubStatus(True, bundle.visibility))

    def published(self, bundle: PublicationBundle) -> PublishedCommit | None:
        return None

    def publish(self, bundle: PublicationBundle, ctx: JobContext) -> PublishedCommit:
        self._transfer(bundle.weights_size, ctx)
        self.repos[bundle.repo] = HubStatus(
            True, bundle.visibility, "c" * 40, bundle.weights_sha256, bundle.weights_size
        )
        page = f"https://huggingface.co/{bundle.repo}"
        address = f"{page}/resolve/main/lora.safetensors"
        return PublishedCommit(bundle.repo, "c" * 40, page, address, bundle.visibility)

    def status(self, repo: str) -> HubStatus:
        return self.repos.get(repo, HubStatus(False))

    def set_visibility(self, repo: str, visibility: Visibility) -> None:
        self.repos[repo] = replace(self.repos[repo], visibility=visibility)

    def fetch(self, repo: str, folder: Path, ctx: JobContext) -> FetchedWeights:
        self._transfer(19_300_000, ctx)
        assert self.weights is not None
        folder.mkdir(parents=True, exist_ok=True)
        return FetchedWeights(self.weights(folder / "fetched.safetensors"))

    def delete(self, repo: str) -> None:
        self.repos.pop(repo, None)

    def _transfer(self, size: int, ctx: JobContext) -> None:
        ctx.report(Transferred("weights", size // 3, size))
        while self.hold:
            ctx.pause(60.0)
        if self.trouble:
            raise self.trouble.pop(0)


@dataclass
class FakeGenerator:
    """A generator with one model that needs public weights of FLUX.1-dev."""

    key: str = "replicate"
    title: str = "Replicate"
    models: tuple[GeneratorModel, ...] = (
        GeneratorModel("flux-dev-lora", "FLUX.1-dev with a LoRA", "flux.1-dev", max_loras=1),
    )
    asked: list[PictureRequest] = field(default_factory=list)
    look_trouble: Exception | None = None

    def abilities(self) -> GeneratorAbilities:
        return GeneratorAbilities(self.models)

    def refresh(self) -> GeneratorAbilities:
        return self.abilities()

    def look(self, request: PictureRequest, ctx: JobContext) -> GeneratorAbilities:
        if self.look_trouble is not None:
            raise self.look_trouble
        return self.abilities()

    def check(self) -> Account:
        return Account(self.key, "tester")

    def generate(self, request: PictureRequest, ctx: JobContext) -> GeneratedImage:
        self.asked.append(request)
        return GeneratedImage(b"image", "image/png", request.seed, "remote")


class FakePhotos:
    """Develops by copying and packages by writing names."""

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

    def find_problems(self, photos: object) -> tuple[()]:
        return ()

    def package(self, items: object, stem: str, target: Path, ctx: JobContext) -> Archive:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"zip")
        return Archive(target, 3, "a" * 64)


class FakePictures:
    """Writes pictures as they come."""

    def finish(self, data: bytes, text: object, target: Path, thumb: Path) -> str:
        for path in (target, thumb):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return "b" * 64

    def read_text(self, path: Path) -> None:
        return None

    def without_text(self, source: Path, target: Path) -> None:
        shutil.copyfile(source, target)


class FolderTrash:
    """A trash that is a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, path: Path) -> Path | None:
        if not path.exists():
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        trashed = self.folder / f"{len(list(self.folder.iterdir()))}-{path.name}"
        shutil.move(path, trashed)
        return trashed

    def restore(self, trashed: Path, original: Path) -> None:
        original.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(trashed, original)

    def find(self, original: Path, remembered: Path | None) -> Path | None:
        return remembered if remembered and remembered.exists() else None

    def erase(self, trashed: Path) -> None:
        trashed.unlink()


def make_tools(
    stores: Stores,
    *,
    trainer: FakeTrainer | None = None,
    more_trainers: tuple[FakeTrainer, ...] = (),
    hub: FakeHub | None = None,
    generators: tuple[FakeGenerator, ...] | None = None,
    patience: Patience = PATIENT,
) -> Tools:
    """Join a library with stand-ins for everything outside."""
    return Tools(
        stores=stores,
        services=Services(
            trainers=(trainer or FakeTrainer(), *more_trainers),
            generators=(FakeGenerator(),) if generators is None else generators,
            hub=hub or FakeHub(),
        ),
        photos=FakePhotos(),
        pictures=FakePictures(),
        clock=WallClock(),
        patience=patience,
    )


def write_lora(path: Path, *, rank: int = 8, width: int = 3072, seed: int = 1) -> Path:
    """Write a small, valid FLUX.1-dev LoRA in PEFT's key style."""
    head: dict[str, object] = {"__metadata__": {"modelspec.trigger_phrase": "GLZFOX"}}
    data = bytearray()
    for block in (0, 20):
        for part, shape in (("lora_A", (rank, width)), ("lora_B", (width, rank))):
            name = f"transformer.single_transformer_blocks.{block}.attn.to_q.{part}.weight"
            start = len(data)
            data += struct.pack("<H", 0x3F80 + seed) * (rank * width)
            head[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, len(data)]}
    text = json.dumps(head).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(data))
    return path
