"""A slice of `dev.py faults` that fits every run of the tests; --full tries every cell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.cells import FAULTS, STEP_WORDS, cells
from tests.faults.crossed import CROSSED

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1500)]
ROOT = Path(__file__).resolve().parents[2]
SLICE = (
    *("1/CP", "2/CP", "3/CP", "4/5xx", "5/K+", "6/K+", "6/TO", "7/TR", "8/CP", "9/K-", "10/K+"),
    *("11/K+", "12/2I", "13/CP", "14/K+", "15/K+", "late list", "wrong training", "order"),
)
PARTS, KILLS = 2, 10


def faults(*arguments: str) -> str:
    """Run the command in a process of its own; return what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = f"{done.stdout}\n{done.stderr[-2000:]}" if done.returncode else done.stdout
    assert done.returncode == 0, said[-6000:]
    return said


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost_or_paid_twice(full_sweep: bool, part: int) -> None:
    """The slice in parts, so that they run beside each other; --full is one of all cells."""
    if full_sweep and part:
        pytest.skip("the first part tries every cell")
    chosen = SLICE[part::PARTS]
    names = ".*" if full_sweep else "|".join(re.escape(name) for name in chosen)
    kills = 300 if full_sweep else KILLS

    said = faults("--kills", str(kills), "--cells", f"({names})")

    last = said.strip().splitlines()[-1]
    counts = re.fullmatch(
        r"cells: (\d+) of (\d+), kills: (\d+), second charges: 0, lost: 0, leaks: 0", last
    )
    assert counts is not None, last
    of = 139 + len(CROSSED) + 1 if full_sweep else len(chosen)
    assert counts[1] == counts[2] == str(of)
    assert int(counts[3]) >= kills


def test_each_broken_rule_is_seen() -> None:
    assert "controls: 5 of 5 seen" in faults("--controls")


def test_matrix_names_every_step_and_fault() -> None:
    named = list(cells())

    assert {cell.step for cell in named} == set(STEP_WORDS) == set(range(1, 16))
    assert {cell.fault for cell in named} == set(FAULTS)
    assert len({cell.name for cell in named}) == len(named)
