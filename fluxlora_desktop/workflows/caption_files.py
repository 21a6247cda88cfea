"""Captions out of the library into files that other programs read, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fluxlora_desktop.domain.caption_edits import LONGEST_CAPTION
from fluxlora_desktop.domain.caption_files import (
    ReadCaptions,
    read_table,
    read_texts,
    text_names,
    write_table,
)
from fluxlora_desktop.domain.datasets import Dataset
from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.work import JobContext
from fluxlora_desktop.workflows.tools import storage_trouble
from fluxlora_desktop.workflows.write_out import write_out

_LARGEST_TABLE = 32_000_000
_LARGEST_TEXT = 4 * LONGEST_CAPTION  # UTF-8 takes at most four bytes a character
_NOT_TEXT = "It is not UTF-8 text. Save it as “CSV UTF-8”."
_TOO_LARGE = "It is too large for a table of captions."


def read_caption_table(path: Path, dataset: Dataset) -> ReadCaptions:
    """Return the captions in a CSV file. Raises `InputError`, and `StorageError` for the disk."""
    try:
        raw = path.read_bytes() if path.stat().st_size <= _LARGEST_TABLE else None
    except OSError as error:
        raise storage_trouble(path, error) from error
    if raw is None:
        raise InputError("file", _TOO_LARGE)
    try:
        return read_table(raw.decode("utf-8-sig"), dataset.photos)
    except UnicodeDecodeError as error:
        raise InputError("file", _NOT_TEXT) from error


def read_caption_texts(folder: Path, dataset: Dataset, ctx: JobContext) -> ReadCaptions:
    """Return the captions in the text files of a folder, those below it left out.

    A file that is too large or no UTF-8 text counts as one that belongs to no photo.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".txt")
        texts: dict[str, str] = {}
        unreadable: list[str] = []
        for path in paths:
            ctx.check()
            text = _text_in(path)
            if text is None:
                unreadable.append(path.name)
            else:
                texts[path.name] = text
    except OSError as error:
        raise storage_trouble(folder, error) from error
    read = read_texts(texts, dataset.photos)
    return ReadCaptions(read.captions, (*read.unknown, *unreadable), read.empty)


def _text_in(path: Path) -> str | None:
    if not path.is_file() or path.stat().st_size > _LARGEST_TEXT:  # a pipe would never end
        return None
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def texts_in_the_way(folder: Path, dataset: Dataset) -> tuple[str, ...]:
    """Return the names of files that `write_caption_texts` would replace by other ones."""
    try:
        return tuple(
            path.name
            for path, caption in _texts(folder, dataset)
            if path.exists() and (not path.is_file() or path.read_bytes() != caption.encode())
        )
    except OSError as error:
        raise storage_trouble(folder, error) from error


def write_caption_texts(folder: Path, dataset: Dataset, ctx: JobContext) -> int:
    """Write a text file for each photo that has a caption; return how many.

    Empty captions get none, since trainers take an empty file for a caption.
    """
    written = 0
    for path, caption in _texts(folder, dataset):
        ctx.check()
        write_out(path, caption.encode())
        written += 1
    return written


def write_caption_table(path: Path, dataset: Dataset) -> int:
    """Write the captions of all photos as CSV, with the mark that spreadsheets know UTF-8 by."""
    write_out(path, write_table(dataset.photos).encode("utf-8-sig"))
    return len(dataset.photos)


def _texts(folder: Path, dataset: Dataset) -> Iterator[tuple[Path, str]]:
    names = text_names(dataset.photos)
    for item in dataset.photos:
        if item.caption.strip():
            yield folder / names[item.photo.sha256], item.caption
