"""The sidebar: the five places, a badge and a line for running work, and where the app is."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QPushButton, QWidget

from fluxlora_desktop.ui.icons import icon, pixmap
from fluxlora_desktop.ui.theme import SIDEBAR_WIDTH
from fluxlora_desktop.ui.widgets import ProgressLine, Symbol, button, column, label, row

PLACES = (
    ("create", "Create", "create"),
    ("runs", "Runs", "runs"),
    ("library", "Library", "library"),
    ("gallery", "Gallery", "gallery"),
    ("settings", "Settings", "settings"),
)


class Sidebar(QFrame):
    """`chosen(str)` with the name of a place; `leave_practice_requested()`."""

    chosen = Signal(str)
    leave_practice_requested = Signal()

    def __init__(self, *, practice: bool) -> None:
        super().__init__()
        self.setProperty("role", "sidebar")
        self.setFixedWidth(SIDEBAR_WIDTH)
        self.setAccessibleName("Places")
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self.buttons: dict[str, QPushButton] = {}
        self.badge = label("", "badge")
        self.badge.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.badge.setFixedHeight(18)
        self.badge.hide()
        self.progress = ProgressLine("Progress of the running trainings")
        self.progress.hide()
        parts: list[QWidget | int | None] = [label("FluxLoRA", "section"), 12]
        for place, (name, words, symbol) in enumerate(PLACES):
            parts.append(self._make_button(place, name, words, symbol))
            if name == "runs":
                parts.append(self.progress)
        parts.append(None)
        self._practice = practice
        if practice:
            self._practice_mark = Symbol("practice", "accent_text", 18)
            self.practice_label = label("Practice", "strong")
            self.leave = button("Use real accounts", role="link")
            self.leave.clicked.connect(self.leave_practice_requested)
        outer = column(*parts, spacing=2, margin=12)
        if practice:
            outer.addLayout(row(self._practice_mark, self.practice_label, None, spacing=6))
            outer.addWidget(label("Nothing leaves this computer.", "caption", wrap=True))
            outer.addWidget(self.leave)
        self.setLayout(outer)

    def _make_button(self, place: int, name: str, words: str, symbol: str) -> QPushButton:
        made = QPushButton(words)
        made.setProperty("role", "nav")
        made.setCheckable(True)
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        made.setIcon(icon(symbol))
        made.setIconSize(QSize(18, 18))
        made.setObjectName(f"nav_{name}")
        made.setShortcut(f"Ctrl+{place + 1}")
        made.setToolTip(f"{words} (Ctrl+{place + 1})")
        made.setAccessibleName(words)
        made.clicked.connect(lambda _checked=False, n=name: self.chosen.emit(n))
        if name == "runs":
            made.setLayout(row(None, self.badge, margin=0))
            made.layout().setContentsMargins(0, 0, 8, 0)  # type: ignore[union-attr] # set a line above
        self._group.addButton(made)
        self.buttons[name] = made
        return made

    def show_place(self, name: str) -> None:
        """Mark the place in front; none for a page that is not in the sidebar."""
        self._group.setExclusive(False)
        for key, made in self.buttons.items():
            made.setChecked(key == name)
        self._group.setExclusive(True)
        self.retint()

    def show_runs(self, count: int, share: float | None) -> None:
        """Show how many runs are on their way, and how far the farthest is."""
        self.badge.setVisible(count > 0)
        self.badge.setText(str(count))
        runs = self.buttons["runs"]
        runs.setAccessibleName(f"Runs, {count} on their way" if count else "Runs")
        self.progress.setVisible(count > 0)
        if count:
            self.progress.show_share(share)

    def retint(self) -> None:
        """Draw the icons in the look in force."""
        for name, _words, symbol in PLACES:
            made = self.buttons[name]
            made.setIcon(icon(symbol, "accent_text" if made.isChecked() else "text"))
        if self._practice:
            self._practice_mark.setPixmap(pixmap("practice", "accent_text", 18))
