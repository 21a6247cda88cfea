"""The Runs page over a real library, real desks and real jobs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from desk_fixtures import add_lora, add_run, nameless, publish
from fakes import TRAINER, FakeHub, FakeTrainer, FolderTrash, WallClock, make_tools
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.ports import Stores
from fluxlora_desktop.domain.runs import EffectKind, EffectState, RunState
from fluxlora_desktop.domain.training import RemoteRun, RemoteState, RunSnapshot, TrainingProgress
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.ui.runs.page import RunsPage
from tests.ui.seen import seen

LOSSES = tuple((step, 0.5 - step / 2000) for step in range(2, 402, 2))


@dataclass
class Bench:
    """Everything around the page."""

    stores: Stores
    trainer: FakeTrainer
    hub: FakeHub
    runs: RunDesk
    loras: LoraDesk
    jobs: JobRunner
    qtbot: QtBot

    def show(self) -> RunsPage:
        with self.qtbot.waitSignals([self.runs.listed, self.loras.listed]):
            self.loras.load()
            self.runs.load()
        page = RunsPage(runs=self.runs, loras=self.loras, jobs=self.jobs)
        self.qtbot.addWidget(page)
        page.resize(1000, 700)
        page.show()
        page.list.setFocus()
        return page

    def until_state(self, run_id: str, state: RunState) -> None:
        def reached() -> None:
            run = self.runs.run(run_id)
            assert run is not None and run.state is state

        self.qtbot.waitUntil(reached)


@pytest.fixture
def bench(tmp_path: Path, qtbot: QtBot) -> Iterator[Bench]:
    library = open_library(tmp_path / "library", clock=WallClock())
    trainer, hub, jobs = FakeTrainer(), FakeHub(), JobRunner()
    tools = make_tools(library.stores, trainer=trainer, hub=hub)
    runs = RunDesk(tools, jobs)
    loras = LoraDesk(tools, jobs, FolderTrash(tmp_path / "trash"))
    yield Bench(library.stores, trainer, hub, runs, loras, jobs, qtbot)
    assert jobs.shutdown(30_000)
    for thing in (runs, loras, jobs):
        thing.deleteLater()
    library.close()


def ask(page: RunsPage, name: str) -> QPushButton:
    """Return the one visible button for an ask."""
    found = seen(page.detail, QPushButton, f"run_{name}")
    assert len(found) == 1, f"{name}: {found}"
    return found[0]


def click(qtbot: QtBot, widget: QPushButton) -> None:
    qtbot.waitUntil(lambda: not widget.visibleRegion().isEmpty())
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def test_page_offers_to_create_when_there_is_no_run(bench: Bench, qtbot: QtBot) -> None:
    page = bench.show()
    create = next(b for b in page.findChildren(QPushButton) if b.text() == "Create a LoRA")

    with qtbot.waitSignal(page.go, check_params_cb=lambda place, what: place == "create"):
        click(qtbot, create)


def test_page_says_that_the_list_failed_when_it_cannot_be_read(bench: Bench, qtbot: QtBot) -> None:
    page = RunsPage(runs=bench.runs, loras=bench.loras, jobs=bench.jobs)
    qtbot.addWidget(page)
    page.show()

    bench.runs.failed.emit(OSError("no disk"))

    retry = seen(page, QPushButton)[0]
    with qtbot.waitSignal(bench.runs.listed):
        click(qtbot, retry)
    assert page.states.currentWidget() is page._empty


def test_list_shows_the_newest_first_and_selects_it(bench: Bench) -> None:
    add_run(bench.stores, "First", RunState.FAILED)
    newest = add_run(bench.stores, "Second", RunState.FAILED)

    page = bench.show()

    assert [page.list.rows.row(n).name for n in range(2)] == ["Second", "First"]
    assert page.list.selected() == newest.id
    assert page.detail.name.text() == "Second"


def test_detail_follows_the_arrow_keys(bench: Bench, qtbot: QtBot) -> None:
    add_run(bench.stores, "First", RunState.FAILED)
    add_run(bench.stores, "Second", RunState.CANCELLED)
    page = bench.show()

    qtbot.keyClick(page.list, Qt.Key.Key_Down)

    assert page.detail.name.text() == "First"


def test_arrive_selects_the_run_that_another_page_names(bench: Bench) -> None:
    first = add_run(bench.stores, "First", RunState.FAILED)
    add_run(bench.stores, "Second", RunState.FAILED)
    page = bench.show()

    page.arrive(first)

    assert page.list.selected() == first.id


def test_detail_shows_progress_losses_and_log_while_training(bench: Bench, qtbot: QtBot) -> None:
    run = add_run(bench.stores, "Fox", RunState.TRAINING)
    bench.trainer.snapshot = RunSnapshot(
        RemoteState.TRAINING,
        TrainingProgress("Training", 412, 1000, 1.4, 840.0, 0.3),
        log="first line\nsecond line\n",
        losses=LOSSES,
    )
    page = bench.show()

    qtbot.waitUntil(lambda: page.detail.words.text() == "Training 412 of 1,000")
    qtbot.waitUntil(lambda: page.detail.log.last.text() == "second line")

    assert page.detail.eta.text() == "14 min left"
    fell = "Loss fell from 0.50 to "
    qtbot.waitUntil(lambda: page.detail.curve.summary.text().startswith(fell))
    assert "Training 412 of 1,000, under way" in page.detail.timeline.accessibleDescription()
    row = page.list.rows.row(page.list.rows.place_of(run.id) or 0)
    assert row.share == pytest.approx(0.1 + 0.82 * 0.412)


def test_transfer_is_shown_in_bytes_while_uploading(bench: Bench, qtbot: QtBot) -> None:
    bench.trainer.hold = True
    add_run(bench.stores, "Fox", RunState.PACKAGING)
    page = bench.show()

    qtbot.waitUntil(lambda: page.detail.bytes.text() == "Uploading the photos: 12.4 MB of 31.0 MB")


def test_cancel_asks_first_and_says_that_it_is_billed(bench: Bench, qtbot: QtBot) -> None:
    run = add_run(bench.stores, "Fox", RunState.QUEUED)
    page = bench.show()
    click(qtbot, ask(page, "cancel"))

    assert page.detail.asks._question.text().endswith("What ran so far may be billed.")
    assert page.focusWidget() is page.detail.asks.keep
    click(qtbot, page.detail.asks.keep)
    assert bench.trainer.cancelled == []

    click(qtbot, ask(page, "cancel"))
    click(qtbot, page.detail.asks.confirm_button)
    qtbot.waitUntil(lambda: bench.trainer.cancelled == ["remote-1"])
    bench.runs.look_now(run.id)
    bench.until_state(run.id, RunState.CANCELLED)
    qtbot.waitUntil(lambda: page.detail._facts_shown[0] == ("Cost", "$0.31"))


def test_launch_in_doubt_is_given_up_only_by_a_person_who_looked(
    bench: Bench, qtbot: QtBot
) -> None:
    run = add_run(bench.stores, "Fox", RunState.UNKNOWN)
    page = bench.show()
    with qtbot.waitSignal(page.open_requested) as opened:
        click(qtbot, ask(page, "open_runs_page"))
    assert opened.args == ["https://replicate.com/trainings"]
    click(qtbot, ask(page, "say_absent"))
    assert "is paid again" in page.detail.asks._question.text()
    click(qtbot, page.detail.asks.keep)
    assert bench.runs.run(run.id).state is RunState.UNKNOWN

    click(qtbot, ask(page, "say_absent"))
    click(qtbot, page.detail.asks.confirm_button)

    bench.until_state(run.id, RunState.FAILED)
    assert bench.trainer.launched == []
    effect = bench.stores.runs.live_effect(EffectKind.TRAINING, run.id)
    assert (effect.state, effect.note) == (
        EffectState.ABSENT,
        "a person looked and found nothing",
    )
    assert ask(page, "try_again").text() == "Start now, $2.10 to $3.40"


def test_launch_in_doubt_goes_on_with_the_training_that_a_person_found(
    bench: Bench, qtbot: QtBot
) -> None:
    run = add_run(bench.stores, "Fox", RunState.UNKNOWN)
    page = bench.show()
    click(qtbot, ask(page, "say_found"))
    assert not page.detail.asks.confirm_button.isEnabled()
    qtbot.keyClicks(page.detail.asks.field, " 764f-aa ")

    qtbot.keyClick(page.detail.asks.field, Qt.Key.Key_Return)

    bench.until_state(run.id, RunState.QUEUED)
    assert bench.runs.run(run.id).external_training_id == "764f-aa"
    assert bench.trainer.launched == []


def test_word_about_a_launch_is_checked_once_and_nothing_else_is_asked_meanwhile(
    bench: Bench, qtbot: QtBot
) -> None:
    run = add_run(bench.stores, "Fox", RunState.UNKNOWN)
    page = bench.show()
    bench.trainer.answer = threading.Event()
    qtbot.waitUntil(lambda: bench.trainer.looks == 1)  # the search for the launch
    click(qtbot, ask(page, "say_found"))
    qtbot.keyClicks(page.detail.asks.field, "764f")
    qtbot.keyClick(page.detail.asks.field, Qt.Key.Key_Return)

    qtbot.waitUntil(lambda: bench.trainer.polled > 0)
    looks = bench.trainer.looks
    assert "Asking the service…" in [one.text() for one in page.findChildren(QLabel)]
    assert not seen(page, QPushButton, "run_look_now")
    bench.runs.look_now(run.id)
    bench.runs.say_absent(run.id)
    qtbot.wait(200)  # a look that should not be would come now
    bench.trainer.answer.set()

    bench.until_state(run.id, RunState.QUEUED)
    qtbot.waitUntil(lambda: bench.trainer.polled > 1)
    assert bench.trainer.looks == looks


def test_id_that_was_refused_can_be_mended(bench: Bench, qtbot: QtBot) -> None:
    run = add_run(bench.stores, "Fox", RunState.UNKNOWN)
    page = bench.show()
    click(qtbot, ask(page, "say_found"))
    qtbot.keyClicks(page.detail.asks.field, "no id at all")
    with qtbot.waitSignal(bench.runs.failed):
        qtbot.keyClick(page.detail.asks.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not bench.runs.settling(run.id))

    click(qtbot, ask(page, "say_found"))

    assert page.detail.asks.field.text() == "no id at all"
    assert bench.runs.run(run.id).state is RunState.UNKNOWN


def test_question_is_answered_with_no_by_escape_and_gives_the_focus_back(
    bench: Bench, qtbot: QtBot
) -> None:
    add_run(bench.stores, "Fox", RunState.UNKNOWN)
    page = bench.show()
    for name in ("say_absent", "say_found"):
        click(qtbot, ask(page, name))
        qtbot.keyClick(page.focusWidget(), Qt.Key.Key_Escape)

        assert page.focusWidget() is ask(page, name)


def test_focus_stays_on_the_buttons_when_an_answer_changes_them(bench: Bench, qtbot: QtBot) -> None:
    run = add_run(bench.stores, "Fox", RunState.UNKNOWN)
    page = bench.show()
    click(qtbot, ask(page, "say_absent"))
    page.detail.asks.confirm_button.setFocus()
    qtbot.keyClick(page.detail.asks.confirm_button, Qt.Key.Key_Space)

    bench.until_state(run.id, RunState.FAILED)
    qtbot.waitUntil(lambda: page.focusWidget() is ask(page, "try_again"))
    for _ in range(2):  # a hand that presses on buys nothing
        qtbot.keyClick(page.focusWidget(), Qt.Key.Key_Space)
    assert bench.trainer.launched == []
    assert bench.runs.run(run.id).state is RunState.FAILED


def test_buttons_are_back_where_the_search_was_faster_than_the_word(
    bench: Bench, qtbot: QtBot
) -> None:
    run = add_run(bench.stores, "Fox", RunState.UNKNOWN)
    bench.trainer.search = threading.Event()
    bench.trainer.found = (RemoteRun("replicate", "764f", TRAINER.key),)
    page = bench.show()
    qtbot.waitUntil(lambda: bench.trainer.looks == 1)
    click(qtbot, ask(page, "say_found"))
    qtbot.keyClicks(page.detail.asks.field, "764f")
    qtbot.keyClick(page.detail.asks.field, Qt.Key.Key_Return)

    bench.trainer.search.set()

    bench.until_state(run.id, RunState.QUEUED)
    qtbot.waitUntil(lambda: not bench.runs.settling(run.id))
    qtbot.waitUntil(lambda: ask(page, "cancel").isVisible())
    assert bench.runs.run(run.id).external_training_id == "764f"


def test_end_of_the_check_is_told_also_when_the_run_is_known_already(
    bench: Bench, qtbot: QtBot
) -> None:
    run = add_run(bench.stores, "Fox", RunState.QUEUED)
    bench.show()
    told: list[bool] = []
    bench.runs.changed.connect(lambda seen: told.append(bench.runs.settling(seen.id)))
    bench.runs._settling.add(run.id)

    bench.runs._on_settled(bench.runs.run(run.id))

    assert told == [False]


def test_training_that_ended_without_weights_is_asked_for_again_for_nothing(
    bench: Bench, qtbot: QtBot
) -> None:
    run = add_run(
        bench.stores, "Fox", RunState.FAILED,
        failed_at=RunState.TRAINING, error="Odd",
        external_training_id="remote-1", external_training_service="replicate",
    )  # fmt: skip
    page = bench.show()

    click(qtbot, ask(page, "look_again"))

    bench.until_state(run.id, RunState.QUEUED)
    assert bench.trainer.launched == []


def test_cancel_before_the_launch_charges_nothing(bench: Bench, qtbot: QtBot) -> None:
    bench.trainer.hold = True
    run = add_run(bench.stores, "Fox", RunState.PACKAGING)
    page = bench.show()
    bench.until_state(run.id, RunState.UPLOADING)

    click(qtbot, ask(page, "cancel"))
    assert "Nothing was charged" in page.detail.asks._question.text()
    click(qtbot, page.detail.asks.confirm_button)

    bench.until_state(run.id, RunState.CANCELLED)
    assert bench.trainer.launched == []


def test_question_is_dropped_when_another_run_is_selected(bench: Bench, qtbot: QtBot) -> None:
    add_run(bench.stores, "First", RunState.QUEUED)
    add_run(bench.stores, "Second", RunState.QUEUED)
    page = bench.show()
    click(qtbot, ask(page, "cancel"))

    qtbot.keyClick(page.list, Qt.Key.Key_Down)

    assert not page.detail.asks.confirm_button.isVisible()
    assert ask(page, "cancel").isVisible()


def test_try_again_says_its_price_and_starts_a_new_run(bench: Bench, qtbot: QtBot) -> None:
    old = add_run(
        bench.stores,
        "Fox",
        RunState.FAILED,
        failed_at=RunState.TRAINING,
        error="Out of memory",
        cost_usd=Decimal("0.45"),
    )
    bench.trainer.hold = True
    page = bench.show()
    assert page.detail.strip.words.text() == "Out of memory. Charged: $0.45."

    again = ask(page, "try_again")
    assert again.text() == "Try again for $2.10 to $3.40"
    click(qtbot, again)
    assert "is paid like any other" in page.detail.asks._question.text()
    assert page.focusWidget() is page.detail.asks.keep
    assert page.detail.asks.confirm_button.text() == again.text()
    assert len(bench.runs.runs()) == 1
    click(qtbot, page.detail.asks.confirm_button)

    qtbot.waitUntil(lambda: len(bench.runs.runs()) == 2)
    qtbot.waitUntil(lambda: page.list.selected() not in {"", old.id})
    assert page.detail.run_id == page.list.selected()


def test_look_now_asks_the_service_at_once(bench: Bench, qtbot: QtBot) -> None:
    add_run(bench.stores, "Fox", RunState.QUEUED)
    page = bench.show()
    qtbot.waitUntil(lambda: bench.trainer.polled == 1)
    run = bench.runs.runs()[0]
    held = bench.stores.runs.update(run.id, attention="Replicate cannot be reached.")
    bench.runs._keep(held)

    assert page.detail.strip.words.text() == "Replicate cannot be reached."
    click(qtbot, ask(page, "look_now"))

    qtbot.waitUntil(lambda: bench.trainer.polled == 2)
    qtbot.waitUntil(lambda: not page.detail.strip.isVisible())


def test_unpublished_lora_is_published_from_its_run(bench: Bench, qtbot: QtBot) -> None:
    add_lora(bench.stores, "lora", "Fox")
    waiting = "The LoRA is trained and safe here. It is not on the hub yet."
    add_run(bench.stores, "Fox", RunState.READY, lora_id="lora", attention=waiting)
    page = bench.show()
    assert page.detail.strip.words.text() == waiting

    click(qtbot, ask(page, "publish"))

    qtbot.waitUntil(lambda: "tester/fox" in bench.hub.repos)
    with qtbot.waitSignal(page.open_requested) as opened:
        qtbot.waitUntil(lambda: not page.detail.strip.isVisible())
        click(qtbot, ask(page, "open_on_hub"))
    assert opened.args == ["https://huggingface.co/tester/fox"]


def test_ready_run_leads_to_pictures_library_and_service(bench: Bench, qtbot: QtBot) -> None:
    publish(bench.stores, add_lora(bench.stores, "lora", "Fox"))
    add_run(bench.stores, "Fox", RunState.READY, lora_id="lora")
    page = bench.show()
    gone: list[tuple[str, object]] = []
    page.go.connect(lambda place, what: gone.append((place, what)))

    click(qtbot, ask(page, "make_pictures"))
    click(qtbot, ask(page, "show_in_library"))
    with qtbot.waitSignal(page.open_requested) as opened:
        click(qtbot, ask(page, "open_at_service"))

    assert gone == [("gallery", "lora"), ("library", "lora")]
    assert opened.args == ["https://replicate.com/p/remote-1"]


def test_finished_run_leaves_the_list_by_delete_and_an_open_one_stays(
    bench: Bench, qtbot: QtBot
) -> None:
    add_run(bench.stores, "Done", RunState.CANCELLED)
    add_run(bench.stores, "Going", RunState.QUEUED)
    page = bench.show()

    qtbot.keyClick(page.list, Qt.Key.Key_Delete)
    qtbot.keyClick(page.list, Qt.Key.Key_Down)
    qtbot.keyClick(page.list, Qt.Key.Key_Delete)

    assert [run.plan.name for run in bench.runs.runs()] == ["Going"]
    assert page.detail.name.text() == "Going"
    qtbot.waitUntil(lambda: [run.plan.name for run in bench.stores.runs.all()] == ["Going"])


def test_cover_is_the_first_photo_before_there_are_weights(bench: Bench, qtbot: QtBot) -> None:
    add_run(bench.stores, "Fox", RunState.QUEUED)
    page = bench.show()

    expected = bench.stores.files.photo_thumb("ab" * 32)
    qtbot.waitUntil(lambda: page.list.rows.row(0).cover == expected)


def test_everything_that_takes_keys_has_a_name(bench: Bench) -> None:
    add_run(bench.stores, "Fox", RunState.TRAINING)
    page = bench.show()
    page.detail.log.viewer.show()

    assert nameless(page) == []
