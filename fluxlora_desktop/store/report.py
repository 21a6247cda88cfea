"""Count what is in a library, also in one that could not be opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from fluxlora_desktop.domain.diagnosis import LibraryReport

_WAIT_S = 5.0
_COUNTED: Mapping[str, str] = {
    "runs": "SELECT state, count(*) FROM runs GROUP BY 1",
    "effects": "SELECT state, count(*) FROM effects GROUP BY 1",
    "pictures": "SELECT state, count(*) FROM pictures GROUP BY 1",
    "LoRAs": "SELECT CASE WHEN trashed_at IS NULL THEN 'here' ELSE 'in the trash' END, count(*)"
    " FROM loras GROUP BY 1",
    "publications": "SELECT status, count(*) FROM publications GROUP BY 1",
    "photos": "SELECT 'here', count(*) FROM photos",
    "charges": "SELECT certainty, count(*) FROM charges GROUP BY 1",
}
_ERRORS = "SELECT error_kind, count(*) FROM runs WHERE error_kind <> '' GROUP BY 1"


def read_report(path: Path) -> LibraryReport:
    """Return what the library at `path` tells of itself; it is read only, and never fails."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_WAIT_S)) as it:
            return LibraryReport(
                revision=_one(it, "SELECT version_num FROM alembic_version"),
                journal=_one(it, "PRAGMA journal_mode"),
                sqlite=sqlite3.sqlite_version,
                counts={what: _counts(it, query) for what, query in _COUNTED.items()},
                errors=_counts(it, _ERRORS),
            )
    except (sqlite3.Error, OSError) as error:
        return LibraryReport(sqlite=sqlite3.sqlite_version, trouble=type(error).__name__)


def _one(connection: sqlite3.Connection, query: str) -> str:
    row = connection.execute(query).fetchone()
    return str(row[0]) if row else ""


def _counts(connection: sqlite3.Connection, query: str) -> dict[str, int]:
    return {str(state): int(count) for state, count in connection.execute(query).fetchall()}
