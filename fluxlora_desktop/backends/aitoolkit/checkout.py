"""Look at a folder that a person says is a checkout of ai-toolkit, and at its Python.

What lies where: ostris/ai-toolkit 27a03a9 (version 0.12.26). Git is read as files, so that it need
not be installed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fluxlora_desktop.backends.aitoolkit.trainers import TRAINERS
from fluxlora_desktop.backends.local.child import without_bundled
from fluxlora_desktop.domain.checkout import Checkout
from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.ports import JobContext

PROBE_S = 180.0
"""How long a Python may take to say what it is; the first import of torch takes a minute."""
_LOOK_S = 0.1
_LARGEST_TEXT = 1_000_000
_LARGEST_ANSWER = 20_000
_FOREIGN = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV")
_ENVIRONMENTS = ("venv", ".venv", "env")
_SIGNS = ("run.py", "toolkit/config_modules.py", "jobs/process/BaseSDTrainProcess.py")
_REPORTS = "extensions_built_in/sd_trainer/DiffusionTrainer.py"
_VERSION = re.compile(r"""^VERSION\s*=\s*["']([0-9A-Za-z.+-]{1,40})["']""", re.MULTILINE)
_HASH = re.compile(r"[0-9a-f]{40,64}")
_NEEDED = ("torch", "diffusers", "transformers", "accelerate", "safetensors", "oyaml", "dotenv")
_PROBE = f"""
import importlib.util, json, sys
sys.path[:] = [p for p in sys.path if p]
told = {{"python": "%d.%d.%d" % sys.version_info[:3]}}
told["missing"] = [n for n in {_NEEDED!r} if importlib.util.find_spec(n) is None]
try:
    import torch
    told["torch"] = str(torch.__version__)
    if torch.cuda.is_available():
        gpu = torch.cuda.get_device_properties(0)
        told["gpu"], told["memory"] = str(gpu.name), int(gpu.total_memory)
    elif torch.backends.mps.is_available():
        told["gpu"] = "Apple GPU"
except Exception as error:
    told["trouble"] = "%s: %s" % (type(error).__name__, str(error)[:300])
print("\\nFLUXLORA " + json.dumps(told))
"""


class OwnCheckoutFinder:
    """Fills the port `CheckoutFinder`; its Python is started with what `environment` returns."""

    def __init__(self, environment: Callable[[], Mapping[str, str]]) -> None:
        self._environment = environment

    def python_in(self, folder: Path) -> Path | None:
        """Return the Python of an environment inside the folder, None when there is none."""
        inner = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
        places = (folder.joinpath(name, *inner) for name in _ENVIRONMENTS)
        return next((place for place in places if place.is_file()), None)

    def look(self, folder: Path, python: Path | None, ctx: JobContext) -> Checkout:
        """Return what the folder is; raises `InputError` when it cannot be used."""
        _check_folder(folder)
        python = python or self.python_in(folder)
        if python is None:
            raise InputError("python", "There is no venv in this folder. Name the Python it uses.")
        if not python.is_file():
            raise InputError("python", f"{python} is not there.")
        told = self._ask(folder, python, ctx)
        _check_told(told)
        return Checkout(
            folder,
            python,
            version=_version_of(folder),
            commit=_commit_of(folder / ".git"),
            python_version=_text(told, "python"),
            torch=_text(told, "torch"),
            gpu=_text(told, "gpu"),
            gpu_bytes=memory if type(memory := told.get("memory")) is int else 0,
            bases=tuple(it.trainer.base for it in TRAINERS if (folder / it.needs).is_file()),
            reports=(folder / _REPORTS).is_file(),
        )

    def _ask(self, folder: Path, python: Path, ctx: JobContext) -> dict[str, Any]:
        """Let the Python tell what it is; it is ended when nobody waits for it any more."""
        with tempfile.TemporaryFile() as said:
            try:
                asked = subprocess.Popen(  # noqa: S603 - a person named this program
                    [str(python), "-c", _PROBE],
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.DEVNULL,
                    cwd=folder,
                    env=without_foreign(self._environment()),
                )
            except (OSError, ValueError) as error:
                raise InputError("python", f"{python} does not start: {error}") from error
            try:
                if not _ends(asked, ctx):
                    raise InputError("python", f"{python} did not answer in time.")
            finally:
                asked.kill()
                asked.wait()
            said.seek(0)
            return _answer_in(said.read(_LARGEST_ANSWER), python)


def _ends(asked: subprocess.Popen[bytes], ctx: JobContext) -> bool:
    for _ in range(int(PROBE_S / _LOOK_S)):
        ctx.check()
        try:
            asked.wait(_LOOK_S)
        except subprocess.TimeoutExpired:
            continue
        return True
    return False


def without_foreign(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the app's variables without those that lead a Python to another one's modules."""
    kept = without_bundled(environment)
    return {name: value for name, value in kept.items() if name not in _FOREIGN}


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError("folder", f"{folder} is not a folder.")
    if not (folder / _SIGNS[0]).is_file():
        raise InputError("folder", "There is no run.py in this folder. Choose the one that has it.")
    if not all((folder / sign).is_file() for sign in _SIGNS[1:]):
        raise InputError("folder", "This folder has a run.py, but not that of ai-toolkit.")


def _check_told(told: Mapping[str, Any]) -> None:
    missing = [name for name in _NEEDED if name in _list(told, "missing")]
    if missing:
        names = ", ".join(missing)
        raise InputError("python", f"This Python lacks {names}. Install ai-toolkit's requirements.")
    if trouble := _text(told, "trouble"):
        raise InputError("python", f"Its torch does not start: {trouble}")


def _answer_in(data: bytes, python: Path) -> dict[str, Any]:
    """Return what the probe said; other programs may print lines of their own before it."""
    found = re.search(r"^FLUXLORA (\{.*\})\r?$", data.decode(errors="replace"), re.MULTILINE)
    try:
        told = json.loads(found[1]) if found else None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise InputError("python", f"{python} does not answer as a Python does.")
    return told


def _version_of(folder: Path) -> str:
    found = _VERSION.search(_read(folder / "version.py"))
    return found[1] if found else ""


def _commit_of(git: Path) -> str:
    """Return the commit that is checked out, "" where there is no git or it is not clear."""
    pointer = _read(git) if git.is_file() else ""  # a worktree's folder lies elsewhere
    if pointer.startswith("gitdir:"):
        git = git.parent / pointer.removeprefix("gitdir:").strip()
    head = _read(git / "HEAD").strip()
    name = head.removeprefix("ref:").strip()
    if name == head:
        return head if _HASH.fullmatch(head) else ""
    if ".." in name or not name.startswith("refs/"):
        return ""
    common = _read(git / "commondir").strip()
    for place in (git, git / common):
        told = _read(place / name).strip()
        if _HASH.fullmatch(told):
            return told
        packed = re.search(rf"^([0-9a-f]{{40,64}}) {re.escape(name)}$", _packed(place), re.M)
        if packed:
            return packed[1]
    return ""


def _packed(git: Path) -> str:
    return _read(git / "packed-refs")


def _read(path: Path) -> str:
    """Return a small text file, "" for what cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_TEXT).decode(errors="replace")
    except OSError:
        return ""


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    return value[:400] if isinstance(value, str) else ""


def _list(told: Mapping[str, Any], name: str) -> list[Any]:
    value = told.get(name)
    return value if isinstance(value, list) else []
