"""The gallery desk: favourites, ratings, tags, the trash, copies that say nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from fluxlora_desktop.domain.errors import NotInTrash
from fluxlora_desktop.domain.gallery import PictureFilter
from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.domain.ports import JobContext, Trash
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.ui.undoable import Undoable
from fluxlora_desktop.ui.units import plural
from fluxlora_desktop.workflows.clean_copies import make_clean_copies, remove_clean_copies
from fluxlora_desktop.workflows.marks import (
    Marked,
    rate,
    tag,
    tag_sheet,
    take_back,
    toggle_favourite,
)
from fluxlora_desktop.workflows.tools import Tools
from fluxlora_desktop.workflows.trash import (
    BroughtBack,
    bring_back,
    delete_for_good,
    empty_old_trash,
    put_in_trash,
)


class GalleryDesk(Desk):
    """Marks and throws away pictures by their ids, as many as are selected.

    `marked(tuple of Picture)` with what they are now, `removed(tuple of ids)` when pictures leave
    the list in which they were, `restored(tuple of ids)` when some are back (none named: any may
    be), `tags_read(TagSheet)` and `uses_read(PictureUses, tags)` answer `read_tags` and
    `read_uses`. `filter` is what the gallery shows, kept while the app runs.
    """

    marked = Signal(object)
    removed = Signal(object)
    restored = Signal(object)
    tags_read = Signal(object)
    uses_read = Signal(object, object)

    def __init__(
        self, tools: Tools, jobs: JobRunner, trash: Trash, parent: QObject | None = None
    ) -> None:
        super().__init__(tools, jobs, parent)
        self._trash = trash
        self.filter = PictureFilter()

    def begin(self) -> None:
        """Forget what was thrown away more than 30 days ago, and copies of the last time."""

        def work(ctx: JobContext) -> None:
            remove_clean_copies(self.tools.stores.files)
            empty_old_trash(self.tools, ctx)

        self._run("Empty old trash", work, lane="library")

    @Slot()
    def tell_anew(self) -> None:
        """Let the pictures be looked up anew: others came in, or came back, some other way."""
        self.restored.emit(())

    def toggle_favourite(self, ids: Sequence[str]) -> None:
        """Make pictures favourites; when all of them are, none of them."""
        self._mark(lambda _ctx: toggle_favourite(tuple(ids), self.tools), _favourite_words)

    def rate(self, ids: Sequence[str], rating: int) -> None:
        """Rate pictures from 1 to 5; 0 takes the rating away."""
        self._mark(lambda _ctx: rate(tuple(ids), rating, self.tools), _rating_words)

    def change_tags(self, ids: Sequence[str], add: Sequence[str], remove: Sequence[str]) -> None:
        """Give pictures some tags and take others from them."""

        def work(_ctx: JobContext) -> Marked:
            return tag(tuple(ids), tuple(add), tuple(remove), self.tools)

        self._mark(work, _tag_words)

    def _mark(self, work: Callable[[JobContext], Marked], words: Callable[[Marked], str]) -> None:
        self._run("Mark pictures", work, lane="library", done=partial(self._on_marked, words))

    def _on_marked(self, words: Callable[[Marked], str], marked: Marked) -> None:
        if marked.after:
            self.marked.emit(marked.after)
            self.undoable.emit(Undoable(words(marked), partial(self._take_back, marked)))

    def _take_back(self, marked: Marked) -> None:
        self._run(
            "Take marks back",
            lambda _ctx: take_back(marked, self.tools),
            lane="library",
            done=lambda back: self.marked.emit(back.after),
        )

    def read_tags(self, ids: Sequence[str]) -> None:
        """Ask for the tags of pictures, to change them."""
        self._run(
            "Read tags",
            lambda _ctx: tag_sheet(tuple(ids), self.tools),
            lane="details",
            done=self.tags_read.emit,
        )

    def read_uses(self) -> None:
        """Ask what the pictures were made with and which tags there are."""

        def work(_ctx: JobContext) -> tuple[object, object]:
            pictures = self.tools.stores.pictures
            return pictures.uses(), pictures.tags()

        self._run("Read uses", work, lane="details", done=lambda found: self.uses_read.emit(*found))

    def delete(self, ids: Sequence[str]) -> None:
        """Move pictures to the computer's trash; they can be brought back for 30 days."""
        chosen = tuple(ids)
        if not chosen:
            return
        self.removed.emit(chosen)
        self._run(
            "Delete pictures",
            lambda ctx: put_in_trash(chosen, self._trash, self.tools, ctx),
            lane="disk",
            done=partial(self._on_trashed, chosen),
            failed=partial(self._on_trouble, chosen),
        )

    def _on_trashed(self, chosen: tuple[str, ...], gone: tuple[str, ...]) -> None:
        if len(gone) < len(chosen):
            self.restored.emit(tuple(set(chosen) - set(gone)))
        if gone:
            was = "was" if len(gone) == 1 else "were"
            says = f"{plural(len(gone), 'picture')} {was} moved to the trash."
            self.undoable.emit(Undoable(says, partial(self.restore, gone)))

    def _on_trouble(self, chosen: tuple[str, ...], error: object) -> None:
        """Tell of trouble in the middle: what became of the pictures is looked up anew."""
        self._tell_only(error)
        self.restored.emit(chosen)

    def restore(self, ids: Sequence[str]) -> None:
        """Bring pictures back from the trash; says which files are no longer there."""
        chosen = tuple(ids)
        self._run(
            "Bring pictures back",
            lambda ctx: bring_back(chosen, self._trash, self.tools, ctx),
            lane="disk",
            done=self._on_back,
            failed=partial(self._on_trouble, chosen),
        )

    def _on_back(self, found: BroughtBack) -> None:
        self.restored.emit(found.ids)
        if found.missing:
            path = self.tools.stores.files.resolve(found.missing[0].file)
            self._tell_only(NotInTrash(path, len(found.missing)))

    def delete_for_good(self, ids: Sequence[str]) -> None:
        """Delete pictures of the trash, with their files; there is no way back."""
        chosen = tuple(ids)
        self._run(
            "Delete for good",
            lambda ctx: delete_for_good(chosen, self._trash, self.tools, ctx),
            lane="disk",
            done=self._on_gone,
            failed=partial(self._on_trouble, chosen),
        )

    def _on_gone(self, gone: tuple[str, ...]) -> None:
        self.removed.emit(gone)
        was = "was" if len(gone) == 1 else "were"
        self.said.emit(f"{plural(len(gone), 'picture')} {was} deleted for good.")

    def clean_copies(
        self, pictures: Sequence[Picture], then: Callable[[tuple[Path, ...]], None]
    ) -> None:
        """Make copies without metadata for other apps, and hand over where they lie."""
        chosen = tuple(pictures)
        self._run(
            "Copy without metadata",
            lambda ctx: make_clean_copies(chosen, self.tools, ctx),
            lane="disk",
            done=then,
        )


def _favourite_words(marked: Marked) -> str:
    count = plural(len(marked.after), "picture")
    if marked.after[0].favourite:
        return f"{count} starred."
    return f"The star was taken off {count}."


def _rating_words(marked: Marked) -> str:
    count, rating = plural(len(marked.after), "picture"), marked.after[0].rating
    return f"{count} rated {rating} of 5." if rating else f"The rating was taken off {count}."


def _tag_words(marked: Marked) -> str:
    return f"The tags of {plural(len(marked.after), 'picture')} were changed."
