"""What the practice Replicate keeps on disk: one JSON file for each thing."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.replicate.plans import TrainingPlan
from fluxlora_desktop.practice.replicate.scripts import TrainingScripts


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An uploaded file; its bytes lie in the folder `uploads` under its id."""

    id: str
    name: str
    content_type: str
    size: int
    sha256: str
    md5: str
    created_at: float
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Version:
    """A trained version of a model."""

    id: str
    created_at: float
    training_id: str


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the practice account."""

    id: str
    """owner/name."""
    visibility: str
    hardware: str
    description: str | None
    created_at: float
    versions: tuple[Version, ...] = ()
    """Newest first."""


@dataclass(frozen=True, slots=True)
class Training:
    """A training; how it stands follows from its plan and the time."""

    id: str
    trainer: str
    version: str
    destination: str
    input: dict[str, Any]
    created_at: float
    speed: float
    plan: TrainingPlan
    canceled_at: float | None = None
    settled: bool = False
    """Whether its end was written down: the charge, and the version of the model."""
    version_id: str | None = None
    weights: str | None = None
    """The path of the archive at the delivery port."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One request for pictures."""

    id: str
    model: str
    version: str
    input: dict[str, Any]
    created_at: float
    status: str = "starting"
    started_at: float | None = None
    completed_at: float | None = None
    pictures: tuple[str, ...] = ()
    """Paths at the delivery port."""
    error: str | None = None
    logs: str = ""


T = TypeVar("T", StoredFile, Model, Training, Prediction)


class Shelf(Generic[T]):
    """All things of one kind, in memory and on disk; changed from one event loop only."""

    def __init__(self, folder: Path, kind: type[T]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._things: dict[str, T] = {}
        for path in sorted(folder.glob("*.json")):
            thing = _read(kind, json.loads(path.read_text("utf-8")))
            self._things[thing.id] = thing

    def __iter__(self) -> Iterator[T]:
        """Go through all things, newest first."""
        return iter(sorted(tuple(self._things.values()), key=lambda thing: -thing.created_at))

    def get(self, thing_id: str) -> T | None:
        """Return a thing, or None."""
        return self._things.get(thing_id)

    def put(self, thing: T) -> None:
        """Keep a thing in the place of the one with its id."""
        self._things[thing.id] = thing
        path = self._path(thing.id)
        temporary = path.with_suffix(".tmp")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(asdict(thing), file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)

    def delete(self, thing_id: str) -> None:
        """Forget a thing."""
        del self._things[thing_id]
        self._path(thing_id).unlink(missing_ok=True)

    def _path(self, thing_id: str) -> Path:
        return self._folder / f"{thing_id.replace('/', '__')}.json"


class ReplicateState:
    """Everything that the practice Replicate knows."""

    def __init__(self, *, context: PracticeContext) -> None:
        folder = context.state_dir / "replicate"
        self.folder = folder
        self.files: Shelf[StoredFile] = Shelf(folder / "files", StoredFile)
        self.models: Shelf[Model] = Shelf(folder / "models", Model)
        self.trainings: Shelf[Training] = Shelf(folder / "trainings", Training)
        self.predictions: Shelf[Prediction] = Shelf(folder / "predictions", Prediction)
        self.scripts = TrainingScripts()
        for name in ("uploads", "photos", "weights"):
            (folder / name).mkdir(exist_ok=True)

    def upload_path(self, file_id: str) -> Path:
        """Return where an uploaded file's bytes lie."""
        return self.folder / "uploads" / file_id

    def photos_path(self, training_id: str) -> Path:
        """Return where a training keeps its own copy of the zip."""
        return self.folder / "photos" / f"{training_id}.zip"

    def weights_path(self, training_id: str) -> Path:
        """Return where the weights of a training lie, once it has succeeded."""
        return self.folder / "weights" / f"{training_id}.safetensors"


def _read(kind: type[T], value: dict[str, Any]) -> T:
    if kind is Training:
        plan = {key: _tuple(item) for key, item in value["plan"].items()}
        value["plan"] = TrainingPlan(**plan)
    if kind is Model:
        value["versions"] = tuple(Version(**version) for version in value["versions"])
    if kind is Prediction:
        value["pictures"] = tuple(value["pictures"])
    return kind(**value)


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
