"""Photos keep more of what was measured on them, and which version of the measuring did it."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
keeps_effects = True

_COLUMNS = (
    "measured INTEGER DEFAULT '0' NOT NULL",
    "focus DOUBLE DEFAULT '1' NOT NULL",
    "detail DOUBLE DEFAULT '1' NOT NULL",
    "contrast DOUBLE DEFAULT '255' NOT NULL",
    "noise DOUBLE DEFAULT '0' NOT NULL",
    "brightest DOUBLE DEFAULT '255' NOT NULL",
    "blown DOUBLE DEFAULT '0' NOT NULL",
    "bars JSON DEFAULT '[0.0, 0.0, 0.0, 0.0]' NOT NULL",
    "layout TEXT DEFAULT '' NOT NULL",
)


def upgrade() -> None:
    """Add the columns; photos that are there say that an older version measured them."""
    connection = op.get_bind()
    for column in _COLUMNS:
        connection.exec_driver_sql(f"ALTER TABLE photos ADD COLUMN {column}")
