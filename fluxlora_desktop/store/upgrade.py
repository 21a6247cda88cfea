"""Which revision a library has, and bringing it to this app's.

Alembic takes long to import, so it is imported only when a revision really has to be changed.
"""

from __future__ import annotations

import importlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.engine import URL

from fluxlora_desktop.domain.errors import (
    CorruptFile,
    DiskFull,
    NewerLibrary,
    UnsettledRequests,
)
from fluxlora_desktop.domain.ports import Clock
from fluxlora_desktop.store.backups import back_up, require_sound
from fluxlora_desktop.store.errors import translate_storage_errors
from fluxlora_desktop.store.schema import Table

APPLICATION_ID = 0x464C5841  # "FLXA" in the file's header, which file(1) and others can show
HEAD = "0007"
KNOWN = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
MIGRATIONS = Path(__file__).with_name("migrations")
_ROOM = 3  # so many times the database's size must be free: its backup, its journal, its new form
_UNSETTLED = """
    SELECT count(*) FROM effects WHERE state IN ('in_flight', 'unknown') AND NOT
    ((kind = 'picture' AND subject IN (SELECT id FROM pictures WHERE state = 'maybe_charged'))
    OR (kind = 'caption' AND state = 'unknown'))
"""


def bring_up_to_date(path: Path, *, clock: Clock) -> None:
    """Make the database, or migrate it after a backup into `backups/`.

    Raises `NewerLibrary` for a revision that this app does not know, `CorruptFile` for a database
    that is not a library, `UnsettledRequests`, and `DiskFull` where a migration would have no
    room; none of these is touched.
    """
    revision = known_revision(path)
    if revision == HEAD:
        return
    if revision is None:
        create_at_head(path)
        return
    _require_settled(path, revision)
    _require_room(path)
    back_up(path, clock=clock)
    migrate(path)


def known_revision(path: Path, *, mode: str = "rw") -> str | None:
    """Return what `read_revision` does; raises `NewerLibrary` for one that is not known."""
    revision = read_revision(path, mode=mode)
    if revision and revision not in KNOWN:
        raise NewerLibrary(path, found=revision, known=HEAD)
    return revision


def _require_settled(path: Path, revision: str) -> None:
    """Refuse steps that do not say that they keep the journal's meaning while it has open ends.

    A revision says so by `keeps_effects = True`. A picture or a caption that may have been
    charged stays so for good and holds nothing up.
    """
    if not revision or all(getattr(step, "keeps_effects", False) for step in _due(revision)):
        return
    with translate_storage_errors(path), closing(sqlite3.connect(path)) as raw:
        count = int(raw.execute(_UNSETTLED).fetchone()[0])
    if count:
        raise UnsettledRequests(path, count)


def _due(revision: str) -> tuple[Any, ...]:
    """Return the modules of the steps from a revision to the newest."""
    scripts = importlib.import_module("alembic.script").ScriptDirectory(str(MIGRATIONS))
    return tuple(step.module for step in scripts.iterate_revisions("head", revision))


def _require_room(path: Path) -> None:
    with translate_storage_errors(path):
        needed, free = _ROOM * path.stat().st_size, shutil.disk_usage(path.parent).free
    if free < needed:
        raise DiskFull(path, needed=needed, free=free)


def read_revision(path: Path, *, mode: str = "rw") -> str | None:
    """Return a library's revision, "" for one stamped empty, None when there is no library yet.

    In the mode "rw" what a killed process left half done is taken back first, in "ro" nothing is
    written.
    """
    with translate_storage_errors(path):
        if not path.exists() or path.stat().st_size == 0:
            return None
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True)) as raw:
            tables = raw.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            application = raw.execute("PRAGMA application_id").fetchone()[0]
            if application != APPLICATION_ID:
                if tables == 0 and application == 0:
                    return None
                raise CorruptFile(path, "it is a database, and not a FluxLoRA library")
            if tables == 0:
                return ""
            row = raw.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(row[0]) if row else ""


def create_at_head(path: Path) -> None:
    """Make a new library in one transaction, stamped as the newest migration would leave it."""
    with translate_storage_errors(path):
        engine = create_engine(
            URL.create("sqlite", database=str(path)),
            connect_args={"isolation_level": None},
        )
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                Table.metadata.create_all(connection)
                connection.exec_driver_sql(
                    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
                    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
                )
                connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (HEAD,))
                connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.commit()
        finally:
            engine.dispose()


def migrate(path: Path) -> None:
    """Run the migrations that are due, each in a transaction, foreign keys off, then check them.

    With foreign keys on, a batch change of a parent table deletes its children's rows.
    """
    command = importlib.import_module("alembic.command")
    config = importlib.import_module("alembic.config").Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["database"] = str(path)
    with translate_storage_errors(path):
        command.upgrade(config, "head")


def check_after_crash(path: Path) -> None:
    """Read the whole database after an unclean exit; raises `CorruptFile` when it is damaged."""
    with translate_storage_errors(path), closing(sqlite3.connect(path)) as raw:
        require_sound(raw, path, "integrity_check")
        if raw.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise CorruptFile(path, "rows point at rows that are not there")


def check_quickly(path: Path) -> None:
    """Look through the database's pages; raises `CorruptFile` when they are damaged."""
    with translate_storage_errors(path), closing(sqlite3.connect(path)) as raw:
        require_sound(raw, path, "quick_check")
