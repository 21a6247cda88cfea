from __future__ import annotations

import os
import sys
from datetime import UTC
from pathlib import Path

import pytest

from fluxlora_desktop.domain.errors import StorageError
from fluxlora_desktop.system.clock import SystemClock
from fluxlora_desktop.system.headless import has_display
from fluxlora_desktop.system.reveal import reveal, reveal_commands

ODD = Path("/tmp/a, b; $(touch x)'\".png")


def test_commands_hold_the_path_as_one_argument():
    (mac,) = reveal_commands(ODD, platform="darwin")
    (windows,) = reveal_commands(ODD, platform="win32")
    linux, folder = reveal_commands(ODD, platform="linux")

    assert mac[-1] == windows[-1] == str(ODD)
    assert linux[-2] == "array:string:file:///tmp/a%2C%20b%3B%20%24%28touch%20x%29%27%22.png"
    assert folder == ("xdg-open", "/tmp")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the commands are Linux's")
def test_reveal_opens_the_folder_when_no_file_manager_answers(tmp_path, monkeypatch):
    said = tmp_path / "said"
    for name, script in (("dbus-send", "exit 1"), ("xdg-open", f'printf %s "$1" > "{said}"')):
        tool = tmp_path / name
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    file = tmp_path / "a.png"
    file.touch()

    assert reveal(file)
    assert said.read_text() == str(tmp_path)


def test_reveal_says_when_nothing_answers(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert not reveal(tmp_path)


def test_reveal_says_when_the_file_is_gone(tmp_path):
    with pytest.raises(StorageError):
        reveal(tmp_path / "gone")


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ""}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "darwin", True),
        ({}, "win32", True),
    ],
)
def test_display_is_known_from_the_session(environ, platform, expected):
    assert has_display(environ, platform=platform) is expected


def test_clock_tells_utc_and_never_runs_backwards():
    clock = SystemClock()

    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()
