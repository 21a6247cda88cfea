"""What a trainer tells of itself: `out/events.jsonl`, read as far as it goes, and the log's end.

The file is written by another program that may be killed in the middle of a line, so whatever is no
event is passed over, and nothing in it is trusted: lines, numbers, paths and counts are bounded.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

LONGEST_LINE = 64_000
MOST_LOSSES = 1000
MOST_FILES = 2000
"""Samples, and checkpoints, that are told of one training."""
LONGEST_TEXT = 2000
LOG_TAIL = 200_000
_CHUNK = 1 << 20
_MOST_AT_ONCE = 32 << 20
_LARGEST = 2**53


@dataclass(frozen=True, slots=True)
class SampleEvent:
    """A sample picture: `path` is relative to `out/`, with forward slashes."""

    step: int
    index: int
    path: str
    prompt: str = ""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class CheckpointEvent:
    """Weights after so many steps: `path` is relative to `out/`, with forward slashes."""

    step: int
    path: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a trainer gave up: its exit code, in words, and what a person can do about it."""

    code: int | None
    says: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Download:
    """A file on its way from the hub, in bytes; `total` is 0 where it is not known."""

    file: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that a trainer's events told so far.

    `step` of `of` is the last that was trained, `losses` are (step, loss) pairs, thinned to at most
    `MOST_LOSSES`; those of steps that were trained again are the later ones. `stage` is the
    trainer's word for what it does, `says` its own words. `download` is set while one goes on,
    `error` for the last trouble.
    """

    step: int | None = None
    of: int | None = None
    stage: str = ""
    says: str = ""
    gpu: str = ""
    precision: str = ""
    loss: float | None = None
    seconds_per_step: float | None = None
    memory_bytes: int | None = None
    download: Download | None = None
    losses: tuple[tuple[int, float], ...] = ()
    samples: tuple[SampleEvent, ...] = ()
    checkpoints: tuple[CheckpointEvent, ...] = ()
    warnings: tuple[str, ...] = ()
    error: Trouble | None = None
    done: bool = False
    last_ts: float | None = None


@dataclass(slots=True)
class EventReader:
    """Reads a growing file of events; each `read` goes on where the last one stopped."""

    path: Path
    _offset: int = 0
    _rest: bytes = b""
    _skipping: bool = False
    _told: Told = field(default_factory=Told)
    _losses: dict[int, float] = field(default_factory=dict)
    _samples: dict[tuple[int, int], SampleEvent] = field(default_factory=dict)
    _checkpoints: dict[int, CheckpointEvent] = field(default_factory=dict)

    def read(self) -> Told:
        """Return everything that was told so far; a file that is not there tells nothing."""
        try:
            self._read_on()
        except OSError:
            return self._told
        self._told = replace(
            self._told,
            losses=_thinned(self._losses, self._told.of),
            samples=tuple(self._samples[key] for key in sorted(self._samples)),
            checkpoints=tuple(self._checkpoints[step] for step in sorted(self._checkpoints)),
        )
        return self._told

    def _read_on(self) -> None:
        with self.path.open("rb") as file:
            if file.seek(0, 2) < self._offset:
                self._begin_anew()  # another file by the same name
            file.seek(self._offset)
            left = _MOST_AT_ONCE
            while left > 0 and (block := file.read(_CHUNK)):
                self._offset += len(block)
                left -= len(block)
                self._take(block)

    def _begin_anew(self) -> None:
        self._offset, self._rest, self._skipping = 0, b"", False
        self._told = Told()
        for kept in (self._losses, self._samples, self._checkpoints):
            kept.clear()

    def _take(self, block: bytes) -> None:
        *lines, rest = (self._rest + block).split(b"\n")
        for line in lines:
            if not self._skipping and len(line) <= LONGEST_LINE:
                self._take_line(line)
            self._skipping = False
        self._skipping = self._skipping or len(rest) > LONGEST_LINE
        self._rest = b"" if self._skipping else rest

    def _take_line(self, line: bytes) -> None:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            return
        if isinstance(event, dict) and event.get("v") == 1:
            self._take_event(event)

    def _take_event(self, event: dict[str, object]) -> None:
        told = self._told
        at = _number(event.get("ts"))
        if at is not None:
            told = replace(told, last_ts=at)
        match event.get("event"):
            case "hello":
                told = replace(
                    told,
                    step=_whole(event.get("step")) if told.step is None else told.step,
                    of=_whole(event.get("of")) or told.of,
                    gpu=_text(event.get("gpu")),
                    precision=_text(event.get("precision")),
                    stage="",
                    error=None,
                )
            case "stage":
                name, says = _text(event.get("name")), _text(event.get("says"))
                told = replace(told, stage=name, says=says, download=None)
            case "download":
                told = replace(told, download=_download(event))
            case "step":
                told = self._after_step(told, event)
            case "sample":
                self._keep_sample(event)
            case "checkpoint":
                self._keep_checkpoint(event)
            case "warn":
                warnings = (*told.warnings, _text(event.get("says")))[-50:]
                told = replace(told, warnings=warnings)
            case "error":
                words, mend = _text(event.get("says")), _text(event.get("mend"))
                told = replace(told, error=Trouble(_whole(event.get("code")), words, mend))
            case "done":
                told = replace(told, done=True, error=None)
        self._told = told

    def _after_step(self, told: Told, event: dict[str, object]) -> Told:
        step, of = _whole(event.get("step")), _whole(event.get("of"))
        loss = _number(event.get("loss"))
        if step is None:
            return told
        if loss is not None:
            self._losses[step] = loss
            if len(self._losses) > 4 * MOST_LOSSES:
                kept = _thinned(self._losses, of or told.of)
                self._losses.clear()
                self._losses.update(kept)
        return replace(
            told,
            step=step,
            of=of or told.of,
            stage="training",
            says="",
            download=None,
            loss=loss if loss is not None else told.loss,
            seconds_per_step=_number(event.get("s_per_step")),
            memory_bytes=_whole(event.get("memory_bytes")),
        )

    def _keep_sample(self, event: dict[str, object]) -> None:
        step, index = _whole(event.get("step")), _whole(event.get("index"))
        path = _inside(event.get("path"), ".png")
        if step is None or index is None or not path or len(self._samples) >= MOST_FILES:
            return
        seed = _whole(event.get("seed")) or 0
        prompt = _text(event.get("prompt"))
        self._samples[step, index] = SampleEvent(step, index, path, prompt, seed)

    def _keep_checkpoint(self, event: dict[str, object]) -> None:
        step, path = _whole(event.get("step")), _inside(event.get("path"), ".safetensors")
        if step is not None and path and len(self._checkpoints) < MOST_FILES:
            self._checkpoints[step] = CheckpointEvent(step, path)


def tail_of(path: Path, most: int = LOG_TAIL) -> str:
    """Return the end of a text file, from the beginning of a line; "" when it is not there."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - most))
            data = file.read(most)
    except OSError:
        return ""
    if size > most:
        data = data.partition(b"\n")[2]
    return data.decode(errors="replace")


def _thinned(losses: dict[int, float], of: int | None) -> tuple[tuple[int, float], ...]:
    """Return every n-th step's loss; which they are follows from the length of the training."""
    most = max([of or 0, *losses])
    stride = max(1, math.ceil(most / MOST_LOSSES))
    return tuple((step, losses[step]) for step in sorted(losses) if step % stride == 0)


def _whole(value: object) -> int | None:
    """Return a count, or None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _LARGEST else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST:
        return None
    return float(value) if math.isfinite(value) else None


def _text(value: object) -> str:
    """Return one line of text without control characters."""
    if not isinstance(value, str):
        return ""
    words = " ".join(value[: 4 * LONGEST_TEXT].split())
    return "".join(sign for sign in words if sign.isprintable())[:LONGEST_TEXT]


def _inside(value: object, suffix: str) -> str:
    """Return a path below `out/` with this suffix, or "" for one that leads elsewhere."""
    if not isinstance(value, str) or len(value) > 400 or "\\" in value or ":" in value:
        return ""
    path = PurePosixPath(value)
    odd = path.is_absolute() or ".." in path.parts or not value.isprintable()
    return "" if odd or path.suffix != suffix else path.as_posix()


def _download(event: dict[str, object]) -> Download:
    done, total = _whole(event.get("done")) or 0, _whole(event.get("total")) or 0
    return Download(_text(event.get("file")), done, total)
