"""What a person sees of a widget's children."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

Kind = TypeVar("Kind", bound=QWidget)


def seen(root: QWidget, kind: type[Kind], name: str | None = None) -> list[Kind]:
    """Return the visible children of a kind, and of an object name where one is given.

    A layout shows a widget that it was given while it was on screen by an event of its own
    (`QLayout::addChildWidget`), so what waits in the queue is delivered first.
    """
    QCoreApplication.sendPostedEvents()
    return [one for one in root.findChildren(kind, name) if one.isVisible()]
