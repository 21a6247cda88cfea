"""A paid request keeps what its backend needs to find it again, beside the service's id."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
keeps_effects = True


def upgrade() -> None:
    """Add the column; the rows that are there were found by their id alone."""
    op.get_bind().exec_driver_sql("ALTER TABLE effects ADD COLUMN handle TEXT DEFAULT '' NOT NULL")
