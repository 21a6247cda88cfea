"""The jobs of this computer: which wait, which train, which have ended; one at a time on each GPU.

Everything is told by files and locks, so that an app that was closed or killed finds at its next
start what it left. Nothing runs in between: whoever asks how a job stands moves the queue on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from fluxlora_desktop.backends.local.events import EventReader, Told
from fluxlora_desktop.backends.local.files import (
    read_json,
    remove_folder,
    storage_errors,
    sync_folder,
)
from fluxlora_desktop.backends.local.job import IMAGES, JOB, safe_name
from fluxlora_desktop.backends.local.notes import NOTE, Note, Wish, read_note, write_note
from fluxlora_desktop.backends.local.process import LOG, Program, Starter
from fluxlora_desktop.domain.errors import EngineBusy

OUT, STOP, RESULT, EVENTS = "out", "stop", "result.json", "events.jsonl"
MOST_FRUITLESS = 3
"""How often in a row a trainer that died is started again without getting further."""
CANCEL_GRACE, PAUSE_GRACE = timedelta(seconds=30), timedelta(minutes=5)
"""How long a trainer may take to stop by itself; a step and a checkpoint take less."""
_PART = ".part"
_TOLD_CODES = frozenset({10, 11, 12, 13, 20})
_LONGEST_REASON = 2000

ProgramOf = Callable[[Path, Note], Program]


class Reader(Protocol):
    """Reads what a job's trainer tells; each `read` goes on where the last one stopped."""

    def read(self) -> Told:
        """Return everything that was told so far."""


ReaderOf = Callable[[Path], Reader]


def events_of(job: Path) -> Reader:
    """Return a reader of a job's events, as the app's own trainer writes them."""
    return EventReader(job / OUT / EVENTS)


class Standing(StrEnum):
    """How a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    ENDED = "ended"
    GAVE_UP = "gave up"


@dataclass(frozen=True, slots=True)
class Result:
    """How a trainer says that it ended; `code` is its exit code."""

    status: str
    code: int
    reason: str = ""
    sha256: str = ""
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it stands: its folder's name is the mark of its launch."""

    nonce: str
    folder: Path
    note: Note
    standing: Standing
    told: Told
    result: Result | None = None

    @property
    def out(self) -> Path:
        """Return the folder of what the trainer makes."""
        return self.folder / OUT

    @property
    def begun(self) -> bool:
        """Tell whether a trainer has said anything yet."""
        return self.told.last_ts is not None

    @property
    def last_checkpoint(self) -> int:
        """Return the step of the last checkpoint, 0 for none."""
        return self.told.checkpoints[-1].step if self.told.checkpoints else 0


class LocalQueue:
    """May be used by any thread. Each backend that trains here offers how its jobs are started."""

    def __init__(
        self,
        jobs: Path,
        *,
        gpus: Callable[[str], Sequence[int]],
        free_gpu: Callable[[int], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._jobs, self._gpus, self._free_gpu, self._now = jobs, gpus, free_gpu, now
        self._programs: dict[str, ProgramOf] = {}
        self._readers_of: dict[str, ReaderOf] = {}
        self._readers: dict[str, Reader] = {}
        self._starter = Starter()
        self._lock = threading.RLock()

    def offer(self, kind: str, program_of: ProgramOf, reader_of: ReaderOf = events_of) -> None:
        """Say how the jobs of a backend are started, and who reads what they tell.

        `program_of` may raise `AppError` while they cannot be started.
        """
        self._programs[kind], self._readers_of[kind] = program_of, reader_of

    def folder(self, nonce: str) -> Path:
        """Return where a job lies, or would lie."""
        return self._jobs / safe_name(nonce)

    def staging(self, nonce: str) -> Path:
        """Return where a job is put together before it is one."""
        return self._jobs / f"{safe_name(nonce)}{_PART}"

    def add(self, nonce: str, note: Note) -> None:
        """Make a job of what was put together: from one moment to the next it is there, in order.

        A job that is there already is left as it is. Raises `StorageError`.
        """
        target, part = self.folder(nonce), self.staging(nonce)
        with self._lock, storage_errors(target):
            if target.exists():
                return
            write_note(part, note)
            (part / OUT).mkdir(exist_ok=True)
            part.rename(target)
            sync_folder(self._jobs)

    def discard(self, nonce: str) -> None:
        """Delete what was put together and is no job; silent when it is gone."""
        remove_folder(self.staging(nonce))

    def job(self, nonce: str) -> Job | None:
        """Return how a job stands, None where there is none."""
        with self._lock:
            folder = self.folder(nonce)
            note = read_note(folder)
            return None if note is None else self._seen(folder, note)

    def jobs(self) -> tuple[Job, ...]:
        """Return every job, the one that was ordered first at the front."""
        with self._lock:
            if not self._jobs.is_dir():
                return ()
            found = []
            for folder in self._jobs.iterdir():
                if folder.name.endswith(_PART) or not (folder / NOTE).is_file():
                    continue
                note = read_note(folder)
                if note is not None:
                    found.append(self._seen(folder, note))
            return tuple(sorted(found, key=lambda job: (job.note.created_at, job.nonce)))

    def _seen(self, folder: Path, note: Note) -> Job:
        out = folder / OUT
        reader = self._readers.get(folder.name)
        if reader is None:
            reader = self._readers_of.get(note.kind, events_of)(folder)
            self._readers[folder.name] = reader
        lives = self._starter.lives(out)  # before the result is read: it is written before the end
        told, result = reader.read(), read_result(out)
        if result is None and not lives:
            result = self._untold_result(out, told)
        job = Job(folder.name, folder, note, Standing.WAITING, told, result)
        return replace(job, standing=_standing(job, lives=lives))

    def _untold_result(self, out: Path, told: Told) -> Result | None:
        """Return how a trainer ended that wrote no result but left with a code of its own."""
        code = self._starter.code(out)
        if code not in _TOLD_CODES:
            return None
        return Result("failed", code, told.error.says if told.error else "")

    def busy(self) -> bool:
        """Tell whether a training holds a GPU now."""
        return any(job.standing is Standing.RUNNING for job in self.jobs())

    def move_on(self) -> None:
        """Start what waits where a GPU is free, and end what was to stop and does not."""
        with self._lock:
            jobs = self.jobs()
            for job in jobs:
                if job.standing is Standing.RUNNING and self._overdue(job.note):
                    self._starter.end(job.out)
            running = [job for job in jobs if job.standing is Standing.RUNNING]
            taken = {job.note.gpu or 0 for job in running}
            for job in jobs:
                if job.standing is not Standing.WAITING or job.note.kind not in self._programs:
                    continue
                free = [gpu for gpu in self._gpus(job.note.base) if gpu not in taken]
                if free:
                    taken.add(free[0])
                    self._start(job, free[0])

    def _overdue(self, note: Note) -> bool:
        if note.wish is Wish.NONE or note.wished_at is None:
            return False
        grace = CANCEL_GRACE if note.wish is Wish.CANCEL else PAUSE_GRACE
        return self._now() - note.wished_at > grace

    def _start(self, job: Job, gpu: int) -> None:
        """Start a trainer; the note says so before it happens."""
        note = replace(
            job.note,
            starts=job.note.starts + 1,
            fruitless=_fruitless(job),
            step=job.last_checkpoint,
            gpu=gpu,
        )
        try:
            program = self._programs[note.kind](job.folder, note)
        except EngineBusy:
            return  # it is being updated: the job goes on waiting
        with storage_errors(job.folder):
            for left in (job.folder / STOP, job.out / RESULT):
                left.unlink(missing_ok=True)
            write_note(job.folder, note)
        self._free_gpu(gpu)
        try:
            self._starter.start(program, job.out)
        except OSError as error:
            with storage_errors(job.out), (job.out / LOG).open("a") as log:
                log.write(f"The trainer could not be started: {error}\n")

    def ask(self, nonce: str, wish: Wish) -> bool:
        """Ask a job to pause or to stop for good; False where there is no such job.

        What has ended stays as it is.
        """
        with self._lock:
            job = self.job(nonce)
            if job is None:
                return False
            if job.standing in {Standing.ENDED, Standing.CANCELLED, Standing.GAVE_UP}:
                return True
            if job.note.wish is wish:
                return True
            with storage_errors(job.folder):
                write_note(job.folder, job.note.with_wish(wish))
                (job.folder / STOP).touch()
            return True

    def go_on(self, nonce: str) -> bool:
        """Let a job that was paused, or that failed, wait for its turn again.

        False where there is nothing to go on with.
        """
        with self._lock:
            job = self.job(nonce)
            if job is None or not (job.folder / JOB).is_file():
                return False
            if not (job.folder / IMAGES).is_dir():  # a person deleted what it was trained on
                return False
            if job.standing is Standing.ENDED and job.result and job.result.status == "done":
                return False
            if job.standing is Standing.RUNNING and job.note.wish is Wish.CANCEL:
                return False
            with storage_errors(job.folder):
                if job.standing is not Standing.RUNNING:
                    (job.out / RESULT).unlink(missing_ok=True)
                    self._starter.forget(job.out)
                (job.folder / STOP).unlink(missing_ok=True)
                fresh = replace(job.note.with_wish(Wish.NONE), starts=0, fruitless=0)
                write_note(job.folder, fresh)
            return True


def read_result(out: Path) -> Result | None:
    """Return what a trainer wrote last, None where it wrote nothing that can be read."""
    said = read_json(out / RESULT)
    if said is None or said.get("v") != 1:
        return None
    status, code, steps = said.get("status"), said.get("code"), said.get("steps")
    if status not in {"done", "stopped", "failed", "deadline"}:
        return None
    return Result(
        status,
        code if isinstance(code, int) else 1,
        str(said.get("reason") or "")[:_LONGEST_REASON],
        str(said.get("sha256") or ""),
        steps if isinstance(steps, int) else None,
    )


def _standing(job: Job, *, lives: bool) -> Standing:
    if lives:
        return Standing.RUNNING
    if job.result is not None and job.result.status != "stopped":
        return Standing.ENDED
    if job.note.wish is Wish.CANCEL:
        return Standing.CANCELLED
    if job.note.wish is Wish.PAUSE:
        return Standing.PAUSED
    return Standing.GAVE_UP if _fruitless(job) > MOST_FRUITLESS else Standing.WAITING


def _fruitless(job: Job) -> int:
    """Return how many starts in a row would have made no later checkpoint, with the next one."""
    if not job.note.starts or job.last_checkpoint > job.note.step:
        return 0
    return job.note.fruitless + 1
