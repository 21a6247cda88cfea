"""Connections to the library's database: pragmas, transactions, one writer at a time."""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session

from fluxlora_desktop.store.errors import translate_storage_errors


def wal_is_sound(version: tuple[int, ...]) -> bool:
    """Tell whether this SQLite may use WAL.

    Versions before 3.51.3 can corrupt a WAL database with two connections, and 3.52.0 was
    withdrawn (https://sqlite.org/wal.html).
    """
    return version >= (3, 51, 3) and version[:3] != (3, 52, 0)


def pragmas(version: tuple[int, ...], platform: str, *, local: bool = True) -> tuple[str, ...]:
    """Return what every connection sets; a commit is on the disk when it returns.

    WAL needs memory that all of a database's users share: on a network share, or in a folder that
    another program copies piece by piece, it is refused.
    """
    journal = (
        ("journal_mode=WAL", "synchronous=FULL")
        if local and wal_is_sound(version)
        else ("journal_mode=DELETE", "synchronous=EXTRA")
    )
    full = ("fullfsync=ON",) if platform == "darwin" else ()
    return (
        "busy_timeout=10000",
        *journal,
        "foreign_keys=ON",
        "trusted_schema=OFF",
        "cell_size_check=ON",
        *full,
    )


class Database:
    """The open database. Any thread may use it: each call has its own session and connection.

    `local` tells that it lies on a disk of this computer that no other program copies away.
    """

    def __init__(self, *, path: Path, local: bool = True) -> None:
        self.path = path
        self._engine = create_engine(URL.create("sqlite", database=str(path)))
        self._writing = self._engine.execution_options(begin="BEGIN IMMEDIATE")
        self._writer = threading.RLock()
        settings = pragmas(sqlite3.sqlite_version_info, sys.platform, local=local)
        event.listen(self._engine, "connect", partial(_set_up, settings))
        event.listen(self._engine, "begin", _begin)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session for reading; whatever leaves it must be a value, read whole."""
        with translate_storage_errors(self.path), Session(self._engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give a session whose changes are on the disk when the block ends without an error."""
        with (
            translate_storage_errors(self.path),
            self._writer,
            Session(self._writing) as session,
            session.begin(),
        ):
            yield session

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _set_up(settings: tuple[str, ...], connection: sqlite3.Connection, _record: Any) -> None:
    # The driver's own BEGIN comes too late for reads and DDL; `_begin` sends it instead.
    connection.isolation_level = None
    for pragma in settings:
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))
