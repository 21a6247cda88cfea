"""Guards of the window's tests: nothing that a test started outlives it."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QThread, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from fluxlora_desktop.ui.create import caption_dialogs, caption_list
from fluxlora_desktop.ui.create import page as create_page
from fluxlora_desktop.ui.desks import draft
from fluxlora_desktop.ui.gallery import filters
from fluxlora_desktop.ui.theme import Scheme, Theme


@pytest.fixture(scope="session", autouse=True)
def _collect_in_gui_thread_only() -> Iterator[None]:
    # An automatic collection on a worker destroys widgets there; the app has the same guard.
    gc.disable()
    yield
    gc.enable()


def living_things() -> dict[int, str]:
    """Return running threads, active timers and top-level widgets by address, in words."""
    found = {}
    for thing in shiboken6.getAllValidWrappers():
        if not isinstance(thing, QThread | QTimer):
            continue
        if isinstance(thing, QThread) and thing.isRunning() and thing != main_thread():
            found[address(thing)] = f"running thread {describe(thing)}"
        elif isinstance(thing, QTimer) and thing.isActive():
            found[address(thing)] = f"active timer {describe(thing)} ({thing.interval()} ms)"
    for widget in QApplication.topLevelWidgets():
        found[address(widget)] = f"top-level widget {describe(widget)}"
    return found


def main_thread() -> QThread | None:
    """Return the thread of the application object."""
    app = QCoreApplication.instance()
    return app.thread() if app else None


def address(thing: QObject) -> int:
    """Return the address of the C++ object: Python ids are used again too soon."""
    return int(shiboken6.getCppPointer(thing)[0])


def describe(thing: QObject) -> str:
    """Return class, object name and owner of an object."""
    parent = thing.parent()
    owner = f" of {describe(parent)}" if parent else ""
    return f"{type(thing).__name__} {thing.objectName()!r}{owner}"


_SOON_MS = 150


def settle() -> None:
    """Let deferred deletions happen and free what only a cycle keeps alive."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect(0)


@pytest.fixture(autouse=True)
def _leaves_nothing_behind() -> Iterator[None]:
    before = set(living_things())
    yield
    settle()
    left = {key: words for key, words in living_things().items() if key not in before}
    if left:
        gc.collect()
        settle()
        left = {key: words for key, words in living_things().items() if key in left}
    if left:  # what rings once and soon is no leftover
        QTest.qWait(_SOON_MS)
        left = {key: words for key, words in living_things().items() if key in left}
    if left:
        pytest.fail("the test left behind: " + "; ".join(left.values()))


@pytest.fixture(autouse=True)
def _quick_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    # The window lets things come to rest before it looks at them; a test rests at once.
    monkeypatch.setattr(draft, "_CHECK_MS", 10)
    monkeypatch.setattr(draft, "_CHECK_BUSY_MS", 40)
    monkeypatch.setattr(create_page, "_CALM_MS", 10)
    for module in (caption_dialogs, caption_list, filters):
        monkeypatch.setattr(module, "_PAUSE_MS", 10)


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    """Lend the light look; the application has its own back afterwards."""
    style, palette, sheet = qapp.style().objectName(), qapp.palette(), qapp.styleSheet()
    made = Theme(qapp)
    made.apply(Scheme.LIGHT)
    yield made
    made.deleteLater()
    qapp.setStyle(style)
    qapp.setPalette(palette)
    qapp.setStyleSheet(sheet)
