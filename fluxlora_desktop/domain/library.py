"""The library as a whole: what stands between its rows and files, its backups, its ground."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

NEEDED_ROOM = 20_000_000
"""Bytes that must be free for changes to be saved: a transaction, its journal, a thumbnail."""


@dataclass(frozen=True, slots=True)
class Inconsistency:
    """One thing that does not fit together in a library.

    `what` names the check (a stable key such as "file_missing"), `subject` the row or file,
    `says` is the sentence for people, `mend` what becomes of it or what to do. `harmless` tells
    that nothing of a person's is wrong or gone: a leftover, or what the app makes anew by itself.
    """

    what: str
    subject: str
    says: str
    mend: str
    harmless: bool = False


class BackupKind(StrEnum):
    """Why a backup was made; those from before a migration are kept for good."""

    DAILY = "daily"
    MIGRATION = "migration"


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy of the database that was checked when it was made; `at` is in UTC."""

    path: Path
    at: datetime
    kind: BackupKind


class Ground(StrEnum):
    """What kind of place a library lies in."""

    LOCAL = "local"
    NETWORK = "network"
    SYNCED = "synced"


class RemarkKind(StrEnum):
    """What there is to tell of a library that opened all the same."""

    BACKUP_FAILED = "backup_failed"
    NETWORK = "network"
    SYNCED = "synced"
    OTHER_DEVICE = "other_device"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to tell once a library is open; `detail` is the cause or the service's name."""

    kind: RemarkKind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What was found on the disk and came back into rows; `left_out` are files that did not."""

    photos: int = 0
    loras: int = 0
    pictures: int = 0
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FilesLookedAt:
    """How many of the library's files were looked at, to take in what no row knows."""

    done: int
    total: int


class LibraryCare(Protocol):
    """What can be done for a library that is closed or damaged; every call may take seconds."""

    def newest_backup(self) -> Backup | None:
        """Return the newest backup that is whole, or None."""

    def restore(self, backup: Backup) -> Path | None:
        """Put a backup in the place of the database; return where the damaged one lies now."""

    def start_anew(self) -> Path | None:
        """Begin an empty library; return where the damaged database lies now."""

    def check(self) -> tuple[Inconsistency, ...]:
        """Compare rows and files; changes nothing."""
