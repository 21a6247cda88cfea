"""A password store that never answers holds up neither the end of the app nor its window."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fluxlora_desktop.app import Options, Session
from fluxlora_desktop.system import secret_store
from fluxlora_desktop.system.redaction import Redactor
from fluxlora_desktop.ui.theme import Theme
from tests.conftest import MemoryKeyring

WITHIN_MS = 15_000  # less than the store itself is waited for


class Standing(MemoryKeyring):
    """A store whose prompt nobody answers, until the test is over."""

    asked = threading.Event()
    over = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.asked.set()
        self.over.wait(120)
        return None


@pytest.fixture
def standing(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Standing]]:
    choose = secret_store.choose_secret_store

    def chosen(**options: object) -> object:
        return choose(candidates=[f"{__name__}:Standing"], **options)  # type: ignore[arg-type]

    monkeypatch.setattr(secret_store, "choose_secret_store", chosen)
    yield Standing
    Standing.over.set()


def test_app_ends_at_once_while_the_password_store_does_not_answer(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, standing: type[Standing]
) -> None:
    style, palette, sheet = qapp.style().objectName(), qapp.palette(), qapp.styleSheet()
    theme = Theme(qapp)
    session = Session(Options(data_dir=tmp_path), theme, Redactor())
    session.window.show()
    session.open()
    qtbot.waitUntil(standing.asked.is_set)
    assert session.window.isVisible() and session.jobs.live() == 1

    session.window.close()
    stopped = session.close(WITHIN_MS)

    assert stopped
    assert not standing.over.is_set(), "the store still stands"
    session.window.deleteLater()
    session.deleteLater()
    theme.deleteLater()
    qapp.setStyle(style)
    qapp.setPalette(palette)
    qapp.setStyleSheet(sheet)
