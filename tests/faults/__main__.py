"""`python3 dev.py faults`: the matrix, the crossed faults, the order proof, then the kill sweep.

The last line counts what matters; the exit code is 0 only when every cell holds and nothing was
charged twice, lost or leaked. `--controls` breaks one rule after another on purpose, and passes
only when each of them is seen.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.broken import RULES
from tests.faults.cells import Cell, cells
from tests.faults.crossed import CROSSED, run_crossed
from tests.faults.forge import LISTING, can_trace
from tests.faults.judge import judge, leaks
from tests.faults.lives import told_of
from tests.faults.matrix import Ground, run_cell
from tests.faults.order import unsynced
from tests.faults.sweep import Sweep, Tally

KILLS, FULL_KILLS = 300, 5000
_CONTROLS = {
    "retry": (("late list",), "I1 2 trainings for 1 clicks"),
    "fsync": ((), "the intent was not synced before"),
    "settle": (("late list",), "I1 2 trainings for 1 clicks"),
    "redirect": ((), "I6 a token went to the delivery host"),
    "exif": ((), "I6 tags in "),
}
"""Which crossed faults see a broken rule, and in which words; the straight way is always walked."""


@dataclass(slots=True)
class Report:
    """What came of everything."""

    of: int = 0
    right: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, name: str, words: str, wrong: list[str], seconds: float) -> None:
        """Keep and print what came of one cell."""
        self.of += 1
        self.right += not wrong
        print(
            f"{'ok   ' if not wrong else 'WRONG'} {name:<22} {words}  {seconds:.1f} s", flush=True
        )
        for line in wrong:
            self.wrong.append(f"{name}: {line}")
            print(f"      {line[:900]}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for and return the exit code."""
    told = _parse(arguments)
    folder = _folder()
    try:
        if told.controls:
            return _run_controls(folder)
        return _run(folder, told)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(folder: Path, told: argparse.Namespace) -> int:
    report = Report()
    ground = Ground.make(folder / "ground", told.broken)
    wanted = re.compile(told.cells)
    try:
        for cell in cells():
            if wanted.fullmatch(cell.name):
                _run_one_cell(ground, cell, report)
        for name in CROSSED:
            if wanted.fullmatch(name):
                started = time.monotonic()
                wrong = run_crossed(ground, name)
                report.add("crossed", name, wrong, time.monotonic() - started)
        if wanted.fullmatch("order"):
            _walk_straight(ground, report)
    finally:
        ground.close()
    tally = _sweep(folder, told)
    paid = tally.count("I1") + _counted(report, "I1")
    leaked = tally.count("I6") + _counted(report, "I6")
    everything = len(tally.broken) + sum(bool(re.search(r": I\d+ ", it)) for it in report.wrong)
    print(
        f"cells: {report.right} of {report.of}, kills: {tally.kills}, second charges: {paid}, "
        f"lost: {everything - paid - leaked}, leaks: {leaked}"
    )
    return int(bool(report.wrong or tally.broken))


def _counted(report: Report, invariant: str) -> int:
    return sum(f": {invariant} " in line for line in report.wrong)


def _run_one_cell(ground: Ground, cell: Cell, report: Report) -> None:
    started = time.monotonic()
    verdict = run_cell(ground, cell)
    wrong = verdict.wrong or ([f"not run: {verdict.left_out}"] if verdict.left_out else [])
    report.add(f"{cell.name} {cell.code}", cell.words, wrong, time.monotonic() - started)


def _walk_straight(ground: Ground, report: Report) -> None:
    """Go the whole way once, listed by strace, and judge order, tokens and what was uploaded."""
    started = time.monotonic()
    scene = ground.place("straight")
    traced = can_trace()
    ended = ground.forge.life(told_of(scene), count=traced)
    wrong = [] if ended.said == "done" else [f"the way ended as {ended.said[-600:]}"]
    wrong += list(unsynced(scene.folder / LISTING)) if traced else []
    found = (*judge(scene, ground.cloud), *leaks(ground.cloud))
    wrong += [f"{it.invariant} {it.seen}" for it in found]
    words = "intents are synced before requests leave" if traced else "the straight way"
    report.add("order", words, wrong, time.monotonic() - started)


def _sweep(folder: Path, told: argparse.Namespace) -> Tally:
    if not told.kills:
        return Tally()
    print(f"seed {told.seed}", flush=True)
    sweep = Sweep(
        folder / "sweep",
        told.kills,
        seed=told.seed,
        workers=told.workers,
        broken=told.broken,
        say=_say,
    )
    return sweep.run()


def _say(words: str) -> None:
    print(words, flush=True)


def _run_controls(folder: Path) -> int:
    """Break one rule after another; each must be reported by the cells that are there for it."""
    unseen = []
    for rule, (names, words) in _CONTROLS.items():
        print(f"broken on purpose: {rule}: {(RULES[rule].__doc__ or '').strip()}", flush=True)
        report = Report()
        ground = Ground.make(folder / rule, rule)
        try:
            for name in names:
                report.add("crossed", name, run_crossed(ground, name), 0.0)
            _walk_straight(ground, report)
        finally:
            ground.close()
        if not any(words in line for line in report.wrong):
            unseen.append(rule)
    print(f"controls: {len(_CONTROLS) - len(unseen)} of {len(_CONTROLS)} seen")
    return int(bool(unseen))


def _folder() -> Path:
    """Return a new folder, in memory where that is possible: a disk would only be slower."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="faults-", dir=memory if memory.is_dir() else None))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.py faults", description=__doc__)
    parser.add_argument("--kills", type=int, help=f"how many lives are killed; else {KILLS}")
    parser.add_argument("--full", action="store_true", help=f"{FULL_KILLS} kills")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    workers = max(1, min(4, os.cpu_count() or 1))
    parser.add_argument("--workers", type=int, default=workers, help="ways at a time")
    parser.add_argument("--cells", default=".*", help="a regular expression for names such as 6/K+")
    parser.add_argument("--broken", default="", choices=("", *RULES), help="break a rule")
    parser.add_argument("--controls", action="store_true", help="break each rule and see it found")
    told = parser.parse_args(arguments)
    if told.kills is None:
        told.kills = FULL_KILLS if told.full else KILLS
    return told


if __name__ == "__main__":
    sys.exit(main())
