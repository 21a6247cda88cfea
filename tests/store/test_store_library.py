from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from fluxlora_desktop.domain.errors import CorruptFile, DamagedLibrary, LibraryBusy, NewerLibrary
from fluxlora_desktop.domain.runs import EffectKind, EffectState, RunState
from fluxlora_desktop.store import upgrade
from fluxlora_desktop.store.database import Database, pragmas, wal_is_sound
from fluxlora_desktop.store.library import open_library
from tests.store.conftest import Shelf, SteppingClock

_ROOT = Path(__file__).parents[2]
_HOLDER = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from fluxlora_desktop.domain.journal import Sending
from fluxlora_desktop.domain.runs import EffectKind, EffectState, RunPlan, RunState
from fluxlora_desktop.store.library import open_library

class Clock:
    def now(self): return datetime.now(UTC)
    def monotonic(self): return 0.0

stores = open_library(Path(sys.argv[1]), clock=Clock()).stores
run = stores.runs.create(stores.datasets.create().id, RunPlan())
for state in (RunState.PACKAGING, RunState.UPLOADING):
    stores.runs.advance(run.id, state)
effect = stores.runs.plan_effect(EffectKind.TRAINING, run.id, "replicate", None)
stores.runs.advance(run.id, RunState.LAUNCHING)
stores.runs.record_effect(effect.id, Sending(Clock().now()))
print(run.id, effect.id, flush=True)
sys.stdin.read()
"""


def _hold(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(folder)],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _schema(path: Path) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(path)) as raw:
        rows = raw.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    return sorted((kind, name, re.sub(r"\s+", "", sql or "")) for kind, name, sql in rows)


def _stamped_empty(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(f"PRAGMA application_id = {upgrade.APPLICATION_ID}")
        raw.execute("PRAGMA user_version = 1")
        raw.commit()
    return path


def test_library_keeps_its_id_when_opened_again(shelf: Shelf) -> None:
    first = shelf.stores.runs.plan_effect(EffectKind.PICTURE, "a", "together", None).nonce

    second = shelf.reopen().runs.plan_effect(EffectKind.PICTURE, "b", "together", None).nonce

    assert re.fullmatch(r"fluxlora-[0-9a-f]{8}-[0-9a-f]{12}", first)
    assert first[:17] == second[:17]
    assert first != second


def test_library_refuses_a_second_opening_in_the_same_process(shelf: Shelf) -> None:
    with pytest.raises(LibraryBusy):
        open_library(shelf.folder, clock=SteppingClock())


def test_library_is_refused_to_a_second_process_and_free_after_kill(tmp_path: Path) -> None:
    with _hold(tmp_path) as process:
        assert process.stdout is not None
        run_id, effect_id = process.stdout.readline().split()
        with pytest.raises(LibraryBusy):
            open_library(tmp_path, clock=SteppingClock())
        os.kill(process.pid, signal.SIGKILL)

    library = open_library(tmp_path, clock=SteppingClock())

    try:
        effect = library.stores.runs.live_effect(EffectKind.TRAINING, run_id)
        assert effect is not None
        assert (effect.id, effect.state) == (effect_id, EffectState.UNKNOWN)
        assert library.stores.runs.get(run_id).state is RunState.UNKNOWN
    finally:
        library.close()


def test_marker_is_there_while_open_and_gone_after_close(shelf: Shelf) -> None:
    marker = shelf.folder / "library.open"
    assert marker.exists()

    shelf.library.close()
    shelf.library.close()

    assert not marker.exists()


def test_damage_is_found_after_an_unclean_exit(shelf: Shelf) -> None:
    shelf.library.close()
    path = shelf.folder / "library.db"
    data = bytearray(path.read_bytes())
    data[8192:12288] = b"\xa5" * 4096
    path.write_bytes(data)
    (shelf.folder / "library.open").touch()

    with pytest.raises(CorruptFile):
        open_library(shelf.folder, clock=SteppingClock())

    assert path.read_bytes() == bytes(data)


def test_damage_in_a_corner_that_nothing_reads_is_found_at_a_clean_start(shelf: Shelf) -> None:
    run = shelf.draft()
    shelf.stores.runs.add_losses(run.id, [(step, 0.5) for step in range(2000)])
    shelf.reopen()  # today's backup is made here, so that the next start makes none
    shelf.library.close()
    path = shelf.folder / "library.db"
    with closing(sqlite3.connect(path)) as raw:
        found = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'loss_points'")
        page = found.fetchone()[0]
    data = bytearray(path.read_bytes())
    data[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    path.write_bytes(data)

    with pytest.raises(DamagedLibrary):
        open_library(shelf.folder, clock=shelf.clock)

    assert path.read_bytes() == bytes(data)


def test_what_was_being_written_at_a_crash_is_removed_at_the_next_start(shelf: Shelf) -> None:
    (shelf.folder / "photos").mkdir()
    half = shelf.folder / "photos" / ".x.part"
    kept = shelf.folder / "runs" / "r" / "lora.safetensors.part"
    kept.parent.mkdir(parents=True)
    for path in (half, kept):
        path.write_bytes(b"half")
    shelf.reopen()
    assert half.exists()  # after a clean end nobody was writing
    shelf.library.close()
    (shelf.folder / "library.open").touch()

    shelf.library = open_library(shelf.folder, clock=shelf.clock)

    assert not half.exists()
    assert kept.exists()  # a download goes on from there


def test_newer_library_is_refused_and_left_byte_for_byte(shelf: Shelf) -> None:
    shelf.library.close()
    path = shelf.folder / "library.db"
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
        raw.commit()
    before = path.read_bytes()

    with pytest.raises(NewerLibrary) as caught:
        open_library(shelf.folder, clock=SteppingClock())

    assert caught.value.found == "9999"
    assert path.read_bytes() == before
    assert not (shelf.folder / "backups").exists()


def test_foreign_database_is_refused_and_left_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("CREATE TABLE recipes (name)")
        raw.commit()
    before = path.read_bytes()

    with pytest.raises(CorruptFile):
        open_library(tmp_path, clock=SteppingClock())

    assert path.read_bytes() == before


def test_refused_opening_lets_go_of_the_lock(tmp_path: Path) -> None:
    (tmp_path / "library.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(CorruptFile):
        open_library(tmp_path, clock=SteppingClock())
    (tmp_path / "library.db").unlink()

    open_library(tmp_path, clock=SteppingClock()).close()


def test_interrupted_creation_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "library.db").touch()

    open_library(tmp_path, clock=SteppingClock()).close()

    assert upgrade.read_revision(tmp_path / "library.db") == upgrade.HEAD


def test_migrations_and_metadata_give_the_same_schema(tmp_path: Path) -> None:
    migrated = _stamped_empty(tmp_path / "migrated.db")
    upgrade.bring_up_to_date(migrated, clock=SteppingClock())
    made = tmp_path / "made.db"
    upgrade.create_at_head(made)

    assert _schema(migrated) == _schema(made)
    assert upgrade.read_revision(migrated) == upgrade.read_revision(made) == upgrade.HEAD


def test_migration_keeps_a_backup_of_what_was_there(tmp_path: Path) -> None:
    path = _stamped_empty(tmp_path / "library.db")

    open_library(tmp_path, clock=SteppingClock()).close()

    (backup,) = (tmp_path / "backups").iterdir()
    assert upgrade.read_revision(backup) == ""
    assert upgrade.read_revision(path) == upgrade.HEAD


def test_library_of_the_first_revision_keeps_its_paid_requests(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    made = (upgrade.MIGRATIONS / "versions" / "0001_first_library.sql").read_text("utf-8")
    with closing(sqlite3.connect(path)) as raw:
        for statement in made.split("\n\n"):
            raw.execute(statement)
        raw.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        raw.execute("INSERT INTO alembic_version VALUES ('0001')")
        raw.execute(f"PRAGMA application_id = {upgrade.APPLICATION_ID}")
        raw.execute(
            "INSERT INTO effects VALUES ('e', 'training', 'run', 1, 'n', 'confirmed', 'replicate', "
            "'2026-11-23T12:00:00.000000Z', 'file', 'remote-1', NULL, NULL, 0, '')"
        )
        raw.commit()

    with closing(open_library(tmp_path, clock=SteppingClock())) as library:
        effect = library.stores.runs.live_effect(EffectKind.TRAINING, "run")

    assert effect is not None
    assert (effect.remote_id, effect.handle) == ("remote-1", "")
    assert upgrade.read_revision(path) == upgrade.HEAD


def test_library_says_which_other_computer_had_it_last(tmp_path: Path) -> None:
    for device in ("desk", "desk", "laptop"):
        with closing(open_library(tmp_path, clock=SteppingClock(), device=device)) as library:
            told = [remark.detail for remark in library.remarks]

    assert [words.partition(" at ")[0] for words in told] == ["desk"]
    with closing(open_library(tmp_path, clock=SteppingClock(), device="laptop")) as library:
        assert library.remarks == ()


def test_known_revisions_are_those_of_the_folder() -> None:
    versions = (upgrade.MIGRATIONS / "versions").glob("0*.py")

    assert tuple(sorted(path.name[:4] for path in versions)) == upgrade.KNOWN
    assert upgrade.KNOWN[-1] == upgrade.HEAD


def test_opening_a_current_library_does_not_import_alembic(tmp_path: Path) -> None:
    script = (
        "import sys; sys.argv = ['', sys.argv[1]]; from pathlib import Path\n"
        "from tests.store.conftest import SteppingClock\n"
        "from fluxlora_desktop.store.library import open_library\n"
        "for _ in range(2): open_library(Path(sys.argv[1]), clock=SteppingClock()).close()\n"
        "print('alembic' in sys.modules)"
    )
    run = [sys.executable, "-c", script, str(tmp_path)]

    done = subprocess.run(run, cwd=_ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("version", "sound"),
    [
        ((3, 40, 1), False),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), False),
        ((3, 52, 1), True),
    ],
)
def test_wal_is_used_only_where_sqlite_is_sound(version: tuple[int, ...], sound: bool) -> None:
    assert wal_is_sound(version) is sound
    assert ("journal_mode=WAL" in pragmas(version, "linux")) is sound
    assert ("synchronous=FULL" in pragmas(version, "linux")) is sound
    assert ("synchronous=EXTRA" in pragmas(version, "linux")) is not sound
    assert "fullfsync=ON" in pragmas(version, "darwin")


def test_connections_hold_foreign_keys_and_distrust_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    upgrade.create_at_head(path)
    database = Database(path=path)

    with database.read() as session:
        connection = session.connection()
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("foreign_keys", "trusted_schema", "cell_size_check", "busy_timeout")
        }
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar()

    database.close()
    assert values == {
        "foreign_keys": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "busy_timeout": 10000,
    }
    assert synchronous == (2 if wal_is_sound(sqlite3.sqlite_version_info) else 3)


def test_writing_takes_the_database_before_its_first_read(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    upgrade.create_at_head(path)
    database = Database(path=path)

    with closing(sqlite3.connect(path, timeout=0)) as other:
        with database.write() as session:
            session.connection()
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")
        other.execute("BEGIN IMMEDIATE")

    database.close()
