"""The frame: first paint, places, notices that act, undo, geometry, looks, the run badge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain import errors as e
from fluxlora_desktop.domain.runs import Run, RunPlan, RunState
from fluxlora_desktop.ui.notices import BILLING_PAGES, STATUS_PAGES
from fluxlora_desktop.ui.page import Page
from fluxlora_desktop.ui.run_watch import RunWatch
from fluxlora_desktop.ui.sidebar import PLACES
from fluxlora_desktop.ui.theme import Scheme, Theme
from fluxlora_desktop.ui.undoable import Undoable
from fluxlora_desktop.ui.window import FIRST_SIZE, SMALLEST, MainWindow

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NAMES = tuple(name for name, _words, _symbol in PLACES)


class Room(Page):
    """A page that remembers what the window told it."""

    def __init__(self, name: str) -> None:
        super().__init__(name, name.capitalize())
        self.times_shown = 0
        self.arrivals: list[object] = []
        self.looks = 0
        self.field = QLineEdit()
        self.field.setAccessibleName("A field")
        self.body.addWidget(self.field)

    def shown(self) -> None:
        self.times_shown += 1

    def arrive(self, what: object) -> None:
        self.arrivals.append(what)

    def on_theme_changed(self) -> None:
        super().on_theme_changed()
        self.looks += 1


@dataclass
class Frame:
    """A window with rooms for pages, and the web pages that it opened."""

    window: MainWindow
    theme: Theme
    opened: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)

    def fill(self, first: str = "create") -> None:
        self.window.fill({name: partial(self._make, name) for name in NAMES}, first)

    def _make(self, name: str) -> Page:
        self.made.append(name)
        return Room(name)

    def room(self, name: str) -> Room:
        page = self.window.page(name)
        assert isinstance(page, Room)
        return page


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    style, palette, sheet = qapp.style().objectName(), qapp.palette(), qapp.styleSheet()
    made = Theme(qapp)
    made.apply(Scheme.LIGHT)
    yield made
    made.deleteLater()
    qapp.setStyle(style)
    qapp.setPalette(palette)
    qapp.setStyleSheet(sheet)


@pytest.fixture
def frame(qtbot: QtBot, theme: Theme) -> Frame:
    opened: list[str] = []
    window = MainWindow(theme=theme, practice=False, open_page=opened.append)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    return Frame(window, theme, opened)


def test_window_says_that_it_opens_the_library_before_the_pages_are_there(frame: Frame) -> None:
    assert frame.window.size().toTuple() == FIRST_SIZE
    assert frame.window.minimumSize().toTuple() == SMALLEST
    assert "Opening your library" in frame.window.stack.currentWidget().text()
    assert frame.window.place() == ""


def test_places_lead_nowhere_before_the_pages_are_there(frame: Frame, qtbot: QtBot) -> None:
    qtbot.mouseClick(frame.window.sidebar.buttons["gallery"], Qt.MouseButton.LeftButton)
    assert frame.window.place() == ""
    frame.window.say_not_open()
    assert "not open" in frame.window.stack.currentWidget().text()


def test_page_is_made_when_it_is_first_shown_and_kept(frame: Frame) -> None:
    frame.fill("create")
    assert frame.made == ["create"]
    frame.window.go_to("gallery")
    frame.window.go_to("create")
    frame.window.go_to("gallery")
    assert frame.made == ["create", "gallery"]
    assert frame.room("gallery").times_shown == 2


def test_first_page_that_is_gone_becomes_the_first_of_all(frame: Frame) -> None:
    frame.fill("a page of an older app")
    assert frame.window.place() == NAMES[0]


def test_every_place_is_a_click_away(frame: Frame, qtbot: QtBot) -> None:
    frame.fill()
    for name in reversed(NAMES):
        qtbot.mouseClick(frame.window.sidebar.buttons[name], Qt.MouseButton.LeftButton)
        assert frame.window.place() == name
        assert frame.window.stack.currentWidget() is frame.room(name)
        checked = [key for key, made in frame.window.sidebar.buttons.items() if made.isChecked()]
        assert checked == [name]
        assert frame.room(name).arrivals == []


def test_every_place_has_a_key(frame: Frame, qtbot: QtBot) -> None:
    frame.fill()
    frame.window.activateWindow()
    qtbot.waitUntil(frame.window.isActiveWindow)
    for place in (5, 1, 4, 2, 3):
        qtbot.keyClick(frame.window, str(place), Qt.KeyboardModifier.ControlModifier)
        qtbot.waitUntil(partial(stands_at, frame, NAMES[place - 1]))


def stands_at(frame: Frame, name: str) -> bool:
    return frame.window.place() == name


def test_page_sends_the_person_on_with_what_it_is_about(frame: Frame) -> None:
    frame.fill("runs")
    frame.room("runs").go.emit("gallery", "a Lora")
    assert frame.window.place() == "gallery"
    assert frame.room("gallery").arrivals == ["a Lora"]


def test_page_that_was_let_go_is_made_anew(frame: Frame) -> None:
    frame.fill("create")
    frame.window.go_to("runs")
    frame.window.forget_page("create")
    frame.window.go_to("create")
    assert frame.made == ["create", "runs", "create"]


def act(frame: Frame, qtbot: QtBot, error: Exception) -> None:
    frame.window.notices.show_error(error)
    qtbot.mouseClick(frame.window.notices.act, Qt.MouseButton.LeftButton)
    assert not frame.window.notices.isVisible()


def test_notice_about_a_token_leads_to_its_account(frame: Frame, qtbot: QtBot) -> None:
    frame.fill()
    act(frame, qtbot, e.TokenRejected("huggingface"))
    assert frame.window.place() == "settings"
    assert frame.room("settings").arrivals == ["huggingface"]


@pytest.mark.parametrize("service", sorted(BILLING_PAGES))
def test_notice_about_credit_opens_the_services_billing(
    frame: Frame, qtbot: QtBot, service: str
) -> None:
    frame.fill()
    act(frame, qtbot, e.PaymentRequired(service))
    assert frame.opened == [BILLING_PAGES[service]]


@pytest.mark.parametrize("service", sorted(STATUS_PAGES))
def test_notice_about_a_failing_service_opens_its_status_page(
    frame: Frame, qtbot: QtBot, service: str
) -> None:
    frame.fill()
    act(frame, qtbot, e.ServiceFailing(service, status=502))
    assert frame.opened == [STATUS_PAGES[service]]


def test_notice_about_a_gated_repo_opens_its_page(frame: Frame, qtbot: QtBot) -> None:
    frame.fill()
    act(frame, qtbot, e.AccessGated("huggingface", page="https://huggingface.co/a/b"))
    assert frame.opened == ["https://huggingface.co/a/b"]


def test_notice_about_a_lost_answer_leads_to_the_runs(frame: Frame, qtbot: QtBot) -> None:
    frame.fill()
    act(frame, qtbot, e.OutcomeUnknown("replicate"))
    assert frame.window.place() == "runs"


def test_notice_about_a_withdrawn_model_leads_to_pictures_by_the_next_route(
    frame: Frame, qtbot: QtBot
) -> None:
    frame.fill()
    route = e.NextRoute("replicate", "flux-dev", "Replicate", "FLUX.1-dev")
    act(frame, qtbot, e.ModelWithdrawn("together", "gone", instead=route))
    assert frame.window.place() == "gallery"
    assert frame.room("gallery").arrivals == [route]


@pytest.mark.parametrize("kind", [e.PaymentRequired, e.ServiceFailing, e.ModelWithdrawn])
def test_notice_about_a_server_of_ones_own_has_no_button_that_leads_nowhere(
    frame: Frame, kind: type[e.ServiceError]
) -> None:
    frame.fill()
    frame.window.notices.show_error(kind("own_pictures", "no"))
    assert not frame.window.notices.act.isVisible()


def test_notice_about_the_disk_opens_the_folder(frame: Frame, qtbot: QtBot) -> None:
    frame.fill()
    with qtbot.waitSignal(frame.window.reveal_requested) as asked:
        act(frame, qtbot, e.DiskFull(Path("library")))
    assert asked.args == [Path("library")]


def test_try_again_asks_for_what_failed_last(frame: Frame, qtbot: QtBot) -> None:
    with qtbot.waitSignal(frame.window.retry_requested):
        act(frame, qtbot, e.ServiceUnreachable("huggingface"))


def test_notice_can_be_closed(frame: Frame, qtbot: QtBot) -> None:
    frame.fill()
    frame.window.notices.show_error(e.AppError())
    frame.window.notices.clear()
    assert frame.window.notices.notice is None
    assert not frame.window.notices.isVisible()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:alert(1)", "http://example.com"])
def test_only_web_pages_are_opened(frame: Frame, url: str) -> None:
    frame.window.open_web_page(url)
    frame.window.open_web_page("https://huggingface.co/tester/fox")
    assert frame.opened == ["https://huggingface.co/tester/fox"]


def test_undo_bar_takes_back_once(frame: Frame, qtbot: QtBot) -> None:
    taken_back: list[str] = []
    bar = frame.window.undo_bar
    bar.offer(Undoable("Fox was moved to the trash.", partial(taken_back.append, "fox")))
    assert bar.isVisible()
    assert bar.words.text() == "Fox was moved to the trash."
    qtbot.mouseClick(bar.undo_button, Qt.MouseButton.LeftButton)
    assert not bar.isVisible()
    bar.undo()
    assert taken_back == ["fox"]


def test_undo_bar_goes_after_eight_seconds_and_the_menu_still_undoes(frame: Frame) -> None:
    taken_back: list[str] = []
    bar = frame.window.undo_bar
    bar.offer(Undoable("Fox was moved to the trash.", partial(taken_back.append, "fox")))
    timer = bar.findChild(QTimer)
    assert timer.interval() == 8000
    timer.timeout.emit()
    assert not bar.isVisible()
    frame.window.undo_action.trigger()
    assert taken_back == ["fox"]


def test_newest_offer_is_the_one_that_is_undone(frame: Frame) -> None:
    taken_back: list[str] = []
    bar = frame.window.undo_bar
    for name in ("fox", "mug"):
        bar.offer(Undoable(f"{name} was moved.", partial(taken_back.append, name)))
    bar.undo()
    assert taken_back == ["mug"]


class Step(QUndoCommand):
    """A step that keeps what happened to it."""

    def __init__(self, told: Callable[[str], None]) -> None:
        super().__init__("Step")
        self._told = told

    def redo(self) -> None:
        self._told("done")

    def undo(self) -> None:
        self._told("undone")


def test_menu_undoes_on_the_page_first(frame: Frame) -> None:
    told: list[str] = []
    frame.fill("create")
    stack = QUndoStack(frame.window)
    frame.room("create").undo_stack = stack
    stack.push(Step(told.append))
    frame.window.undo_bar.offer(Undoable("Fox was moved.", partial(told.append, "fox back")))
    frame.window.undo_action.trigger()
    frame.window.redo_action.trigger()
    frame.window.undo_action.trigger()
    frame.window.undo_action.trigger()
    assert told == ["done", "undone", "done", "undone", "fox back"]


def test_window_comes_back_as_it_was_left(frame: Frame, theme: Theme, qtbot: QtBot) -> None:
    frame.fill()
    frame.window.go_to("library")
    frame.window.resize(1100, 700)  # the width is more than this platform's screen has
    state = frame.window.state()
    assert state.place == "library"
    again = MainWindow(theme=theme, practice=False)
    qtbot.addWidget(again)
    again.restoreGeometry(state.geometry)
    again.show()
    assert again.height() == 700


def test_closing_is_said_before_the_window_goes(frame: Frame, qtbot: QtBot) -> None:
    with qtbot.waitSignal(frame.window.closing):
        frame.window.close_action.trigger()
    assert not frame.window.isVisible()


def test_other_look_reaches_frame_and_pages(frame: Frame) -> None:
    frame.fill("create")
    light = frame.window.grab().toImage()
    frame.theme.apply(Scheme.DARK)
    dark = frame.window.grab().toImage()
    assert frame.room("create").looks == 1
    corner = light.pixelColor(light.width() - 2, light.height() - 2)
    assert corner.lightness() > 200
    assert dark.pixelColor(dark.width() - 2, dark.height() - 2).lightness() < 60


def test_practice_is_said_and_can_be_left(theme: Theme, qtbot: QtBot) -> None:
    window = MainWindow(theme=theme, practice=True)
    qtbot.addWidget(window)
    window.show()
    assert "Practice" in window.windowTitle()
    assert window.sidebar.practice_label.isVisible()
    with qtbot.waitSignal(window.leave_practice_requested):
        qtbot.mouseClick(window.sidebar.leave, Qt.MouseButton.LeftButton)


class ListOfRuns(QObject):
    """Stands in for the runs desk: a list and its three signals."""

    listed = Signal()
    changed = Signal(object)
    ended = Signal(object)

    def __init__(self, *runs: Run) -> None:
        super().__init__()
        self.rows = list(runs)

    def runs(self) -> tuple[Run, ...]:
        return tuple(self.rows)


def a_run(state: RunState, **more: object) -> Run:
    run = Run("r1", "d1", state, RunPlan(name="Fox"), NOW, NOW)
    return replace(run, **more)


def test_badge_counts_runs_on_their_way(frame: Frame, qtbot: QtBot) -> None:
    frame.fill()
    sidebar = frame.window.sidebar
    desk = ListOfRuns(
        a_run(RunState.TRAINING, step=500, total=1000),
        a_run(RunState.QUEUED, id="r2"),
        a_run(RunState.READY, id="r3"),
        a_run(RunState.FAILED, id="r4"),
    )
    RunWatch(runs=desk, window=frame.window)
    assert not sidebar.badge.isVisible()
    desk.listed.emit()
    assert sidebar.badge.isVisible()
    assert sidebar.badge.text() == "2"
    assert sidebar.buttons["runs"].accessibleName() == "Runs, 2 on their way"
    assert sidebar.progress.value() == pytest.approx(510, abs=1)
    desk.rows = desk.rows[2:]
    desk.changed.emit(desk.rows[0])
    assert not sidebar.badge.isVisible()
    assert not sidebar.progress.isVisible()
    assert sidebar.buttons["runs"].accessibleName() == "Runs"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RunState.READY, "Fox is ready."),
        (RunState.FAILED, "Fox failed. Runs says why and what to do."),
        (RunState.CANCELLED, "Fox was cancelled."),
    ],
)
def test_end_of_a_run_is_said_on_other_pages(frame: Frame, state: RunState, words: str) -> None:
    frame.fill("gallery")
    desk = ListOfRuns()
    RunWatch(runs=desk, window=frame.window)
    desk.ended.emit(a_run(state))
    assert frame.window.notices.title.text() == words
    frame.window.notices.clear()


def test_failure_is_not_said_twice_on_the_runs_page(frame: Frame) -> None:
    frame.fill("runs")
    desk = ListOfRuns()
    RunWatch(runs=desk, window=frame.window)
    desk.ended.emit(a_run(RunState.FAILED))
    assert frame.window.notices.notice is None
