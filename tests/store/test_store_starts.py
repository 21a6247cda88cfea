"""Several starts at one moment: one owns the library, the others leave without opening it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fluxlora_desktop.store.check import check_library
from fluxlora_desktop.store.library import open_library
from tests.store.conftest import SteppingClock

ROOT = Path(__file__).parents[2]
START = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from PySide6.QtCore import QCoreApplication, QSocketNotifier
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.system.single import SingleInstance

class Clock:
    def now(self): return datetime.now(UTC)
    def monotonic(self): return 0.0

def watch(name, arguments):
    if name == "sqlite3.connect":
        print("connects", flush=True)

folder = Path(sys.argv[1])
app = QCoreApplication([])
print("ready", flush=True)
sys.stdin.readline()
sys.addaudithook(watch)
one = SingleInstance(folder)
if not one.claim():
    print("leaves", flush=True)
    sys.exit(0)
library = open_library(folder, clock=Clock())
raised = []
one.raise_requested.connect(lambda: raised.append(1))
print("owns", flush=True)
word = QSocketNotifier(0, QSocketNotifier.Type.Read)
word.activated.connect(app.quit)
app.exec()
print("raised", len(raised), flush=True)
library.close()
"""


def start(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def said_first(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.heavy
def test_of_six_starts_at_once_one_owns_and_five_leave(tmp_path: Path, full_sweep: bool) -> None:
    for number in range(50 if full_sweep else 1):
        folder = tmp_path / str(number)
        starts = [start(folder) for _ in range(6)]
        for process in starts:
            go(process)
        first = [said_first(process) for process in starts]
        assert sorted(first) == ["connects", *["leaves"] * 5]  # five never opened the database
        for process, word in zip(starts, first, strict=True):
            if word == "connects":
                owner = process
                continue
            out, error = process.communicate(timeout=60)
            assert (out, error, process.returncode) == ("", "", 0)
        out, error = owner.communicate("end\n", timeout=60)
        assert (out.splitlines()[-1], error) == ("raised 5", "")
        assert owner.returncode == 0
        assert check_library(folder) == ()


def test_lock_of_a_killed_process_holds_nobody_up(tmp_path: Path) -> None:
    with start(tmp_path) as process:
        go(process)
        assert process.stdout is not None
        while process.stdout.readline() != "owns\n":
            pass
        os.kill(process.pid, signal.SIGKILL)

    with start(tmp_path) as second:
        go(second)
        out, error = second.communicate("end\n", timeout=60)

    assert "owns" in out, error
    open_library(tmp_path, clock=SteppingClock()).close()
