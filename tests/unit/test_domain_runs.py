from __future__ import annotations

from itertools import pairwise

import pytest

from fluxlora_desktop.domain.runs import (
    AT_SERVICE,
    BEFORE_LAUNCH,
    FINAL,
    MOVES,
    RunState,
    may_move,
)

_S = RunState
_WAY = (
    _S.DRAFT, _S.PACKAGING, _S.UPLOADING, _S.LAUNCHING, _S.QUEUED,
    _S.TRAINING, _S.COLLECTING, _S.PUBLISHING, _S.READY,
)  # fmt: skip


def test_run_may_go_the_straight_way_from_draft_to_ready() -> None:
    assert all(may_move(start, to) for start, to in pairwise(_WAY))


def test_tables_answer_for_every_state() -> None:
    assert set(MOVES) == set(RunState)


@pytest.mark.parametrize(
    ("start", "to"),
    [
        (_S.DRAFT, _S.QUEUED),
        (_S.DRAFT, _S.FAILED),
        (_S.UNKNOWN, _S.PACKAGING),
        (_S.UNKNOWN, _S.LAUNCHING),
        (_S.QUEUED, _S.PACKAGING),
        (_S.TRAINING, _S.LAUNCHING),
        (_S.TRAINING, _S.QUEUED),
        (_S.COLLECTING, _S.PACKAGING),
        (_S.READY, _S.PACKAGING),
        (_S.CANCELLED, _S.COLLECTING),
    ],
)
def test_run_never_takes_a_way_that_would_lose_or_repeat_a_training(
    start: RunState, to: RunState
) -> None:
    assert not may_move(start, to)


def test_no_state_leads_to_itself_and_ready_is_the_end() -> None:
    assert not any(may_move(state, state) for state in RunState)
    assert MOVES[_S.READY] == frozenset()


def test_every_state_that_is_not_final_has_a_way_out() -> None:
    assert all(MOVES[state] for state in RunState if state is not _S.READY)


def test_groups_of_states_do_not_overlap() -> None:
    assert not (FINAL & BEFORE_LAUNCH or FINAL & AT_SERVICE or BEFORE_LAUNCH & AT_SERVICE)
