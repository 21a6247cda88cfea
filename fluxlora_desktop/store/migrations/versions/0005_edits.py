"""Photos of a dataset can be changed without being touched, and be left out of the training."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
keeps_effects = True

_STATEMENTS = (
    "ALTER TABLE dataset_version_photos ADD COLUMN edits JSON DEFAULT '{}' NOT NULL",
    """CREATE TABLE photo_changes (
        dataset_id TEXT NOT NULL,
        photo_sha256 TEXT NOT NULL,
        kept BOOLEAN NOT NULL,
        edits JSON NOT NULL,
        CONSTRAINT pk_photo_changes PRIMARY KEY (dataset_id, photo_sha256),
        CONSTRAINT fk_photo_changes_dataset_id_datasets
            FOREIGN KEY(dataset_id) REFERENCES datasets (id),
        CONSTRAINT fk_photo_changes_photo_sha256_photos
            FOREIGN KEY(photo_sha256) REFERENCES photos (sha256)
    )""",
    """CREATE TABLE edited_photos (
        photo_sha256 TEXT NOT NULL,
        edits_key TEXT NOT NULL,
        facts JSON NOT NULL,
        CONSTRAINT pk_edited_photos PRIMARY KEY (photo_sha256, edits_key),
        CONSTRAINT fk_edited_photos_photo_sha256_photos
            FOREIGN KEY(photo_sha256) REFERENCES photos (sha256)
    )""",
)


def upgrade() -> None:
    """Add the columns; every photo is kept as it is."""
    connection = op.get_bind()
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement)
