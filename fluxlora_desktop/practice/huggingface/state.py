"""The repos of the practice hub: every commit is a whole listing, the index one JSON file."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fluxlora_desktop.practice.huggingface.blobs import Blobs, git_blob_oid, lfs_pointer
from fluxlora_desktop.practice.huggingface.errors import HubError

_REPO_NAME = re.compile(r"(?!.*(--|\.\.))[A-Za-z0-9_]([A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
_ATTRIBUTES = b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a commit."""

    path: str
    size: int
    sha256: str
    oid: str
    """The git id of the file, or of the pointer that stands for it."""
    lfs: bool


@dataclass(frozen=True, slots=True)
class Commit:
    """One state of a repo."""

    id: str
    title: str
    message: str
    author: str
    created_at: float
    files: tuple[StoredFile, ...]

    def file(self, path: str) -> StoredFile | None:
        """Return the file at a path, or None."""
        return next((file for file in self.files if file.path == path), None)


@dataclass(frozen=True, slots=True)
class Repo:
    """A model repo with its history, oldest commit first."""

    id: str
    private: bool
    created_at: float
    commits: tuple[Commit, ...]
    gated: str | None = None
    """None, "auto" or "manual"."""

    @property
    def owner(self) -> str:
        """The namespace that the repo belongs to."""
        return self.id.partition("/")[0]

    @property
    def head(self) -> Commit:
        """The newest commit."""
        return self.commits[-1]

    def at(self, revision: str) -> Commit:
        """Return the commit of a branch or an id; HubError when there is none."""
        if revision in ("main", "HEAD", "refs/heads/main"):
            return self.head
        for commit in self.commits:
            if commit.id == revision:
                return commit
        raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")


class HubState:
    """All repos, written through to disk at each change; used from one event loop only."""

    def __init__(self, *, folder: Path, blobs: Blobs, clock: Callable[[], float]) -> None:
        self._index = folder / "index.json"
        self._blobs = blobs
        self._clock = clock
        folder.mkdir(parents=True, exist_ok=True)
        self._repos = _load(self._index)

    def find(self, repo_id: str) -> Repo | None:
        """Return a repo, or None."""
        return self._repos.get(repo_id)

    def repos_of(self, owner: str | None) -> tuple[Repo, ...]:
        """Return the repos of one namespace, or of all, newest first."""
        found = [repo for repo in self._repos.values() if owner in (None, repo.owner)]
        return tuple(sorted(found, key=lambda repo: repo.created_at, reverse=True))

    def create(self, *, owner: str, name: str, private: bool) -> Repo:
        """Create a repo with the hub's first commit; HubError 400 for a name it would refuse."""
        if not _REPO_NAME.fullmatch(name) or name.endswith(".git"):
            raise HubError(400, f"Invalid repo name: {owner}/{name}")
        now = self._clock()
        attributes = self.small_file(".gitattributes", _ATTRIBUTES)
        first = _commit(None, "initial commit", "", owner, now, (attributes,), owner, name)
        repo = Repo(f"{owner}/{name}", private, now, (first,))
        self._put(repo)
        return repo

    def commit(self, repo: Repo, *, title: str, message: str, files: Iterable[StoredFile]) -> Repo:
        """Append a commit that holds exactly these files."""
        listing = tuple(sorted(files, key=lambda file: file.path))
        now = self._clock()
        commit = _commit(repo.head.id, title, message, repo.owner, now, listing)
        changed = replace(repo, commits=(*repo.commits, commit))
        self._put(changed)
        return changed

    def change(
        self, repo: Repo, *, private: bool | None = None, gated: str | bool | None = None
    ) -> Repo:
        """Change who may read a repo; None leaves a setting as it is, gated=False opens it."""
        if private is not None:
            repo = replace(repo, private=private)
        if gated is not None:
            repo = replace(repo, gated=gated if isinstance(gated, str) else None)
        self._put(repo)
        return repo

    def delete(self, repo: Repo) -> None:
        """Forget a repo."""
        del self._repos[repo.id]
        self._save()

    def small_file(self, path: str, content: bytes) -> StoredFile:
        """Store a file that git keeps itself."""
        sha256 = self._blobs.keep(content)
        return StoredFile(path, len(content), sha256, git_blob_oid(content), lfs=False)

    def large_file(self, path: str, sha256: str) -> StoredFile | None:
        """Return the entry of an uploaded LFS object, or None when nothing was uploaded."""
        size = self._blobs.size(sha256)
        if size is None:
            return None
        return StoredFile(path, size, sha256, git_blob_oid(lfs_pointer(sha256, size)), lfs=True)

    def _put(self, repo: Repo) -> None:
        self._repos[repo.id] = repo
        self._save()

    def _save(self) -> None:
        text = json.dumps([asdict(repo) for repo in self._repos.values()], ensure_ascii=False)
        temporary = self._index.with_suffix(".tmp")
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._index)


def _commit(
    parent: str | None,
    title: str,
    message: str,
    author: str,
    created_at: float,
    files: tuple[StoredFile, ...],
    *salt: str,
) -> Commit:
    """Make a commit whose id follows from its content and place, as git's does."""
    told = [parent, title, message, author, created_at, [(f.path, f.oid) for f in files], salt]
    digest = hashlib.sha1(json.dumps(told).encode(), usedforsecurity=False).hexdigest()
    return Commit(digest, title, message, author, created_at, files)


def _load(index: Path) -> dict[str, Repo]:
    if not index.exists():
        return {}
    return {value["id"]: _repo(value) for value in json.loads(index.read_text("utf-8"))}


def _repo(value: dict[str, Any]) -> Repo:
    commits = tuple(
        Commit(**{**commit, "files": tuple(StoredFile(**file) for file in commit["files"])})
        for commit in value["commits"]
    )
    return Repo(**{**value, "commits": commits})
