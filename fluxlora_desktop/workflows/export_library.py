"""Carry LoRAs, or the whole library, out into a folder that another installation reads."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from fluxlora_desktop import __version__
from fluxlora_desktop.domain.errors import DiskFull, InputError
from fluxlora_desktop.domain.exchange import CarriedFile, ExportChoice, Luggage
from fluxlora_desktop.domain.names import kept_name
from fluxlora_desktop.domain.ports import JobContext, Transferred
from fluxlora_desktop.workflows.exchange_folder import (
    FORMAT,
    MANIFEST,
    ROWS,
    VERSION,
    copy_file,
    file_of,
)
from fluxlora_desktop.workflows.tools import Tools, storage_trouble


@dataclass(frozen=True, slots=True)
class Exported:
    """An exported folder; `left_out` names files that are missing or are not what they were."""

    folder: Path
    left_out: tuple[str, ...] = ()


def luggage(choice: ExportChoice, tools: Tools) -> Luggage:
    """Return how much an export would carry."""
    counts = {"loras": 0, "photos": 0, "pictures": 0}
    size = 0
    for table, row in tools.stores.exchange.dump(choice):
        if table in counts:
            counts[table] += 1
            size += _size(tools, file_of(table, row))
    return Luggage(**counts, size_bytes=size)


def export_folder(choice: ExportChoice, folder: Path, tools: Tools, ctx: JobContext) -> Exported:
    """Write a choice into a new folder below `folder`.

    Reports `Transferred` in bytes. Raises `InputError` where there is nothing to carry, `DiskFull`,
    `StorageError` and its kin; a folder that was not finished is taken away.
    """
    load = luggage(choice, tools)
    if not (load.loras or load.pictures or load.photos):
        raise InputError("export", "There is nothing to carry yet.")
    names = _lora_names(choice, tools)
    target = _free_folder(folder, _title(choice, names))
    part = target.with_name(f".{target.name}.part")
    try:
        _require_room(folder, load.size_bytes)
        try:
            part.mkdir(parents=True)
            writing = _Writing(part, load, tools, ctx)
            writing.write(choice, names)
            part.replace(target)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    except OSError as error:
        raise storage_trouble(target, error) from error
    return Exported(target, tuple(writing.left_out))


def _require_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(folder, needed=needed, free=free)


@dataclass(slots=True)
class _Writing:
    """One folder on its way out."""

    folder: Path
    load: Luggage
    tools: Tools
    ctx: JobContext
    left_out: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    done: int = 0

    def write(self, choice: ExportChoice, names: tuple[str, ...]) -> None:
        """Write rows, files and, last, the manifest that makes the folder whole."""
        digest = hashlib.sha256()
        with (self.folder / ROWS).open("wb") as rows:
            for line in self._lines(choice):
                data = json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
                rows.write(data)
                digest.update(data)
        about = {
            "format": FORMAT,
            "version": VERSION,
            "form": self.tools.stores.exchange.form,
            "app": f"FluxLoRA Desktop {__version__}",
            "created_at": self.tools.clock.now().isoformat(),
            "whole": choice.lora_ids is None,
            "loras": list(names),
            "rows_sha256": digest.hexdigest(),
            "size_bytes": self.done,
        }
        text = json.dumps(about, ensure_ascii=False, indent=2) + "\n"
        (self.folder / MANIFEST).write_text(text, encoding="utf-8")

    def _lines(self, choice: ExportChoice) -> Iterator[Mapping[str, Any]]:
        for table, row in self.tools.stores.exchange.dump(choice):
            self.ctx.check()
            name = file_of(table, row)
            if name:
                self.files[name] = str(row["sha256"])
            yield {"table": table, "row": row}
        for name, sha256 in self.files.items():
            copied = self._carry(name, sha256)
            if copied is None:
                self.left_out.append(name)
            else:
                yield {"file": name, "sha256": copied.sha256, "size": copied.size_bytes}

    def _carry(self, name: str, sha256: str) -> CarriedFile | None:
        """Copy a file out; None when it is missing, or is no longer what its row says."""
        source = self.tools.stores.files.resolve(name)
        if not source.is_file():
            return None
        copied = copy_file(source, self.folder / name, self.ctx, partial(self._tell, self.done))
        if sha256 and copied.sha256 != sha256:
            (self.folder / name).unlink()
            return None
        self.done += copied.size_bytes
        return copied

    def _tell(self, before: int, more: int) -> None:
        self.ctx.report(Transferred("export", before + more, self.load.size_bytes))


def _size(tools: Tools, name: str) -> int:
    with suppress(OSError):
        return tools.stores.files.resolve(name).stat().st_size
    return 0


def _lora_names(choice: ExportChoice, tools: Tools) -> tuple[str, ...]:
    chosen = None if choice.lora_ids is None else set(choice.lora_ids)
    return tuple(
        lora.name for lora in tools.stores.loras.all() if chosen is None or lora.id in chosen
    )


def _title(choice: ExportChoice, names: tuple[str, ...]) -> str:
    if choice.lora_ids is not None and len(names) == 1:
        return kept_name(f"{names[0]} (FluxLoRA)")
    return "FluxLoRA library" if choice.lora_ids is None else "FluxLoRA LoRAs"


def _free_folder(folder: Path, name: str) -> Path:
    names = (name, *(f"{name} {number}" for number in range(2, 10_000)))
    return next(folder / each for each in names if not (folder / each).exists())
