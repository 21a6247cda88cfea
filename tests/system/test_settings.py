from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

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
            s.flag("advanced"), s.words("one"), s.words("none"), s.words("odd"),
            s.checkout)))
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
    settings.keep_checkout('{"folder": "/home/é/ai-toolkit", "bases": ["a", "b"]}')
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
        '{"folder": "/home/é/ai-toolkit", "bases": ["a", "b"]}',
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


@pytest.mark.parametrize(
    ("text", "limit"),
    [("20.50", Decimal("20.5")), ("", None), ("much", None), ("-1", None), ("NaN", None)],
)
def test_monthly_limit_that_cannot_be_read_is_none(tmp_path, text, limit):
    file = tmp_path / "settings.ini"
    file.write_text(f"[money]\nmonthly_limit={text}\n")

    assert Settings(file=file).monthly_limit == limit


def test_monthly_limit_comes_back_and_can_be_taken_away(tmp_path):
    settings = Settings(file=tmp_path / "settings.ini")
    settings.keep_monthly_limit(Decimal("1234.5"))
    settings.save()
    assert Settings(file=tmp_path / "settings.ini").monthly_limit == Decimal("1234.5")

    settings.keep_monthly_limit(None)

    assert settings.monthly_limit is None
