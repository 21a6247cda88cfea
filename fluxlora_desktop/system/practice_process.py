"""The practice services as a process that outlives the window, as a real cloud would."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fluxlora_desktop.domain.errors import ServiceUnreachable
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.services import SERVICES
from fluxlora_desktop.system.environment import without_tokens

SERVICE = "practice"
_FILE = "process.json"
"""Not services.json: that one is the services' own memory of tokens and ports."""
_OUTPUT = "process.out"
_ERRORS = "process.err"
_START_S = 60.0
_STOP_S = 15.0
_LOOK_S = 0.05
_ANSWER_S = 3.0
_MAX_JSON = 16 * 1024
_PROOF = "/_practice/ledger"
_MAX_PROOF = 256


@dataclass(frozen=True, slots=True)
class Connection:
    """How one practice service is reached: its root without /v1, its token, whose it is."""

    url: str
    token: Secret
    username: str = ""


Connections = Mapping[str, Connection]
"""How the practice services are reached, by service."""


@dataclass(frozen=True, slots=True)
class _Running:
    pid: int
    connections: Connections


class PracticeProcess:
    """Finds the practice services of a state dir, or starts them.

    The process is nobody's child in spirit: it goes on when the app is killed and ends by itself
    after `idle_exit` seconds without a request and without an unfinished training.
    """

    def __init__(self, *, state_dir: Path, speed: float = 1.0, idle_exit: float = 600.0) -> None:
        self._state_dir = state_dir.absolute()
        self._speed = speed
        self._idle_exit = idle_exit
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, ctx: JobContext) -> Connections:
        """Return the connections of the services, which answer; may take seconds.

        Those that an older app left running, before a service was added, are ended and begun anew;
        they know their state again. Raises `ServiceUnreachable` with the end of their own error
        text when they do not start.
        """
        running = self._running()
        if running is not None and _knows_all(running.connections):
            return running.connections
        if running is not None:
            self.stop()
        self._end_child()
        self._state_dir.mkdir(parents=True, exist_ok=True)
        child = self._launch()
        self._child = child
        try:
            line = self._wait_for_line(child, ctx)
            connections = _parse_connections(json.loads(line))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            self._end_child()
            raise ServiceUnreachable(SERVICE, "what the services said is not clear") from error
        except BaseException:
            self._end_child()
            raise
        if not _knows_all(connections):  # the app would go to the real address of the others
            self._end_child()
            raise ServiceUnreachable(SERVICE, "not every service has a practice server")
        self._remember(child.pid, line)
        return connections

    def stop(self) -> None:
        """End the services and wait until they are gone; silent when none run."""
        self._end_child()
        running = self._running()
        if running is not None:
            os.kill(running.pid, signal.SIGTERM)
            deadline = time.monotonic() + _STOP_S
            while self._running() is not None and time.monotonic() < deadline:
                threading.Event().wait(_LOOK_S)
        (self._state_dir / _FILE).unlink(missing_ok=True)

    def _running(self) -> _Running | None:
        try:
            with (self._state_dir / _FILE).open("rb") as file:
                found = json.loads(file.read(_MAX_JSON))
            running = _Running(int(found["pid"]), _parse_connections(found["connections"]))
            alive = _lives(running.pid) and any(map(_answers, running.connections.values()))
        except (OSError, AttributeError, KeyError, TypeError, ValueError):
            return None
        return running if alive else None

    def _remember(self, pid: int, line: bytes) -> None:
        """Write the note by which the next start finds the services; the tokens are for play."""
        temporary = self._state_dir / f"{_FILE}.part"
        temporary.write_text(json.dumps({"pid": pid, "connections": json.loads(line)}))
        temporary.replace(self._state_dir / _FILE)

    def _command(self) -> list[str]:
        program = [sys.executable, "-m", "fluxlora_desktop.practice"]
        if getattr(sys, "frozen", False):
            program = [sys.executable, "--practice-services"]
        return [
            *program,
            *("--state-dir", str(self._state_dir)),
            *("--speed", str(self._speed)),
            *("--idle-exit", str(self._idle_exit)),
        ]

    def _launch(self) -> subprocess.Popen[bytes]:
        # Files, not pipes: nobody needs to read on, and the services never write to a dead end.
        with (
            (self._state_dir / _OUTPUT).open("wb") as output,
            (self._state_dir / _ERRORS).open("wb") as errors,
        ):
            return subprocess.Popen(  # noqa: S603  our own program, arguments as a list
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                cwd=self._state_dir,
                env=_environment(),
                close_fds=True,
                **_detached(),
            )

    def _wait_for_line(self, child: subprocess.Popen[bytes], ctx: JobContext) -> bytes:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            with (self._state_dir / _OUTPUT).open("rb") as output:
                line = output.readline(_MAX_JSON)
            if line.endswith(b"\n"):
                return line
            if child.poll() is not None:
                break
            ctx.pause(_LOOK_S)
        raise ServiceUnreachable(SERVICE, self._last_words())

    def _last_words(self) -> str:
        with (self._state_dir / _ERRORS).open("rb") as errors:
            errors.seek(max(0, errors.seek(0, os.SEEK_END) - 2000))
            return errors.read().decode(errors="replace") or "the practice services did not start"

    def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.terminate()
        try:
            child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _parse_connections(found: Mapping[str, Mapping[str, str]]) -> Connections:
    return {
        name: Connection(
            str(entry["url"]).rstrip("/"), Secret(entry["token"]), str(entry.get("username", ""))
        )
        for name, entry in found.items()
    }


def _knows_all(connections: Connections) -> bool:
    return all(facts.key in connections for facts in SERVICES)


def _lives(pid: int) -> bool:
    if sys.platform == "win32":
        return True  # signal 0 is Control-C there, so the services' answer alone must do
    try:
        os.kill(pid, 0)
    except (OSError, OverflowError):
        return False
    return pid > 0


def _answers(connection: Connection) -> bool:
    """Say whether a practice service has this address; loopback only.

    Its ledger grows with every request, so no more is read than what tells it from other replies.
    """
    address = urlsplit(connection.url)
    if address.hostname != "127.0.0.1":
        return False
    link = http.client.HTTPConnection(address.hostname, address.port, timeout=_ANSWER_S)
    try:
        link.request("GET", _PROOF)
        reply = link.getresponse()
        start = reply.read(_MAX_PROOF)
        return reply.status == 200 and start.startswith(b"{") and b'"entries"' in start
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()


def _environment() -> dict[str, str]:
    """Return this process's variables without anyone's tokens."""
    kept = without_tokens(os.environ)
    kept["PYINSTALLER_RESET_ENVIRONMENT"] = "1"
    if not getattr(sys, "frozen", False):
        ours = str(Path(__file__).resolve().parents[2])
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, (ours, kept.get("PYTHONPATH"))))
    return kept


def _detached() -> dict[str, Any]:
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        return {"creationflags": flags}
    return {"start_new_session": True}
