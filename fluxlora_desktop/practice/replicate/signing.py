"""Addresses of uploaded files that work without a token for an hour."""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlencode

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.replicate.catalogue import USERNAME

_LIFETIME_S = 3600


def signed_download(context: PracticeContext, file_id: str, now: float) -> str:
    """Return the address from which a trainer fetches a file."""
    expiry = str(int(now) + _LIFETIME_S)
    query = {
        "expiry": expiry,
        "owner": USERNAME,
        "signature": _signature(context, file_id, expiry),
    }
    return context.public(f"v1/files/{file_id}/download?{urlencode(query)}")


def is_signed(context: PracticeContext, file_id: str, query: Mapping[str, str]) -> bool:
    """Tell whether an address was signed here for this file and has not expired."""
    expiry = query.get("expiry", "")
    good = hmac.compare_digest(
        _signature(context, file_id, expiry).encode(), query.get("signature", "").encode()
    )
    return good and expiry.isdigit() and context.clock() <= int(expiry)


def _signature(context: PracticeContext, file_id: str, expiry: str) -> str:
    told = f"{file_id}\n{USERNAME}\n{expiry}".encode()
    return hmac.new(context.token.encode(), told, hashlib.sha256).hexdigest()
