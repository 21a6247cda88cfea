"""Addresses that a person gives for a server of their own: which of them may be used, and how.

A photo and perhaps a token go there. Unprotected http is for servers on this computer or in the
person's own network, given by number, so that no name can lead it elsewhere.
"""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.services import NOT_A_TOKEN_FIELD, holds_token

_OWN = tuple(
    map(
        ip_network,
        # Loopback, and the private networks of RFC 1918 and RFC 4193.
        ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
    )
)
_PLAIN = re.compile(r"[\x21-\x7e]+")
_ODD = re.compile(r"[\\@?#%]")


def is_own_network(host: str | None) -> bool:
    """Tell whether a host is this computer or lies in a private network, by its number alone."""
    if host == "localhost":
        return True
    try:
        number = ip_address(host or "")
    except ValueError:
        return False
    return any(number in network for network in _OWN)


def own_address(text: str) -> str:
    """Return the address without blanks around it and without a slash at its end.

    Raises `InputError` for one that is none, that holds a name, a password, a query or a token,
    or that is http and not of this computer or the person's own network.
    """
    address = text.strip().rstrip("/")
    if holds_token(address):
        raise InputError("address", NOT_A_TOKEN_FIELD)
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise InputError("address", "This is no web address.") from error
    plain = _PLAIN.fullmatch(address) and not _ODD.search(address)
    if not plain or not host or parts.scheme not in {"http", "https"}:
        raise InputError("address", "This is no web address, such as http://127.0.0.1:11434/v1.")
    if parts.scheme == "http" and not is_own_network(host):
        raise InputError(
            "address",
            "Use https here: http is for this computer and your own network, by number.",
        )
    return address


def costs_nothing(address: str) -> bool:
    """Tell whether a server is the person's own, on this computer or in their network."""
    return is_own_network(urlsplit(address).hostname)
