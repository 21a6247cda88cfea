"""This computer: what it can train, its engine, its base models."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QStackedWidget

from fluxlora_desktop.domain.engine import BaseFiles, EngineState, EngineStep, ThisComputer
from fluxlora_desktop.domain.services import service_title
from fluxlora_desktop.ui.computer.engine_card import EngineCard
from fluxlora_desktop.ui.computer.models_card import ChooseModel, ModelsCard, choose_model
from fluxlora_desktop.ui.computer.verdict import VerdictCard
from fluxlora_desktop.ui.desks.accounts import AccountDesk, AccountState, AccountStatus
from fluxlora_desktop.ui.desks.computer import ComputerDesk
from fluxlora_desktop.ui.page import Page
from fluxlora_desktop.ui.scrolling import scrolling
from fluxlora_desktop.ui.shortcuts import Group, describe
from fluxlora_desktop.ui.widgets import EmptyState, button, column

_WIDEST = 860
_HINT = "Train and make pictures on your own GPU: no account at a service, no upload, no price."
_PRACTICE = (
    "Practice trains on practice servers of its own. With your real accounts this page says what "
    "your GPU can train and sets it up."
)


class ComputerPage(Page):
    """Shows what the desk sees.

    `open_requested(str)` for a web page, `reveal_requested(Path)` for a file,
    `leave_practice_requested()`.
    """

    under = "settings"
    open_requested = Signal(str)
    reveal_requested = Signal(object)
    leave_practice_requested = Signal()

    def __init__(
        self,
        *,
        computer: ComputerDesk,
        accounts: AccountDesk,
        choose: ChooseModel = choose_model,
    ) -> None:
        super().__init__("computer", "This computer")
        self._desk, self._accounts = computer, accounts
        self.hint.setText(_HINT)
        self.verdict, self.engine = VerdictCard(), EngineCard()
        self._hub = computer.tools.services.hub.key
        self.models = ModelsCard(hub=service_title(self._hub), choose=choose)
        self._lay_out()
        self._join()
        if computer.seen is not None:
            self._show(computer.seen)
        if computer.step is not None:
            self._on_working(computer.step)

    def _lay_out(self) -> None:
        back = button("Back to Settings", self._on_back, role="quiet", symbol="chevron-left")
        self.look_button = button("Look again", self._desk.look, role="quiet", symbol="refresh")
        self.look_button.setVisible(self._desk.engine is not None)
        self.header.addWidget(self.look_button)
        self.header.addWidget(back)
        leave = button("Use real accounts", self.leave_practice_requested.emit)
        says = "This page works outside practice."
        self.practice = EmptyState("practice", says, leave, hint=_PRACTICE)
        again = QShortcut(QKeySequence(Qt.Key.Key_F5), self)
        again.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        again.activated.connect(self._desk.look)
        describe(again, "Look at this computer again", Group.FIND)
        self.loading = EmptyState("clock", "Looking at this computer")
        self.failed = EmptyState(
            "error",
            "This computer could not be looked at.",
            button("Look again", self._desk.look),
        )
        self.area = scrolling(
            column(self.verdict, self.engine, self.models, None, spacing=16),
            "This computer",
            widest=_WIDEST,
        )
        self.states = QStackedWidget()
        for state in (self.practice, self.loading, self.failed, self.area):
            self.states.addWidget(state)
        self.states.setCurrentWidget(self.practice if self._desk.engine is None else self.loading)
        self.body.addWidget(self.states, 1)

    def _join(self) -> None:
        desk = self._desk
        desk.looked.connect(self._show)
        desk.silent.connect(self._on_silent)
        desk.working.connect(self._on_working)
        desk.rested.connect(self._on_rested)
        desk.trouble.connect(self._on_trouble)
        self.verdict.elsewhere_requested.connect(self._on_elsewhere)
        self.engine.install_requested.connect(desk.install)
        self.engine.remove_requested.connect(desk.remove)
        self.engine.check_requested.connect(desk.probe)
        self.engine.stop_requested.connect(self._on_stop)
        self.engine.open_requested.connect(self.open_requested)
        self.engine.reveal_requested.connect(self.reveal_requested)
        self.models.fetch_requested.connect(self._on_fetch_model)
        self.models.remove_requested.connect(self._on_remove_model)
        self.models.folder_chosen.connect(self._on_folder)
        self.models.forget_requested.connect(desk.forget_folder)
        self.models.open_requested.connect(self.open_requested)
        self.models.connect_requested.connect(self._on_connect)
        self._accounts.changed.connect(self._on_account)
        self._show_account(self._accounts.state(self._hub))

    def shown(self) -> None:
        """Look anew each time the page comes to the front."""
        self._desk.look()

    @Slot(object)
    def _show(self, seen: ThisComputer) -> None:
        self.verdict.show_computer(seen)
        self.engine.show_computer(seen)
        self.models.show_computer(seen)
        self.models.set_idle(not self._desk.busy)
        able = seen.advice.can
        self.engine.setVisible(able or seen.status.state is not EngineState.ABSENT)
        self.models.setVisible(able or any(files.disk_bytes for files in seen.bases))
        self.states.setCurrentWidget(self.area)

    @Slot(object)
    def _on_silent(self, error: object) -> None:
        if self._desk.seen is None:
            self.states.setCurrentWidget(self.failed)
        self._desk.failed.emit(error)

    @Slot(object)
    def _on_working(self, step: EngineStep) -> None:
        self.engine.show_step(step)
        self.models.set_idle(False)

    @Slot()
    def _on_rested(self) -> None:
        self.engine.show_rest()
        self.models.set_idle(True)

    @Slot(object)
    def _on_trouble(self, error: BaseException) -> None:
        """Show trouble in its place, and on the bar while another page is in front."""
        self.engine.show_trouble(error)
        self.area.ensureWidgetVisible(self.engine.failure)
        if not self.isVisible():
            self._desk.failed.emit(error)

    def _on_stop(self) -> None:
        self.engine.show_stopping()
        self._desk.stop()

    def _on_fetch_model(self, files: BaseFiles) -> None:
        self._desk.fetch_model(files.base.key, files.base.title)
        self.area.ensureWidgetVisible(self.engine.progress)

    def _on_remove_model(self, files: BaseFiles) -> None:
        self._desk.remove_model(files.base.key, files.base.title)

    def _on_folder(self, base: str, folder: Path) -> None:
        self._desk.choose_folder(base, folder)

    def _on_account(self, state: AccountState) -> None:
        if state.service == self._hub:
            self._show_account(state)

    def _show_account(self, state: AccountState) -> None:
        missing = state.status in (AccountStatus.NONE, AccountStatus.REJECTED)
        self.models.show_account(not missing)

    def _on_connect(self) -> None:
        self.go.emit("settings", self._hub)

    def _on_elsewhere(self) -> None:
        self.go.emit("create", None)

    def _on_back(self) -> None:
        self.go.emit("settings", None)
