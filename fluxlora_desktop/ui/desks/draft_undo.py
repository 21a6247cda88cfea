"""Steps of undo for photos and captions of the draft; each holds what it touched only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from PySide6.QtGui import QUndoCommand, QUndoStack

from fluxlora_desktop.domain.datasets import DatasetPhoto
from fluxlora_desktop.domain.edits import Edits

_PHOTOS, _CAPTIONS, _CHANGES = 1, 2, 3


@dataclass(frozen=True, slots=True)
class PhotoChange:
    """What is changed about a photo, and whether it is trained."""

    edits: Edits
    kept: bool


class Shows(Protocol):
    """Where steps are played."""

    def show_photos(self, photos: tuple[DatasetPhoto, ...]) -> None:
        """Make the set these photos in this order."""

    def show_captions(self, captions: dict[str, str]) -> None:
        """Make these captions so, by photo."""

    def show_changes(self, changes: Mapping[str, PhotoChange]) -> None:
        """Make these changes so, by photo."""


class PhotosCommand(QUndoCommand):
    """Photos added, removed or moved; additions of one batch are one step."""

    def __init__(
        self,
        desk: Shows,
        text: str,
        before: tuple[DatasetPhoto, ...],
        after: tuple[DatasetPhoto, ...],
        batch: int = 0,
    ) -> None:
        super().__init__(text)
        self._desk, self._before, self._after, self._batch = desk, before, after, batch

    def id(self) -> int:
        """Return the kind, so that Qt offers neighbours for merging."""
        return _PHOTOS

    def mergeWith(self, other: QUndoCommand) -> bool:
        """Take a later addition of the same batch into this step."""
        if not isinstance(other, PhotosCommand) or not self._batch or other._batch != self._batch:
            return False
        self._after = other._after
        return True

    def redo(self) -> None:
        """Show the set as it is after the step."""
        self._desk.show_photos(self._after)

    def undo(self) -> None:
        """Show the set as it was before the step."""
        self._desk.show_photos(self._before)


@dataclass(slots=True)
class CaptionChange:
    """What a step did to captions, by photo; `done` is false while it is undone.

    A step that is still going on is added to here, wherever in the stack it lies by then.
    """

    before: dict[str, str]
    after: dict[str, str]
    done: bool = False


class CaptionsCommand(QUndoCommand):
    """Captions written; typing in one caption is one step."""

    def __init__(self, desk: Shows, text: str, change: CaptionChange, typing: str = "") -> None:
        super().__init__(text)
        self._desk, self._change, self.typing = desk, change, typing

    def id(self) -> int:
        """Return the kind, so that Qt offers neighbours for merging."""
        return _CAPTIONS

    def mergeWith(self, other: QUndoCommand) -> bool:
        """Take further typing in the same caption into this step; it goes once nothing is left."""
        if not isinstance(other, CaptionsCommand) or not self.typing or other.typing != self.typing:
            return False
        self._change.after = other._change.after
        self.setObsolete(self._change.after == self._change.before)
        return True

    def redo(self) -> None:
        """Show the captions as they are after the step."""
        self._change.done = True
        self._desk.show_captions(self._change.after)

    def undo(self) -> None:
        """Show the captions as they were before the step."""
        self._change.done = False
        self._desk.show_captions(self._change.before)


class ChangesCommand(QUndoCommand):
    """Photos cropped, turned, kept or left out."""

    def __init__(
        self,
        desk: Shows,
        text: str,
        before: Mapping[str, PhotoChange],
        after: Mapping[str, PhotoChange],
    ) -> None:
        super().__init__(text)
        self._desk, self._before, self._after = desk, before, after

    def id(self) -> int:
        """Return the kind; each change is a step of its own."""
        return _CHANGES

    def redo(self) -> None:
        """Show the photos as they are after the step."""
        self._desk.show_changes(self._after)

    def undo(self) -> None:
        """Show the photos as they were before the step."""
        self._desk.show_changes(self._before)


def typed_last(stack: QUndoStack) -> str:
    """Return the hash of the photo whose caption was typed as the last step, or ""."""
    last = stack.command(stack.index() - 1)
    return last.typing if isinstance(last, CaptionsCommand) else ""
