from __future__ import annotations

import gc
import threading
import weakref

import pytest
from PySide6.QtCore import QObject

from fluxlora_desktop.jobs.gc_guard import GcGuard


@pytest.fixture
def guard(qtbot):
    guard = GcGuard()
    yield guard
    guard.release()


class Knot(QObject):
    """An object in a reference cycle: only the collector can free it."""

    def __init__(self) -> None:
        super().__init__()
        self.itself = self


def test_worker_never_collects_what_the_gui_thread_owns(guard):
    freed_in: list[int] = []
    for _ in range(20):
        weakref.finalize(Knot(), lambda: freed_in.append(threading.get_ident()))

    def litter() -> None:
        keep = [[] for _ in range(200_000)]
        del keep

    worker = threading.Thread(target=litter)
    worker.start()
    worker.join()
    assert freed_in == []

    guard.collect_now()
    assert freed_in == [threading.get_ident()] * 20


def test_guard_gives_collection_back_when_released(qtbot):
    guard = GcGuard()
    assert not gc.isenabled()

    guard.release()
    assert gc.isenabled()


def test_what_the_start_made_is_set_aside_and_later_garbage_is_still_freed(guard):
    gone: list[str] = []
    guard._on_timeout()
    assert gc.get_freeze_count() > 1000

    weakref.finalize(Knot(), lambda: gone.append("young"))
    guard._on_timeout()
    assert gone == ["young"]

    old = Knot()
    weakref.finalize(old, lambda: gone.append("old"))
    for _ in range(3):
        guard._on_timeout()
    del old
    for _ in range(31):
        guard._on_timeout()
    assert gone == ["young", "old"]


def test_collecting_now_also_frees_what_was_set_aside(guard):
    gone: list[str] = []
    set_aside = Knot()
    weakref.finalize(set_aside, lambda: gone.append("freed"))
    guard._on_timeout()
    del set_aside
    guard._on_timeout()
    assert gone == []

    guard.collect_now()

    assert gone == ["freed"]
