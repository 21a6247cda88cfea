"""All practice services together: two loopback ports each, one thread, one event loop."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.fal.service import FalService, serve_fal
from fluxlora_desktop.practice.faults import FaultScript
from fluxlora_desktop.practice.front import Activity, Front
from fluxlora_desktop.practice.huggingface.service import serve_huggingface
from fluxlora_desktop.practice.ledger import Ledger, LedgerView
from fluxlora_desktop.practice.memory import Memory
from fluxlora_desktop.practice.own_pictures.service import serve_own_pictures
from fluxlora_desktop.practice.replicate.service import ReplicateService, serve_replicate
from fluxlora_desktop.practice.service import Builder, Service
from fluxlora_desktop.practice.together.service import serve_together

__all__ = ["PracticeServices", "Service"]

MAIN, DELIVERY = "main", "delivery"
_BUILDERS: Mapping[str, Builder] = {
    "replicate": serve_replicate,
    "huggingface": serve_huggingface,
    "together": serve_together,
    "fal": serve_fal,
    "own_pictures": serve_own_pictures,
}
_LOOPBACK = "127.0.0.1"
_START_S = 20.0
_STOP_S = 10.0


class PracticeServices:
    """Every service of the table on loopback, as a context manager.

    State, tokens and, where they are free, ports are those of the last time in `state_dir`. Once
    started, each service is an attribute by its name.
    """

    replicate: ReplicateService
    huggingface: Service
    together: Service
    fal: FalService
    own_pictures: Service

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
        self._services: list[Service] = []
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
        self._services = []
        fronts: list[tuple[Front, socket.socket]] = []
        for name, build in _BUILDERS.items():
            sockets = {port: self._bind(name, port) for port in (MAIN, DELIVERY)}
            context = self._context(name, sockets)
            served = build(context, FaultScript(), LedgerView(self._ledger, name))
            setattr(self, name, served.service)
            self._services.append(served.service)
            fronts += [
                (self._front(served.service, port, app), sockets[port])
                for port, app in ((MAIN, served.main), (DELIVERY, served.delivery))
            ]
        self._loop_thread = _Loop(fronts)
        self._loop_thread.start()

    def stop(self) -> None:
        """Stop serving and free the ports."""
        if self._loop_thread is not None:
            self._loop_thread.stop()
            self._loop_thread = None

    def connections(self) -> dict[str, dict[str, str]]:
        """Return what a client needs to know, as the command prints it."""
        return {service.name: service.connection for service in self._services}

    @property
    def idle_seconds(self) -> float:
        """Seconds without a request; 0 while a training has not ended."""
        busy = any(service.unfinished for service in self._services)
        return 0.0 if busy else self._activity.idle_seconds

    def _context(self, name: str, sockets: Mapping[str, socket.socket]) -> PracticeContext:
        return PracticeContext(
            state_dir=self._state_dir,
            ledger=self._ledger,
            clock=self._clock,
            speed=self._speed,
            catalogue=self._catalogue,
            token=self._memory.token(name),
            url=_address(sockets[MAIN]),
            delivery_url=_address(sockets[DELIVERY]),
        )

    def _front(self, service: Service, port: str, app: ASGIApp) -> Front:
        return Front(app, service.name, port, service.faults, self._ledger, self._activity)

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


def _address(sock: socket.socket) -> str:
    return f"http://{_LOOPBACK}:{sock.getsockname()[1]}"
