"""What the app asks of the outside: services, the disk, the computer, the person's patience.

Every class here is a protocol. Services live in `backends/`, the disk in `store/` and `imaging/`,
the computer in `system/`; `app.py` hands them to workflows and screens as these types. What the
library keeps is asked in `store_ports.py`, what a piece of work may do in `work.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from fluxlora_desktop.domain.captioning import CaptionerAbilities, CaptionRequest, WrittenCaption
from fluxlora_desktop.domain.datasets import (
    Archive,
    FaceBox,
    Finding,
    PackItem,
    Photo,
    PhotoFacts,
)
from fluxlora_desktop.domain.edits import PLAIN, Edits
from fluxlora_desktop.domain.engine import (
    NO_TOKEN,
    Advice,
    BaseFiles,
    EngineEnvironment,
    EngineStatus,
    Hardware,
    Probe,
    ThisComputer,
)
from fluxlora_desktop.domain.loras import HubAccount, HubStatus, PublicationBundle, PublishedCommit
from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.pictures import (
    ArrivedPicture,
    GeneratedImage,
    GeneratorAbilities,
    PictureRequest,
    PictureText,
)
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.sheets import Sheet
from fluxlora_desktop.domain.store_ports import DatasetStore as DatasetStore
from fluxlora_desktop.domain.store_ports import Files as Files
from fluxlora_desktop.domain.store_ports import GridStore as GridStore
from fluxlora_desktop.domain.store_ports import Ledger as Ledger
from fluxlora_desktop.domain.store_ports import LoraStore as LoraStore
from fluxlora_desktop.domain.store_ports import OrderStore as OrderStore
from fluxlora_desktop.domain.store_ports import PictureStore as PictureStore
from fluxlora_desktop.domain.store_ports import PromptStore as PromptStore
from fluxlora_desktop.domain.store_ports import RunStore as RunStore
from fluxlora_desktop.domain.store_ports import Stores as Stores
from fluxlora_desktop.domain.training import (
    Destination,
    FoundRuns,
    ListedTrainings,
    Mark,
    RemoteFile,
    RemoteRun,
    RunSnapshot,
    TrainingAbilities,
    TrainingOutputs,
    TrainingSpec,
    Visibility,
)
from fluxlora_desktop.domain.work import Clock as Clock
from fluxlora_desktop.domain.work import JobContext as JobContext
from fluxlora_desktop.domain.work import StepsDone as StepsDone
from fluxlora_desktop.domain.work import Transferred as Transferred
from fluxlora_desktop.domain.work import Waiting as Waiting


@dataclass(frozen=True, slots=True)
class Account:
    """Whose token it is at a service."""

    service: str
    name: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class FetchedWeights:
    """Weights on this computer, straight from a service, not yet checked."""

    path: Path
    captions: tuple[tuple[str, str], ...] = ()


class TrainingBackend(Protocol):
    """A service, or this computer, that turns an archive of photos into LoRA weights."""

    key: str
    title: str

    def abilities(self) -> TrainingAbilities:
        """Return what can be trained and with which parameters; no network."""

    def check(self) -> Account:
        """Ask the service whose token it is; raises `CredentialError` or `ServiceError`."""

    def estimate(self, spec: TrainingSpec) -> Estimate:
        """Return the price and time range of a training; no network."""

    def find_destination(self, spec: TrainingSpec, ctx: JobContext) -> Destination | None:
        """Return what `prepare` made for this run before, or None; nothing is made."""

    def prepare(self, spec: TrainingSpec, ctx: JobContext) -> Destination:
        """Make what the launch needs and costs nothing, such as the destination model."""

    def upload(self, archive: Archive, nonce: str, ctx: JobContext) -> RemoteFile:
        """Send the archive for one attempt only, reporting `Transferred`."""

    def submit(
        self, spec: TrainingSpec, destination: Destination, data: RemoteFile, nonce: str
    ) -> RemoteRun:
        """Launch. One request, never repeated.

        Raises `ServiceUnreachable` when nothing was sent, `ServiceRefused` and its kin when the
        service said no, `OutcomeUnknown` for everything else.
        """

    def find(self, mark: Mark, since: datetime, ctx: JobContext) -> FoundRuns:
        """Ask the service which runs bear the mark, back to `since`."""

    def list_trainings(self, since: datetime, ctx: JobContext) -> ListedTrainings:
        """Return the account's LoRA trainings back to `since`, the newest first.

        Those of trainers that this app does not know, and those that ended before they ran, are
        left out.
        """

    def poll(self, run: RemoteRun) -> RunSnapshot:
        """Return how the run stands."""

    def cancel(self, run: RemoteRun) -> bool:
        """Ask the service to stop the run; repeatable. False when it does not find the run."""

    def page_of(self, remote_id: str, trainer: str) -> str:
        """Return the service's page about a run, for people; no network."""

    def fetch_weights(
        self, run: RemoteRun, snapshot: RunSnapshot, folder: Path, ctx: JobContext
    ) -> FetchedWeights:
        """Bring the one weights file into `folder`, resuming what an earlier try left there."""

    def clean_up(self, data: RemoteFile) -> None:
        """Delete what was uploaded for the run; silent when it is gone."""

    def pause(self, run: RemoteRun) -> bool:
        """Stop a run for now, so that `resume` goes on with it; False where that cannot be."""

    def resume(self, run: RemoteRun) -> bool:
        """Go on with a run that was paused, or that failed; False where that cannot be."""

    def outputs(self, run: RemoteRun) -> TrainingOutputs:
        """Return what the run has left on this computer; no network."""

    def forget_outputs(self, run: RemoteRun) -> None:
        """Delete what an ended run has left on this computer; silent when it is gone."""


class TrainsElsewhere:
    """What the backend of a service answers: no pause, and nothing of a run lies here."""

    def pause(self, _run: RemoteRun) -> bool:
        """Say that it cannot be paused."""
        return False

    def resume(self, _run: RemoteRun) -> bool:
        """Say that it cannot go on."""
        return False

    def outputs(self, _run: RemoteRun) -> TrainingOutputs:
        """Return nothing."""
        return TrainingOutputs()

    def forget_outputs(self, _run: RemoteRun) -> None:
        """Do nothing: there is nothing."""


class ImageGenerator(Protocol):
    """A service, or this computer, that makes pictures."""

    key: str
    title: str

    def abilities(self) -> GeneratorAbilities:
        """Return what is known to be offered; no network."""

    def refresh(self) -> GeneratorAbilities:
        """Ask the service what it offers now, remember and return it."""

    def look(self, request: PictureRequest, ctx: JobContext) -> GeneratorAbilities:
        """Ask, at no cost, whether this very order can be made now; return what is offered.

        Raises `ModelWithdrawn` when the model is gone, `LoraNotUsable` when the service does not
        serve the Lora, and whatever keeps it from answering.
        """

    def check(self) -> Account:
        """Ask the service whose token it is."""

    def generate(self, request: PictureRequest, ctx: JobContext) -> GeneratedImage:
        """Make one picture with `request.seed`. One paid request, never repeated.

        Raises like `TrainingBackend.submit`; a model that is `free` never `OutcomeUnknown`, but
        `EngineError` and its kin. `StepsDone` may be reported.
        """


class LoraHub(Protocol):
    """Where LoRAs are published."""

    key: str
    title: str

    def whoami(self) -> HubAccount:
        """Return whose token it is and what it may do."""

    def make_repo(self, bundle: PublicationBundle) -> None:
        """Make the repo, as visible as the bundle says; silent when it is there."""

    def published(self, bundle: PublicationBundle) -> PublishedCommit | None:
        """Return the commit when the repo holds just the bundle, as visible as it says."""

    def publish(self, bundle: PublicationBundle, ctx: JobContext) -> PublishedCommit:
        """Make the repo if needed and send everything as one commit, reporting `Transferred`.

        Sending the same bytes again is harmless. Raises `ServiceRefused` when the repo belongs to
        something else.
        """

    def status(self, repo: str) -> HubStatus:
        """Return what the hub holds under owner/name."""

    def set_visibility(self, repo: str, visibility: Visibility) -> None:
        """Make a repo public or private."""

    def fetch(self, repo: str, folder: Path, ctx: JobContext) -> FetchedWeights:
        """Bring the weights of any repo into `folder`, reporting `Transferred`."""

    def delete(self, repo: str) -> None:
        """Delete a repo; silent when it is gone."""


class Captioner(Protocol):
    """A service, or this computer, that writes captions."""

    key: str
    title: str

    def abilities(self) -> CaptionerAbilities:
        """Return what is known to be offered; no network."""

    def refresh(self) -> CaptionerAbilities:
        """Ask which models are there now, remember and return them.

        Raises `CredentialError`, `ServiceError`, and `InputError` where an address is missing.
        """

    def write(self, request: CaptionRequest) -> WrittenCaption:
        """Describe one photo. One request that may cost money, never repeated.

        Raises like `TrainingBackend.submit`.
        """


class Engine(Protocol):
    """The environment that trains and makes pictures on this computer, and its base models.

    Nothing here is for the GUI thread: all of it reads the disk or waits for other programs. What
    goes wrong is raised as `EngineError` and its kin, or `StorageError`.
    """

    def status(self) -> EngineStatus:
        """Return how the engine stands; reads files only."""

    def look(self) -> ThisComputer:
        """Look at the hardware, the engine and the base models; takes seconds at most."""

    def hardware(self) -> Hardware:
        """Return what this computer has, by asking its driver."""

    def advise(self, hardware: Hardware, rank: int = 16, steps: int = 1000) -> Advice:
        """Return what can be trained on this hardware, how fast, or why not."""

    def python(self) -> Path | None:
        """Return the engine's interpreter, or None while it cannot be used."""

    def environment(self, token: Secret = NO_TOKEN) -> EngineEnvironment:
        """Return how to start a program of the engine; raises `EngineAbsent`.

        `token` is the hub's account and goes to the child's environment only.
        """

    def probe(self, ctx: JobContext) -> Probe:
        """Ask the engine's interpreter what it can do, and remember the answer."""

    def install(self, ctx: JobContext) -> None:
        """Make or update the engine, reporting `EngineStep`; what was there works until the end.

        Raises `EngineBusy` while another is at it, `DiskFull` before anything is downloaded.
        """

    def remove(self, ctx: JobContext) -> None:
        """Delete the engine; base models and trainings stay."""

    def models(self) -> tuple[BaseFiles, ...]:
        """Return where each base model is."""

    def model(self, base: str) -> str:
        """Return what a job names as its model: a folder of the person's own, or the hub id."""

    def choose_folder(self, base: str, folder: Path) -> BaseFiles:
        """Use a person's own folder for a base, once its model_index.json says that it is one."""

    def forget_folder(self, base: str) -> None:
        """Use the hub's model again; the folder stays as it is."""

    def fetch_model(self, base: str, ctx: JobContext, token: Secret = NO_TOKEN) -> None:
        """Download what a base is trained on, reporting `EngineStep`; a broken download goes on.

        Raises `AccessGated` where its terms are not accepted, `DiskFull` before it begins.
        """

    def remove_model(self, base: str, ctx: JobContext) -> None:
        """Delete what was downloaded of a base."""


class SecretStore(Protocol):
    """Where tokens live; every call may block, so none is made in the GUI thread."""

    persistent: bool

    def get(self, service: str) -> Secret | None:
        """Return the token of a service, or None."""

    def put(self, service: str, secret: Secret) -> None:
        """Keep a token; read back and compared. Raises `SecretStoreError`."""

    def keep_for_session(self, service: str, secret: Secret) -> None:
        """Keep a token in memory until the app closes, for when it could not be stored."""

    def lasts(self, service: str) -> bool:
        """Tell whether the service's token outlives the app."""

    def forget(self, service: str) -> None:
        """Drop a token; silent when there is none."""


class PhotoWorkshop(Protocol):
    """Pixels of photos: decode, check, package."""

    def develop(
        self, original: Path, *, working: Path, thumb: Path, edits: Edits = PLAIN
    ) -> PhotoFacts:
        """Write the working copy and the thumbnail of an original, edited, and measure it.

        Raises `UnreadablePhoto`.
        """

    def measure(self, original: Path) -> PhotoFacts:
        """Measure an original and write nothing; raises `UnreadablePhoto`."""

    def sees_faces(self) -> bool:
        """Tell whether the optional detector of faces is there; cheap, and imports nothing."""

    def find_faces(self, working: Path) -> tuple[FaceBox, ...] | None:
        """Return where faces are in a working copy, the largest first.

        None where no detector is there, or it could not look; a photo is never refused for that.
        """

    def glimpse(self, original: Path, thumb: Path) -> bool:
        """Write a first thumbnail of a JPEG before it is developed; False for other formats.

        Raises `UnreadablePhoto`.
        """

    def make_ready(self) -> None:
        """Do ahead what the first photo would wait for."""

    def find_problems(self, photos: Sequence[Photo]) -> tuple[Finding, ...]:
        """Return the findings about single photos and pairs, from their facts alone."""

    def package(
        self, items: Sequence[PackItem], stem: str, target: Path, ctx: JobContext
    ) -> Archive:
        """Write the training archive; `stem` is a format with the photo's place from 0."""

    def shrink(self, working: Path, side: int) -> bytes:
        """Return a working copy as a JPEG of at most `side` pixels, without metadata.

        Raises `UnreadablePhoto`.
        """


class PictureWorkshop(Protocol):
    """Pixels of pictures: put the text in, read it back, thumbnails; strangers' pictures too."""

    def finish(self, data: bytes, text: PictureText, target: Path, thumb: Path) -> str:
        """Write the PNG with its metadata and its thumbnail; return the file's SHA-256.

        Raises `UnexpectedReply` when the bytes are not a picture.
        """

    def take_in(self, source: Path, thumb: Path) -> ArrivedPicture:
        """Decode a picture of any program, write its thumbnail, and read what it says of itself.

        Raises `UnreadablePhoto` for what is damaged or neither PNG, JPEG nor WebP.
        """

    def read_text(self, path: Path) -> PictureText | None:
        """Return what a picture's metadata say, or None when they say nothing."""

    def without_text(self, source: Path, target: Path) -> None:
        """Write a copy of the pixels alone, in sRGB; raises `UnreadablePhoto`, `StorageError`."""

    def thumbnail(self, source: Path, thumb: Path) -> None:
        """Write a picture's thumbnail again; raises `UnreadablePhoto`."""

    def sheet(self, sheet: Sheet, target: Path) -> None:
        """Write a table of pictures as one labelled picture, in the format of the target's name.

        Raises `InputError` for another suffix than .png, .jpg, .jpeg and .webp.
        """


@dataclass(frozen=True, slots=True)
class Services:
    """The services, joined: by key, in the order in which they are offered.

    `at_close` is what has to be ended with the app.
    """

    trainers: Sequence[TrainingBackend]
    generators: Sequence[ImageGenerator]
    hub: LoraHub
    captioners: Sequence[Captioner] = ()
    at_close: Sequence[Callable[[], None]] = ()

    def captioner(self, key: str) -> Captioner:
        """Return the captioner with this key; raises `KeyError`."""
        return _named(self.captioners, key)

    def trainer(self, key: str) -> TrainingBackend:
        """Return the training backend with this key, the first for ""; raises `KeyError`."""
        return _named(self.trainers, key) if key else self.trainers[0]

    def generator(self, key: str) -> ImageGenerator:
        """Return the generator with this key; raises `KeyError`."""
        return _named(self.generators, key)


class _Keyed(Protocol):
    key: str


K = TypeVar("K", bound=_Keyed)


def _named(items: Iterable[K], key: str) -> K:
    for item in items:
        if item.key == key:
            return item
    raise KeyError(key)


class Trash(Protocol):
    """The computer's trash."""

    def put(self, path: Path) -> Path | None:
        """Move a file to the trash; return where it lies there, or None when that is not known."""

    def find(self, original: Path, remembered: Path | None) -> Path | None:
        """Return where a file lies in the trash that was at `original`, None when it is gone."""

    def restore(self, trashed: Path, original: Path) -> None:
        """Bring a file back from the trash."""

    def erase(self, trashed: Path) -> None:
        """Delete a file of the trash for good."""
