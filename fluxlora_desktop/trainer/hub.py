"""Where the base lies on disk: a local folder, or the hub's files, fetched with progress.

The token comes from the environment (`HF_TOKEN`), the cache's place from `HF_HOME`; neither is ever
written down.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from .events import disk_full
from .exits import BadInput, Gated, TrainerError, is_disk_full
from .families.base import Family

Tell = Callable[..., None]
_EVERY = 8_000_000
"""Bytes between two lines about a file."""


class Unreachable(TrainerError):
    """The hub did not answer."""


def base_folder(family: Family, model: str, revision: str, tell: Tell) -> Path:
    """Return the folder of the base, fetched where it is not there yet.

    `tell` gets `download` events. Raises `BadInput`, `Gated`, `DiskFull` or `Unreachable`.
    """
    if model and (Path(model).is_absolute() or Path(model).is_dir()):
        folder = Path(model)
        if not folder.is_dir():
            raise BadInput(f"model in job.json names {folder}, which is not a folder.", _CHOOSE)
    else:
        folder = _fetched(family, model or family.hub, revision or "main", tell)
    refusal = family.refusal(folder)
    if refusal:
        raise BadInput(f"{folder} is not the base {family.key}: {refusal}.", _CHOOSE)
    return folder


_CHOOSE = "Choose the folder of the base as diffusers keeps it, or leave model empty."


def fingerprint(folder: Path) -> str:
    """Return what tells this base's weights from another's: its configuration and files' sizes."""
    inner = folder / "transformer"
    digest = hashlib.sha256((inner / "config.json").read_bytes())
    for path in sorted(inner.glob("*.safetensors")):
        digest.update(f"{path.name}:{path.stat().st_size}\n".encode())
    return digest.hexdigest()


def _fetched(family: Family, repo: str, revision: str, tell: Tell) -> Path:
    import huggingface_hub
    from huggingface_hub import errors

    def fetch(**how: Any) -> Path:
        found = huggingface_hub.snapshot_download(
            repo, revision=revision, allow_patterns=list(family.patterns), **how
        )
        return Path(found)

    try:
        return _fetch_each(family, repo, revision, tell)
    except errors.GatedRepoError as error:
        raise _gated(repo) from error
    except errors.HfHubHTTPError as error:
        if getattr(error.response, "status_code", 0) in (401, 403):
            raise _gated(repo) from error
        if getattr(error.response, "status_code", 0) == 404:
            raise BadInput(f"The hub has no {repo} at {revision}.", _CHOOSE) from error
        return _kept(fetch, repo, error)
    except (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError, ConnectionError) as error:
        return _kept(fetch, repo, error)
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(Path(repo)) from error
        return _kept(fetch, repo, error)
    except Exception as error:
        if type(error).__module__.split(".")[0] in ("httpx", "httpx2", "httpcore", "httpcore2"):
            return _kept(fetch, repo, error)
        raise


def _gated(repo: str) -> Gated:
    return Gated(
        f"The hub does not hand out {repo} to this account.",
        f"Accept its terms at https://huggingface.co/{repo} and connect a Hugging Face token.",
    )


def _kept(fetch: Callable[..., Path], repo: str, error: Exception) -> Path:
    """Take what an earlier fetch has left, when the hub cannot be asked."""
    try:
        return fetch(local_files_only=True)
    except Exception as nothing:
        raise Unreachable(
            f"The hub could not be reached to fetch {repo}: {error}.",
            "Check the network and try again; what was fetched is kept.",
        ) from nothing


def _fetch_each(family: Family, repo: str, revision: str, tell: Tell) -> Path:
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        return _fetch_into_cache(family, repo, revision, tell, nowhere)


def _fetch_into_cache(
    family: Family, repo: str, revision: str, tell: Tell, nowhere: TextIO
) -> Path:
    import huggingface_hub

    bar: Any = import_module("huggingface_hub.utils").tqdm
    name, done, told = "", 0, 0

    class Bar(bar):
        """Tells the bytes of a file instead of drawing them."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs["disable"] = False
            kwargs["file"] = nowhere
            super().__init__(*args, **kwargs)

        def update(self, n: float | None = 1) -> Any:
            nonlocal done, told
            done += int(n or 0)
            if done - told >= _EVERY:
                told = done
                tell("download", file=name, done=done, total=int(self.total or 0))
            return super().update(n)

    about = huggingface_hub.HfApi().model_info(repo, revision=revision, files_metadata=True)
    wanted = [
        entry
        for entry in about.siblings or ()
        if any(fnmatch(entry.rfilename, pattern) for pattern in family.patterns)
    ]
    folder = Path()
    for entry in wanted:
        name, done, told = entry.rfilename, 0, 0
        path = huggingface_hub.hf_hub_download(
            repo, entry.rfilename, revision=about.sha, tqdm_class=Bar
        )
        size = int(entry.size or 0)
        tell("download", file=entry.rfilename, done=size, total=size)
        folder = Path(path).parents[entry.rfilename.count("/")]
    if not wanted:
        raise BadInput(f"{repo} has none of the files of {family.key}.", _CHOOSE)
    return folder
