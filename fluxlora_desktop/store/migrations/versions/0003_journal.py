"""The journal watches over what is published too, and keeps what was sent and what was seen.

SQLite cannot change a CHECK, so the table of effects is made anew. Runs learn whose account they
belong to, until when a service asked to wait, and how many clicks wanted a training.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
keeps_effects = True

_OLD = (
    "id, kind, subject, attempt, nonce, state, service, updated_at, file_id, remote_id, sent_at, "
    "price_usd, reads, note, handle"
)
_STATEMENTS = (
    "ALTER TABLE library ADD COLUMN device TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE library ADD COLUMN opened_at TEXT",
    "ALTER TABLE runs ADD COLUMN account TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE runs ADD COLUMN wait_until TEXT",
    "ALTER TABLE runs ADD COLUMN confirmations INTEGER DEFAULT '0' NOT NULL",
    "ALTER TABLE runs ADD COLUMN recovered BOOLEAN DEFAULT '0' NOT NULL",
    "UPDATE runs SET confirmations = 1 WHERE state <> 'draft'",
    "DROP TRIGGER effects_no_delete",
    "DROP INDEX one_live_effect",
    "DROP INDEX ix_effects_state",
    "ALTER TABLE effects RENAME TO effects_before",
    """CREATE TABLE effects (
        id TEXT NOT NULL,
        kind VARCHAR(20) NOT NULL,
        subject TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        nonce TEXT NOT NULL,
        state VARCHAR(20) NOT NULL,
        service TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        file_id TEXT NOT NULL,
        remote_id TEXT NOT NULL,
        sent_at TEXT,
        price_usd INTEGER,
        reads INTEGER NOT NULL,
        note TEXT NOT NULL,
        handle TEXT DEFAULT '' NOT NULL,
        confirmation INTEGER DEFAULT '0' NOT NULL,
        request TEXT DEFAULT '' NOT NULL,
        request_sha256 TEXT DEFAULT '' NOT NULL,
        server_date TEXT,
        deadline_s INTEGER DEFAULT '0' NOT NULL,
        evidence JSON DEFAULT '[]' NOT NULL,
        device TEXT DEFAULT '' NOT NULL,
        CONSTRAINT pk_effects PRIMARY KEY (id),
        CONSTRAINT uq_effects_kind_subject_attempt UNIQUE (kind, subject, attempt),
        CONSTRAINT ck_effects_kind CHECK (
            kind IN ('training', 'picture', 'caption', 'model', 'repo', 'commit')),
        CONSTRAINT uq_effects_nonce UNIQUE (nonce),
        CONSTRAINT ck_effects_state CHECK (
            state IN ('planned', 'in_flight', 'confirmed', 'refused', 'unknown', 'absent'))
    )""",
    f"INSERT INTO effects ({_OLD}, confirmation) SELECT {_OLD}, 1 FROM effects_before",  # noqa: S608  # fixed names
    "DROP TABLE effects_before",
    "CREATE UNIQUE INDEX one_live_effect ON effects (kind, subject) WHERE "
    "state IN ('in_flight', 'unknown') OR "
    "(state = 'confirmed' AND kind IN ('training', 'picture', 'caption'))",
    "CREATE INDEX ix_effects_state ON effects (state)",
    "CREATE TRIGGER effects_no_delete BEFORE DELETE ON effects "
    "BEGIN SELECT RAISE(ABORT, 'effects are kept'); END",
)


def upgrade() -> None:
    """Add the columns; attempts that are there were wanted by one click each."""
    connection = op.get_bind()
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement)
