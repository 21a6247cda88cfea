"""Have strangers' files read by a worker process, so that a hostile one ends only the worker.

A crash, a limit or a hang becomes a reason in words, and the next file gets a new worker. Workers
are kept for the next file, since a start takes longer than most photos do.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from fluxlora_desktop.domain.datasets import FaceBox, PhotoFacts
from fluxlora_desktop.domain.edits import PLAIN, Edits
from fluxlora_desktop.domain.errors import (
    AccessDenied,
    DiskFull,
    JobCancelled,
    StorageError,
    UnreadablePhoto,
)
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop

if sys.platform == "win32":
    import _winapi
    import msvcrt

WORKER_FLAG: Final = "--photo-worker"
START_S: Final = 60.0
WALL_S: Final = 20.0
MOST_WORKERS: Final = 2
UNSAFE: Final = "it could not be read safely"
_LONGEST_ANSWER: Final = 4 * 1024 * 1024
"""Of bytes: two prompts of 100,000 letters have at most 2.4 million as JSON."""
_LAST_WORDS: Final = 2000
_LOOK_S: Final = 0.01
# What a worker needs of the variables here; tokens are in none of these.
_PASSED_ON: Final = frozenset(
    [
        *("PATH", "PYTHONPATH", "PYTHONUTF8", "SYSTEMROOT", "WINDIR"),
        *("TEMP", "TMP", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE"),
    ]
)
_log = logging.getLogger(__name__)


class WorkerEnded(Exception):
    """A worker ended, or was ended, without an answer; `why` says it in words."""

    def __init__(self, why: str, code: int | None = None) -> None:
        super().__init__(f"{why} (exit code {code})")
        self.why = why
        self.code = code


@dataclass(frozen=True, slots=True)
class Program:
    """How a worker is started, and how many seconds it may take to start and for each file."""

    command: tuple[str, ...] = ()
    start_s: float = START_S
    wall_s: float = WALL_S


class PhotoWorkers:
    """Up to two worker processes, started when needed; safe to use from several threads."""

    def __init__(self, *, most: int = MOST_WORKERS, program: Program | None = None) -> None:
        self._program = program or Program()
        self._places = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._closed = False
        self.ended = 0
        """How many workers ended, or were ended, in the middle of a file."""

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer of a worker.

        Raises `WorkerEnded`, and `JobCancelled` once the workers are closed.
        """
        with self._places:
            while True:
                worker, kept = self._take()
                try:
                    answer = worker.ask(question)
                except WorkerEnded as error:
                    self._drop(worker)
                    if kept and error.code == 0:  # it left, idle, in the same moment
                        continue
                    self._note(error, worker)
                    raise
                self._put_back(worker)
                return answer

    def start_ahead(self) -> None:
        """Start a worker where none is idle and there is room for one; raises like `ask`."""
        if self._places.acquire(blocking=False):
            try:
                worker, _kept = self._take()
                self._put_back(worker)
            finally:
                self._places.release()

    def close(self) -> None:
        """End all workers at once; whoever waits for an answer is cancelled."""
        with self._lock:
            self._closed = True
            busy, idle = list(self._busy), list(self._idle)
            self._idle.clear()
        for worker in (*busy, *idle):
            worker.kill()
        for worker in idle:
            worker.end()

    def processes(self) -> tuple[int, ...]:
        """Return the process ids of the workers that are there."""
        with self._lock:
            return tuple(worker.process.pid for worker in (*self._idle, *self._busy))

    def _take(self) -> tuple[_Worker, bool]:
        """Return a worker, and whether it was kept from before."""
        while True:
            with self._lock:
                if self._closed:
                    raise JobCancelled
                worker = self._idle.pop() if self._idle else None
                if worker is not None:
                    self._busy.add(worker)
            if worker is None:
                return self._start(), False
            if worker.process.poll() is None:
                return worker, True
            self._drop(worker)

    def _start(self) -> _Worker:
        worker = _Worker(self._program)
        with self._lock:
            self._busy.add(worker)
        try:
            worker.wait_until_ready()
        except WorkerEnded as error:
            self._drop(worker)
            self._note(error, worker)
            raise
        except BaseException:
            self._drop(worker)
            raise
        return worker

    def _put_back(self, worker: _Worker) -> None:
        with self._lock:
            self._busy.discard(worker)
            if not self._closed:
                self._idle.append(worker)
                return
        worker.end()

    def _drop(self, worker: _Worker) -> None:
        with self._lock:
            self._busy.discard(worker)
        worker.end()

    def _note(self, error: WorkerEnded, worker: _Worker) -> None:
        with self._lock:
            if self._closed:
                raise JobCancelled from error
            self.ended += 1
        _log.info("a photo worker ended: %s; its last words: %r", error, worker.last_words)


class GuardedPhotoWorkshop(PillowPhotoWorkshop):
    """Photos are developed by a worker (`PhotoWorkshop`); our own copies are packaged here.

    Faces are asked for apart: where the detector, a native library, ends its worker or does not
    load, photos come in all the same, and it is not asked again before the next start.
    """

    def __init__(self, workers: PhotoWorkers) -> None:
        self._workers = workers
        self._blind = False

    def develop(
        self, original: Path, *, working: Path, thumb: Path, edits: Edits = PLAIN
    ) -> PhotoFacts:
        """Write the working copy and the thumbnail of an original, edited, and measure it.

        Raises `UnreadablePhoto`, also when the worker did not survive the file; `StorageError`.
        """
        question = {
            "do": "develop",
            "original": str(original.absolute()),
            "working": str(working.absolute()),
            "thumb": str(thumb.absolute()),
            "edits": edits.as_json(),
        }
        return self._ask(question, original, working, thumb)

    def measure(self, original: Path) -> PhotoFacts:
        """Measure an original and write nothing.

        Raises `UnreadablePhoto`, also when the worker did not survive the file.
        """
        return self._ask({"do": "measure", "original": str(original.absolute())}, original)

    def _ask(self, question: Mapping[str, Any], original: Path, *targets: Path) -> PhotoFacts:
        try:
            answer = self._workers.ask(question)
            if "unreadable" in answer:
                raise UnreadablePhoto(original, str(answer["unreadable"]))
            raise_storage(answer)
            return _facts(answer)
        except WorkerEnded as error:
            sweep(*targets)
            raise UnreadablePhoto(original, error.why) from error

    def sees_faces(self) -> bool:
        """Tell whether the optional detector of faces is there, and has not failed so far."""
        return not self._blind and super().sees_faces()

    def find_faces(self, working: Path) -> tuple[FaceBox, ...] | None:
        """Return where faces are in a working copy; None where nothing could look."""
        if not self.sees_faces():
            return None
        try:
            answer = self._workers.ask({"do": "find_faces", "working": str(working.absolute())})
            if "unreadable" in answer or "storage" in answer:
                return None
            found = _faces(answer)
        except WorkerEnded as error:
            _log.warning("the detector of faces failed: %s", error)
            found = None
        self._blind = self._blind or found is None
        return found

    def make_ready(self) -> None:
        """Start a worker for photos to come; says nothing when none starts, the photos will."""
        try:
            self._workers.start_ahead()
        except WorkerEnded as error:
            _log.info("no photo worker started ahead: %s", error)

    def glimpse(self, original: Path, thumb: Path) -> bool:
        """Write a first thumbnail of a JPEG before it is developed; False for other formats."""
        places = {"original": str(original.absolute()), "thumb": str(thumb.absolute())}
        try:
            answer = self._workers.ask({"do": "glimpse", **places})
        except WorkerEnded as error:
            sweep(thumb)
            raise UnreadablePhoto(original, error.why) from error
        if "unreadable" in answer:
            raise UnreadablePhoto(original, str(answer["unreadable"]))
        raise_storage(answer)
        return answer.get("glimpsed") is True


class _Worker:
    """One worker process; used by one thread at a time, killed by any."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed by end()
        self.last_words = ""
        self.process = subprocess.Popen(  # noqa: S603  our own program, arguments as a list
            program.command or _command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            cwd=tempfile.gettempdir(),
            env=_environment(),
            close_fds=True,
            **_apart(),
        )

    def wait_until_ready(self) -> None:
        self._read(self._program.start_s, "the part of the app that reads photos did not start")

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        line = json.dumps(question).encode() + b"\n"
        try:
            assert self.process.stdin is not None
            write_all(self.process.stdin, line)
        except OSError as error:
            raise WorkerEnded(UNSAFE, self._code()) from error
        seconds = self._program.wall_s
        return self._read(seconds, f"{UNSAFE}: it took longer than {seconds:.0f} seconds")

    def kill(self) -> None:
        self.process.kill()

    def end(self) -> None:
        """Kill the process if it lives, and let go of what belongs to it."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        if not self._errors.closed:
            self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - _LAST_WORDS))
            self.last_words = self._errors.read().decode(errors="replace")
            self._errors.close()

    def _read(self, seconds: float, too_long: str) -> dict[str, Any]:
        assert self.process.stdout is not None
        until, line = time.monotonic() + seconds, b""
        while not line.endswith(b"\n"):
            if not _wait_for(self.process.stdout, until):
                raise WorkerEnded(too_long)
            piece = self.process.stdout.read(_LONGEST_ANSWER)
            if not piece:
                raise WorkerEnded(UNSAFE, self._code())
            line += piece
            if len(line) > _LONGEST_ANSWER:
                raise WorkerEnded(UNSAFE)
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise WorkerEnded(UNSAFE) from error
        if not isinstance(answer, dict):
            raise WorkerEnded(UNSAFE)
        return answer

    def _code(self) -> int | None:
        try:
            return self.process.wait(1.0)
        except subprocess.TimeoutExpired:
            return None


def _wait_for(stream: Any, until: float) -> bool:
    """Wait until a pipe holds something or has ended; False when the time is over."""
    if sys.platform == "win32":  # only sockets can be selected there
        handle = msvcrt.get_osfhandle(stream.fileno())
        while time.monotonic() < until:
            try:
                if _winapi.PeekNamedPipe(handle, 0)[0]:
                    return True
            except OSError:
                return True
            threading.Event().wait(_LOOK_S)
        return False
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        return bool(selector.select(max(0.0, until - time.monotonic())))


def write_all(stream: BinaryIO | Any, data: bytes) -> None:
    """Write all bytes, also where the system takes a part at a time."""
    left = memoryview(data)
    while left:
        left = left[stream.write(left) :]


def _facts(answer: Mapping[str, Any]) -> PhotoFacts:
    try:
        found = answer["facts"]
        return PhotoFacts(
            format=str(found["format"]),
            width=int(found["width"]),
            height=int(found["height"]),
            pixel_sha256=str(found["pixel_sha256"]),
            dhash=int(found["dhash"]),
            sharpness=float(found["sharpness"]),
            clipped=float(found["clipped"]),
            midtones=float(found["midtones"]),
            notes=tuple(map(str, found["notes"])),
            measured=int(found["measured"]),
            focus=float(found["focus"]),
            detail=float(found["detail"]),
            contrast=float(found["contrast"]),
            noise=float(found["noise"]),
            brightest=float(found["brightest"]),
            blown=float(found["blown"]),
            bars=_four(found["bars"]),
            layout=bytes.fromhex(found["layout"]).hex(),
        )
    except (LookupError, TypeError, ValueError) as error:
        raise WorkerEnded(UNSAFE) from error


def _faces(answer: Mapping[str, Any]) -> tuple[FaceBox, ...] | None:
    try:
        found = answer["faces"]
        return None if found is None else tuple(map(_four, found))
    except (LookupError, TypeError, ValueError) as error:
        raise WorkerEnded(UNSAFE) from error


def _four(values: Any) -> tuple[float, float, float, float]:
    left, top, right, bottom = map(float, values)
    return left, top, right, bottom


def raise_storage(answer: Mapping[str, Any]) -> None:
    """Raise what a worker told of the disk."""
    if "storage" not in answer:
        return
    path, detail = Path(str(answer.get("path", ""))), str(answer.get("detail", ""))
    match answer["storage"]:
        case "full":
            raise DiskFull(path)
        case "denied":
            raise AccessDenied(path, detail)
        case _:
            raise StorageError(path, detail)


def sweep(*targets: Path) -> None:
    """Take away what a worker that died left half written."""
    for target in targets:
        target.with_name(target.name + ".part").unlink(missing_ok=True)


def _command() -> tuple[str, ...]:
    if getattr(sys, "frozen", False):
        return (sys.executable, WORKER_FLAG)
    return (sys.executable, "-P", "-m", "fluxlora_desktop.imaging.worker")


def _environment() -> dict[str, str]:
    """Return the few variables that a worker gets, and what keeps its libraries small."""
    kept = {name: value for name, value in os.environ.items() if name.upper() in _PASSED_ON}
    if not getattr(sys, "frozen", False):
        ours = str(Path(__file__).resolve().parents[2])
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, (ours, kept.get("PYTHONPATH"))))
    return {
        **kept,
        "PYINSTALLER_RESET_ENVIRONMENT": "1",
        "MALLOC_ARENA_MAX": "2",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def _apart() -> dict[str, Any]:
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS
        return {"creationflags": flags}
    return {"start_new_session": True}
