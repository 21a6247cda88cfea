"""PySide6 6.12.0 on Python 3.11 drops a reference of None with every void call, then aborts."""

import sys

import pytest
from PySide6.QtCore import QObject


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal from Python 3.12 on")
def test_binding_keeps_references_of_none_over_void_calls() -> None:
    spare = [None] * 10_000  # a bad binding then fails here instead of aborting at once
    thing, before = QObject(), sys.getrefcount(None)

    for _ in range(1_000):
        thing.setObjectName("x")

    assert sys.getrefcount(None) - before > -100
    assert spare
