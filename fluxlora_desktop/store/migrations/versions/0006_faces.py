"""Photos keep where faces were found in them."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
keeps_effects = True


def upgrade() -> None:
    """Add the column; nothing looked for faces in photos that are there."""
    op.get_bind().exec_driver_sql("ALTER TABLE photos ADD COLUMN faces JSON")
