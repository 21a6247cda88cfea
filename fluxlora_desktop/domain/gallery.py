"""What the gallery can be asked for: which pictures, in which order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class PictureSort(StrEnum):
    """The order of the gallery; pictures that are equal in it come newest first."""

    NEWEST = "newest"
    OLDEST = "oldest"
    BEST = "best"
    NAME = "prompt"


@dataclass(frozen=True, slots=True)
class PictureQuery:
    """Which pictures the gallery shall show; a field left empty asks for nothing.

    Each of `words` must begin a word of the prompt; case and accents do not matter. `since` is the
    first moment, `before` the first one that is too late. `rating` is the least one wanted.
    `source` is a program that pictures were imported from. `trashed` asks for those in the trash
    instead of the others.
    """

    words: str = ""
    lora_id: str = ""
    base: str = ""
    generator: str = ""
    since: datetime | None = None
    before: datetime | None = None
    rating: int = 0
    favourite: bool = False
    tag: str = ""
    source: str = ""
    grid_id: str = ""
    trashed: bool = False
    sort: PictureSort = PictureSort.NEWEST


EVERYTHING = PictureQuery()
"""Every picture that is not in the trash, newest first."""
