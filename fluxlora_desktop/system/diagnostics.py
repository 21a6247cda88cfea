"""A text about the app and this computer that is safe to post: it names nobody and nothing.

It is put together from numbers, versions and the public log; no word that a person or a service
wrote goes in. What is taken in is listed here, so that leaving out is nothing to remember.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from PySide6.QtCore import QLibraryInfo, QSysInfo, qVersion

from fluxlora_desktop.domain.diagnosis import LibraryReport
from fluxlora_desktop.domain.services import service_title
from fluxlora_desktop.system.public_log import FILE_NAME, count_errors

_LINES, _LOOKED_AT = 50, 2000
_PACKAGES = (
    *("PySide6-Essentials", "SQLAlchemy", "httpx", "huggingface_hub"),
    *("keyring", "Pillow", "pillow-heif"),
)


@dataclass(frozen=True, slots=True)
class Surface:
    """What only the GUI thread may ask: how the app is shown, and how the accounts stand.

    `accounts` is a word for each service, never whose account it is.
    """

    platform: str = ""
    screens: tuple[str, ...] = ()
    theme: str = ""
    accounts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """What the diagnostics are about."""

    version: str
    practice: bool
    data_dir: Path
    usual_dir: Path
    logs_dir: Path
    tokens: str
    """Where tokens are kept, in a word."""


def diagnose(subject: Subject, surface: Surface, library: Callable[[], LibraryReport]) -> str:
    """Return the text; reads the library's numbers and the public log, so call it from a job."""
    sections = (
        ("FluxLoRA Desktop", _app(subject)),
        ("This computer", _computer(subject)),
        ("Shown", _shown(surface)),
        ("Library", _library(library())),
        ("Accounts", [f"tokens: {subject.tokens}", *_accounts(surface)]),
        *_log_sections(subject.logs_dir),
    )
    return "\n\n".join(
        "\n".join([title, *(f"  {it}" for it in lines)]) for title, lines in sections
    )


def _app(subject: Subject) -> list[str]:
    made = "bundle" if getattr(sys, "frozen", False) else "from source"
    mode = "practice" if subject.practice else "real services"
    packages = [f"{name} {_version_of(name)}" for name in _PACKAGES]
    half = len(packages) // 2
    told = (", ".join(packages[:half]), ", ".join(packages[half:]))
    return [f"version {subject.version}, {made}, {mode}", *told]


def _version_of(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"


def _computer(subject: Subject) -> list[str]:
    return [
        f"{QSysInfo.prettyProductName()}, {QSysInfo.kernelType()} {QSysInfo.kernelVersion()}, "
        f"{QSysInfo.currentCpuArchitecture()}, {os.cpu_count()} cores",
        f"Python {platform.python_version()}, Qt {qVersion()} "
        f"({'debug' if QLibraryInfo.isDebugBuild() else 'release'})",
        f"library in {_kind_of(subject)}",
        f"free space there: {_free(subject.data_dir)}",
    ]


def _kind_of(subject: Subject) -> str:
    """Return what kind of folder the library is in; its own name may be a person's."""
    if subject.data_dir == subject.usual_dir:
        return "the usual place"
    inside_home = subject.data_dir.is_relative_to(Path.home())
    return "a folder that was chosen, " + ("below ~" if inside_home else "not below ~")


def _free(folder: Path) -> str:
    try:
        return f"{shutil.disk_usage(folder).free / 1e9:.1f} GB"
    except OSError as error:
        return type(error).__name__


def _shown(surface: Surface) -> list[str]:
    return [f"platform {surface.platform}, theme {surface.theme}", *surface.screens]


def _library(report: LibraryReport) -> list[str]:
    head = f"SQLite {report.sqlite}, journal {report.journal or 'unknown'}, "
    head += f"revision {report.revision or 'unknown'}"
    if report.trouble:
        return [head, f"it could not be read: {report.trouble}"]
    counts = [f"{what}: {_told(states)}" for what, states in report.counts.items()]
    return [head, *counts, f"errors of runs: {_told(report.errors)}"]


def _told(counts: Mapping[str, int]) -> str:
    """Return counts in words; what is no plain word is not one of the app's states or classes."""
    plain = (
        (name if name.replace(" ", "").isalpha() else "other", n) for name, n in counts.items()
    )
    return ", ".join(f"{n} {name}" for name, n in plain) or "none"


def _accounts(surface: Surface) -> list[str]:
    return [f"{service_title(key)}: {word}" for key, word in surface.accounts.items()]


def _log_sections(logs_dir: Path) -> tuple[tuple[str, list[str]], ...]:
    try:
        with (logs_dir / FILE_NAME).open(encoding="utf-8", errors="replace") as file:
            lines = [line.rstrip("\n") for line in deque(file, _LOOKED_AT)]
    except OSError as error:
        return (("Log", [f"not read: {type(error).__name__}"]),)
    errors = [f"{count} {name}" for name, count in count_errors(lines).most_common()]
    last = lines[-_LINES:]
    return (
        ("Errors in the log", errors or ["none"]),
        (f"Last {len(last)} lines of the log", last),
    )
