"""The folder in which LoRAs or a library are carried: what lies where in it, and what it says.

It holds the files as a library does (`loras/`, `photos/`, `pictures/`), `manifest.json` with what
it is, and `rows.jsonl`: one row of the library in each line, then one line for each file with its
SHA-256. Tokens are never in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.exchange import CarriedFile
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.workflows.tools import Tools

MANIFEST, ROWS = "manifest.json", "rows.jsonl"
FORMAT, VERSION = "fluxlora-export", 1
_LARGEST_MANIFEST = 1_000_000
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Export:
    """What a folder says that it holds."""

    folder: Path
    whole: bool
    loras: tuple[str, ...]
    created_at: datetime
    rows_sha256: str
    size_bytes: int


def file_of(table: str, row: Mapping[str, Any]) -> str:
    """Return the name of the file that a row stands for, "" when it stands for none."""
    match table:
        case "photos":
            return f"photos/{row['sha256']}"
        case "loras":
            return f"loras/{row['id']}/lora.safetensors"
        case "pictures":
            return str(row["file"])
        case _:
            return ""


def copy_file(
    source: Path, target: Path, ctx: JobContext, tell: Callable[[int], None]
) -> CarriedFile:
    """Copy a file in pieces; return how it is, by the bytes that were copied."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as reading, target.open("wb") as writing:
        while piece := reading.read(_CHUNK):
            ctx.check()
            writing.write(piece)
            digest.update(piece)
            size += len(piece)
            tell(size)
    return CarriedFile(target.name, size, digest.hexdigest())


def is_export(folder: Path) -> bool:
    """Tell whether a folder looks like one that `export_folder` wrote."""
    return (folder / MANIFEST).is_file() and (folder / ROWS).is_file()


def read_export(folder: Path, tools: Tools) -> Export:
    """Return what an exported folder says that it holds; nothing of it is proven yet.

    Raises `InputError` for a folder that is none, is damaged, or is of a newer app.
    """
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _LARGEST_MANIFEST:
            raise InputError("folder", f"{path}: it is larger than any that this app writes.")
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError("folder", f"{folder} holds no exported library or LoRA.") from error
    except (ValueError, RecursionError) as error:
        raise InputError("folder", f"{path} is damaged.") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise InputError("folder", f"{path} was not written by this app.")
    try:
        newer = int(found["version"]) > VERSION or str(found["form"]) > tools.stores.exchange.form
        read = Export(
            folder=folder,
            whole=bool(found["whole"]),
            loras=tuple(str(name)[:200] for name in found["loras"]),
            created_at=datetime.fromisoformat(found["created_at"]),
            rows_sha256=str(found["rows_sha256"]),
            size_bytes=int(found["size_bytes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("folder", f"{path} is damaged.") from error
    if newer:
        raise InputError("folder", f"{folder} was written by a newer version of this app.")
    return read
