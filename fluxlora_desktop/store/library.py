"""Open the library: lock, check, migrate, join the stores."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from fluxlora_desktop.domain.errors import CorruptFile, DamagedLibrary
from fluxlora_desktop.domain.library import Ground, Remark, RemarkKind
from fluxlora_desktop.domain.ports import Clock, Stores
from fluxlora_desktop.store.backups import FOLDER as BACKUPS
from fluxlora_desktop.store.backups import keep_daily_backup
from fluxlora_desktop.store.database import Database
from fluxlora_desktop.store.datasets import SqlDatasetStore
from fluxlora_desktop.store.errors import translate_storage_errors
from fluxlora_desktop.store.exchange import SqlExchange
from fluxlora_desktop.store.files import LibraryFiles, remove_leftovers
from fluxlora_desktop.store.grids import SqlGridStore
from fluxlora_desktop.store.ground import find_ground
from fluxlora_desktop.store.ledger import SqlLedger
from fluxlora_desktop.store.lock import LibraryLock
from fluxlora_desktop.store.loras import SqlLoraStore
from fluxlora_desktop.store.orders import SqlOrderStore
from fluxlora_desktop.store.pictures import SqlPictureStore
from fluxlora_desktop.store.prompts import SqlPromptStore
from fluxlora_desktop.store.recovery import recover_interrupted
from fluxlora_desktop.store.runs import SqlRunStore
from fluxlora_desktop.store.schema import LibraryRow
from fluxlora_desktop.store.upgrade import (
    bring_up_to_date,
    check_after_crash,
    check_quickly,
    known_revision,
)

_log = logging.getLogger(__name__)


class Library:
    """An open library; this process alone has it until `close`.

    `remarks` is what there is to tell of it although it opened.
    """

    def __init__(
        self,
        *,
        data_dir: Path,
        stores: Stores,
        database: Database,
        lock: LibraryLock,
        remarks: tuple[Remark, ...] = (),
    ) -> None:
        self.data_dir = data_dir
        self.stores = stores
        self.remarks = remarks
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
    `LibraryBusy`, `NewerLibrary`, `DamagedLibrary`, `UnsettledRequests`, `AccessDenied`,
    `DiskFull`; the database is as it was then.
    """
    with translate_storage_errors(data_dir):
        data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / "library.db"
    with ExitStack() as undo:
        lock = LibraryLock(data_dir / "library.lock")
        undo.callback(lock.release)
        ground, service = find_ground(data_dir)
        with _damage_told(path):
            is_new = _look_through(path)
            bring_up_to_date(path, clock=clock)
            _note_opening(data_dir)
            remarks = () if is_new else _remarks_of_backup(path, clock)
            database = Database(path=path, local=ground is Ground.LOCAL)
            undo.callback(database.close)
            library_id, last_opened = _introduce(database, clock, device)
            stores = _join(data_dir, database, clock, library_id, device)
            recover_interrupted(database, clock, LibraryFiles(root=data_dir))
        if ground is not Ground.LOCAL:
            remarks = (*remarks, Remark(RemarkKind(ground.value), service))
        if last_opened is not None:
            was, at = last_opened
            words = f"{was} at {at:%Y-%m-%d %H:%M} UTC"
            remarks = (*remarks, Remark(RemarkKind.OTHER_DEVICE, words))
        undo.pop_all()
    return Library(data_dir=data_dir, stores=stores, database=database, lock=lock, remarks=remarks)


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    """Say that it is the database which is damaged."""
    try:
        yield
    except DamagedLibrary:
        raise
    except CorruptFile as error:
        raise DamagedLibrary(path, error.detail) from error


def _look_through(path: Path) -> bool:
    """Check the database before anything writes to it; True when there is none yet."""
    if known_revision(path) is None:
        _require_no_trace(path)
        return True
    if _marker(path.parent).exists():
        check_after_crash(path)
        remove_leftovers(path.parent)
    else:
        check_quickly(path)
    return False


def _require_no_trace(path: Path) -> None:
    """Refuse to begin an empty library where files say that one was here."""
    for name in ("photos", "loras", "pictures", BACKUPS):
        folder = path.with_name(name)
        with translate_storage_errors(folder):
            if folder.is_dir() and any(folder.iterdir()):
                raise DamagedLibrary(path, "library.db is missing, and the library's files are not")


def _marker(data_dir: Path) -> Path:
    """Return the file that is there while the library is open, and after a crash."""
    return data_dir / "library.open"


def _note_opening(data_dir: Path) -> None:
    marker = _marker(data_dir)
    with translate_storage_errors(marker):
        marker.touch()


def _remarks_of_backup(path: Path, clock: Clock) -> tuple[Remark, ...]:
    failure = keep_daily_backup(path, clock=clock)
    if failure is None:
        return ()
    _log.warning("today's backup of the library was not made: %s", failure)
    return (Remark(RemarkKind.BACKUP_FAILED, str(failure)),)


def _join(data_dir: Path, database: Database, clock: Clock, library_id: str, device: str) -> Stores:
    return Stores(
        files=LibraryFiles(root=data_dir),
        datasets=SqlDatasetStore(database=database, clock=clock),
        runs=SqlRunStore(database=database, clock=clock, library_id=library_id, device=device),
        loras=SqlLoraStore(database=database, clock=clock),
        pictures=SqlPictureStore(database=database, clock=clock),
        ledger=SqlLedger(database=database),
        exchange=SqlExchange(database=database),
        grids=SqlGridStore(database=database, clock=clock),
        orders=SqlOrderStore(database=database),
        prompts=SqlPromptStore(database=database, clock=clock),
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
        if device:
            row.device, row.opened_at = device, clock.now()
        session.flush()
        was, at = before
        return row.id, (was, at) if device and was and at and was != device else None
