"""Rules broken on purpose, one at a time: the proof that the judge can see each of them.

Each is a slip that a later change might make. `break_rule` makes it in this process alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PIL import Image

from fluxlora_desktop.backends.http import client as http_client
from fluxlora_desktop.backends.http.endpoint import Endpoint
from fluxlora_desktop.domain import journal
from fluxlora_desktop.domain.errors import OutcomeUnknown
from fluxlora_desktop.imaging import package
from fluxlora_desktop.store import database


def _retry() -> None:
    """Send the paid POST again when its answer is lost, as the services' own SDKs do."""
    once = http_client.ServiceClient.post_paid

    def twice(self: http_client.ServiceClient, *told: Any, **named: Any) -> Any:
        try:
            return once(self, *told, **named)
        except OutcomeUnknown:
            return once(self, *told, **named)

    http_client.ServiceClient.post_paid = twice  # type: ignore[method-assign]


def _fsync() -> None:
    """Let commits return before they are on the disk."""
    database.pragmas = lambda *_told, **_named: ("synchronous=OFF", "foreign_keys=ON")  # type: ignore[assignment]


def _settle() -> None:
    """Take the first look that finds nothing for proof, and look a moment too early."""
    late = journal.decide

    def at_once(effect: Any, event: Any, _settling: Any = None) -> Any:
        return late(effect, event, journal.Settling(reads=0, seconds=-3600.0))

    from fluxlora_desktop.store import effects

    effects.decide = at_once


def _redirect() -> None:
    """Send the token to whatever host a file is served from."""
    Endpoint.owns = lambda self, url: url.startswith("http")  # type: ignore[method-assign]


def _exif() -> None:
    """Keep what a photo's file says beside its pixels."""

    def encode(path: Any) -> bytes:
        import io

        buffer = io.BytesIO()
        with Image.open(path) as image:
            exif = Image.Exif()
            exif[0x010E] = "somebody's words"
            image.convert("RGB").save(buffer, "JPEG", exif=exif)
        return buffer.getvalue()

    package.encode_photo = encode


RULES: dict[str, Callable[[], None]] = {
    "retry": _retry,
    "fsync": _fsync,
    "settle": _settle,
    "redirect": _redirect,
    "exif": _exif,
}


def break_rule(name: str) -> None:
    """Break one rule in this process; raises `KeyError` for an unknown one."""
    RULES[name]()
