"""The real session ends the program that makes pictures here, in the middle of one."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from painting_room import PaintingRoom, is_gone
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fluxlora_desktop.app import Options, Session
from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.system.clock import SystemClock
from fluxlora_desktop.system.redaction import Redactor
from fluxlora_desktop.ui.theme import Theme


def open_with(session: Session, room: PaintingRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open a session with the generator of this computer among its services."""
    go_on = session._on_opened

    def on_opened(opened: Any) -> None:
        services = replace(
            opened.tools.services,
            generators=(room.generator, *opened.tools.services.generators),
            at_close=(room.generator.close,),
        )
        go_on(replace(opened, tools=replace(opened.tools, services=services)))

    monkeypatch.setattr(session, "_on_opened", on_opened)
    session.open()


def test_closed_app_leaves_no_program_and_the_pictures_wait_for_the_next_start(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    style, palette, sheet = qapp.style().objectName(), qapp.palette(), qapp.styleSheet()
    room = PaintingRoom(tmp_path / "studio")
    theme = Theme(qapp)
    session = Session(Options(data_dir=tmp_path / "data"), theme, Redactor())
    with qtbot.waitSignal(session.ready):
        open_with(session, room, monkeypatch)
    room.fail("silent")
    session.desks.pictures.make(room.request(loras=(), count=2))
    qtbot.waitUntil(lambda: len(room.orders()) == 1)

    session.window.close()
    assert session.close(30_000)

    assert is_gone(room.orders()[0]["pid"])
    with closing(open_library(tmp_path / "data", clock=SystemClock())) as library:
        pictures = library.stores.pictures
        kept = pictures.page(pictures.ids())
        assert [picture.state for picture in kept] == [PictureState.WAITING] * 2
        assert library.stores.ledger.charges() == ()
    session.window.deleteLater()
    session.deleteLater()
    theme.deleteLater()
    qapp.setStyle(style)
    qapp.setPalette(palette)
    qapp.setStyleSheet(sheet)
