from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.system.crash import FAULTS_FILE, CrashReporter
from fluxlora_desktop.system.redaction import Redactor

TOKEN = "a-token-of-some-length"


@pytest.fixture
def reporter(qtbot):
    redactor = Redactor()
    redactor.learn(Secret(TOKEN))
    return CrashReporter(redactor)


def report(reporter: CrashReporter, text: str) -> None:
    try:
        int(text)
    except ValueError as error:
        reporter.report(type(error), error, error.__traceback__)


def test_crash_in_a_worker_is_told_in_the_gui_thread_without_tokens(qtbot, reporter, capsys):
    heard: list[tuple[str, int]] = []
    reporter.crashed.connect(lambda text: heard.append((text, threading.get_ident())))
    worker = threading.Thread(target=report, args=(reporter, f"bad {TOKEN}"))
    worker.start()
    worker.join()
    assert heard == []
    qtbot.waitUntil(lambda: heard != [])

    text, thread = heard[0]
    assert "bad [hidden]" in text
    assert thread == threading.get_ident()
    assert TOKEN not in capsys.readouterr().err


def test_second_crash_waits_for_the_first_to_be_seen(qtbot, reporter, capsys):
    heard: list[str] = []
    reporter.crashed.connect(heard.append)
    report(reporter, "one")
    report(reporter, "two")
    qtbot.waitUntil(lambda: heard != [])
    assert "two" in capsys.readouterr().err

    reporter.shown()
    report(reporter, "three")
    qtbot.waitUntil(lambda: len(heard) == 2)
    assert "one" in heard[0] and "three" in heard[1]


PROGRAM = """
import resource, sys, threading
from pathlib import Path
from PySide6.QtCore import QCoreApplication, QTimer
from fluxlora_desktop.system.crash import CrashReporter
from fluxlora_desktop.system.redaction import Redactor
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
app = QCoreApplication([])
reporter = CrashReporter(Redactor())
reporter.install(Path(sys.argv[1]))
heard = []
def told(text):
    heard.append(text)
    reporter.shown()
    if len(heard) == 2:
        app.quit()
reporter.crashed.connect(told)
def slot(): raise ValueError("in a slot")
def body(): raise ValueError("in a thread")
QTimer.singleShot(0, slot)
threading.Thread(target=body).start()
app.exec()
print(resource.getrlimit(resource.RLIMIT_CORE)[0], sorted("thread" in t for t in heard))
if "fault" in sys.argv:
    import faulthandler
    faulthandler._sigsegv()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="core dumps are POSIX")
def test_installed_hooks_catch_slots_threads_and_hard_faults(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "logs"), "fault"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.stdout.strip() == "0 [False, True]", ended.stderr
    assert ended.returncode < 0
    faults = (tmp_path / "logs" / FAULTS_FILE).read_text()
    assert "Segmentation fault" in faults


def break_down(held: str) -> None:
    """Raise with something in a local that the error does not name."""
    raise ValueError("broke", len(held))


def test_reports_hold_no_locals_and_faults_are_their_owners_only(qtbot, tmp_path, reporter):
    reporter.install(tmp_path)
    heard: list[str] = []
    reporter.crashed.connect(heard.append)
    try:
        break_down("-".join(["words", "nobody", "knows"]))
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    qtbot.waitUntil(lambda: heard != [])
    reporter.uninstall()

    assert "break_down" in heard[0]
    assert "words-nobody-knows" not in heard[0]
    assert (tmp_path / FAULTS_FILE).stat().st_mode & 0o777 == 0o600


class Sinking:
    """Breaks where nobody can catch it, and shows a token when it is printed."""

    def __del__(self) -> None:
        raise ValueError(f"sank with {TOKEN}")

    def __repr__(self) -> str:
        return TOKEN


def test_what_breaks_while_it_is_thrown_away_is_logged_without_it(
    tmp_path, reporter, caplog, capsys
):
    reporter.install(tmp_path)
    sinking = Sinking()
    del sinking
    reporter.uninstall()

    assert "not raised" in caplog.text and "sank with [hidden]" in caplog.text
    assert TOKEN not in caplog.text + capsys.readouterr().err
