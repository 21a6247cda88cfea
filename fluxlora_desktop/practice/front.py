"""What stands before every practice service: it notes requests and lets them meet their faults."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fluxlora_desktop.practice.faults import Fault, FaultScript, Reply, send_reply
from fluxlora_desktop.practice.ledger import REQUEST, Ledger

CONTROL = "/_practice/"


class Activity:
    """When the services were last asked for anything; may be used by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = 0
        self._last = time.monotonic()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request for as long as it lasts."""
        with self._lock:
            self._open += 1
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1
                self._last = time.monotonic()

    @property
    def idle_seconds(self) -> float:
        """Seconds since the end of the last request; 0 while one is open."""
        with self._lock:
            return 0.0 if self._open else time.monotonic() - self._last


@dataclass(frozen=True, slots=True)
class Front:
    """An ASGI application around a service's own."""

    app: ASGIApp
    service: str
    port: str
    """Which of the service's ports this is: "main" or "delivery"."""
    faults: FaultScript
    ledger: Ledger
    activity: Activity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        with self.activity.request():
            if scope["path"].startswith(CONTROL) and scope["path"] in _CONTROLS:
                reply = await _CONTROLS[scope["path"]](self, Request(scope, receive))
                await reply(scope, receive, send)
                return
            fault = self.faults.take(scope["method"], scope["path"])
            if fault is None:
                await self.app(scope, receive, self._noting(scope, send))
            else:
                await self._spoil(fault, scope, receive, send)

    async def _spoil(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        reply = Reply()

        async def keep(message: Message) -> None:
            reply.take(message)

        if fault.spares_the_effect:
            await _read_to_the_end(receive)
            await asyncio.sleep(fault.delay)
        else:
            early = fault.delay if fault.when == "before" else 0.0
            again = await _taken_in(receive) if early else receive
            await asyncio.sleep(early)
            await self.app(scope, again, keep)
            await asyncio.sleep(fault.delay - early)
        reply.apply(fault)
        self._note(scope, 0 if fault.drop else reply.status)
        await send_reply(reply, fault, receive, send)

    def _noting(self, scope: Scope, send: Send) -> Send:
        """Write a request into the ledger just before its reply leaves."""

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._note(scope, message["status"])
            await send(message)

        return noting

    def _note(self, scope: Scope, status: int) -> None:
        """Write a request down; what signs the addresses of deliveries is nobody's business."""
        names = {name for name, _ in scope["headers"]}
        self.ledger.record(
            self.service,
            REQUEST,
            method=scope["method"],
            path=scope["path"],
            query="" if self.port == "delivery" else scope["query_string"].decode(),
            status=status,
            authorization=b"authorization" in names,
            port=self.port,
        )

    async def add_fault(self, request: Request) -> JSONResponse:
        """Take the fields of `FaultScript.next` as JSON."""
        try:
            told = json.loads(await request.body())
            self.faults.next(**told)
        except (ValueError, TypeError) as error:
            return JSONResponse({"detail": str(error)}, status_code=422)
        return JSONResponse({"waiting": self.faults.waiting})

    async def reset_faults(self, _request: Request) -> JSONResponse:
        """Forget the faults that no request has met."""
        self.faults.reset()
        return JSONResponse({"waiting": 0})

    async def show_ledger(self, _request: Request) -> JSONResponse:
        """Tell this service's entries, requests among them, and the sum of its charges."""
        entries: list[Mapping[str, Any]] = [
            entry.as_json() for entry in self.ledger.entries(self.service)
        ]
        charged = round(self.ledger.charged_usd(self.service), 6)
        return JSONResponse({"charged_usd": charged, "entries": entries})


_CONTROLS: dict[str, Any] = {
    CONTROL + "faults": Front.add_fault,
    CONTROL + "reset-faults": Front.reset_faults,
    CONTROL + "ledger": Front.show_ledger,
}


async def _read_to_the_end(receive: Receive) -> list[Message]:
    """Take the whole request, so that the client has sent it before trouble comes."""
    messages = [await receive()]
    while messages[-1]["type"] != "http.disconnect" and messages[-1].get("more_body", False):
        messages.append(await receive())
    return messages


async def _taken_in(receive: Receive) -> Receive:
    """Return a way to read a request that has arrived, also when its client is gone by then."""
    messages = await _read_to_the_end(receive)

    async def again() -> Message:
        return messages.pop(0) if messages else await receive()

    return again
