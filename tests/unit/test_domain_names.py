"""Names of strangers' files: kept as data, shown without their tricks."""

from __future__ import annotations

import unicodedata

import pytest

from fluxlora_desktop.domain.names import kept_name, shown_name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("holiday 1.jpg", "holiday 1.jpg"),
        ("füchschen 狐.jpg", "füchschen 狐.jpg"),
        ("photo\u202egpj.exe", r"photo\u202egpj.exe"),
        ("\u2067a\u2069.jpg", r"\u2067a\u2069.jpg"),
        ("a\u200bb\ufeffc\u00ad.jpg", r"a\u200bb\ufeffc\xad.jpg"),
        ("two\nlines\r\t.jpg", r"two\nlines\r\t.jpg"),
        ("\x1b[31mred\x7f\x00.jpg", r"\x1b[31mred\x7f\x00.jpg"),
        ("a\u2028b\u2029c\x85.jpg", r"a\u2028b\u2029c\x85.jpg"),
        ("bytes\udcff\udce9.jpg", r"bytes\udcff\udce9.jpg"),
        ("-rf.jpg", "-rf.jpg"),
        ("CON", "CON"),
        ("dot.", "dot."),
        ("family 👨\u200d👩\u200d👧 ❤\ufe0f.png", "family 👨\u200d👩\u200d👧 ❤\ufe0f.png"),
        ("a\u200db.png", r"a\u200db.png"),
        ("\u200d狐.png", r"\u200d狐.png"),
        ("می\u200cخواهم.jpg", "\u2068می\u200cخواهم.jpg\u2069"),
        ("צילום.jpg", "\u2068צילום.jpg\u2069"),
        ("a\\b.jpg", "a\\b.jpg"),
        ("", ""),
    ],
)
def test_name_is_shown_without_what_hides_or_turns(name: str, shown: str) -> None:
    assert shown_name(name) == shown


def test_no_control_reaches_the_screen_whatever_the_character() -> None:
    for code in range(0x110000):
        char = chr(code)
        kind = unicodedata.category(char)

        shown = shown_name(f"a{char}b")

        assert (char not in shown) == (kind in {"Cc", "Cf", "Cs", "Zl", "Zp"}), hex(code)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a\u202eb\n.jpg", "a\u202eb\n.jpg"),
        ("caf\udce9.jpg", r"caf\xe9.jpg"),
        ("\udcff\udcfe", r"\xff\xfe"),
        ("\ud800 alone", r"\ud800 alone"),
        ("é", "é"),
        ("e\u0301", "e\u0301"),
    ],
)
def test_name_is_kept_as_it_is_or_readable_where_utf_8_cannot(name: str, kept: str) -> None:
    assert kept_name(name) == kept
    kept_name(name).encode()
