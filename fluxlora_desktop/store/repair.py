"""Get a damaged library to work again; nothing is ever deleted.

The damaged database goes aside under a name of its own. What takes its place is made ready under
another name first and put there in one step, so that a kill in the middle leaves the damaged one
where it was, and the page that offers all this comes back.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from datetime import datetime
from pathlib import Path

from fluxlora_desktop.domain.errors import CorruptFile, StorageError
from fluxlora_desktop.domain.library import Backup, Inconsistency
from fluxlora_desktop.domain.ports import Clock
from fluxlora_desktop.store.backups import backups_of, copy_database, require_sound
from fluxlora_desktop.store.check import check_library
from fluxlora_desktop.store.errors import translate_storage_errors
from fluxlora_desktop.store.files import sync_file, sync_folder
from fluxlora_desktop.store.hold import hold_what_may_have_gone_on
from fluxlora_desktop.store.lock import LibraryLock
from fluxlora_desktop.store.upgrade import create_at_head, known_revision

_BESIDE = ("-journal", "-wal", "-shm")
_NONCE = re.compile(rb"fluxlora-([0-9a-f]{8})-[0-9a-f]{12}")
_CHUNK = 1 << 20
_LONGEST_NONCE = 40


class FolderCare:
    """Fills the port `LibraryCare` for the library in a folder."""

    def __init__(self, *, data_dir: Path, clock: Clock) -> None:
        self._data_dir = data_dir
        self._path = data_dir / "library.db"
        self._clock = clock

    def newest_backup(self) -> Backup | None:
        """Return the newest backup that is whole, or None."""
        now = self._clock.now()  # a clock that once ran ahead left names from the future: they last
        in_order = sorted(backups_of(self._path), key=lambda backup: backup.at > now)
        return next((backup for backup in in_order if is_good(backup.path)), None)

    def restore(self, backup: Backup) -> Path | None:
        """Put a backup in the place of the database; return where the damaged one lies now.

        What the backup shows as about to be sent may have been sent since: it is held back.
        """

        def make(ready: Path) -> None:
            if not is_good(backup.path):
                raise CorruptFile(backup.path, "the backup is gone, or damaged too")
            copy_database(backup.path, ready)
            hold_what_may_have_gone_on(ready, backup.at, self._clock.now())

        return self._replace(make)

    def start_anew(self) -> Path | None:
        """Begin an empty library; return where the damaged database lies now.

        It keeps the library's id where the damaged database still shows it: the marks at the
        services begin with it.
        """

        def make(ready: Path) -> None:
            library_id = find_library_id(self._path)
            create_at_head(ready)
            if library_id:
                _keep_id(ready, library_id, self._clock.now())

        return self._replace(make)

    def check(self) -> tuple[Inconsistency, ...]:
        """Compare rows and files; changes nothing."""
        return check_library(self._data_dir)

    def _replace(self, make: Callable[[Path], None]) -> Path | None:
        """Put what `make` writes in the database's place; a note says to look at the files next."""
        ready = self._path.with_name("library.restoring.db")
        with ExitStack() as undo:
            undo.callback(LibraryLock(self._data_dir / "library.lock").release)
            with translate_storage_errors(ready):
                _remove_with_journal(ready)
                try:
                    make(ready)
                    sync_file(ready)
                    note_to_look(self._data_dir)
                    aside = self._set_aside()
                    os.replace(ready, self._path)  # noqa: PTH105  named for what it does
                    sync_folder(self._data_dir)
                finally:
                    _remove_with_journal(ready)
        return aside

    def _set_aside(self) -> Path | None:
        """Give the damaged database a second name, and its journal's files only that one."""
        if not self._path.exists():
            return None
        aside = self._path.with_name(f"library.damaged-{self._clock.now():%Y%m%dT%H%M%S}.db")
        number = 1
        while aside.exists():
            number += 1
            aside = aside.with_name(f"{aside.stem.split('_')[0]}_{number}.db")
        for end in _BESIDE:
            beside = self._path.with_name(self._path.name + end)
            if beside.exists():
                beside.rename(aside.with_name(aside.name + end))
        try:
            os.link(self._path, aside)
        except OSError:  # a disk without hard links
            self._path.rename(aside)
        sync_folder(self._data_dir)
        return aside


def is_good(path: Path) -> bool:
    """Tell whether a backup is a whole library of a revision that this app knows."""
    try:
        if known_revision(path, mode="ro") is None:
            return False
        with (
            translate_storage_errors(path),
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as raw,
        ):
            require_sound(raw, path, "integrity_check")
    except StorageError:
        return False
    return True


def find_library_id(path: Path) -> str:
    """Return a damaged library's id, from its row or from the marks that it begins, or ""."""
    with (
        suppress(sqlite3.DatabaseError),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as raw,
    ):
        row = raw.execute("SELECT id FROM library").fetchone()
        if row and re.fullmatch(r"[0-9a-f]{8}", str(row[0])):
            return str(row[0])
    found: Counter[bytes] = Counter()
    with suppress(OSError), path.open("rb") as file:
        tail = b""
        while chunk := file.read(_CHUNK):
            found.update(_NONCE.findall(tail + chunk))
            tail = chunk[-_LONGEST_NONCE:]
    return found.most_common(1)[0][0].decode() if found else ""


def _keep_id(path: Path, library_id: str, now: datetime) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        at = now.isoformat(timespec="microseconds")
        raw.execute("INSERT INTO library (id, created_at) VALUES (?, ?)", (library_id, at))


def _remove_with_journal(path: Path) -> None:
    for end in ("", *_BESIDE):
        path.with_name(path.name + end).unlink(missing_ok=True)


def note_to_look(data_dir: Path) -> None:
    """Note that files on the disk are to be taken in when the library is open next."""
    with translate_storage_errors(data_dir):
        _note(data_dir).touch()


def is_to_look(data_dir: Path) -> bool:
    """Tell whether that is still to be done."""
    return _note(data_dir).exists()


def forget_to_look(data_dir: Path) -> None:
    """Say that it was done."""
    with translate_storage_errors(data_dir):
        _note(data_dir).unlink(missing_ok=True)


def _note(data_dir: Path) -> Path:
    return data_dir / "library.take-in"
