"""LoRAs in the library and where they are published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fluxlora_desktop.domain.bases import BaseModel
from fluxlora_desktop.domain.pictures import CardPicture
from fluxlora_desktop.domain.training import Visibility


class PublicationStatus(StrEnum):
    """How far a publication got; `verified` means read back and equal by SHA-256."""

    UPLOADING = "uploading"
    VERIFIED = "verified"
    MISSING = "missing"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Publication:
    """A repo on the hub that holds a Lora: `repo` is owner/name, `commit` the full id.

    `pictures` are the ids of those on its card, in order.
    """

    lora_id: str
    hub: str
    repo: str
    commit: str
    visibility: Visibility
    status: PublicationStatus
    sha256: str
    page: str
    address: str
    updated_at: datetime
    pictures: tuple[str, ...] = ()

    @property
    def public(self) -> bool:
        """Tell whether anybody, a generator included, can read the weights."""
        return self.visibility is Visibility.PUBLIC


@dataclass(frozen=True, slots=True)
class Lora:
    """Weights in the library.

    `sha256` is of the file, `tensor_hash` (AutoV3's full form) of the bytes after the header, which
    a change of metadata leaves alone. `output_version` is the trained version at the service that
    made it. `cover_sha256` names the photo or picture shown for it.
    """

    id: str
    name: str
    base: str
    trigger_word: str
    sha256: str
    tensor_hash: str
    size_bytes: int
    rank: int
    created_at: datetime
    recommended_scale: float = 1.0
    run_id: str | None = None
    source: str = "trained"
    output_version: str = ""
    output_service: str = ""
    cover_sha256: str = ""
    key_style: str = ""
    trashed_at: datetime | None = None
    publication: Publication | None = None

    @property
    def file(self) -> str:
        """Return where the weights lie in the library: the name that `Files.lora` gives them."""
        return f"loras/{self.id}/lora.safetensors"

    @property
    def short_hash(self) -> str:
        """Return AutoV3: the 12 hex digits that other programs show."""
        return self.tensor_hash[:12]

    @property
    def hub_is_behind(self) -> bool:
        """Tell whether the hub holds these weights with an older header.

        What was verified there once differs from the file here only by what the app itself wrote:
        the recommended strength.
        """
        there = self.publication
        verified = there is not None and there.status is PublicationStatus.VERIFIED
        return there is not None and verified and there.sha256 != self.sha256


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What the card of a published Lora says."""

    title: str
    base: BaseModel
    trigger_word: str
    recommended_scale: float
    trained_with: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    photo_count: int = 0
    rights_confirmed: bool = False


@dataclass(frozen=True, slots=True)
class HubAccount:
    """Whose token it is and what it may do; `kind` is read, write or fineGrained."""

    name: str
    kind: str
    can_write: bool
    can_infer: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class HubStatus:
    """What the hub says of a repo; `weights_sha256` is empty when it holds no weights."""

    exists: bool
    visibility: Visibility | None = None
    commit: str = ""
    weights_sha256: str = ""
    weights_size: int = 0


@dataclass(frozen=True, slots=True)
class PublishedCommit:
    """The commit that holds a publication."""

    repo: str
    commit: str
    page: str
    address: str
    visibility: Visibility


@dataclass(frozen=True, slots=True)
class PublicationBundle:
    """Everything that goes into the one commit; `weights` is a path as text, on this computer."""

    repo: str
    visibility: Visibility
    weights: str
    weights_sha256: str
    weights_size: int
    card: CardFacts
    run_mark: str
    pictures: tuple[CardPicture, ...] = ()
