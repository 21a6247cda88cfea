"""Pictures can be rated, tagged, laid out as grids and come from other programs.

Orders are kept, so that a queue survives the app; prompts are remembered; a publication says which
pictures stand on its card.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
keeps_effects = True

_STATEMENTS = (
    "ALTER TABLE pictures ADD COLUMN negative_prompt TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE pictures ADD COLUMN rating INTEGER DEFAULT '0' NOT NULL",
    "ALTER TABLE pictures ADD COLUMN favourite BOOLEAN DEFAULT '0' NOT NULL",
    "ALTER TABLE pictures ADD COLUMN source TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE pictures ADD COLUMN facts JSON DEFAULT '{}' NOT NULL",
    "ALTER TABLE pictures ADD COLUMN grid_id TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE pictures ADD COLUMN cell INTEGER DEFAULT '0' NOT NULL",
    "ALTER TABLE pictures ADD COLUMN seconds DOUBLE",
    "DROP INDEX ix_pictures_created_at_seq",
    "CREATE INDEX pictures_shown ON pictures (created_at, seq, id) WHERE trashed_at IS NULL",
    "CREATE INDEX ix_pictures_grid_id ON pictures (grid_id)",
    "CREATE INDEX ix_pictures_order_id ON pictures (order_id)",
    "CREATE INDEX ix_charges_picture_id ON charges (picture_id)",
    "ALTER TABLE publications ADD COLUMN pictures JSON DEFAULT '[]' NOT NULL",
    """CREATE TABLE picture_tags (
        picture_id TEXT NOT NULL,
        tag TEXT NOT NULL,
        CONSTRAINT pk_picture_tags PRIMARY KEY (picture_id, tag),
        CONSTRAINT fk_picture_tags_picture_id_pictures
            FOREIGN KEY(picture_id) REFERENCES pictures (id)
    )""",
    "CREATE INDEX ix_picture_tags_tag ON picture_tags (tag)",
    """CREATE TABLE picture_orders (
        id TEXT NOT NULL,
        title TEXT NOT NULL,
        position INTEGER NOT NULL,
        paused BOOLEAN NOT NULL,
        request JSON NOT NULL,
        created_at TEXT NOT NULL,
        CONSTRAINT pk_picture_orders PRIMARY KEY (id)
    )""",
    """CREATE TABLE picture_grids (
        id TEXT NOT NULL,
        title TEXT NOT NULL,
        lora_id TEXT NOT NULL,
        spec JSON NOT NULL,
        created_at TEXT NOT NULL,
        trashed_at TEXT,
        CONSTRAINT pk_picture_grids PRIMARY KEY (id)
    )""",
    "CREATE INDEX ix_picture_grids_lora_id ON picture_grids (lora_id)",
    """CREATE TABLE prompts (
        text TEXT NOT NULL,
        negative_prompt TEXT NOT NULL,
        name TEXT NOT NULL,
        saved BOOLEAN NOT NULL,
        uses INTEGER NOT NULL,
        used_at TEXT NOT NULL,
        CONSTRAINT pk_prompts PRIMARY KEY (text)
    )""",
)


def upgrade() -> None:
    """Add the columns and tables; every picture is there as it was, without a rating."""
    connection = op.get_bind()
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement)
