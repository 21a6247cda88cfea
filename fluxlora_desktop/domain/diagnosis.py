"""What a library tells of itself to somebody who is to help: numbers, never words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LibraryReport:
    """The library's revision and journal, how many rows of each kind and state, and errors.

    `counts` is by what is counted and then by state; `errors` is by class. `trouble` is the class
    of what kept the library from being read, "" when it was.
    """

    revision: str = ""
    journal: str = ""
    sqlite: str = ""
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    errors: Mapping[str, int] = field(default_factory=dict)
    trouble: str = ""
