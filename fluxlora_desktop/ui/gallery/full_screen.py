"""A picture on the whole screen, and the words that may lie over it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.ui.gallery.words import facts_line
from fluxlora_desktop.ui.widgets import Card, label

_MARGIN = 24
_WIDEST = 520
_MOST_CHARACTERS = 600


class FullScreen(QWidget):
    """A window for one widget; `left()` when it is closed by other ways than the widget's."""

    left = Signal()

    def __init__(self, owner: QWidget) -> None:
        super().__init__(owner, Qt.WindowType.Window)
        self.setObjectName("gallery_full_screen")
        self.setWindowTitle("Picture")
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)

    def enter(self, content: QWidget) -> None:
        """Take a widget in and cover the screen that its window is on."""
        screen = content.window().screen()
        self._layout.addWidget(content)
        content.show()
        self.setGeometry(screen.geometry())
        self.showFullScreen()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Give the widget back instead: it belongs to the page."""
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
