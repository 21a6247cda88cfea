"""A picture on the whole screen, and the words that may lie over it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.ui.gallery.words import facts_line
from fluxlora_desktop.ui.widgets import Card, label

_MARGIN = 24
_WIDEST = 520
_MOST_CHARACTERS = 600


class FullScreen(QWidget):
    """A window over the whole screen for what a widget shows; `left()` when it is to be closed.

    The keys and actions of that widget work here too: `press` takes what nobody else does.
    """

    left = Signal()

    def __init__(
        self, place: QWidget, content: QWidget, press: Callable[[QKeyEvent], None]
    ) -> None:
        super().__init__(place.window(), Qt.WindowType.Window)
        self.setObjectName("gallery_full_screen")
        self.setWindowTitle("Picture")
        self._press = press
        self.addActions(place.actions())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(content)
        self.setGeometry(place.window().screen().geometry())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Hand keys on to the widget that is shown here."""
        self._press(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Let the widget take back what is its own first."""
        event.ignore()
        self.left.emit()


class Overlay(Card):
    """Which picture it is and what made it, at the lower left of a widget."""

    def __init__(self, over: QWidget) -> None:
        super().__init__(margin=14, spacing=6)
        self.setParent(over)
        self._over = over
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.place = label("", "strong")
        self.prompt = label("", wrap=True)
        self.facts = label("", "caption", wrap=True)
        for part in (self.place, self.prompt, self.facts):
            self.body.addWidget(part)
        self.hide()

    def show_picture(self, picture: Picture) -> None:
        """Say what made a picture."""
        text = " ".join(picture.prompt.split())
        cut = f"{text[: _MOST_CHARACTERS - 1].rstrip()}…" if len(text) > _MOST_CHARACTERS else text
        self.prompt.setText(cut)
        self.facts.setText(facts_line(picture))
        self.lie_down()

    def lie_down(self) -> None:
        """Lie at the lower left, as wide as there is room and as high as the words need."""
        over = self._over
        width = min(_WIDEST, over.width() - 2 * _MARGIN)
        if width <= 0:
            return
        inner = width - 28
        height = sum(_height_of(part, inner) for part in (self.place, self.prompt, self.facts))
        size = QSize(width, height + 28 + 12)
        self.setGeometry(_MARGIN, over.height() - size.height() - _MARGIN, *size.toTuple())


def _height_of(part: QLabel, width: int) -> int:
    return part.heightForWidth(width) if part.wordWrap() else part.sizeHint().height()
