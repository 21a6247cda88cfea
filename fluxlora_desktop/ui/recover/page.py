"""The Recover page: trainings of the accounts that the library does not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from fluxlora_desktop.domain.recovery import Origin, UnknownTraining
from fluxlora_desktop.ui.desks.recover import RecoverDesk, Wanted
from fluxlora_desktop.ui.page import Page
from fluxlora_desktop.ui.recover.row import LostRow
from fluxlora_desktop.ui.recover.words import ORIGINS, all_offline, partial_words, trouble_words
from fluxlora_desktop.ui.scrolling import scrolling
from fluxlora_desktop.ui.widgets import (
    Card,
    EmptyState,
    Symbol,
    button,
    clear,
    column,
    label,
    line,
    row,
)
from fluxlora_desktop.workflows.recover import Survey

_SAYS = (
    "Adopting a training fetches its weights and costs nothing. Its photos are not at the service."
)


class RecoverPage(Page):
    """Lists what the desk found, by who started it, and asks it to take some on."""

    under = "runs"

    def __init__(self, *, recover: RecoverDesk) -> None:
        super().__init__("recover", "Find lost trainings")
        self._desk = recover
        self._rows: dict[tuple[str, str], LostRow] = {}
        self.hint.setText(_SAYS)
        self.hint.setWordWrap(True)
        self._lay_out()
        recover.surveyed.connect(self._on_surveyed)
        self._on_surveyed()

    def _lay_out(self) -> None:
        self.again = button("Look again", self._desk.look, symbol="refresh")
        back = button("Back to Runs", self._on_back, symbol="chevron-left", role="quiet")
        self.header.addWidget(back)
        self.header.addWidget(self.again)
        self.loading = EmptyState("clock", "Asking your services for their trainings")
        self.empty = EmptyState(
            "check",
            "Every training of your accounts is in this library.",
            button("Back to Runs", self._on_back),
        )
        self.unconnected = EmptyState(
            "key",
            "No account that trains is connected.",
            button("Connect an account", self._on_settings, role="primary"),
            hint="Connect the account that a training was started with, then look again.",
        )
        self.offline = EmptyState(
            "globe",
            "There is no connection.",
            button("Try again", self._desk.look),
            hint="The trainings are safe at their services. Nothing was changed.",
        )
        self.failed = EmptyState(
            "error",
            "The trainings could not be listed.",
            button("Try again", self._desk.look),
            button("Open Settings", self._on_settings),
            hint="They are safe at their services, and nothing was changed.",
        )
        self._groups = column(spacing=16)
        inside = column(self._groups, None, spacing=0)
        self._card = Card()
        self._card.body.addWidget(scrolling(inside, "Lost trainings"))
        self.troubles = column(spacing=4)
        self.partial = label("", "caption", wrap=True)
        self.filled = self._card
        self.states = QStackedWidget()
        for state in self._all_states():
            self.states.addWidget(state)
        self.body.addLayout(self.troubles)
        self.body.addWidget(self.states, 1)
        self.body.addWidget(self.partial)

    def _all_states(self) -> Sequence[QWidget]:
        return (
            self.loading,
            self.empty,
            self.unconnected,
            self.offline,
            self.failed,
            self.filled,
        )

    def shown(self) -> None:
        """Ask anew each time the page comes to the front."""
        self._desk.look()

    @Slot()
    def _on_surveyed(self) -> None:
        survey = self._desk.survey
        self.again.setEnabled(not self._desk.looking)
        self._show_troubles(survey)
        if survey is not None:
            self._show_trainings(survey)
        self.partial.setText(partial_words(survey) if survey is not None else "")
        self.partial.setVisible(bool(self.partial.text()))
        self.states.setCurrentWidget(self._state_of(survey))

    def _state_of(self, survey: Survey | None) -> QWidget:
        if self._desk.trouble is not None:
            return self.failed
        if survey is None:
            return self.loading
        if survey.trainings:
            return self.filled
        if self._desk.looking:
            return self.loading
        if all_offline(survey):
            return self.offline
        if survey.troubles:
            return self.failed
        return self.empty if survey.asked else self.unconnected

    def _show_troubles(self, survey: Survey | None) -> None:
        clear(self.troubles)
        troubles = survey.troubles if survey is not None and not self._desk.looking else ()
        if survey is not None and all_offline(survey) and not survey.trainings:
            troubles = ()
        for service, error in troubles:
            words = label(trouble_words(service, error), wrap=True)
            said = row(Symbol("warning", "warn"), words, spacing=8)
            said.setStretch(1, 1)
            self.troubles.addLayout(said)

    def _show_trainings(self, survey: Survey) -> None:
        """Lay the rows out by who started them; a row that stays keeps what was typed in it."""
        keys = {one.key for one in survey.trainings}
        if keys != set(self._rows):
            self._lay_rows(survey.trainings)
        for key, made in self._rows.items():
            made.show_busy(key in self._desk.adopting)

    def _lay_rows(self, trainings: Sequence[UnknownTraining]) -> None:
        typed = {key: made.name.text() for key, made in self._rows.items()}
        self._rows.clear()
        clear(self._groups)
        for origin in Origin:
            group = [one for one in trainings if one.origin is origin]
            if group:
                self._groups.addLayout(self._group(origin, group, typed))

    def _group(
        self,
        origin: Origin,
        group: Sequence[UnknownTraining],
        typed: Mapping[tuple[str, str], str],
    ) -> QVBoxLayout:
        title, says = ORIGINS[origin]
        words = column(label(title, "section"), label(says, "muted", wrap=True), spacing=2)
        head = row(words, spacing=12)
        head.setStretch(0, 1)
        own = sum(one.adoptable for one in group) if origin is Origin.FORGOTTEN else 0
        if own > 1:
            head.addWidget(button("Adopt all of this library's", self._adopt_all))
        made = column(head, 4, spacing=4)
        for one in group:
            name = typed.get(one.key) or self._desk.proposed_name(one)
            lost = LostRow(one, name, self._desk.tools.services)
            lost.adopt_requested.connect(self._on_adopt)
            self._rows[one.key] = lost
            made.addWidget(line())
            made.addWidget(lost)
        return made

    @Slot(object)
    def _on_adopt(self, wanted: Wanted) -> None:
        self._desk.adopt([wanted])

    def _adopt_all(self) -> None:
        own = (made for made in self._rows.values() if made.unknown.origin is Origin.FORGOTTEN)
        self._desk.adopt([made.wanted() for made in own if made.unknown.adoptable])

    def _on_back(self) -> None:
        self.go.emit("runs", None)

    def _on_settings(self) -> None:
        self.go.emit("settings", None)
