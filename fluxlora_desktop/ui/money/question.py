"""The question whether the monthly limit may be passed once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from decimal import Decimal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QDialog, QLineEdit, QWidget

from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.spending import Agreement, parse_limit
from fluxlora_desktop.ui.desks.base import Desk, OverLimit
from fluxlora_desktop.ui.desks.money import MoneyDesk
from fluxlora_desktop.ui.money.words import limit_text, question_words
from fluxlora_desktop.ui.widgets import Symbol, button, column, label, row
from fluxlora_desktop.ui.wording import usd

_WIDTH, _FIELD = 500, 120


class LimitDialog(QDialog):
    """Asks once; `agreed(Agreement)`, or `limit_chosen(Decimal or None)` for another limit."""

    agreed = Signal(object)
    limit_chosen = Signal(object)

    def __init__(self, asked: OverLimit, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("limit_question")
        self.setWindowTitle("Monthly limit")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._error = asked.error
        asks, says = question_words(asked.error)
        self.setAccessibleName(asks)
        self.asks = label(asks, "section", wrap=True)
        self.says = label(" ".join(filter(None, (says, asked.waits))), "muted", wrap=True)
        self.field = QLineEdit(limit_text(asked.error.limit))
        self.field.setAccessibleName("New monthly limit in dollars")
        self.field.setPlaceholderText("No limit")
        self.field.setFixedWidth(_FIELD)
        self.remark = label("", "danger", wrap=True)
        self.remark.hide()
        name = label("New monthly limit in $")
        name.setBuddy(self.field)
        self.save = button("Save and go on", self._on_save, role="primary")
        self._changing = QWidget()
        self._changing.setLayout(
            column(row(name, self.field, None, self.save), self.remark, spacing=8)
        )
        self._changing.hide()
        self.cancel = button("Cancel", self.reject)
        self.change = button("Change the limit", self._on_change)
        self.go_on = button("Go on this once", self._on_go_on, role="primary")
        self.field.returnPressed.connect(self._on_save)
        self._lay_out()

    def _lay_out(self) -> None:
        words = column(self.asks, self.says, spacing=8)
        head = row(column(Symbol("money", "warn", 24), None), words, spacing=16)
        head.setStretch(1, 1)
        self._buttons = row(None, self.cancel, self.change, self.go_on)
        self.setLayout(column(head, self._changing, self._buttons, spacing=16, margin=20))
        self.setMinimumWidth(_WIDTH)
        self.cancel.setDefault(True)  # Enter by mistake spends nothing
        self.cancel.setFocus()

    def _on_go_on(self) -> None:
        self.agreed.emit(Agreement(self._error.reach))
        self.accept()

    def _on_change(self) -> None:
        """Unfold the field; what goes on then is the limit's own yes."""
        self._changing.show()
        self.change.hide()
        self.go_on.hide()
        self.cancel.setDefault(False)
        self.save.setDefault(True)
        self.field.selectAll()
        self.field.setFocus()
        self.adjustSize()

    def _on_save(self) -> None:
        try:
            limit = parse_limit(self.field.text())
        except InputError as error:
            self._say(error.reason)
            return
        if limit is not None and limit < self._error.reach:
            self._say(f"It would still be passed: {usd(self._error.reach)} or more is needed.")
            return
        self.limit_chosen.emit(limit)
        self.accept()

    def _say(self, words: str) -> None:
        self.remark.setText(words)
        self.remark.show()
        self.field.setFocus()


class LimitAsker(QObject):
    """Asks for every desk, one question after the other; nobody's no is taken for a yes."""

    def __init__(self, *, desks: Iterable[Desk], money: MoneyDesk, window: QWidget) -> None:
        super().__init__(window)
        self._money, self._window = money, window
        self._waiting: deque[OverLimit] = deque()
        self.dialog: LimitDialog | None = None
        self._asked: OverLimit | None = None
        for desk in desks:
            desk.over_limit.connect(self._on_over_limit)

    def _on_over_limit(self, asked: OverLimit) -> None:
        self._waiting.append(asked)
        if self.dialog is None:
            self._ask_next()

    def _ask_next(self) -> None:
        if not self._waiting:
            return
        self._asked = self._waiting.popleft()
        self.dialog = LimitDialog(self._asked, self._window)
        self.dialog.agreed.connect(self._on_agreed)
        self.dialog.limit_chosen.connect(self._on_limit)
        self.dialog.finished.connect(self._on_finished)
        self.dialog.open()

    def _on_agreed(self, agreement: Agreement) -> None:
        assert self._asked is not None
        self._asked.go_on(agreement)

    def _on_limit(self, limit: Decimal | None) -> None:
        assert self._asked is not None
        self._money.set_limit(limit)
        self._asked.go_on(None)

    def _on_finished(self) -> None:
        self.dialog = self._asked = None
        self._ask_next()
