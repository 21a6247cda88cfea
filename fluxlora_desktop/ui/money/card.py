"""Spending in Settings: how the month stands, the limit, and the way to every charge."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QLineEdit

from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.spending import parse_limit
from fluxlora_desktop.ui.desks.money import MoneyDesk, Spending
from fluxlora_desktop.ui.money.words import limit_says, limit_text, standing_words
from fluxlora_desktop.ui.widgets import Card, ProgressLine, button, label, row, set_role
from fluxlora_desktop.ui.wording import usd

_FIELD = 120


class SpendingCard(Card):
    """`ledger_requested()` when every charge is to be shown."""

    ledger_requested = Signal()

    def __init__(self, *, money: MoneyDesk, practice: bool) -> None:
        super().__init__()
        self.setObjectName("spending")
        self._money, self._practice = money, practice
        self.body.addWidget(label("Spending", "section"))
        self.spent = label("", wrap=True)
        self.whole = label("", "muted", wrap=True)
        self.progress = ProgressLine("Spent this month, of the limit")
        self.progress.hide()
        self.field = QLineEdit(limit_text(money.limit))
        self.field.setObjectName("monthly_limit")
        self.field.setPlaceholderText("No limit")
        self.field.setAccessibleName("Monthly limit in dollars; empty for none")
        self.field.setFixedWidth(_FIELD)
        self.field.editingFinished.connect(self._on_limit)
        name = label("Monthly limit in $", "strong")
        name.setBuddy(self.field)
        self.remark = label("", "caption", wrap=True)
        self.all_charges = button("See every charge", self.ledger_requested.emit)
        self.body.addWidget(self.spent)
        self.body.addWidget(self.progress)
        self.body.addWidget(self.whole)
        self.body.addLayout(row(name, self.field, None, self.all_charges, spacing=12))
        self.body.addWidget(self.remark)
        money.spending_ready.connect(self._show)
        money.limit_changed.connect(self._on_limit_changed)

    @Slot(object)
    def _show(self, spending: Spending) -> None:
        now = spending.standing
        month, whole = standing_words(now, spending.whole)
        if self._practice:
            whole += " Practice money: nothing was really charged."
        self.spent.setText(month)
        self.whole.setText(whole)
        self.progress.setVisible(bool(now.limit))
        if now.limit:
            self.progress.show_share(float(now.reach / now.limit))
        self._say(limit_says(now), "warn" if now.limit and now.reach > now.limit else "caption")

    def _on_limit(self) -> None:
        """Keep what was typed, or say why not and leave it to be mended."""
        try:
            limit = parse_limit(self.field.text())
        except InputError as error:
            kept = "no limit" if self._money.limit is None else usd(self._money.limit)
            self._say(f"{error.reason} It stays at {kept}.", "danger")
            return
        if limit != self._money.limit:
            self._money.set_limit(limit)

    @Slot()
    def _on_limit_changed(self) -> None:
        self.field.setText(limit_text(self._money.limit))
        self._money.load()

    def _say(self, words: str, role: str) -> None:
        self.remark.setText(words)
        set_role(self.remark, role)
