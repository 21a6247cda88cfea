"""The hub's JSON: the one place that knows how its replies are spelled."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from fluxlora_desktop.practice.huggingface.accounts import Grant
from fluxlora_desktop.practice.huggingface.blobs import Blobs, lfs_pointer
from fluxlora_desktop.practice.huggingface.card import Card, CardError, read_card
from fluxlora_desktop.practice.huggingface.state import Commit, Repo, StoredFile

_PROVIDERS = (("fal-ai", "fal-ai/flux-lora"), ("replicate", "black-forest-labs/flux-dev-lora"))


def account_id(username: str) -> str:
    """Return the 24 hex digits by which the hub knows an account."""
    return hashlib.sha256(username.encode()).hexdigest()[:24]


def whoami(grant: Grant) -> dict[str, Any]:
    """Tell who a token belongs to and what it may do."""
    token: dict[str, Any] = {
        "displayName": grant.name,
        "role": grant.role,
        "createdAt": "2026-01-01T00:00:00.000Z",
    }
    if grant.role == "fineGrained":
        entity = {"_id": account_id(grant.username), "type": "user", "name": grant.username}
        token["fineGrained"] = {
            "canReadGatedRepos": False,
            "global": [],
            "scoped": [{"entity": entity, "permissions": list(grant.scopes)}],
        }
    return {
        "type": "user",
        "id": account_id(grant.username),
        "name": grant.username,
        "fullname": grant.username.title(),
        "isPro": False,
        "canPay": False,
        "orgs": [],
        "auth": {"type": "access_token", "accessToken": token},
    }


def card_of(repo: Repo, blobs: Blobs) -> Card:
    """Read the repo's model card; an absent one is empty."""
    readme = repo.head.file("README.md")
    if readme is None:
        return Card()
    try:
        return read_card(blobs.read(readme.sha256).decode())
    except (CardError, UnicodeDecodeError):
        return Card()


def tags(card: Card) -> list[str]:
    """Return the tags that the hub derives from a card, base models among them."""
    found = dict.fromkeys(card.texts("tags"))
    for key in ("library_name", "pipeline_tag"):
        if value := card.text(key):
            found[value] = None
    for base in card.texts("base_model"):
        found[f"base_model:{base}"] = None
        found[f"base_model:{_relation(card)}:{base}"] = None
    if licence := card.text("license"):
        found[f"license:{licence}"] = None
    return list(found)


def model(repo: Repo, commit: Commit, blobs: Blobs, *, with_sizes: bool) -> dict[str, Any]:
    """Describe a repo as `GET /api/models/{id}` does."""
    card = card_of(repo, blobs)
    return {
        "_id": account_id(repo.id),
        "id": repo.id,
        "modelId": repo.id,
        "author": repo.owner,
        "sha": commit.id,
        "private": repo.private,
        "gated": repo.gated or False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": tags(card),
        "pipeline_tag": card.text("pipeline_tag"),
        "library_name": card.text("library_name"),
        "cardData": card.data,
        "siblings": [_sibling(file, with_sizes=with_sizes) for file in commit.files],
        "createdAt": timestamp(repo.created_at),
        "lastModified": timestamp(repo.head.created_at),
    }


def provider_mapping(repo: Repo, blobs: Blobs) -> list[dict[str, Any]]:
    """Name the providers that would serve the repo: public, a LoRA, adapter of a base model."""
    card = card_of(repo, blobs)
    adapts = bool(card.texts("base_model")) and _relation(card) == "adapter"
    weights = next((f.path for f in repo.head.files if f.path.endswith(".safetensors")), None)
    if repo.private or weights is None or not adapts or "lora" not in card.texts("tags"):
        return []
    return [
        {
            "provider": provider,
            "providerId": provider_id,
            "status": "live",
            "task": "text-to-image",
            "adapter": "lora",
            "adapterWeightsPath": weights,
        }
        for provider, provider_id in _PROVIDERS
    ]


def base_model(name: str, served: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Describe a base model of which the practice hub knows only who serves it."""
    return {
        "_id": account_id(name),
        "id": name,
        "inferenceProviderMapping": [
            {
                "provider": provider,
                "providerId": provider_id,
                "status": "live",
                "task": "text-to-image",
            }
            for provider, provider_id in served
        ],
    }


def tree_file(file: StoredFile) -> dict[str, Any]:
    """Describe a file as the tree and paths-info calls do."""
    entry: dict[str, Any] = {
        "type": "file",
        "oid": file.oid,
        "size": file.size,
        "path": file.path,
    }
    if file.lfs:
        pointer = len(lfs_pointer(file.sha256, file.size))
        entry["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": pointer}
    return entry


def tree(commit: Commit, *, folder: str, recursive: bool) -> list[dict[str, Any]]:
    """List the files below a folder ("" is the root); folders too, when not recursive."""
    prefix = f"{folder}/" if folder else ""
    entries: dict[str, dict[str, Any]] = {}
    for file in commit.files:
        if not file.path.startswith(prefix):
            continue
        first, slash, _rest = file.path.removeprefix(prefix).partition("/")
        if slash:
            path = prefix + first
            oid = account_id(path).ljust(40, "0")
            entries[path] = {"type": "directory", "oid": oid, "size": 0, "path": path}
        if recursive or not slash:
            entries[file.path] = tree_file(file)
    return list(entries.values())


def history(repo: Repo) -> list[dict[str, Any]]:
    """List the commits, newest first."""
    return [
        {
            "id": commit.id,
            "title": commit.title,
            "message": commit.message,
            "authors": [{"user": commit.author}],
            "date": timestamp(commit.created_at),
        }
        for commit in reversed(repo.commits)
    ]


def timestamp(seconds: float) -> str:
    """Return a time as the hub writes it: UTC, milliseconds, Z."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _relation(card: Card) -> str:
    stated = card.text("base_model_relation")
    return stated or ("adapter" if "lora" in card.texts("tags") else "finetune")


def _sibling(file: StoredFile, *, with_sizes: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"rfilename": file.path}
    if with_sizes:
        entry |= {"size": file.size, "blobId": file.oid}
        if file.lfs:
            pointer = len(lfs_pointer(file.sha256, file.size))
            entry["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": pointer}
    return entry
