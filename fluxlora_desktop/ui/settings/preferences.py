"""What the Settings page reads and writes; `app.py` joins it to the computer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fluxlora_desktop.domain.checkout import Checkout
from fluxlora_desktop.domain.pictures import OwnServer
from fluxlora_desktop.ui.theme import Scheme


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A service's model for LoRAs of a base: the id that a person gave or "", and the app's own."""

    service: str
    base: str
    given: str
    own: str


class Preferences(Protocol):
    """The choices that outlive the app; never secrets."""

    def scheme(self) -> Scheme:
        """Return the chosen look."""

    def set_scheme(self, scheme: Scheme) -> None:
        """Keep and show another look."""

    def address(self, service: str) -> str:
        """Return the address of a service that a person gave, or ""."""

    def set_address(self, service: str, address: str) -> None:
        """Keep an address; "" goes back to the service's own."""

    def model_ids(self) -> tuple[ModelChoice, ...]:
        """Return the models that may be named anew, one for each base."""

    def set_model_id(self, base: str, model: str) -> None:
        """Keep the id of the model for a base; "" goes back to the app's own."""

    def default_address(self, service: str) -> str:
        """Return the service's own address."""

    def keep_awake(self) -> bool:
        """Tell whether the computer shall stay awake while it trains."""

    def set_keep_awake(self, awake: bool) -> None:
        """Keep that choice, which counts at once."""


@dataclass(frozen=True, slots=True)
class Computer:
    """Facts of this computer for Settings: folders, and whether tokens outlive the app."""

    data_dir: Path
    logs_dir: Path
    version: str
    practice: bool
    lasting_tokens: bool
    token_place: str


class OwnServerChoice:
    """The server of one's own for pictures; it outlives the app through `read` and `keep`.

    It is held in memory as well: it is read by background work at each request.
    """

    def __init__(
        self,
        read: Callable[[str], str] | None = None,
        keep: Callable[[str, str], object] | None = None,
    ) -> None:
        memory: dict[str, str] = {}
        read = read or (lambda name: memory.get(name, ""))
        self._keep = keep or memory.__setitem__
        self._server = OwnServer(read("address"), read("model"), read("extras") != "no")

    @property
    def server(self) -> OwnServer:
        """The server, without an address while there is none."""
        return self._server

    def set_server(self, server: OwnServer) -> None:
        """Keep the server, whose address was checked before."""
        self._server = server
        self._keep("address", server.address)
        self._keep("model", server.model)
        self._keep("extras", "" if server.extras else "no")


class CheckoutChoice:
    """The ai-toolkit of one's own; it outlives the app through `read` and `keep`.

    It is held in memory as well: background work reads it whenever something is trained.
    """

    def __init__(
        self,
        read: Callable[[], str] = lambda: "",
        keep: Callable[[str], object] = lambda _text: None,
    ) -> None:
        self._keep = keep
        self._checkout = Checkout.from_text(read())

    @property
    def checkout(self) -> Checkout | None:
        """The checkout as it was found last, None while there is none."""
        return self._checkout

    def set_checkout(self, checkout: Checkout | None) -> None:
        """Keep a checkout that was looked at, or forget it."""
        self._checkout = checkout
        self._keep(checkout.as_text() if checkout else "")
