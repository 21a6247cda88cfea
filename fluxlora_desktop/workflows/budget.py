"""The monthly limit in force, and which orders were let through; one for the whole process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import tzinfo
from decimal import Decimal

from fluxlora_desktop.domain.money import NOTHING


class Budget:
    """Any thread may use it. `zone` is where months begin; None is the computer's own.

    `lock` is held from the look at what is spent until the order is written down, so that two
    orders that fit alone and not together cannot both pass. `keep` puts a new limit where it
    outlives the process; it is called by the one who sets the limit.
    """

    def __init__(
        self,
        limit: Decimal | None = None,
        *,
        zone: tzinfo | None = None,
        keep: Callable[[Decimal | None], object] | None = None,
    ) -> None:
        self.lock = threading.RLock()
        self.zone = zone
        self._limit, self._keep = limit, keep
        self._through: dict[str, Decimal] = {}

    @property
    def limit(self) -> Decimal | None:
        """The limit in US dollars, or None."""
        return self._limit

    def set_limit(self, limit: Decimal | None) -> None:
        """Take another limit into force; orders that were let through go on."""
        with self.lock:
            self._limit = limit
        if self._keep is not None:
            self._keep(limit)

    def let_through(self, order: str) -> None:
        """Keep that an order may spend what it was let through for."""
        with self.lock:
            self._through.setdefault(order, NOTHING)

    def is_through(self, order: str) -> bool:
        """Tell whether an order was let through since the process began."""
        with self.lock:
            return order in self._through

    def hold(self, order: str, amount: Decimal) -> None:
        """Count an amount for an order that the library does not know, such as one of captions."""
        with self.lock:
            self._through[order] = amount

    @property
    def held(self) -> Decimal:
        """What is counted for such orders, in US dollars."""
        with self.lock:
            return sum(self._through.values(), NOTHING)
