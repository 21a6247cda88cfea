"""The program that makes pictures and stays: a JSON request a line in, JSON lines out.

`generate` makes a picture, `cancel` stops one between two steps, `forget` frees the memory, `quit`
or the end of the input ends the program. Requests are done in the order in which they came. Only
answers go to the real stdout; what libraries print goes to stderr.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO, TextIO

from . import exits
from .exits import BadInput, Stopped, TrainerError
from .order import LONGEST, Order, id_of, parse_line, parse_order

Request = dict[str, Any]
GRACE = 10.0
"""Seconds from the end of the input to that of the program, whatever it is about: a base that is
being loaded, or a GPU that does not answer, hears of nothing."""


def main() -> int:
    """Serve the process' own pipes until they end, and return the exit code."""
    answers = _own_stdout()
    server = Server(sys.stdin.buffer, answers, leave=_leave)
    code = server.run()
    if server.reads:
        # Nobody listens, yet the input is open: Python would wait for its reader, or abort.
        os._exit(code)
    answers.close()
    return code


def _leave() -> None:
    """End the process when the grace is over, if it has not ended by then."""
    end = threading.Timer(GRACE, os._exit, [exits.DONE])
    end.daemon = True
    end.start()


def _own_stdout() -> TextIO:
    """Return a stream to what stdout was, and let everything else that prints go to stderr."""
    kept = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return open(kept, "w", encoding="utf-8", newline="\n")  # noqa: PTH123 - it is a handle


class Server:
    """Reads requests in a thread of its own, so that a cancel is heard while a picture is made."""

    def __init__(
        self,
        requests: BinaryIO,
        answers: TextIO,
        studio: Any = None,
        leave: Callable[[], None] | None = None,
    ) -> None:
        self._requests, self._answers = requests, answers
        self._waiting: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._cancelled: set[str] = set()
        self._known: set[str] = set()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._studio = studio
        self._leave = leave
        self._reader = threading.Thread(target=self._read, daemon=True)

    @property
    def reads(self) -> bool:
        """Return whether it still waits for the input to go on."""
        self._reader.join(1.0)
        return self._reader.is_alive()

    def run(self) -> int:
        """Serve until a quit or the end of the input."""
        from .probe import probe

        self._say(event="hello", **probe())
        # What the libraries made as they were imported stays; to look through it takes a second.
        gc.freeze()
        self._reader.start()
        while (request := self._waiting.get()) is not None:
            self._answer(request)
        return exits.DONE

    def _read(self) -> None:
        try:
            while line := self._requests.readline(LONGEST + 1):
                if not line.endswith(b"\n") and len(line) > LONGEST:
                    break
                if line.strip() and not self._take(line):
                    break
        finally:
            self._over.set()
            self._waiting.put(None)
            if self._leave is not None:
                self._leave()

    def _take(self, line: bytes) -> bool:
        """Take a request in; False for the last one."""
        try:
            request = parse_line(line)
        except BadInput as error:
            self._waiting.put({"do": "", "says": error})
            return True
        name = id_of(request)
        if request.get("do") == "quit":
            return False
        if request.get("do") == "cancel":
            with self._lock:
                if name in self._known:
                    self._cancelled.add(name)
            return True
        with self._lock:
            self._known.add(name)
        self._waiting.put(request)
        return True

    def _answer(self, request: Request) -> None:
        name = id_of(request)
        try:
            self._do(name, request)
        except TrainerError as error:
            self._fail(name, error)
        except Exception as error:  # noqa: BLE001 - one request's trouble must not end the program
            traceback.print_exc()
            self._fail(name, _explained(error))
        finally:
            with self._lock:
                self._known.discard(name)
                self._cancelled.discard(name)

    def _do(self, name: str, request: Request) -> None:
        match request.get("do"):
            case "generate":
                self._generate(parse_order(request))
            case "forget":
                if self._studio is not None:
                    self._studio.forget()
                self._say(id=name, event="forgotten")
            case "":
                raise request["says"]
            case other:
                says = f"The request asks for {json.dumps(other)[:80]}, which is not known."
                raise BadInput(says, "Update the engine.")

    def _generate(self, order: Order) -> None:
        def check() -> None:
            with self._lock:
                stopped = order.id in self._cancelled or self._over.is_set()
            if stopped:
                raise Stopped("Stopped as asked.")

        def tell(event: str, **values: object) -> None:
            check()
            self._say(id=order.id, event=event, **values)

        made = self._ready_studio().make(order, tell, check)
        self._say(
            id=order.id,
            event="picture",
            path=str(order.out),
            width=order.width,
            height=order.height,
            seconds=made.seconds,
            memory_bytes=made.memory_bytes,
        )

    def _ready_studio(self) -> Any:
        if self._studio is None:
            from .warm import Studio

            self._studio = Studio()
        return self._studio

    def _fail(self, name: str, error: TrainerError) -> None:
        self._say(id=name, event="error", code=error.code, says=error.says, mend=error.mend)

    def _say(self, **values: object) -> None:
        try:
            self._answers.write(json.dumps(values, ensure_ascii=False, default=str) + "\n")
            self._answers.flush()
        except (OSError, ValueError):
            self._over.set()  # nobody listens any more
            self._waiting.put(None)


def _explained(error: Exception) -> TrainerError:
    """Return what an error that nobody expected is told as."""
    if exits.is_disk_full(error):
        return exits.DiskFull(f"The disk is full: {error}.", "Free some space and try again.")
    if exits.is_out_of_memory(error):
        return exits.OutOfMemory("The memory is not enough.", "Make the picture smaller.")
    words = f"{type(error).__name__}: {error}"[:500]
    return TrainerError(f"The picture could not be made: {words}", "Try again.")
