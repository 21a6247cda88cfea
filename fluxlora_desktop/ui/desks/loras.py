"""The Lora desk: the library, publishing, import, trash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.names import shown_name
from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.domain.ports import JobContext, Transferred, Trash
from fluxlora_desktop.domain.routes import Route
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.jobs.runner import Job, JobRunner
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.ui.undoable import Undoable
from fluxlora_desktop.workflows.card import pictures_of
from fluxlora_desktop.workflows.collect import import_lora_file, import_lora_repo
from fluxlora_desktop.workflows.pictures import routes_of
from fluxlora_desktop.workflows.publish import (
    change_visibility,
    look_at_publication,
    publish_lora,
    show_on_card,
    withdraw_publication,
)
from fluxlora_desktop.workflows.strength import (
    StrengthWritten,
    finish_strengths,
    keep_strength,
    update_on_hub,
    write_strength,
)
from fluxlora_desktop.workflows.tools import Tools


@dataclass(frozen=True, slots=True)
class LoraWork:
    """Work on a Lora: what is done, and the bytes moved so far (None when it just began)."""

    lora_id: str
    says: str
    transfer: Transferred | None = None


@dataclass(frozen=True, slots=True)
class LoraPictures:
    """The gallery's pictures that were made with a Lora, newest first."""

    lora_id: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class _Strength:
    """A strength to be written; `old` is offered back, `header` is put back as it was."""

    scale: float
    old: float | None = None
    header: bytes | None = None


@dataclass(frozen=True, slots=True)
class CardChoice:
    """Pictures that shall be put on a Lora's card, as another page asks for it."""

    lora_id: str
    picture_ids: tuple[str, ...]


class LoraDesk(Desk):
    """Holds the Loras of the library.

    `listed()` when the list is known or a Lora came or went, `changed(Lora)`, `working(LoraWork)`
    while something is under way, `rested(str)` with the Lora's id when it is over,
    `pictures_found(LoraPictures)` answers `find_pictures`.
    """

    listed = Signal()
    changed = Signal(object)
    working = Signal(object)
    rested = Signal(str)
    pictures_found = Signal(object)

    def __init__(
        self, tools: Tools, jobs: JobRunner, trash: Trash, parent: QObject | None = None
    ) -> None:
        super().__init__(tools, jobs, parent)
        self._trash = trash
        self._loras: dict[str, Lora] = {}
        self._working: dict[str, Job] = {}
        self._to_write: dict[str, _Strength] = {}
        self.loaded = False

    def load(self) -> None:
        """Read the library's Loras."""
        self._run("List LoRAs", self._list, lane="library", done=self._on_listed)

    def _list(self, ctx: JobContext) -> tuple[Lora, ...]:
        if not self.loaded:
            finish_strengths(self.tools, ctx)  # later on, whatever is unfinished is under way
        return self.tools.stores.loras.all()

    @Slot(object)
    def _on_listed(self, loras: tuple[Lora, ...]) -> None:
        self._loras = {lora.id: lora for lora in loras}
        self.loaded = True
        self.listed.emit()

    def loras(self) -> tuple[Lora, ...]:
        """Return the Loras, newest first."""
        return tuple(sorted(self._loras.values(), key=lambda lora: lora.created_at, reverse=True))

    def lora(self, lora_id: str) -> Lora | None:
        """Return one Lora, or None."""
        return self._loras.get(lora_id)

    def routes(self, lora: Lora) -> tuple[Route, ...]:
        """Return where a Lora can be used and where not, with reasons."""
        return routes_of(lora, self.tools)

    def path(self, lora_id: str) -> Path:
        """Return where a Lora's file lies."""
        return self.tools.stores.files.lora(lora_id)

    def cover(self, lora: Lora) -> Path | None:
        """Return the thumbnail that stands for a Lora, or None."""
        files = self.tools.stores.files
        return files.photo_thumb(lora.cover_sha256) if lora.cover_sha256 else None

    def busy(self, lora_id: str) -> bool:
        """Tell whether something is under way with a Lora."""
        return lora_id in self._working

    def stop(self, lora_id: str) -> None:
        """Stop what is under way with a Lora."""
        job = self._working.get(lora_id)
        if job is not None:
            job.cancel()

    def publish(self, lora_id: str, repo: str, visibility: Visibility) -> None:
        """Publish a Lora on the hub."""

        def work(ctx: JobContext) -> Lora:
            return publish_lora(lora_id, repo, visibility, self.tools, ctx)

        self._work(lora_id, "Publishing", work, "Published and verified.")

    def find_pictures(self, lora_id: str) -> None:
        """Look for pictures that the card of a Lora can show."""

        def work(_ctx: JobContext) -> LoraPictures:
            return LoraPictures(lora_id, pictures_of(lora_id, self.tools))

        self._run("Find a LoRA's pictures", work, lane="details", done=self.pictures_found.emit)

    def locate(self, name: str) -> Path:
        """Return where a file of the library lies; asks the disk, so call it in a job."""
        return self.tools.stores.files.resolve(name)

    def show_on_card(self, lora_id: str, picture_ids: Sequence[str]) -> None:
        """Put exactly these pictures on a published Lora's card; the bar offers to take it back."""
        lora = self._loras.get(lora_id)
        if lora is None or lora.publication is None:
            return
        self._put_on_card(lora_id, tuple(picture_ids), undo=lora.publication.pictures)

    def _put_on_card(
        self, lora_id: str, picture_ids: tuple[str, ...], undo: tuple[str, ...] | None
    ) -> None:
        def work(ctx: JobContext) -> Lora:
            return show_on_card(lora_id, picture_ids, self.tools, ctx)

        job = self._work(lora_id, "Changing the card", work, "")
        if job is not None:
            job.succeeded.connect(partial(self._on_card, undo))

    def _on_card(self, undo: tuple[str, ...] | None, lora: Lora) -> None:
        shown = lora.publication.pictures if lora.publication else ()
        number = {0: "no pictures", 1: "1 picture"}.get(len(shown), f"{len(shown)} pictures")
        says = f"The card of {lora.name} shows {number} now."
        if undo is None or undo == shown:
            self.said.emit(says)
        else:
            back = partial(self._put_on_card, lora.id, undo, None)
            self.undoable.emit(Undoable(says, back))

    def set_visibility(self, lora_id: str, visibility: Visibility) -> None:
        """Make a published Lora public or private."""

        def work(_ctx: JobContext) -> Lora:
            return change_visibility(lora_id, visibility, self.tools)

        says = "Public now." if visibility is Visibility.PUBLIC else "Private now."
        self._work(lora_id, "Changing who can see it", work, says)

    def look(self, lora_id: str) -> None:
        """Ask the hub how a publication stands."""

        def work(_ctx: JobContext) -> Lora:
            return look_at_publication(lora_id, self.tools)

        self._work(lora_id, "Looking at the hub", work, "")

    def withdraw(self, lora_id: str) -> None:
        """Delete a Lora's repo on the hub; the Lora stays here."""

        def work(_ctx: JobContext) -> Lora:
            return withdraw_publication(lora_id, self.tools)

        self._work(lora_id, "Deleting the repo", work, "The repo is deleted. The LoRA is here.")

    def rename(self, lora_id: str, name: str) -> None:
        """Give a Lora another name."""
        if name.strip():
            self._change(lora_id, name=name.strip())

    def set_trigger(self, lora_id: str, word: str) -> None:
        """Keep the trigger word of an imported Lora."""
        self._change(lora_id, trigger_word=word.strip())

    def set_scale(self, lora_id: str, scale: float, *, undoable: bool = False) -> None:
        """Keep the strength that is offered first, in the weights' own words too."""
        before = self._loras.get(lora_id)
        old = before.recommended_scale if before is not None and undoable else None
        self._keep_scale(lora_id, _Strength(scale, old))

    def _keep_scale(self, lora_id: str, wanted: _Strength) -> None:
        def work(_ctx: JobContext) -> Lora:
            return keep_strength(lora_id, wanted.scale, self.tools)

        self._run("Change LoRA", work, lane="library", done=partial(self._on_scale_kept, wanted))

    def _on_scale_kept(self, wanted: _Strength, lora: Lora) -> None:
        self._keep(lora)
        self._write_scale(lora.id, wanted)

    def _write_scale(self, lora_id: str, wanted: _Strength) -> None:
        """Write the strength into the weights, after what is under way with them."""
        if lora_id in self._working:
            self._to_write[lora_id] = wanted
            return

        def work(ctx: JobContext) -> StrengthWritten:
            return write_strength(lora_id, self.tools, ctx, wanted.header)

        job = self._run(
            "Write the strength into the weights",
            work,
            lane="disk",
            done=partial(self._on_scale_written, wanted),
        )
        self._working[lora_id] = job
        job.finished.connect(partial(self._on_rest, lora_id))

    def _on_scale_written(self, wanted: _Strength, written: StrengthWritten) -> None:
        lora = written.lora
        self._keep(lora)
        if wanted.old is not None and wanted.old != wanted.scale:
            back = partial(self._keep_scale, lora.id, _Strength(wanted.old, header=written.before))
            says = f"{lora.name} is used at strength {wanted.scale:g} from now on."
            self.undoable.emit(Undoable(says, back))

    def update_on_hub(self, lora_id: str) -> None:
        """Send a published Lora's weights and card again, with what changed here."""

        def work(ctx: JobContext) -> Lora:
            return update_on_hub(lora_id, self.tools, ctx)

        self._work(lora_id, "Updating the hub", work, "The hub says the same now.")

    def set_base(self, lora_id: str, base: str) -> None:
        """Keep the base of an imported Lora whose header does not tell it."""
        self._change(lora_id, base=base)

    def _change(self, lora_id: str, **changes: Any) -> None:
        def work(_ctx: JobContext) -> Lora:
            return self.tools.stores.loras.update(lora_id, **changes)

        self._run("Change LoRA", work, lane="library", done=self._keep)

    def import_file(self, path: Path) -> None:
        """Take a weights file into the library."""

        def work(ctx: JobContext) -> Lora:
            return import_lora_file(path, "", self.tools, ctx)

        self._work(f"import:{path}", f"Importing {shown_name(path.name)}", work, "Imported.")

    def import_repo(self, repo: str) -> None:
        """Fetch a hub repo's weights into the library; owner/name or an address."""

        def work(ctx: JobContext) -> Lora:
            return import_lora_repo(repo, self.tools, ctx)

        self._work(f"import:{repo}", f"Fetching {repo}", work, "Imported.")

    def _work(
        self, lora_id: str, says: str, work: Callable[[JobContext], Lora], done: str
    ) -> Job | None:
        """Do something with a Lora, unless something is under way with it already."""
        if lora_id in self._working:
            return None
        job = self._run(
            says,
            work,
            lane="network",
            done=partial(self._on_worked, done),
            failed=partial(self._on_failed_work, partial(self._work, lora_id, says, work, done)),
            progress=partial(self._on_progress, lora_id, says),
        )
        self._working[lora_id] = job
        job.finished.connect(partial(self._on_rest, lora_id))
        self.working.emit(LoraWork(lora_id, says))
        return job

    def _on_progress(self, lora_id: str, says: str, event: object) -> None:
        if isinstance(event, Transferred):
            self.working.emit(LoraWork(lora_id, says, event))

    def _on_worked(self, says: str, lora: Lora) -> None:
        self._keep(lora)
        if says:
            self.said.emit(f"{lora.name}: {says}")

    def _on_rest(self, lora_id: str) -> None:
        self._working.pop(lora_id, None)
        wanted = self._to_write.pop(lora_id, None)
        if wanted is not None:
            self._write_scale(lora_id, wanted)
        self.rested.emit(lora_id)

    @Slot(object)
    def _keep(self, lora: Lora) -> None:
        fresh = lora.id not in self._loras
        self._loras[lora.id] = lora
        if fresh:
            self.listed.emit()
        self.changed.emit(lora)

    def delete(self, lora_id: str) -> None:
        """Move a Lora's file to the computer's trash; the bar offers to bring it back."""
        lora = self._loras.pop(lora_id, None)
        if lora is None:
            return
        self.listed.emit()
        self._run(
            "Delete LoRA",
            partial(self._put_in_trash, lora),
            lane="library",
            done=partial(self._on_trashed, lora),
        )

    def _put_in_trash(self, lora: Lora, _ctx: JobContext) -> Path | None:
        trashed = self._trash.put(self.path(lora.id))
        self.tools.stores.loras.trash(lora.id)
        return trashed

    def _on_trashed(self, lora: Lora, trashed: Path | None) -> None:
        says = f"{lora.name} was moved to the trash."
        self.undoable.emit(Undoable(says, partial(self._bring_back, lora, trashed)))

    def _bring_back(self, lora: Lora, trashed: Path | None) -> None:
        def work(_ctx: JobContext) -> Lora:
            if trashed is not None:
                self._trash.restore(trashed, self.path(lora.id))
            return self.tools.stores.loras.trash(lora.id, trashed=False)

        self._run("Bring LoRA back", work, lane="library", done=self._keep)
