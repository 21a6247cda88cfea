"""Remarks stay the widgets they are while others come and go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.datasets import Finding, Severity
from fluxlora_desktop.ui.create.finding_list import FindingList, Remark
from fluxlora_desktop.ui.create.findings import FindingCard
from fluxlora_desktop.ui.thumbs import ThumbLoader
from tests.ui.desk_bench import DeskBench


@pytest.fixture
def remarks(qtbot: QtBot, tmp_path: Path) -> Iterator[FindingList]:
    with DeskBench(tmp_path) as bench:
        made = FindingList(ThumbLoader(bench.jobs))
        qtbot.addWidget(made)
        yield made


def about(names: Sequence[object]) -> list[Remark]:
    """Return a remark about each name."""
    return [
        (Finding("small", Severity.WARN, f"{name} is small.", (str(name),)), ()) for name in names
    ]


def shown(remarks: FindingList) -> list[str]:
    """Return the photos whose cards are seen, from top to bottom."""
    layout = remarks.layout()
    items = [layout.itemAt(place).widget() for place in range(layout.count())]
    return [one.finding.photos[0] for one in items if isinstance(one, FindingCard)]


def test_card_that_stays_keeps_its_place_and_the_keyboard(
    remarks: FindingList, qtbot: QtBot
) -> None:
    remarks.show_remarks(about("abc"))
    remarks.show()
    qtbot.waitExposed(remarks)
    kept = remarks._cards[about("b")[0]]
    button = kept.findChild(QPushButton, "show")
    button.setFocus(Qt.FocusReason.OtherFocusReason)

    remarks.show_remarks(about("xbcy"))

    assert shown(remarks) == ["x", "b", "c", "y"]
    assert remarks._cards[about("b")[0]] is kept
    assert remarks.focusWidget() is button


def test_order_of_the_cards_is_that_of_the_remarks(remarks: FindingList) -> None:
    remarks.show_remarks(about("abcd"))
    remarks.show_remarks(about("dbea"))
    assert shown(remarks) == ["d", "b", "e", "a"]


def test_tab_goes_from_card_to_card_as_they_stand(remarks: FindingList, qtbot: QtBot) -> None:
    remarks.show_remarks(about("bd"))
    remarks.show_remarks(about("abcd"))
    remarks.show()
    qtbot.waitExposed(remarks)
    buttons = [one for one in remarks.findChildren(QPushButton) if one.objectName() == "show"]
    at, order = remarks._cards[about("a")[0]].nextInFocusChain(), []
    while len(order) < len(buttons):
        if at in buttons:
            order.append(at.parentWidget().finding.photos[0])
        at = at.nextInFocusChain()

    assert order == ["a", "b", "c", "d"]


def test_many_remarks_come_a_few_at_a_time_and_the_rest_is_counted(
    remarks: FindingList, qtbot: QtBot
) -> None:
    remarks.show_remarks(about(range(100)))
    assert 0 < len(shown(remarks)) < 40
    assert not remarks.complete()

    qtbot.waitUntil(remarks.complete)

    assert shown(remarks) == [str(number) for number in range(40)]
    more = remarks.findChild(QLabel, "more_findings")
    assert more.text() == "and 60 more remarks: choose a photo to see its own"
    remarks.show_remarks(about("ab"))
    assert shown(remarks) == ["a", "b"]
    assert more.isHidden()


def test_list_without_remarks_takes_no_room(remarks: FindingList) -> None:
    remarks.show_remarks(about("a"))
    assert not remarks.isHidden()
    remarks.show_remarks([])
    assert remarks.isHidden()
