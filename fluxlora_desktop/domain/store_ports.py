"""What the app asks of its library: files, rows and the ledger, as `store/` keeps them.

Every class here is a protocol; `ports.py` shows them too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from fluxlora_desktop.domain.datasets import Dataset, DatasetVersion, Photo, PhotoFacts
from fluxlora_desktop.domain.edits import PLAIN, Edits
from fluxlora_desktop.domain.exchange import Arrived, ExportChoice, NewHere, Row
from fluxlora_desktop.domain.gallery import EVERYTHING, PictureQuery, PictureUses
from fluxlora_desktop.domain.grids import Grid
from fluxlora_desktop.domain.journal import Event, Settling
from fluxlora_desktop.domain.kept_prompts import KeptPrompt
from fluxlora_desktop.domain.loras import Lora, Publication
from fluxlora_desktop.domain.money import Charge
from fluxlora_desktop.domain.orders import OrderProgress, PictureOrder
from fluxlora_desktop.domain.pictures import Picture
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
from fluxlora_desktop.domain.spending import (
    WHOLE_LEDGER,
    GroupBy,
    LedgerGroup,
    LedgerLine,
    LedgerQuery,
    Sum,
    UnderWay,
)


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

    def picture(self, picture_id: str, at: datetime, suffix: str = ".png") -> Path:
        """Return where a picture's file lies, by year and month."""

    def picture_thumb(self, picture_id: str) -> Path:
        """Return where a picture's thumbnail lies."""

    def wildcards(self) -> Path:
        """Return the folder of the wildcards' text files; it exists."""

    def resolve(self, relative: str) -> Path:
        """Return the path of a name from the database; refuses one that leaves the folder."""

    def relative(self, path: Path) -> str:
        """Return the name that the database keeps for a path, with forward slashes."""

    def adopt(self, source: Path) -> tuple[str, int]:
        """Copy a photo's bytes in under their hash; return SHA-256 and size."""

    def adopt_picture(self, source: Path) -> tuple[Path, str]:
        """Copy a picture's bytes in for `place`; return where they lie until then, and SHA-256."""

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

    def trained_on(self, sha256: str) -> tuple[Run, ...]:
        """Return the runs that were trained on a photo, newest first."""

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

    def with_tensors(self, tensor_hash: str) -> Lora | None:
        """Return the Lora whose tensors have this hash, whatever its header says."""

    def update(self, lora_id: str, **changes: Any) -> Lora:
        """Change columns; the names are those of `Lora`."""

    def reheaded(self, lora_id: str, sha256: str, size_bytes: int) -> Lora:
        """Keep what a Lora's file is since its header was written anew, with the same tensors."""

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

    def ids(self, query: PictureQuery = EVERYTHING, *, most: int | None = None) -> tuple[str, ...]:
        """Return the ids of the pictures that a query asks for, in its order; the first `most`."""

    def hashes(self) -> Mapping[str, str]:
        """Return the ids of the pictures that are not in the trash, by their files' SHA-256."""

    def tags(self) -> tuple[tuple[str, int], ...]:
        """Return every tag, by name, with how many pictures bear it."""

    def mark(self, picture_ids: Sequence[str], **changes: Any) -> None:
        """Change `rating`, `favourite` or `grid_id` of many pictures alike."""

    def set_tags(self, tags: Mapping[str, Sequence[str]]) -> None:
        """Give pictures exactly these tags, by their ids."""

    def page(self, ids: Sequence[str]) -> tuple[Picture, ...]:
        """Return these pictures in this order."""

    def unfinished(self) -> tuple[Picture, ...]:
        """Return pictures that are waiting or being made."""

    def uses(self) -> PictureUses:
        """Return what the pictures were made with."""

    def set_facts(self, facts: Mapping[str, Mapping[str, str]]) -> None:
        """Give pictures exactly these facts, by their ids; all of them or none."""

    def trash(self, picture_ids: Sequence[str], trashed: bool = True) -> None:
        """Put pictures into the app's trash or take them out."""

    def trashed_before(self, moment: datetime) -> tuple[str, ...]:
        """Return the pictures that were put into the app's trash before a moment."""

    def forget(self, picture_ids: Sequence[str]) -> None:
        """Delete pictures' rows for good; what was spent on them stays in the ledger."""


class Exchange(Protocol):
    """Rows on their way to another library, and from one.

    `form` names the form of the rows; later ones sort behind.
    """

    form: str

    def dump(self, choice: ExportChoice) -> Iterator[Row]:
        """Yield every row that a choice carries."""

    def take(self, rows: Iterable[Row], new: NewHere) -> Arrived:
        """Put rows into the library, all of them or none; those known here already stay."""


class GridStore(Protocol):
    """Grids; their cells are pictures that name them."""

    def add(self, grid: Grid) -> None:
        """Keep a new grid."""

    def get(self, grid_id: str) -> Grid:
        """Return a grid; raises `KeyError`."""

    def all(self) -> tuple[Grid, ...]:
        """Return the grids not in the trash, newest first; unreadable ones are left out."""

    def trash(self, grid_id: str, trashed: bool = True) -> Grid:
        """Put a grid into the app's trash or take it out; its pictures stay where they are."""


class OrderStore(Protocol):
    """The queue of pictures; an order is in it until its last picture has ended."""

    def add(self, order: PictureOrder) -> PictureOrder:
        """Put an order at the end of the queue, where `position` says so."""

    def all(self) -> tuple[PictureOrder, ...]:
        """Return every order, first to last."""

    def update(self, order_id: str, **changes: Any) -> PictureOrder:
        """Change fields other than the position; raises `KeyError` when the order is over."""

    def arrange(self, order_ids: Sequence[str]) -> None:
        """Put orders into this order; those not named come after them as they were."""

    def remove(self, order_id: str) -> None:
        """Take an order out; its pictures stay."""

    def progress(self, order_ids: Sequence[str]) -> dict[str, OrderProgress]:
        """Return how far orders are and what they took."""

    def is_paused(self) -> bool:
        """Tell whether the whole queue waits."""

    def pause(self, paused: bool) -> None:
        """Let the whole queue wait, or go on."""


class PromptStore(Protocol):
    """Prompts that were used, and those that were saved; each text once."""

    def all(self) -> tuple[KeptPrompt, ...]:
        """Return every prompt, the one used last first."""

    def use(self, text: str) -> None:
        """Note that a prompt is used now; the oldest unsaved ones make room."""

    def put(self, prompt: KeptPrompt) -> None:
        """Keep a prompt in place of what is known of its text."""

    def remove(self, text: str) -> None:
        """Forget a prompt."""


class Ledger(Protocol):
    """What was spent."""

    def add(self, charge: Charge) -> None:
        """Keep a charge; one with the same id replaces it."""

    def charges(self) -> tuple[Charge, ...]:
        """Return every charge, newest first."""

    def sum(self, query: LedgerQuery = WHOLE_LEDGER) -> Sum:
        """Return what the lines that a query asks for add up to."""

    def groups(self, by: GroupBy, query: LedgerQuery = WHOLE_LEDGER) -> tuple[LedgerGroup, ...]:
        """Return the sums of these lines by what they have in common, the newest month first.

        Other groups come with the highest sum first. A Lora's holds every picture that it is in.
        """

    def lines(self, query: LedgerQuery = WHOLE_LEDGER) -> tuple[LedgerLine, ...]:
        """Return these lines, newest first, with what they were for."""

    def under_way(self, since: datetime) -> UnderWay:
        """Return what has no line in the ledger yet, or, for trainings, none from `since` on."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The library, joined."""

    files: Files
    datasets: DatasetStore
    runs: RunStore
    loras: LoraStore
    pictures: PictureStore
    ledger: Ledger
    exchange: Exchange
    grids: GridStore
    orders: OrderStore
    prompts: PromptStore
