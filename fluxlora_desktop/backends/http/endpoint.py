"""Who a service is: its address, its token, and which other hosts may be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from fluxlora_desktop.domain.errors import TokenMissing, UnexpectedReply
from fluxlora_desktop.domain.secrets import Secret

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A service's address and who may see its token.

    `delivery_hosts` may be read, and files be put there, without the token; a name that starts
    with a dot stands for all hosts below it. Where `base_url` is on this computer, any port of it
    may be read too. `scheme` is the word before the token in the authorization header.
    """

    service: str
    base_url: str
    token: Callable[[], Secret | None]
    delivery_hosts: frozenset[str] = frozenset()
    scheme: str = "Bearer"

    def secret(self) -> Secret:
        """Return the token; raise `TokenMissing` when none is stored."""
        secret = self.token()
        if not secret:
            raise TokenMissing(self.service)
        return secret

    def url(self, path: str) -> str:
        """Return the full address of a path below the base, or of a full address as it is."""
        if path.startswith(("http://", "https://")):
            return path
        return urljoin(self.base_url.rstrip("/") + "/", path.lstrip("/"))

    def owns(self, url: str) -> bool:
        """Tell whether an address is the service itself, which alone is sent the token."""
        mine, other = urlsplit(self.base_url), urlsplit(url)
        return (mine.scheme, mine.hostname, _port(mine.scheme, mine.port)) == (
            other.scheme,
            other.hostname,
            _port(other.scheme, other.port),
        )

    def check_readable(self, url: str) -> None:
        """Raise `UnexpectedReply` for an address that this service has no business to name."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if self.owns(url):
            return
        if urlsplit(self.base_url).hostname in _LOOPBACK and host in _LOOPBACK:
            return
        listed = any(
            host.endswith(name) if name.startswith(".") else host == name
            for name in self.delivery_hosts
        )
        if parts.scheme != "https" or not listed:
            raise UnexpectedReply(self.service, "address", f"{parts.scheme}://{host}")


def _port(scheme: str, port: int | None) -> int:
    return port or (443 if scheme == "https" else 80)
