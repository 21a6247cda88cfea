"""Open the library: lock, check, migrate, join the stores."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from fluxlora_desktop.domain.ports import Clock, Stores
from fluxlora_desktop.store.database import Database
from fluxlora_desktop.store.datasets import SqlDatasetStore
from fluxlora_desktop.store.errors import translate_storage_errors
from fluxlora_desktop.store.files import LibraryFiles
from fluxlora_desktop.store.ledger import SqlLedger
from fluxlora_desktop.store.lock import LibraryLock
from fluxlora_desktop.store.loras import SqlLoraStore
from fluxlora_desktop.store.pictures import SqlPictureStore
from fluxlora_desktop.store.recovery import recover_interrupted
from fluxlora_desktop.store.runs import SqlRunStore
from fluxlora_desktop.store.schema import LibraryRow
from fluxlora_desktop.store.upgrade import bring_up_to_date, check_after_crash


class Library:
    """An open library; this process alone has it until `close`.

    `last_opened` is the computer that had it before, when that was another one, and since when.
    """

    def __init__(
        self,
        *,
        data_dir: Path,
        stores: Stores,
        database: Database,
        lock: LibraryLock,
        last_opened: tuple[str, datetime] | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.stores = stores
        self.last_opened = last_opened
        self._database = database
        self._lock = lock

    def close(self) -> None:
        """Close the database, note the clean exit, let go of the lock; a second call is silent."""
        if not self._lock.held:
            return
        try:
            self._database.close()
            marker = _marker(self.data_dir)
            with translate_storage_errors(marker):
                marker.unlink(missing_ok=True)
        finally:
            self._lock.release()


def open_library(data_dir: Path, *, clock: Clock, device: str = "") -> Library:
    """Open the library in a folder, making what is missing; `device` names this computer.

    Requests that were under way when the last process ended become `unknown`. Raises
    `LibraryBusy`, `NewerLibrary`, `CorruptFile`, `AccessDenied`, `DiskFull`.
    """
    with translate_storage_errors(data_dir):
        data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / "library.db"
    with ExitStack() as undo:
        lock = LibraryLock(data_dir / "library.lock")
        undo.callback(lock.release)
        bring_up_to_date(path, clock=clock)
        _note_opening(_marker(data_dir), path)
        database = Database(path=path)
        undo.callback(database.close)
        library_id, last_opened = _introduce(database, clock, device)
        stores = _join(data_dir, database, clock, library_id, device)
        recover_interrupted(database, clock, LibraryFiles(root=data_dir))
        undo.pop_all()
    return Library(
        data_dir=data_dir,
        stores=stores,
        database=database,
        lock=lock,
        last_opened=last_opened,
    )


def _marker(data_dir: Path) -> Path:
    """Return the file that is there while the library is open, and after a crash."""
    return data_dir / "library.open"


def _note_opening(marker: Path, database: Path) -> None:
    with translate_storage_errors(marker):
        if marker.exists():
            check_after_crash(database)
        marker.touch()


def _join(data_dir: Path, database: Database, clock: Clock, library_id: str, device: str) -> Stores:
    return Stores(
        files=LibraryFiles(root=data_dir),
        datasets=SqlDatasetStore(database=database, clock=clock),
        runs=SqlRunStore(database=database, clock=clock, library_id=library_id, device=device),
        loras=SqlLoraStore(database=database, clock=clock),
        pictures=SqlPictureStore(database=database, clock=clock),
        ledger=SqlLedger(database=database),
    )


def _introduce(
    database: Database, clock: Clock, device: str
) -> tuple[str, tuple[str, datetime] | None]:
    """Return the library's id, and the other computer that had it open last, if any."""
    with database.write() as session:
        row = session.scalars(select(LibraryRow)).first()
        if row is None:
            row = LibraryRow(id=secrets.token_hex(4), created_at=clock.now())
            session.add(row)
        before = (row.device, row.opened_at)
        row.device, row.opened_at = device, clock.now()
        session.flush()
        was, at = before
        return row.id, (was, at) if was and at and was != device else None
