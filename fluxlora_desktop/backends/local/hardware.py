"""What this computer has, without the engine: GPUs by NVIDIA's own tool, memory, room, Python."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fluxlora_desktop.backends.local.child import ask
from fluxlora_desktop.domain.engine import Gpu, Hardware
from fluxlora_desktop.trainer.probe import ram_bytes

UV_PAGE = "https://docs.astral.sh/uv/getting-started/installation/"
PYTHON_PAGE = "https://www.python.org/downloads/"
DRIVER_PAGE = "https://www.nvidia.com/drivers"
PYTHONS = ((3, 12), (3, 13), (3, 11))
"""The versions that the pinned packages have wheels for (NumPy 2.4 asks for 3.11), best first."""
_ANSWER_S = 20.0
_MIB = 1 << 20
_MOST_GPUS = 32
_FIELDS = ("index", "name", "memory.total", "memory.free", "driver_version")
_CHECK = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
_VERSION = "import sys; print(*sys.version_info[:2])"


@dataclass(frozen=True, slots=True)
class Maker:
    """What makes the engine's environment: uv, or a Python; `trouble` says why neither can."""

    uv: Path | None = None
    python: Path | None = None
    version: str = ""
    trouble: str = ""
    page: str = ""

    @property
    def title(self) -> str:
        """Return how it is called on screen, "" where there is none."""
        if self.uv is not None:
            return "uv"
        return f"Python {self.version}" if self.python is not None else ""


def look(maker: Maker, environ: Mapping[str, str], free: int) -> Hardware:
    """Return the hardware; `free` bytes are left on the disk that the engine would be on."""
    gpus, driver = find_gpus(environ)
    return Hardware(
        system=sys.platform,
        gpus=gpus,
        driver=driver,
        trouble="" if gpus else _no_gpu(sys.platform, driver),
        ram_bytes=ram_bytes(),
        free_bytes=free,
        maker=maker.title,
        maker_trouble=maker.trouble,
        maker_page=maker.page,
    )


def free_bytes(folder: Path) -> int:
    """Return the bytes that are free where a folder is, or would be."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def find_gpus(environ: Mapping[str, str]) -> tuple[tuple[Gpu, ...], str]:
    """Return NVIDIA's GPUs and the driver's version, both empty where the tool does not answer."""
    tool = _nvidia_smi(environ)
    if tool is None:
        return (), ""
    for fields in ((*_FIELDS, "compute_cap"), _FIELDS):  # older drivers do not know the last
        query = [f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
        answer = ask([tool, *query], env=environ, seconds=_ANSWER_S)
        if answer is not None:
            return _parse_gpus(answer)
    return (), "silent"


def _nvidia_smi(environ: Mapping[str, str]) -> Path | None:
    found = shutil.which("nvidia-smi", path=environ.get("PATH"))
    if found is None and sys.platform == "win32":
        usual = Path(environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "nvidia-smi.exe")
        found = str(usual) if usual.exists() else None
    return None if found is None else Path(found)


def _parse_gpus(answer: str) -> tuple[tuple[Gpu, ...], str]:
    gpus, driver = [], ""
    for line in answer.splitlines()[:_MOST_GPUS]:
        parts = [part.strip() for part in line.split(",")]
        if len(parts) < len(_FIELDS) or not (parts[0].isdecimal() and parts[2].isdecimal()):
            continue
        capability = parts[5] if len(parts) > 5 and parts[5][:1].isdecimal() else ""
        free = int(parts[3]) if parts[3].isdecimal() else 0
        driver = parts[4]
        gpus.append(
            Gpu(
                index=int(parts[0]),
                name=parts[1][:100],
                memory_bytes=int(parts[2]) * _MIB,
                free_bytes=free * _MIB,
                capability=capability,
                bf16=not capability or int(capability.split(".")[0]) >= 8,
            )
        )
    return tuple(gpus), driver


def _no_gpu(system: str, driver: str) -> str:
    if system == "darwin":
        return (
            "FLUX cannot be trained on a Mac: the libraries need an NVIDIA GPU, and Apple's do not "
            "work for it."
        )
    if driver:
        return (
            "NVIDIA's driver is installed and does not answer. Restart the computer; if that does "
            "not help, install the driver anew."
        )
    return (
        "No NVIDIA GPU was found. If there is one, its driver is missing. GPUs of AMD and Intel "
        "cannot be used."
    )


def find_maker(environ: Mapping[str, str]) -> Maker:
    """Return what can make the engine's environment; asks other programs, so it takes a moment."""
    uv = _find_uv(environ)
    if uv is not None:
        return Maker(uv=uv)
    if sys.platform == "win32":
        return Maker(
            trouble="On Windows the engine is made by uv, which finds the libraries for your GPU. "
            "Install uv, then look again.",
            page=UV_PAGE,
        )
    without_pip = False
    for python in _pythons(environ):
        version = _version(python, _CHECK, environ)
        if version in PYTHONS:
            return Maker(python=python, version=f"{version[0]}.{version[1]}")
        without_pip = without_pip or _version(python, _VERSION, environ) in PYTHONS
    if without_pip:
        return Maker(
            trouble="Python is there, its part that makes environments is not. On Debian and "
            "Ubuntu it is the package python3-venv. Install it, then look again.",
            page=PYTHON_PAGE,
        )
    return Maker(
        trouble="The engine needs uv, or Python 3.11 to 3.13. Install one of them, then look "
        "again.",
        page=UV_PAGE,
    )


def _find_uv(environ: Mapping[str, str]) -> Path | None:
    """Return uv: the packaged app's, the one beside Python, on PATH, or where it installs itself.

    A window started from a menu often has a shorter PATH than a terminal.
    """
    name = "uv.exe" if sys.platform == "win32" else "uv"
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or "/nonexistent")
    own = [Path(folder) for folder in (getattr(sys, "_MEIPASS", ""), Path(sys.executable).parent)]
    found = shutil.which(name, path=environ.get("PATH"))
    places = [folder / name for folder in own if folder != Path()]
    places += [Path(found)] if found else []
    places += [home / ".local" / "bin" / name, home / ".cargo" / "bin" / name]
    return next((place for place in places if os.access(place, os.X_OK)), None)


def _pythons(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield interpreters that may do, the most tried version first."""
    if not getattr(sys, "frozen", False) and sys.version_info[:2] in PYTHONS:
        yield Path(sys.executable)
    usual = os.pathsep.join((environ.get("PATH", ""), "/usr/local/bin", "/opt/homebrew/bin"))
    for name in (*(f"python{major}.{minor}" for major, minor in PYTHONS), "python3", "python"):
        found = shutil.which(name, path=usual)
        if found:
            yield Path(found)


def _version(python: Path, check: str, environ: Mapping[str, str]) -> tuple[int, ...]:
    answer = ask([python, "-I", "-c", check], env=environ, seconds=_ANSWER_S) or ""
    return tuple(int(part) for part in answer.split() if part.isdecimal())
