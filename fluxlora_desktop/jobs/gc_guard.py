"""Keep the garbage collector in the GUI thread, and short.

An automatic collection may run in any thread; one that ran in a worker destroyed 50 of 50 widgets
that stood in reference cycles, in that thread. A full one also takes 150 ms or more once the app's
150,000 objects are loaded, with every thread waiting: they are set aside, since they stay.
"""

from __future__ import annotations

import gc
import time
from typing import Final

from PySide6.QtCore import QObject, QTimer, Slot

INTERVAL_MS: Final = 10_000
_ALL_EACH: Final = 30
"""Every so many times all that is not set aside is collected: each five minutes."""
_LONGEST_S: Final = 0.01


class GcGuard(QObject):
    """Switch automatic collection off and collect young garbage every ten seconds instead.

    Make it in the GUI thread. `release` gives collection back, as a test needs it.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._beats = 0
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._on_timeout)
        gc.disable()
        self._timer.start()

    @Slot()
    def collect_now(self) -> None:
        """Collect everything, also what was set aside: when a whole window went."""
        gc.unfreeze()
        gc.collect()
        gc.freeze()

    def settle(self) -> None:
        """Set aside what is there: it stays, and is looked at no more."""
        gc.freeze()

    def release(self) -> None:
        """Stop the timer and let Python collect by itself again."""
        self._timer.stop()
        gc.unfreeze()
        gc.enable()

    @Slot()
    def _on_timeout(self) -> None:
        if self._beats == 0:
            self.settle()
        self._beats += 1
        began = time.perf_counter()
        gc.collect(2 if self._beats % _ALL_EACH == 0 else 1)
        if time.perf_counter() - began > _LONGEST_S:
            gc.freeze()  # what survived is long-lived, such as a page that was opened since
