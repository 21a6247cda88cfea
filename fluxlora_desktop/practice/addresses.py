"""Reading what lies under an address that a request gave."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def is_on_this_computer(address: str) -> bool:
    """Tell whether an address is one of this computer; practice asks nothing of the world."""
    try:
        return urlsplit(address).hostname in _LOOPBACK
    except ValueError:
        return False


async def fetch_file(
    address: str, target: Path, *, limit: int, allowed: Callable[[str], bool] = lambda _: True
) -> bool:
    """Bring a file of up to `limit` bytes; False when it cannot be had.

    `allowed` may refuse any address, also one redirected to, before it is asked.
    """
    size = 0

    async def check(request: httpx.Request) -> None:
        if not allowed(str(request.url)):
            raise httpx.UnsupportedProtocol("not an address to be asked")

    try:
        async with (
            httpx.AsyncClient(
                timeout=20.0,
                trust_env=False,
                follow_redirects=True,
                event_hooks={"request": [check]},
            ) as client,
            client.stream("GET", address) as reply,
        ):
            if reply.status_code != 200:
                return False
            with target.open("wb") as out:
                async for piece in reply.aiter_bytes():
                    size += len(piece)
                    if size > limit:
                        return False
                    out.write(piece)
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return True
