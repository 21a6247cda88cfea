"""Weights from any repo: which repo and file an address means, and bringing the file home."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from fluxlora_desktop.backends.http.client import ServiceClient
from fluxlora_desktop.backends.http.downloads import forget_part
from fluxlora_desktop.backends.huggingface.card import WEIGHTS_NAME
from fluxlora_desktop.backends.huggingface.errors import SERVICE
from fluxlora_desktop.backends.huggingface.snapshot import RepoFile, RepoSnapshot
from fluxlora_desktop.domain.errors import AccessGated, InputError, ServiceRefused
from fluxlora_desktop.domain.ports import FetchedWeights, JobContext

_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_HUB_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
_LARGEST = 4_000_000_000


@dataclass(frozen=True, slots=True)
class RepoAddress:
    """What a person pasted: a repo, and perhaps one file of it."""

    repo: str
    path: str = ""

    @classmethod
    def parse(cls, text: str, hub: str) -> RepoAddress:
        """Read owner/name or an address at the hub; raises `InputError` for anything else."""
        words = text.strip()
        path = words
        if "://" in words:
            parts = urlsplit(words)
            if parts.netloc != urlsplit(hub).netloc and parts.netloc not in _HUB_HOSTS:
                raise InputError("repo", f"{parts.netloc} is not the hub")
            path = unquote(parts.path)
        pieces = [piece for piece in path.split("/") if piece]
        repo, rest = "/".join(pieces[:2]), pieces[2:]
        if not _REPO.fullmatch(repo):
            raise InputError("repo", "Write it as owner/name, or paste the repo's address.")
        if len(rest) > 2 and rest[0] in {"resolve", "blob"}:
            return cls(repo, "/".join(rest[2:]))
        return cls(repo)


def fetch_weights(
    held: RepoSnapshot,
    wanted: RepoAddress,
    hub: str,
    client: ServiceClient,
    folder: Path,
    ctx: JobContext,
) -> FetchedWeights:
    """Download the one weights file of a repo to `folder`/lora.safetensors."""
    file = _chosen(held, wanted)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{hashlib.sha256(held.repo.encode()).hexdigest()[:12]}.part"
    url = f"{hub}/{held.repo}/resolve/{held.commit}/{quote(file.path)}"
    try:
        client.download(url, part, what="weights", limit=_LARGEST, ctx=ctx, sha256=file.sha256)
    except AccessGated as error:
        page = f"{hub}/{held.repo}"
        raise AccessGated(SERVICE, error.detail, page=page, status=error.status) from error
    target = folder / WEIGHTS_NAME
    part.replace(target)
    forget_part(part)
    return FetchedWeights(target)


def _chosen(held: RepoSnapshot, wanted: RepoAddress) -> RepoFile:
    file = held.file(wanted.path) if wanted.path else held.weights()
    if file is None or not file.path.endswith(".safetensors"):
        raise ServiceRefused(SERVICE, _why_none(held, wanted))
    if file.size > _LARGEST:
        raise ServiceRefused(SERVICE, f"{file.path} is too large for a LoRA.")
    return file


def _why_none(held: RepoSnapshot, wanted: RepoAddress) -> str:
    if wanted.path:
        return f"{held.repo} has no weights file {wanted.path}."
    names = [file.path for file in held.files if file.path.endswith(".safetensors")]
    if not names:
        return f"{held.repo} holds no .safetensors file."
    return (
        f"{held.repo} holds several weights files ({', '.join(names[:5])}). "
        "Paste the address of the one you want."
    )
