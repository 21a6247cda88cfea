"""The first library.

The statements beside this file are fixed text: a library made by this revision stays the same
whatever later versions of the app hold. An empty line parts them.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
keeps_effects = True


def upgrade() -> None:
    """Make every table, index and trigger, and the search over prompts."""
    connection = op.get_bind()
    connection.exec_driver_sql("PRAGMA application_id = 1179408449")
    text = Path(__file__).with_suffix(".sql").read_text("utf-8")
    for statement in text.split("\n\n"):
        connection.exec_driver_sql(statement)
