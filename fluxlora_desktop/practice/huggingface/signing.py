"""Signed addresses of the storage port: whoever has one may use it until it expires, no token."""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlencode

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.huggingface.errors import HubError

_LIFETIME_S = 3600


def sign(context: PracticeContext, action: str, oid: str, **facts: str | int) -> str:
    """Return the address on the storage port that allows one action on one object for an hour."""
    expires = int(context.clock()) + _LIFETIME_S
    query = {**{name: str(value) for name, value in facts.items()}, "expires": str(expires)}
    query["signature"] = _signature(context, action, oid, query)
    return context.delivery(f"lfs/{action}/{oid}?{urlencode(query)}")


def require_signed(
    context: PracticeContext, action: str, oid: str, query: Mapping[str, str]
) -> None:
    """Raise HubError 403 when an address was made up, altered or has expired."""
    facts = {name: value for name, value in query.items() if name != "signature"}
    expected = _signature(context, action, oid, facts)
    if not hmac.compare_digest(expected.encode(), query.get("signature", "").encode()):
        raise HubError(403, "SignatureDoesNotMatch")
    if context.clock() > int(facts["expires"]):
        raise HubError(403, "Request has expired")


def _signature(context: PracticeContext, action: str, oid: str, facts: Mapping[str, str]) -> str:
    told = "\n".join((action, oid, *(f"{name}={facts[name]}" for name in sorted(facts))))
    return hmac.new(context.token.encode(), told.encode(), hashlib.sha256).hexdigest()
