"""A table of pictures to be drawn as one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SheetCell:
    """One place of the table: a file on this computer, or the words that stand for it."""

    path: Path | None
    words: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """A labelled table; `cells` along the rows, `width` and `height` the shape of each in pixels.

    `note` is the small line below the title, `facts` the JSON that goes into the file.
    """

    title: str
    note: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[SheetCell, ...]
    width: int
    height: int
    facts: str = ""
