"""The commit call: newline-separated JSON in, one new commit or nothing at all out."""

import base64
import binascii
import json
from dataclasses import dataclass, field
from typing import Any

from fluxlora_desktop.practice.huggingface.blobs import is_sha256
from fluxlora_desktop.practice.huggingface.card import CardError, read_card
from fluxlora_desktop.practice.huggingface.errors import HubError
from fluxlora_desktop.practice.huggingface.state import HubState, Repo, StoredFile

_MOST_LISTED_BYTES = 10_000_000
_LARGE = frozenset((".safetensors", ".bin", ".zip", ".tar", ".gz", ".ckpt", ".pt", ".pth", ".onnx"))


@dataclass(slots=True)
class _Wanted:
    """What a commit asks for, read but not yet applied."""

    title: str = ""
    message: str = ""
    parent: str | None = None
    small: dict[str, bytes] = field(default_factory=dict)
    large: dict[str, str] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)


def upload_mode(path: str, sample: bytes, size: int) -> str:
    """Say whether the hub wants a file through LFS ("lfs") or inside the commit ("regular")."""
    dot = path.rfind(".")
    ending = path[dot:].lower() if dot >= 0 else ""
    large = ending in _LARGE or b"\0" in sample or size > _MOST_LISTED_BYTES
    return "lfs" if large else "regular"


def apply_commit(state: HubState, repo: Repo, body: bytes) -> Repo:
    """Check everything that a commit asks for, then make it; HubError leaves the repo untouched."""
    wanted = _read(body)
    if wanted.parent is not None and wanted.parent != repo.head.id:
        raise HubError(412, "A commit has happened since. Please refresh and try again.")
    files = {file.path: file for file in repo.head.files}
    for path in wanted.deleted:
        _remove(files, path)
    for path, sha256 in wanted.large.items():
        files[path] = _uploaded(state, path, sha256)
    _check_card(wanted)
    for path, content in wanted.small.items():
        files[path] = state.small_file(path, content)
    return state.commit(repo, title=wanted.title, message=wanted.message, files=files.values())


def _read(body: bytes) -> _Wanted:
    wanted = _Wanted()
    for line in body.splitlines():
        try:
            _take(wanted, json.loads(line))
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            raise HubError(400, "Invalid commit payload") from error
    if not wanted.title:
        raise HubError(400, "A commit needs a summary")
    return wanted


def _take(wanted: _Wanted, item: Any) -> None:
    key, value = item["key"], item["value"]
    if key == "header":
        wanted.title = value["summary"]
        wanted.message = value.get("description", "")
        wanted.parent = value.get("parentCommit")
    elif key == "file":
        plain = value.get("encoding") == "utf-8"
        content = value["content"]
        data = content.encode() if plain else base64.b64decode(content, validate=True)
        wanted.small[_safe(value["path"])] = data
    elif key == "lfsFile":
        wanted.large[_safe(value["path"])] = value["oid"]
    elif key == "deletedFile":
        wanted.deleted.append(_safe(value["path"]))
    elif key == "deletedFolder":
        wanted.deleted.append(_safe(value["path"].rstrip("/")) + "/")
    else:
        raise ValueError(key)


def _safe(path: str) -> str:
    if not path or any(part in ("", ".", "..", ".git") for part in path.split("/")):
        raise HubError(400, f"Invalid path: {path}")
    return path


def _remove(files: dict[str, StoredFile], path: str) -> None:
    gone = [name for name in files if name == path or (path[-1] == "/" and name.startswith(path))]
    if not gone:
        raise HubError(404, "A file with this name doesn't exist", "EntryNotFound")
    for name in gone:
        del files[name]


def _uploaded(state: HubState, path: str, sha256: str) -> StoredFile:
    file = state.large_file(path, sha256) if is_sha256(sha256) else None
    if file is None:
        raise HubError(
            400,
            "Your push was rejected because an LFS pointer pointed to a file that does not exist. "
            f"Offending file: {path}",
        )
    return file


def _check_card(wanted: _Wanted) -> None:
    readme = wanted.small.get("README.md")
    if readme is None:
        return
    try:
        read_card(readme.decode())
    except (CardError, UnicodeDecodeError) as error:
        raise HubError(400, f"Invalid metadata in README.md: {error}") from error
