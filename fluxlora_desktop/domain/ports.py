"""What the app asks of the outside: services, the disk, the computer, the person's patience.

Every class here is a protocol. Services live in `backends/`, the disk in `store/` and `imaging/`,
the computer in `system/`; `app.py` hands them to workflows and screens as these types.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol, TypeVar

from fluxlora_desktop.domain.captioning import (
    CaptionerAbilities,
    CaptionRequest,
    WrittenCaption,
)
from fluxlora_desktop.domain.datasets import (
    Archive,
    Dataset,
    DatasetVersion,
    FaceBox,
    Finding,
    PackItem,
    Photo,
    PhotoFacts,
)
from fluxlora_desktop.domain.edits import PLAIN, Edits
from fluxlora_desktop.domain.journal import Event, Settling
from fluxlora_desktop.domain.loras import (
    HubAccount,
    HubStatus,
    Lora,
    Publication,
    PublicationBundle,
    PublishedCommit,
)
from fluxlora_desktop.domain.money import Charge, Estimate
from fluxlora_desktop.domain.pictures import (
    GeneratedImage,
    GeneratorAbilities,
    Picture,
    PictureRequest,
    PictureText,
)
from fluxlora_desktop.domain.recovery import Adoption
from fluxlora_desktop.domain.runs import (
    Effect,
    EffectKind,
    EffectState,
    LossPoint,
    Run,
    RunEvent,
    RunPlan,
    RunState,
)
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.training import (
    Destination,
    FoundRuns,
    ListedTrainings,
    Mark,
    RemoteFile,
    RemoteRun,
    RunSnapshot,
    TrainingAbilities,
    TrainingSpec,
    Visibility,
)
from fluxlora_desktop.domain.work import Clock as Clock
from fluxlora_desktop.domain.work import JobContext as JobContext
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


class ImageGenerator(Protocol):
    """A service, or this computer, that makes pictures."""

    key: str
    title: str

    def abilities(self) -> GeneratorAbilities:
        """Return what is known to be offered; no network."""

    def refresh(self) -> GeneratorAbilities:
        """Ask the service what it offers now, remember and return it."""

    def check(self) -> Account:
        """Ask the service whose token it is."""

    def generate(self, request: PictureRequest, ctx: JobContext) -> GeneratedImage:
        """Make one picture with `request.seed`. One paid request, never repeated.

        Raises like `TrainingBackend.submit`.
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
    """Pixels of pictures: put the text in, read it back, thumbnails."""

    def finish(self, data: bytes, text: PictureText, target: Path, thumb: Path) -> str:
        """Write the PNG with its metadata and its thumbnail; return the file's SHA-256.

        Raises `UnexpectedReply` when the bytes are not a picture.
        """

    def read_text(self, path: Path) -> PictureText | None:
        """Return what a picture's metadata say, or None when they say nothing."""

    def without_text(self, source: Path, target: Path) -> None:
        """Write a copy without any metadata."""

    def thumbnail(self, source: Path, thumb: Path) -> None:
        """Write a picture's thumbnail again; raises `UnreadablePhoto`."""


class Files(Protocol):
    """The library's files; every path lies inside the data folder."""

    root: Path

    def original(self, sha256: str) -> Path:
        """Return where a photo's own bytes lie."""

    def working(self, sha256: str, edits: Edits = PLAIN) -> Path:
        """Return where a photo's working copy lies, edited."""

    def photo_thumb(self, sha256: str, edits: Edits = PLAIN) -> Path:
        """Return where a photo's thumbnail lies, edited."""

    def first_thumb(self) -> Path:
        """Return a new place for the thumbnail of a photo that is on its way in."""

    def lora(self, lora_id: str) -> Path:
        """Return where a Lora's weights lie."""

    def run_folder(self, run_id: str) -> Path:
        """Return the folder for what a run makes on its way."""

    def picture(self, picture_id: str, at: datetime) -> Path:
        """Return where a picture's file lies, by year and month."""

    def picture_thumb(self, picture_id: str) -> Path:
        """Return where a picture's thumbnail lies."""

    def resolve(self, relative: str) -> Path:
        """Return the path of a name from the database; refuses one that leaves the folder."""

    def relative(self, path: Path) -> str:
        """Return the name that the database keeps for a path, with forward slashes."""

    def adopt(self, source: Path) -> tuple[str, int]:
        """Copy a photo's bytes in under their hash; return SHA-256 and size."""

    def adopt_bytes(self, data: bytes) -> tuple[str, int]:
        """The same for bytes, such as a pasted picture."""

    def place(self, source: Path, target: Path) -> None:
        """Move a file of the library to its final place, synced, in one step."""

    def copy(self, source: Path, target: Path) -> None:
        """Copy a file from anywhere to its place in the library, synced, in one step."""

    def write(self, target: Path, data: bytes) -> None:
        """Write a small file of the library, synced, in one step."""

    def free_bytes(self) -> int:
        """Return the room left on the disk."""

    def require_room(self, needed: int) -> None:
        """Raise `DiskFull` or `AccessDenied` unless a file can be written and room is left."""


class DatasetStore(Protocol):
    """Photos, captions, datasets and their frozen versions."""

    def put_photo(self, photo: Photo) -> None:
        """Keep a photo's facts; the same photo twice is one row."""

    def photo(self, sha256: str) -> Photo | None:
        """Return a photo by its hash."""

    def create(self) -> Dataset:
        """Make an empty dataset."""

    def get(self, dataset_id: str) -> Dataset:
        """Return a dataset with its photos in order."""

    def set_photos(self, dataset_id: str, hashes: Sequence[str]) -> None:
        """Say which photos are in the set, in which order; captions stay with their photos."""

    def set_change(self, dataset_id: str, sha256: str, edits: Edits, *, kept: bool) -> None:
        """Keep what is changed about a photo, and whether it is trained."""

    def put_edited(self, sha256: str, edits: Edits, facts: PhotoFacts) -> None:
        """Keep what was measured of a photo after edits."""

    def edited(self, sha256: str, edits: Edits) -> PhotoFacts | None:
        """Return what was measured of a photo after edits, or None."""

    def set_caption(self, dataset_id: str, sha256: str, caption: str) -> None:
        """Keep a caption; it survives the photo's removal from the set."""

    def set_captions(self, dataset_id: str, captions: Mapping[str, str]) -> None:
        """Keep captions by photo, all of them or none."""

    def set_trigger(self, dataset_id: str, word: str) -> None:
        """Keep the trigger word."""

    def dismiss(self, dataset_id: str, *keys: str, dismissed: bool = True) -> None:
        """Remember what was dismissed, or forget it; keys are those of `domain.dismissals`."""

    def freeze(self, dataset_id: str, findings: Sequence[str]) -> DatasetVersion:
        """Keep the dataset as it stands now, for good."""

    def version(self, version_id: str) -> DatasetVersion:
        """Return a frozen version."""


class RunStore(Protocol):
    """Runs, their history, losses, and the journal of requests with an effect.

    `library_id` opens the mark of every attempt of this library.
    """

    library_id: str

    def create(self, dataset_id: str, plan: RunPlan) -> Run:
        """Make a run in DRAFT."""

    def adopt(self, adoption: Adoption) -> Run:
        """Make a run in QUEUED of a training found at its service, with its row of the journal.

        Photos are not at the service, so its dataset is empty. All of it in one transaction; the
        same training twice is one run.
        """

    def remote_ids(self) -> frozenset[tuple[str, str]]:
        """Return (service, id there) of every training that this library knows, hidden ones too."""

    def get(self, run_id: str) -> Run:
        """Return a run; raises `KeyError` for an unknown id."""

    def all(self) -> tuple[Run, ...]:
        """Return every run that is not a draft and not hidden, newest first."""

    def drafts(self) -> tuple[Run, ...]:
        """Return the drafts, the one changed last first."""

    def open_runs(self) -> tuple[Run, ...]:
        """Return the runs that go on by themselves."""

    def save_plan(self, run_id: str, plan: RunPlan) -> Run:
        """Keep a draft's choices."""

    def update(self, run_id: str, **changes: Any) -> Run:
        """Change columns other than the state; the names are those of `Run`."""

    def advance(self, run_id: str, to: RunState, **changes: Any) -> Run:
        """Move along the table of moves, with other columns in the same transaction.

        Raises `IllegalMove`.
        """

    def delete_draft(self, run_id: str) -> None:
        """Forget a draft."""

    def hide(self, run_id: str, hidden: bool = True) -> None:
        """Take a finished run off the list; its rows stay."""

    def add_event(self, run_id: str, kind: str, text: str) -> None:
        """Append a line to the run's history."""

    def events(self, run_id: str) -> tuple[RunEvent, ...]:
        """Return the history, log lines left out, oldest first."""

    def append_log(self, run_id: str, text: str) -> None:
        """Append a piece of the service's log."""

    def log(self, run_id: str) -> str:
        """Return the whole log."""

    def log_size(self, run_id: str) -> int:
        """Return how many characters of the log are kept."""

    def add_losses(self, run_id: str, points: Sequence[tuple[int, float]]) -> None:
        """Keep (step, loss) pairs; a step that is there already stays."""

    def losses(self, run_id: str) -> tuple[LossPoint, ...]:
        """Return the loss curve in order of steps."""

    def plan_effect(
        self,
        kind: EffectKind,
        subject: str,
        service: str,
        price_usd: Decimal | None,
        *,
        confirmation: int = 1,
        request: Mapping[str, Any] | None = None,
        nonce: str = "",
    ) -> Effect:
        """Write the next attempt's row, in `planned`, with a new nonce.

        `request` is what will be sent, without secrets. `nonce` is the mark of a launch that was
        made already, and that the journal does not know. Raises `IllegalMove` where the newest
        attempt forbids another one.
        """

    def record_effect(
        self, effect_id: str, event: Event, settling: Settling | None = None
    ) -> Effect:
        """Keep what an event makes of an effect, synced to disk before it returns.

        Raises `IllegalMove` for an event that cannot come now, and for a second live effect.
        """

    def live_effect(self, kind: EffectKind, subject: str) -> Effect | None:
        """Return the newest effect of the subject."""

    def effects(self, state: EffectState) -> tuple[Effect, ...]:
        """Return every effect in a state."""

    def attempts(self, kind: EffectKind) -> tuple[Effect, ...]:
        """Return every attempt of a kind that has no id at its service, whatever its state."""

    def nonces(self) -> frozenset[str]:
        """Return the mark of every attempt that this library ever planned."""


class LoraStore(Protocol):
    """Loras and publications."""

    def add(self, lora: Lora) -> Lora:
        """Keep a new Lora; its file lies at its place already."""

    def get(self, lora_id: str) -> Lora:
        """Return a Lora; raises `KeyError`."""

    def all(self) -> tuple[Lora, ...]:
        """Return the Loras that are not in the trash, newest first."""

    def with_sha256(self, sha256: str) -> Lora | None:
        """Return the Lora whose file has this hash."""

    def update(self, lora_id: str, **changes: Any) -> Lora:
        """Change columns; the names are those of `Lora`."""

    def publish(self, publication: Publication) -> Lora:
        """Keep where a Lora is published, in place of what was there."""

    def unpublish(self, lora_id: str) -> Lora:
        """Forget the publication."""

    def trash(self, lora_id: str, trashed: bool = True) -> Lora:
        """Put a Lora into the app's trash or take it out; the file stays until `purge`."""


class PictureStore(Protocol):
    """Pictures of the gallery."""

    def add(self, pictures: Sequence[Picture]) -> None:
        """Keep new pictures, whatever their state."""

    def get(self, picture_id: str) -> Picture:
        """Return a picture; raises `KeyError`."""

    def update(self, picture_id: str, **changes: Any) -> Picture:
        """Change columns; the names are those of `Picture`."""

    def ids(self, *, words: str = "", lora_id: str = "", generator: str = "") -> tuple[str, ...]:
        """Return the ids of what the gallery shows, newest first."""

    def page(self, ids: Sequence[str]) -> tuple[Picture, ...]:
        """Return these pictures in this order."""

    def unfinished(self) -> tuple[Picture, ...]:
        """Return pictures that are waiting or being made."""

    def trash(self, picture_ids: Sequence[str], trashed: bool = True) -> None:
        """Put pictures into the app's trash or take them out."""


class Ledger(Protocol):
    """What was spent."""

    def add(self, charge: Charge) -> None:
        """Keep a charge; one with the same id replaces it."""

    def charges(self) -> tuple[Charge, ...]:
        """Return every charge, newest first."""

    def total(self, *, run_id: str = "", month: str = "") -> Decimal:
        """Return the sum in US dollars, of a run or of a month (2026-11)."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The library, joined."""

    files: Files
    datasets: DatasetStore
    runs: RunStore
    loras: LoraStore
    pictures: PictureStore
    ledger: Ledger


@dataclass(frozen=True, slots=True)
class Services:
    """The services, joined: by key, in the order in which they are offered."""

    trainers: Sequence[TrainingBackend]
    generators: Sequence[ImageGenerator]
    hub: LoraHub
    captioners: Sequence[Captioner] = ()

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
