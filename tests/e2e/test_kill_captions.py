"""SIGKILL while a caption is typed without a pause: at most the last second is missing."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fluxlora_desktop.system.places import Places, find_places
from fluxlora_desktop.system.practice_process import PracticeProcess
from tests.e2e.type_captions import KEY_MS, WORDS

pytestmark = pytest.mark.heavy
ROOT = Path(__file__).resolve().parents[2]
MOST_LOST_KEYS = 1000 // KEY_MS
"""The keys of a second. Seconds themselves would also count what a busy computer does between."""


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    """Where the app keeps its things; its practice services end with the test."""
    found = find_places(tmp_path / "data", practice=True)
    yield found
    PracticeProcess(state_dir=found.practice_services).stop()


def type_until_killed(data_dir: Path, keys: int) -> list[dict[str, object]]:
    """Let the app be typed into, kill it after so many keys, and return every key it told."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.type_captions", str(data_dir)],
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    told = []
    for line in process.stdout:
        told.append(json.loads(line))
        if len(told) == keys:
            process.send_signal(signal.SIGKILL)
            break
    rest, _ = process.communicate(timeout=30)
    return told + [json.loads(line) for line in rest.splitlines() if line.endswith("}")]


def kept_caption(places: Places, sha256: object) -> str:
    with closing(sqlite3.connect(places.data_dir / "library.db")) as database:
        found = database.execute("SELECT caption FROM captions WHERE photo_sha256 = ?", (sha256,))
        row = found.fetchone()
        return str(row[0]) if row else ""


@pytest.mark.parametrize(
    "keys",
    [pytest.param(40, marks=pytest.mark.full), 73, pytest.param(111, marks=pytest.mark.full)],
)
def test_killed_app_has_kept_all_but_the_last_second_of_a_caption(
    tmp_path: Path, places: Places, keys: int
) -> None:
    told = type_until_killed(tmp_path / "data", keys)

    kept = kept_caption(places, told[0]["photo"])
    typed = (WORDS * (len(told) // len(WORDS) + 1))[: len(told)]
    assert len(told) >= keys
    assert kept
    assert typed.startswith(kept)
    assert len(told) - len(kept) <= MOST_LOST_KEYS, f"of {len(told)} keys {len(kept)} were kept"
