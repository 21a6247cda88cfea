"""Where the base lies on disk: a local folder, or the hub's files, fetched with progress.

The token comes from the environment (`HF_TOKEN`), the cache's place from `HF_HOME`; neither is ever
written down.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from . import download
from .download import Tell
from .events import disk_full
from .exits import BadInput, Gated, TrainerError, is_disk_full
from .families.base import Family


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
    from huggingface_hub import errors

    try:
        return download.fetch(repo, revision, family.patterns, tell)
    except errors.GatedRepoError as error:
        raise _gated(repo) from error
    except errors.HfHubHTTPError as error:
        if getattr(error.response, "status_code", 0) in (401, 403):
            raise _gated(repo) from error
        if getattr(error.response, "status_code", 0) == 404:
            raise BadInput(f"The hub has no {repo} at {revision}.", _CHOOSE) from error
        return _kept(repo, revision, error)
    except (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError, ConnectionError) as error:
        return _kept(repo, revision, error)
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(Path(repo)) from error
        return _kept(repo, revision, error)
    except Exception as error:
        if type(error).__module__.split(".")[0] in ("httpx", "httpx2", "httpcore", "httpcore2"):
            return _kept(repo, revision, error)
        raise


def _gated(repo: str) -> Gated:
    return Gated(
        f"The hub does not hand out {repo} to this account.",
        f"Accept its terms at https://huggingface.co/{repo} and connect a Hugging Face token.",
    )


def _kept(repo: str, revision: str, error: Exception) -> Path:
    """Take what came whole before, when the hub cannot be asked."""
    folder = download.kept(repo, revision)
    if folder is None:
        raise Unreachable(
            f"The hub could not be reached to fetch {repo}: {error}.",
            "Check the network and try again; what was fetched is kept.",
        ) from error
    return folder
