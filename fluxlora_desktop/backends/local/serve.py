"""The program that makes pictures on this computer: started when asked, then kept warm.

It reads one JSON object a line and answers in lines, one order after another (`trainer --serve`).
What it says is taken without trust: lines have a longest length, few are kept, and what is no
object is passed over. It ends with the app, when nobody asked it for a while, and when a training
wants the graphics card.
"""

from __future__ import annotations

import json
import logging
import secrets
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

from fluxlora_desktop.backends.local.answers import object_in
from fluxlora_desktop.backends.local.leash import Leash, apart
from fluxlora_desktop.backends.local.process import Program
from fluxlora_desktop.domain.errors import (
    EngineBusy,
    EngineStopped,
    JobCancelled,
)
from fluxlora_desktop.domain.ports import JobContext

LONGEST_LINE = 1_000_000
"""Of what the program says, in bytes; the longest that it has to say is its hello."""
BUSY = "A training uses the graphics card. It is made as soon as that is over."
_NO_START, _ANEW = "The engine does not start.", "Set it up anew."
_TWICE = "It stopped before as well. A smaller size may fit the graphics card."
_MOST_LINES = 500
_LAST_WORDS = 4000
_LOOK_S = 0.05
_LEAVES_S = 2.0
_CRASHES = 2
_ENDS = frozenset({"picture", "error"})
_log = logging.getLogger(__name__)

Said = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Waits:
    """How long is waited, in seconds.

    `start`: until it says hello, which needs PyTorch read from a cold disk. `cancel`: until it has
    stopped an order; it looks between two steps. `idle`: until it is ended, unasked.
    """

    start: float = 300.0
    cancel: float = 60.0
    idle: float = 600.0


class Painter:
    """The warm program; any thread may use it, one order is made at a time.

    `program` is asked at each start. A program that was started with another environment, such as
    another token, is replaced before the next order.
    """

    def __init__(self, program: Callable[[], Program], waits: Waits | None = None) -> None:
        self._program, self._waits = program, waits or Waits()
        self._turn = threading.Lock()
        self._changing = threading.RLock()
        self._child: _Child | None = None
        self._idle: threading.Timer | None = None
        self._crashes = 0
        self._closed = False

    @property
    def process_id(self) -> int | None:
        """The id of the program while it lives."""
        child = self._child
        return child.process.pid if child is not None and child.lives else None

    def ask(
        self, order: Mapping[str, object], hear: Callable[[Said], None], ctx: JobContext
    ) -> Said:
        """Return the end of an order, an event `picture` or `error`; `hear` gets those before.

        Raises `JobCancelled`, `EngineStopped` when the program ended in the middle, `EngineBusy`
        when `free` ended it. It is `lasting` when the program does not start at all, or ended more
        than once in a row.
        """
        with self._next(ctx):
            child = self._warm(hear, ctx)
            order_id = secrets.token_hex(8)
            try:
                child.send({"id": order_id, "do": "generate", **order})
                end = self._answer(child, order_id, hear, ctx)
            except _Ended as ended:
                raise self._lost(child, ended) from None
            self._crashes = 0
            return end

    def free(self) -> None:
        """Let go of the graphics card: end the program, whatever it does, and wait until it has."""
        with self._changing:
            self._end("wanted")

    def rest(self, reason: str) -> bool:
        """End the program where it rests; False, and nothing is done, while it makes a picture."""
        if not self._turn.acquire(blocking=False):
            return False
        try:
            self.end_if(reason)
        finally:
            self._turn.release()
        return True

    def close(self) -> None:
        """End the program for good; who waits for a picture is cancelled."""
        with self._changing:
            self._closed = True
            self._end("closed")

    def end_if(self, reason: str) -> None:
        """End the program after an order, so that the next one gets a new one."""
        with self._changing:
            _log.info("the program for pictures is ended: %s", reason)
            self._end("")

    def _end(self, why: str) -> None:
        self._stop_timer()
        child, self._child = self._child, None
        if child is not None:
            child.end(why)

    @contextmanager
    def _next(self, ctx: JobContext) -> Iterator[None]:
        """Wait for the turn of an order, and let the program rest after it."""
        while not self._turn.acquire(timeout=_LOOK_S):
            ctx.check()
        try:
            ctx.check()
            with self._changing:
                self._stop_timer()
            yield
        finally:
            self._turn.release()
            self._start_timer()

    def _warm(self, hear: Callable[[Said], None], ctx: JobContext) -> _Child:
        """Return the program, ready for an order: the one that runs, or a new one."""
        program = self._program()
        with self._changing:
            child = self._child
            if child is not None and (not child.lives or child.program != program):
                self._end("")
        if child is self._child and child is not None and self._is_free(child, ctx):
            return child
        hear({"event": "stage", "name": "starting"})
        return self._start(program, ctx)

    def _is_free(self, child: _Child, ctx: JobContext) -> bool:
        """Wait until the program has stopped what was cancelled; end one that does not."""
        until = time.monotonic() + self._waits.cancel
        while child.owes and time.monotonic() < until:
            ctx.check()
            try:
                said = child.next(_LOOK_S)
            except _Ended:
                break
            if said is not None and said.get("id") == child.owes and said.get("event") in _ENDS:
                child.owes = ""
        if child.owes:
            self.end_if("it did not stop a picture")
        return not child.owes and child.lives

    def _start(self, program: Program, ctx: JobContext) -> _Child:
        with self._changing:
            if self._closed:
                raise JobCancelled
            try:
                child = self._child = _Child(program)
            except OSError as error:
                words = f"The engine does not start: {error.strerror}."
                raise EngineStopped(words, lasting=True) from error
        until = time.monotonic() + self._waits.start
        try:
            while time.monotonic() < until:
                ctx.check()
                said = child.next(_LOOK_S)
                if said is not None and said.get("event") == "hello":
                    return child
        except JobCancelled:
            self.end_if("it was not wanted any more")
            raise
        except _Ended as ended:
            if ended.why or child.ended_for:
                raise self._lost(child, ended) from None
        self.end_if("it did not start")
        raise EngineStopped(_NO_START, _ANEW, log_tail=child.last_words, lasting=True)

    def _answer(
        self, child: _Child, order_id: str, hear: Callable[[Said], None], ctx: JobContext
    ) -> Said:
        while True:
            try:
                ctx.check()
            except JobCancelled:
                child.owes = order_id
                with suppress(_Ended):
                    child.send({"do": "cancel", "id": order_id})
                raise
            said = child.next(_LOOK_S)
            if said is None or said.get("id") != order_id:
                continue
            if said.get("event") in _ENDS:
                return said
            hear(said)

    def _lost(self, child: _Child, ended: _Ended) -> Exception:
        """Return what to raise when the program ended, or was ended, in the middle."""
        if not ended.why and not child.ended_for:
            child.wait()
        with self._changing:
            if self._child is child:
                self._end("")
            else:
                child.end("")
        if child.ended_for == "closed":
            return JobCancelled()
        if child.ended_for == "wanted":
            return EngineBusy(BUSY)
        self._crashes += 1
        words = f"The engine stopped while it made this: {ended.why or child.how_it_ended}."
        _log.warning("%s Its last words: %r", words, child.last_words)
        if self._crashes < _CRASHES:
            return EngineStopped(words, "Try again.", log_tail=child.last_words)
        self._crashes = 0
        return EngineStopped(words, _TWICE, log_tail=child.last_words, lasting=True)

    def _start_timer(self) -> None:
        with self._changing:
            self._stop_timer()
            if self._child is not None:
                self._idle = threading.Timer(self._waits.idle, self._on_idle)
                self._idle.daemon = True
                self._idle.start()

    def _stop_timer(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _on_idle(self) -> None:
        self.rest("nobody asked it for a while")


class _Ended(Exception):
    """The program ended, or has to be: `why` in words, "" for its exit code to tell."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why)
        self.why = why


class _Child:
    """One program and what it said; read by a thread of its own, its errors by another."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.owes = ""
        self.ended_for = ""
        self._lines: deque[Said] = deque(maxlen=_MOST_LINES)
        self._words: deque[bytes] = deque(maxlen=64)
        self._changed = threading.Condition()
        self._over = False
        self._why = ""
        self.process = subprocess.Popen(  # noqa: S603  the engine's interpreter and our own program
            program.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=program.folder,
            env=dict(program.environment),
            close_fds=True,
            **apart(),
        )
        self._leash = Leash(self.process)
        self._readers = [
            threading.Thread(target=read, args=(pipe,), name=name, daemon=True)
            for read, pipe, name in (
                (self._read, self.process.stdout, "pictures: answers"),
                (self._drain, self.process.stderr, "pictures: errors"),
            )
        ]
        for reader in self._readers:
            reader.start()

    @property
    def lives(self) -> bool:
        return self.process.poll() is None and not self._over

    @property
    def last_words(self) -> str:
        """The end of what it wrote into its log, once it has ended."""
        return b"".join(list(self._words))[-_LAST_WORDS:].decode(errors="replace").strip()

    @property
    def how_it_ended(self) -> str:
        code = self.process.returncode
        if code is not None and code < 0:
            return "the system ended it, perhaps for want of memory"
        return f"it left with code {code}"

    def send(self, order: Mapping[str, object]) -> None:
        """Send a line; raises `_Ended` when nobody takes it."""
        assert self.process.stdin is not None
        left = memoryview(json.dumps(order).encode() + b"\n")
        try:
            while left:
                left = left[self.process.stdin.write(left) :]
        except (OSError, ValueError) as error:
            raise _Ended from error

    def next(self, seconds: float) -> Said | None:
        """Return what it said next, None when it said nothing for so long; raises `_Ended`."""
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._over, seconds)
            if self._lines:
                return self._lines.popleft()
            if self._over:
                raise _Ended(self._why)
            return None

    def wait(self) -> None:
        """Let a program that is about to leave do so, so that its exit code is its own."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_LEAVES_S)

    def end(self, why: str) -> None:
        """End the program at once; `why` is kept for whoever waits for it."""
        self.ended_for = self.ended_for or why
        self._leash.end()
        for reader in self._readers:
            reader.join(5.0)  # what it started may hold the pipes a moment longer
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _read(self, pipe: IO[bytes]) -> None:
        why = ""
        with suppress(OSError, ValueError):
            buffered = _Lines(pipe)
            while line := buffered.next():
                if len(line) > LONGEST_LINE:
                    why = "it said more than it may"
                    break
                said = object_in(line)
                if said is not None:
                    self._hear(said)
        with self._changed:
            self._over, self._why = True, why
            self._changed.notify_all()

    def _hear(self, said: Said) -> None:
        with self._changed:
            self._lines.append(said)
            self._changed.notify_all()

    def _drain(self, pipe: IO[bytes]) -> None:
        with suppress(OSError, ValueError):
            while piece := pipe.read(1024):
                self._words.append(piece)


class _Lines:
    """Cuts a pipe into lines; one that is too long is given as it is, not to its end."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe, self._rest = pipe, b""

    def next(self) -> bytes:
        while b"\n" not in self._rest and len(self._rest) <= LONGEST_LINE:
            piece = self._pipe.read(65_536)
            if not piece:
                break
            self._rest += piece
        line, mark, self._rest = self._rest.partition(b"\n")
        return line + mark
