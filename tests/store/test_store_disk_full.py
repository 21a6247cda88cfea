"""No room at any write: always the app's own error, the state before it whole, and it heals."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fluxlora_desktop.domain.errors import AccessDenied, DiskFull, StorageError
from fluxlora_desktop.domain.journal import NoAnswer, Sending
from fluxlora_desktop.domain.library import RemarkKind
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.domain.runs import EffectKind, RunPlan, RunState
from fluxlora_desktop.store import upgrade
from fluxlora_desktop.store.check import check_library
from fluxlora_desktop.store.library import Library, open_library
from tests.store.conftest import SteppingClock, photo
from tests.store.test_store_pictures import picture

ROOT = Path(__file__).parents[2]
PAGE = 4096
SIZE = 4 << 20
PHOTO = os.urandom(100_000)


def _mount(folder: Path, options: str) -> None:
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")


class SmallDisk:
    """A disk of 4 MB with a library on it; `leave` fills it up to a number of free bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "library"
        self.clock = SteppingClock()
        self.library: Library = open_library(self.data, clock=self.clock)
        self._filler = folder / "filler"

    @property
    def stores(self) -> Any:
        return self.library.stores

    def leave(self, free: int) -> None:
        self.make_room()
        size = shutil.disk_usage(self.folder).free - free
        with self._filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)

    def make_room(self) -> None:
        self._filler.unlink(missing_ok=True)

    def reopen(self) -> None:
        self.library.close()
        self.library = open_library(self.data, clock=self.clock)

    def dump(self) -> list[str]:
        with closing(sqlite3.connect(self.data / "library.db")) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return list(raw.iterdump())

    def grave(self) -> list[str]:
        return [found.says for found in check_library(self.data) if not found.harmless]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    _mount(folder, f"size={SIZE}")
    try:
        made = SmallDisk(folder)
        yield made
        made.library.close()
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def take_in_photo(disk: SmallDisk, number: int) -> None:
    source = disk.folder.parent / f"{number}.jpg"
    source.write_bytes(PHOTO + bytes([number]))
    sha256, size = disk.stores.files.adopt(source)
    facts = replace(photo("a"), sha256=sha256, size_bytes=size)
    disk.stores.datasets.put_photo(facts)


def set_caption(disk: SmallDisk, number: int) -> None:
    dataset = disk.stores.datasets.create()
    disk.stores.datasets.put_photo(photo("a"))
    disk.stores.datasets.set_caption(dataset.id, "a" * 64, f"caption {number} " * 500)


def advance_run(disk: SmallDisk, number: int) -> None:
    run = disk.stores.runs.create(disk.stores.datasets.create().id, RunPlan(name=f"{number}"))
    disk.stores.runs.advance(run.id, RunState.PACKAGING, error="x" * 10_000)


def move_effect(disk: SmallDisk, number: int) -> None:
    runs = disk.stores.runs
    subject = f"run{number}-{secrets.token_hex(4)}"  # a second try is another run's
    effect = runs.plan_effect(EffectKind.TRAINING, subject, "replicate", None)
    runs.record_effect(effect.id, Sending(datetime.now(UTC)))
    runs.record_effect(effect.id, NoAnswer("x" * 10_000))


def place_weights(disk: SmallDisk, number: int) -> None:
    weights = PHOTO + bytes([number])
    source = disk.stores.files.run_folder("imports") / "lora.safetensors"
    try:
        source.write_bytes(weights)
    except OSError as error:
        raise DiskFull(source) from error  # what fetches weights translates it the same way
    lora_id = f"lora{number}"
    disk.stores.files.place(source, disk.stores.files.lora(lora_id))
    disk.stores.loras.add(
        Lora(
            id=lora_id,
            name="Fox",
            base="flux.1-dev",
            trigger_word="TOK",
            sha256=hashlib.sha256(weights).hexdigest(),
            tensor_hash="",
            size_bytes=len(weights),
            rank=16,
            created_at=disk.clock.now(),
        )
    )


def add_pictures(disk: SmallDisk, number: int) -> None:
    disk.stores.pictures.add(
        [
            replace(
                picture(f"p{number}x{place}"),
                state=PictureState.WAITING,
                file="",
                thumb="",
                prompt=f"a fox {place} " * 100,
            )
            for place in range(20)
        ]
    )


OPERATIONS = (take_in_photo, set_caption, advance_run, move_effect, place_weights, add_pictures)


def without_effects(lines: list[str]) -> list[str]:
    return [line for line in lines if 'INSERT INTO "effects"' not in line]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda it: it.__name__)
def test_any_room_that_is_left_is_enough_or_told_and_nothing_is_half_done(
    disk: SmallDisk, operation: Callable[[SmallDisk, int], None], full_sweep: bool
) -> None:
    disk.stores.datasets.put_photo(photo("b"))
    failed = succeeded = 0
    for number, pages in enumerate(range(0, 64, 1 if full_sweep else 5)):
        disk.leave(pages * PAGE)
        try:
            operation(disk, number)
            succeeded += 1
        except StorageError:
            failed += 1
        before = disk.dump()
        disk.make_room()
        disk.reopen()
        # What was in flight is unknown after a restart: that is no fault of the disk's.
        assert without_effects(disk.dump()) == without_effects(before)
        assert {found for found in disk.grave() if "photos/" not in found} == set()

    assert failed
    assert succeeded
    operation(disk, 200)  # it heals by itself


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda it: it.__name__)
def test_full_disk_changes_nothing_and_is_named(
    disk: SmallDisk, operation: Callable[[SmallDisk, int], None]
) -> None:
    before = disk.dump()
    disk.leave(0)

    with pytest.raises(DiskFull):
        operation(disk, 0)

    assert disk.dump() == before
    disk.make_room()
    operation(disk, 0)


def test_library_opens_on_a_full_disk_and_says_that_it_has_no_backup(disk: SmallDisk) -> None:
    disk.leave(0)

    disk.reopen()

    assert [remark.kind for remark in disk.library.remarks] == [RemarkKind.BACKUP_FAILED]
    with pytest.raises(DiskFull):
        set_caption(disk, 0)
    disk.make_room()
    disk.reopen()
    assert disk.library.remarks == ()


def test_migration_without_room_leaves_the_library_as_it_was(disk: SmallDisk) -> None:
    disk.library.close()
    path = disk.data / "library.db"
    path.unlink()
    make_first_library(path)
    before = path.read_bytes()
    for free in (0, len(before), 3 * len(before) - PAGE):
        disk.leave(free)
        with pytest.raises(DiskFull) as caught:
            open_library(disk.data, clock=disk.clock)
        assert caught.value.needed == 3 * len(before)
        assert path.read_bytes() == before
    disk.make_room()

    disk.library = open_library(disk.data, clock=disk.clock)

    assert upgrade.read_revision(path) == upgrade.HEAD


def make_first_library(path: Path) -> None:
    text = (upgrade.MIGRATIONS / "versions" / "0001_first_library.sql").read_text("utf-8")
    with closing(sqlite3.connect(path)) as raw:
        for statement in text.split("\n\n"):
            raw.execute(statement)
        raw.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        raw.execute("INSERT INTO alembic_version VALUES ('0001')")
        raw.execute(f"PRAGMA application_id = {upgrade.APPLICATION_ID}")
        raw.commit()


def test_data_folder_that_is_read_only_is_refused_and_nothing_is_written(disk: SmallDisk) -> None:
    take_in_photo(disk, 1)
    disk.library.close()
    before = {path: path.read_bytes() for path in disk.data.rglob("*") if path.is_file()}
    subprocess.run(["mount", "-o", "remount,ro", str(disk.folder)], check=True)

    with pytest.raises(AccessDenied):
        open_library(disk.data, clock=disk.clock)

    assert check_library(disk.data) == check_library(disk.data)
    after = {path: path.read_bytes() for path in disk.data.rglob("*") if path.is_file()}
    assert after == before
    subprocess.run(["mount", "-o", "remount,rw", str(disk.folder)], check=True)
    disk.library = open_library(disk.data, clock=disk.clock)


STRACE = shutil.which("strace")
SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from fluxlora_desktop.domain.errors import StorageError
from tests.store import test_store_disk_full as ours
from tests.store.conftest import SteppingClock
from fluxlora_desktop.store.library import open_library

class Disk:
    clock = SteppingClock()
    folder = Path(sys.argv[1]) / "disk"
    data = folder / "library"

disk = Disk()
disk.library = open_library(disk.data, clock=disk.clock)
disk.stores = disk.library.stores
try:
    getattr(ours, sys.argv[2])(disk, 7)
except StorageError as error:
    print("told", type(error).__name__)
else:
    print("done")
"""


def run_traced(folder: Path, operation: str, *injected: str) -> str:
    """Do one operation in a process whose system calls fail as told; return its last line."""
    if STRACE is None:
        pytest.skip("strace, which lets single writes fail, is not here")
    command = [
        *(STRACE, "-f", "-qq", "-o", "/dev/null", *injected),
        *(sys.executable, "-c", SCRIPT, str(folder), operation, str(ROOT)),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if "not permitted" in done.stderr and "ptrace" in done.stderr.lower():
        pytest.skip("tracing is not allowed here")
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "disk" / "library"
    folder.parent.mkdir()
    open_library(folder, clock=SteppingClock()).close()
    return folder


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ("move_effect", "ENOSPC"),
        ("move_effect", "EIO"),
        ("take_in_photo", "ENOSPC"),
        ("add_pictures", "ENOSPC"),
    ],
)
def test_each_failing_write_is_told_and_leaves_old_or_new(
    library: Path, operation: str, error: str, full_sweep: bool
) -> None:
    said = []
    for number in range(1, 80, 1 if full_sweep else 19):
        inject = f"inject=pwrite64:error={error}:when={number}+"
        said.append(run_traced(library.parents[1], operation, "-e", "trace=pwrite64", "-e", inject))
        with closing(sqlite3.connect(library / "library.db")) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        open_library(library, clock=SteppingClock()).close()
        if said[-1] == "done":
            break

    assert all(words.startswith(("told ", "done")) or "domain.errors" in words for words in said)
    assert any(words.startswith("told ") for words in said), said
    assert said[-1] == "done"


@pytest.mark.parametrize("operation", ["move_effect", "add_pictures"])
def test_folder_that_becomes_read_only_while_open_is_told_and_heals(
    library: Path, operation: str
) -> None:
    journal = str(library / "library.db-journal")
    said = run_traced(
        *(library.parents[1], operation, "-P", journal),
        *("-e", "trace=openat", "-e", "inject=openat:error=EROFS"),
    )

    assert said == "told AccessDenied"
    with closing(sqlite3.connect(library / "library.db")) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert run_traced(library.parents[1], operation) == "done"
