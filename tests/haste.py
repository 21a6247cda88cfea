"""What each new library costs and no test is about, done once for all tests of a process.

Left as they are: the tests of `store`, which are about it, and every process that a test starts.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

from fluxlora_desktop.store import database, upgrade
from fluxlora_desktop.store.errors import translate_storage_errors

_create_at_head, _pragmas = upgrade.create_at_head, database.pragmas


def hasten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let libraries begin as copies of one, share compiled statements, and not be synced.

    Syncing is for the day when the power fails, which no test can bring about: a process that is
    killed loses nothing that it wrote.
    """
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
    monkeypatch.setattr(database, "pragmas", _unsynced)
    monkeypatch.setattr(database, "create_engine", _related_engine)
    monkeypatch.setattr(upgrade, "create_at_head", _copy_of_new_library)


def _unsynced(*about: Any, **named: Any) -> tuple[str, ...]:
    return (*_pragmas(*about, **named), "synchronous=OFF")


def _copy_of_new_library(path: Path) -> None:
    with translate_storage_errors(path):
        path.write_bytes(_new_library())


@cache
def _new_library() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "library.db"
        _create_at_head(path)
        return path.read_bytes()


def _related_engine(*about: Any, **named: Any) -> Engine:
    """Return an engine that knows the statements which other engines compiled."""
    made, first = create_engine(*about, **named), _first_engine()
    made.dialect, made._compiled_cache = first.dialect, first._compiled_cache
    return made


@cache
def _first_engine() -> Engine:
    first = create_engine("sqlite://")
    with first.connect():  # its dialect learns what this SQLite can
        return first
