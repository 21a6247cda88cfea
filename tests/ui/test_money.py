"""The Spending page and the question at the limit, over a real library and real jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QAbstractButton, QWidget
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.money import Certainty, Charge
from fluxlora_desktop.domain.pictures import Picture, PictureLora, PictureRequest, PictureState
from fluxlora_desktop.domain.runs import RunState
from fluxlora_desktop.domain.spending import GroupBy, LedgerQuery, Month
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.money import LedgerPlace, MoneyDesk
from fluxlora_desktop.ui.desks.pictures import PictureDesk
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.ui.gallery.page import ShowPicture
from fluxlora_desktop.ui.library.page import LibraryPage
from fluxlora_desktop.ui.money.page import SpendingPage
from fluxlora_desktop.ui.money.question import LimitAsker, LimitDialog
from fluxlora_desktop.ui.money.words import GROUPS
from fluxlora_desktop.ui.runs.page import RunsPage
from fluxlora_desktop.ui.theme import Theme
from fluxlora_desktop.workflows.budget import Budget
from fluxlora_desktop.workflows.pictures import order_pictures
from tests.ui.desk_bench import DeskBench, Heard
from tests.ui.desk_fixtures import add_lora, add_run

_AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
FOUR = PictureRequest("replicate", "base", "a fox on grass", seed=7, count=4)


def picture(picture_id: str, prompt: str, *loras: str) -> Picture:
    used = tuple(PictureLora(lora, lora.capitalize(), 1.0) for lora in loras)
    return Picture(
        picture_id,
        "order",
        PictureState.DONE,
        "replicate",
        "base",
        "flux.1-dev",
        prompt,
        used,
        *(1024, 1024, 28, 3.5, 7),
        _AT,
    )


@dataclass
class Till:
    """The Spending page with what it needs; `furnish` fills the ledger."""

    bench: DeskBench
    qtbot: QtBot

    def __post_init__(self) -> None:
        bench = self.bench
        parts = (bench.tools, bench.jobs)
        self.money = MoneyDesk(*parts, bench.owner)
        self.runs = RunDesk(*parts, bench.owner)
        self.loras = LoraDesk(*parts, bench.trash, bench.owner)
        self.saved = bench.folder / "spending.csv"
        self.names: list[str] = []
        self.page = SpendingPage(
            money=self.money, runs=self.runs, loras=self.loras, choose_table=self._choose
        )
        self.qtbot.addWidget(self.page)
        self.page.resize(1000, 700)
        self.gone = Heard(self.page.go)

    def _choose(self, _parent: QWidget, name: str, then: Callable[[Path], None]) -> None:
        self.names.append(name)
        then(self.saved)

    def charge(self, name: str, amount: str, *, unsure: bool = False, **more: Any) -> None:
        facts: dict[str, Any] = {"service": "replicate", "kind": "picture", "at": _AT, **more}
        certainty = Certainty.MAYBE if unsure else Certainty.CHARGED
        self.bench.tools.stores.ledger.add(
            Charge(name, amount_usd=Decimal(amount), certainty=certainty, **facts)
        )

    def furnish(self) -> None:
        stores = self.bench.tools.stores
        self.ready = add_run(stores, "Red fox", RunState.READY, lora_id="fox")
        failed = {"failed_at": RunState.TRAINING, "error": "gone"}
        self.lost = add_run(stores, "Lost mug", RunState.FAILED, **failed)
        add_lora(stores, "fox", "Red fox")
        add_lora(stores, "ink", "Ink")
        made = [
            picture("p1", "a fox in the snow", "fox"),
            picture("p2", "a fox of ink", "fox", "ink"),
        ]
        stores.pictures.add(made)
        day = timedelta(days=1)
        self.charge("t1", "2.40", kind="training", run_id=self.ready.id, at=_AT - 40 * day)
        self.charge("t2", "3.40", kind="training", run_id=self.lost.id, unsure=True, at=_AT + day)
        self.charge("picture-p1", "0.03", picture_id="p1")
        self.charge("picture-p2", "0.05", picture_id="p2", at=_AT - day)
        self.charge(
            "c1", "0.002", kind="caption", service="together", note="Qwen", at=_AT - 2 * day
        )

    def show(self) -> None:
        with self.qtbot.waitSignals([self.runs.listed, self.loras.listed]):
            self.runs.load()
            self.loras.load()
        self.page.show()
        with self.qtbot.waitSignals([self.money.ledger_ready, self.money.spending_ready]):
            self.page.shown()

    def cells(self) -> list[list[str]]:
        rows = self.page.table.rows
        return [
            [rows.data(rows.index(row, column)) for column in range(rows.columnCount())]
            for row in range(rows.rowCount())
        ]

    def first_cells(self) -> list[str]:
        return [row[0] for row in self.cells()]

    def wait(self, what: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(what()))

    def group(self, by: GroupBy) -> None:
        self.page.filters.by.setCurrentIndex([it for it, _says, _title in GROUPS].index(by))
        title = next(title for it, _says, title in GROUPS if it is by)
        self.wait(lambda: self.page.table.rows.columns[0] == title)

    def select(self, key: str) -> None:
        table = self.page.table
        table.setCurrentIndex(table.rows.index(table.rows.place_of(key), 0))

    def actions(self) -> list[str]:
        page = self.page
        made = (page.look_again, page.billing, page.show_lora, page.show_it)
        return [one.text() for one in made if not one.isHidden()]


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[DeskBench]:
    with DeskBench(tmp_path) as made:
        yield made


@pytest.fixture
def till(bench: DeskBench, qtbot: QtBot, theme: Theme) -> Till:
    return Till(bench, qtbot)


def test_every_charge_is_listed_with_sure_and_unsure_amounts_apart(till: Till) -> None:
    till.furnish()

    till.show()

    assert [row[1:] for row in till.cells()] == [
        ["Training · Lost mug", "Replicate", "", "", "$3.40"],
        ["Picture · a fox in the snow", "Replicate", "Red fox", "$0.03", ""],
        ["Picture · a fox of ink", "Replicate", "Red fox and Ink", "$0.05", ""],
        ["Caption · Qwen", "Together", "", "$0.002", ""],
        ["Training · Red fox", "Replicate", "Red fox", "$2.40", ""],
    ]
    assert till.page.sum.text() == "5 charges: $2.48 charged, $3.40 may have been charged."
    assert till.page.states.currentWidget() is till.page.filled
    QAbstractItemModelTester(
        till.page.table.rows, QAbstractItemModelTester.FailureReportingMode.Warning
    )
    till.page.table.sortByColumn(4, Qt.SortOrder.DescendingOrder)
    assert [row[4] for row in till.cells()] == ["$2.40", "$0.05", "$0.03", "$0.002", ""]
    assert "may have been charged" in till.page.table.rows.data(
        till.page.table.rows.index(4, 0), Qt.ItemDataRole.AccessibleTextRole
    )


def test_each_charge_leads_to_what_it_was_for(till: Till) -> None:
    till.furnish()
    till.show()

    till.select("picture-p2")
    assert till.actions() == ["Show the LoRA", "Show the picture"]
    till.page.show_it.click()
    till.page.show_lora.click()
    till.select("t1")
    till.qtbot.keyClick(till.page.table, Qt.Key.Key_Return)
    till.select("c1")
    assert till.actions() == []

    assert till.gone.all == [
        ("gallery", ShowPicture("p2")),
        ("library", "fox"),
        ("runs", till.ready.id),
    ]


def test_charge_in_doubt_leads_to_billing_and_can_be_looked_for_again(till: Till) -> None:
    till.furnish()
    till.show()
    opened = Heard(till.page.open_requested)

    till.select("t2")
    assert till.actions() == ["Look again", "Open billing", "Show the training"]
    till.page.billing.click()
    till.page.look_again.click()

    assert opened.all == ["https://replicate.com/account/billing"]
    assert till.gone.last == ("runs", till.lost.id)
    till.wait(lambda: till.bench.backend.polled)
    assert till.bench.backend.launched == []


def test_groups_open_into_their_charges_and_back(till: Till) -> None:
    till.furnish()
    till.show()

    till.group(GroupBy.LORA)
    assert till.cells() == [
        ["Without a LoRA", "2", "", "$0.002", "$3.40"],
        ["Red fox", "3", "$0.05", "$2.48", ""],
        ["Ink", "1", "$0.05", "$0.05", ""],
    ]
    assert "counts for each of them" in till.page.remark.text()
    assert till.page.sum.text().startswith("5 charges: $2.48 charged")
    till.select("ink")
    assert till.actions() == ["Show these charges"]
    till.page.show_it.click()
    till.wait(lambda: till.page.table.rows.columns[0] == "Date")
    assert [row[1] for row in till.cells()] == ["Picture · a fox of ink"]
    assert till.page.filters.place.text() == "LoRA: Ink"

    till.page.filters.place.click()
    till.wait(lambda: len(till.cells()) == 5)
    till.group(GroupBy.MONTH)
    assert till.first_cells() == ["November 2026", "October 2026"]
    till.select("2026-10")
    till.page.show_it.click()
    till.wait(lambda: till.page.table.rows.columns[0] == "Date")
    assert till.page.filters.months.currentText() == "October 2026"
    assert [row[1] for row in till.cells()] == ["Training · Red fox"]


def test_search_narrows_by_keys_and_nothing_found_has_a_way_out(till: Till) -> None:
    till.furnish()
    till.show()
    till.page.activateWindow()
    till.qtbot.keyClick(till.page, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    words = till.page.filters.words
    till.wait(words.hasFocus)

    till.qtbot.keyClicks(words, "snow")
    till.wait(lambda: [row[1] for row in till.cells()] == ["Picture · a fox in the snow"])
    till.qtbot.keyClicks(words, " in June")
    till.wait(lambda: till.page.states.currentWidget() is till.page.nothing)
    assert not till.page.export_button.isEnabled()
    till.qtbot.keyClick(words, Qt.Key.Key_Escape)
    till.wait(lambda: len(till.cells()) == 5)


def test_empty_ledger_says_so_and_leads_back(till: Till) -> None:
    till.show()

    assert till.page.states.currentWidget() is till.page.empty
    assert till.page.filters.isHidden()
    back = till.page.empty.findChild(QAbstractButton)
    assert back is not None
    back.click()
    assert till.gone.last == ("settings", "spending")


def test_ledger_that_cannot_be_read_says_so_and_is_read_again(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    till.furnish()
    told = Heard(till.money.failed)
    with monkeypatch.context() as patched:
        patched.setattr(till.bench.tools.stores.ledger, "lines", lambda _query: 1 / 0)
        till.page.show()
        till.page.shown()
        till.wait(lambda: till.page.states.currentWidget() is till.page.failed)
    assert len(told) == 1

    again = till.page.failed.findChild(QAbstractButton)
    assert again is not None
    again.click()

    till.wait(lambda: len(till.cells()) == 5)


def test_what_is_shown_is_exported(till: Till) -> None:
    till.furnish()
    till.show()
    said = Heard(till.money.said)
    till.page.arrive(LedgerPlace(LedgerQuery(lora_id="fox"), "LoRA: Red fox"))
    till.wait(lambda: len(till.cells()) == 3)

    till.page.export_button.click()

    till.wait(lambda: said.all == ["3 charges saved as spending.csv."])
    assert till.saved.read_text("utf-8-sig").count("Red fox") == 4  # a training names its run too
    assert till.names == ["spending.csv"]


def test_ten_thousand_lines_are_laid_out_for_what_is_seen_only(till: Till) -> None:
    till.show()
    database = till.bench.library._database
    with database.write() as session:
        session.connection().exec_driver_sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
            "INSERT INTO charges (id, service, kind, amount_usd, at, certainty, note) SELECT i, "
            "'replicate', 'picture', 30000, '2026-11-01T00:00:00.000000+00:00', 'charged', i FROM n"
        )
    asked: list[int] = []
    rows = till.page.table.rows
    plain = type(rows).data

    def counted(index: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        asked.append(index.row())
        return plain(rows, index, role)

    rows.data = counted  # type: ignore[method-assign]  # counts, and answers as before
    till.page.shown()
    till.wait(lambda: rows.rowCount() == 10_000)
    till.page.grab()

    assert 0 < len(set(asked)) < 100
    assert till.page.sum.text() == "10,000 charges: $300.00 charged."


def test_runs_and_library_say_what_a_lora_cost_with_its_pictures(till: Till) -> None:
    till.furnish()
    till.charge("picture-p1", "0.03", unsure=True, picture_id="p1")
    money = {"money": till.money, "jobs": till.bench.jobs}
    runs = RunsPage(runs=till.runs, loras=till.loras, **money)
    library = LibraryPage(runs=till.runs, loras=till.loras, **money)
    for page in (runs, library):
        till.qtbot.addWidget(page)
        page.show()
    till.show()
    gone = [Heard(page.go) for page in (runs, library)]

    runs.arrive(till.ready.id)
    library.arrive("fox")

    says = "$2.45 in all: training $2.40, 2 pictures $0.05. $0.03 more may have been charged."
    till.wait(lambda: library.inspector.cost.text() == says)
    till.wait(lambda: ("In all", "$2.45 with 2 pictures") in runs.detail._facts_shown)
    assert ("May have been charged", "$0.03") in runs.detail._facts_shown
    link = runs.detail.findChild(QAbstractButton, "run_charges")
    assert link is not None
    link.click()
    library.inspector.charges_link.click()
    query = LedgerQuery(lora_id="fox")
    assert [heard.last for heard in gone] == [
        ("spending", LedgerPlace(query, "Training: Red fox")),
        ("spending", LedgerPlace(query, "LoRA: Red fox")),
    ]


@dataclass
class Counter:
    """A picture desk whose orders are asked about in a window."""

    bench: DeskBench
    qtbot: QtBot

    def __post_init__(self) -> None:
        self.window = QWidget()
        self.qtbot.addWidget(self.window)
        self.window.resize(900, 600)
        self.window.show()
        parts = (self.bench.tools, self.bench.jobs)
        self.money = MoneyDesk(*parts, self.bench.owner)
        self.pictures = PictureDesk(*parts, self.bench.owner)
        self.failed = Heard(self.pictures.failed)
        self.asker = LimitAsker(desks=[self.pictures], money=self.money, window=self.window)

    def question(self) -> LimitDialog:
        self.qtbot.waitUntil(lambda: self.asker.dialog is not None)
        assert self.asker.dialog is not None
        return self.asker.dialog

    def made(self) -> int:
        return len(self.bench.generator.asked)


@pytest.fixture
def counter(bench: DeskBench, qtbot: QtBot, theme: Theme) -> Counter:
    bench.tools.budget.set_limit(Decimal("0.10"))
    return Counter(bench, qtbot)


def test_order_past_the_limit_asks_with_its_numbers_and_goes_on_once(counter: Counter) -> None:
    counter.pictures.make(FOUR)
    asked = counter.question()
    month = Month.of(counter.bench.clock.now()).name
    assert asked.asks.text() == (f"This would bring {month} to about $0.14; your limit is $0.10.")
    assert counter.made() == 0

    asked.go_on.click()

    counter.qtbot.waitUntil(lambda: counter.made() == 4)
    assert counter.money.limit == Decimal("0.10")
    assert counter.failed.all == []
    counter.pictures.make(FOUR)
    counter.question().cancel.click()
    counter.qtbot.waitUntil(lambda: counter.asker.dialog is None)
    assert counter.made() == 4
    assert counter.bench.tools.stores.pictures.unfinished() == ()


def test_enter_on_the_question_spends_nothing(counter: Counter) -> None:
    counter.pictures.make(FOUR)
    asked = counter.question()

    counter.qtbot.keyClick(asked, Qt.Key.Key_Return)

    counter.qtbot.waitUntil(lambda: counter.asker.dialog is None)
    assert counter.made() == 0


def test_another_limit_is_kept_and_the_order_goes_on_under_it(counter: Counter) -> None:
    counter.pictures.make(FOUR)
    asked = counter.question()
    asked.change.click()
    assert asked.field.text() == "0.10"

    asked.field.setText("x")
    asked.save.click()
    assert "such as 20" in asked.remark.text()
    asked.field.setText("0.12")
    asked.save.click()
    assert asked.remark.text() == "It would still be passed: $0.14 or more is needed."
    assert counter.money.limit == Decimal("0.10")
    asked.field.setText("1")
    asked.save.click()

    counter.qtbot.waitUntil(lambda: counter.made() == 4)
    assert counter.money.limit == Decimal(1)


def test_orders_of_the_last_start_wait_are_asked_about_in_turn_and_stay_without_a_yes(
    counter: Counter,
) -> None:
    counter.bench.tools.budget.set_limit(None)
    for seed in (7, 50):
        order_pictures(replace(FOUR, seed=seed), counter.bench.tools)
    fresh = replace(counter.bench.tools, budget=Budget(Decimal("0.10")))
    counter.pictures.tools = counter.money.tools = fresh

    counter.pictures.resume()
    first = counter.question()
    assert "go on waiting" in first.says.text()
    first.cancel.click()
    counter.qtbot.waitUntil(lambda: counter.asker.dialog not in {None, first})
    counter.question().go_on.click()

    counter.qtbot.waitUntil(lambda: counter.made() == 4)
    counter.qtbot.waitUntil(lambda: len(fresh.stores.pictures.unfinished()) == 4)
    assert counter.failed.all == []


def test_training_asks_too_and_stays_a_draft(bench: DeskBench, qtbot: QtBot) -> None:
    bench.tools.budget.set_limit(Decimal("0.10"))
    runs = RunDesk(bench.tools, bench.jobs, bench.owner)
    asked, failed = Heard(runs.over_limit), Heard(runs.failed)
    run = bench.draft()

    runs.start(run.id)

    qtbot.waitUntil(lambda: len(asked) == 1)
    assert bench.backend.launched == []
    assert failed.all == []
    assert bench.tools.stores.runs.get(run.id).state is RunState.DRAFT
