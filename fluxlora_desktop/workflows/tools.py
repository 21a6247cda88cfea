"""The ports that most workflows take, and how patiently they wait."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from fluxlora_desktop.domain.errors import AccessDenied, DiskFull, StorageError
from fluxlora_desktop.domain.journal import Settling
from fluxlora_desktop.domain.ports import Clock, PhotoWorkshop, PictureWorkshop, Services, Stores
from fluxlora_desktop.workflows.budget import Budget


@dataclass(frozen=True, slots=True)
class Patience:
    """Waiting times in seconds; tests and practice mode use shorter ones.

    `settle` is how long after a lost launch's deadline the service must have been read in full,
    `settle_reads` times, before the launch counts as absent: Replicate does not document how soon a
    new training shows in its list. `deadline` is how long a launch may take, `give_up` how long a
    step before the launch is tried while a service does not answer.
    """

    poll: float = 5.0
    shortest_retry: float = 2.0
    longest_retry: float = 60.0
    settle: float = 600.0
    deadline: int = 120
    settle_reads: int = 5
    launch_tries: int = 20
    give_up: float = 600.0

    @classmethod
    def for_practice(cls) -> Patience:
        """Return the waiting times for services on this computer."""
        return cls(poll=0.5, shortest_retry=0.5, longest_retry=5.0, settle=20.0, deadline=0)

    @property
    def settling(self) -> Settling:
        """When a launch that nobody finds counts as absent."""
        return Settling(self.settle_reads, self.settle)

    def retries(self) -> Iterator[float]:
        """Yield growing waits without end."""
        wait = self.shortest_retry
        while True:
            yield wait
            wait = min(wait * 2, self.longest_retry)


Kind = tuple[str, str, tuple[str, ...]]
"""A kind of order: generator, model, and where the weights are."""


class Looked:
    """When a service was last asked whether it takes a kind of order; of this session alone.

    May be used by any thread: each method is one step of a dictionary.
    """

    def __init__(self) -> None:
        self._at: dict[Kind, datetime] = {}

    def at(self, kind: Kind) -> datetime | None:
        """Return when, or None."""
        return self._at.get(kind)

    def note(self, kind: Kind, now: datetime) -> None:
        """Remember that it was asked now, and took it."""
        self._at[kind] = now

    def forget(self, kind: Kind) -> None:
        """Let it be asked again."""
        self._at.pop(kind, None)


@dataclass(frozen=True, slots=True)
class Tools:
    """Everything that a workflow may use."""

    stores: Stores
    services: Services
    photos: PhotoWorkshop
    pictures: PictureWorkshop
    clock: Clock
    patience: Patience = Patience()
    budget: Budget = field(default_factory=Budget)
    looked: Looked = field(default_factory=Looked)


def storage_trouble(path: Path, error: OSError) -> StorageError:
    """Return what the system said about writing at `path`, as the app's own error."""
    if error.errno == errno.ENOSPC:
        return DiskFull(path)
    kind = AccessDenied if isinstance(error, PermissionError) else StorageError
    return kind(path, error.strerror or "")
