"""What the practice fal keeps on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.fal.errors import Failure
from fluxlora_desktop.practice.fal.plans import Plan
from fluxlora_desktop.practice.fal.scripts import FalScript
from fluxlora_desktop.practice.scripts import Scripts
from fluxlora_desktop.practice.shelf import Shelf


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An uploaded file or a result; its bytes lie in the folder `bytes` under its id."""

    id: str
    name: str
    content_type: str
    created_at: float
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class QueuedRequest:
    """A training or a request for pictures; how it stands follows from its plan and the time."""

    id: str
    endpoint: str
    input: dict[str, Any]
    created_at: float
    speed: float
    plan: Plan
    lifetime_s: float | None = None
    """How long the files of its output are kept; None for ever."""
    cancelled_at: float | None = None
    settled: bool = False
    """Whether its end was written down: the files of the output, the charge."""
    failure: Failure | None = None
    files: tuple[str, ...] = ()
    """The files of the output; the weights are the first of a training's."""


class FalState:
    """Everything that the practice fal knows."""

    def __init__(self, *, context: PracticeContext) -> None:
        folder = context.state_dir / "fal"
        self.folder = folder
        self.files = Shelf(folder / "files", lambda fields: StoredFile(**fields))
        self.requests = Shelf(folder / "requests", _read_request)
        self.scripts = Scripts(FalScript())
        for name in ("bytes", "photos"):
            (folder / name).mkdir(exist_ok=True)

    def file_path(self, file_id: str) -> Path:
        """Return where a file's bytes lie."""
        return self.folder / "bytes" / file_id

    def photos_path(self, request_id: str) -> Path:
        """Return where a training keeps its own copy of the zip."""
        return self.folder / "photos" / f"{request_id}.zip"

    def weights_path(self, request_id: str) -> Path:
        """Return where the weights of a training lie, once it has succeeded.

        Raises KeyError for any other request.
        """
        request = self.requests.get(request_id)
        if request is None or not request.files:
            raise KeyError(request_id)
        return self.file_path(request.files[0])


def _read_request(fields: dict[str, Any]) -> QueuedRequest:
    plan = fields["plan"]
    read = {**plan, "failure": _read_failure(plan["failure"])}
    return QueuedRequest(
        **{
            **fields,
            "plan": Plan(**read),
            "failure": _read_failure(fields["failure"]),
            "files": tuple(fields["files"]),
        }
    )


def _read_failure(fields: dict[str, Any] | None) -> Failure | None:
    return None if fields is None else Failure(**fields)
