"""What every practice service is handed when it is built."""

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fluxlora_desktop.practice.ledger import Ledger

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class PracticeContext:
    """One service's surroundings, built once its two ports are bound and the addresses known."""

    state_dir: Path
    """A folder of this service's own, which outlives the process."""
    ledger: Ledger
    clock: Callable[[], float]
    """Seconds since the epoch."""
    speed: float
    """How many times faster than a real service a training runs."""
    catalogue: str
    """The year whose model catalogue is served: "2026" or "2025"."""
    token: str
    """The one token (of the practice account) that this service accepts."""
    url: str
    """The service's root, without a trailing slash and without /v1."""
    delivery_url: str
    """The second port's root: files that are served without a token."""

    def public(self, path: str) -> str:
        """Return the full address of a path on the service's first port."""
        return f"{self.url}/{path.lstrip('/')}"

    def delivery(self, path: str) -> str:
        """Return the full address of a path on the service's second port."""
        return f"{self.delivery_url}/{path.lstrip('/')}"


def make_token(service: str) -> str:
    """Return a new token that looks like a real one of the service named."""
    if service == "replicate":
        return "r8_" + _letters(37)
    if service == "huggingface":
        return "hf_" + _letters(34)
    if service == "fal":
        return f"{uuid.uuid4()}:{secrets.token_hex(16)}"
    return secrets.token_hex(32)


def _letters(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))
