"""Between rows and values: the fields that both have under the same name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from fluxlora_desktop.store.schema import Table


def columns_of(value: Any, *, without: Iterable[str] = ()) -> dict[str, Any]:
    """Return a value's fields as columns, some left out."""
    left_out = frozenset(without)
    return {
        field.name: getattr(value, field.name)
        for field in fields(value)
        if field.name not in left_out
    }


def fields_from(row: Any, kind: type[Any], *, without: Iterable[str] = ()) -> dict[str, Any]:
    """Return the constructor arguments of `kind` that a row has under the same name."""
    left_out = frozenset(without)
    return {
        field.name: getattr(row, field.name) for field in fields(kind) if field.name not in left_out
    }


def change(row: Table, changes: Mapping[str, Any], *, fixed: frozenset[str]) -> None:
    """Set columns by name; raise `TypeError` for one that does not exist or may not change."""
    known = {column.key for column in row.__table__.columns} - fixed
    wrong = sorted(set(changes) - known)
    if wrong:
        raise TypeError(f"{row.__tablename__} cannot change {', '.join(wrong)}")
    for name, value in changes.items():
        setattr(row, name, value)
