"""Stages, buttons, losses, log: what the parts of the Runs page say in each state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.ports import Transferred
from fluxlora_desktop.domain.runs import LossPoint, Run, RunEvent, RunPlan, RunState
from fluxlora_desktop.ui.picklist import RowModel
from fluxlora_desktop.ui.runs.actions import Around, next_step, offers_for, try_again_words
from fluxlora_desktop.ui.runs.curve import LossCurve, LossPlot
from fluxlora_desktop.ui.runs.exits import Ask
from fluxlora_desktop.ui.runs.facts import cost_fact, transfer_words, trouble_words
from fluxlora_desktop.ui.runs.log import LogPart, LogViewer, find_all, last_line
from fluxlora_desktop.ui.runs.losses import loss_summary, smoothed, ticks
from fluxlora_desktop.ui.runs.model import RunRow, row_of
from fluxlora_desktop.ui.runs.stages import StageMark, stages_of

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LORA = Lora("lora", "Fox", "flux.1-dev", "GLZFOX", "a" * 64, "b" * 64, 10, 16, NOON)
SHOWN = [state for state in RunState if state is not RunState.DRAFT]


def make_run(state: RunState, **changes: object) -> Run:
    run = Run("run", "dataset", state, RunPlan(name="Fox"), NOON, NOON)
    return replace(run, **changes)  # type: ignore[arg-type]  # columns by name


def history(*states: RunState) -> list[RunEvent]:
    return [
        RunEvent("run", NOON + timedelta(minutes=place), "state", state.value)
        for place, state in enumerate(states)
    ]


@pytest.mark.parametrize("state", SHOWN)
def test_run_shows_a_way_on_in_every_state(state: RunState) -> None:
    lora = LORA if state is RunState.READY else None

    main = [offer for offer in offers_for(make_run(state), lora) if offer.main]

    assert main or next_step(make_run(state))
    if state in {RunState.FAILED, RunState.CANCELLED, RunState.UNKNOWN, RunState.READY}:
        assert main


@pytest.mark.parametrize("state", SHOWN)
def test_cancel_is_offered_only_where_it_does_something(state: RunState) -> None:
    asks = {offer.ask for offer in offers_for(make_run(state), None)}

    stops = {RunState.PACKAGING, RunState.UPLOADING, RunState.QUEUED, RunState.TRAINING}
    assert (Ask.CANCEL in asks) == (state in stops)


def test_cancel_is_not_offered_where_the_service_cannot() -> None:
    offers = offers_for(make_run(RunState.TRAINING), None, Around(can_cancel=False))

    assert Ask.CANCEL not in {offer.ask for offer in offers}


def test_waiting_run_can_be_looked_at_now() -> None:
    run = make_run(RunState.COLLECTING, attention="Replicate did not answer.")

    assert Ask.LOOK_NOW in {offer.ask for offer in offers_for(run, None)}


@pytest.mark.parametrize(
    ("kind", "ask"),
    [("PaymentRequired", Ask.BILLING), ("TokenRejected", Ask.SETTINGS)],
)
def test_failed_run_offers_what_mends_it(kind: str, ask: Ask) -> None:
    run = make_run(RunState.FAILED, error_kind=kind)

    assert ask in {offer.ask for offer in offers_for(run, None, Around(billing=True))}


def test_try_again_has_a_price_unless_only_the_weights_are_fetched() -> None:
    run = make_run(
        RunState.FAILED,
        failed_at=RunState.TRAINING,
        price_low=Decimal("2.1"),
        price_high=Decimal("3.4"),
    )

    assert try_again_words(run) == "Try again for $2.10 to $3.40"
    collecting = replace(run, failed_at=RunState.COLLECTING)
    assert try_again_words(collecting) == "Fetch the weights again"


def test_stages_have_marks_and_times_while_training() -> None:
    states = (RunState.PACKAGING, RunState.UPLOADING, RunState.LAUNCHING, RunState.QUEUED)
    events = history(*states, RunState.TRAINING)
    run = make_run(RunState.TRAINING, step=412, total=1000)

    stages = stages_of(run, events, published=False)

    assert [stage.title for stage in stages] == [
        "Packed",
        "Uploaded",
        "Queued",
        "Training 412 of 1,000",
        "Fetch the weights",
        "Publish",
    ]
    done, now, todo = StageMark.DONE, StageMark.CURRENT, StageMark.TODO
    assert [stage.mark for stage in stages] == [done, done, done, now, todo, todo]
    assert [stage.seconds for stage in stages[:4]] == [60, 120, 60, None]
    assert stages[3].began == NOON + timedelta(minutes=4)


def test_stages_forget_the_first_attempt_when_a_run_goes_back() -> None:
    first = (RunState.PACKAGING, RunState.UPLOADING, RunState.FAILED)

    stages = stages_of(
        make_run(RunState.PACKAGING), history(*first, RunState.PACKAGING), published=False
    )

    assert stages[0].mark is StageMark.CURRENT
    assert stages[0].began == NOON + timedelta(minutes=3)
    assert stages[1].began is None


@pytest.mark.parametrize(
    ("failed_at", "title"),
    [
        (RunState.LAUNCHING, "Upload: failed"),
        (RunState.TRAINING, "Train: failed"),
        (RunState.COLLECTING, "Fetch the weights: failed"),
    ],
)
def test_stages_show_where_a_run_failed(failed_at: RunState, title: str) -> None:
    stages = stages_of(make_run(RunState.FAILED, failed_at=failed_at), history(), published=False)

    failed = [stage for stage in stages if stage.mark is StageMark.FAILED]
    assert [stage.title for stage in failed] == [title]


def test_stages_show_where_a_run_was_cancelled() -> None:
    events = history(RunState.PACKAGING, RunState.UPLOADING, RunState.CANCELLED)

    stages = stages_of(make_run(RunState.CANCELLED), events, published=False)

    assert stages[1].mark is StageMark.STOPPED


def test_stages_show_the_second_attempt_cancelled_where_it_stood() -> None:
    first = (RunState.PACKAGING, RunState.UPLOADING, RunState.LAUNCHING, RunState.FAILED)
    events = history(*first, RunState.PACKAGING, RunState.CANCELLED)

    stages = stages_of(make_run(RunState.CANCELLED), events, published=False)

    assert [stage.mark for stage in stages][:2] == [StageMark.STOPPED, StageMark.TODO]


def test_stages_say_not_published_until_the_lora_is() -> None:
    run = make_run(RunState.READY, huggingface_status="failed")

    assert stages_of(run, (), published=False)[-1].mark is StageMark.FAILED
    assert stages_of(run, (), published=True)[-1].mark is StageMark.DONE


def test_stages_leave_publishing_out_when_it_is_not_planned() -> None:
    run = make_run(RunState.READY, plan=RunPlan(publish=False))

    assert stages_of(run, (), published=False)[-1].title == "Collected"


def test_cost_is_a_range_before_and_an_amount_after() -> None:
    run = make_run(RunState.TRAINING, price_low=Decimal(2), price_high=Decimal(3))

    assert cost_fact(run) == ("Expected cost", "$2.00 to $3.00")
    assert cost_fact(replace(run, cost_usd=Decimal("2.73"))) == ("Cost", "$2.73")


def test_trouble_says_whether_it_was_charged() -> None:
    run = make_run(RunState.FAILED, error="No credit.")

    assert trouble_words(run) == "No credit. Nothing was charged."
    started = replace(run, external_training_id="remote")
    assert trouble_words(started).endswith("It may have been charged.")


def test_transfer_words_name_what_is_moved() -> None:
    moved = Transferred("weights", 57_300_000, 171_900_000)

    said = transfer_words(make_run(RunState.COLLECTING), moved)

    assert said == "Downloading the weights: 57.3 MB of 171.9 MB"


def test_run_model_keeps_the_contract_of_qt(qtmodeltester: ModelTester, qtbot: QtBot) -> None:
    model = RowModel[RunRow]()
    model.show_rows([row_of(make_run(RunState.TRAINING), None)])
    qtmodeltester.check(model)
    model.show_rows([])
    qtmodeltester.check(model)


def test_run_model_changes_one_row_in_place(qtbot: QtBot) -> None:
    model = RowModel[RunRow]()
    model.show_rows([row_of(make_run(RunState.QUEUED), None)])

    with qtbot.waitSignal(model.dataChanged):
        model.show_row(row_of(make_run(RunState.TRAINING, step=1, total=10), None))

    said = model.data(model.index(0), Qt.ItemDataRole.AccessibleTextRole)
    assert said == "Fox, Training 1 of 10"


def test_loss_summary_tells_which_way_it_went() -> None:
    falling = [LossPoint(step, 0.5 - step / 1000) for step in range(0, 401, 2)]
    flat = [LossPoint(step, 0.3) for step in range(0, 401, 2)]

    assert loss_summary(falling).startswith("Loss fell from 0.50 to 0.1")
    assert loss_summary(falling).endswith("over 400 steps.")
    assert loss_summary(falling[::-1][:1]) == loss_summary([])
    assert loss_summary(flat) == "Loss stayed near 0.3 over 400 steps."


@given(
    st.lists(st.floats(0.001, 10), min_size=1, max_size=50),
    st.floats(0, 0.98),
)
def test_smoothed_losses_stay_between_the_extremes(values: list[float], weight: float) -> None:
    points = [LossPoint(step, value) for step, value in enumerate(values)]

    curve = smoothed(points, weight)

    assert len(curve) == len(points)
    assert curve[0].loss == pytest.approx(values[0])
    assert all(min(values) - 1e-6 <= point.loss <= max(values) + 1e-6 for point in curve)


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.integers(1, 12))
def test_ticks_are_few_and_inside(low: float, span: float, at_most: int) -> None:
    found = ticks(low, low + span, at_most)

    assert len(found) <= at_most + 1
    slack = span * 1e-6 + 1e-9
    assert all(low - slack <= value <= low + span + slack for value in found)


def test_plot_reads_values_by_keyboard_and_mouse(qtbot: QtBot) -> None:
    plot = LossPlot()
    qtbot.addWidget(plot)
    plot.resize(400, 168)
    plot.show_losses([LossPoint(step, step / 100) for step in range(0, 101, 10)], 0.5)
    plot.show()

    qtbot.keyClick(plot, Qt.Key.Key_End)
    assert plot.read_out() == "Step 100: 1.0000"
    qtbot.keyClick(plot, Qt.Key.Key_Left)
    assert plot.accessibleDescription() == "Step 90: 0.9000"
    qtbot.mouseMove(plot, QPointF(plot._area().center()).toPoint())
    assert plot.read_out() == "Step 50: 0.5000"


@pytest.mark.parametrize("points", [[], [LossPoint(1, 0.3)], [LossPoint(1, 0.3)] * 2])
def test_plot_paints_when_there_is_hardly_anything(qtbot: QtBot, points: list[LossPoint]) -> None:
    curve = LossCurve()
    qtbot.addWidget(curve)
    curve.show_losses(points)

    assert not curve.grab().isNull()


def test_last_line_is_the_newest_of_a_progress_bar() -> None:
    assert last_line("a\n 1%|  |\r 2%|  |\r\n\n") == "2%|  |"


@given(st.text(max_size=60), st.text(min_size=1, max_size=3))
def test_find_all_counts_places_as_qt_does(text: str, words: str) -> None:
    units = text.encode("utf-16-le", "surrogatepass")

    for place in find_all(text, words):
        rest = units[place * 2 :].decode("utf-16-le", "surrogatepass")
        assert rest.lower().startswith(words.lower()) or not words.isascii()


def test_log_search_counts_and_walks_the_matches(qtbot: QtBot) -> None:
    viewer = LogViewer()
    qtbot.addWidget(viewer)
    viewer.show()
    viewer.show_log("\U0001f98a Loss 1\nloss 2\nother\nLOSS 3\n")

    qtbot.keyClicks(viewer.search, "loss")
    assert viewer.count.text() == "1 of 3"
    qtbot.keyClick(viewer.search, Qt.Key.Key_Return)
    assert viewer.count.text() == "2 of 3"
    assert viewer.text.textCursor().selectedText() == "loss"
    assert viewer.text.textCursor().blockNumber() == 1
    qtbot.keyClick(viewer.search, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClick(viewer.search, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert viewer.count.text() == "3 of 3"
    qtbot.keyClicks(viewer.search, "es")
    assert viewer.count.text() == "Not found"


def test_log_appends_only_what_is_new_and_follows_the_end(qtbot: QtBot) -> None:
    viewer = LogViewer()
    qtbot.addWidget(viewer)
    viewer.show()
    log = "\n".join(f"line {number}" for number in range(2000))
    viewer.show_log(log)
    changed: list[tuple[int, int, int]] = []
    viewer.text.document().contentsChange.connect(
        lambda place, gone, came: changed.append((place, gone, came))
    )

    viewer.show_log(log + "\nthe end")

    assert changed == [(len(log), 0, 8)]
    bar = viewer.text.verticalScrollBar()
    assert bar.value() == bar.maximum() > 0


def test_log_stays_where_it_is_read_when_the_end_is_not_followed(qtbot: QtBot) -> None:
    viewer = LogViewer()
    qtbot.addWidget(viewer)
    viewer.show()
    log = "\n".join(f"line {number}" for number in range(500))
    viewer.show_log(log)
    bar = viewer.text.verticalScrollBar()

    bar.triggerAction(bar.SliderAction.SliderToMinimum)
    viewer.show_log(log + "\nmore")

    assert not viewer.follow.isChecked()
    assert bar.value() == 0


def test_log_is_copied_whole_from_its_part(qtbot: QtBot) -> None:
    part = LogPart()
    qtbot.addWidget(part)
    part.show()
    part.show_log("one\ntwo")
    assert not part.viewer.isVisible()

    qtbot.mouseClick(part.toggle, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(part.viewer.copy, Qt.MouseButton.LeftButton)

    assert part.viewer.isVisible()
    assert QGuiApplication.clipboard().text() == "one\ntwo"
