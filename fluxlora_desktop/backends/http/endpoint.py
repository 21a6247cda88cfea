"""Who a service is: its address, its token, and which other hosts may be read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx

from fluxlora_desktop.domain.errors import TokenMissing, UnexpectedReply
from fluxlora_desktop.domain.secrets import Secret

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_ODD = re.compile(r"[\\\x00-\x20\x7f]|^[a-z]+://[^/]*[^\x21-\x7e/]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A service's address and who may see its token.

    `delivery_hosts` may be read, and files be put there, without the token; a name that starts
    with a dot stands for all hosts below it, one with a path for what lies below that. Where
    `base_url` is on this computer, any port of it may be read too. `scheme` is the word before the
    token in the authorization header. Without `needs_token` requests go out without one where
    none is stored, as to a server on this computer.
    """

    service: str
    base_url: str
    token: Callable[[], Secret | None]
    delivery_hosts: frozenset[str] = frozenset()
    scheme: str = "Bearer"
    needs_token: bool = True

    def secret(self) -> Secret | None:
        """Return the token, or None; raise `TokenMissing` when one is needed and none stored."""
        secret = self.token()
        if not secret and self.needs_token:
            raise TokenMissing(self.service)
        return secret or None

    def url(self, path: str) -> str:
        """Return the full address of a path below the base, or of a full address as it is."""
        if path.startswith(("http://", "https://")):
            return path
        return urljoin(self.base_url.rstrip("/") + "/", path.lstrip("/"))

    def owns(self, url: str) -> bool:
        """Tell whether an address is the service itself, which alone is sent the token."""
        return _origin(url) is not None and _origin(url) == _origin(self.base_url)

    def check_readable(self, url: str) -> None:
        """Raise `UnexpectedReply` for an address that this service has no business to name."""
        origin = _origin(url)
        if origin is None:
            raise UnexpectedReply(self.service, "address", "malformed")
        if self.owns(url):
            return
        scheme, host, _port = origin
        if urlsplit(self.base_url).hostname in _LOOPBACK and host in _LOOPBACK:
            return
        path = httpx.URL(url).path  # without escapes, behind which dots could hide
        if scheme != "https" or not any(_lies_at(n, host, path) for n in self.delivery_hosts):
            raise UnexpectedReply(self.service, "address", f"{scheme}://{host}")


def _origin(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port of an address, or None for one that may be read in two ways.

    It is read by the parser that connects. Names and passwords, backslashes, blanks and letters
    outside ASCII before the path are in no honest address.
    """
    try:
        read = httpx.URL(url)
        host = read.raw_host.decode("ascii").lower()
    except (ValueError, httpx.InvalidURL):
        return None
    odd = _ODD.search(url.split("?", 1)[0]) or read.userinfo
    if odd or read.scheme not in {"http", "https"} or not host:
        return None
    return read.scheme, host, read.port or (443 if read.scheme == "https" else 80)


def _lies_at(place: str, host: str, path: str) -> bool:
    name, slash, folder = place.partition("/")
    at_host = host.endswith(name) if name.startswith(".") else host == name
    return at_host and path.startswith(f"{slash}{folder}") and ".." not in path.split("/")
