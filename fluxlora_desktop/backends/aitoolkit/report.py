"""What ai-toolkit tells of a training: its log, its database row, and the files that it writes.

It was made for people to read, so nothing in it is agreed upon: what is not known is passed over,
and lines, numbers and counts are bounded. The lines, names and columns are those of
ostris/ai-toolkit 27a03a9. Several starts of one job write into one log; what came later counts.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from fluxlora_desktop.backends.aitoolkit.config import CONFIG, DATABASE, NAME, OUTPUT
from fluxlora_desktop.backends.http.logs import clean_log, number, seconds_per_step
from fluxlora_desktop.backends.local.events import (
    MOST_FILES,
    MOST_LOSSES,
    CheckpointEvent,
    SampleEvent,
    Told,
    Trouble,
)
from fluxlora_desktop.backends.local.process import LOG
from fluxlora_desktop.domain.errors import WeightsError
from fluxlora_desktop.domain.weights_header import read_header

_CHUNK = 1 << 20
_MOST_AT_ONCE = 32 << 20
_LONGEST_LINE = 8000
_LONGEST_TEXT = 500
_MOST_STEPS = 1_000_000
_MOST_WARNINGS = 20
_LARGEST_CONFIG = 1_000_000
_ROW_WAIT_S = 1.0
_BAR = re.compile(
    rf"^{NAME}:\s*\d+%\|[^|]*\|\s*(\d{{1,7}})/(\d{{1,7}})\s*\[[\d:]+<[\d:?]+,\s*"
    r"(?:([\d.]+)|\?)\s*(s/it|it/s)([^\]]*)\]"
)
_LOSS = re.compile(r"\bloss:\s*([\d.]+(?:e[+-]?\d+)?)", re.IGNORECASE)
_OOM = re.compile(r"# OOM during training step, skipping batch (\d{1,3})/(\d{1,3}) #")
_ERROR = "Error running job: "
_DONE = re.compile(r"^ - 1 completed job$")
_STAGES: tuple[tuple[str, str], ...] = (
    ("Running job:", "loading"),
    ("Loading ", "loading"),
    ("Quantizing ", "loading"),
    ("Making pipe", "loading"),
    ("Preparing Model", "loading"),
    ("Fetching ", "loading"),
    ("Dataset: ", "reading"),
    ("Caching latents", "latents"),
    ("Caching text embeddings", "text"),
    ("Generating ", "sampling"),
    ("Saving at step", "saving"),
)
"""How lines begin, and the stage in the words of the app's own trainer."""
_SAMPLE = re.compile(r"(\d{1,16})__(\d{9})_(\d{1,4})\.(?:jpg|jpeg|png|webp)")
_CHECKPOINT = re.compile(rf"{NAME}_(\d{{9}})\.safetensors")


@dataclass(slots=True)
class ReportReader:
    """Reads what a job's folder tells; each `read` goes on in the log where the last stopped."""

    job: Path
    _offset: int = 0
    _rest: bytes = b""
    _told: Told = field(default_factory=Told)
    _losses: dict[int, float] = field(default_factory=dict)
    _whole: dict[str, tuple[int, int]] = field(default_factory=dict)

    def read(self) -> Told:
        """Return everything that was told so far; a folder that is not there tells nothing."""
        with suppress(OSError):
            self._read_on()
            said_at = (self.job / OUTPUT / LOG).stat().st_mtime
            self._told = replace(self._told, last_ts=said_at if self._offset else None)
        row = _row_of(self.job / OUTPUT / DATABASE)
        told = self._told if row is None else _with_row(self._told, row)
        return replace(
            told,
            losses=_thinned(self._losses),
            samples=tuple(_samples_in(self.job)),
            checkpoints=tuple(self._checkpoints_in(self.job / OUTPUT / NAME)),
        )

    def _read_on(self) -> None:
        with (self.job / OUTPUT / LOG).open("rb") as file:
            if file.seek(0, 2) < self._offset:  # another file by the same name
                self._offset, self._rest, self._told = 0, b"", Told()
                self._losses.clear()
            file.seek(self._offset)
            left = _MOST_AT_ONCE
            while left > 0 and (block := file.read(_CHUNK)):
                self._offset += len(block)
                left -= len(block)
                self._take(block)

    def _take(self, block: bytes) -> None:
        """Read whole lines; a bar is drawn anew after each carriage return."""
        *lines, rest = re.split(rb"[\r\n]", self._rest + block)
        for line in lines:
            if line.strip():
                self._take_line(clean_log(line[:_LONGEST_LINE].decode(errors="replace")))
        self._rest = rest[-_LONGEST_LINE:]

    def _take_line(self, line: str) -> None:
        bar = _BAR.match(line)
        if bar is not None:
            self._take_bar(bar)
            line = line[bar.end() :]  # what is printed next begins where the bar ended
        told, oom = self._told, _OOM.search(line)
        if line.startswith("Running job") or line.startswith("# Running job:"):
            told = replace(told, stage="loading", says="", error=None, done=False)
        elif oom is not None:
            told = replace(told, warnings=(*told.warnings, _oom_words(oom))[-_MOST_WARNINGS:])
        elif line.startswith(_ERROR):
            told = replace(told, error=Trouble(None, line[len(_ERROR) :][:_LONGEST_TEXT]))
        elif _DONE.match(line):
            told = replace(told, step=told.of or told.step, done=True, error=None)
        else:
            stage = next((name for begin, name in _STAGES if line.startswith(begin)), "")
            told = replace(told, stage=stage) if stage else told
        self._told = told

    def _take_bar(self, bar: re.Match[str]) -> None:
        step, of = int(bar[1]), int(bar[2])
        said = _LOSS.search(bar[5])
        loss = number(said[1]) if said else None
        if step > of or of > _MOST_STEPS:
            return
        if loss is not None:
            self._losses[step] = loss
        self._told = replace(
            self._told,
            step=step,
            of=of,
            stage="training",
            loss=self._told.loss if loss is None else loss,
            seconds_per_step=seconds_per_step(bar[3], bar[4]) or self._told.seconds_per_step,
        )

    def _checkpoints_in(self, folder: Path) -> Iterator[CheckpointEvent]:
        """Yield the checkpoints that are written to their end, by step."""
        found = {}
        for path in _files_in(folder):
            name = _CHECKPOINT.fullmatch(path.name)
            if name is not None and self._is_whole(path):
                found[int(name[1])] = path
        for step in sorted(found)[-MOST_FILES:]:
            yield CheckpointEvent(step, f"{NAME}/{found[step].name}")

    def _is_whole(self, path: Path) -> bool:
        try:
            state = path.stat()
            mark = (state.st_size, state.st_mtime_ns)
            if self._whole.get(path.name) != mark and not is_whole(path, state.st_size):
                return False
        except OSError:
            return False
        self._whole[path.name] = mark
        return True


def is_whole(path: Path, size: int) -> bool:
    """Tell whether a weights file is as long as its header says."""
    try:
        header = read_header(path)
        head = json.loads(header)
        ends = [item["data_offsets"][1] for name, item in head.items() if name != "__metadata__"]
        return bool(ends) and 8 + len(header) + int(max(ends)) == size
    except (WeightsError, ValueError, RecursionError, KeyError, IndexError, TypeError):
        return False
    except AttributeError:  # the header is no table
        return False


@dataclass(frozen=True, slots=True)
class _Row:
    step: int | None
    status: str
    info: str


def _row_of(database: Path) -> _Row | None:
    """Return the row of ai-toolkit's database, None where there is none that can be read."""
    if not database.is_file():
        return None
    address = f"{database.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=_ROW_WAIT_S)) as link:
            found = link.execute("SELECT step, status, info FROM Job LIMIT 1").fetchone()
    except sqlite3.Error:
        return None
    if found is None:
        return None
    step = found[0] if type(found[0]) is int and 0 <= found[0] <= _MOST_STEPS else None
    status, info = (text[:_LONGEST_TEXT] if isinstance(text, str) else "" for text in found[1:])
    return _Row(step, status, clean_log(info))


def _with_row(told: Told, row: _Row) -> Told:
    """Return what was told with the row on top, which is newer than the log where it tells."""
    if row.status == "running":
        info = row.info
        stage = next((name for begin, name in _STAGES if info.startswith(begin)), told.stage)
        stage = {"Training": "training", "Saving model": "saving"}.get(info, stage)
        step = max(told.step or 0, row.step or 0) or told.step
        return replace(told, stage=stage, step=step, says="" if stage == "training" else info)
    if row.status == "error" and row.info:
        return replace(told, error=told.error or Trouble(None, row.info))
    return replace(told, done=True) if row.status == "completed" else told


def _samples_in(job: Path) -> Iterator[SampleEvent]:
    """Yield the sample pictures, the last of those made twice, by step and place."""
    folder = job / OUTPUT / NAME / "samples"
    found = dict[tuple[int, int], tuple[int, str]]()
    for path in _files_in(folder):
        name = _SAMPLE.fullmatch(path.name)
        if name is not None:
            key, at = (int(name[2]), int(name[3])), int(name[1])
            found[key] = max(found.get(key, (0, "")), (at, path.name))
    prompts, seed = _asked(job / CONFIG)
    for step, index in sorted(found)[-MOST_FILES:]:
        prompt = prompts[index] if index < len(prompts) else ""
        path_there = f"{NAME}/samples/{found[step, index][1]}"
        yield SampleEvent(step, index, path_there, prompt, seed + index)


def _asked(config: Path) -> tuple[list[str], int]:
    """Return the prompts of the samples and the seed of the first, as the job was written."""
    try:
        with config.open("rb") as file:
            told = json.loads(file.read(_LARGEST_CONFIG))
        sample = told["config"]["process"][0]["sample"]
        return [str(prompt) for prompt in sample["prompts"]], int(sample["seed"])
    except (OSError, ValueError, RecursionError, KeyError, IndexError, TypeError):
        return [], 0


def _files_in(folder: Path) -> Iterator[Path]:
    """Yield the plain files of a folder, at most so many."""
    try:
        with_links = sorted(folder.iterdir())[: 4 * MOST_FILES]
    except OSError:
        return
    yield from (path for path in with_links if path.is_file() and not path.is_symlink())


def _thinned(losses: dict[int, float]) -> tuple[tuple[int, float], ...]:
    """Return every n-th step's loss, so many at most."""
    stride = 1 + max(losses, default=0) // MOST_LOSSES
    return tuple((step, losses[step]) for step in sorted(losses) if step % stride == 0)


def _oom_words(oom: re.Match[str]) -> str:
    return (
        f"The GPU's memory was full, so one step was left out ({oom[1]} of {oom[2]} in a row). "
        "Smaller sizes or a smaller batch need less."
    )
