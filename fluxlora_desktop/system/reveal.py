"""Show a file in the system's file manager."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from fluxlora_desktop.domain.errors import StorageError
from fluxlora_desktop.system.environment import without_tokens

_TIMEOUT_S = 5.0
_FILE_MANAGER = "org.freedesktop.FileManager1"


def reveal(path: Path) -> bool:
    """Open the file's folder with the file selected; False when no file manager answered.

    May take seconds, so call it from a job. Raises `StorageError` when the file is gone.
    """
    path = path.absolute()
    if not path.exists():
        raise StorageError(path, "the file is gone")
    return any(_run(command) for command in reveal_commands(path, platform=sys.platform))


def reveal_commands(path: Path, *, platform: str) -> tuple[tuple[str, ...], ...]:
    """Return the commands to try, in order; each is a list of arguments, never for a shell."""
    if platform == "win32":
        return (("explorer.exe", "/select,", str(path)),)
    if platform == "darwin":
        return (("/usr/bin/open", "-R", str(path)),)
    show_items = (
        "dbus-send",
        "--session",
        "--print-reply",
        f"--dest={_FILE_MANAGER}",
        "/org/freedesktop/FileManager1",
        f"{_FILE_MANAGER}.ShowItems",
        f"array:string:{path.as_uri()}",
        "string:",
    )
    return (show_items, ("xdg-open", str(path if path.is_dir() else path.parent)))


def _run(command: tuple[str, ...]) -> bool:
    try:
        ended = subprocess.run(  # noqa: S603  fixed programs, arguments as a list
            command,
            check=False,
            timeout=_TIMEOUT_S,
            env=without_tokens(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    # Explorer ends with 1 although it did what was asked.
    return ended.returncode == 0 or command[0] == "explorer.exe"
