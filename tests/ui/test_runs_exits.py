"""No dead ends: every way in which a run can stand is shown, with its reason and its buttons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from desk_fixtures import add_lora, add_run, publish
from fakes import FakeHub, FakeTrainer, FolderTrash, WallClock, make_tools
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain import errors as e
from fluxlora_desktop.domain.loras import PublicationStatus
from fluxlora_desktop.domain.ports import Stores
from fluxlora_desktop.domain.runs import FINAL, Run, RunPlan, RunState
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.jobs.runner import LANES, JobRunner
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.ui.runs.actions import Around, next_step, offers_for
from fluxlora_desktop.ui.runs.exits import EXITS, Ask, Exit, exit_of
from fluxlora_desktop.ui.runs.page import RunsPage
from fluxlora_desktop.workflows import carry
from fluxlora_desktop.workflows.follow import wish_cancel
from tests.ui.seen import seen

_S = RunState
SHOWN = [state for state in RunState if state is not RunState.DRAFT]
NO_VERSION = {Ask.LOOK_IN_VERSION}
NO_TROUBLE = {Ask.BILLING, Ask.SETTINGS}


@dataclass(frozen=True)
class Example:
    """A run as `workflows` leave it behind, what a person reads, and what is not offered here."""

    says: str
    changes: dict[str, Any] = field(default_factory=dict)
    lora: bool = False
    publication: PublicationStatus | None = None
    wished: bool = False
    absent: frozenset[Ask] | set[Ask] = frozenset()


def failed(at: RunState, kind: str = "", error: str = "", **more: Any) -> dict[str, Any]:
    return {"failed_at": at, "error_kind": kind, "error": error, **more}


def never_launched(at: RunState, kind: str = "", error: str = "", **more: Any) -> dict[str, Any]:
    none = {"external_training_id": None, "external_training_service": None, "page": ""}
    return failed(at, kind, error, **none, **more)


def unpublished(kind: str = "", error: str = "") -> dict[str, Any]:
    return {
        "attention": "Trained, not yet on Hugging Face.",
        "huggingface_status": "failed",
        "error_kind": kind,
        "error": error,
    }


def held(words: str, kind: str = "") -> dict[str, Any]:
    return {"attention": words, "error_kind": kind}


TOKEN_WORDS = "Replicate no longer accepts the token. Costs run on."
REFUSED_WORDS = "The service does not accept the token. Nothing was sent so far."
FREE = {"price_low": Decimal(0), "price_high": Decimal(0), "cost_usd": Decimal(0)}
VERSION = {"output_version": "tester/fox:1"}
EXAMPLES: dict[str, Example] = {
    "packing: token": Example("does not accept the token", held(REFUSED_WORDS, "TokenRejected")),
    "uploading: token": Example("does not accept the token", held(REFUSED_WORDS, "TokenRejected")),
    "launching: token": Example("does not accept the token", held(REFUSED_WORDS, "TokenRejected")),
    "packing": Example("nothing was charged so far"),
    "uploading": Example("Nothing was charged yet"),
    "launching": Example("Waiting for the service's answer"),
    "in doubt: token": Example(
        "This run belongs to the Replicate account tester",
        held("This run belongs to the Replicate account tester.", "CredentialError"),
        absent={Ask.LET_IT_RUN},
    ),
    "in doubt": Example(
        "Nothing will be ordered twice",
        held("We sent the order at 14:02 and got no answer. Nothing will be ordered twice."),
        absent={Ask.LET_IT_RUN},
    ),
    "queued: token": Example("Costs run on", held(TOKEN_WORDS, "TokenRejected")),
    "queued: credit": Example("no credit", held("It has no credit.", "PaymentRequired")),
    "queued: waiting": Example("cannot be reached", held("Replicate cannot be reached.")),
    "queued: paused": Example("stays paused", {**FREE, "stage": "Paused"}),
    "queued: here": Example("graphics card is free", FREE),
    "queued": Example("It starts by itself"),
    "training: token": Example("Costs run on", held(TOKEN_WORDS, "TokenRejected")),
    "training: credit": Example("no credit", held("It has no credit.", "PaymentRequired")),
    "training: waiting": Example("cannot be reached", held("Replicate cannot be reached.")),
    "training: paused": Example("stays paused", {**FREE, "stage": "Paused"}),
    "training: here": Example("as long as the computer is awake", FREE),
    "training": Example("goes on at the service"),
    "fetching: token": Example("Replace it", held("Replace it.", "TokenRejected")),
    "fetching: disk": Example("needs 120 MB", held("It needs 120 MB, 3 MB free.", "DiskFull")),
    "fetching: waiting": Example("did not answer", held("Replicate did not answer.")),
    "fetching": Example("checked when they are here"),
    "publishing: waiting": Example("ready to use", held("It is ready to use."), lora=True),
    "publishing": Example("safe on this computer", lora=True),
    "ready: repo gone": Example(
        "no longer on the hub", lora=True, publication=PublicationStatus.MISSING
    ),
    "ready": Example("in your library", lora=True, publication=PublicationStatus.VERIFIED),
    "not on the hub: token": Example(
        "Hugging Face no longer accepts the token. Nothing was charged.",
        unpublished("TokenRejected", "huggingface"),
        lora=True,
    ),
    "not on the hub: no room": Example(
        "no room left in your account at Hugging Face",
        unpublished("QuotaReached", "Storage limit reached"),
        lora=True,
    ),
    "not on the hub: name": Example(
        "holds something else", unpublished("NameTaken", "you/fox holds something else"), lora=True
    ),
    "not on the hub": Example(
        "Trained, not yet on Hugging Face",
        unpublished("ServiceUnreachable", "no route"),
        lora=True,
    ),
    "ready, kept here": Example("in your library", lora=True),
    "launch not found": Example(
        "Replicate has no such training. Nothing was charged.",
        never_launched(_S.LAUNCHING, error="Replicate has no such training. Nothing was charged."),
    ),
    "price rose": Example(
        "Nothing was charged", never_launched(_S.PACKAGING, "PriceChanged", "The price rose")
    ),
    "over the limit": Example(
        "Nothing was sent. Nothing was charged.",
        never_launched(
            _S.PACKAGING,
            "LimitReached",
            "This would bring November to about $21.40; your limit is $20.00. Nothing was sent",
        ),
    ),
    "weights damaged": Example(
        "no usable numbers. Charged: $2.73.",
        failed(
            _S.COLLECTING,
            "WeightsError",
            "The weights failed the check: no usable numbers",
            cost_usd=Decimal("2.73"),
            **VERSION,
        ),
    ),
    "weights gone": Example(
        "no longer has the weights. The training was charged, nothing more is.",
        failed(
            _S.COLLECTING, "NotFoundAtService", "Replicate no longer has the weights", **VERSION
        ),
    ),
    "weights not here": Example(
        "answered in a form",
        failed(_S.COLLECTING, "UnexpectedReply", "content-range: x"),
        absent=NO_TROUBLE,
    ),
    "here: too little memory": Example(
        "has too little memory.",
        failed(_S.TRAINING, "OutOfGpuMemory", "The card has too little memory", **FREE),
    ),
    "here: terms": Example(
        "Accept the terms", failed(_S.TRAINING, "AccessGated", "Accept the terms", **FREE)
    ),
    "here: disk": Example(
        "What was trained so far is kept", failed(_S.TRAINING, "DiskFull", "It is full", **FREE)
    ),
    "failed here": Example("It stopped.", failed(_S.TRAINING, error="It stopped", **FREE)),
    "failed at the service": Example(
        "Out of memory. Charged: $0.45.",
        failed(_S.TRAINING, error="Out of memory", cost_usd=Decimal("0.45")),
    ),
    "no credit": Example(
        "The account at Replicate has no credit. Nothing was charged.",
        never_launched(_S.LAUNCHING, "PaymentRequired", "replicate"),
    ),
    "token refused": Example(
        "Replicate is not connected. Nothing was charged.",
        never_launched(_S.UPLOADING, "TokenMissing", "replicate"),
    ),
    "failed": Example(
        "needs 528 MB, 5 MB free. Nothing was charged.",
        never_launched(_S.PACKAGING, "DiskFull", "The disk is full: needs 528 MB, 5 MB free"),
    ),
    "cancelled here": Example("photos and captions are kept", FREE),
    "cancelled": Example(
        "not from here. It may have been charged.",
        {"error": "It was cancelled at Replicate, not from here."},
    ),
}
BY_KEY = {way.key: way for way in EXITS}


class WatchedRuns(RunDesk):
    """A runs desk that tells which of its methods were called."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.called: list[str] = []

    def cancel(self, run_id: str) -> None:
        self.called.append("cancel")
        super().cancel(run_id)

    def look_now(self, run_id: str) -> None:
        self.called.append("look_now")
        super().look_now(run_id)

    def look_again(self, run_id: str) -> None:
        self.called.append("look_again")
        super().look_again(run_id)

    def try_again(self, run_id: str) -> None:
        self.called.append("try_again")
        super().try_again(run_id)

    def pause(self, run_id: str) -> None:
        self.called.append("pause")

    def go_on(self, run_id: str) -> None:
        self.called.append("go_on")

    def wish_cancel(self, run_id: str, wanted: bool) -> None:
        self.called.append("wish_cancel")
        super().wish_cancel(run_id, wanted)

    def hide(self, run_id: str) -> None:
        self.called.append("hide")  # and no more: the page shall stay


class WatchedLoras(LoraDesk):
    """A library desk that tells what it was asked to publish, and sends nothing."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.published: list[str] = []

    def publish(self, lora_id: str, repo: str, visibility: Visibility) -> None:
        self.published.append(repo)


@dataclass
class Bench:
    """The page over a real library whose runs stand still: the lane that carries them is closed."""

    stores: Stores
    runs: WatchedRuns
    loras: WatchedLoras
    jobs: JobRunner
    qtbot: QtBot
    page: RunsPage | None = None

    def show(self) -> RunsPage:
        with self.qtbot.waitSignals([self.runs.listed, self.loras.listed]):
            self.loras.load()
            self.runs.load()
        self.page = RunsPage(runs=self.runs, loras=self.loras, jobs=self.jobs)
        self.qtbot.addWidget(self.page)
        self.page.resize(1000, 800)
        with self.qtbot.waitSignal(self.runs.details_ready):
            self.page.show()
            self.runs.load_details(self.page.list.selected())
        return self.page

    def add(self, state: RunState, example: Example) -> Run:
        if example.lora:
            lora = add_lora(self.stores, "lora", "Fox")
            if example.publication is not None:
                publish(self.stores, lora, status=example.publication)
        lora_id = "lora" if example.lora else None
        run = add_run(self.stores, "Fox", state, lora_id=lora_id, **example.changes)
        return wish_cancel(run.id, True, self.runs.tools) if example.wished else run


@pytest.fixture
def bench(tmp_path: Path, qtbot: QtBot) -> Iterator[Bench]:
    library = open_library(tmp_path / "library", clock=WallClock())
    jobs = JobRunner({**LANES, "training": 0})
    tools = make_tools(library.stores, trainer=FakeTrainer(can_pause=True), hub=FakeHub())
    runs = WatchedRuns(tools, jobs)
    loras = WatchedLoras(tools, jobs, FolderTrash(tmp_path / "trash"))
    yield Bench(library.stores, runs, loras, jobs, qtbot)
    assert jobs.shutdown(30_000)
    for thing in (runs, loras, jobs):
        thing.deleteLater()
    library.close()


def shown_text(page: RunsPage) -> str:
    return "\n".join(one.text() for one in seen(page, QLabel))


def shown_buttons(page: RunsPage) -> dict[str, QPushButton]:
    made = page.detail.findChildren(QPushButton)
    return {
        one.objectName().removeprefix("run_"): one
        for one in made
        if one.objectName().startswith("run_") and one.isVisible()
    }


def test_every_state_on_the_page_has_an_exit_whatever_else_is_true() -> None:
    for state in SHOWN:
        plain = [way for way in EXITS if way.state is state and way.when.__name__ == "_always"]
        assert plain, state
        assert [way for way in EXITS if way.state is state][-1] is plain[-1], state


@pytest.mark.parametrize("way", EXITS, ids=lambda way: way.key)
def test_every_exit_goes_on_by_itself_or_has_a_button(way: Exit) -> None:
    assert way.goes_on or way.asks
    if way.state in FINAL:
        assert not way.goes_on
        assert way.safe
        assert way.asks
    else:
        assert way.state in carry._STEPS, "what goes on by itself has a step"


def test_every_exit_has_an_example_and_no_other_is_made_up() -> None:
    assert list(EXAMPLES) == [way.key for way in EXITS]


@pytest.mark.parametrize("key", EXAMPLES)
def test_page_says_the_reason_and_offers_what_the_table_holds(bench: Bench, key: str) -> None:
    way, example = BY_KEY[key], EXAMPLES[key]
    run = bench.add(way.state, example)
    lora = bench.stores.loras.get("lora") if example.lora else None
    assert exit_of(run, lora) is way

    page = bench.show()

    text = shown_text(page)
    assert example.says in text
    for words in filter(None, (way.goes_on, way.safe)):
        assert words in text
    buttons = shown_buttons(page)
    wanted = {ask.value for ask in way.asks if ask not in example.absent}
    if not run.page:
        wanted.discard(Ask.OPEN_AT_SERVICE.value)
    assert wanted <= set(buttons)
    assert all(made.isEnabled() and made.text() for made in buttons.values())
    in_bar = [one for one in buttons.values() if page.detail.asks.isAncestorOf(one)]
    assert len(in_bar) <= 3, "one primary button and two others"
    assert sum(one.property("role") == "primary" for one in in_bar) <= 1


@pytest.mark.parametrize("key", EXAMPLES)
def test_every_button_does_something(bench: Bench, qtbot: QtBot, key: str) -> None:
    bench.add(BY_KEY[key].state, EXAMPLES[key])
    page = bench.show()
    happened: list[object] = []
    page.go.connect(lambda *what: happened.append(what))
    page.open_requested.connect(happened.append)
    page.lineage_requested.connect(happened.append)
    for name in list(shown_buttons(page)):
        happened.clear()
        bench.runs.called.clear()
        bench.loras.published.clear()
        QGuiApplication.clipboard().setText("")
        qtbot.waitUntil(lambda name=name: name in shown_buttons(page))

        qtbot.mouseClick(shown_buttons(page)[name], Qt.MouseButton.LeftButton)

        asked = page.detail.asks.confirm_button.isVisible()
        copied = QGuiApplication.clipboard().text()
        did = [*happened, *bench.runs.called, *bench.loras.published, copied]
        opened = seen(page, QDialog)
        assert asked or any(did) or opened, name
        for dialog in opened:
            dialog.reject()
        if asked:
            qtbot.mouseClick(page.detail.asks.keep, Qt.MouseButton.LeftButton)
        if name == "cancel_if_found":
            qtbot.waitUntil(lambda: "let_it_run" in shown_buttons(page))


def kinds_below(kind: type[e.AppError]) -> Iterator[str]:
    yield kind.__name__
    for child in kind.__subclasses__():
        if child.__module__ == e.__name__:
            yield from kinds_below(child)


KINDS = sorted(set(kinds_below(e.AppError)))


@pytest.mark.parametrize("part", range(4))
def test_every_error_that_ends_a_run_leaves_a_reason_and_a_way_on(bench: Bench, part: int) -> None:
    for number, kind in enumerate(KINDS[part::4]):
        for at in (_S.PACKAGING, _S.LAUNCHING, _S.TRAINING, _S.COLLECTING):
            started = at in {_S.TRAINING, _S.COLLECTING}
            changes = failed if started else never_launched
            name = f"{kind} while {at}"
            add_run(bench.stores, name, _S.FAILED, **changes(at, kind, "replicate"))
        lora = add_lora(bench.stores, f"lora{number}", "Fox")
        hub = unpublished(kind, "huggingface")
        add_run(bench.stores, f"{kind} when ready", _S.READY, lora_id=lora.id, **hub)
    page = bench.show()

    for run in bench.runs.runs():
        page.list.select(run.id)

        assert page.detail.run_id == run.id
        strip, buttons, name = page.detail.strip, shown_buttons(page), run.plan.name
        assert strip.isVisible(), name
        assert "charged" in strip.words.text().lower(), name
        assert "{" not in strip.words.text(), name
        assert "replicate." not in strip.words.text(), name
        main = [one for one in buttons.values() if page.detail.asks.isAncestorOf(one)]
        assert main, name


def test_price_stands_in_the_button_that_starts_a_training(bench: Bench) -> None:
    example = EXAMPLES["launch not found"]
    bench.add(_S.FAILED, example)

    assert shown_buttons(bench.show())["try_again"].text() == "Start now, $2.10 to $3.40"


def test_new_price_is_agreed_to_by_a_button_that_names_it(bench: Bench) -> None:
    bench.add(_S.FAILED, EXAMPLES["price rose"])

    assert shown_buttons(bench.show())["try_again"].text() == "Start for $2.10 to $3.40"


def test_wish_to_cancel_is_shown_and_can_be_taken_back(bench: Bench, qtbot: QtBot) -> None:
    run = bench.add(_S.UNKNOWN, EXAMPLES["in doubt"])
    page = bench.show()
    click = lambda name: qtbot.mouseClick(  # noqa: E731
        shown_buttons(page)[name], Qt.MouseButton.LeftButton
    )

    click("cancel_if_found")
    qtbot.waitUntil(lambda: "let_it_run" in shown_buttons(page))
    click("let_it_run")

    qtbot.waitUntil(lambda: "cancel_if_found" in shown_buttons(page))
    notes = [event.text for event in bench.stores.runs.events(run.id) if event.kind == "note"]
    assert len(notes) == 2


def test_another_name_is_asked_for_and_published_under(bench: Bench, qtbot: QtBot) -> None:
    bench.add(_S.READY, EXAMPLES["not on the hub: name"])
    page = bench.show()
    qtbot.mouseClick(shown_buttons(page)["choose_name"], Qt.MouseButton.LeftButton)

    qtbot.keyClicks(page.detail.asks.field, "other-fox")
    qtbot.keyClick(page.detail.asks.field, Qt.Key.Key_Return)

    assert bench.loras.published == ["other-fox"]


def test_trained_version_is_opened_where_its_weights_may_still_lie(
    bench: Bench, qtbot: QtBot
) -> None:
    bench.add(_S.FAILED, EXAMPLES["weights gone"])
    page = bench.show()

    with qtbot.waitSignal(page.open_requested) as opened:
        qtbot.mouseClick(shown_buttons(page)["look_in_version"], Qt.MouseButton.LeftButton)

    assert opened.args == ["https://replicate.com/tester/fox/versions/1"]


def test_report_names_the_trouble_and_where_it_was(bench: Bench, qtbot: QtBot) -> None:
    bench.add(_S.FAILED, EXAMPLES["weights damaged"])
    page = bench.show()
    qtbot.mouseClick(shown_buttons(page)["report"], Qt.MouseButton.LeftButton)

    report = QGuiApplication.clipboard().text()
    assert "Error: WeightsError The weights failed the check: no usable numbers" in report
    assert "Training: remote-1" in report


@pytest.mark.parametrize(("backend", "led"), [("local", True), ("aitoolkit", False)])
def test_training_of_a_checkout_is_not_led_to_the_engines_page(
    bench: Bench, backend: str, led: bool
) -> None:
    made = add_run(bench.stores, "Mug", _S.FAILED)
    changes = failed(_S.TRAINING, "OutOfGpuMemory", "The card has too little memory", **FREE)
    run = replace(made, plan=replace(made.plan, backend=backend), **changes)

    asks = {offer.ask for offer in offers_for(run, None, Around(can_resume=True))}

    assert (Ask.THIS_COMPUTER in asks) is led
    assert Ask.TRY_AGAIN in asks


def test_nothing_about_an_order_in_doubt_is_offered_while_a_word_is_checked() -> None:
    run = Run(
        "run",
        "dataset",
        _S.UNKNOWN,
        plan=RunPlan(name="Mug"),
        created_at=None,
        updated_at=None,  # type: ignore[arg-type]
    )

    offers = offers_for(run, None, Around(settling=True, runs_page="https://x.example/runs"))

    assert {offer.ask for offer in offers} == {Ask.OPEN_RUNS_PAGE}
    assert next_step(run)
