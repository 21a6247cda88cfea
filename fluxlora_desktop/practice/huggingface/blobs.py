"""File contents on disk, by SHA-256; a name appears only when its bytes are whole and right."""

import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

_SHA256 = re.compile(r"[0-9a-f]{64}")


class WrongBytes(ValueError):
    """What arrived does not have the hash or the size that was announced."""


def is_sha256(text: str) -> bool:
    """Tell whether the text may be used as a blob's name."""
    return _SHA256.fullmatch(text) is not None


def git_blob_oid(content: bytes) -> str:
    """Return the id that git gives a file of this content."""
    head = f"blob {len(content)}\0".encode()
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()


def lfs_pointer(sha256: str, size: int) -> bytes:
    """Return the small file that git keeps in place of a large one."""
    lines = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
    return lines.encode()


class Blobs:
    """Contents by SHA-256 in one folder, shared by the hub and its storage port."""

    def __init__(self, *, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Return where the content is kept; ValueError when the name is not a SHA-256."""
        if not is_sha256(sha256):
            raise ValueError(f"not a SHA-256: {sha256!r}")
        return self._folder / sha256

    def size(self, sha256: str) -> int | None:
        """Return the size in bytes, or None when the content is not here."""
        path = self.path(sha256)
        return path.stat().st_size if path.exists() else None

    def read(self, sha256: str) -> bytes:
        """Return the whole content of a small file."""
        return self.path(sha256).read_bytes()

    def keep(self, content: bytes) -> str:
        """Store bytes and return their SHA-256."""
        sha256 = hashlib.sha256(content).hexdigest()
        if self.size(sha256) is None:
            temporary = self._temporary()
            temporary.write_bytes(content)
            temporary.replace(self.path(sha256))
        return sha256

    async def receive(self, chunks: AsyncIterator[bytes], *, sha256: str, size: int) -> None:
        """Stream an upload to disk and give it its name; WrongBytes when hash or size differ."""
        digest, received = hashlib.sha256(), 0
        temporary = self._temporary()
        try:
            with temporary.open("wb") as file:
                async for chunk in chunks:
                    received += len(chunk)
                    if received > size:
                        raise WrongBytes(f"more than {size} bytes")
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            if received != size or digest.hexdigest() != sha256:
                raise WrongBytes(f"{received} bytes with SHA-256 {digest.hexdigest()}")
            temporary.replace(self.path(sha256))
        finally:
            temporary.unlink(missing_ok=True)

    async def receive_part(self, chunks: AsyncIterator[bytes], *, sha256: str, part: int) -> str:
        """Stream one part of a multipart upload to disk and return its ETag."""
        digest = hashlib.md5(usedforsecurity=False)
        temporary = self._temporary()
        try:
            with temporary.open("wb") as file:
                async for chunk in chunks:
                    digest.update(chunk)
                    file.write(chunk)
            temporary.replace(self._part(sha256, part))
        finally:
            temporary.unlink(missing_ok=True)
        return digest.hexdigest()

    async def join_parts(self, *, sha256: str, size: int, parts: int) -> None:
        """Put the parts together in order; WrongBytes when one is missing or the whole is wrong."""
        paths = [self._part(sha256, number) for number in range(1, parts + 1)]
        if not all(path.exists() for path in paths):
            raise WrongBytes("a part is missing")
        await self.receive(_read_all(paths), sha256=sha256, size=size)
        for path in paths:
            path.unlink()

    def _part(self, sha256: str, number: int) -> Path:
        path = self.path(sha256)
        return path.with_name(f"{path.name}.part{number}")

    def _temporary(self) -> Path:
        return self._folder / f"{secrets.token_hex(8)}.tmp"


async def _read_all(paths: list[Path]) -> AsyncIterator[bytes]:
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                yield chunk
