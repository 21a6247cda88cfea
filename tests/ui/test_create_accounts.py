"""The Destination step says which accounts are connected."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.ui.create.accounts import AccountsCard
from fluxlora_desktop.ui.desks.accounts import AccountDesk
from tests.ui.desk_bench import DeskBench


@pytest.fixture
def bench(tmp_path):
    with DeskBench(tmp_path) as made:
        yield made


def test_accounts_are_named_and_settings_are_one_click_away(bench, qtbot):
    bench.secrets.put("replicate", Secret("r8_known"))
    desk = AccountDesk(bench.tools, bench.jobs, bench.secrets, bench.owner)
    card = AccountsCard(accounts=desk)
    qtbot.addWidget(card)

    desk.check_all()
    qtbot.waitUntil(lambda: card.states["replicate"].text() == "Connected as tester")

    assert card.states["together"].text() == "Not connected"
    with qtbot.waitSignal(card.connect_requested):
        qtbot.mouseClick(card.connect_button, Qt.MouseButton.LeftButton)
