"""Trouble on order: a test says what happens to the next requests, and the server does it."""

import asyncio
import json as jsonlib
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

When = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a request; a fault without a reply of its own spoils the real one."""

    method: str | None = None
    path: str = r".*"
    """A regular expression that the whole path, without the query, must match."""
    when: When = "before"
    """Whether a reply of its own comes instead of the effect, or after it."""
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    content_type: str | None = None
    delay: float = 0.0
    """Seconds to wait: before the service sees the request, or after its effect."""
    cut_after: int | None = None
    """The reply's body ends after so many bytes, although its whole length was promised."""
    drop: bool = False
    """The connection breaks without a reply."""

    def meets(self, method: str, path: str) -> bool:
        """Tell whether a request is meant."""
        return self.method in (None, method) and re.fullmatch(self.path, path) is not None

    @property
    def has_own_reply(self) -> bool:
        """Whether the service's own reply, if there is one, is not sent."""
        return self.drop or self.status is not None or self.body is not None

    @property
    def spares_the_effect(self) -> bool:
        """Whether the service never sees the request."""
        return self.when == "before" and self.has_own_reply


class FaultScript:
    """The faults that wait for their requests, in the order given; may be used by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def next(
        self,
        *,
        method: str | None = None,
        path: str = r".*",
        times: int = 1,
        when: When = "before",
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        body: bytes | str | None = None,
        content_type: str | None = None,
        delay: float = 0.0,
        cut_after: int | None = None,
        drop: bool = False,
    ) -> None:
        """Let the next `times` requests of a method and path meet this fault; see `Fault`.

        A fault that only delays, cuts or adds headers lets the service do its work. Raises
        ValueError for a word or a pattern that is none.
        """
        if when not in ("before", "after"):
            raise ValueError("when is 'before' or 'after' the effect")
        try:
            re.compile(path)
        except re.error as error:
            raise ValueError(f"path is no regular expression: {error}") from error
        fault = Fault(
            method=method.upper() if method else None,
            path=path,
            when=when,
            status=status,
            headers=tuple((headers or {}).items()),
            body=_encode(json, body),
            content_type=content_type or ("application/json" if json is not None else None),
            delay=float(delay),
            cut_after=cut_after,
            drop=drop,
        )
        with self._lock:
            self._waiting += [fault] * times

    def take(self, method: str, path: str) -> Fault | None:
        """Return and forget the first fault that is meant for a request."""
        with self._lock:
            for place, fault in enumerate(self._waiting):
                if fault.meets(method, path):
                    return self._waiting.pop(place)
        return None

    @property
    def waiting(self) -> int:
        """How many faults no request has met yet."""
        with self._lock:
            return len(self._waiting)

    def reset(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._waiting.clear()


@dataclass(slots=True)
class Reply:
    """A reply as it is put together before it is sent."""

    status: int = 200
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    def take(self, message: Mapping[str, Any]) -> None:
        """Add one ASGI message of the service to the reply."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", []))
        else:
            self.body += message.get("body", b"")

    def apply(self, fault: Fault) -> None:
        """Put the fault's own words in the place of the service's."""
        self.status = fault.status if fault.status is not None else self.status
        if fault.has_own_reply:
            self.body = fault.body or b""
            self.headers = []
        if fault.content_type:
            self._set("content-type", fault.content_type)
        for name, value in fault.headers:
            self._set(name, value)
        self._set("content-length", str(len(self.body)))

    def _set(self, name: str, value: str) -> None:
        key = name.lower().encode("latin-1")
        self.headers = [pair for pair in self.headers if pair[0].lower() != key]
        self.headers.append((key, value.encode("latin-1")))


async def send_reply(reply: Reply, fault: Fault, receive: Any, send: Any) -> None:
    """Send a reply whole, cut, or not at all, as the fault says."""
    if fault.drop:
        await _break(receive, send, at_once=True)
        return
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    if fault.cut_after is None or fault.cut_after >= len(reply.body):
        await send({"type": "http.response.body", "body": reply.body})
        return
    part = reply.body[: fault.cut_after]
    await send({"type": "http.response.body", "body": part, "more_body": True})
    await _break(receive, send, at_once=False)


async def _break(receive: Any, send: Any, *, at_once: bool) -> None:
    """End the connection: at once, or after what was written has left.

    The transport belongs to uvicorn's request cycle, whose bound method `send` is (uvicorn 0.54).
    """
    transport: asyncio.Transport = send.__self__.transport
    if at_once:
        transport.abort()
    else:
        transport.close()
    while (await receive())["type"] != "http.disconnect":
        continue


def _encode(value: Any, body: bytes | str | None) -> bytes | None:
    if value is not None:
        return jsonlib.dumps(value, ensure_ascii=False).encode()
    return body.encode() if isinstance(body, str) else body
