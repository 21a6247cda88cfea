"""Fetch a LoRA by the address that a picture request gave, as the real services do."""

import re
from collections.abc import Callable
from functools import partial
from urllib.parse import quote, urlsplit

import httpx

from fluxlora_desktop.practice.lora import NotALora, read_subject
from fluxlora_desktop.practice.subject import Subject

__all__ = ["LoraUnreachable", "NotALora", "Subject", "fetch_lora"]

_AGENT = "fluxlora-practice/1"
_LORA_LIMIT = 200_000_000
_LIST_LIMIT = 2_000_000
_TIMEOUT = httpx.Timeout(20.0, connect=5.0)
_REPO_PAGE = re.compile(r"^/(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)/?$")


class LoraUnreachable(Exception):
    """No weights could be read at an address; `status` is the last HTTP status, 0 without one."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


async def fetch_lora(
    address: str, *, token: str | None, allowed: Callable[[str], bool] | None = None
) -> Subject:
    """Read the weights at an address and return what they know.

    Takes the address of a `.safetensors` file, or of a model's page on a hub, where exactly one
    such file must lie. `token` goes to that host only, not along a redirect to another. `allowed`
    may refuse any address, also one redirected to, before it is asked. Raises
    `LoraUnreachable` and `NotALora`.
    """
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise LoraUnreachable(f"{address} is not an address of a LoRA") from error
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise LoraUnreachable(f"{address} is not an address of a LoRA")
    if "/blob/" in parts.path:
        raise LoraUnreachable(f"{address} is a page about a file; use its /resolve/ address")
    headers = {"User-Agent": _AGENT}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    async with httpx.AsyncClient(
        headers=headers,
        timeout=_TIMEOUT,
        follow_redirects=True,
        trust_env=False,
        event_hooks={"request": [partial(_check_address, allowed)]},
    ) as client:
        file = await _file_address(client, address)
        return read_subject(await _read(client, file, _LORA_LIMIT))


async def _check_address(allowed: Callable[[str], bool] | None, request: httpx.Request) -> None:
    if allowed is not None and not allowed(str(request.url)):
        raise LoraUnreachable(f"{request.url} cannot be reached from here")


async def _file_address(client: httpx.AsyncClient, address: str) -> str:
    """Return the file's address; for a model's page, that of the only weights in its repo."""
    parts = urlsplit(address)
    page = _REPO_PAGE.match(parts.path)
    if page is None or parts.path.endswith(".safetensors"):
        return address
    root = f"{parts.scheme}://{parts.netloc}"
    repo = f"{page['owner']}/{page['name']}"
    listed = await _read(client, f"{root}/api/models/{repo}/tree/main?recursive=true", _LIST_LIMIT)
    try:
        paths = [str(entry["path"]) for entry in httpx.Response(200, content=listed).json()]
    except (ValueError, KeyError, TypeError) as error:
        raise LoraUnreachable(f"No list of files at {address}") from error
    weights = [path for path in paths if path.endswith(".safetensors")]
    if not weights:
        raise LoraUnreachable(f"No .safetensors file found in the repository {repo}")
    if len(weights) > 1:
        raise LoraUnreachable(f"Multiple .safetensors files found in the repository {repo}")
    return f"{root}/{repo}/resolve/main/{quote(weights[0])}"


async def _read(client: httpx.AsyncClient, address: str, limit: int) -> bytes:
    """Read an address whole, up to a limit in bytes."""
    data = bytearray()
    try:
        async with client.stream("GET", address) as reply:
            if reply.status_code != 200:
                raise LoraUnreachable(
                    f"{reply.status_code} {reply.reason_phrase} for {address}", reply.status_code
                )
            async for chunk in reply.aiter_bytes():
                data += chunk
                if len(data) > limit:
                    raise LoraUnreachable(f"{address} is larger than {limit} bytes")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise LoraUnreachable(f"{address}: {type(error).__name__}") from error
    return bytes(data)
