"""What the practice services were sent, and what real ones would have charged for it."""

import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REQUEST = "request"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger."""

    service: str
    kind: str
    charged_usd: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the entry as it is written to disk and told over HTTP."""
        return {
            "service": self.service,
            "kind": self.kind,
            "charged_usd": self.charged_usd,
            "facts": dict(self.facts),
        }


class Ledger:
    """An append-only list of entries in a file; requests are kept in memory only, bounded.

    Every method may be called from any thread. A line that was cut by a killed process is skipped.
    """

    def __init__(self, *, path: Path, keep_requests: int = 20_000) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._entries = _read(path)
        self._requests: deque[Entry] = deque(maxlen=keep_requests)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.read_bytes().endswith(b"\n") and path.stat().st_size:
            with path.open("ab") as file:
                file.write(b"\n")

    def record(self, service: str, kind: str, charged_usd: float = 0.0, **facts: Any) -> None:
        """Append one entry; facts must be JSON values and never hold a token."""
        entry = Entry(service, kind, charged_usd, facts)
        with self._lock:
            if kind == REQUEST:
                self._requests.append(entry)
                return
            self._entries.append(entry)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry.as_json(), ensure_ascii=False) + "\n")

    def entries(self, service: str | None = None, kind: str | None = None) -> list[Entry]:
        """Return entries in the order of their arrival, requests after all others."""
        with self._lock:
            everything = [*self._entries, *self._requests]
        return [
            entry
            for entry in everything
            if service in (None, entry.service) and kind in (None, entry.kind)
        ]

    def count(self, service: str | None = None, kind: str | None = None, **facts: Any) -> int:
        """Count entries, optionally only those whose facts hold the values given."""
        return sum(
            all(entry.facts.get(name) == value for name, value in facts.items())
            for entry in self.entries(service, kind)
        )

    def charged_usd(self, service: str | None = None) -> float:
        """Return what a real service, or all of them together, would have charged."""
        return sum(entry.charged_usd for entry in self.entries(service))


@dataclass(frozen=True, slots=True)
class LedgerView:
    """The ledger as one service sees it."""

    ledger: Ledger
    service: str

    def entries(self, kind: str | None = None) -> list[Entry]:
        """Return this service's entries."""
        return self.ledger.entries(self.service, kind)

    def count(self, kind: str | None = None, **facts: Any) -> int:
        """Count this service's entries of a kind with the facts given."""
        return self.ledger.count(self.service, kind, **facts)

    def requests(self, method: str | None = None, path: str | None = None) -> list[Entry]:
        """Return the HTTP requests that arrived, filtered by method and exact path."""
        return [
            entry
            for entry in self.entries(REQUEST)
            if method in (None, entry.facts["method"]) and path in (None, entry.facts["path"])
        ]

    @property
    def charged_usd(self) -> float:
        """What a real service would have charged so far."""
        return self.ledger.charged_usd(self.service)


def _read(path: Path) -> list[Entry]:
    if not path.exists():
        return []
    entries = []
    for line in path.read_text("utf-8", errors="replace").splitlines():
        try:
            value = json.loads(line)
            entries.append(
                Entry(value["service"], value["kind"], value["charged_usd"], value["facts"])
            )
        except (ValueError, KeyError, TypeError):
            continue
    return entries
