"""Photos, captions, datasets and their frozen versions."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from fluxlora_desktop.domain.datasets import (
    Dataset,
    DatasetPhoto,
    DatasetVersion,
    FaceBox,
    Photo,
    PhotoFacts,
)
from fluxlora_desktop.domain.edits import Edits, edits_from
from fluxlora_desktop.domain.ports import Clock
from fluxlora_desktop.store.database import Database
from fluxlora_desktop.store.rows import columns_of, fields_from
from fluxlora_desktop.store.schema import (
    CaptionRow,
    DatasetPhotoRow,
    DatasetRow,
    DatasetVersionRow,
    DismissalRow,
    EditedPhotoRow,
    PhotoChangeRow,
    PhotoRow,
    VersionPhotoRow,
)

_APART = ("dhash", "notes", "bars", "faces")
"""The facts that lie in their columns in another shape."""


class SqlDatasetStore:
    """Fills the port `DatasetStore`; an unknown dataset raises `KeyError`."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def put_photo(self, photo: Photo) -> None:
        """Keep a photo's facts; the same photo twice is one row."""
        columns = columns_of(photo.facts, without=_APART) | {
            "sha256": photo.sha256,
            "name": photo.name,
            "size_bytes": photo.size_bytes,
            "dhash": f"{photo.facts.dhash:016x}",
            "notes": list(photo.facts.notes),
            "bars": list(photo.facts.bars),
            "faces": _listed(photo.facts.faces),
        }
        with self._database.write() as session:
            session.merge(PhotoRow(**columns))

    def photo(self, sha256: str) -> Photo | None:
        """Return a photo by its hash."""
        with self._database.read() as session:
            row = session.get(PhotoRow, sha256)
            return None if row is None else photo_of(row)

    def create(self) -> Dataset:
        """Make an empty dataset."""
        now = self._clock.now()
        made = Dataset(id=secrets.token_hex(8), created_at=now)
        with self._database.write() as session:
            session.add(DatasetRow(id=made.id, trigger_word=made.trigger_word, created_at=now))
        return made

    def get(self, dataset_id: str) -> Dataset:
        """Return a dataset with its photos in order."""
        with self._database.read() as session:
            return _dataset(session, dataset_id)

    def set_photos(self, dataset_id: str, hashes: Sequence[str]) -> None:
        """Say which photos are in the set, in which order; captions stay with their photos."""
        with self._database.write() as session:
            _row(session, dataset_id)
            session.execute(delete(DatasetPhotoRow).where(DatasetPhotoRow.dataset_id == dataset_id))
            session.add_all(
                DatasetPhotoRow(dataset_id=dataset_id, photo_sha256=sha256, position=position)
                for position, sha256 in enumerate(dict.fromkeys(hashes))
            )

    def set_change(self, dataset_id: str, sha256: str, edits: Edits, *, kept: bool) -> None:
        """Keep what is changed about a photo, and whether it is trained."""
        row = PhotoChangeRow(
            dataset_id=dataset_id, photo_sha256=sha256, kept=kept, edits=edits.as_json()
        )
        with self._database.write() as session:
            _row(session, dataset_id)
            session.merge(row)

    def put_edited(self, sha256: str, edits: Edits, facts: PhotoFacts) -> None:
        """Keep what was measured of a photo after edits."""
        with self._database.write() as session:
            row = EditedPhotoRow(photo_sha256=sha256, edits_key=edits.key, facts=asdict(facts))
            session.merge(row)

    def edited(self, sha256: str, edits: Edits) -> PhotoFacts | None:
        """Return what was measured of a photo after edits, or None."""
        with self._database.read() as session:
            row = session.get(EditedPhotoRow, (sha256, edits.key))
            return None if row is None else _edited_facts(row.facts)

    def set_caption(self, dataset_id: str, sha256: str, caption: str) -> None:
        """Keep a caption; it survives the photo's removal from the set."""
        self.set_captions(dataset_id, {sha256: caption})

    def set_captions(self, dataset_id: str, captions: Mapping[str, str]) -> None:
        """Keep captions by photo, all of them or none."""
        with self._database.write() as session:
            _row(session, dataset_id)
            for sha256, caption in captions.items():
                row = CaptionRow(dataset_id=dataset_id, photo_sha256=sha256, caption=caption)
                session.merge(row)

    def set_trigger(self, dataset_id: str, word: str) -> None:
        """Keep the trigger word."""
        with self._database.write() as session:
            _row(session, dataset_id).trigger_word = word

    def dismiss(self, dataset_id: str, *keys: str, dismissed: bool = True) -> None:
        """Remember what was dismissed, or forget it, all of it or nothing."""
        rows = [{"dataset_id": dataset_id, "finding": key} for key in keys]
        with self._database.write() as session:
            _row(session, dataset_id)
            for row in rows:
                if dismissed:
                    session.execute(insert(DismissalRow).values(**row).on_conflict_do_nothing())
                else:
                    session.execute(delete(DismissalRow).filter_by(**row))

    def freeze(self, dataset_id: str, findings: Sequence[str]) -> DatasetVersion:
        """Keep the dataset as it stands now, for good."""
        version_id = secrets.token_hex(8)
        with self._database.write() as session:
            dataset = _dataset(session, dataset_id)
            session.add(
                DatasetVersionRow(
                    id=version_id,
                    dataset_id=dataset_id,
                    trigger_word=dataset.trigger_word,
                    findings=list(findings),
                    created_at=self._clock.now(),
                )
            )
            session.flush()
            session.add_all(
                VersionPhotoRow(
                    version_id=version_id,
                    position=position,
                    photo_sha256=item.photo.sha256,
                    caption=item.caption,
                    edits=item.edits.as_json(),
                )
                for position, item in enumerate(dataset.kept)
            )
        return self.version(version_id)

    def version(self, version_id: str) -> DatasetVersion:
        """Return a frozen version; raises `KeyError`."""
        with self._database.read() as session:
            row = session.get(DatasetVersionRow, version_id)
            if row is None:
                raise KeyError(version_id)
            photos = session.execute(
                select(PhotoRow, VersionPhotoRow)
                .join(VersionPhotoRow, VersionPhotoRow.photo_sha256 == PhotoRow.sha256)
                .where(VersionPhotoRow.version_id == version_id)
                .order_by(VersionPhotoRow.position)
            ).all()
            return DatasetVersion(
                id=row.id,
                dataset_id=row.dataset_id,
                photos=tuple(
                    _item(session, photo, placed.caption, placed.edits) for photo, placed in photos
                ),
                trigger_word=row.trigger_word,
                findings=tuple(row.findings),
                created_at=row.created_at,
            )


def _row(session: Session, dataset_id: str) -> DatasetRow:
    row = session.get(DatasetRow, dataset_id)
    if row is None:
        raise KeyError(dataset_id)
    return row


def _dataset(session: Session, dataset_id: str) -> Dataset:
    row = _row(session, dataset_id)
    photos = session.execute(
        select(PhotoRow, CaptionRow.caption, PhotoChangeRow)
        .join(DatasetPhotoRow, DatasetPhotoRow.photo_sha256 == PhotoRow.sha256)
        .outerjoin(
            CaptionRow,
            (CaptionRow.photo_sha256 == PhotoRow.sha256) & (CaptionRow.dataset_id == dataset_id),
        )
        .outerjoin(
            PhotoChangeRow,
            (PhotoChangeRow.photo_sha256 == PhotoRow.sha256)
            & (PhotoChangeRow.dataset_id == dataset_id),
        )
        .where(DatasetPhotoRow.dataset_id == dataset_id)
        .order_by(DatasetPhotoRow.position)
    ).all()
    dismissed = session.scalars(
        select(DismissalRow.finding).where(DismissalRow.dataset_id == dataset_id)
    ).all()
    return Dataset(
        id=row.id,
        photos=tuple(
            _item(session, photo, caption or "", change.edits, kept=change.kept)
            if change
            else DatasetPhoto(photo_of(photo), caption or "")
            for photo, caption, change in photos
        ),
        trigger_word=row.trigger_word,
        dismissed=frozenset(dismissed),
        created_at=row.created_at,
    )


def _item(
    session: Session, row: PhotoRow, caption: str, edits: dict[str, Any], *, kept: bool = True
) -> DatasetPhoto:
    changes = edits_from(edits)
    edited = None if changes.plain else session.get(EditedPhotoRow, (row.sha256, changes.key))
    facts = None if edited is None else _edited_facts(edited.facts)
    return DatasetPhoto(photo_of(row), caption, changes, kept, facts)


def _edited_facts(found: dict[str, Any]) -> PhotoFacts:
    facts = PhotoFacts(**{**found, "notes": tuple(found["notes"])})
    bars, faces = _four(found.get("bars", (0, 0, 0, 0))), _faces(found.get("faces"))
    return replace(facts, bars=bars, faces=faces)


def _listed(faces: tuple[FaceBox, ...] | None) -> list[list[float]] | None:
    return None if faces is None else [list(face) for face in faces]


def _faces(found: list[list[float]] | None) -> tuple[FaceBox, ...] | None:
    return None if found is None else tuple(map(_four, found))


def _four(values: Iterable[float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = map(float, values)
    return left, top, right, bottom


def photo_of(row: PhotoRow) -> Photo:
    """Return the photo of a row."""
    return Photo(
        sha256=row.sha256,
        name=row.name,
        size_bytes=row.size_bytes,
        facts=PhotoFacts(
            **fields_from(row, PhotoFacts, without=_APART),
            dhash=int(row.dhash, 16),
            notes=tuple(row.notes),
            bars=_four(row.bars),
            faces=_faces(row.faces),
        ),
    )
