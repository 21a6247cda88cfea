"""What a repo holds at one commit, as far as publishing and fetching need it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from huggingface_hub import ModelInfo

from fluxlora_desktop.backends.huggingface.card import WEIGHTS_NAME
from fluxlora_desktop.backends.huggingface.errors import SERVICE
from fluxlora_desktop.domain.errors import UnexpectedReply
from fluxlora_desktop.domain.loras import HubStatus
from fluxlora_desktop.domain.training import Visibility

_REPO = re.compile(r"(?:[A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_MADE_BY_THE_HUB = frozenset({".gitattributes"})


@dataclass(frozen=True, slots=True)
class RepoFile:
    """A file of a repo: `sha256` for large ones, `blob_id` (git's SHA-1) for the others."""

    path: str
    size: int
    sha256: str
    blob_id: str

    def holds(self, data: bytes) -> bool:
        """Tell whether the file's bytes are these."""
        if self.sha256:
            return self.sha256 == hashlib.sha256(data).hexdigest()
        return self.blob_id == git_blob_id(data)


@dataclass(frozen=True, slots=True)
class RepoSnapshot:
    """A repo at its newest commit."""

    repo: str
    commit: str
    visibility: Visibility
    files: tuple[RepoFile, ...]

    @property
    def empty(self) -> bool:
        """Tell whether nobody has put anything into the repo yet."""
        return all(file.path in _MADE_BY_THE_HUB for file in self.files)

    def file(self, path: str) -> RepoFile | None:
        """Return the file at a path, or None."""
        return next((file for file in self.files if file.path == path), None)

    def weights(self) -> RepoFile | None:
        """Return lora.safetensors, else the only safetensors file at the top, else None."""
        named = self.file(WEIGHTS_NAME)
        if named is not None:
            return named
        found = [
            file
            for file in self.files
            if file.path.endswith(".safetensors") and "/" not in file.path
        ]
        return found[0] if len(found) == 1 else None

    def status(self) -> HubStatus:
        """Return the snapshot as the app's word for it."""
        weights = self.weights()
        return HubStatus(
            exists=True,
            visibility=self.visibility,
            commit=self.commit,
            weights_sha256=weights.sha256 if weights else "",
            weights_size=weights.size if weights else 0,
        )


def snapshot_of(info: ModelInfo) -> RepoSnapshot:
    """Read the client's answer, which was asked for with the files' metadata.

    Raises `UnexpectedReply` for a repo or a commit that may not enter an address.
    """
    commit = info.sha or ""
    if commit and not _COMMIT.fullmatch(commit):
        raise UnexpectedReply(SERVICE, "repo.sha", "not a commit")
    if not _REPO.fullmatch(info.id):
        raise UnexpectedReply(SERVICE, "repo.id", "not a repo")
    files = tuple(
        RepoFile(
            path=sibling.rfilename,
            size=(sibling.lfs.size if sibling.lfs else sibling.size) or 0,
            sha256=sibling.lfs.sha256 if sibling.lfs else "",
            blob_id=sibling.blob_id or "",
        )
        for sibling in info.siblings or ()
    )
    visibility = Visibility.PRIVATE if info.private else Visibility.PUBLIC
    return RepoSnapshot(info.id, commit, visibility, files)


def git_blob_id(data: bytes) -> str:
    """Return git's name for a file with these bytes."""
    header = f"blob {len(data)}\0".encode()
    return hashlib.sha1(header + data, usedforsecurity=False).hexdigest()
