"""The POSTs that arrived at a practice service since the count began."""

from __future__ import annotations

import re

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

    def _all(self) -> int:
        posts = self._service.ledger.requests("POST")
        return sum(bool(self._pattern.search(post.facts["path"])) for post in posts)
