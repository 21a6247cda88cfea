"""Line icons, tinted in the colour of their place."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from fluxlora_desktop.system.places import resource
from fluxlora_desktop.ui.theme import color, tokens

SIZE = 20


def icon(name: str, tint: str = "text") -> QIcon:
    """Return an icon in a token's colour; the style greys it where its control is disabled."""
    return QIcon(pixmap(name, tint))


def pixmap(name: str, tint: str = "text", size: int = SIZE) -> QPixmap:
    """Return an icon as a pixmap, `size` logical pixels wide, sharp at the screen's scale."""
    screen = QApplication.primaryScreen()
    ratio = screen.devicePixelRatio() if screen else 1.0
    return _draw(name, color(tint).name(), size, ratio, tokens().window)


@lru_cache(maxsize=512)
def _draw(name: str, ink: str, size: int, ratio: float, _scheme: str) -> QPixmap:
    renderer = QSvgRenderer(QByteArray(_source(name)))
    drawn = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    renderer.render(painter, QRectF(0, 0, drawn.width(), drawn.height()))
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
    painter.fillRect(drawn.rect(), QColor(ink))
    painter.end()
    drawn.setDevicePixelRatio(ratio)
    return drawn


@lru_cache(maxsize=64)
def _source(name: str) -> bytes:
    return resource("icons", f"{name}.svg").read_bytes()
