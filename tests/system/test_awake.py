"""The computer is held awake by a program that ends with the app; failing is no error."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fluxlora_desktop.system.awake import KeepAwake, awake_command
from fluxlora_desktop.system.settings import Settings

STAYS = (sys.executable, "-c", "import sys; sys.stdin.read()")
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows is told by a call")


@posix
def test_computer_is_held_awake_by_one_program_until_it_may_sleep() -> None:
    awake = KeepAwake(STAYS)
    awake.want(True)
    awake.apply()
    awake.apply()
    child = awake._child
    assert awake.holds()

    awake.close()

    assert child is not None and child.poll() is not None
    assert not awake.holds()


@posix
@pytest.mark.parametrize("command", [(), ("no-such-program-here",)], ids=["none", "missing"])
def test_computer_without_such_a_program_sleeps_as_it_likes(command: tuple[str, ...]) -> None:
    awake = KeepAwake(command)
    awake.want(True)

    awake.apply()

    assert not awake.holds()
    awake.close()


def test_each_system_is_asked_in_its_own_way() -> None:
    assert awake_command("darwin", 42) == ("caffeinate", "-i", "-w", "42")
    assert awake_command("linux", 42)[0] == "systemd-inhibit"
    assert awake_command("linux", 42)[-1] == "cat"
    assert awake_command("win32", 42) == ()


def test_choice_to_stay_awake_is_kept(tmp_path: Path) -> None:
    settings = Settings(file=tmp_path / "settings.ini")
    assert settings.keep_awake

    settings.keep_awake = False
    settings.save()

    assert not Settings(file=tmp_path / "settings.ini").keep_awake
