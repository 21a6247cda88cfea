"""Captions as files: a text beside each photo, or one table of all.

The table is CSV (RFC 4180) with the columns file, sha256 and caption. Cells that spreadsheets would
run are guarded (`domain.cells`), which reading takes away again, so that all comes back as it was.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from fluxlora_desktop.domain.cells import guarded, unguarded
from fluxlora_desktop.domain.datasets import DatasetPhoto
from fluxlora_desktop.domain.errors import InputError

COLUMNS = ("file", "sha256", "caption")
_DELIMITERS = (",", ";", "\t")
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_LONGEST_FIELD = 131_072
_LONGEST_STEM = 100
_SHORT_HASH = 8


@dataclass(frozen=True, slots=True)
class ReadCaptions:
    """Captions that were read, by photo; `unknown` names what belongs to no photo of the set.

    `empty` counts captions that are empty in the file: those leave what is there.
    """

    captions: Mapping[str, str]
    unknown: tuple[str, ...] = ()
    empty: int = 0


def write_table(photos: Sequence[DatasetPhoto]) -> str:
    """Return the captions of photos as CSV."""
    out = io.StringIO(newline="")
    table = csv.writer(out)
    table.writerow(COLUMNS)
    for item in photos:
        cells = (item.photo.name, item.photo.sha256, item.caption)
        table.writerow([guarded(cell) for cell in cells])
    return out.getvalue()


def read_table(text: str, photos: Sequence[DatasetPhoto]) -> ReadCaptions:
    """Return the captions in a CSV table; comma, semicolon or tab may part its columns.

    A row belongs to the photo of its hash, else to the only one of its name. Raises `InputError`
    with a sentence for people.
    """
    rows = _rows(text)
    where = _columns(rows[0] if rows else [])
    found = _Finding(photos)
    for row in rows[1:]:
        if not any(row):
            continue
        cells = {name: unguarded(row[at]) for name, at in where.items() if at < len(row)}
        name, sha256 = cells.get("file", ""), cells.get("sha256", "").strip().lower()
        found.add(name or sha256, found.photo(name, sha256), cells.get("caption", ""))
    return found.read()


def read_texts(texts: Mapping[str, str], photos: Sequence[DatasetPhoto]) -> ReadCaptions:
    """Return the captions in text files, given by file name."""
    found = _Finding(photos)
    own = {name.casefold(): sha256 for sha256, name in text_names(photos).items()}
    for name, text in texts.items():
        sha256 = own.get(name.casefold()) or found.photo(PurePosixPath(name).stem, "")
        found.add(name, sha256, text.replace("\r\n", "\n").strip())
    return found.read()


def text_names(photos: Sequence[DatasetPhoto]) -> dict[str, str]:
    """Return the name of each photo's text file, by photo: unlike all others, fit for any disk.

    That is the photo's name with `.txt` for its suffix; photos of one stem keep their suffix before
    it, and what would still be called alike gets the beginning of the photo's hash.
    """
    names = {item.photo.sha256: safe_name(item.photo.name) for item in photos}
    stems = Counter(_stem(name) for name in names.values())
    short = {
        sha256: name if stems[_stem(name)] > 1 else PurePosixPath(name).stem
        for sha256, name in names.items()
    }
    alike = Counter(name.casefold() for name in short.values())
    return {
        sha256: f"{name}{f'.{sha256[:_SHORT_HASH]}' * (alike[name.casefold()] > 1)}.txt"
        for sha256, name in short.items()
    }


def safe_name(name: str) -> str:
    """Return a photo's name as a file name that Windows, macOS and Linux take."""
    made = _FORBIDDEN.sub("_", name).strip(" .") or "photo"
    made = f"_{made}" if _RESERVED.match(made) else made
    path = PurePosixPath(made)
    stem = path.stem.encode()[:_LONGEST_STEM].decode(errors="ignore").rstrip(" .") or "photo"
    return stem + path.suffix[:10]


def _stem(name: str) -> str:
    return PurePosixPath(name).stem.casefold()


class _Finding:
    """Finds the photos that rows and files are about, and gathers their captions."""

    def __init__(self, photos: Sequence[DatasetPhoto]) -> None:
        self._hashes = {item.photo.sha256 for item in photos}
        names = [(item.photo.name, item.photo.sha256) for item in photos]
        names += [(safe_name(name), sha256) for name, sha256 in names]
        self._names = _alone((name.casefold(), sha256) for name, sha256 in names)
        self._stems = _alone((_stem(name), sha256) for name, sha256 in names)
        self._captions: dict[str, str] = {}
        self._unknown: list[str] = []
        self._seen: set[str] = set()
        self._empty = 0

    def photo(self, name: str, sha256: str) -> str:
        """Return the hash of the one photo that is meant, or ""."""
        if sha256:
            return sha256 if sha256 in self._hashes else ""
        key = name.strip().casefold()
        return self._names.get(key) or self._stems.get(key) or self._stems.get(_stem(key), "")

    def add(self, says: str, sha256: str, caption: str) -> None:
        """Take a caption; the first for a photo counts, what else names it is told as unknown."""
        if not sha256 or sha256 in self._seen:
            self._unknown.append(says)
            return
        self._seen.add(sha256)
        if caption.strip():
            self._captions[sha256] = caption
        else:
            self._empty += 1

    def read(self) -> ReadCaptions:
        """Return what was gathered."""
        return ReadCaptions(self._captions, tuple(self._unknown), self._empty)


def _alone(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return names that stand for one photo only."""
    found: dict[str, set[str]] = {}
    for name, sha256 in pairs:
        found.setdefault(name, set()).add(sha256)
    return {name: next(iter(hashes)) for name, hashes in found.items() if len(hashes) == 1}


def _rows(text: str) -> list[list[str]]:
    clean = text.removeprefix("\ufeff")
    first = clean.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        return list(csv.reader(io.StringIO(clean, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise InputError("file", "A row of the table is broken: a quote is not closed.") from error


def _columns(header: Sequence[str]) -> dict[str, int]:
    named = {cell.strip().casefold(): at for at, cell in enumerate(header)}
    where = {name: named[name] for name in COLUMNS if name in named}
    if "caption" not in where or len(where) < 2:
        raise InputError("file", "Its first row must name the columns file, sha256 and caption.")
    return where
