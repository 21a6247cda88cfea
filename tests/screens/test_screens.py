"""Every screen is drawn in both looks, at the size asked for, in more than two colours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fluxlora_desktop.ui.theme import DARK, LIGHT, Scheme, Theme, Tokens
from tests.ui.furnished import SCREENS, House, make_bench

SIZES = ((1280, 800), (960, 640))


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    style, palette, sheet = qapp.style().objectName(), qapp.palette(), qapp.styleSheet()
    made = Theme(qapp)
    yield made
    made.deleteLater()
    qapp.setStyle(style)
    qapp.setPalette(palette)
    qapp.setStyleSheet(sheet)


def colours(picture: QImage) -> set[int]:
    """Return the colours of every fourth pixel of every fourth line."""
    plain = picture.convertToFormat(QImage.Format.Format_ARGB32)
    pixels = np.frombuffer(plain.constBits(), np.uint32).reshape(plain.height(), -1)
    return set(np.unique(pixels[::4, ::4]).tolist())


@pytest.mark.parametrize("empty", [False, True], ids=["filled", "empty"])
@pytest.mark.parametrize(
    ("scheme", "tokens"), [(Scheme.LIGHT, LIGHT), (Scheme.DARK, DARK)], ids=["light", "dark"]
)
def test_every_screen_is_drawn(
    qtbot: QtBot, tmp_path: Path, theme: Theme, scheme: Scheme, tokens: Tokens, empty: bool
) -> None:
    theme.apply(scheme)
    with make_bench(tmp_path) as bench:
        house = House.build(bench, qtbot, theme, empty=empty)
        pictures: dict[str, QImage] = {}
        for screen in SCREENS:
            house.show(screen)
            for size in SIZES:
                house.window.resize(*size)
                house.rest()
                picture = house.window.grab().toImage()
                assert picture.size().toTuple() == size, screen
                found = colours(picture)
                assert len(found) > 2, screen
                assert QColor(tokens.window).rgb() in found, screen
                assert QColor(tokens.text).rgb() in found or len(found) > 20, screen
            pictures[screen] = picture
        assert len({bytes(picture.constBits()) for picture in pictures.values()}) == len(SCREENS)
