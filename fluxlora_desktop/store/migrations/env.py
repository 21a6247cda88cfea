"""Alembic's entry: one transaction per revision, on a connection without foreign keys."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.engine import URL

from fluxlora_desktop.domain.errors import CorruptFile


def _run() -> None:
    path = context.config.attributes["database"]
    engine = create_engine(
        URL.create("sqlite", database=path), connect_args={"isolation_level": None}
    )
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA synchronous = EXTRA")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            context.configure(connection=connection, render_as_batch=True)
            context.run_migrations()
            if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                raise CorruptFile(path, "the migration would leave rows without their parents")
            connection.commit()
    finally:
        engine.dispose()


_run()
