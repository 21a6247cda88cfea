"""Carrying LoRAs, or a whole library, to another installation: a folder with a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Row = tuple[str, Mapping[str, Any]]
"""A table's name and one row of it, as JSON can hold it."""


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """What is carried out: these Loras, or the whole library when `lora_ids` is None.

    A Lora brings the run that made it, with `photos` what it was trained on, with `pictures` what
    was made with it. A whole library brings drafts, prompts and the ledger as well.
    """

    lora_ids: tuple[str, ...] | None = None
    photos: bool = True
    pictures: bool = True


@dataclass(frozen=True, slots=True)
class CarriedFile:
    """A file of the library: its name there, with forward slashes, and how many bytes it has."""

    name: str
    size_bytes: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Luggage:
    """How much an export would carry."""

    loras: int
    photos: int
    pictures: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """What came in from an exported folder; the rest of it was in the library already."""

    loras: int = 0
    runs: int = 0
    photos: int = 0
    pictures: int = 0
    known: int = 0

    @property
    def anything(self) -> bool:
        """Tell whether something new came in."""
        return any((self.loras, self.runs, self.photos, self.pictures))


@dataclass(frozen=True, slots=True)
class NewHere:
    """Which of the things in an export a library does not have, by their ids.

    `same_loras` maps ids of the export to those of Loras here that have the same bytes.
    """

    loras: frozenset[str] = frozenset()
    photos: frozenset[str] = frozenset()
    pictures: frozenset[str] = frozenset()
    same_loras: Mapping[str, str] = field(default_factory=dict)
