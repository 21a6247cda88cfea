"""Which revision a library has, and bringing it to this app's.

Alembic takes long to import, so it is imported only when a revision really has to be changed.
"""

from __future__ import annotations

import importlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.engine import URL

from fluxlora_desktop.domain.errors import CorruptFile, NewerLibrary
from fluxlora_desktop.domain.ports import Clock
from fluxlora_desktop.store.errors import translate_storage_errors
from fluxlora_desktop.store.schema import Table

APPLICATION_ID = 0x464C5841  # "FLXA" in the file's header, which file(1) and others can show
HEAD = "0003"
KNOWN = ("0001", "0002", "0003")
MIGRATIONS = Path(__file__).with_name("migrations")


def bring_up_to_date(path: Path, *, clock: Clock) -> None:
    """Make the database, or migrate it after a backup into `backups/`.

    Raises `NewerLibrary` for a revision that this app does not know, `CorruptFile` for a database
    that is not a library; neither is touched.
    """
    revision = read_revision(path)
    if revision == HEAD:
        return
    if revision is None:
        create_at_head(path)
        return
    if revision not in KNOWN and revision:
        raise NewerLibrary(path, found=revision, known=HEAD)
    back_up(path, clock=clock)
    migrate(path)


def read_revision(path: Path) -> str | None:
    """Return a library's revision, "" for one stamped empty, None when there is no library yet."""
    with translate_storage_errors(path):
        if not path.exists() or path.stat().st_size == 0:
            return None
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as raw:
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


def back_up(path: Path, *, clock: Clock) -> Path:
    """Copy the database into `backups/`, checked and synced; return where it lies."""
    folder = path.with_name("backups")
    target = folder / f"library-{clock.now():%Y%m%dT%H%M%S%f}.db"
    with translate_storage_errors(target):
        folder.mkdir(exist_ok=True)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
            _check(copy, target, "integrity_check")
        with target.open("r+b") as file:
            os.fsync(file.fileno())
    return target


def check_after_crash(path: Path) -> None:
    """Read the whole database after an unclean exit; raises `CorruptFile` when it is damaged."""
    with translate_storage_errors(path), closing(sqlite3.connect(path)) as raw:
        _check(raw, path, "integrity_check")
        if raw.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise CorruptFile(path, "rows point at rows that are not there")


def _check(raw: sqlite3.Connection, path: Path, pragma: str) -> None:
    answer = raw.execute(f"PRAGMA {pragma}(1)").fetchone()[0]
    if answer != "ok":
        raise CorruptFile(path, str(answer))
