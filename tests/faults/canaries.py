"""Canary tokens, and the search for them in everything that a program may leave behind.

A canary looks like a token of its service and opens nothing. `find_canaries` looks byte by byte, in
every form that programs give a text, also inside archives, pictures and databases. Its hits are
leaks wherever the canary has no business to be.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import random
import sqlite3
import string
import uuid
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

_MAGIC_ZIP, _MAGIC_GZIP, _MAGIC_PNG = b"PK\x03\x04", b"\x1f\x8b", b"\x89PNG\r\n\x1a\n"
_MAGIC_SQLITE = b"SQLite format 3\x00"
_DEEPEST = 3
_LARGEST_REGION = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Hit:
    """A canary found: where, which one, in which form."""

    place: str
    canary: str
    form: str


def canary_for(service: str, seed: str = "") -> str:
    """Return a token in the true shape of a service's; another seed makes another token."""
    dice = random.Random(f"{service}/{seed}")

    def letters(count: int) -> str:
        return "".join(dice.choices(string.ascii_letters + string.digits, k=count))

    if service == "fal":
        key_id = uuid.UUID(int=dice.getrandbits(128), version=4)
        return f"{key_id}:{dice.getrandbits(128):032x}"
    shapes = {
        "replicate": f"r8_{letters(37)}",
        "huggingface": f"hf_{letters(34)}",
        "together": f"tgp_v1_{letters(43)}",
    }
    return shapes[service]


def forms_of(value: str) -> dict[str, bytes]:
    """Return the bytes that a text becomes in the forms that programs give it."""
    raw = value.encode()
    wide = {"utf-16-le": value.encode("utf-16-le"), "utf-16-be": value.encode("utf-16-be")}
    forms = {
        "plain": raw,
        "reversed": raw[::-1],
        "hex": raw.hex().encode(),
        "url": quote(value, safe="").encode(),
        "json": json.dumps(value)[1:-1].encode(),
        **wide,
    }
    for name, data in {
        "base64": raw,
        **{f"base64 of {name}": it for name, it in wide.items()},
    }.items():
        for before, start in enumerate((0, 2, 3)):
            end = (before + len(data)) // 3 * 4
            padded = bytes(before) + data
            forms[f"{name} +{before}"] = base64.b64encode(padded)[start:end]
            forms[f"{name} url +{before}"] = base64.urlsafe_b64encode(padded)[start:end]
    return {form: shape for form, shape in forms.items() if form == "plain" or shape != raw}


def find_canaries(paths: Iterable[Path], canaries: Mapping[str, str]) -> list[Hit]:
    """Return every canary in these files and in all below these folders, names included.

    `canaries` are tokens by name. Links and sockets are not followed; what vanishes meanwhile is
    passed over.
    """
    hits: list[Hit] = []
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            hits += find_in(str(file).encode(), f"{file} (its name)", canaries)
            if file.is_file() and not file.is_symlink():
                with suppress(FileNotFoundError):
                    hits += find_in(file.read_bytes(), str(file), canaries)
                    hits += _in_rows(file, canaries)
    return hits


def find_in(data: bytes, place: str, canaries: Mapping[str, str], depth: int = 0) -> list[Hit]:
    """Return every canary in these bytes, and in what is packed in them."""
    hits = [
        Hit(place, name, form)
        for name, value in canaries.items()
        for form, shape in forms_of(value).items()
        if shape in data
    ]
    if depth < _DEEPEST:
        for inner, content in _unpacked(data):
            hits += find_in(content, f"{place} / {inner}", canaries, depth + 1)
    return hits


def find_in_text(text: str, place: str, canaries: Mapping[str, str]) -> list[Hit]:
    """Return every canary in a text, such as the clipboard's."""
    return find_in(text.encode(errors="replace"), place, canaries)


def find_in_processes(pids: Iterable[int], canaries: Mapping[str, str]) -> list[Hit]:
    """Return every canary in the command lines and environments of processes (Linux)."""
    hits: list[Hit] = []
    for pid in pids:
        for what in ("cmdline", "environ"):
            with suppress(OSError):
                data = Path(f"/proc/{pid}/{what}").read_bytes()
                hits += find_in(data, f"process {pid} {what}", canaries, _DEEPEST)
    return hits


def find_in_memory(pid: int, canaries: Mapping[str, str]) -> list[Hit]:
    """Return every canary in what a process has in memory and may write to (Linux): the control."""
    found: set[Hit] = set()
    regions = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for region in regions:
            where, rights = region.split()[:2]
            start, end = (int(it, 16) for it in where.split("-"))
            if "rw" not in rights or end - start > _LARGEST_REGION:
                continue
            with suppress(OSError, ValueError, OverflowError):
                memory.seek(start)
                data = memory.read(end - start)
                found |= {
                    Hit(f"memory of {pid}", name, "plain")
                    for name, value in canaries.items()
                    if value.encode() in data
                }
    return sorted(found, key=lambda hit: hit.canary)


def family_of(pid: int) -> list[int]:
    """Return a process and all below it (Linux)."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def _unpacked(data: bytes) -> Iterator[tuple[str, bytes]]:
    if data.startswith(_MAGIC_ZIP):
        with (
            suppress(zipfile.BadZipFile, RuntimeError),
            zipfile.ZipFile(io.BytesIO(data)) as archive,
        ):
            for name in archive.namelist():
                yield name, archive.read(name)
    elif data.startswith(_MAGIC_GZIP):
        with suppress(OSError, EOFError):
            yield "gzip", gzip.decompress(data)
    elif data.startswith(_MAGIC_PNG):
        yield from _png_texts(data)


def _png_texts(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the compressed texts of a PNG; the others lie open."""
    at = len(_MAGIC_PNG)
    while at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        chunk = data[at + 8 : at + 8 + length]
        if kind in {b"zTXt", b"iTXt", b"iCCP"}:
            for start in range(len(chunk)):
                if chunk[start : start + 1] == b"\x78":
                    with suppress(zlib.error):
                        yield kind.decode(), zlib.decompress(chunk[start:])
        at += length + 12


def _in_rows(file: Path, canaries: Mapping[str, str]) -> list[Hit]:
    """Look into a database's rows too: a long text is spread over pages that do not touch."""
    with file.open("rb") as opened:
        if opened.read(len(_MAGIC_SQLITE)) != _MAGIC_SQLITE:
            return []
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as connection,
    ):
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        rows = (
            repr(row)
            for (table,) in tables.fetchall()
            for row in connection.execute(f'SELECT * FROM "{table}"')
        )
        return find_in_text("\n".join(rows), f"{file} (rows)", canaries)
    return []
