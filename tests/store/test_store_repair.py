"""A damaged library works again, nothing is deleted, and nothing is paid for twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from fluxlora_desktop.domain.errors import CorruptFile, DamagedLibrary, LibraryBusy
from fluxlora_desktop.domain.journal import Answered, Sending
from fluxlora_desktop.domain.money import Certainty
from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.domain.runs import EffectKind, RunState
from fluxlora_desktop.store import repair
from fluxlora_desktop.store.backups import back_up
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.store.repair import FolderCare, find_library_id, is_good, is_to_look
from tests.store.conftest import Shelf, SteppingClock, photo
from tests.store.test_store_pictures import picture

ROOT = Path(__file__).parents[2]
ON_THE_WAY = (RunState.PACKAGING, RunState.UPLOADING, RunState.LAUNCHING)


class Ruin:
    """A library with a backup, more work after it, and then damage."""

    def __init__(self, shelf: Shelf, before: Callable[[Shelf], object] = lambda shelf: None):
        self.shelf, self.folder = shelf, shelf.folder
        self.path = shelf.folder / "library.db"
        shelf.stores.datasets.put_photo(photo("a"))
        before(shelf)
        self.nonce = shelf.stores.runs.plan_effect(
            EffectKind.TRAINING, "someone", "replicate", None
        ).nonce
        self.care = FolderCare(data_dir=shelf.folder, clock=shelf.clock)
        back_up(self.path, clock=shelf.clock)
        shelf.stores.datasets.put_photo(photo("b"))
        shelf.library.close()

    def damage(self, *, whole: bool = False) -> bytes:
        data = bytearray(self.path.read_bytes())
        start = 0 if whole else 4096
        data[start:] = b"\xa5" * (len(data) - start)
        self.path.write_bytes(data)
        return bytes(data)

    def open(self) -> Shelf:
        self.shelf.library = open_library(self.folder, clock=self.shelf.clock)
        return self.shelf


@pytest.fixture
def ruin(shelf: Shelf) -> Ruin:
    return Ruin(shelf)


def test_damaged_library_does_not_open_and_stays_as_it_is(ruin: Ruin) -> None:
    data = ruin.damage()

    with pytest.raises(DamagedLibrary):
        open_library(ruin.folder, clock=SteppingClock())

    assert ruin.path.read_bytes() == data


def test_restoring_puts_the_damaged_database_aside_and_the_backup_in_its_place(ruin: Ruin) -> None:
    data = ruin.damage()
    (ruin.folder / "library.db-journal").write_bytes(b"its journal")
    backup = ruin.care.newest_backup()
    assert backup is not None

    aside = ruin.care.restore(backup)

    assert aside is not None
    assert aside.name.startswith("library.damaged-")
    assert aside.read_bytes() == data
    assert aside.with_name(aside.name + "-journal").read_bytes() == b"its journal"
    assert not (ruin.folder / "library.db-journal").exists()
    stores = ruin.open().stores
    assert stores.datasets.photo("a" * 64) is not None
    assert stores.datasets.photo("b" * 64) is None
    assert is_to_look(ruin.folder)


def test_newest_backup_that_is_whole_is_offered(ruin: Ruin) -> None:
    good = ruin.care.newest_backup()
    for name, content in (
        ("daily-20271124T090000.db", b"no database"),
        ("daily-20271125T090000.db", b""),
    ):
        (ruin.folder / "backups" / name).write_bytes(content)
    newer = ruin.folder / "backups" / "daily-20271126T090000.db"
    newer.write_bytes(ruin.path.read_bytes())
    with closing(sqlite3.connect(newer)) as raw, raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")

    assert ruin.care.newest_backup() == good
    assert not is_good(newer)


def test_backup_dated_ahead_by_a_wrong_clock_comes_last(ruin: Ruin) -> None:
    good = ruin.care.newest_backup()
    assert good is not None
    ahead = ruin.folder / "backups" / "daily-20371126T090000.db"
    ahead.write_bytes(good.path.read_bytes())

    assert ruin.care.newest_backup() == good
    good.path.unlink()
    left = ruin.care.newest_backup()
    assert left is not None
    assert left.path == ahead


def test_second_repair_keeps_the_first_damaged_database_too(ruin: Ruin) -> None:
    ruin.shelf.clock.now = lambda: datetime(2026, 11, 24, tzinfo=UTC)
    backup = ruin.care.newest_backup()
    assert backup is not None
    kept = []
    for _ in range(3):
        kept.append(ruin.damage())
        ruin.care.restore(backup)

    damaged = sorted(ruin.folder.glob("library.damaged-*.db"))
    assert sorted(path.read_bytes() for path in damaged) == sorted(kept)


def test_without_a_backup_a_new_library_begins_and_keeps_the_id(ruin: Ruin) -> None:
    data = ruin.damage()
    ruin.path.write_bytes(data[:5000] + ruin.nonce.encode() + data[5000:])

    aside = ruin.care.start_anew()

    assert aside is not None
    assert aside.exists()
    after = ruin.open().stores.runs.plan_effect(EffectKind.PICTURE, "x", "replicate", None).nonce
    assert after[:17] == ruin.nonce[:17]


def test_library_id_is_found_in_its_row_in_its_marks_or_not_at_all(
    ruin: Ruin, tmp_path: Path
) -> None:
    assert find_library_id(ruin.path) == ruin.nonce[9:17]
    torn = tmp_path / "torn.db"
    edge = (1 << 20) - 10  # the mark lies across two pieces of the reading
    torn.write_bytes(b"\0" * edge + ruin.nonce.encode() + b"\0" * 100)
    assert find_library_id(torn) == ruin.nonce[9:17]
    torn.write_bytes(b"\0" * 100)
    assert find_library_id(torn) == ""
    assert find_library_id(tmp_path / "none.db") == ""


def test_missing_database_beside_files_is_damage_and_not_an_empty_library(ruin: Ruin) -> None:
    ruin.path.unlink()

    with pytest.raises(DamagedLibrary, match="missing"):
        open_library(ruin.folder, clock=SteppingClock())

    assert not ruin.path.exists()
    backup = ruin.care.newest_backup()
    assert backup is not None
    assert ruin.care.restore(backup) is None
    assert ruin.open().stores.datasets.photo("a" * 64) is not None


def test_repair_of_a_library_that_is_open_is_refused(ruin: Ruin) -> None:
    backup = ruin.care.newest_backup()
    assert backup is not None
    ruin.open()
    before = ruin.path.read_bytes()

    with pytest.raises(LibraryBusy):
        ruin.care.restore(backup)

    assert ruin.path.read_bytes() == before


@pytest.mark.parametrize("state", ON_THE_WAY)
def test_restored_run_that_was_about_to_be_launched_waits_for_a_click(
    shelf: Shelf, state: RunState
) -> None:
    runs = []

    def begin(shelf: Shelf) -> None:
        run = shelf.draft()
        for step in ON_THE_WAY[: ON_THE_WAY.index(state) + 1]:
            shelf.stores.runs.advance(run.id, step)
        runs.append(run.id)

    ruin = Ruin(shelf, begin)
    ruin.damage()
    backup = ruin.care.newest_backup()
    assert backup is not None
    ruin.care.restore(backup)

    stores = ruin.open().stores.runs
    run = stores.get(runs[0])
    assert (run.state, run.failed_at) == (RunState.FAILED, state)
    assert "may have been started since" in run.error
    assert stores.open_runs() == ()
    assert stores.events(run.id)[-1].text == "failed"


def test_restored_launch_that_was_sent_is_looked_for_by_its_mark(shelf: Shelf) -> None:
    runs = []

    def begin(shelf: Shelf) -> None:
        run = shelf.draft()
        for step in ON_THE_WAY:
            shelf.stores.runs.advance(run.id, step)
        effect = shelf.stores.runs.plan_effect(EffectKind.TRAINING, run.id, "replicate", None)
        shelf.stores.runs.record_effect(effect.id, Sending(shelf.clock.now()))
        runs.append(run.id)

    ruin = Ruin(shelf, begin)
    ruin.damage()
    backup = ruin.care.newest_backup()
    assert backup is not None
    ruin.care.restore(backup)

    assert ruin.open().stores.runs.get(runs[0]).state is RunState.UNKNOWN


def test_restored_launch_that_was_answered_is_followed_and_not_held_back(shelf: Shelf) -> None:
    runs = []

    def begin(shelf: Shelf) -> None:
        run = shelf.draft()
        for step in ON_THE_WAY:
            shelf.stores.runs.advance(run.id, step)
        effect = shelf.stores.runs.plan_effect(EffectKind.TRAINING, run.id, "replicate", None)
        shelf.stores.runs.record_effect(effect.id, Sending(shelf.clock.now()))
        shelf.stores.runs.record_effect(effect.id, Answered("remote-1"))
        runs.append(run.id)

    ruin = Ruin(shelf, begin)
    ruin.damage()
    backup = ruin.care.newest_backup()
    assert backup is not None
    ruin.care.restore(backup)

    stores = ruin.open().stores.runs
    run = stores.get(runs[0])
    assert (run.state, run.error) == (RunState.UNKNOWN, "")
    effect = stores.live_effect(EffectKind.TRAINING, run.id)
    assert effect is not None
    assert effect.remote_id == "remote-1"


@pytest.mark.parametrize("state", [PictureState.WAITING, PictureState.MAKING])
def test_restored_picture_that_waited_counts_as_maybe_charged(
    shelf: Shelf, state: PictureState
) -> None:
    def order(shelf: Shelf) -> None:
        shelf.stores.pictures.add([replace(picture("p"), state=state, file="", thumb="")])
        shelf.stores.runs.plan_effect(EffectKind.PICTURE, "p", "replicate", Decimal("0.03"))

    ruin = Ruin(shelf, order)
    ruin.damage()
    backup = ruin.care.newest_backup()
    assert backup is not None
    ruin.care.restore(backup)

    stores = ruin.open().stores
    assert stores.pictures.unfinished() == ()
    assert stores.pictures.get("p").state is PictureState.MAYBE_CHARGED
    (charge,) = stores.ledger.charges()
    assert (charge.amount_usd, charge.certainty) == (Decimal("0.03"), Certainty.MAYBE)


REPAIR = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from fluxlora_desktop.store.repair import FolderCare

class Clock:
    def now(self): return datetime(2026, 11, 25, tzinfo=UTC)

left = int(sys.argv[2])
CALLS = {"os.rename", "os.link", "os.remove", "open", "sqlite3.connect"}

def watch(name, arguments):
    global left
    if name in CALLS and sys.argv[1] in str(arguments[0]):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

care = FolderCare(data_dir=Path(sys.argv[1]), clock=Clock())
backup = care.newest_backup()
sys.addaudithook(watch)
care.restore(backup)
"""


def test_kill_anywhere_in_a_repair_leaves_the_damaged_or_the_restored_library(
    ruin: Ruin, full_sweep: bool
) -> None:
    damaged = ruin.damage()
    ended = []
    for step in range(1, 60, 1 if full_sweep else 3):
        run = [sys.executable, "-c", REPAIR, str(ruin.folder), str(step)]
        done = subprocess.run(run, cwd=ROOT, check=False, capture_output=True, text=True)
        assert done.returncode in {0, -signal.SIGKILL}, done.stderr
        now = ruin.path.read_bytes()
        asides = [path.read_bytes() for path in ruin.folder.glob("library.damaged-*.db")]
        ended.append(done.returncode)
        if now == damaged:
            continue
        assert is_good(ruin.path)
        assert damaged in asides
        ruin.path.write_bytes(damaged)
        if done.returncode == 0:
            break
    assert ended[-1] == 0
    assert ended.count(-signal.SIGKILL) > (5 if full_sweep else 2)
    ruin.care.restore(ruin.care.newest_backup())  # what the kills left is in nobody's way
    assert ruin.open().stores.datasets.photo("a" * 64) is not None


def test_backup_that_is_gone_or_damaged_meanwhile_is_not_restored(ruin: Ruin) -> None:
    data = ruin.damage()
    backup = ruin.care.newest_backup()
    assert backup is not None
    backup.path.write_bytes(b"")
    for harm in (lambda: None, backup.path.unlink):
        harm()
        with pytest.raises(CorruptFile):
            ruin.care.restore(backup)
        assert ruin.path.read_bytes() == data
    assert not backup.path.exists()


def test_repair_that_fails_leaves_the_damaged_library_where_it_was(
    ruin: Ruin, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ruin.damage()
    backup = ruin.care.newest_backup()
    assert backup is not None

    def fail(*_parts: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(repair, "copy_database", fail)
    with pytest.raises(Exception, match="disk full"):
        ruin.care.restore(backup)

    assert ruin.path.read_bytes() == data
    assert list(ruin.folder.glob("library.*.db")) == []
