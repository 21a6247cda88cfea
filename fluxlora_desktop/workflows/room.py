"""Room on the disk: how much a training needs before it is paid for, and how that is said."""

from __future__ import annotations

from fluxlora_desktop.domain.datasets import DatasetPhoto, DatasetVersion
from fluxlora_desktop.domain.errors import DiskFull
from fluxlora_desktop.domain.training import Trainer, TrainingSpec
from fluxlora_desktop.workflows.tools import Tools

BYTES_FOR_A_RANK = 11_000_000
"""A FLUX.1-dev LoRA of rank 16 has 172 MB, and its size grows with the rank."""

_COPIES = 3
"""The archive that comes, the weights out of it, and a try that has to be made again."""

_USUAL_RANK = 16


def weights_bytes(trainer: Trainer, spec: TrainingSpec) -> int:
    """Return about how large the weights of a training will be."""
    rank = trainer.with_role("rank")
    chosen = spec.parameters.get(rank.name, rank.default) if rank is not None else _USUAL_RANK
    return BYTES_FOR_A_RANK * int(chosen)


def check_room(spec: TrainingSpec, trainer: Trainer, version: DatasetVersion, tools: Tools) -> None:
    """Raise `DiskFull` when the archive and what the training leaves would not fit here."""
    files = tools.stores.files
    archive = sum(_size(item, tools) for item in version.photos)
    needed, free = archive + _COPIES * weights_bytes(trainer, spec), files.free_bytes()
    if free < needed:
        raise DiskFull(files.root, needed=needed, free=free)


def _size(item: DatasetPhoto, tools: Tools) -> int:
    working = tools.stores.files.working(item.sha256, item.edits)
    return working.stat().st_size if working.is_file() else 0


def room_words(error: DiskFull, tools: Tools) -> str:
    """Return how much room is needed and how much there is, without a full stop."""
    free = error.free or tools.stores.files.free_bytes()
    if not error.needed:
        return f"The disk is full: {_size_words(free)} free"
    return f"The disk is full: needs {_size_words(error.needed)}, {_size_words(free)} free"


def _size_words(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1_000_000_000 else f"{count / 1e6:.0f} MB"
