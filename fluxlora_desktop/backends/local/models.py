"""What makes pictures here: one model for each base that the app knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fluxlora_desktop.domain.bases import BaseModel, base_named
from fluxlora_desktop.domain.engine import local_base
from fluxlora_desktop.domain.pictures import GeneratorModel, SizeRule

_MOST_LORAS = 4
_FREE = "It is made on this computer"
_FIRST_GUESS = (15.0, 180.0)
_FASTER, _SLOWER = 0.8, 1.5


@dataclass(frozen=True, slots=True)
class _Base:
    """How a base is used: its usual steps and guidance."""

    key: str
    steps: int
    guidance: float


_BASES = (
    _Base("flux.1-dev", 28, 3.5),
    _Base("flux.2-dev", 28, 4.0),
    _Base("flux.2-klein-4b", 4, 1.0),
    _Base("flux.2-klein-9b", 4, 1.0),
)


def local_models(
    lacks: Callable[[str], str], seconds: Callable[[str], float | None]
) -> Iterator[GeneratorModel]:
    """Yield the model of each base; `lacks` says what is missing for one, "" when nothing is.

    `seconds` is how long the last picture of a base took, None before the first.
    """
    for used in _BASES:
        base = base_named(used.key)
        if base is None:
            continue
        took = seconds(used.key)
        yield GeneratorModel(
            key=used.key,
            title=f"{base.title} on this computer",
            base=used.key,
            max_loras=_MOST_LORAS,
            takes_files=True,
            private_works=True,
            size=SizeRule(low=256, high=2048, multiple=16),
            steps=(1, 100),
            default_steps=used.steps,
            guidance=(0.0, 20.0),
            default_guidance=used.guidance,
            steps_cost=False,
            price_basis=_FREE,
            free=True,
            lacks=lacks(used.key),
            seconds=_FIRST_GUESS if took is None else (took * _FASTER, took * _SLOWER),
        )


def download_left(base: BaseModel, models: Path) -> int:
    """Return how many bytes of a base are not in the folder of the hub's files yet, about.

    `models` is what HF_HOME names: the hub's library keeps `hub/models--owner--name` in it, whole
    files in `blobs` under their hashes, half ones with `.incomplete` or our `.part` behind; where
    there are no links, whole ones in `snapshots`. The trainer notes in `whole.json` that all came.
    """
    known = local_base(base.key)
    wanted = known.download_bytes if known else 0
    folder = models / "hub" / f"models--{base.hub_id.replace('/', '--')}"
    if (folder / "whole.json").is_file():
        return 0
    try:
        blobs = list((folder / "blobs").iterdir())
        files = (path for path in (folder / "snapshots").rglob("*") if not path.is_symlink())
        there = sum(path.stat().st_size for path in (*blobs, *filter(Path.is_file, files)))
    except OSError:
        return wanted
    whole = any((folder / "snapshots").glob("*/model_index.json"))
    unfinished = any(blob.suffix in {".incomplete", ".part"} for blob in blobs)
    return 0 if whole and not unfinished else max(0, wanted - there)
