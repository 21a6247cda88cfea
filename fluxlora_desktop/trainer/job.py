"""The job: read from `job.json`, checked field by field, refused in words.

Standard library only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from .exits import BadInput

VERSION = 1
LONGEST = 4_000_000
"""The most bytes that a job.json may have."""
SIDE_STEP = 16
BASES = ("flux.1-dev", "flux.2-dev", "flux.2-klein-4b", "flux.2-klein-9b")
SCHEDULES = ("constant", "linear", "cosine")
OPTIMIZERS = ("adamw8bit", "adamw")
LAYERS = ("all", "attention")
PRECISIONS = ("auto", "bf16", "int8", "nf4", "fp32")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
_DEVICE = re.compile(r"auto|cpu|cuda(:\d{1,2})?")


@dataclass(frozen=True, slots=True)
class Image:
    """One photo of the job: its file in `images/` and the hashes of it and of its caption."""

    file: str
    sha256: str = ""
    caption_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """What to train; the names are those of `job.json`."""

    id: str
    base: str
    images: tuple[Image, ...]
    v: int = VERSION
    mark: str = ""
    model: str = ""
    revision: str = ""
    trigger_word: str = ""
    rank: int = 16
    steps: int = 1000
    learning_rate: float = 1e-4
    schedule: str = "constant"
    warmup: int = 0
    optimizer: str = "adamw8bit"
    batch_size: int = 1
    resolution: str = "512,768,1024"
    caption_dropout: float = 0.05
    ema: float = 0.0
    seed: int = 0
    layers: str = "all"
    precision: str = "auto"
    sample_prompts: tuple[str, ...] = ()
    sample_every: int = 250
    sample_steps: int = 20
    sample_side: int = 768
    checkpoint_every: int = 250
    keep_checkpoints: int = 10
    deadline: float = 0
    device: str = "auto"
    trainer_sha256: str = ""

    @property
    def resolutions(self) -> tuple[int, ...]:
        """Return the sides that photos are trained at, in pixels, each once and rising."""
        return tuple(sorted({int(side) for side in self.resolution.split(",")}))


def read_job(folder: Path) -> Job:
    """Read and check the job of a folder; raises `BadInput` that names the field and the mend."""
    path = folder / "job.json"
    try:
        with path.open("rb") as file:
            raw = file.read(LONGEST + 1)
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror}.", "Name a job's folder."
        ) from error
    if len(raw) > LONGEST:
        raise BadInput("job.json is far larger than any job.", "Write the job anew.")
    try:
        table = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"job.json is not JSON: {error}.", "Write the job anew.") from error
    return parse_job(table)


def parse_job(table: object) -> Job:
    """Check a job as it was parsed from JSON; raises `BadInput`."""
    if not isinstance(table, dict):
        raise BadInput("job.json is not a table of fields.", "Write the job anew.")
    unknown = sorted(set(table) - set(_CHECKS))
    if unknown:
        raise BadInput(
            f"job.json has a field that this trainer does not know: {unknown[0][:80]}.",
            "Leave it out, or update the engine.",
        )
    for name in ("id", "base", "images"):
        if name not in table:
            raise _refused(name, "is missing", "add it")
    return Job(**{name: _CHECKS[name](name, value) for name, value in table.items()})


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _refused(name: str, says: str, mend: str) -> BadInput:
    return BadInput(f"{name} in job.json {says}.", f"Set {name}: {mend}.")


def _text(longest: int = 500, *, least: int = 0) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or not least <= len(value) <= longest:
            raise _refused(name, f"is not a text of {least} to {longest} characters", "a text")
        return value

    return check


def _choice(allowed: tuple[str, ...]) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if value not in allowed:
            raise _refused(name, f"is {_shown(value)}", f"use one of {', '.join(allowed)}")
        return str(value)

    return check


def _pattern(pattern: re.Pattern[str], like: str) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise _refused(name, f"is {_shown(value)}", f"use {like}")
        return value

    return check


def _whole(low: int, high: int) -> Callable[[str, Any], int]:
    def check(name: str, value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise _refused(name, f"is {_shown(value)}", f"a whole number from {low} to {high}")
        return value

    return check


def _number(low: float, high: float) -> Callable[[str, Any], float]:
    def check(name: str, value: Any) -> float:
        if type(value) not in (int, float) or not low <= value <= high:
            raise _refused(name, f"is {_shown(value)}", f"a number from {low} to {high}")
        return float(value)

    return check


def _sides(name: str, value: Any) -> str:
    parts = value.split(",") if isinstance(value, str) and len(value) <= 100 else []
    sides = [int(part) for part in parts if part.strip().isdigit()]
    good = all(32 <= side <= 2048 and side % SIDE_STEP == 0 for side in sides)
    if not sides or len(sides) != len(parts) or not good:
        mend = f'multiples of {SIDE_STEP} from 32 to 2048, such as "512,768,1024"'
        raise _refused(name, f"is {_shown(value)}", mend)
    return ",".join(str(side) for side in sides)


def _side(name: str, value: Any) -> int:
    side = _whole(32, 2048)(name, value)
    if side % SIDE_STEP:
        raise _refused(name, f"is {side}", f"a multiple of {SIDE_STEP}")
    return side


def _version(name: str, value: Any) -> int:
    if value != VERSION:
        raise _refused(
            name, f"is {_shown(value)}", f"this trainer reads {VERSION}; update the engine"
        )
    return VERSION


def _prompts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > 16:
        raise _refused(name, "is not a list of at most 16 texts", "a list of prompts")
    return tuple(_text(4000)(name, prompt) for prompt in value)


def _images(name: str, value: Any) -> tuple[Image, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= 2000:
        raise _refused(name, "is not a list of 1 to 2000 photos", "list at least one photo")
    found = tuple(_image(name, entry) for entry in value)
    if len({image.file.lower() for image in found}) != len(found):
        raise _refused(name, "names a file twice", "list each photo once")
    return found


def _image(name: str, entry: Any) -> Image:
    known = {field.name for field in fields(Image)}
    if not isinstance(entry, dict) or not set(entry) <= known or "file" not in entry:
        raise _refused(name, "has an entry that is not a photo", "use file, sha256, caption_sha256")
    file = _pattern(_FILE, "names of files without folders, such as 0001.png")(name, entry["file"])
    hashes = _hashes(name, entry)
    return Image(file, *hashes)


def _hashes(name: str, entry: Mapping[str, Any]) -> tuple[str, str]:
    found = [entry.get("sha256", ""), entry.get("caption_sha256", "")]
    for value in found:
        if value != "":
            _pattern(_SHA256, "64 hexadecimal digits for each hash")(name, value)
    return found[0], found[1]


def _shown(value: Any) -> str:
    return json.dumps(value)[:80]


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "v": _version,
    "id": _text(200, least=1),
    "mark": _text(),
    "base": _choice(BASES),
    "model": _text(4000),
    "revision": _text(200),
    "trigger_word": _text(200),
    "images": _images,
    "rank": _whole(1, 512),
    "steps": _whole(1, 1_000_000),
    "learning_rate": _number(1e-9, 1.0),
    "schedule": _choice(SCHEDULES),
    "warmup": _whole(0, 1_000_000),
    "optimizer": _choice(OPTIMIZERS),
    "batch_size": _whole(1, 64),
    "resolution": _sides,
    "caption_dropout": _number(0.0, 1.0),
    "ema": _number(0.0, 0.99999),
    "seed": _whole(0, 2**63 - 1),
    "layers": _choice(LAYERS),
    "precision": _choice(PRECISIONS),
    "sample_prompts": _prompts,
    "sample_every": _whole(0, 1_000_000),
    "sample_steps": _whole(1, 200),
    "sample_side": _side,
    "checkpoint_every": _whole(0, 1_000_000),
    "keep_checkpoints": _whole(0, 1000),
    "deadline": _number(0, 1e12),
    "device": _pattern(_DEVICE, "auto, cpu or cuda:0"),
    "trainer_sha256": _text(64),
}
