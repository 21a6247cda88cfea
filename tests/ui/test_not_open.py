"""A library that does not open says why, what is safe, and offers one way; nothing is deleted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from fluxlora_desktop.app import Options, Session
from fluxlora_desktop.domain import errors as e
from fluxlora_desktop.domain.library import Backup, BackupKind, Remark, RemarkKind, TakenIn
from fluxlora_desktop.domain.runs import RunPlan
from fluxlora_desktop.store.backups import back_up
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.system.redaction import Redactor
from fluxlora_desktop.system.settings import Settings
from fluxlora_desktop.ui.bars import NoticeBar
from fluxlora_desktop.ui.not_open import NotOpenPage, Way, trouble_for
from fluxlora_desktop.ui.remarks import notice_of_taken, tell_opening
from fluxlora_desktop.ui.theme import Theme
from tests.store.conftest import SteppingClock
from tests.workflows.conftest import write_lora

FOLDER = Path("/home/anna/library")
BACKUP = Backup(
    FOLDER / "backups" / "daily.db", datetime(2026, 11, 25, 9, 12, tzinfo=UTC), BackupKind.DAILY
)
TROUBLES = (
    (e.DamagedLibrary(FOLDER / "library.db", "malformed"), BACKUP, Way.RESTORE),
    (e.DamagedLibrary(FOLDER / "library.db", "malformed"), None, Way.ANEW),
    (e.DamagedLibrary(FOLDER / "library.db", "library.db is missing"), None, Way.ANEW),
    (e.NewerLibrary(FOLDER / "library.db", found="0009", known="0002"), None, Way.RETRY),
    (e.AccessDenied(FOLDER, "Read-only file system"), None, Way.RETRY),
    (e.DiskFull(FOLDER, needed=3_000_000, free=1000), None, Way.RETRY),
    (e.LibraryBusy(FOLDER), None, Way.RETRY),
    (e.UnsettledRequests(FOLDER, 2), None, Way.RETRY),
    (e.StorageError(FOLDER, "disk I/O error"), None, Way.RETRY),
    (e.SecretStoreLocked("SecretService"), None, Way.RETRY),
)


def words(page: NotOpenPage) -> str:
    return "\n".join(found.text() for found in page.findChildren(QLabel))


@pytest.mark.parametrize(("error", "backup", "way"), TROUBLES, ids=lambda it: type(it).__name__)
def test_every_trouble_has_words_a_way_and_details(
    qtbot: QtBot, error: e.AppError, backup: Backup | None, way: Way
) -> None:
    trouble = trouble_for(error, FOLDER, backup)
    page = NotOpenPage(trouble)
    qtbot.addWidget(page)
    chosen: list[object] = []
    page.chosen.connect(chosen.append)

    qtbot.mouseClick(page.act, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(page.copy, Qt.MouseButton.LeftButton)

    assert chosen == [way]
    assert trouble.title.endswith(".")
    assert trouble.says
    assert trouble.says.endswith(".")
    details = QGuiApplication.clipboard().text()
    assert type(error).__name__ in details
    assert str(FOLDER) in details


def test_damage_names_the_backup_and_what_is_safe(qtbot: QtBot) -> None:
    page = NotOpenPage(trouble_for(TROUBLES[0][0], FOLDER, BACKUP))
    qtbot.addWidget(page)
    at = BACKUP.at.astimezone().strftime("%Y-%m-%d %H:%M")

    assert page.act.text() == f"Restore the backup of {at}"
    assert "Nothing was deleted" in words(page)
    assert "looked for at their service" in words(page)
    assert "put aside" in words(page)


def test_newer_library_names_both_revisions_and_the_ways_out(qtbot: QtBot) -> None:
    page = NotOpenPage(trouble_for(TROUBLES[3][0], FOLDER))
    qtbot.addWidget(page)

    for part in ("0009", "0002", "Update the app", "--data-dir", "Nothing in it was changed"):
        assert part in words(page)


def test_full_disk_says_how_much_is_needed_and_free(qtbot: QtBot) -> None:
    page = NotOpenPage(trouble_for(TROUBLES[5][0], FOLDER))
    qtbot.addWidget(page)

    assert "3.0 MB are needed, 1 KB are free" in words(page)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A library with a named draft, a backup of it, and weights that no row knows."""
    data = tmp_path / "data"
    clock = SteppingClock()
    with closing(open_library(data, clock=clock)) as library:
        stores = library.stores
        stores.runs.create(stores.datasets.create().id, RunPlan(name="Kept in the backup"))
        back_up(data / "library.db", clock=clock)
    weights = data / "loras" / "found" / "lora.safetensors"
    weights.parent.mkdir(parents=True)
    write_lora(weights)
    return data


@pytest.fixture
def opened(qtbot: QtBot, folder: Path, theme: Theme) -> Iterator[Session]:
    session = Session(Options(data_dir=folder), theme, Redactor())
    qtbot.addWidget(session.window)
    session.window.show()
    yield session
    assert session.close()
    session.deleteLater()


def damage(folder: Path) -> bytes:
    path = folder / "library.db"
    data = path.read_bytes()[:4096] + b"\xa5" * 40_000
    path.write_bytes(data)
    return data


def page_of(qtbot: QtBot, session: Session) -> NotOpenPage:
    def is_shown() -> bool:
        return isinstance(session.window.stack.currentWidget(), NotOpenPage)

    qtbot.waitUntil(is_shown)
    page = session.window.stack.currentWidget()
    assert isinstance(page, NotOpenPage)
    return page


def test_click_restores_the_backup_and_the_files_come_back(
    qtbot: QtBot, folder: Path, opened: Session
) -> None:
    data = damage(folder)
    opened.open()
    page = page_of(qtbot, opened)
    assert page.act.text().startswith("Restore the backup of ")

    with qtbot.waitSignal(opened.ready):
        qtbot.mouseClick(page.act, Qt.MouseButton.LeftButton)

    stores = opened.opened.tools.stores
    assert [draft.plan.name for draft in stores.runs.drafts()] == ["Kept in the backup"]
    assert [lora.id for lora in stores.loras.all()] == ["found"]
    assert "1 LoRA was taken in" in opened.window.notices.body.text()
    (aside,) = folder.glob("library.damaged-*.db")
    assert aside.read_bytes() == data
    assert not (folder / "library.take-in").exists()


def test_without_a_backup_a_new_library_begins_with_the_files(
    qtbot: QtBot, folder: Path, opened: Session
) -> None:
    for backup in (folder / "backups").iterdir():
        backup.unlink()
    data = damage(folder)
    opened.open()
    page = page_of(qtbot, opened)
    assert page.act.text() == "Start a new library"

    with qtbot.waitSignal(opened.ready):
        qtbot.mouseClick(page.act, Qt.MouseButton.LeftButton)

    assert [lora.id for lora in opened.opened.tools.stores.loras.all()] == ["found"]
    (aside,) = folder.glob("library.damaged-*.db")
    assert aside.read_bytes() == data


def test_repair_that_fails_keeps_the_page_and_the_damaged_library(
    qtbot: QtBot, folder: Path, opened: Session
) -> None:
    data = damage(folder)
    opened.open()
    page = page_of(qtbot, opened)
    for backup in (folder / "backups").iterdir():
        backup.unlink()

    qtbot.mouseClick(page.act, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: opened.window.notices.notice is not None)

    assert page.act.isEnabled()
    assert (folder / "library.db").read_bytes() == data


def test_library_that_is_free_again_opens_by_try_again(
    qtbot: QtBot, folder: Path, opened: Session
) -> None:
    holder = open_library(folder, clock=SteppingClock())
    opened.open()
    page = page_of(qtbot, opened)
    assert "Another program" in words(page)
    holder.close()

    with qtbot.waitSignal(opened.ready):
        qtbot.mouseClick(page.act, Qt.MouseButton.LeftButton)


def test_newer_library_is_left_byte_for_byte_by_the_whole_app(
    qtbot: QtBot, folder: Path, opened: Session
) -> None:
    import sqlite3

    path = folder / "library.db"
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()

    opened.open()
    page = page_of(qtbot, opened)

    assert "newer version" in words(page)
    assert path.read_bytes() == before
    assert list(folder.glob("library.db-*")) == []


def test_where_the_library_lies_is_told_once(qtbot: QtBot, tmp_path: Path) -> None:
    bar, settings = NoticeBar(), Settings(file=tmp_path / "settings.ini")
    qtbot.addWidget(bar)
    remarks = (Remark(RemarkKind.SYNCED, "Dropbox"),)

    tell_opening(bar, settings, remarks, None)
    assert "Dropbox" in bar.title.text()
    bar.clear()
    tell_opening(bar, settings, remarks, None)

    assert bar.notice is None


def test_failed_backup_is_told_every_time_and_first(qtbot: QtBot, tmp_path: Path) -> None:
    bar, settings = NoticeBar(), Settings(file=tmp_path / "settings.ini")
    qtbot.addWidget(bar)
    remarks = (Remark(RemarkKind.NETWORK, "nfs4"), Remark(RemarkKind.BACKUP_FAILED, "no room"))

    for network in (True, False):
        tell_opening(bar, settings, remarks, None)
        assert bar.title.text() == "Today's backup of your library was not made."
        assert ("network drive" in bar.body.text()) is network


@pytest.mark.parametrize(
    ("taken", "says"),
    [
        (TakenIn(), "Every file was known to it."),
        (TakenIn(loras=1), "1 LoRA was taken in from the folder."),
        (
            TakenIn(photos=2, loras=3, pictures=40, left_out=("x",)),
            "3 LoRAs, 40 pictures, 2 photos were taken in from the folder. "
            "1 file could not be used and stayed there.",
        ),
    ],
)
def test_what_came_back_is_told_in_numbers(taken: TakenIn, says: str) -> None:
    assert notice_of_taken(taken).body == says
