"""The diagnostics dialog: all of the text is shown before it is copied or saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.work import JobContext
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.settings.diagnostics import DiagnosticsDialog, surface
from fluxlora_desktop.ui.theme import Theme

TEXT = "FluxLoRA Desktop\n  version 0.3"


@pytest.fixture
def jobs(qtbot: QtBot) -> Iterator[JobRunner]:
    owner = QObject()
    made = JobRunner(parent=owner)
    yield made
    assert made.shutdown(30_000)
    owner.deleteLater()


def gather(_ctx: JobContext) -> str:
    return TEXT


def break_down(_ctx: JobContext) -> str:
    raise OSError("secret words")


def opened(
    qtbot: QtBot,
    jobs: JobRunner,
    work: Callable[[JobContext], str] = gather,
    target: Path | None = None,
) -> DiagnosticsDialog:
    dialog = DiagnosticsDialog(
        jobs=jobs, gather=work, choose_file=lambda take: take(target) if target else None
    )
    qtbot.addWidget(dialog, before_close_func=lambda it: it.finished.disconnect())
    dialog.open()
    return dialog


def test_text_is_shown_whole_and_then_copied_as_shown(qtbot: QtBot, jobs: JobRunner) -> None:
    dialog = opened(qtbot, jobs)
    assert not dialog.copy_button.isEnabled() and not dialog.save_button.isEnabled()
    qtbot.waitUntil(dialog.copy_button.isEnabled)
    assert dialog.text.toPlainText() == TEXT
    assert dialog.text.isReadOnly()

    qtbot.mouseClick(dialog.copy_button, Qt.MouseButton.LeftButton)

    assert QGuiApplication.clipboard().text() == TEXT
    assert dialog.remark.text() == "Copied."


def test_text_is_saved_as_shown(qtbot: QtBot, jobs: JobRunner, tmp_path: Path) -> None:
    target = tmp_path / "mine.txt"
    dialog = opened(qtbot, jobs, target=target)
    qtbot.waitUntil(dialog.save_button.isEnabled)
    qtbot.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.remark.text() == "Saved as mine.txt.")

    assert target.read_text("utf-8") == TEXT


def test_file_that_cannot_be_written_is_told(qtbot: QtBot, jobs: JobRunner, tmp_path: Path) -> None:
    dialog = opened(qtbot, jobs, target=tmp_path / "no" / "mine.txt")
    qtbot.waitUntil(dialog.save_button.isEnabled)
    qtbot.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.remark.text().startswith("Not saved"))


def test_trouble_while_gathering_is_told_by_class(qtbot: QtBot, jobs: JobRunner) -> None:
    dialog = opened(qtbot, jobs, break_down)
    qtbot.waitUntil(lambda: dialog.remark.text() != "")

    assert dialog.remark.text() == "They could not be gathered: OSError."
    assert not dialog.copy_button.isEnabled()


def test_surface_tells_screens_and_look(qapp: QApplication) -> None:
    seen = surface(Theme(qapp), None)

    assert seen.platform == "offscreen"
    assert seen.screens and "scale" in seen.screens[0]
    assert seen.theme == "system, light"
    assert seen.accounts == {}
