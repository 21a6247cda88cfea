"""Bring in a folder that `export_folder` wrote, here or on another computer.

Nothing in it is trusted: names are made anew, bytes are hashed, weights, photos and pictures are
read as those of strangers are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from fluxlora_desktop.domain.errors import CorruptFile, InputError, StorageError, UnreadablePhoto
from fluxlora_desktop.domain.exchange import Arrived, CarriedFile, NewHere, Row
from fluxlora_desktop.domain.ports import JobContext, Transferred
from fluxlora_desktop.domain.weights import inspect_weights
from fluxlora_desktop.workflows.exchange_folder import (
    ROWS,
    Export,
    copy_file,
    file_of,
    read_export,
)
from fluxlora_desktop.workflows.tools import Tools, storage_trouble

_LONGEST_LINE = 8_000_000
_PICTURE = re.compile(r"pictures/\d{4}/\d{2}/([A-Za-z0-9_-]+)\.(?:png|jpe?g|webp)")


def bring_in(folder: Path, tools: Tools, ctx: JobContext) -> Arrived:
    """Bring an exported folder into the library; what is here already stays as it is.

    What lies in the trash here comes back. Reports `Transferred` in bytes. Raises `InputError` for
    a damaged folder, `CorruptFile` for a file that is not what the manifest says, and leaves
    nothing behind then.
    """
    export = read_export(folder, tools)
    tools.stores.files.require_room(export.size_bytes)
    arriving = _Arriving(export, tools, ctx)
    try:
        arriving.read()
        arriving.place_files()
        return arriving.finish()
    except BaseException:
        arriving.undo()
        raise


@dataclass(slots=True)
class _Arriving:
    """One folder on its way in."""

    export: Export
    tools: Tools
    ctx: JobContext
    files: dict[str, CarriedFile] = field(default_factory=dict)
    owners: dict[str, Row] = field(default_factory=dict)
    new_loras: set[str] = field(default_factory=set)
    new_photos: set[str] = field(default_factory=set)
    new_pictures: set[str] = field(default_factory=set)
    same_loras: dict[str, str] = field(default_factory=dict)
    back_loras: set[str] = field(default_factory=set)
    back_pictures: set[str] = field(default_factory=set)
    placed: list[Path] = field(default_factory=list)
    done: int = 0

    def read(self) -> None:
        """Read what the folder holds and decide what of it is new here."""
        digest = hashlib.sha256()
        for line in self._lines(digest.update):
            if "file" in line:
                name = str(line["file"])
                size = int(line["size"])
                self.files[name] = CarriedFile(name, size, str(line["sha256"]))
            elif line.get("table") in {"photos", "loras", "pictures"}:
                table, row = str(line["table"]), line["row"]
                self.owners[file_of(table, row)] = (table, row)
        if digest.hexdigest() != self.export.rows_sha256:
            raise InputError("folder", f"{self.export.folder / ROWS} is damaged.")
        for name, (table, row) in self.owners.items():
            self._check_name(table, row)
            if name in self.files:
                self._decide(table, row)

    def _check_name(self, table: str, row: Mapping[str, Any]) -> None:
        """Raise `InputError` for a row whose file would lie elsewhere than the library puts it."""
        files = self.tools.stores.files
        try:
            match table:
                case "photos":
                    files.original(str(row["sha256"]))
                case "loras":
                    files.lora(str(row["id"]))
                case _ if not _is_picture(str(row["id"]), str(row["file"])):
                    raise InputError("folder", "A name in it leads elsewhere.")
        except StorageError as error:
            raise InputError("folder", "A name in it leads elsewhere.") from error

    def _decide(self, table: str, row: Mapping[str, Any]) -> None:
        stores, mine = self.tools.stores, str(row.get("id", ""))
        if table == "photos":
            if stores.datasets.photo(str(row["sha256"])) is None:
                self.new_photos.add(str(row["sha256"]))
        elif table == "loras":
            known = stores.loras.with_sha256(str(row["sha256"]))
            if known is None:
                with suppress(KeyError):
                    known = stores.loras.get(mine)
            if known is None:
                self.new_loras.add(mine)
                return
            if known.id != mine:
                self.same_loras[mine] = known.id
            if known.trashed_at is not None and known.id == mine:
                self.back_loras.add(mine)
        else:
            there = stores.pictures.page((mine,))
            if not there:
                self.new_pictures.add(mine)
            elif there[0].trashed_at is not None:
                self.back_pictures.add(mine)

    def place_files(self) -> None:
        """Copy the files of everything new, each one proven to be what the manifest says."""
        for name, (table, row) in self.owners.items():
            file = self.files.get(name)
            if file is None or not self._wanted(table, row):
                continue
            if file.sha256 != row["sha256"] and (table != "pictures" or row["sha256"]):
                raise CorruptFile(self.export.folder / name, "its row names other bytes")
            getattr(self, f"_place_{table}")(self._fetched(file), row)

    def _wanted(self, table: str, row: Mapping[str, Any]) -> bool:
        match table:
            case "photos":
                return row["sha256"] in self.new_photos
            case "loras":
                return row["id"] in self.new_loras | self.back_loras
            case _:
                return row["id"] in self.new_pictures | self.back_pictures

    def _fetched(self, file: CarriedFile) -> Path:
        """Copy a file of the folder into the library's room for imports; return the copy."""
        source = self.export.folder / file.name
        copy = self.tools.stores.files.run_folder("imports") / f"{file.sha256[:16]}.arriving"
        if source.is_symlink() or not source.is_file() or source.stat().st_size != file.size_bytes:
            raise CorruptFile(source, "it is missing or has another size than the manifest says")
        before = self.done

        def tell(more: int) -> None:
            self.ctx.report(Transferred("import", before + more, self.export.size_bytes))

        self.placed.append(copy)
        try:
            got = copy_file(source, copy, self.ctx, tell)
        except OSError as error:
            raise storage_trouble(copy, error) from error
        self.done += got.size_bytes
        if got.sha256 != file.sha256:
            raise CorruptFile(source, "its bytes are not those that the manifest names")
        return copy

    def _place(self, copy: Path, target: Path) -> None:
        existed = target.exists()
        self.tools.stores.files.place(copy, target)
        if not existed:
            self.placed.append(target)

    def _place_photos(self, copy: Path, row: Mapping[str, Any]) -> None:
        files, sha256 = self.tools.stores.files, str(row["sha256"])
        original, thumb = files.original(sha256), files.photo_thumb(sha256)
        self._place(copy, original)
        try:
            self.tools.photos.develop(original, working=files.working(sha256), thumb=thumb)
        except UnreadablePhoto as error:
            raise CorruptFile(self.export.folder / "photos" / sha256, error.reason) from error
        self.placed += [files.working(sha256), thumb]

    def _place_loras(self, copy: Path, row: Mapping[str, Any]) -> None:
        facts = inspect_weights(copy, self.ctx.check)
        if facts.tensor_hash != row["tensor_hash"]:
            raise CorruptFile(self.export.folder, "its weights are not those that its row names")
        self._place(copy, self.tools.stores.files.lora(str(row["id"])))

    def _place_pictures(self, copy: Path, row: Mapping[str, Any]) -> None:
        files = self.tools.stores.files
        target, thumb = files.resolve(str(row["file"])), files.picture_thumb(str(row["id"]))
        self._place(copy, target)
        try:
            self.tools.pictures.thumbnail(target, thumb)
        except UnreadablePhoto as error:
            raise CorruptFile(self.export.folder / str(row["file"]), error.reason) from error
        self.placed.append(thumb)

    def finish(self) -> Arrived:
        """Put the rows in and bring back what lay in the trash."""
        stores = self.tools.stores
        new = NewHere(
            loras=frozenset(self.new_loras),
            photos=frozenset(self.new_photos),
            pictures=frozenset(self.new_pictures),
            same_loras=self.same_loras,
        )
        arrived = stores.exchange.take(self._rows(), new)
        for lora_id in self.back_loras:
            stores.loras.trash(lora_id, trashed=False)
        stores.pictures.trash(sorted(self.back_pictures), trashed=False)
        return Arrived(
            loras=arrived.loras + len(self.back_loras),
            runs=arrived.runs,
            photos=arrived.photos,
            pictures=arrived.pictures + len(self.back_pictures),
            known=arrived.known - len(self.back_loras) - len(self.back_pictures),
        )

    def _rows(self) -> Iterator[Row]:
        files = self.tools.stores.files
        for line in self._lines(_ignore):
            self.ctx.check()
            if "table" in line:
                table, row = str(line["table"]), dict(line["row"])
                if table == "pictures":
                    thumb = files.picture_thumb(str(row["id"]))
                    row["thumb"] = files.relative(thumb)
                yield table, row

    def _lines(self, seen: Callable[[bytes], object]) -> Iterator[Mapping[str, Any]]:
        path = self.export.folder / ROWS
        try:
            with path.open("rb") as file:
                while line := _one_line(file, path):
                    seen(line)
                    self.ctx.check()
                    found = json.loads(line)
                    if not isinstance(found, dict):
                        raise InputError("folder", f"{path} is damaged.")
                    yield found
        except OSError as error:
            raise InputError("folder", f"{path} cannot be read.") from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError("folder", f"{path} is damaged.") from error

    def undo(self) -> None:
        """Remove what was placed so far."""
        for path in self.placed:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _one_line(file: BinaryIO, path: Path) -> bytes:
    line = file.readline(_LONGEST_LINE)
    if len(line) == _LONGEST_LINE:
        raise InputError("folder", f"{path} is damaged: a line in it has no end.")
    return line


def _is_picture(picture_id: str, name: str) -> bool:
    found = _PICTURE.fullmatch(name)
    return found is not None and found[1] == picture_id


def _ignore(_line: bytes) -> None:
    """Look at nothing."""
