"""What happens to a bug: it is logged, told once, and nothing is lost."""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TextIO

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal, Slot

from fluxlora_desktop.system import public_log
from fluxlora_desktop.system.redaction import Redactor, plain_lines

if sys.platform != "win32":
    from resource import RLIMIT_CORE, setrlimit

FAULTS_FILE = "faults.txt"
_log = logging.getLogger(__name__)


class CrashReporter(QObject):
    """Catches what nothing else caught, in any thread, and tells it in the GUI thread.

    `crashed` carries a redacted report. While one is being shown, until `shown` is called, later
    ones go to the log and stderr only: a dialog that breaks must not open itself again.
    """

    crashed = Signal(str)
    _caught = Signal(str)

    def __init__(self, redactor: Redactor, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._redactor = redactor
        self._showing = False
        self._faults: TextIO | None = None
        self._caught.connect(self._on_caught, Qt.ConnectionType.QueuedConnection)

    def install(self, logs_dir: Path) -> None:
        """Take over Python's hooks, send hard faults to a file, write no core dumps.

        A core dump would hold the tokens.
        """
        with suppress(OSError):  # a folder that may not be written to: the hooks matter more
            logs_dir.mkdir(parents=True, exist_ok=True)
            self._faults = _own_file(logs_dir / FAULTS_FILE)
            faulthandler.enable(self._faults)
        forbid_core_dumps()
        sys.excepthook = self.report
        threading.excepthook = self._report_thread
        sys.unraisablehook = self._report_unraisable

    def uninstall(self) -> None:
        """Give the hooks back."""
        sys.excepthook = sys.__excepthook__
        threading.excepthook = threading.__excepthook__
        sys.unraisablehook = sys.__unraisablehook__
        faulthandler.disable()
        if self._faults is not None:
            self._faults.close()
            self._faults = None

    @Slot()
    def shown(self) -> None:
        """Say that the person has seen the report: the next one may be told."""
        self._showing = False

    def report(
        self,
        kind: type[BaseException],
        error: BaseException,
        trace: TracebackType | None,
    ) -> None:
        """Log and tell an exception; Control-C quits instead. Any thread may call."""
        if issubclass(kind, KeyboardInterrupt):
            QCoreApplication.quit()
            return
        text = self._redactor.redact("".join(traceback.format_exception(kind, error, trace)))
        _log.critical("not caught: %s", text, extra=public_log.failure(error, trace))
        if sys.stderr is not None:  # a windowed program on Windows has none
            sys.stderr.write(f"{plain_lines(text)}\n")
        self._caught.emit(text)

    def _report_thread(self, failure: threading.ExceptHookArgs) -> None:
        if failure.exc_value is not None and failure.exc_type is not SystemExit:
            self.report(failure.exc_type, failure.exc_value, failure.exc_traceback)

    def _report_unraisable(self, failure: sys.UnraisableHookArgs) -> None:
        """Log what broke where nobody can catch it, such as in `__del__`; its object is not shown.

        The object's repr may hold anything.
        """
        lines = traceback.format_exception(
            failure.exc_type, failure.exc_value, failure.exc_traceback
        )
        text = self._redactor.redact("".join(lines))
        error = failure.exc_value or failure.exc_type()
        _log.error("not raised: %s", text, extra=public_log.failure(error, failure.exc_traceback))

    @Slot(str)
    def _on_caught(self, text: str) -> None:
        if self._showing:
            return
        self._showing = True
        self.crashed.emit(text)


def forbid_core_dumps() -> None:
    """Let this process, and those it starts, leave no core dump; only POSIX has them."""
    if sys.platform != "win32":
        setrlimit(RLIMIT_CORE, (0, 0))


def _own_file(path: Path) -> TextIO:
    """Open a file that only its owner may read, to add to."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return os.fdopen(descriptor, "a", encoding="utf-8")
