"""Scripted replies: what a test wants the next requests to meet."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

When = Literal["before", "after"]


@dataclass(slots=True)
class Fault:
    """What happens to the next requests that match; `times` counts down."""

    method: str | None = None
    """None: any."""
    path: str = r".*"
    """A regular expression that the whole path, without the query, must match."""
    times: int = 1
    when: When | None = None
    """before: the service does not see the request; after: it does, and its reply is tampered with.

    Left out, a fault that only delays or cuts lets the effect happen first, any other one does not.
    """
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    body: bytes | None = None
    content_type: str | None = None
    delay: float = 0.0
    """Seconds to wait before replying."""
    cut_after: int | None = None
    """Declare the whole length, send this many bytes of the body, then break the connection."""
    drop: bool = False
    """Break the connection without a reply."""

    @property
    def replaces(self) -> bool:
        """Whether the reply's status, type or body are the fault's own."""
        return any(
            value is not None for value in (self.status, self.json, self.body, self.content_type)
        ) or bool(self.headers)

    @property
    def happens(self) -> When:
        """When the fault strikes, also where the test left it open."""
        if self.when is not None:
            return self.when
        return "before" if self.replaces or self.drop else "after"


class FaultScript:
    """The faults that wait for one service's next requests; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []
        self._closed = threading.Event()

    def next(
        self,
        *,
        method: str | None = None,
        path: str = r".*",
        times: int = 1,
        when: When | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        body: bytes | str | None = None,
        content_type: str | None = None,
        delay: float = 0.0,
        cut_after: int | None = None,
        drop: bool = False,
    ) -> None:
        """Script the reply to the next `times` requests that match; see `Fault` for the fields.

        Raises ValueError if a reply that nobody makes is to be cut.
        """
        re.compile(path)
        fault = Fault(
            method=method.upper() if method else None,
            path=path,
            times=times,
            when=when,
            status=status,
            headers=dict(headers or {}),
            json=json,
            body=body.encode() if isinstance(body, str) else body,
            content_type=content_type,
            delay=delay,
            cut_after=cut_after,
            drop=drop,
        )
        if fault.happens == "before" and cut_after is not None and not fault.replaces:
            raise ValueError("a reply that is cut before the effect needs a body of its own")
        with self._lock:
            self._waiting.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """Return the first fault that matches a request, used up by one."""
        with self._lock:
            for fault in self._waiting:
                if fault.method in (None, method) and re.fullmatch(fault.path, path):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    return fault
        return None

    def reset(self) -> None:
        """Forget all faults that still wait."""
        with self._lock:
            self._waiting.clear()

    def close(self) -> None:
        """End all delays, since the server is going down."""
        self._closed.set()

    @property
    def closed(self) -> bool:
        """Whether delays end at once."""
        return self._closed.is_set()
