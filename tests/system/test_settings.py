from __future__ import annotations

import subprocess
import sys

import pytest
from PySide6.QtCore import QByteArray

from fluxlora_desktop.system.settings import Settings, Theme

READ_BACK = """
import sys
from pathlib import Path
from fluxlora_desktop.system.settings import Settings
s = Settings(file=Path(sys.argv[1]))
print(repr((s.theme.value, s.last_page, s.geometry.data(), s.splitter("runs").data(),
            s.address("together"), s.private_by_default, s.write_parameters,
            s.flag("advanced"), s.words("one"), s.words("none"), s.words("odd"))))
"""


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(file=tmp_path / "deep" / "settings.ini")


def test_settings_come_back_with_their_types_in_another_process(settings, tmp_path):
    settings.theme = Theme.DARK
    settings.last_page = "gallery"
    settings.geometry = QByteArray(b"\x00\x01geometry")
    settings.set_splitter("runs", QByteArray(b"\xff\x00"))
    settings.set_address("together", " http://127.0.0.1:1/ ")
    settings.private_by_default = False
    settings.set_flag("advanced", True)
    settings.set_words("one", ["a"])
    settings.set_words("odd", ["a,b", 'c "d"', "é"])
    settings.save()

    read = subprocess.run(
        [sys.executable, "-c", READ_BACK, str(tmp_path / "deep" / "settings.ini")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert eval(read.stdout) == (
        "dark",
        "gallery",
        b"\x00\x01geometry",
        b"\xff\x00",
        "http://127.0.0.1:1",
        False,
        True,
        True,
        ("a",),
        (),
        ("a,b", 'c "d"', "é"),
    )


def test_settings_start_with_defaults(settings):
    assert settings.theme is Theme.SYSTEM
    assert settings.last_page == settings.address("replicate") == ""
    assert settings.geometry.isEmpty() and settings.window_state.isEmpty()
    assert settings.private_by_default and settings.write_parameters


def test_damaged_values_are_defaults(tmp_path):
    file = tmp_path / "settings.ini"
    file.write_text(
        "[General]\ntheme=purple\nlast_page=a, b\n[lists]\nx={\ny=7\n"
        "[privacy]\nprivate_by_default=perhaps\n[layout1]\ngeometry=5\n"
    )
    settings = Settings(file=file)

    assert settings.theme is Theme.SYSTEM
    assert settings.last_page == ""
    assert settings.words("x") == settings.words("y") == ()
    assert settings.private_by_default is True
    assert settings.geometry.isEmpty()
