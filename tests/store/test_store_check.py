"""What does not fit together between rows and files is found, from outside, without a write."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from fluxlora_desktop import checkup
from fluxlora_desktop.domain.errors import NewerLibrary, StorageError
from fluxlora_desktop.domain.journal import Answered, Sending
from fluxlora_desktop.domain.library import Inconsistency
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.money import Charge
from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.domain.runs import EffectKind, RunState
from fluxlora_desktop.store.check import check_library, is_open_elsewhere
from tests.store.conftest import Shelf, photo

ROOT = Path(__file__).parents[2]


class Full:
    """A library with one of each: a photo, a run, its Lora, a picture, and what they cost."""

    def __init__(self, shelf: Shelf) -> None:
        self.folder, self.shelf = shelf.folder, shelf
        stores, files = shelf.stores, shelf.stores.files
        source = shelf.folder.parent / "fox.jpg"
        source.write_bytes(b"a photo")
        self.photo, size = files.adopt(source)
        self.copies = (files.working(self.photo), files.photo_thumb(self.photo))
        for copy in self.copies:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(b"small")
        facts = replace(photo("a"), sha256=self.photo, name="fox.jpg", size_bytes=size)
        stores.datasets.put_photo(facts)
        self.run = shelf.draft()
        self.weights = files.lora(self.run.id)
        self.weights.parent.mkdir(parents=True)
        self.weights.write_bytes(b"weights")
        stores.loras.add(
            Lora(
                id=self.run.id,
                name="Fox",
                base="flux.1-dev",
                trigger_word="TOK",
                sha256=hashlib.sha256(b"weights").hexdigest(),
                tensor_hash="",
                size_bytes=7,
                rank=16,
                created_at=shelf.clock.now(),
                run_id=self.run.id,
            )
        )
        for state in (
            *(RunState.PACKAGING, RunState.UPLOADING, RunState.LAUNCHING, RunState.QUEUED),
            *(RunState.COLLECTING, RunState.READY),
        ):
            stores.runs.advance(self.run.id, state, lora_id=self.run.id)
        self.effect = stores.runs.plan_effect(EffectKind.TRAINING, self.run.id, "replicate", None)
        stores.runs.record_effect(self.effect.id, Sending(shelf.clock.now()))
        stores.runs.record_effect(self.effect.id, Answered("remote"))
        self._add_picture()
        shelf.library.close()
        self.database = shelf.folder / "library.db"

    def _add_picture(self) -> None:
        stores, now = self.shelf.stores, self.shelf.clock.now()
        self.picture = stores.files.picture("p1", now)
        self.thumb = stores.files.picture_thumb("p1")
        for path in (self.picture, self.thumb):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"picture")
        made = Picture(
            id="p1",
            order_id="o",
            state=PictureState.DONE,
            generator="replicate",
            model="m",
            base="flux.1-dev",
            prompt="a fox",
            loras=(),
            width=64,
            height=64,
            steps=1,
            guidance=3.0,
            seed=1,
            created_at=now,
            file=stores.files.relative(self.picture),
            thumb=stores.files.relative(self.thumb),
            sha256=hashlib.sha256(b"picture").hexdigest(),
        )
        stores.pictures.add([made])
        stores.ledger.add(
            Charge("picture-p1", "replicate", "picture", Decimal("0.03"), now, picture_id="p1")
        )

    def sql(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.database)) as raw, raw:
            raw.execute(statement, values)


@pytest.fixture
def full(shelf: Shelf) -> Full:
    return Full(shelf)


def found(full: Full) -> list[tuple[str, str]]:
    return [(finding.what, finding.subject) for finding in check_library(full.folder)]


def all_bytes(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_whole_library_has_nothing_to_tell(full: Full) -> None:
    assert check_library(full.folder) == ()


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        (lambda full: full.picture.unlink(), "file_missing"),
        (lambda full: full.weights.unlink(), "file_missing"),
        (lambda full: (full.folder / "photos" / full.photo).unlink(), "file_missing"),
        (lambda full: full.weights.write_bytes(b"weights, longer"), "size_differs"),
        (lambda full: full.weights.write_bytes(b"WEIGHTS"), "sha256_differs"),
        (lambda full: full.picture.write_bytes(b"PICTURE"), "sha256_differs"),
        (
            lambda full: (full.folder / "photos" / full.photo).write_bytes(b"A PHOTO"),
            "sha256_differs",
        ),
        (lambda full: full.thumb.unlink(), "copy_missing"),
        (lambda full: full.copies[0].unlink(), "copy_missing"),
        (lambda full: full.copies[1].unlink(), "copy_missing"),
        (lambda full: (full.folder / "photos" / ("b" * 64)).write_bytes(b"b"), "file_without_row"),
        (lambda full: full.picture.with_name("p2.png").write_bytes(b"p"), "file_without_row"),
        (lambda full: full.thumb.with_name("p2.jpg").write_bytes(b"p"), "file_without_row"),
        (lambda full: full.picture.with_name(".x.png.part").write_bytes(b"p"), "leftover"),
        (lambda full: full.sql("UPDATE pictures SET file = '../../etc/passwd'"), "path_escapes"),
        (lambda full: full.sql("UPDATE pictures SET thumb = '/etc/passwd'"), "path_escapes"),
        (lambda full: full.sql("UPDATE pictures SET file = ''"), "picture_without_file"),
        (lambda full: full.sql("UPDATE runs SET lora_id = 'other'"), "run_without_lora"),
        (lambda full: full.sql("UPDATE loras SET run_id = 'other'"), "lora_without_run"),
        (lambda full: full.sql("UPDATE loras SET run_id = 'other'"), "foreign_key"),
        (lambda full: full.sql("DELETE FROM charges"), "charge_missing"),
        (
            lambda full: full.sql("UPDATE effects SET remote_id = ''"),
            "effect_without_remote_id",
        ),
        (lambda full: full.sql("UPDATE effects SET state = 'in_flight'"), "effect_in_flight"),
    ],
)
def test_each_kind_of_inconsistency_is_found(
    full: Full, harm: Callable[[Full], object], what: str
) -> None:
    harm(full)

    findings = check_library(full.folder)

    assert what in {finding.what for finding in findings}
    assert all(finding.says.endswith(".") and finding.mend.endswith(".") for finding in findings)


def test_weights_without_a_row_are_found(full: Full) -> None:
    stray = full.folder / "loras" / "stray" / "lora.safetensors"
    stray.parent.mkdir()
    stray.write_bytes(b"weights")

    assert found(full) == [("file_without_row", "loras/stray/lora.safetensors")]


def test_what_lies_in_the_computers_trash_is_not_missing(full: Full) -> None:
    full.picture.unlink()
    full.weights.unlink()
    full.sql("UPDATE pictures SET trashed_at = '2026-11-23T12:00:00.000000+00:00'")
    full.sql("UPDATE loras SET trashed_at = '2026-11-23T12:00:00.000000+00:00'")

    assert found(full) == []


def test_picture_whose_service_gives_no_id_is_no_finding(full: Full) -> None:
    full.sql("UPDATE effects SET kind = 'picture', remote_id = ''")

    assert found(full) == []


def test_harmless_findings_come_last_and_are_marked(full: Full) -> None:
    full.thumb.unlink()
    full.picture.unlink()

    findings = check_library(full.folder)

    assert [finding.harmless for finding in findings] == [False, True]


def test_damaged_database_is_one_finding(full: Full) -> None:
    data = full.database.read_bytes()
    full.database.write_bytes(b"no database at all" + data[18:])

    assert [finding.what for finding in check_library(full.folder)] == ["integrity"]


def test_damaged_page_is_found(full: Full) -> None:
    with closing(sqlite3.connect(full.database)) as raw:
        page = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'runs'").fetchone()[0]
    data = bytearray(full.database.read_bytes())
    data[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    full.database.write_bytes(data)

    assert {finding.what for finding in check_library(full.folder)} == {"integrity"}


def test_check_changes_no_byte_and_makes_no_file(full: Full) -> None:
    full.picture.unlink()
    before = all_bytes(full.folder)

    check_library(full.folder)

    assert all_bytes(full.folder) == before


def test_half_a_transaction_of_a_killed_process_is_left_as_it_is(full: Full) -> None:
    writer = (
        "import sqlite3, sys, os\n"
        "raw = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "raw.execute('PRAGMA cache_size = 1'); raw.execute('PRAGMA cache_spill = 1')\n"
        "raw.execute('BEGIN IMMEDIATE')\n"
        "raw.execute('DELETE FROM charges')\n"
        'raw.execute("UPDATE runs SET error = hex(zeroblob(50000))")\n'
        "print('half', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", writer, str(full.database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    journal = full.database.with_name("library.db-journal")
    assert journal.stat().st_size
    before = all_bytes(full.folder)

    assert found(full) == []

    assert all_bytes(full.folder) == before


def test_library_that_a_process_has_open_is_read_all_the_same(full: Full) -> None:
    full.sql("UPDATE effects SET state = 'in_flight'")
    full.picture.with_name(".x.png.part").write_bytes(b"being written")
    holder = (
        "import sys, fcntl\n"
        "file = open(sys.argv[1], 'r+b'); fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('held', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(full.folder / "library.lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert is_open_elsewhere(full.folder)
        assert found(full) == []  # what is under way is its owner's
        process.kill()

    assert not is_open_elsewhere(full.folder)
    assert {what for what, _ in found(full)} == {"effect_in_flight", "leftover"}


def test_library_of_a_newer_app_is_not_judged(full: Full) -> None:
    full.sql("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(NewerLibrary):
        check_library(full.folder)


def test_library_that_was_only_begun_has_nothing_to_tell(tmp_path: Path) -> None:
    (tmp_path / "library.db").touch()

    assert check_library(tmp_path) == ()


def test_folder_without_a_library_cannot_be_read_and_stays_empty(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        check_library(tmp_path / "none")

    assert not (tmp_path / "none").exists()


def test_command_says_each_finding_in_one_line(
    full: Full, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checkup.run(full.folder) == 0
    assert "Everything fits together" in capsys.readouterr().out
    full.picture.unlink()
    full.sql("UPDATE loras SET name = 'two' || char(10) || 'lines'")
    full.weights.unlink()

    assert checkup.run(full.folder) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert any("two?lines" in line for line in lines)

    shutil.rmtree(full.folder)
    assert checkup.run(full.folder) == 2
    assert "cannot be read" in capsys.readouterr().out


def test_command_runs_without_a_display_and_beside_an_open_library(full: Full) -> None:
    full.shelf.reopen()
    command = [sys.executable, "-m", "fluxlora_desktop", "--check-library", "--data-dir"]
    env = {name: value for name, value in os.environ.items() if name != "QT_QPA_PLATFORM"}

    done = subprocess.run(
        [*command, str(full.folder)], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "A window has the library" in done.stdout


def test_line_never_breaks() -> None:
    finding = Inconsistency("x", "y", "a\nb\u202e", "c")
    assert checkup.line_of(finding) == "x: a?b? c"
