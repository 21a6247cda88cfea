"""The journal's rules alone: every state with every event, and a service that loses answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from fluxlora_desktop.domain.errors import (
    AppError,
    IllegalMove,
    OutcomeUnknown,
    PaymentRequired,
    ServiceBusy,
    ServiceInterrupted,
    ServiceUnreachable,
    TokenRejected,
    UnexpectedReply,
)
from fluxlora_desktop.domain.journal import (
    LIVE,
    MOST_EVIDENCE,
    OPEN,
    Answered,
    Denied,
    Event,
    Found,
    Looked,
    NeverLeft,
    NoAnswer,
    Prepared,
    Refused,
    Sending,
    Settling,
    decide,
    may_plan,
    outcome_of,
)
from fluxlora_desktop.domain.runs import Effect, EffectKind, EffectState

_S = EffectState
AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EFFECT = Effect("e", EffectKind.TRAINING, "run", 1, "nonce", _S.PLANNED, "replicate", AT)
EVENTS: tuple[Event, ...] = (
    Prepared("file-1", AT),
    Sending(AT, 120),
    Answered("id-1", "handle"),
    NeverLeft("dns"),
    Refused("402"),
    NoAnswer("reset"),
    Looked(AT + timedelta(hours=1), complete=True),
    Found("id-1", "handle", "adopted"),
    Denied(),
)
LEADS_TO = {
    (_S.PLANNED, Prepared): _S.PLANNED,
    (_S.PLANNED, Sending): _S.IN_FLIGHT,
    (_S.IN_FLIGHT, Answered): _S.CONFIRMED,
    (_S.IN_FLIGHT, NeverLeft): _S.PLANNED,
    (_S.IN_FLIGHT, Refused): _S.REFUSED,
    (_S.IN_FLIGHT, NoAnswer): _S.UNKNOWN,
    (_S.UNKNOWN, Looked): _S.UNKNOWN,
    (_S.UNKNOWN, Found): _S.CONFIRMED,
    (_S.UNKNOWN, Denied): _S.ABSENT,
}


def effect(state: EffectState = _S.PLANNED, **changes: object) -> Effect:
    return replace(EFFECT, state=state, **changes)  # type: ignore[arg-type]  # fields by name


def looked(minutes: float, *, complete: bool = True, by_server: bool = False) -> Looked:
    return Looked(AT + timedelta(minutes=minutes), complete, by_server)


@pytest.mark.parametrize("state", _S)
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_only_the_events_of_the_table_can_come(state: EffectState, event: Event) -> None:
    before = effect(state)
    leads_to = LEADS_TO.get((state, type(event)))

    if leads_to is None:
        with pytest.raises(IllegalMove) as refused:
            decide(before, event)
        assert (refused.value.run_id, refused.value.state) == ("e", state)
        assert refused.value.to == type(event).__name__
    else:
        assert decide(before, event).state is leads_to


def test_events_leave_what_they_know() -> None:
    planned = decide(effect(), Prepared("file-1", AT))
    sent = decide(planned, Sending(AT + timedelta(seconds=1), 90))

    assert (planned.file_id, planned.server_date) == ("file-1", AT)
    assert (sent.sent_at, sent.deadline_s) == (AT + timedelta(seconds=1), 90)
    answered = decide(sent, Answered("id-1", "where"))
    assert (answered.remote_id, answered.handle) == ("id-1", "where")
    assert decide(sent, NeverLeft("dns")).note == "dns"
    assert decide(sent, Refused("402")).note == "402"
    lost = decide(sent, NoAnswer("reset"))
    assert lost.note == "reset"
    found = decide(lost, Found("id-2", "there", "adopted"))
    assert (found.remote_id, found.handle, found.note) == ("id-2", "there", "adopted")
    assert decide(lost, Denied("nothing there")).note == "nothing there"
    assert Denied().note == "a person looked and found nothing"
    assert Sending(AT).deadline_s == 120


@pytest.mark.parametrize("kind", EffectKind)
def test_training_that_the_answer_does_not_name_is_in_doubt(kind: EffectKind) -> None:
    answered = decide(effect(_S.IN_FLIGHT, kind=kind), Answered())

    doubt = kind is EffectKind.TRAINING
    assert answered.state is (_S.UNKNOWN if doubt else _S.CONFIRMED)
    assert answered.note == ("the answer names no training" if doubt else "")


@pytest.mark.parametrize("kind", EffectKind)
def test_paid_request_is_not_found_without_its_id(kind: EffectKind) -> None:
    lost = effect(_S.UNKNOWN, kind=kind)

    if kind.paid:
        with pytest.raises(IllegalMove):
            decide(lost, Found(""))
    else:
        assert decide(lost, Found("")).state is _S.CONFIRMED


def test_paid_kinds_are_those_that_a_service_bills() -> None:
    paid = {kind for kind in EffectKind if kind.paid}

    assert paid == {EffectKind.TRAINING, EffectKind.PICTURE, EffectKind.CAPTION}


@pytest.mark.parametrize(
    ("reads", "minutes", "absent"),
    [
        (4, 12.0, True),
        (3, 12.0, False),
        (4, 11.99, False),
        (50, 11.99, False),
        (0, 9999.0, False),
        (4, 9999.0, True),
    ],
)
def test_nobody_counts_as_absent_before_enough_looks_over_enough_time(
    reads: int, minutes: float, absent: bool
) -> None:
    lost = effect(_S.UNKNOWN, reads=reads, sent_at=AT, deadline_s=120)

    seen = decide(lost, looked(minutes), Settling(reads=5, seconds=600))

    assert seen.state is (_S.ABSENT if absent else _S.UNKNOWN)
    assert seen.reads == reads + 1


def test_usual_settling_is_five_looks_and_ten_minutes() -> None:
    assert Settling() == Settling(reads=5, seconds=600)
    lost = effect(_S.UNKNOWN, reads=4, sent_at=AT, deadline_s=120)
    assert decide(lost, looked(12)).state is _S.ABSENT
    assert decide(lost, looked(11.9)).state is _S.UNKNOWN
    assert decide(replace(lost, reads=3), looked(12)).state is _S.UNKNOWN


def test_look_that_proves_nothing_is_written_down_and_not_counted() -> None:
    lost = effect(_S.UNKNOWN, reads=9, sent_at=AT)

    seen = decide(lost, looked(9999, complete=False))

    assert (seen.state, seen.reads) == (_S.UNKNOWN, 9)
    assert seen.evidence == ("2026-11-30T10:39:00Z not read to the end",)


def test_look_by_the_services_clock_is_held_against_the_services_clock() -> None:
    """A computer whose clock ran a month ahead must not make a lost launch absent at once."""
    month = timedelta(days=30)
    lost = effect(_S.UNKNOWN, reads=4, sent_at=AT + month, server_date=AT, deadline_s=0)

    by_server = Looked(AT + timedelta(minutes=9), complete=True, by_server=True)
    assert decide(lost, by_server).state is _S.UNKNOWN
    assert decide(lost, replace(by_server, at=AT + timedelta(minutes=10))).state is _S.ABSENT
    by_hand = Looked(AT + timedelta(minutes=10), complete=True)
    assert decide(lost, by_hand).state is _S.UNKNOWN
    assert decide(replace(lost, server_date=None), by_server).state is _S.UNKNOWN
    assert decide(replace(lost, sent_at=None), by_hand).state is _S.UNKNOWN


def test_evidence_keeps_the_latest_looks() -> None:
    lost = effect(_S.UNKNOWN, sent_at=AT)
    for minute in range(MOST_EVIDENCE + 5):
        lost = decide(lost, looked(minute, complete=False))

    assert len(lost.evidence) == MOST_EVIDENCE == 40
    assert lost.evidence[-1].startswith("2026-11-23T12:44:00Z")
    assert decide(effect(_S.UNKNOWN), looked(0)).evidence == ("2026-11-23T12:00:00Z not there",)


@pytest.mark.parametrize("kind", [kind for kind in EffectKind if not kind.paid])
def test_one_look_settles_what_costs_nothing(kind: EffectKind) -> None:
    seen = decide(effect(_S.UNKNOWN, kind=kind, sent_at=AT), looked(0))

    assert (seen.state, seen.reads) == (_S.ABSENT, 1)


@pytest.mark.parametrize(
    ("error", "paid", "free"),
    [
        (OutcomeUnknown("s", "cut"), NoAnswer, NoAnswer),
        (ServiceUnreachable("s", "dns"), NeverLeft, NeverLeft),
        (ServiceInterrupted("s", "cut"), Refused, NoAnswer),
        (UnexpectedReply("s", "body", "html"), Refused, NoAnswer),
        (ServiceBusy("s", "429"), Refused, Refused),
        (PaymentRequired("s", "402"), Refused, Refused),
        (TokenRejected("s", "401"), Refused, Refused),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, AppError) else None,
)
def test_error_says_what_became_of_the_request(
    error: AppError, paid: type[Event], free: type[Event]
) -> None:
    for kind in EffectKind:
        event = outcome_of(error, kind)
        assert type(event) is (paid if kind.paid else free)
        assert event.why == str(error)  # type: ignore[union-attr]  # these three have it


@pytest.mark.parametrize("kind", EffectKind)
@pytest.mark.parametrize("state", _S)
@pytest.mark.parametrize("confirmation", [1, 2, 3])
def test_next_attempt_is_allowed_where_nothing_can_be_paid_twice(
    kind: EffectKind, state: EffectState, confirmation: int
) -> None:
    newest = effect(state, kind=kind, confirmation=2)

    if not kind.paid:
        allowed = state not in {_S.IN_FLIGHT, _S.UNKNOWN}
    elif state is _S.ABSENT:
        allowed = confirmation == 3
    else:
        allowed = state in {_S.PLANNED, _S.REFUSED}

    assert may_plan(newest, kind, confirmation) is allowed
    assert may_plan(None, kind, confirmation)


@dataclass
class Remote:
    """A training at the scripted service: shown in its list from a moment on."""

    confirmation: int
    shown_from: datetime


class JournalOfOneRun(RuleBasedStateMachine):
    """A run whose launches go to a service that loses answers and lists what it took late.

    Whatever is clicked, lost, crashed and looked at in whatever order: the service takes at most
    one training for each click, and none that it took counts as absent.
    """

    SETTLING = Settling(reads=2, seconds=60)
    MOST_LAG = 55.0

    @initialize()
    def begin(self) -> None:
        self.now = AT
        self.clicks = 1
        self.attempts: list[Effect] = []
        self.taken: list[Remote] = []

    def newest(self) -> Effect | None:
        return self.attempts[-1] if self.attempts else None

    def record(self, event: Event) -> None:
        self.attempts[-1] = decide(self.attempts[-1], event, self.SETTLING)

    @rule(seconds=st.floats(0.0, 90.0))
    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: may_plan(self.newest(), EffectKind.TRAINING, self.clicks))
    @rule(
        taken=st.booleans(),
        told=st.sampled_from(["answer", "lost", "crash", "never left", "refused"]),
        lag=st.floats(0.0, MOST_LAG),
    )
    def launch(self, taken: bool, told: str, lag: float) -> None:
        """Send the launch; the service takes it or not, and its answer comes or not."""
        number = len(self.attempts) + 1
        self.attempts.append(
            replace(EFFECT, id=f"e{number}", attempt=number, confirmation=self.clicks)
        )
        self.record(Sending(self.now, 0))
        if told in {"never left", "refused"}:
            self.record(NeverLeft() if told == "never left" else Refused())
            return
        if taken or told == "answer":
            self.taken.append(Remote(self.clicks, self.now + timedelta(seconds=lag)))
        if told == "answer":
            self.record(Answered(f"id-{len(self.taken)}"))
        elif told == "lost":
            self.record(NoAnswer())

    @rule()
    def restart(self) -> None:
        """What was in flight when the app ended is in doubt at the next start."""
        newest = self.newest()
        if newest is not None and newest.state is _S.IN_FLIGHT:
            self.record(NoAnswer("found in flight at start"))

    @precondition(lambda self: (newest := self.newest()) and newest.state is _S.UNKNOWN)
    @rule(complete=st.booleans())
    def look(self, complete: bool) -> None:
        newest = self.attempts[-1]
        mine = [it for it in self.taken if it.confirmation == newest.confirmation]
        shown = [it for it in mine if it.shown_from <= self.now]
        if shown:
            self.record(Found("id"))
        else:
            self.record(Looked(self.now, complete))

    @precondition(lambda self: (newest := self.newest()) and newest.state is _S.ABSENT)
    @rule()
    def click_again(self) -> None:
        self.clicks += 1

    @invariant()
    def service_took_one_training_for_each_click(self) -> None:
        by_click = [it.confirmation for it in getattr(self, "taken", [])]
        assert len(by_click) == len(set(by_click))

    @invariant()
    def nothing_that_was_taken_counts_as_absent(self) -> None:
        taken = {it.confirmation for it in getattr(self, "taken", [])}
        absent = {it.confirmation for it in getattr(self, "attempts", []) if it.state is _S.ABSENT}
        assert not taken & absent

    @invariant()
    def one_attempt_at_most_is_live(self) -> None:
        assert sum(it.state in LIVE for it in getattr(self, "attempts", [])) <= 1
        assert OPEN < LIVE


TestJournalOfOneRun = JournalOfOneRun.TestCase
TestJournalOfOneRun.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
