"""The journal's rules: what an event makes of a request with an effect outside. No I/O here.

A paid request is on the disk as `in_flight` before its first byte. What happens then is an event;
`decide` returns the row that follows from it, and `may_plan` whether another attempt may be made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fluxlora_desktop.domain.errors import (
    AppError,
    IllegalMove,
    OutcomeUnknown,
    ServiceInterrupted,
    ServiceUnreachable,
    UnexpectedReply,
)
from fluxlora_desktop.domain.runs import Effect, EffectKind, EffectState

_S = EffectState
LIVE = frozenset({_S.IN_FLIGHT, _S.UNKNOWN, _S.CONFIRMED})
"""States of a paid request in which no other may be sent for the same subject."""
OPEN = frozenset({_S.IN_FLIGHT, _S.UNKNOWN})
"""States whose outcome is not known; a free request may be made anew once it left them."""
MOST_EVIDENCE = 40


@dataclass(frozen=True, slots=True)
class Prepared:
    """What only this attempt has was made: the uploaded file; `server_date` is the service's."""

    file_id: str
    server_date: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """The request is about to leave; it may take `deadline_s` seconds."""

    at: datetime
    deadline_s: int = 120


@dataclass(frozen=True, slots=True)
class Answered:
    """The service took it and said under which id."""

    remote_id: str = ""
    handle: str = ""


@dataclass(frozen=True, slots=True)
class NeverLeft:
    """No byte of it left this computer."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The service said no."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """A byte of it left and no clear answer came, or the app ended before it could be kept."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """The service was asked and does not know it; `complete` when that proves something.

    `at` is the service's own time where it tells it, else this computer's.
    """

    at: datetime
    complete: bool
    by_server: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """Something at the service bears the mark, or a person named it."""

    remote_id: str
    handle: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Denied:
    """A person looked at the service and says that it is not there."""

    note: str = "a person looked and found nothing"


Event = Prepared | Sending | Answered | NeverLeft | Refused | NoAnswer | Looked | Found | Denied


@dataclass(frozen=True, slots=True)
class Settling:
    """When a request that nobody finds counts as not there.

    At least `reads` complete looks, the last at least `seconds` after the request's deadline: no
    service documents how soon a new training shows in its list.
    """

    reads: int = 5
    seconds: float = 600.0


def decide(effect: Effect, event: Event, settling: Settling | None = None) -> Effect:
    """Return the effect that an event makes of this one; raise `IllegalMove` where it cannot come.

    Nothing leads from `unknown` back to `planned`, and nothing but `planned` to `in_flight`.
    """
    match effect.state, event:
        case _S.PLANNED, Prepared(file_id, server_date):
            return replace(effect, file_id=file_id, server_date=server_date)
        case _S.PLANNED, Sending(at, deadline_s):
            return replace(effect, state=_S.IN_FLIGHT, sent_at=at, deadline_s=deadline_s)
        case _S.IN_FLIGHT, Answered(remote_id, handle):
            if effect.kind is EffectKind.TRAINING and not remote_id:
                return replace(effect, state=_S.UNKNOWN, note="the answer names no training")
            return replace(effect, state=_S.CONFIRMED, remote_id=remote_id, handle=handle)
        case _S.IN_FLIGHT, NeverLeft(why):
            return replace(effect, state=_S.PLANNED, note=why)
        case _S.IN_FLIGHT, Refused(why):
            return replace(effect, state=_S.REFUSED, note=why)
        case _S.IN_FLIGHT, NoAnswer(why):
            return replace(effect, state=_S.UNKNOWN, note=why)
        case _S.UNKNOWN, Found(remote_id, handle, note) if remote_id or not effect.kind.paid:
            return replace(
                effect, state=_S.CONFIRMED, remote_id=remote_id, handle=handle, note=note
            )
        case _S.UNKNOWN, Looked():
            return _after_look(effect, event, settling or Settling())
        case _S.UNKNOWN, Denied(note):
            return replace(effect, state=_S.ABSENT, note=note)
    raise IllegalMove(effect.id, effect.state, type(event).__name__)


def _after_look(effect: Effect, look: Looked, settling: Settling) -> Effect:
    """Count a look that proves something; enough of them over enough time prove absence."""
    said = f"{look.at:%Y-%m-%dT%H:%M:%SZ} {'not there' if look.complete else 'not read to the end'}"
    seen = replace(effect, evidence=(*effect.evidence, said)[-MOST_EVIDENCE:])
    if not look.complete:
        return seen
    seen = replace(seen, reads=effect.reads + 1)
    if not effect.kind.paid:
        return replace(seen, state=_S.ABSENT)
    sent = effect.server_date if look.by_server else effect.sent_at
    if sent is None:
        return seen
    old_enough = look.at - sent >= timedelta(seconds=effect.deadline_s + settling.seconds)
    return replace(seen, state=_S.ABSENT) if old_enough and seen.reads >= settling.reads else seen


def outcome_of(error: AppError, kind: EffectKind) -> Event:
    """Return what an error means for the row of the request that raised it.

    The one request that costs money says for itself when its outcome is unknown; a free one that
    broke, or whose answer made no sense, may have been done all the same.
    """
    if isinstance(error, OutcomeUnknown):
        return NoAnswer(str(error))
    if isinstance(error, ServiceUnreachable):
        return NeverLeft(str(error))
    if not kind.paid and isinstance(error, ServiceInterrupted | UnexpectedReply):
        return NoAnswer(str(error))
    return Refused(str(error))


def may_plan(newest: Effect | None, kind: EffectKind, confirmation: int) -> bool:
    """Tell whether another attempt may be made after the newest one of a subject.

    A paid request that is live forbids it. One that counts as absent, which only looks like proof,
    wants a new click: a confirmation of its own. A free one may be made anew once it is settled.
    """
    if newest is None:
        return True
    if not kind.paid:
        return newest.state not in OPEN
    if newest.state is EffectState.ABSENT:
        return confirmation > newest.confirmation
    return newest.state not in LIVE
