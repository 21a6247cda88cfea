"""All practice services together: six loopback ports, one thread, one event loop."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.faults import FaultScript
from fluxlora_desktop.practice.front import Activity, Front
from fluxlora_desktop.practice.huggingface.app import (
    USERNAME,
    build_huggingface,
    build_huggingface_storage,
)
from fluxlora_desktop.practice.ledger import Ledger, LedgerView
from fluxlora_desktop.practice.memory import Memory
from fluxlora_desktop.practice.replicate.app import build_replicate
from fluxlora_desktop.practice.replicate.course import count_unfinished
from fluxlora_desktop.practice.replicate.delivery import build_replicate_delivery
from fluxlora_desktop.practice.replicate.scripts import TrainingScript
from fluxlora_desktop.practice.replicate.state import ReplicateState
from fluxlora_desktop.practice.together.app import build_together

MAIN, DELIVERY = "main", "delivery"
_SERVICES = ("replicate", "huggingface", "together")
_LOOPBACK = "127.0.0.1"
_START_S = 20.0
_STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class Service:
    """One running service, as its users and its tests see it."""

    name: str
    context: PracticeContext
    faults: FaultScript
    ledger: LedgerView

    @property
    def url(self) -> str:
        """The service's root, without a trailing slash and without /v1."""
        return self.context.url

    @property
    def delivery_url(self) -> str:
        """The root of the second port, where files are served without a token."""
        return self.context.delivery_url

    @property
    def token(self) -> str:
        """The practice account's token."""
        return self.context.token

    def next(self, **fault: Any) -> None:
        """Let the next requests meet a fault; the fields are those of `FaultScript.next`."""
        self.faults.next(**fault)

    def reset(self) -> None:
        """Forget the faults that no request has met."""
        self.faults.reset()


@dataclass(frozen=True, slots=True)
class ReplicateService(Service):
    """Replicate, whose trainings can be scripted too."""

    state: ReplicateState

    def next_training(self, script: TrainingScript) -> None:
        """Let the next training that is created go as the script says."""
        self.state.scripts.add(script)

    def reset(self) -> None:
        """Forget the faults and the scripts that nothing has met."""
        Service.reset(self)
        self.state.scripts.reset()

    @property
    def unfinished(self) -> int:
        """How many trainings have not ended yet."""
        return count_unfinished(self.state, self.context.clock())


class PracticeServices:
    """Replicate, Hugging Face and Together on loopback, as a context manager.

    State, tokens and, where they are free, ports are those of the last time in `state_dir`.
    """

    def __init__(
        self,
        *,
        state_dir: Path,
        speed: float = 1.0,
        catalogue: str = "2026",
        ports: Mapping[str, int] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take the place for the state; `ports` may name a first port for each service."""
        self._memory = Memory(folder=state_dir)
        self._wanted = dict(ports or {})
        self._activity = Activity()
        self._ledger = Ledger(path=state_dir / "ledger.jsonl")
        self._state_dir = state_dir
        self._speed, self._catalogue, self._clock = speed, catalogue, clock
        self._loop_thread: _Loop | None = None

    def __enter__(self) -> Self:
        """Bind the ports and serve."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving."""
        self.stop()

    def start(self) -> None:
        """Bind the ports and return when all of them answer."""
        sockets = {
            (name, port): self._bind(name, port) for name in _SERVICES for port in (MAIN, DELIVERY)
        }
        addresses = {
            key: f"http://{_LOOPBACK}:{sock.getsockname()[1]}" for key, sock in sockets.items()
        }
        contexts = {name: self._context(name, addresses) for name in _SERVICES}
        faults = {name: FaultScript() for name in _SERVICES}
        views = {name: LedgerView(self._ledger, name) for name in _SERVICES}
        replicate = ReplicateState(context=contexts["replicate"])
        self.replicate = ReplicateService(
            "replicate",
            contexts["replicate"],
            faults["replicate"],
            views["replicate"],
            replicate,
        )
        self.huggingface, self.together = (
            Service(name, contexts[name], faults[name], views[name]) for name in _SERVICES[1:]
        )
        together = build_together(contexts["together"])
        apps: dict[tuple[str, str], ASGIApp] = {
            ("replicate", MAIN): build_replicate(contexts["replicate"], state=replicate),
            ("replicate", DELIVERY): build_replicate_delivery(contexts["replicate"]),
            ("huggingface", MAIN): build_huggingface(contexts["huggingface"]),
            ("huggingface", DELIVERY): build_huggingface_storage(contexts["huggingface"]),
            ("together", MAIN): together,
            ("together", DELIVERY): together,
        }
        served = [
            (Front(app, key[0], key[1], faults[key[0]], self._ledger, self._activity), sockets[key])
            for key, app in apps.items()
        ]
        self._loop_thread = _Loop(served)
        self._loop_thread.start()

    def stop(self) -> None:
        """Stop serving and free the ports."""
        if self._loop_thread is not None:
            self._loop_thread.stop()
            self._loop_thread = None

    def connections(self) -> dict[str, dict[str, str]]:
        """Return what a client needs to know, as the command prints it."""
        found = {
            service.name: {"url": service.url, "token": service.token}
            for service in (self.replicate, self.huggingface, self.together)
        }
        found["huggingface"]["username"] = USERNAME
        return found

    @property
    def idle_seconds(self) -> float:
        """Seconds without a request; 0 while a training has not ended."""
        return 0.0 if self.replicate.unfinished else self._activity.idle_seconds

    def _context(self, name: str, addresses: Mapping[tuple[str, str], str]) -> PracticeContext:
        return PracticeContext(
            state_dir=self._state_dir,
            ledger=self._ledger,
            clock=self._clock,
            speed=self._speed,
            catalogue=self._catalogue,
            token=self._memory.token(name),
            url=addresses[name, MAIN],
            delivery_url=addresses[name, DELIVERY],
        )

    def _bind(self, name: str, port: str) -> socket.socket:
        """Bind the port wished for, else the one of the last time, else any."""
        wished = self._wanted.get(name, 0) if port == MAIN else 0
        sock = _listen(wished or self._memory.port(name, port))
        self._memory.remember_port(name, port, sock.getsockname()[1])
        return sock


class _Loop:
    """A thread with an event loop in which all servers run."""

    def __init__(self, served: list[tuple[Front, socket.socket]]) -> None:
        self._sockets = [sock for _, sock in served]
        self._servers = [uvicorn.Server(_config(app)) for app, _ in served]
        self._thread = threading.Thread(target=self._run, name="practice", daemon=True)

    def start(self) -> None:
        """Start the thread and return when every server accepts."""
        self._thread.start()
        deadline = time.monotonic() + _START_S
        while not all(server.started for server in self._servers):
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the practice services did not start")
            threading.Event().wait(0.005)

    def stop(self) -> None:
        """End all servers and the thread."""
        for server in self._servers:
            server.should_exit = True
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        pairs = zip(self._servers, self._sockets, strict=True)
        await asyncio.gather(*(server.serve(sockets=[sock]) for server, sock in pairs))


def _config(app: Front) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
        backlog=128,
    )


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((_LOOPBACK, port))
    except OSError:
        if not port:
            raise
        return socket.create_server((_LOOPBACK, 0))
