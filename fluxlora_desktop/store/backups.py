"""Copies of the database in `backups/`: one a day, one before each migration, all checked.

A copy never keeps the library from opening: there may be no room for it.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from fluxlora_desktop.domain.errors import CorruptFile, DamagedLibrary, StorageError
from fluxlora_desktop.domain.library import Backup, BackupKind
from fluxlora_desktop.domain.ports import Clock
from fluxlora_desktop.store.errors import translate_storage_errors
from fluxlora_desktop.store.files import sync_file, sync_folder

DAILY_KEPT = 7
WEEKLY_KEPT = 4
FOLDER = "backups"
_PREFIXES = {BackupKind.DAILY: "daily", BackupKind.MIGRATION: "library"}
_KINDS = {prefix: kind for kind, prefix in _PREFIXES.items()}
_NAME = re.compile(r"(daily|library)-(\d{8}T\d{6})(\d{6})?\.db")


def back_up(path: Path, *, clock: Clock, kind: BackupKind = BackupKind.MIGRATION) -> Path:
    """Copy the database into `backups/`, checked and synced; return where it lies.

    Nothing is left behind when it fails. Raises `DiskFull`, `CorruptFile` and their kin.
    """
    folder = path.with_name(FOLDER)
    target = folder / f"{_PREFIXES[kind]}-{clock.now():%Y%m%dT%H%M%S%f}.db"
    part = target.with_name(f".{target.name}.part")
    with translate_storage_errors(target):
        folder.mkdir(exist_ok=True)
        try:
            copy_database(path, part)
            os.replace(part, target)  # noqa: PTH105  # the same call, named for what it does
            sync_folder(folder)
        finally:
            part.unlink(missing_ok=True)
    return target


def copy_database(path: Path, target: Path) -> None:
    """Copy a database page by page, check the copy and sync it; one that is gone is an error."""
    uri = f"{path.absolute().as_uri()}?mode=rw"  # without a mode, SQLite would make an empty one
    with (
        closing(sqlite3.connect(uri, uri=True)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        copy.execute("PRAGMA synchronous = OFF")  # the file is synced as a whole, below
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE").close()
        require_sound(copy, target, "integrity_check")
    sync_file(target)


def require_sound(raw: sqlite3.Connection, path: Path, pragma: str) -> None:
    """Raise `CorruptFile` unless `integrity_check` or `quick_check` finds nothing."""
    answer = raw.execute(f"PRAGMA {pragma}(1)").fetchone()[0]
    if answer != "ok":
        raise CorruptFile(path, str(answer))


def keep_daily_backup(path: Path, *, clock: Clock) -> StorageError | None:
    """Make today's backup unless there is one (days are UTC), and remove those that are too old.

    Returns what kept it from being made, such as a full disk. Raises `DamagedLibrary` when the
    copy shows that the database itself is damaged.
    """
    today = clock.now().astimezone(UTC).date()
    try:
        if any(backup.at.date() == today for backup in backups_of(path)):
            return None
        back_up(path, clock=clock, kind=BackupKind.DAILY)
        remove_old(path)
    except CorruptFile as error:
        _require_sound_source(path)
        return error
    except StorageError as error:
        return error
    return None


def _require_sound_source(path: Path) -> None:
    try:
        with translate_storage_errors(path), closing(sqlite3.connect(path)) as raw:
            require_sound(raw, path, "integrity_check")
    except CorruptFile as error:
        raise DamagedLibrary(path, error.detail) from error


def backups_of(path: Path) -> tuple[Backup, ...]:
    """Return the backups of the database at `path`, newest first, by their names alone."""
    with translate_storage_errors(path):
        folder = path.with_name(FOLDER)
        names = sorted(folder.iterdir()) if folder.is_dir() else []
    found = [backup for name in names if (backup := _backup(name)) is not None]
    return tuple(sorted(found, key=lambda backup: backup.at, reverse=True))


def _backup(path: Path) -> Backup | None:
    parts = _NAME.fullmatch(path.name)
    if parts is None:
        return None
    with suppress(ValueError):
        at = datetime.strptime(parts[2], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        return Backup(path, at.replace(microsecond=int(parts[3] or 0)), _KINDS[parts[1]])
    return None


def remove_old(path: Path) -> None:
    """Remove daily backups beyond 7 days and, before those, 4 weeks; the others stay for good."""
    daily = [backup for backup in backups_of(path) if backup.kind is BackupKind.DAILY]
    kept = set(kept_of(daily))
    with translate_storage_errors(path):
        for backup in daily:
            if backup not in kept:
                backup.path.unlink(missing_ok=True)


def kept_of(daily: Sequence[Backup]) -> tuple[Backup, ...]:
    """Return which daily backups stay: the newest of 7 days, then the newest of 4 earlier weeks."""
    newest_first = sorted(daily, key=lambda backup: backup.at, reverse=True)
    days = _first_of_each(newest_first, [backup.at.date() for backup in newest_first])[:DAILY_KEPT]
    if not days:
        return ()
    oldest_day = days[-1].at.date()
    earlier = [backup for backup in newest_first if backup.at.date() < oldest_day]
    weeks = _first_of_each(earlier, [backup.at.isocalendar()[:2] for backup in earlier])
    return (*days, *weeks[:WEEKLY_KEPT])


def _first_of_each(backups: Sequence[Backup], keys: Iterable[object]) -> list[Backup]:
    firsts: dict[object, Backup] = {}
    for backup, key in zip(backups, keys, strict=True):
        firsts.setdefault(key, backup)
    return list(firsts.values())
