"""Signed words: addresses and tokens that work for a while without the account's key."""

import hashlib
import hmac

from fluxlora_desktop.practice.context import PracticeContext


def sign(context: PracticeContext, *told: object) -> str:
    """Return the signature of some words."""
    text = "\n".join(str(word) for word in told).encode()
    return hmac.new(context.token.encode(), text, hashlib.sha256).hexdigest()


def is_signed(context: PracticeContext, signature: str, expiry: str, *told: object) -> bool:
    """Tell whether words were signed here together with a moment that has not passed."""
    good = hmac.compare_digest(sign(context, *told, expiry).encode(), signature.encode())
    return good and expiry.isdigit() and context.clock() <= int(expiry)
