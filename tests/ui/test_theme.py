"""The look: contrast computed from the tokens, and one palette for everything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fluxlora_desktop.ui import theme as looks
from fluxlora_desktop.ui.theme import DARK, LIGHT, Scheme, Theme, Tokens

TEXTS = ("text", "muted", "accent_text", "ok", "warn", "danger")
BACKGROUNDS = ("window", "surface", "raised")
both_looks = pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])


def luminance(colour: str) -> float:
    """Return the relative luminance of a #RRGGBB colour, as WCAG 2 computes it."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_as_the_standard_does() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.01)


@both_looks
@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("text", TEXTS)
def test_text_can_be_read_on_every_background(tokens: Tokens, text: str, background: str) -> None:
    assert contrast(getattr(tokens, text), getattr(tokens, background)) >= 4.5


@both_looks
@pytest.mark.parametrize(
    ("text", "background"),
    [
        ("on_accent", "accent"),
        ("on_accent", "accent_hover"),
        ("text", "accent_soft"),
        ("accent_text", "accent_soft"),
        ("text", "ok_soft"),
        ("text", "warn_soft"),
        ("text", "danger_soft"),
        ("muted", "ok_soft"),
        ("muted", "warn_soft"),
        ("muted", "danger_soft"),
        ("ok", "ok_soft"),
        ("warn", "warn_soft"),
        ("danger", "danger_soft"),
        ("text", "border"),
    ],
)
def test_text_can_be_read_on_what_is_tinted(tokens: Tokens, text: str, background: str) -> None:
    assert contrast(getattr(tokens, text), getattr(tokens, background)) >= 4.5


@both_looks
@pytest.mark.parametrize("background", ["surface", "window"])
@pytest.mark.parametrize("edge", ["control_border", "accent"])
def test_edge_of_a_control_can_be_seen(tokens: Tokens, edge: str, background: str) -> None:
    assert contrast(getattr(tokens, edge), getattr(tokens, background)) >= 3


@both_looks
def test_style_sheet_has_no_colour_beside_the_tokens(tokens: Tokens) -> None:
    used = set(re.findall(r"#[0-9A-Fa-f]{6}", looks.style_sheet(tokens)))
    assert used <= set(asdict(tokens).values())


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    """A theme that leaves the application as it found it."""
    style, palette, sheet = qapp.style().objectName(), qapp.palette(), qapp.styleSheet()
    made = Theme(qapp)
    yield made
    made.deleteLater()
    qapp.setStyle(style)
    qapp.setPalette(palette)
    qapp.setStyleSheet(sheet)


@pytest.mark.parametrize(("scheme", "tokens"), [(Scheme.LIGHT, LIGHT), (Scheme.DARK, DARK)])
def test_chosen_look_is_in_force_everywhere(
    qtbot: QtBot, theme: Theme, scheme: Scheme, tokens: Tokens
) -> None:
    with qtbot.waitSignal(theme.changed):
        theme.apply(scheme)
    assert QApplication.palette().color(QPalette.ColorRole.Window) == QColor(tokens.window)
    assert QApplication.palette().color(QPalette.ColorRole.Text) == QColor(tokens.text)
    assert looks.tokens() is tokens
    assert looks.color("accent") == QColor(tokens.accent)
    assert theme.dark == (tokens is DARK)


def test_look_of_the_system_is_followed(theme: Theme, qapp: QApplication) -> None:
    theme.apply(Scheme.SYSTEM)
    system_is_dark = qapp.styleHints().colorScheme() is Qt.ColorScheme.Dark
    assert theme.dark == system_is_dark


def test_disabled_text_is_told_from_enabled_text(theme: Theme) -> None:
    for scheme in (Scheme.LIGHT, Scheme.DARK):
        theme.apply(scheme)
        palette = QApplication.palette()
        role = QPalette.ColorRole.Text
        disabled = palette.color(QPalette.ColorGroup.Disabled, role)
        assert disabled != palette.color(QPalette.ColorGroup.Active, role)


def test_strong_font_is_heavier_and_of_the_same_size(qapp: QApplication) -> None:
    plain, strong = looks.font(looks.BODY), looks.font(looks.BODY, strong=True)
    assert strong.weight() > plain.weight()
    assert strong.pixelSize() == plain.pixelSize() == looks.BODY
