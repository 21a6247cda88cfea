"""Compare a library's rows with its files, from outside: nothing is written, no lock is taken.

The database is read by plain SQL and not through the stores, so that this is a second opinion.
Where a process left a half-written transaction behind, a copy is read in place of the original:
only the owner of a library may take such a transaction back.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fluxlora_desktop.domain.errors import CorruptFile, StorageError
from fluxlora_desktop.domain.library import Inconsistency
from fluxlora_desktop.store.errors import translate_storage_errors
from fluxlora_desktop.store.files import LibraryFiles, leftovers
from fluxlora_desktop.store.lock import is_held
from fluxlora_desktop.store.upgrade import known_revision

_WAIT_S = 2.0
_CHUNK = 1 << 20
_WAL_BYTES = b"\x02\x02"  # at 18 in the file's header: the database is in WAL
_NO_RUN = frozenset({"imports", "unsaved-pictures"})  # folders of `runs/` that belong to none

Check = Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Reading:
    """A library being read; `owned` tells that a process has it open."""

    root: Path
    raw: sqlite3.Connection
    owned: bool
    check: Check

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Return all rows of a query."""
        return self.raw.execute(sql).fetchall()


def check_library(data_dir: Path, check: Check = lambda: None) -> tuple[Inconsistency, ...]:
    """Return everything that does not fit together in a library, the gravest first.

    `check` is called for each file and megabyte and may raise to stop. Another process may have
    the library open. Raises `StorageError` and its kin when there is nothing to read, and
    `NewerLibrary`.
    """
    path = data_dir / "library.db"
    with ExitStack() as undo, translate_storage_errors(path):
        if not path.is_file():
            raise StorageError(path, "there is no library in this folder")
        owned = is_held(data_dir / "library.lock")
        try:
            readable = path if owned else undo.enter_context(_readable(path))
            if not known_revision(readable, mode="ro"):
                return ()  # it was begun and holds nothing yet
            raw = undo.enter_context(closing(_connect(readable)))
            raw.execute("BEGIN")
            found = list(_findings(_Reading(data_dir, raw, owned, check)))
        except CorruptFile as error:
            found = [_damaged(error.detail)]
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            found = [_damaged(str(error))]
    return tuple(sorted(found, key=lambda finding: finding.harmless))


def is_open_elsewhere(data_dir: Path) -> bool:
    """Tell whether a process has the library open now."""
    return is_held(data_dir / "library.lock")


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_WAIT_S)


@contextmanager
def _readable(path: Path) -> Iterator[Path]:
    """Give a database that can be read without a write: itself, or a copy beside its journal."""
    beside = [path.with_name(path.name + end) for end in ("-journal", "-wal")]
    left = [file for file in beside if file.is_file() and file.stat().st_size]
    if not left and not _is_wal(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="fluxlora-check-") as folder:
        for file in (path, *left):
            shutil.copyfile(file, Path(folder) / file.name)
        copy = Path(folder) / path.name
        with closing(sqlite3.connect(copy)) as raw:  # takes the copy's half transaction back
            raw.execute("SELECT count(*) FROM sqlite_master").close()
            raw.execute("PRAGMA journal_mode = DELETE").close()
        yield copy


def _is_wal(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(20)[18:20] == _WAL_BYTES


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    return "malformed" in str(error) or "not a database" in str(error)


def _damaged(detail: str) -> Inconsistency:
    return Inconsistency(
        "integrity",
        "library.db",
        f"The database is damaged: {detail}.",
        "At its next start the app offers the newest good backup; nothing is deleted.",
    )


def _findings(reading: _Reading) -> Iterator[Inconsistency]:
    lines = [str(row[0]) for row in reading.rows("PRAGMA integrity_check(100)")]
    if lines != ["ok"]:
        yield from map(_damaged, lines)
        return
    for part in (
        *(_foreign_keys, _photos, _loras, _pictures, _runs, _effects, _charges),
        *(_files_without_rows, _leftovers),
    ):
        yield from part(reading)


def _foreign_keys(reading: _Reading) -> Iterator[Inconsistency]:
    for table, number, parent, _key in reading.rows("PRAGMA foreign_key_check"):
        yield Inconsistency(
            "foreign_key",
            f"{table} {number}",
            f"Row {number} of {table} points at a row of {parent} that is not there.",
            "Restore a backup from before it happened, and report it: the app never writes this.",
        )


def _photos(reading: _Reading) -> Iterator[Inconsistency]:
    for sha256, name, size in reading.rows("SELECT sha256, name, size_bytes FROM photos"):
        original = f"photos/{sha256}"
        title = f"The photo {name}"
        yield from _file(reading, title, original, int(str(size)), str(sha256))
        for made, what in (
            (f"photos/working/{sha256}.jpg", "working copy"),
            (f"thumbs/photos/{sha256}.jpg", "thumbnail"),
        ):
            if not (reading.root / made).is_file():
                yield _missing_copy(made, f"{title} has no {what}.")


def _loras(reading: _Reading) -> Iterator[Inconsistency]:
    rows = reading.rows(
        "SELECT l.id, l.name, l.sha256, l.size_bytes, l.trashed_at, l.run_id, r.id "
        "FROM loras l LEFT JOIN runs r ON r.id = l.run_id"
    )
    for lora_id, name, sha256, size, trashed, run_id, found in rows:
        title = f"The LoRA {name}"
        weights = f"loras/{lora_id}/lora.safetensors"
        if trashed is None or (reading.root / weights).exists():
            yield from _file(reading, title, weights, int(str(size)), str(sha256))
        if run_id is not None and found is None:
            yield Inconsistency(
                "lora_without_run",
                str(lora_id),
                f"{title} came from the run {run_id}, which is not in the library.",
                "The LoRA works all the same; a backup may still know the run.",
            )


def _pictures(reading: _Reading) -> Iterator[Inconsistency]:
    rows = reading.rows(
        "SELECT id, state, file, thumb, sha256 FROM pictures WHERE trashed_at IS NULL"
    )
    for picture_id, state, file, thumb, sha256 in rows:
        title = f"The picture {picture_id}"
        if state == "done" and not file:
            yield Inconsistency(
                "picture_without_file",
                str(picture_id),
                f"{title} is done and has no file.",
                "Make it again with the same seed, which costs what a picture costs.",
            )
        if file:
            yield from _file(reading, title, str(file), None, str(sha256))
        if thumb and _inside(reading.root, str(thumb)) is None:
            yield _escape(str(thumb), title)
        elif state == "done" and not (thumb and (reading.root / str(thumb)).is_file()):
            yield _missing_copy(str(thumb), f"{title} has no thumbnail.")


def _file(
    reading: _Reading, title: str, name: str, size: int | None, sha256: str
) -> Iterator[Inconsistency]:
    reading.check()
    path = _inside(reading.root, name)
    if path is None:
        yield _escape(name, title)
        return
    if not path.is_file():
        yield Inconsistency(
            "file_missing",
            name,
            f"{title} is in the library and its file {name} is missing.",
            "Bring the file back from a copy of the folder, or remove the entry in the app.",
        )
        return
    has = path.stat().st_size
    if size is not None and has != size:
        yield _differs("size_differs", name, f"{title} should have {size} bytes and has {has}")
    elif sha256 and _hash(path, reading.check) != sha256:
        yield _differs("sha256_differs", name, f"{title} does not have the bytes that it had")


def _differs(what: str, name: str, says: str) -> Inconsistency:
    mend = "The file is kept as it is; bring the right one back from a copy of the folder."
    return Inconsistency(what, name, f"{says}: {name}.", mend)


def _missing_copy(name: str, says: str) -> Inconsistency:
    return Inconsistency(
        "copy_missing", name, says, "“Take in what lies on the disk” makes it again.", harmless=True
    )


def _escape(name: str, title: str) -> Inconsistency:
    return Inconsistency(
        "path_escapes",
        name,
        f"{title} names a file outside of the library: {name!r}.",
        "The app never opens it. Restore a backup from before it happened.",
    )


def _inside(root: Path, name: str) -> Path | None:
    try:
        return LibraryFiles(root=root).resolve(name)
    except StorageError:
        return None


def _hash(path: Path, check: Check) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            check()
            digest.update(chunk)
    return digest.hexdigest()


def _runs(reading: _Reading) -> Iterator[Inconsistency]:
    rows = reading.rows(
        "SELECT r.id, json_extract(r.plan, '$.name') FROM runs r LEFT JOIN loras l "
        "ON l.id = r.lora_id WHERE r.state = 'ready' AND l.id IS NULL"
    )
    for run_id, name in rows:
        yield Inconsistency(
            "run_without_lora",
            str(run_id),
            f"The run {name or run_id} is ready and its LoRA is not in the library.",
            "“Take in what lies on the disk” finds the weights if they are still there.",
        )


def _effects(reading: _Reading) -> Iterator[Inconsistency]:
    rows = reading.rows("SELECT id, kind, subject, state, remote_id FROM effects")
    for effect_id, kind, subject, state, remote_id in rows:
        # A service that answers with the picture itself gives no id for it.
        if state == "confirmed" and kind != "picture" and not remote_id:
            yield Inconsistency(
                "effect_without_remote_id",
                str(effect_id),
                f"The paid request for the {kind} {subject} was confirmed without the service's "
                "id.",
                "Look for it on the service's own page before anything is started again.",
            )
        if state == "in_flight" and not reading.owned:
            yield Inconsistency(
                "effect_in_flight",
                str(effect_id),
                f"The paid request for the {kind} {subject} was under way when the app ended.",
                "At its next start the app asks the service; nothing is sent again.",
                harmless=True,
            )


def _charges(reading: _Reading) -> Iterator[Inconsistency]:
    """Find what was made and is not in the ledger; pictures of other programs cost nothing here."""
    rows = reading.rows(
        "SELECT id, state FROM pictures WHERE state IN ('done', 'maybe_charged') AND id NOT IN "
        "(SELECT picture_id FROM charges WHERE picture_id IS NOT NULL)"
    )
    columns = {row[1] for row in reading.rows("PRAGMA table_info(pictures)")}
    if "source" in columns:  # it came with revision 7
        imported = {row[0] for row in reading.rows("SELECT id FROM pictures WHERE source != ''")}
        rows = [row for row in rows if row[0] not in imported]
    for picture_id, state in rows:
        was = "was made" if state == "done" else "may have been charged"
        yield Inconsistency(
            "charge_missing",
            str(picture_id),
            f"The picture {picture_id} {was} and has no line in the ledger.",
            "What was spent is more than Settings shows; the service's own bill has it.",
        )


def _files_without_rows(reading: _Reading) -> Iterator[Inconsistency]:
    photos = {str(row[0]) for row in reading.rows("SELECT sha256 FROM photos")}
    loras = {str(row[0]) for row in reading.rows("SELECT id FROM loras")}
    pictures = {str(row[0]) for row in reading.rows("SELECT id FROM pictures")}
    files = {str(row[0]) for row in reading.rows("SELECT file FROM pictures")}
    runs = {str(row[0]) for row in reading.rows("SELECT id FROM runs")}
    for name in _names(reading, "photos"):
        place = PurePosixPath(name)
        if place.name.removesuffix(".jpg") not in photos:
            yield _without_row(name, "photo")
    for name in _names(reading, "thumbs"):
        place = PurePosixPath(name)
        if place.stem not in (photos if place.parts[1] == "photos" else pictures):
            yield _without_row(name, "photo or picture")
    for name in _names(reading, "loras"):
        if PurePosixPath(name).parts[1] not in loras:
            yield _without_row(name, "LoRA")
    for name in _names(reading, "pictures"):
        if name not in files and PurePosixPath(name).stem not in pictures:
            yield _without_row(name, "picture")
    for name in _names(reading, "runs"):
        if PurePosixPath(name).parts[1] not in runs | _NO_RUN:
            yield _without_row(name, "run")


def _names(reading: _Reading, folder: str) -> Iterator[str]:
    """Yield the files below a folder, as the database would name them; leftovers are left out."""
    top = reading.root / folder
    for path in sorted(top.rglob("*")) if top.is_dir() else ():
        reading.check()
        if path.is_file() and path.suffix != ".part" and path.parent != reading.root / "runs":
            yield path.relative_to(reading.root).as_posix()


def _without_row(name: str, what: str) -> Inconsistency:
    back = "“Take in what lies on the disk” brings it back if it is whole."
    return Inconsistency(
        "file_without_row",
        name,
        f"The file {name} belongs to no {what} of the library.",
        "It is kept; nothing needs it any more." if what == "run" else back,
        harmless=True,
    )


def _leftovers(reading: _Reading) -> Iterator[Inconsistency]:
    if reading.owned:
        return  # they are being written
    for name in leftovers(reading.root):
        yield Inconsistency(
            "leftover",
            name,
            f"The file {name} was being written when the app ended.",
            "It is removed at the next start.",
            harmless=True,
        )
