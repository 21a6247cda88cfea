"""This computer as a place to train and make pictures: its GPU, the engine, the base models.

The engine is a Python environment of its own, beside the app's, with torch and what goes with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from fluxlora_desktop.domain.bases import BASES
from fluxlora_desktop.domain.secrets import Secret

GB = 10**9


class EngineState(StrEnum):
    """How the engine stands on this computer."""

    ABSENT = "absent"
    READY = "ready"
    OUTDATED = "outdated"
    """It works; this version of the app wants other packages."""
    BROKEN = "broken"
    """It is there and does not work: made anew it does."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU that can train; `capability` is CUDA's, such as "8.9", "" where it is not told."""

    index: int
    name: str
    memory_bytes: int
    free_bytes: int = 0
    capability: str = ""
    bf16: bool = True


@dataclass(frozen=True, slots=True)
class Probe:
    """What the engine's interpreter said of itself; `problems` are libraries that do not load."""

    python: str
    torch: str = ""
    cuda: str = ""
    gpus: tuple[Gpu, ...] = ()
    mps: bool = False
    ram_bytes: int = 0
    bitsandbytes: bool = False
    diffusers: str = ""
    bases: tuple[str, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()

    @property
    def works(self) -> bool:
        """Tell whether pictures and trainings can be made with these libraries."""
        return bool(self.torch and self.diffusers and self.bases)


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """The engine as it lies on the disk; `python` is its interpreter while it can be used."""

    state: EngineState
    python: Path | None = None
    disk_bytes: int = 0
    probe: Probe | None = None
    busy: bool = False
    """It is being made, updated or removed right now, maybe by another window."""

    @property
    def usable(self) -> bool:
        """Tell whether something can be started with it."""
        return self.python is not None and self.state in (EngineState.READY, EngineState.OUTDATED)


@dataclass(frozen=True, slots=True)
class Hardware:
    """What this computer has, told without the engine.

    `trouble` says in words why no GPU was found, "" where one was. `maker` names what would make
    the engine ("uv", "Python 3.12"); "" with `maker_trouble` and `maker_page` where nothing can.
    """

    system: str
    gpus: tuple[Gpu, ...] = ()
    driver: str = ""
    trouble: str = ""
    ram_bytes: int = 0
    free_bytes: int = 0
    maker: str = ""
    maker_trouble: str = ""
    maker_page: str = ""


@dataclass(frozen=True, slots=True)
class Needs:
    """What making the engine takes, in bytes: what is downloaded, what must be free, what stays."""

    download_bytes: int
    room_bytes: int
    disk_bytes: int


@dataclass(frozen=True, slots=True)
class EngineStep:
    """Progress of making the engine: what is being done, and bytes so far of those expected."""

    says: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class BaseAdvice:
    """Whether a base can be trained on this computer, at what settings and how fast, or why not.

    `seconds` is the range for `steps` steps, a step `step_seconds`; without `measured` estimates.
    """

    base: str
    title: str
    can: bool
    says: str = ""
    mend: str = ""
    precision: str = ""
    checkpointing: str = ""
    resolutions: tuple[int, ...] = ()
    gpu_bytes: int = 0
    ram_bytes: int = 0
    steps: int = 0
    step_seconds: tuple[float, float] = (0.0, 0.0)
    seconds: tuple[float, float] = (0.0, 0.0)
    measured: bool = False


@dataclass(frozen=True, slots=True)
class Advice:
    """What this computer can train; `says` and `mend` are the whole answer where it can nothing."""

    bases: tuple[BaseAdvice, ...] = ()
    gpu: Gpu | None = None
    says: str = ""
    mend: str = ""

    @property
    def can(self) -> bool:
        """Tell whether any base can be trained."""
        return any(base.can for base in self.bases)


@dataclass(frozen=True, slots=True)
class LocalBase:
    """Where a base for this computer comes from: its hub id, terms, and the bytes of its folder.

    `pictures_id` is the hub id that pictures are made with; it is another one where the base is
    distilled and so cannot be trained on itself, and of the same size. The sizes are those of the
    diffusers folders, of which alone the engine downloads: parameters times two bytes, and the
    autoencoder.
    """

    key: str
    title: str
    hub_id: str
    pictures_id: str
    download_bytes: int
    gated: bool

    @property
    def page(self) -> str:
        """Return the hub's page, where terms are accepted."""
        return f"https://huggingface.co/{self.hub_id}"

    @property
    def pictures_page(self) -> str:
        """Return the page of what makes pictures, whose terms are its own."""
        return f"https://huggingface.co/{self.pictures_id}"

    @property
    def has_twin(self) -> bool:
        """Tell whether pictures are made with other weights than it is trained on."""
        return self.pictures_id != self.hub_id


_BYTES: Mapping[str, int] = {
    "flux.1-dev": 33_700_000_000,
    "flux.2-dev": 112_800_000_000,
    "flux.2-klein-4b": 16_000_000_000,
    "flux.2-klein-9b": 34_800_000_000,
}
LOCAL_BASES: tuple[LocalBase, ...] = tuple(
    LocalBase(base.key, base.title, base.training_hub_id, base.hub_id, _BYTES[base.key], base.gated)
    for base in BASES
)

PIPELINES: Mapping[str, tuple[str, ...]] = {
    "flux.1-dev": ("FluxPipeline",),
    "flux.2-dev": ("Flux2Pipeline",),
    "flux.2-klein-4b": ("Flux2KleinPipeline",),
    "flux.2-klein-9b": ("Flux2KleinPipeline",),
}
"""What `_class_name` of a folder's model_index.json may be, by base (diffusers 0.42.1)."""


def local_base(key: str) -> LocalBase | None:
    """Return the base with this key, or None."""
    return next((base for base in LOCAL_BASES if base.key == key), None)


class BaseState(StrEnum):
    """How a base model lies on this computer."""

    ABSENT = "absent"
    PARTIAL = "partial"
    """A download broke off; it goes on where it was."""
    HERE = "here"
    FOLDER = "folder"
    """A folder that a person chose; it is used as it is, and never deleted."""
    LOST = "lost"
    """The chosen folder is not there any more, or holds something else now."""


@dataclass(frozen=True, slots=True)
class BaseFiles:
    """A base model on the disk; `folder` is a person's own, `says` what is wrong with it.

    `twin_bytes` are those of `disk_bytes` that only pictures use; see `LocalBase.pictures_id`.
    """

    base: LocalBase
    state: BaseState
    disk_bytes: int = 0
    twin_bytes: int = field(default=0, kw_only=True)
    folder: Path | None = None
    says: str = ""


@dataclass(frozen=True, slots=True)
class ThisComputer:
    """Everything that the page "This computer" shows, read at one time."""

    hardware: Hardware
    status: EngineStatus
    needs: Needs
    advice: Advice
    bases: tuple[BaseFiles, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineEnvironment:
    """How a program of the engine is started: interpreter, the trainer's folder, environment.

    `variables` is the whole environment of the child; a token in it is in no other place.
    """

    python: Path
    trainer: Path
    variables: Mapping[str, str]

    def __repr__(self) -> str:
        """Show no environment: it may hold a token."""
        return f"EngineEnvironment({self.python}, {self.trainer})"


NO_TOKEN = Secret("")
