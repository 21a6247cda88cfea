"""Something that was done and can be taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Undoable:
    """The words for the undo bar, and the way back."""

    says: str
    undo: Callable[[], None]
