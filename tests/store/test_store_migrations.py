"""Libraries of earlier versions come up with every row; a kill in the middle leaves old or new."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, nullcontext
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from fluxlora_desktop.domain.datasets import PhotoFacts
from fluxlora_desktop.domain.errors import UnsettledRequests
from fluxlora_desktop.domain.journal import NoAnswer, Sending
from fluxlora_desktop.domain.library import BackupKind
from fluxlora_desktop.domain.runs import EffectKind, EffectState
from fluxlora_desktop.store import upgrade
from fluxlora_desktop.store.backups import backups_of
from fluxlora_desktop.store.library import open_library
from tests.store.conftest import SteppingClock

ROOT = Path(__file__).parents[2]
FIRST = (upgrade.MIGRATIONS / "versions" / "0001_first_library.sql").read_text("utf-8")
AT = "2026-11-23T12:00:00.000000+00:00"
# What the released revisions were, as fixed text; later ones are added here as they are released.
GOLDEN = {
    "0001": (),
    "0002": ("ALTER TABLE effects ADD COLUMN handle TEXT DEFAULT '' NOT NULL",),
}
OLDER = [name for name in GOLDEN if name != upgrade.HEAD]
ROWS: dict[str, dict[str, object]] = {
    "library": {"id": "abcdef01", "created_at": AT},
    "photos": {
        **{"sha256": "a" * 64, "name": "fox.jpg", "size_bytes": 5, "format": "JPEG", "width": 8},
        **{"height": 8, "pixel_sha256": "b" * 64, "dhash": "0" * 16, "sharpness": 1.5},
        **{"clipped": 0.0, "midtones": 0.5, "notes": "[]"},
    },
    "datasets": {"id": "d", "trigger_word": "TOK", "created_at": AT},
    "dataset_photos": {"dataset_id": "d", "photo_sha256": "a" * 64, "position": 0},
    "captions": {"dataset_id": "d", "photo_sha256": "a" * 64, "caption": "a fox, größer 🦊"},
    "runs": {
        **{"id": "r", "dataset_id": "d", "state": "queued", "created_at": AT, "updated_at": AT},
        **{
            "plan": '{"name": "Fox", "preset": "object", "quality": "normal", '
            '"visibility": "private"}'
        },
        **{"base": "flux.1-dev", "page": "", "trainer_version": "", "destination": ""},
        **{"output_version": "", "weights_address": "", "stage": "", "error": ""},
        **{"error_kind": "", "attention": "", "lora_ready_for_inference": 0, "hidden": 0},
    },
    "run_events": {"seq": 1, "run_id": "r", "at": AT, "kind": "state", "text": "queued"},
    "effects": {
        **{"id": "e", "kind": "training", "subject": "r", "attempt": 1, "nonce": "n"},
        **{"state": "confirmed", "service": "replicate", "updated_at": AT, "file_id": "f"},
        **{"remote_id": "remote-1", "reads": 0, "note": ""},
    },
    "pictures": {
        **{"seq": 1, "id": "p", "order_id": "o", "state": "done", "generator": "replicate"},
        **{"model": "m", "base": "flux.1-dev", "prompt": "a fox", "width": 8, "height": 8},
        **{"steps": 1, "guidance": 3.0, "seed": 7, "created_at": AT, "file": "", "thumb": ""},
        **{"sha256": "", "source_sha256": "", "remote_id": "", "error": ""},
    },
    "charges": {
        **{"id": "picture-p", "service": "replicate", "kind": "picture", "amount_usd": 30000},
        **{"at": AT, "certainty": "charged", "picture_id": "p", "note": ""},
    },
}


def make_golden(path: Path, revision: str) -> Path:
    """Write a library as that revision's app left it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as raw:
        for statement in (*FIRST.split("\n\n"), *GOLDEN[revision]):
            raw.execute(statement)
        raw.execute(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
            "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
        raw.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
        raw.execute(f"PRAGMA application_id = {upgrade.APPLICATION_ID}")
        for table, row in ROWS.items():
            names, marks = ", ".join(row), ", ".join("?" * len(row))
            raw.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))
        raw.commit()
    return path


def rows_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as raw:
        return {
            table: raw.execute(f"SELECT {', '.join(row)} FROM {table}").fetchall()
            for table, row in ROWS.items()
        }


def schema_of(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = raw.execute("SELECT name, sql FROM sqlite_master").fetchall()
    return sorted(name + re.sub(r"\s+", "", sql or "") for name, sql in rows)


@pytest.mark.parametrize("revision", GOLDEN)
def test_library_of_each_earlier_version_comes_up_with_every_row(
    tmp_path: Path, revision: str
) -> None:
    path = make_golden(tmp_path / "library.db", revision)
    before = rows_of(path)

    with closing(open_library(tmp_path, clock=SteppingClock())) as library:
        effect = library.stores.runs.live_effect(EffectKind.TRAINING, "r")
        dataset = library.stores.datasets.get("d")
        charges = library.stores.ledger.charges()
        library.stores.datasets.set_caption("d", "a" * 64, dataset.photos[0].caption)
        assert library.stores.runs.get("r").plan.name == "Fox"
        assert library.stores.pictures.get("p").prompt == "a fox"

    assert upgrade.read_revision(path) == upgrade.HEAD
    assert rows_of(path) == before
    assert effect is not None
    assert (effect.remote_id, effect.state) == ("remote-1", EffectState.CONFIRMED)
    assert dataset.photos[0].caption == "a fox, größer 🦊"
    assert len(charges) == 1


@pytest.mark.parametrize("revision", GOLDEN)
def test_photos_of_an_earlier_version_wait_to_be_measured_again(
    tmp_path: Path, revision: str
) -> None:
    make_golden(tmp_path / "library.db", revision)

    with closing(open_library(tmp_path, clock=SteppingClock())) as library:
        photo = library.stores.datasets.photo("a" * 64)

    assert photo is not None
    assert photo.facts == PhotoFacts("JPEG", 8, 8, "b" * 64, 0, 1.5, 0.0, 0.5)
    assert photo.facts.measured == 0


@pytest.mark.parametrize("revision", [name for name in GOLDEN if name != upgrade.HEAD])
def test_library_as_it_was_before_a_migration_is_kept(tmp_path: Path, revision: str) -> None:
    path = make_golden(tmp_path / "library.db", revision)
    before = rows_of(path)

    open_library(tmp_path, clock=SteppingClock()).close()

    (backup,) = backups_of(path)
    assert backup.kind is BackupKind.MIGRATION
    assert upgrade.read_revision(backup.path) == revision
    assert rows_of(backup.path) == before


def test_golden_libraries_are_there_for_the_released_revisions() -> None:
    assert set(GOLDEN) <= set(upgrade.KNOWN)
    assert set(upgrade.KNOWN[:2]) <= set(GOLDEN)


KILLER = """
import importlib, os, signal, sqlite3, sys
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.engine import Engine
from fluxlora_desktop.store import upgrade

importlib.import_module("alembic.command")
golden, folder = Path(sys.argv[1]), Path(sys.argv[2])
left = 0

def count(statement):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

@event.listens_for(Engine, "connect")
def connected(connection, record):
    connection.set_trace_callback(count)

for number in range(1, 2000, int(sys.argv[3])):
    path = folder / f"{number}.db"
    path.write_bytes(golden.read_bytes())
    child = os.fork()
    if child == 0:
        left = number
        upgrade.migrate(path)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    print(number, "killed" if killed else os.waitstatus_to_exitcode(status), flush=True)
    if not killed:
        break
"""


@pytest.mark.parametrize("revision", OLDER)
def test_kill_at_each_statement_of_a_migration_leaves_the_old_or_the_new_library(
    tmp_path: Path, revision: str, full_sweep: bool
) -> None:
    """Each statement from the revision before the newest; each fourth from those before it."""
    step = 1 if full_sweep or revision == OLDER[-1] else 4
    golden = make_golden(tmp_path / "golden.db", revision)
    old, rows = schema_of(golden), rows_of(golden)
    migrated = tmp_path / "new.db"
    shutil.copyfile(golden, migrated)
    upgrade.migrate(migrated)
    new = schema_of(migrated)
    assert old != new
    folder = tmp_path / "killed"
    folder.mkdir()

    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(golden), str(folder), str(step)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    ends = [line.split()[1] for line in done.stdout.splitlines()]
    assert ends[-1] == "0"
    assert ends.count("killed") == len(ends) - 1 >= 5
    seen = set()
    for path in folder.glob("*.db"):
        revision_now = upgrade.read_revision(path)
        seen.add(revision_now)
        assert schema_of(path) == {revision: old, upgrade.HEAD: new}[str(revision_now)]
        assert rows_of(path) == rows
        upgrade.bring_up_to_date(path, clock=SteppingClock())
        assert schema_of(path) == new
    assert seen == {revision, upgrade.HEAD}


OPENER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from fluxlora_desktop.domain.errors import StorageError
from fluxlora_desktop.store.library import open_library
from tests.store.conftest import SteppingClock
try:
    open_library(Path(sys.argv[1]), clock=SteppingClock()).close()
except StorageError as error:
    print("told", type(error).__name__)
else:
    print("done")
"""


@pytest.mark.heavy
def test_no_room_in_the_middle_of_a_migration_leaves_the_old_or_the_new_library(
    tmp_path: Path, full_sweep: bool
) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace, which lets single writes fail, is not here")
    golden = make_golden(tmp_path / "golden.db", "0001")
    rows, said = rows_of(golden), []
    for number in range(1, 400, 1 if full_sweep else 23):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = folder / "library.db"
        shutil.copyfile(golden, path)
        inject = f"inject=pwrite64:error=ENOSPC:when={number}+"
        done = subprocess.run(
            [
                *(strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64", "-e", inject),
                *(sys.executable, "-c", OPENER, str(folder), str(ROOT)),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        said.append(done.stdout.strip() or done.stderr[-300:])
        assert upgrade.read_revision(path) in {"0001", upgrade.HEAD}
        assert rows_of(path) == rows
        schema_of(path)
        open_library(folder, clock=SteppingClock()).close()
        if said[-1] == "done":
            break

    assert set(said[:-1]) <= {"told DiskFull", "told StorageError"}, said
    assert len(said) > 2
    assert said[-1] == "done"


def set_effect(path: Path, state: str) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE effects SET state = ?", (state,))


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the steps that are due say nothing of the journal's meaning."""
    monkeypatch.setattr(upgrade, "_due", lambda _revision: (SimpleNamespace(),))


@pytest.mark.parametrize("state", ["in_flight", "unknown"])
@pytest.mark.usefixtures("careless")
def test_step_that_may_change_the_journal_waits_for_open_ends(tmp_path: Path, state: str) -> None:
    path = make_golden(tmp_path / "library.db", "0001")
    set_effect(path, state)
    before = path.read_bytes()

    with pytest.raises(UnsettledRequests) as caught:
        open_library(tmp_path, clock=SteppingClock())

    assert caught.value.count == 1
    assert path.read_bytes() == before
    assert not (tmp_path / "backups").exists()


@pytest.mark.parametrize("state", ["planned", "confirmed", "refused", "absent"])
@pytest.mark.usefixtures("careless")
def test_settled_requests_hold_nothing_up(tmp_path: Path, state: str) -> None:
    path = make_golden(tmp_path / "library.db", "0001")
    set_effect(path, state)

    open_library(tmp_path, clock=SteppingClock()).close()

    assert upgrade.read_revision(path) == upgrade.HEAD


@pytest.mark.parametrize(("events", "held_up"), [(1, True), (2, False)])
@pytest.mark.usefixtures("careless")
def test_caption_that_may_have_been_charged_holds_nothing_up_for_good(
    tmp_path: Path, events: int, held_up: bool
) -> None:
    library = open_library(tmp_path, clock=SteppingClock())
    runs = library.stores.runs
    effect = runs.plan_effect(EffectKind.CAPTION, "order-photo", "together", Decimal("0.01"))
    for event in (Sending(datetime.now(UTC)), NoAnswer("lost"))[:events]:
        runs.record_effect(effect.id, event)
    library.close()

    with pytest.raises(UnsettledRequests) if held_up else nullcontext():
        upgrade._require_settled(tmp_path / "library.db", upgrade.HEAD)


@pytest.mark.usefixtures("careless")
def test_picture_that_may_have_been_charged_holds_nothing_up_for_good(tmp_path: Path) -> None:
    path = make_golden(tmp_path / "library.db", "0001")
    set_effect(path, "unknown")
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE effects SET kind = 'picture', subject = 'p'")
        raw.execute("UPDATE pictures SET state = 'maybe_charged'")

    open_library(tmp_path, clock=SteppingClock()).close()

    assert upgrade.read_revision(path) == upgrade.HEAD


@pytest.mark.parametrize("state", ["in_flight", "unknown"])
def test_released_steps_keep_open_ends_open(tmp_path: Path, state: str) -> None:
    path = make_golden(tmp_path / "library.db", "0001")
    set_effect(path, state)

    with closing(open_library(tmp_path, clock=SteppingClock())) as library:
        effect = library.stores.runs.live_effect(EffectKind.TRAINING, "r")

    assert effect is not None
    assert effect.state is EffectState.UNKNOWN
