"""The hub's files in the cache of its library, large ones gone on with where a stop left them.

huggingface_hub 2.4 begins a file anew after each stop, since the names of its temporary files are
unique to a process; a base's files have up to 10 GB. So large ones are fetched here: into a part
beside their place, one process at a time, hashed when they are whole. The library finds them there.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from typing import Any

from .exits import BadInput

Tell = Callable[..., None]
LARGE = 16_000_000
"""Bytes from which a file is gone on with."""
_EVERY, _EVERY_S = 8_000_000, 1.0
"""Bytes and seconds between two lines about a file; whoever is told may raise to stop."""
_PIECE = 1_000_000
"""Bytes that are written and told at once; the library's 10 MB take a slow line half a minute."""
_ANSWER_S = 20.0
"""After which the hub counts as out of reach; the library itself would wait for ever."""
_WHOLE = "whole.json"
_AT_ONCE = 1 << 22


def fetch(repo: str, revision: str, patterns: Collection[str], tell: Tell) -> Path:
    """Return the folder of a repo's files that match, as they are at the hub now.

    `tell` gets `download` events. Raises what huggingface_hub does, `OSError`, or `BadInput` where
    no file matches.
    """
    import huggingface_hub

    about = huggingface_hub.HfApi().model_info(
        repo, revision=revision, files_metadata=True, timeout=_ANSWER_S
    )
    wanted = [
        entry
        for entry in about.siblings or ()
        if any(fnmatch(entry.rfilename, pattern) for pattern in patterns)
    ]
    if not wanted:
        raise BadInput(f"{repo} has none of the files that a base has.", "Choose another folder.")
    folder = Path()
    for entry in wanted:
        name, size = entry.rfilename, int(entry.size or 0)
        if entry.lfs is not None and size >= LARGE:
            _fetch_large(repo, str(about.sha), name, entry.lfs.sha256, size, tell)
        path = huggingface_hub.hf_hub_download(
            repo, name, revision=about.sha, tqdm_class=_bar(name, tell)
        )
        tell("download", file=name, done=size, total=size)
        folder = Path(path).parents[name.count("/")]
    sizes = {entry.rfilename: int(entry.size or 0) for entry in wanted}
    _note_whole(repo, {"revision": revision, "sha": about.sha, "files": sizes})
    for part in (_home(repo) / "blobs").glob("*.part"):  # of files that the repo has no more
        part.unlink(missing_ok=True)
    return folder


def kept(repo: str, revision: str) -> Path | None:
    """Return the folder of what `fetch` brought last, None where it is not whole any more."""
    home = _home(repo)
    try:
        note = json.loads((home / _WHOLE).read_text("utf-8"))
        folder = home / "snapshots" / str(note["sha"])
        here = {name: (folder / name).stat().st_size for name in note["files"]}
        if note["revision"] == revision and here and here == note["files"]:
            return folder
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def _note_whole(repo: str, note: dict[str, Any]) -> None:
    path = _home(repo) / _WHOLE
    part = path.with_name(f"{_WHOLE}.{os.getpid()}")
    part.write_text(json.dumps(note), "utf-8")
    part.replace(path)


def _home(repo: str) -> Path:
    """Return where the library keeps a repo: blobs by their hash, snapshots that lead to them."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type="model")


def _fetch_large(repo: str, sha: str, name: str, digest: str, size: int, tell: Tell) -> None:
    """Bring a file to where the library looks for it; what a stop left is gone on with."""
    from huggingface_hub import constants, errors, hf_hub_url
    from huggingface_hub.file_download import are_symlinks_supported, http_get

    home = _home(repo)
    blob, file_there = home / "blobs" / digest, home / "snapshots" / sha / name
    # Without links the library would copy it from the blobs.
    target = blob if are_symlinks_supported(home.parent) else file_there
    for folder in (blob.parent, target.parent):
        folder.mkdir(parents=True, exist_ok=True)
    part = blob.with_name(f"{digest}.part")

    def waits() -> None:
        tell("download", file=name, done=_size(part), total=size)

    with _alone(home.parent / ".locks" / home.name / f"{digest}.lock", waits):
        if blob.exists() or file_there.exists():
            return
        constants.DOWNLOAD_CHUNK_SIZE = _PIECE
        with part.open("ab") as file:
            done = file.tell()
            if done > size:
                done = file.truncate(0)
            try:
                http_get(
                    hf_hub_url(repo, name, revision=sha),
                    file,
                    resume_size=done,
                    headers=import_module("huggingface_hub.utils").build_hf_headers(),
                    expected_size=size,
                    tqdm_class=_bar(name, tell),
                )
            except errors.HfHubHTTPError as error:
                if getattr(error.response, "status_code", 0) in {401, 403}:
                    return  # a mirror may lose the token on the way; the library says what it is
                raise
            os.fsync(file.fileno())
        if _sha256(part, waits) != digest:
            part.unlink()
            raise OSError(f"{name} came damaged, and is fetched anew")
        part.replace(target)


@contextmanager
def _alone(path: Path, waits: Callable[[], None]) -> Iterator[None]:
    """Hold a file's lock, the one that the library takes too; `waits` may raise meanwhile."""
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    while True:
        try:
            lock.acquire(timeout=_EVERY_S)
            break
        except Timeout:
            waits()
    try:
        yield
    finally:
        lock.release()


class _Nowhere(io.TextIOBase):
    """Where a bar is drawn that nobody sees."""

    def write(self, text: str, /) -> int:
        """Take it and forget it."""
        return len(text)


def _bar(name: str, tell: Tell) -> Any:
    """Return a progress bar of the library that tells bytes instead of drawing them."""
    base: Any = import_module("huggingface_hub.utils").tqdm

    class Bar(base):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": False, "file": _Nowhere()})
            self._came = self._told = int(kwargs.get("initial") or 0)
            self._told_at = time.monotonic()

        def update(self, n: float | None = 1) -> Any:
            self._came += int(n or 0)
            now = time.monotonic()
            if self._came - self._told >= _EVERY or now - self._told_at >= _EVERY_S:
                self._told, self._told_at = self._came, now
                tell("download", file=name, done=self._came, total=int(self.total or 0))
            return super().update(n)

    return Bar


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _sha256(path: Path, meanwhile: Callable[[], None]) -> str:
    digest, last = hashlib.sha256(), time.monotonic()
    with path.open("rb") as file:
        while data := file.read(_AT_ONCE):
            digest.update(data)
            if time.monotonic() - last >= _EVERY_S:
                last = time.monotonic()
                meanwhile()
    return digest.hexdigest()
