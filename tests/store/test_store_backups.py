"""One checked copy a day, kept for a week and by weeks; what fails never keeps the app shut."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fluxlora_desktop.domain.errors import DamagedLibrary, StorageError
from fluxlora_desktop.domain.library import Backup, BackupKind, RemarkKind
from fluxlora_desktop.store import backups, upgrade
from fluxlora_desktop.store.backups import back_up, backups_of, keep_daily_backup, kept_of
from fluxlora_desktop.store.library import open_library
from tests.store.conftest import Shelf, SteppingClock

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday


def daily(day: int, hour: int = 9) -> Backup:
    at = (START + timedelta(days=day)).replace(hour=hour)
    return Backup(Path(f"{at:%Y%m%d%H}"), at, BackupKind.DAILY)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "backups").iterdir())


def test_library_is_backed_up_once_a_day_when_it_is_opened(shelf: Shelf) -> None:
    assert not (shelf.folder / "backups").exists()  # there was nothing to copy yet

    for day in (0, 0, 1, 1, 3):
        shelf.clock.at = START + timedelta(days=day, hours=8)
        shelf.reopen()

    days = [backup.at.day for backup in backups_of(shelf.folder / "library.db")]
    assert days == [26, 24, 23]


def test_backup_is_a_whole_library_with_all_its_rows(shelf: Shelf) -> None:
    run = shelf.draft()
    shelf.reopen()

    (backup,) = backups_of(shelf.folder / "library.db")
    with closing(sqlite3.connect(backup.path)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert raw.execute("SELECT id FROM runs").fetchall() == [(run.id,)]
    assert upgrade.read_revision(backup.path) == upgrade.HEAD
    assert names(shelf.folder) == [backup.path.name]


def test_backups_of_seven_days_and_four_weeks_are_kept() -> None:
    every_day = [daily(-day) for day in range(60)]

    kept = kept_of(every_day)

    assert [backup.at.date() for backup in kept[:7]] == [
        (START - timedelta(days=day)).date() for day in range(7)
    ]
    weeks = [backup.at.isocalendar()[1] for backup in kept[7:]]
    assert len(weeks) == 4
    assert len(set(weeks)) == 4
    assert all(backup.at < kept[6].at for backup in kept[7:])


def test_backups_that_are_older_than_a_month_stay_while_the_app_is_not_used() -> None:
    rare = [daily(-day) for day in (0, 90, 200, 400)]

    assert kept_of(rare) == tuple(rare)


def test_old_daily_backups_go_and_those_before_a_migration_stay(shelf: Shelf) -> None:
    path = shelf.folder / "library.db"
    old = back_up(path, clock=shelf.clock)
    for day in range(1, 60):
        shelf.clock.at = START + timedelta(days=day)
        assert keep_daily_backup(path, clock=shelf.clock) is None

    kept = backups_of(path)

    assert len([backup for backup in kept if backup.kind is BackupKind.DAILY]) == 7 + 4
    assert old in [backup.path for backup in kept]


def test_failing_backup_is_told_and_does_not_keep_the_library_shut(shelf: Shelf) -> None:
    shelf.library.close()
    (shelf.folder / "backups").write_bytes(b"a file where the folder should be")

    library = open_library(shelf.folder, clock=shelf.clock)

    try:
        (remark,) = library.remarks
        assert remark.kind is RemarkKind.BACKUP_FAILED
        assert remark.detail
        library.stores.datasets.create()
    finally:
        library.close()


def test_failing_backup_leaves_no_half_copy(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_raw: object, path: Path, _pragma: str) -> None:
        raise StorageError(path, "the copy is not whole")

    monkeypatch.setattr(backups, "require_sound", stop)
    path = shelf.folder / "library.db"

    assert isinstance(keep_daily_backup(path, clock=shelf.clock), StorageError)

    assert names(shelf.folder) == []


def test_damage_that_the_copy_shows_is_told_as_the_librarys(shelf: Shelf) -> None:
    for _ in range(60):
        shelf.draft()
    shelf.library.close()
    path = shelf.folder / "library.db"
    with closing(sqlite3.connect(path)) as raw:
        page = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'runs'").fetchone()[0]
        size = raw.execute("PRAGMA page_size").fetchone()[0]
    data = bytearray(path.read_bytes())
    data[(page - 1) * size : page * size] = b"\xa5" * size
    path.write_bytes(data)

    with pytest.raises(DamagedLibrary):
        keep_daily_backup(path, clock=SteppingClock())

    assert path.read_bytes() == bytes(data)


def test_other_files_in_the_folder_are_no_backups_and_stay(shelf: Shelf) -> None:
    shelf.reopen()
    stranger = shelf.folder / "backups" / "my own copy.db"
    stranger.write_bytes(b"mine")
    (shelf.folder / "backups" / "daily-20269999T000000.db").write_bytes(b"no such day")

    assert len(backups_of(shelf.folder / "library.db")) == 1
    backups.remove_old(shelf.folder / "library.db")
    assert stranger.read_bytes() == b"mine"
