"""The POSTs that arrived at a practice service since the count began."""

from __future__ import annotations

import re
import threading
import time

from fluxlora_desktop.practice.services import Service


class PostCount:
    """Counts by the service's own ledger, dropped requests included."""

    def __init__(self, service: Service, pattern: str) -> None:
        self._service = service
        self._pattern = re.compile(pattern)
        self._before = self._all()

    def __call__(self) -> int:
        """Return how many POSTs to paths of the pattern arrived."""
        return self._all() - self._before

    def arrive(self, number: int, seconds: float = 20.0) -> bool:
        """Wait until so many have been answered or given up; tell whether that came to be."""
        deadline = time.monotonic() + seconds
        while self() < number and time.monotonic() < deadline:
            threading.Event().wait(0.02)
        return self() == number

    def _all(self) -> int:
        posts = self._service.ledger.requests("POST")
        return sum(bool(self._pattern.search(post.facts["path"])) for post in posts)
