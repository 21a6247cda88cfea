"""What kind of place a folder lies in: a disk of this computer, the network, a synced folder."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from fluxlora_desktop.domain.library import Ground

_MOUNTS = Path("/proc/mounts")
_NETWORK = re.compile(r"nfs\d?|cifs|smb[23]?|smbfs|sshfs|fuse\.sshfs|davfs|fuse\.davfs2?|afs|ncpfs")
# How the folder of each service is called, on whatever system; matched against whole path parts.
_SYNCED = (
    (re.compile(r"dropbox( \(.+\))?", re.IGNORECASE), "Dropbox"),
    (re.compile(r"onedrive( ?- ?.+)?", re.IGNORECASE), "OneDrive"),
    (re.compile(r"icloud ?drive|com~apple~clouddocs|mobile documents", re.IGNORECASE), "iCloud"),
    (re.compile(r"google ?drive(-.+)?|googledrive-.+", re.IGNORECASE), "Google Drive"),
    (re.compile(r"cloudstorage", re.IGNORECASE), "a cloud drive"),
)
_REMOTE_DRIVE = 4  # GetDriveTypeW's DRIVE_REMOTE


def find_ground(folder: Path) -> tuple[Ground, str]:
    """Return the kind of place, and the name of the service or file system ("" for a local disk).

    Nothing is asked of the network, so a share that does not answer holds nothing up.
    """
    path = folder.absolute()
    for name in (path, path.resolve()):
        service = synced_by(name)
        if service:
            return Ground.SYNCED, service
    system = _drive(path) if sys.platform == "win32" else file_system_of(path.resolve(), _mounts())
    return (Ground.NETWORK, system) if system else (Ground.LOCAL, "")


def synced_by(path: Path) -> str:
    """Return the service whose folder a path leads through, or ""."""
    named = (name for part in path.parts for kind, name in _SYNCED if kind.fullmatch(part))
    found = tuple(named)
    return found[-1] if found else ""


def file_system_of(path: Path, mounts: Iterable[str]) -> str:
    """Return the network file system that a path lies on by lines of /proc/mounts, or ""."""
    best, kind = -1, ""
    for line in mounts:
        parts = line.split(" ")
        if len(parts) < 3:
            continue
        point = Path(_unescaped(parts[1]))
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), parts[2]
    return kind if _NETWORK.fullmatch(kind) else ""


def _mounts() -> list[str]:
    try:
        return _MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return []


def _unescaped(name: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda digits: chr(int(digits[1], 8)), name)


def _drive(path: Path) -> str:
    """Return how Windows calls a drive that is a share, or ""."""
    if str(path).startswith("\\\\"):
        return "a network share"
    if sys.platform != "win32":
        return ""
    import ctypes  # noqa: PLC0415  only there

    kind = ctypes.windll.kernel32.GetDriveTypeW(path.anchor)
    return "a network drive" if kind == _REMOTE_DRIVE else ""
