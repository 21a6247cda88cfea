"""The library's tables.

Names of columns that mirror a value of `domain/` are the value's field names. Amounts are whole
micro-dollars, times ISO text in UTC, paths relative to the data folder with forward slashes.
`migrations/` holds the same schema as fixed text; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    DDL,
    JSON,
    ForeignKey,
    Index,
    MetaData,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from fluxlora_desktop.domain.loras import PublicationStatus
from fluxlora_desktop.domain.money import Certainty
from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.domain.runs import EffectKind, EffectState, RunState
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.store.columns import MicroDollars, UtcTime, one_of


class Table(DeclarativeBase):
    """The base of all tables: constraints get names, which changing them later needs."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy reads this name as a plain dict
        str: Text(),
        datetime: UtcTime(),
        Decimal: MicroDollars(),
    }


class LibraryRow(Table):
    """The one row that tells this library from others; its id opens every nonce.

    `device` is the computer that had it open last, `opened_at` since when.
    """

    __tablename__ = "library"
    id: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]
    device: Mapped[str] = mapped_column(default="", server_default="")
    opened_at: Mapped[datetime | None]


class PhotoRow(Table):
    """A photo by its bytes' hash; `dhash` is 16 hex digits, as SQLite's integers are signed."""

    __tablename__ = "photos"
    sha256: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    size_bytes: Mapped[int]
    format: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    pixel_sha256: Mapped[str]
    dhash: Mapped[str]
    sharpness: Mapped[float]
    clipped: Mapped[float]
    midtones: Mapped[float]
    notes: Mapped[list[str]] = mapped_column(JSON)
    measured: Mapped[int] = mapped_column(default=0, server_default="0")
    focus: Mapped[float] = mapped_column(default=1.0, server_default="1")
    detail: Mapped[float] = mapped_column(default=1.0, server_default="1")
    contrast: Mapped[float] = mapped_column(default=255.0, server_default="255")
    noise: Mapped[float] = mapped_column(default=0.0, server_default="0")
    brightest: Mapped[float] = mapped_column(default=255.0, server_default="255")
    blown: Mapped[float] = mapped_column(default=0.0, server_default="0")
    bars: Mapped[list[float]] = mapped_column(JSON, server_default="[0.0, 0.0, 0.0, 0.0]")
    layout: Mapped[str] = mapped_column(default="", server_default="")
    faces: Mapped[list[list[float]] | None] = mapped_column(JSON(none_as_null=True))


class DatasetRow(Table):
    """A dataset; its photos lie in `dataset_photos`."""

    __tablename__ = "datasets"
    id: Mapped[str] = mapped_column(primary_key=True)
    trigger_word: Mapped[str]
    created_at: Mapped[datetime]


class DatasetPhotoRow(Table):
    """A photo's place in a dataset, from 0."""

    __tablename__ = "dataset_photos"
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"), primary_key=True)
    photo_sha256: Mapped[str] = mapped_column(ForeignKey("photos.sha256"), primary_key=True)
    position: Mapped[int]


class PhotoChangeRow(Table):
    """What is changed about a photo of a dataset and whether it is trained.

    Like a caption it stays when its photo leaves the set.
    """

    __tablename__ = "photo_changes"
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"), primary_key=True)
    photo_sha256: Mapped[str] = mapped_column(ForeignKey("photos.sha256"), primary_key=True)
    kept: Mapped[bool]
    edits: Mapped[dict[str, Any]] = mapped_column(JSON)


class EditedPhotoRow(Table):
    """What was measured of a photo after some edits, by their key; facts as `PhotoFacts`."""

    __tablename__ = "edited_photos"
    photo_sha256: Mapped[str] = mapped_column(ForeignKey("photos.sha256"), primary_key=True)
    edits_key: Mapped[str] = mapped_column(primary_key=True)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)


class CaptionRow(Table):
    """A caption; it stays when its photo leaves the set."""

    __tablename__ = "captions"
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"), primary_key=True)
    photo_sha256: Mapped[str] = mapped_column(ForeignKey("photos.sha256"), primary_key=True)
    caption: Mapped[str]


class DismissalRow(Table):
    """What the person dismissed; `domain.dismissals` says how the key is made."""

    __tablename__ = "dismissals"
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"), primary_key=True)
    finding: Mapped[str] = mapped_column(primary_key=True)


class DatasetVersionRow(Table):
    """A dataset as it stood when a run started."""

    __tablename__ = "dataset_versions"
    id: Mapped[str] = mapped_column(primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"))
    trigger_word: Mapped[str]
    findings: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime]


class VersionPhotoRow(Table):
    """A photo of a frozen dataset with its caption."""

    __tablename__ = "dataset_version_photos"
    version_id: Mapped[str] = mapped_column(ForeignKey("dataset_versions.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    photo_sha256: Mapped[str] = mapped_column(ForeignKey("photos.sha256"))
    caption: Mapped[str]
    edits: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")


class RunRow(Table):
    """A run; `plan` is the wizard's choices as JSON."""

    __tablename__ = "runs"
    __table_args__ = (Index(None, "hidden", "created_at"),)
    id: Mapped[str] = mapped_column(primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"))
    state: Mapped[RunState] = mapped_column(one_of(RunState, "state"))
    plan: Mapped[Mapping[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version_id: Mapped[str | None] = mapped_column(ForeignKey("dataset_versions.id"))
    base: Mapped[str] = mapped_column(default="")
    external_training_id: Mapped[str | None]
    external_training_service: Mapped[str | None]
    page: Mapped[str] = mapped_column(default="")
    trainer_version: Mapped[str] = mapped_column(default="")
    destination: Mapped[str] = mapped_column(default="")
    output_version: Mapped[str] = mapped_column(default="")
    weights_address: Mapped[str] = mapped_column(default="")
    step: Mapped[int | None]
    total: Mapped[int | None]
    stage: Mapped[str] = mapped_column(default="")
    eta_seconds: Mapped[float | None]
    loss: Mapped[float | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    price_low: Mapped[Decimal | None]
    price_high: Mapped[Decimal | None]
    cost_usd: Mapped[Decimal | None]
    failed_at: Mapped[RunState | None] = mapped_column(one_of(RunState, "failed_at"))
    error: Mapped[str] = mapped_column(default="")
    error_kind: Mapped[str] = mapped_column(default="")
    attention: Mapped[str] = mapped_column(default="")
    lora_id: Mapped[str | None]
    huggingface_repo: Mapped[str | None]
    huggingface_status: Mapped[str | None]
    lora_ready_for_inference: Mapped[bool] = mapped_column(default=False)
    hidden: Mapped[bool] = mapped_column(default=False)
    account: Mapped[str] = mapped_column(default="", server_default="")
    wait_until: Mapped[datetime | None]
    confirmations: Mapped[int] = mapped_column(default=0, server_default="0")
    recovered: Mapped[bool] = mapped_column(default=False, server_default="0")


class RunEventRow(Table):
    """A line of a run's history; triggers refuse every change."""

    __tablename__ = "run_events"
    seq: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), index=True)
    at: Mapped[datetime]
    kind: Mapped[str]
    text: Mapped[str]


class RunLogRow(Table):
    """A piece of a service's log; `chars` is counted here, as SQLite's length() stops at NUL."""

    __tablename__ = "run_logs"
    seq: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), index=True)
    chars: Mapped[int]
    text: Mapped[str]


class LossPointRow(Table):
    """The loss at one step."""

    __tablename__ = "loss_points"
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    loss: Mapped[float]


class EffectRow(Table):
    """A request with an effect outside.

    The database itself forbids a second live one for the same subject; one that cost nothing may be
    made again once it was confirmed.
    """

    __tablename__ = "effects"
    __table_args__ = (
        UniqueConstraint("kind", "subject", "attempt"),
        Index(
            "one_live_effect",
            "kind",
            "subject",
            unique=True,
            sqlite_where=text(
                "state IN ('in_flight', 'unknown') OR "
                "(state = 'confirmed' AND kind IN ('training', 'picture', 'caption'))"
            ),
        ),
    )
    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[EffectKind] = mapped_column(one_of(EffectKind, "kind"))
    subject: Mapped[str]
    attempt: Mapped[int]
    nonce: Mapped[str] = mapped_column(unique=True)
    state: Mapped[EffectState] = mapped_column(one_of(EffectState, "state"), index=True)
    service: Mapped[str]
    updated_at: Mapped[datetime]
    file_id: Mapped[str] = mapped_column(default="")
    remote_id: Mapped[str] = mapped_column(default="")
    sent_at: Mapped[datetime | None]
    price_usd: Mapped[Decimal | None]
    reads: Mapped[int] = mapped_column(default=0)
    note: Mapped[str] = mapped_column(default="")
    handle: Mapped[str] = mapped_column(default="", server_default="")
    confirmation: Mapped[int] = mapped_column(default=0, server_default="0")
    request: Mapped[str] = mapped_column(default="", server_default="")
    request_sha256: Mapped[str] = mapped_column(default="", server_default="")
    server_date: Mapped[datetime | None]
    deadline_s: Mapped[int] = mapped_column(default=0, server_default="0")
    evidence: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    device: Mapped[str] = mapped_column(default="", server_default="")


class LoraRow(Table):
    """Weights in the library; the file is `loras/<id>/lora.safetensors`."""

    __tablename__ = "loras"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    base: Mapped[str]
    trigger_word: Mapped[str]
    sha256: Mapped[str] = mapped_column(index=True)
    tensor_hash: Mapped[str]
    size_bytes: Mapped[int]
    rank: Mapped[int]
    created_at: Mapped[datetime]
    recommended_scale: Mapped[float]
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id"))
    source: Mapped[str]
    output_version: Mapped[str]
    output_service: Mapped[str]
    cover_sha256: Mapped[str]
    key_style: Mapped[str]
    trashed_at: Mapped[datetime | None]


class PublicationRow(Table):
    """Where a Lora is published; one place for each Lora."""

    __tablename__ = "publications"
    lora_id: Mapped[str] = mapped_column(ForeignKey("loras.id"), primary_key=True)
    hub: Mapped[str]
    repo: Mapped[str]
    commit: Mapped[str]
    visibility: Mapped[Visibility] = mapped_column(one_of(Visibility, "visibility"))
    status: Mapped[PublicationStatus] = mapped_column(one_of(PublicationStatus, "status"))
    sha256: Mapped[str]
    page: Mapped[str]
    address: Mapped[str]
    updated_at: Mapped[datetime]
    pictures: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")


class PictureRow(Table):
    """A picture; `seq` keeps the order of those made at once and is the row id of the search."""

    __tablename__ = "pictures"
    __table_args__ = (
        Index(
            "pictures_shown",  # answers "all ids, newest first" without reading a row
            "created_at",
            "seq",
            "id",
            sqlite_where=text("trashed_at IS NULL"),
        ),
    )
    seq: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    order_id: Mapped[str] = mapped_column(index=True)
    state: Mapped[PictureState] = mapped_column(one_of(PictureState, "state"), index=True)
    generator: Mapped[str]
    model: Mapped[str]
    base: Mapped[str]
    prompt: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    steps: Mapped[int]
    guidance: Mapped[float]
    seed: Mapped[int]
    created_at: Mapped[datetime]
    file: Mapped[str]
    thumb: Mapped[str]
    sha256: Mapped[str]
    source_sha256: Mapped[str]
    remote_id: Mapped[str]
    cost_usd: Mapped[Decimal | None]
    error: Mapped[str]
    trashed_at: Mapped[datetime | None]
    negative_prompt: Mapped[str] = mapped_column(default="", server_default="")
    rating: Mapped[int] = mapped_column(default=0, server_default="0")
    favourite: Mapped[bool] = mapped_column(default=False, server_default="0")
    source: Mapped[str] = mapped_column(default="", server_default="")
    facts: Mapped[dict[str, str]] = mapped_column(JSON, default=dict, server_default="{}")
    grid_id: Mapped[str] = mapped_column(default="", server_default="", index=True)
    cell: Mapped[int] = mapped_column(default=0, server_default="0")
    seconds: Mapped[float | None]


class PictureTagRow(Table):
    """A word that the person gave a picture."""

    __tablename__ = "picture_tags"
    picture_id: Mapped[str] = mapped_column(ForeignKey("pictures.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True, index=True)


class PictureOrderRow(Table):
    """An order of pictures in the queue: those of lower positions are made first."""

    __tablename__ = "picture_orders"
    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    position: Mapped[int]
    paused: Mapped[bool]
    request: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]


class PictureGridRow(Table):
    """A table of pictures over two settings; its cells are pictures that name it."""

    __tablename__ = "picture_grids"
    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    lora_id: Mapped[str] = mapped_column(index=True)
    spec: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    trashed_at: Mapped[datetime | None]


class PromptRow(Table):
    """A prompt that was used or saved; a saved one has a name."""

    __tablename__ = "prompts"
    text: Mapped[str] = mapped_column(primary_key=True)
    negative_prompt: Mapped[str]
    name: Mapped[str]
    saved: Mapped[bool]
    uses: Mapped[int]
    used_at: Mapped[datetime]


class PictureLoraRow(Table):
    """A Lora in a picture, by name and hash: it outlives the Lora's own row."""

    __tablename__ = "picture_loras"
    picture_id: Mapped[str] = mapped_column(ForeignKey("pictures.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    lora_id: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    scale: Mapped[float]
    tensor_hash: Mapped[str]


class ChargeRow(Table):
    """A line of the ledger; it outlives the run and the picture that it was for."""

    __tablename__ = "charges"
    id: Mapped[str] = mapped_column(primary_key=True)
    service: Mapped[str]
    kind: Mapped[str]
    amount_usd: Mapped[Decimal]
    at: Mapped[datetime] = mapped_column(index=True)
    certainty: Mapped[Certainty] = mapped_column(one_of(Certainty, "certainty"))
    run_id: Mapped[str | None] = mapped_column(index=True)
    picture_id: Mapped[str | None] = mapped_column(index=True)
    note: Mapped[str]


# The search index is written by `pictures.py` and not by triggers: SQLite 3.40.1 refuses FTS5
# in a trigger while trusted_schema is off ("unsafe use of virtual table").
_FURTHER = (
    "CREATE TRIGGER run_events_no_update BEFORE UPDATE ON run_events "
    "BEGIN SELECT RAISE(ABORT, 'run_events is append-only'); END",
    "CREATE TRIGGER run_events_no_delete BEFORE DELETE ON run_events "
    "BEGIN SELECT RAISE(ABORT, 'run_events is append-only'); END",
    "CREATE TRIGGER effects_no_delete BEFORE DELETE ON effects "
    "BEGIN SELECT RAISE(ABORT, 'effects are kept'); END",
    "CREATE VIRTUAL TABLE pictures_fts USING fts5(prompt, content='pictures', "
    "content_rowid='seq', tokenize='unicode61 remove_diacritics 2')",
)
for _statement in _FURTHER:
    event.listen(Table.metadata, "after_create", DDL(_statement))  # type: ignore[no-untyped-call]  # not annotated there
