"""The Destination step says which accounts the run will use, and which are connected."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.ui.create.accounts import AccountsCard
from fluxlora_desktop.ui.desks.accounts import AccountDesk
from fluxlora_desktop.ui.desks.draft import DraftDesk
from tests.ui.desk_bench import DeskBench


@pytest.fixture
def bench(tmp_path):
    with DeskBench(tmp_path) as made:
        yield made


@pytest.fixture
def draft(bench, qtbot):
    made = DraftDesk(bench.tools, bench.jobs, bench.owner)
    with qtbot.waitSignal(made.changed):
        made.load()
    return made


@pytest.fixture
def card(bench, draft, qtbot):
    accounts = AccountDesk(bench.tools, bench.jobs, bench.secrets, bench.owner)
    made = AccountsCard(accounts=accounts, draft=draft)
    qtbot.addWidget(made)
    yield made
    qtbot.waitUntil(lambda: bench.jobs.live() == 0)


def shown(card: AccountsCard) -> list[str]:
    return [service for service, line in card.lines.items() if line.isVisibleTo(card)]


def test_accounts_are_named_and_settings_are_one_click_away(bench, draft, qtbot):
    bench.secrets.put("replicate", Secret("r8_known"))
    desk = AccountDesk(bench.tools, bench.jobs, bench.secrets, bench.owner)
    card = AccountsCard(accounts=desk, draft=draft)
    qtbot.addWidget(card)

    desk.check_all()
    qtbot.waitUntil(lambda: bench.jobs.live() == 0)

    assert card.states["replicate"].text() == "Connected as tester"
    assert card.states["huggingface"].text() == "Not connected"
    with qtbot.waitSignal(card.connect_requested):
        qtbot.mouseClick(card.connect_button, Qt.MouseButton.LeftButton)


def test_new_draft_uses_the_first_trainer_and_the_hub(card):
    assert shown(card) == ["replicate", "huggingface"]


def test_hub_is_left_out_when_nothing_is_published(card, draft):
    draft.set_plan(publish=False)
    assert shown(card) == ["replicate"]


def test_service_where_the_lora_shall_be_used_is_named_too(card, draft):
    draft.set_plan(goal="together")
    assert shown(card) == ["replicate", "huggingface", "together"]
    draft.set_plan(goal="")
    assert shown(card) == ["replicate", "huggingface"]
