"""Marks in what services echo, and what a library takes back by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fluxlora_desktop.domain.recovery import Origin, UnknownTraining, mark_in, told_apart
from fluxlora_desktop.domain.runs import Effect, EffectKind, EffectState
from fluxlora_desktop.domain.training import ListedTraining, RemoteRun, RemoteState

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MARK = "fluxlora-0a1b2c3d-0123456789ab"
LISTED = ListedTraining(RemoteRun("here", "1", "t"), RemoteState.SUCCEEDED, NOW, mark=MARK)
EFFECT = Effect("e", EffectKind.TRAINING, "run", 1, MARK, EffectState.REFUSED, "here", NOW)


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        (MARK, MARK),
        (f"fluxlora-{MARK}", MARK),
        (f"https://files/photos-{MARK}.zip?x=1", MARK),
        ("", ""),
        ("fluxlora-0a1b2c3d", ""),
        ("fluxlora-0A1B2C3D-0123456789AB", ""),
        (f"{MARK}f", ""),
    ],
)
def test_mark_is_found_in_what_a_service_echoes(text: str, mark: str) -> None:
    assert mark_in(text) == mark


@pytest.mark.parametrize(
    ("change", "origin"),
    [
        ({}, Origin.FORGOTTEN),
        ({"service": "there"}, Origin.OTHER_LIBRARY),
        ({"kind": EffectKind.PICTURE}, Origin.OTHER_LIBRARY),
        ({"nonce": "other"}, Origin.OTHER_LIBRARY),
        ({"nonce": "other", "file_id": "f"}, Origin.FORGOTTEN),
    ],
)
def test_journal_knows_its_launches_by_mark_or_file(change: dict, origin: Origin) -> None:
    listed = replace(LISTED, file_id="f")

    found = told_apart(listed, "ffffffff", [replace(EFFECT, **change)])

    assert found.origin is origin
    assert (found.effect is not None) is (origin is Origin.FORGOTTEN)


def test_rows_without_a_file_match_no_training_without_one() -> None:
    bare = replace(LISTED, mark="")

    assert told_apart(bare, "0a1b2c3d", [replace(EFFECT, nonce="")]).origin is Origin.ELSEWHERE


@pytest.mark.parametrize(
    ("origin", "days", "comes"),
    [
        (Origin.FORGOTTEN, 14, True),
        (Origin.FORGOTTEN, 15, False),
        (Origin.OTHER_LIBRARY, 1, False),
        (Origin.ELSEWHERE, 1, False),
    ],
)
def test_only_the_librarys_own_and_not_old_ones_come_back(
    origin: Origin, days: int, comes: bool
) -> None:
    unknown = UnknownTraining(LISTED, origin)

    assert unknown.comes_back(NOW + timedelta(days=days)) is comes


def test_training_without_a_time_counts_as_young() -> None:
    unknown = UnknownTraining(replace(LISTED, created_at=None), Origin.FORGOTTEN)

    assert unknown.comes_back(NOW)
