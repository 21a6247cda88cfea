"""What the practice Replicate keeps on disk."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.replicate.plans import TrainingPlan
from fluxlora_desktop.practice.replicate.scripts import TrainingScript
from fluxlora_desktop.practice.scripts import Scripts
from fluxlora_desktop.practice.shelf import Shelf, tuples


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


class ReplicateState:
    """Everything that the practice Replicate knows."""

    def __init__(self, *, context: PracticeContext) -> None:
        folder = context.state_dir / "replicate"
        self.folder = folder
        self.files = Shelf(folder / "files", lambda fields: StoredFile(**fields))
        self.models = Shelf(folder / "models", _read_model)
        self.trainings = Shelf(folder / "trainings", _read_training)
        self.predictions = Shelf(folder / "predictions", _read_prediction)
        self.scripts = Scripts(TrainingScript())
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


def _read_model(fields: dict[str, Any]) -> Model:
    versions = tuple(Version(**version) for version in fields["versions"])
    return Model(**{**fields, "versions": versions})


def _read_training(fields: dict[str, Any]) -> Training:
    return Training(**{**fields, "plan": TrainingPlan(**tuples(fields["plan"]))})


def _read_prediction(fields: dict[str, Any]) -> Prediction:
    return Prediction(**{**fields, "pictures": tuple(fields["pictures"])})
