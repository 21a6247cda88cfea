"""One practice service, as its users and its tests see it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from starlette.types import ASGIApp

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.faults import FaultScript
from fluxlora_desktop.practice.ledger import LedgerView
from fluxlora_desktop.practice.scripts import Scripts

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Service:
    """One running service."""

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

    @property
    def connection(self) -> dict[str, str]:
        """What a client needs to know, as the command prints it."""
        return {"url": self.url, "token": self.token}

    @property
    def unfinished(self) -> int:
        """How many trainings have not ended yet."""
        return 0

    def next(self, **fault: Any) -> None:
        """Let the next requests meet a fault; the fields are those of `FaultScript.next`."""
        self.faults.next(**fault)

    def reset(self) -> None:
        """Forget the faults that no request has met."""
        self.faults.reset()


@dataclass(frozen=True, slots=True)
class TrainingService(Service, Generic[T]):
    """A service that trains: what becomes of a training can be scripted."""

    scripts: Scripts[T]
    open_trainings: Callable[[float], int]
    """Counts those that run or wait at a moment of the server's clock."""

    @property
    def unfinished(self) -> int:
        """How many trainings have not ended yet."""
        return self.open_trainings(self.context.clock())

    def next_training(self, script: T) -> None:
        """Let the next training that is taken go as the script says."""
        self.scripts.add(script)

    def reset(self) -> None:
        """Forget the faults and the scripts that nothing has met."""
        Service.reset(self)
        self.scripts.reset()


@dataclass(frozen=True, slots=True)
class Served:
    """A service and what answers at its two ports."""

    service: Service
    main: ASGIApp
    delivery: ASGIApp


Builder = Callable[[PracticeContext, FaultScript, LedgerView], Served]
"""Makes a service once its addresses are known."""
