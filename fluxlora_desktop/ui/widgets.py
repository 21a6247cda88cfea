"""Small pieces that all pages are made of."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from fluxlora_desktop.ui.icons import icon, pixmap
from fluxlora_desktop.ui.theme import color

_RING, _RING_IN, _RING_ROUND = 2, 5.0, 6.0


def label(text: str = "", role: str = "", *, wrap: bool = False) -> QLabel:
    """Return a label; texts from outside are shown as plain text, never as HTML."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    if role:
        made.setProperty("role", role)
    if wrap:
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)  # else a layout asks only after the label's next change
        made.setSizePolicy(policy)
    return made


def set_role(widget: QWidget, role: str) -> None:
    """Give a widget another role and let the style sheet see it."""
    set_mark(widget, "role", role)


def set_mark(widget: QWidget, name: str, value: object) -> None:
    """Set a property that the style sheet reads; nothing is repainted when it is set already."""
    if widget.property(name) == value:
        return
    widget.setProperty(name, value)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def button(
    text: str, clicked: Callable[[], object] | None = None, *, role: str = "", symbol: str = ""
) -> QPushButton:
    """Return a push button; `role` is primary, quiet, link, danger or none."""
    made = QPushButton(text)
    if role:
        made.setProperty("role", role)
    if symbol:
        made.setProperty("symbol", symbol)
        made.setIcon(icon(symbol, "on_accent" if role == "primary" else "text"))
        made.setIconSize(QSize(18, 18))
    if clicked is not None:
        made.clicked.connect(lambda: clicked())  # noqa: PLW0108 - drops Qt's `checked`
    return made


def icon_button(symbol: str, says: str, clicked: Callable[[], object] | None = None) -> QToolButton:
    """Return a button that is only an icon; `says` is its tooltip and accessible name."""
    made = QToolButton()
    made.setIcon(icon(symbol))
    made.setIconSize(QSize(18, 18))
    made.setProperty("symbol", symbol)
    made.setToolTip(says)
    made.setAccessibleName(says)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    if clicked is not None:
        made.clicked.connect(lambda: clicked())  # noqa: PLW0108 - drops Qt's `checked`
    return made


def retint(root: QWidget) -> None:
    """Draw the icons below a widget again after the look changed."""
    for made in root.findChildren(QPushButton):
        symbol = made.property("symbol")
        if symbol:
            tint = "on_accent" if made.property("role") == "primary" else "text"
            made.setIcon(icon(symbol, tint))
    for tool in root.findChildren(QToolButton):
        symbol = tool.property("symbol")
        if symbol:
            tool.setIcon(icon(symbol))
    for mark in root.findChildren(Symbol):
        mark.redraw()


class Symbol(QLabel):
    """An icon that stands for itself, beside words that say the same."""

    def __init__(self, name: str, tint: str = "muted", size: int = 20) -> None:
        super().__init__()
        self._name, self._tint, self._size = name, tint, size
        self.redraw()

    def show_symbol(self, name: str, tint: str) -> None:
        """Show another icon or tint."""
        if (name, tint) != (self._name, self._tint):
            self._name, self._tint = name, tint
            self.redraw()

    def redraw(self) -> None:
        """Draw the icon in the look in force."""
        self.setPixmap(pixmap(self._name, self._tint, self._size))


class Card(QFrame):
    """A surface with an edge; `body` is its layout."""

    def __init__(self, *, margin: int = 16, spacing: int = 12) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(margin, margin, margin, margin)
        self.body.setSpacing(spacing)


def inset(box: QAbstractSpinBox) -> None:
    """Give a number field the inset of other fields, which Qt leaves out of styled spin boxes."""
    edit = box.lineEdit()
    if edit is not None:
        edit.setTextMargins(8, 0, 0, 0)


def line() -> QFrame:
    """Return a thin line between two parts."""
    made = QFrame()
    made.setProperty("role", "line")
    return made


def row(*parts: QWidget | QLayout | int | None, spacing: int = 8, margin: int = 0) -> QHBoxLayout:
    """Return a horizontal layout; a number is a gap in pixels, None takes the room that is left."""
    made = QHBoxLayout()
    _fill(made, parts, spacing, margin)
    return made


def column(
    *parts: QWidget | QLayout | int | None, spacing: int = 8, margin: int = 0
) -> QVBoxLayout:
    """Return a vertical layout; a number is a gap in pixels, None takes the room that is left."""
    made = QVBoxLayout()
    _fill(made, parts, spacing, margin)
    return made


def _fill(
    layout: QHBoxLayout | QVBoxLayout,
    parts: tuple[QWidget | QLayout | int | None, ...],
    spacing: int,
    margin: int,
) -> None:
    layout.setSpacing(spacing)
    layout.setContentsMargins(margin, margin, margin, margin)
    for part in parts:
        if part is None:
            layout.addStretch(1)
        elif isinstance(part, int):
            layout.addSpacing(part)
        elif isinstance(part, QLayout):
            layout.addLayout(part)
        else:
            layout.addWidget(part)


def clear(layout: QLayout) -> None:
    """Take everything out of a layout and let it go."""
    while layout.count():
        item = layout.takeAt(0)
        if item is None:
            return
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
        elif inner is not None:
            clear(inner)


def takers(part: QWidget) -> list[QWidget]:
    """Return what Tab reaches inside of a part, in the order in which it was made.

    The list that a choice opens is a window of its own.
    """
    window = part.window()
    return [
        child
        for child in part.findChildren(QWidget)
        if child.focusPolicy() & Qt.FocusPolicy.TabFocus
        and child.focusProxy() is None
        and child.window() is window
    ]


def follow(before: QWidget, part: QWidget) -> QWidget:
    """Let Tab come from a widget to what is inside a part, and on from there; return its last.

    What is made later than the rest of a page is reached last of all otherwise.
    """
    for taker in takers(part):
        QWidget.setTabOrder(before, taker)
        before = taker
    return before


class EmptyState(QWidget):
    """What a list shows while it is empty: an icon, one sentence, one or more buttons."""

    def __init__(self, symbol: str, says: str, *buttons: QPushButton, hint: str = "") -> None:
        super().__init__()
        mark = Symbol(symbol, "muted", 40)
        mark.setAlignment(Qt.AlignmentFlag.AlignCenter)
        words = label(says, "section", wrap=True)
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        parts: list[QWidget | QLayout | int | None] = [None, mark, 4, words]
        if hint:
            small = label(hint, "muted", wrap=True)
            small.setAlignment(Qt.AlignmentFlag.AlignCenter)
            parts.append(small)
        parts += [8, row(None, *buttons, None), None]
        self.setLayout(column(*parts, spacing=8, margin=24))


class ProgressLine(QProgressBar):
    """A thin line of progress; `show_share(None)` while the end is not known."""

    def __init__(self, says: str) -> None:
        super().__init__()
        self.setTextVisible(False)
        self.setFixedHeight(4)
        self.setAccessibleName(says)
        self.show_share(0.0)

    def show_share(self, share: float | None) -> None:
        """Show a share from 0 to 1, or that something goes on."""
        if share is None:
            self.setRange(0, 0)
            return
        self.setRange(0, 1000)
        self.setValue(round(max(0.0, min(1.0, share)) * 1000))


class ChoiceCard(QFrame):
    """A large choice with a title and one line; by mouse, Space or Enter. `body` is its layout."""

    chosen = Signal()

    def __init__(self, title: str, says: str) -> None:
        super().__init__()
        self.setProperty("role", "choice")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(f"{title}. {says}")
        self.title = label(title, "section", wrap=True)
        self.body = column(self.title, label(says, "muted", wrap=True), None, spacing=4, margin=14)
        self.setLayout(self.body)

    def set_chosen(self, chosen: bool) -> None:
        """Mark this choice as the one taken, or not."""
        set_mark(self, "chosen", "true" if chosen else "false")
        state = "chosen" if chosen else "not chosen"
        self.setAccessibleDescription(state)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint a ring inside the frame of the choice that is taken while it has the keyboard."""
        super().paintEvent(event)
        if self.hasFocus() and self.property("chosen") == "true":
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(color("accent"), _RING))
            inside = QRectF(self.rect()).adjusted(_RING_IN, _RING_IN, -_RING_IN, -_RING_IN)
            painter.drawRoundedRect(inside, _RING_ROUND, _RING_ROUND)
            painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose by mouse."""
        self.chosen.emit()
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Choose by Space or Enter."""
        if event.key() in {Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.chosen.emit()
        else:
            super().keyPressEvent(event)
