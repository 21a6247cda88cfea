"""The lock that says whether a trainer lives, and when a process started."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fluxlora_desktop.backends.local.lock import Held, is_held, lock
from fluxlora_desktop.trainer import own_checkout
from fluxlora_desktop.trainer.exits import BadInput
from fluxlora_desktop.trainer.process import claim, release, start_time, take_lock


def looked_at(path: Path, seconds: float) -> threading.Thread:
    """Hold a lock as one does who only looks, but for longer."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    take_lock(handle, patience_s=0.0)
    lets_go = threading.Timer(seconds, lambda: os.close(handle))
    lets_go.start()
    return lets_go


def claimed(out: Path) -> None:
    release(claim(out))


def held(out: Path) -> None:
    handle = own_checkout.hold(out / "lock")
    assert handle is not None
    os.close(handle)


def locked(out: Path) -> None:
    with lock(out / "lock"):
        assert is_held(out / "lock")


@pytest.mark.parametrize("take", [claimed, held, locked], ids=["ours", "checkout", "engine"])
def test_a_look_at_the_lock_keeps_nobody_from_it(
    tmp_path: Path, take: Callable[[Path], None]
) -> None:
    looker = looked_at(tmp_path / "lock", 0.2)

    take(tmp_path)

    looker.join()
    assert not is_held(tmp_path / "lock")


def test_lock_that_is_held_on_is_not_had_twice(tmp_path: Path) -> None:
    handle = claim(tmp_path)
    assert is_held(tmp_path / "lock")

    with pytest.raises(BadInput, match="Another trainer"):
        claim(tmp_path)
    assert own_checkout.hold(tmp_path / "lock") is None
    with pytest.raises(Held), lock(tmp_path / "lock"):
        pass

    release(handle)
    assert not is_held(tmp_path / "lock")


def test_start_time_tells_one_process_from_another_and_none_of_a_dead_one() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mine, its = start_time(os.getpid()), start_time(child.pid)
    child.communicate(b"\n")

    assert mine
    assert its
    assert mine != its
    assert start_time(os.getpid()) == mine
    assert start_time(child.pid) == ""
