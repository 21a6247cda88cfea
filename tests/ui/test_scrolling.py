"""What scrolls is as high as it must be at its width, and no higher."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from fluxlora_desktop.ui.scrolling import scrolling
from fluxlora_desktop.ui.widgets import column, label

LONG = "Wrapped words that take one line where there is room and several where there is none. "


@pytest.mark.parametrize("width", [240, 900])
def test_no_gap_is_left_below_the_last_words(qtbot: QtBot, width: int) -> None:
    last = label("The end.")
    area = scrolling(column(*(label(LONG, wrap=True) for _ in range(30)), last), "Words")
    qtbot.addWidget(area)
    area.resize(width, 200)
    area.show()
    inside = area.widget()

    def fits() -> bool:
        return inside.height() - last.geometry().bottom() < 4

    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() > 0 and fits())
    assert area.accessibleName() == "Words"


def test_short_contents_fill_the_area_and_wide_ones_stay_within_bounds(qtbot: QtBot) -> None:
    area = scrolling(column(label(LONG, wrap=True), None), "Words", widest=500)
    qtbot.addWidget(area)
    area.resize(900, 300)
    area.show()

    inside, view = area.widget(), area.viewport()
    qtbot.waitUntil(lambda: inside.size().toTuple() == (500, view.height()))
    qtbot.waitUntil(lambda: not area.verticalScrollBar().isVisible())
