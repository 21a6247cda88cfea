"""What the last process left in the middle, settled before anything else reads it."""

from __future__ import annotations

import hashlib
import json

from sqlalchemy import exists, literal, select
from sqlalchemy.orm import Session

from fluxlora_desktop.domain.money import NOTHING, Certainty
from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.domain.ports import Clock
from fluxlora_desktop.domain.runs import EffectKind, EffectState, RunState
from fluxlora_desktop.store.database import Database
from fluxlora_desktop.store.files import LibraryFiles
from fluxlora_desktop.store.schema import ChargeRow, EffectRow, PictureRow, RunEventRow, RunRow

_MAYBE = "The app stopped while this was made. It may have been charged; it is not sent again."
_SENT = frozenset({EffectState.UNKNOWN, EffectState.CONFIRMED})


def recover_interrupted(database: Database, clock: Clock, files: LibraryFiles) -> None:
    """Turn every request that was under way into one whose outcome is unknown.

    Runs that were launching wait in UNKNOWN for the service to be asked. Pictures have nobody to
    ask: one whose file is there is done, one that was sent may have been charged and counts so in
    the ledger, one that was not sent waits again. Nobody can be asked for a caption either: one
    that was sent counts as possibly charged, and no caption is sent again by itself.
    """
    with database.write() as session:
        flying = session.scalars(
            select(EffectRow).where(EffectRow.state == EffectState.IN_FLIGHT)
        ).all()
        for effect in flying:
            effect.state = EffectState.UNKNOWN
            effect.note = "found in flight at start"
            effect.updated_at = clock.now()
        session.flush()
        _settle_runs(session, clock)
        _settle_pictures(session, clock, files)
        _settle_captions(session, clock)


def _settle_runs(session: Session, clock: Clock) -> None:
    """Let runs wait in UNKNOWN whose launch was sent, also where its answer is in the journal."""
    for run in session.scalars(select(RunRow).where(RunRow.state == RunState.LAUNCHING)).all():
        sent = select(EffectRow).where(
            EffectRow.kind == EffectKind.TRAINING,
            EffectRow.subject == run.id,
            EffectRow.state.in_(_SENT),
        )
        if session.scalars(sent).first() is None:
            continue
        run.state = RunState.UNKNOWN
        run.updated_at = clock.now()
        session.add(
            RunEventRow(run_id=run.id, at=run.updated_at, kind="state", text=RunState.UNKNOWN.value)
        )


def _settle_pictures(session: Session, clock: Clock, files: LibraryFiles) -> None:
    making = select(PictureRow).where(PictureRow.state == PictureState.MAKING)
    for picture in session.scalars(making).all():
        sent = session.scalars(
            select(EffectRow).where(
                EffectRow.kind == EffectKind.PICTURE,
                EffectRow.subject == picture.id,
                EffectRow.state.in_(_SENT),
            )
        ).first()
        if sent is None:
            picture.state = PictureState.WAITING
        elif _has_file(picture, files):
            _take_file(picture, sent, files)
            _charge(session, picture, sent, Certainty.CHARGED, clock)
        else:
            picture.state, picture.error = PictureState.MAYBE_CHARGED, _MAYBE
            _charge(session, picture, sent, Certainty.MAYBE, clock)


def _has_file(picture: PictureRow, files: LibraryFiles) -> bool:
    """Tell whether the app ended between a picture's file, which is written whole, and its row."""
    return files.picture(picture.id, picture.created_at).is_file()


def _take_file(picture: PictureRow, sent: EffectRow, files: LibraryFiles) -> None:
    path, thumb = files.picture(picture.id, picture.created_at), files.picture_thumb(picture.id)
    with path.open("rb") as file:
        picture.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    picture.file = files.relative(path)
    picture.thumb = files.relative(thumb) if thumb.is_file() else ""
    picture.remote_id, picture.cost_usd = sent.remote_id, sent.price_usd
    picture.state, picture.error = PictureState.DONE, ""


def _charge(
    session: Session, picture: PictureRow, sent: EffectRow, certainty: Certainty, clock: Clock
) -> None:
    charge = f"picture-{picture.id}"
    if session.get(ChargeRow, charge) is not None:
        return
    session.add(
        ChargeRow(
            id=charge,
            service=picture.generator,
            kind="picture",
            amount_usd=sent.price_usd or NOTHING,
            at=sent.sent_at or clock.now(),
            certainty=certainty,
            picture_id=picture.id,
            note=picture.prompt[:80],
        )
    )


def _settle_captions(session: Session, clock: Clock) -> None:
    """Count every caption that was asked for at a price, and that the ledger does not know."""
    charge_id = literal("caption-") + EffectRow.subject
    uncounted = select(EffectRow).where(
        EffectRow.kind == EffectKind.CAPTION,
        EffectRow.state.in_(_SENT),
        EffectRow.price_usd > NOTHING,
        ~exists().where(ChargeRow.id == charge_id),
    )
    for sent in session.scalars(uncounted).all():
        answered = sent.state is EffectState.CONFIRMED
        asked = json.loads(sent.request or "{}")
        session.add(
            ChargeRow(
                id=f"caption-{sent.subject}",
                service=sent.service,
                kind="caption",
                amount_usd=sent.price_usd or NOTHING,
                at=sent.sent_at or clock.now(),
                certainty=Certainty.CHARGED if answered else Certainty.MAYBE,
                note=str(asked.get("model", ""))[:80],
            )
        )
