"""The draft desk: everything that the Create wizard shows and asks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QUndoStack

from fluxlora_desktop.domain.buckets import resolutions_of
from fluxlora_desktop.domain.captioning import CaptionOrder
from fluxlora_desktop.domain.captions import replace_trigger, with_trigger
from fluxlora_desktop.domain.datasets import (
    Dataset,
    DatasetPhoto,
    Finding,
    Mend,
    Photo,
    PhotoFacts,
    Readiness,
    readiness,
)
from fluxlora_desktop.domain.dismissals import dismissal_keys, sort_out, to_forget
from fluxlora_desktop.domain.edits import Box, Edits
from fluxlora_desktop.domain.errors import DatasetError, InputError, TooFewPhotos
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.routes import Route
from fluxlora_desktop.domain.runs import Run, RunPlan
from fluxlora_desktop.domain.saved_recipes import SavedRecipe
from fluxlora_desktop.domain.services import NOT_A_TOKEN_FIELD, holds_token
from fluxlora_desktop.domain.training import Choice, Parameters, Preset, Trainer
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.ui.desks.draft_undo import (
    CaptionChange,
    CaptionsCommand,
    ChangesCommand,
    PhotoChange,
    PhotosCommand,
)
from fluxlora_desktop.ui.desks.photo_intake import Arrivals, Arrived, PhotoIntake, Refused
from fluxlora_desktop.ui.desks.recipes import RecipeDesk
from fluxlora_desktop.ui.units import plural
from fluxlora_desktop.workflows.photos import (
    edit_photo,
    find_remarks,
    is_dated,
    list_photos,
    measure_again,
    passed_over,
)
from fluxlora_desktop.workflows.plans import (
    TrainerName,
    Way,
    check_plan,
    check_ready,
    choices_for,
    trainer_of,
    troubles_of,
    way_to,
    ways_for,
)
from fluxlora_desktop.workflows.recipes import changes_for
from fluxlora_desktop.workflows.tools import Tools
from fluxlora_desktop.workflows.versions import (
    branch,
    draft_like,
    export_dataset,
    import_dataset,
    is_exported,
)

HELD = "Changes are not being saved, so nothing is launched. Make room on the disk."
HELD_FIELD = "disk"
COMING = "Photos are still coming in."
_CHECK_MS, _CHECK_BUSY_MS = 120, 400
"""How long nothing changes before the findings are looked for; while photos come in, longer."""
_JUDGED = frozenset({"preset", "backend", "trainer"})
_Listed = tuple[tuple[Path, ...], tuple[DatasetError, ...]]
"""The photos among files and folders, and what is in the folders besides."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The draft as it stands.

    `ways` are the trainers on offer and `way` the one chosen; `problem` says what keeps Start from
    being pressed ("" when nothing does) and `problem_field` which input it is about; `troubles` are
    all parameters that cannot stay as they are, each with the reason.
    """

    run: Run
    dataset: Dataset
    findings: tuple[Finding, ...]
    ways: tuple[Way, ...]
    way: Way
    choices: tuple[Choice, ...]
    problem: str = ""
    problem_field: str = ""
    troubles: Mapping[str, str] = field(default_factory=dict)
    dismissed: tuple[Finding, ...] = ()

    @property
    def plan(self) -> RunPlan:
        """Return what was chosen."""
        return self.run.plan

    @property
    def trainer(self) -> Trainer:
        """Return the trainer that was chosen."""
        return self.way.trainer

    @property
    def estimate(self) -> Estimate:
        """Return what the training takes, in money and time."""
        return self.way.estimate

    @property
    def routes(self) -> tuple[Route, ...]:
        """Return where the finished LoRA could be used."""
        return self.way.routes

    @property
    def caption_source(self) -> str:
        """Return what becomes of the captions that are left empty: a phrase for "they are ..."."""
        values = {choice.name: choice.value for choice in self.choices}
        if self.trainer.describes_photos(values):
            return "written by the trainer"
        parameter = self.trainer.with_role("default_caption")
        words = values.get(parameter.name, "") if parameter else ""
        return f"set to “{words}”" if words else "left empty"

    @property
    def resolutions(self) -> tuple[int, ...]:
        """Return the resolutions that are trained, in pixels; 1024 where the trainer has none."""
        parameter = self.trainer.with_role("resolution")
        values = {choice.name: choice.value for choice in self.choices}
        return resolutions_of(str(values.get(parameter.name, "")) if parameter else "")

    @property
    def readiness(self) -> Readiness:
        """Return the verdict over the photos."""
        return readiness(self.findings)


class DraftDesk(Desk):
    """Holds the one draft that the wizard works on; every change is saved as it is made.

    `changed(Draft)` after every change, `arriving(Arrivals)` while photos come in, `refused(tuple
    of Refused)` when a batch ends with files left out. Undo and redo are `undo_stack`'s.
    """

    changed = Signal(object)
    arriving = Signal(object)
    refused = Signal(object)

    def __init__(self, tools: Tools, jobs: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(tools, jobs, parent)
        self.undo_stack = QUndoStack(self)
        self._run_row: Run | None = None
        self._dataset = Dataset("")
        self._findings: tuple[Finding, ...] = ()
        self._places: dict[str, int] = {}
        self._measuring: set[tuple[str, str]] = set()
        self._fresh: dict[str, Photo] = {}  # measured again since the draft was opened
        self._by_hand: dict[TrainerName, Parameters] = {}  # of trainers that were left
        self._written = "", CaptionChange({}, {})  # by a model: the order, and its step of undo
        self._check_soon = QTimer(self, singleShot=True, interval=_CHECK_MS)
        self._check_soon.timeout.connect(self._check)
        self._checking = False
        self.held_changed.connect(self.tell_anew)
        self.intake = PhotoIntake(tools, jobs, self)
        self.intake.arrived.connect(self._on_arrived)
        self.intake.arriving.connect(self._on_arriving)
        self._told_busy = False
        self.intake.refused.connect(self.refused)
        self.intake.failed.connect(self._tell_only)
        self.intake.said.connect(self.said)
        self.recipes = RecipeDesk(tools, jobs, self)
        self.recipes.failed.connect(self._tell_only)
        self.recipes.said.connect(self.said)
        self.recipes.undoable.connect(self.undoable)

    def load(self) -> None:
        """Bring back the draft that was worked on last, or begin one."""
        self._run("Open draft", self._open, lane="library", done=self._on_opened)

    def begin_anew(self) -> None:
        """Begin an empty draft; the old one is forgotten, its photos stay in the library."""
        old = self._run_row
        if old is not None:
            self._save("Forget draft", partial(self.tools.stores.runs.delete_draft, old.id))
        self.load_next()

    def branch(self, run: Run) -> None:
        """Make a draft of what a run trained on; the old draft is forgotten, the run stays."""
        self._take_place(partial(branch, run, self.tools))

    def begin_like(self, lora: Lora) -> None:
        """Make a draft for another Lora like this one; the old draft is forgotten."""
        self._take_place(partial(draft_like, lora, self.tools))

    def _take_place(self, make: Callable[[], Run]) -> None:
        old = self._run_row
        work = partial(self._make_in_place, make, old.id if old is not None else "")
        self._run("Make draft", work, lane="library", done=self._on_branched)

    def _on_branched(self, opened: tuple[Run, Dataset]) -> None:
        self.undo_stack.clear()
        self._on_opened(opened)

    def _make_in_place(
        self, make: Callable[[], Run], old: str, _ctx: JobContext
    ) -> tuple[Run, Dataset]:
        draft = make()
        if old:  # only now: what was given up for it stays when the new one cannot be made
            self.tools.stores.runs.delete_draft(old)
        return draft, self.tools.stores.datasets.get(draft.dataset_id)

    def export(self, folder: Path) -> None:
        """Write the set into a new folder below this one, as other trainers read it."""
        self._run(
            "Export photos",
            partial(_export, self._dataset, folder, self.tools),
            lane="disk",
            done=self._on_exported,
        )

    def _on_exported(self, target: Path) -> None:
        count = plural(len(self._dataset.kept), "photo")
        self.said.emit(f"{count} with captions are in {target.name}.")

    def load_next(self) -> None:
        """Begin the draft after one that was started."""
        self.undo_stack.clear()
        self._run("New draft", self._create, lane="library", done=self._on_opened)

    def _open(self, ctx: JobContext) -> tuple[Run, Dataset]:
        drafts = self.tools.stores.runs.drafts()
        if not drafts:
            return self._create(ctx)
        return drafts[0], self.tools.stores.datasets.get(drafts[0].dataset_id)

    def _create(self, _ctx: JobContext) -> tuple[Run, Dataset]:
        dataset = self.tools.stores.datasets.create()
        return self.tools.stores.runs.create(dataset.id, RunPlan()), dataset

    @Slot(object)
    def _on_opened(self, opened: tuple[Run, Dataset]) -> None:
        self._run_row, self._dataset = opened
        self._findings = ()
        self._by_hand.clear()
        self._make_copies()
        self._announce()
        self._measure_again()

    def _measure_again(self) -> None:
        """Measure photos again whose facts are dated; what fails stays as it was."""
        faces = self._wants_faces()
        for item in self._dataset.photos:
            sha256, edits = item.sha256, item.edits
            if item.edited is not None and is_dated(item.edited, self.tools, faces=faces):
                again = partial(_edit, sha256, edits, faces, self.tools)
                self._measure_once(
                    (sha256, edits.key), again, partial(self._on_edited, sha256, edits)
                )
            if is_dated(item.photo.facts, self.tools, faces=faces):
                work = partial(_measure_photo, item.photo, faces, self.tools)
                self._measure_once((sha256, ""), work, self._on_measured)

    def _measure_once(
        self, what: tuple[str, str], work: Callable[[JobContext], Any], done: Callable[[Any], None]
    ) -> None:
        """Measure a photo, or one with its edits, unless that goes on already."""
        if what in self._measuring:
            return
        self._measuring.add(what)
        job = self._run(
            "Measure photo", work, lane="photos", done=done, failed=self._on_not_measured
        )
        job.finished.connect(partial(self._measuring.discard, what))

    def _wants_faces(self) -> bool:
        return self._plan is not None and self._plan.preset is Preset.FACE

    @Slot(object)
    def _on_measured(self, photo: Photo) -> None:
        self._fresh[photo.sha256] = photo
        photos = self._with_fresh(self._dataset.photos)
        if photos != self._dataset.photos:
            self._dataset = replace(self._dataset, photos=photos)
            self._announce()

    def _on_not_measured(self, error: object) -> None:
        """Say nothing: the photo is as good as before, and is measured at the next start."""

    def _with_fresh(self, photos: tuple[DatasetPhoto, ...]) -> tuple[DatasetPhoto, ...]:
        """Return the photos with what was measured since; steps of undo hold older facts."""
        return tuple(
            replace(item, photo=self._fresh[item.sha256]) if item.sha256 in self._fresh else item
            for item in photos
        )

    @Slot()
    def tell_anew(self) -> None:
        """Say once more how the draft stands: a service said what it offers now."""
        if self.loaded:
            self._announce(check=False)

    @property
    def _plan(self) -> RunPlan | None:
        return self._run_row.plan if self._run_row is not None else None

    @property
    def loaded(self) -> bool:
        """Tell whether the draft is known yet."""
        return self._run_row is not None

    def draft(self) -> Draft:
        """Return the draft; call it only after `changed` was seen once."""
        assert self._run_row is not None, "the draft is not loaded yet"
        run, dataset = self._run_row, self._dataset
        services = self.tools.services
        backend = services.trainer(run.plan.backend)
        chosen = (backend.key, trainer_of(run.plan, backend).key)
        ways = ways_for(run, dataset, services, self._by_hand)
        troubles = troubles_of(run, backend, dataset)
        problem, where = self._problem(run, dataset, troubles)
        findings, dismissed = sort_out(self._findings, dataset.dismissed)
        return Draft(
            run=run,
            dataset=dataset,
            findings=findings,
            dismissed=dismissed,
            ways=ways,
            way=next(way for way in ways if way.name == chosen),
            choices=choices_for(run.plan, backend, dataset),
            problem=problem,
            problem_field=where,
            troubles=troubles,
        )

    def _problem(self, run: Run, dataset: Dataset, troubles: Mapping[str, str]) -> tuple[str, str]:
        if self.held is not None:
            return HELD, HELD_FIELD
        if self.intake.busy():
            return COMING, "photos"
        try:
            check_plan(run, dataset)
            check_ready(run.plan, self.tools.services.trainer(run.plan.backend))
        except InputError as error:
            return error.reason, error.field
        except TooFewPhotos as error:
            return f"Add {plural(error.need - error.have, 'more photo')}.", "photos"
        if troubles:
            parameter, reason = next(iter(troubles.items()))
            return reason, parameter
        findings, _dismissed = sort_out(self._findings, dataset.dismissed)
        blocked = [f for f in findings if f.severity == "block"]
        return (blocked[0].says, "photos") if blocked else ("", "")

    def _announce(self, *, check: bool = True) -> None:
        if check:
            self._check_soon.start(_CHECK_BUSY_MS if self.intake.busy() else _CHECK_MS)
        self._told_busy = self.intake.busy()
        self.changed.emit(self.draft())

    @Slot()
    def _check(self) -> None:
        if self._checking or self._run_row is None:
            return
        self._checking = True
        job = self._run(
            "Check photos",
            partial(self._find, self._dataset, self._run_row.plan, self.intake.coming()),
            lane="details",
            done=self._on_checked,
        )
        job.finished.connect(self._on_check_over)

    def checking(self) -> bool:
        """Tell whether findings are being looked for: those that are known may be old."""
        return self.intake.busy() or self._checking or self._check_soon.isActive()

    def _find(
        self, dataset: Dataset, plan: RunPlan, coming: int, _ctx: JobContext
    ) -> tuple[Dataset, RunPlan, tuple[Finding, ...]]:
        trainer = trainer_of(plan, self.tools.services.trainer(plan.backend))
        found = find_remarks(dataset, self.tools, plan.preset, trainer, coming=coming)
        return dataset, plan, found

    @Slot(object)
    def _on_checked(self, checked: tuple[Dataset, RunPlan, tuple[Finding, ...]]) -> None:
        dataset, plan, findings = checked
        if dataset is not self._dataset or _judged(plan) != _judged(self._plan):
            self._check_soon.start()
        if findings != self._findings:
            self._findings = findings
            self._announce(check=False)

    @Slot()
    def _on_check_over(self) -> None:
        self._checking = False

    def add_files(self, paths: Iterable[Path]) -> None:
        """Take files and folders in; they appear one after another.

        A folder that this app exported comes back whole where the set is still empty.
        """
        chosen = tuple(paths)
        ticket = self.intake.announce(len(chosen))
        if len(chosen) == 1 and not self._dataset.photos and self._run_row is not None:
            self._run(
                "Look for a set",
                partial(_is_exported, chosen[0]),
                lane="disk",
                done=partial(self._on_looked, chosen, ticket),
                failed=partial(self._on_not_found, ticket),
            )
        else:
            self._look_for_photos(chosen, ticket)

    def add_picture(self, data: bytes, name: str) -> None:
        """Take a pasted picture in."""
        self.intake.add_picture(data, name)

    def _on_looked(self, chosen: tuple[Path, ...], ticket: int, exported: bool) -> None:
        if not exported:
            self._look_for_photos(chosen, ticket)
            return
        self.intake.withdraw(ticket)
        self._run(
            "Bring a set back",
            partial(_import, chosen[0], self._dataset.id, self.tools),
            lane="library",
            done=self._on_imported,
        )

    def _on_imported(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self.undo_stack.clear()
        self._announce()
        self.said.emit(f"{plural(len(dataset.photos), 'photo')} came back with their captions.")

    def _look_for_photos(self, chosen: tuple[Path, ...], ticket: int) -> None:
        self._run(
            "Look for photos",
            partial(_list_photos, chosen),
            lane="disk",
            done=partial(self._on_listed, chosen, ticket),
            failed=partial(self._on_not_found, ticket),
        )

    def _on_not_found(self, ticket: int, error: object) -> None:
        self.intake.withdraw(ticket)
        self._tell_only(error)

    def _on_listed(self, chosen: tuple[Path, ...], ticket: int, listed: _Listed) -> None:
        photos, others = listed
        if not photos and not others:
            others = tuple(DatasetError(path, "there are no photos in it") for path in chosen)
        if photos:
            self.intake.add(photos, ticket)
        else:
            self.intake.withdraw(ticket)
        if others:
            self.refused.emit(tuple(Refused(error.path, error) for error in others))

    def _on_arriving(self, arrivals: Arrivals) -> None:
        self.arriving.emit(arrivals)
        if self.loaded and self.intake.busy() != self._told_busy:
            self._announce()  # while photos come in, nothing is started, and they are counted

    def _on_arrived(self, lot: tuple[Arrived, ...]) -> None:
        """Put photos that came at their places; those of one batch are one step of undo."""
        for batch, arrived in groupby(lot, key=attrgetter("batch")):
            before = self._dataset.photos
            after, captions = list(before), dict[str, str]()
            for one in arrived:
                self._put_at_its_place(one, after, captions)
            if len(after) > len(before):
                step = PhotosCommand(self, "Add photos", before, tuple(after), batch)
                self.undo_stack.push(step)
            for sha256, caption in captions.items():
                self._save_caption(sha256, caption)
        if self._wants_faces():
            self._measure_again()

    def _put_at_its_place(
        self, arrived: Arrived, photos: list[DatasetPhoto], captions: dict[str, str]
    ) -> None:
        sha256 = arrived.taken.photo.sha256
        if any(item.sha256 == sha256 for item in photos):
            error = DatasetError(arrived.path, "it is in the set already")
            self.intake.leave_out(arrived.path, error)
            return
        self._places[sha256] = arrived.place
        at = len(photos)
        while at and self._places.get(photos[at - 1].sha256, -1) > arrived.place:
            at -= 1
        caption = "" if holds_token(arrived.taken.caption) else arrived.taken.caption
        photos.insert(at, DatasetPhoto(arrived.taken.photo, caption))
        if caption:
            captions[sha256] = caption

    def show_photos(self, photos: tuple[DatasetPhoto, ...]) -> None:
        """Make the set these photos in this order; what undo and redo call.

        Captions of photos that are in the set stay as they are: a model may write some meanwhile.
        """
        known = {item.sha256: item.caption for item in self._dataset.photos}
        photos = tuple(_with_caption(item, known) for item in photos)
        self._dataset = replace(self._dataset, photos=self._with_fresh(photos))
        hashes = self._dataset.hashes()
        store = self.tools.stores.datasets
        self._save("Save photos", partial(store.set_photos, self._dataset.id, hashes))
        self._announce()

    def remove(self, hashes: Sequence[str]) -> None:
        """Take photos out of the set, with undo; their captions stay in the library."""
        before = self._dataset.photos
        after = tuple(item for item in before if item.photo.sha256 not in set(hashes))
        if after == before:
            return
        gone = len(before) - len(after)
        text = "Remove photo" if gone == 1 else f"Remove {gone} photos"
        self.undo_stack.push(PhotosCommand(self, text, before, after))

    def move(self, sha256: str, to: int) -> None:
        """Put one photo at another place, counted from 0."""
        before = self._dataset.photos
        moved = [item for item in before if item.photo.sha256 == sha256]
        rest = [item for item in before if item.photo.sha256 != sha256]
        after = (*rest[:to], *moved, *rest[to:])
        if after != before:
            self.undo_stack.push(PhotosCommand(self, "Move photo", before, after))

    def set_kept(self, hashes: Sequence[str], kept: bool) -> None:
        """Train these photos, or leave them out of the training; they stay in the set."""
        words = "Keep" if kept else "Leave out"
        chosen = {item.sha256: item for item in self._dataset.photos if item.sha256 in set(hashes)}
        self._change(
            f"{words} {plural(len(chosen), 'photo')}",
            {sha256: PhotoChange(item.edits, kept) for sha256, item in chosen.items()},
        )

    def set_edits(self, sha256: str, edits: Edits) -> None:
        """Crop, turn, straighten or mirror one photo; its original is not touched."""
        item = next(item for item in self._dataset.photos if item.sha256 == sha256)
        words = "Undo changes to photo" if edits.plain else "Change photo"
        self._change(words, {sha256: PhotoChange(edits, item.kept)})

    def _change(self, text: str, changes: Mapping[str, PhotoChange]) -> None:
        old = {item.sha256: PhotoChange(item.edits, item.kept) for item in self._dataset.photos}
        new = {sha256: change for sha256, change in changes.items() if old[sha256] != change}
        if new:
            before = {sha256: old[sha256] for sha256 in new}
            self.undo_stack.push(ChangesCommand(self, text, before, new))

    def show_changes(self, changes: Mapping[str, PhotoChange]) -> None:
        """Make these changes so; what undo and redo call."""
        self._dataset = replace(
            self._dataset,
            photos=tuple(self._changed(item, changes) for item in self._dataset.photos),
        )
        store = self.tools.stores.datasets
        for sha256, change in changes.items():
            write = partial(store.set_change, self._dataset.id, sha256, change.edits)
            self._save("Save change", partial(write, kept=change.kept))
        self._make_copies()
        self._announce()

    def _changed(self, item: DatasetPhoto, changes: Mapping[str, PhotoChange]) -> DatasetPhoto:
        change = changes.get(item.sha256)
        if change is None:
            return item
        edited = item.edited if change.edits == item.edits else None
        return replace(item, edits=change.edits, kept=change.kept, edited=edited)

    def _make_copies(self) -> None:
        """Make and measure the copies of photos whose edits are new."""
        for item in self._dataset.photos:
            if item.edits.plain or item.edited is not None:
                continue
            self._run(
                "Change photo",
                partial(_edit, item.sha256, item.edits, self._wants_faces(), self.tools),
                lane="photos",
                done=partial(self._on_edited, item.sha256, item.edits),
                failed=self._tell_only,
            )

    def _on_edited(self, sha256: str, edits: Edits, facts: PhotoFacts) -> None:
        def measured(item: DatasetPhoto) -> DatasetPhoto:
            fits = item.sha256 == sha256 and item.edits == edits
            return replace(item, edited=facts) if fits else item

        photos = tuple(measured(item) for item in self._dataset.photos)
        self._dataset = replace(self._dataset, photos=photos)
        self._announce()

    def set_caption(self, sha256: str, caption: str) -> None:
        """Write one caption; typing in one caption is one step of undo."""
        self._write_captions("Edit caption", {sha256: caption}, typing=sha256)

    def add_trigger_to_all(self) -> None:
        """Put the trigger word in front of every caption that lacks it.

        Empty captions stay empty: those are made up at the training, the trigger word in them.
        """
        self._add_trigger(self._dataset.hashes())

    def _add_trigger(self, hashes: Sequence[str]) -> None:
        chosen = set(hashes)
        word = self._dataset.trigger_word.strip()
        changed = {
            item.photo.sha256: with_trigger(item.caption, word)
            for item in self._dataset.photos
            if item.caption.strip() and item.sha256 in chosen
        }
        self._write_captions(f"Add {word} to all captions", changed)

    def write_captions(self, text: str, captions: dict[str, str]) -> bool:
        """Write captions by photo as one step of undo, named `text`; tell whether any is new."""
        return self._write_captions(text, captions)

    def _write_captions(self, text: str, captions: dict[str, str], typing: str = "") -> bool:
        if self._refuses_token("caption", *captions.values()):
            return False
        old = {item.photo.sha256: item.caption for item in self._dataset.photos}
        new = {sha: words for sha, words in captions.items() if old.get(sha) != words}
        if new:
            change = CaptionChange({sha: old[sha] for sha in new if sha in old}, new)
            self.undo_stack.push(CaptionsCommand(self, text, change, typing))
        return bool(new)

    def take_written(self, order: CaptionOrder, sha256: str, caption: str) -> bool:
        """Show a caption that a model wrote, and that the library has; an order is one undo step.

        False where a person wrote other words meanwhile: theirs stay, and are saved anew.
        """
        if order.dataset_id != self._dataset.id:
            return True
        before = order.captions[sha256]
        now = {item.photo.sha256: item.caption for item in self._dataset.photos}.get(sha256)
        if now is None:  # the photo was taken out; its caption is kept with it
            return True
        if now != before:
            self._save_caption(sha256, now)
            return False
        name, change = self._written
        if name == order.id and change.done:
            change.before[sha256], change.after[sha256] = before, caption
            self.show_captions({sha256: caption})
        else:
            change = CaptionChange({sha256: before}, {sha256: caption})
            self._written = order.id, change
            self.undo_stack.push(CaptionsCommand(self, "Write captions", change))
        return True

    def show_captions(self, captions: dict[str, str]) -> None:
        """Make these captions so; what undo and redo call."""
        photos = tuple(_with_caption(item, captions) for item in self._dataset.photos)
        self._dataset = replace(self._dataset, photos=photos)
        store = self.tools.stores.datasets
        self._save("Save captions", partial(store.set_captions, self._dataset.id, dict(captions)))
        self._announce()

    def _save_caption(self, sha256: str, caption: str) -> None:
        store = self.tools.stores.datasets
        self._save("Save caption", partial(store.set_caption, self._dataset.id, sha256, caption))

    def set_trigger(self, word: str, *, in_captions: bool = False) -> None:
        """Keep the trigger word; `in_captions` also exchanges it in the captions."""
        old = self._dataset.trigger_word
        if word == old or self._refuses_token("trigger_word", word):
            return
        self._dataset = replace(self._dataset, trigger_word=word)
        store = self.tools.stores.datasets
        self._save("Save trigger word", partial(store.set_trigger, self._dataset.id, word))
        if in_captions and old.strip() and word.strip():
            exchanged = {
                item.photo.sha256: replace_trigger(item.caption, old.strip(), word.strip())
                for item in self._dataset.photos
            }
            self._write_captions(f"Use {word} in captions", exchanged)
            self._rename_in_default_caption(old.strip(), word.strip())
        self._announce()

    def _rename_in_default_caption(self, old: str, new: str) -> None:
        """Exchange the trigger word in captions of photos without one that were typed by hand."""
        draft = self.draft()
        for way in draft.ways:
            chosen = way.name == draft.way.name
            changes = draft.plan.parameters if chosen else self._by_hand.get(way.name, {})
            parameter = way.trainer.with_role("default_caption")
            if parameter is None or parameter.name not in changes:
                continue
            text = replace_trigger(str(changes[parameter.name]), old, new)
            self._by_hand[way.name] = {**changes, parameter.name: text}
            if chosen:
                self.set_plan(parameters=self._by_hand[way.name])

    def mend(self, finding: Finding) -> None:
        """Do the one click that a finding offers, as far as it is the draft's to do."""
        if finding.mend is Mend.REMOVE:
            self.remove(finding.photos)
        elif finding.mend in {Mend.KEEP_SHARPER, Mend.KEEP_ONE}:
            self.remove(finding.photos[1:])
        elif finding.mend is Mend.ADD_TRIGGER:
            self._add_trigger(finding.photos)
        elif finding.mend is Mend.TRIM:
            self._trim(finding.photos)

    def _trim(self, hashes: Sequence[str]) -> None:
        """Cut the black bars off."""
        changes = {}
        for item in self._dataset.photos:
            left, top, right, bottom = item.seen.facts.bars
            if item.sha256 in hashes and any(item.seen.facts.bars):
                crop = item.edits.crop.within(Box(left, top, 1 - right, 1 - bottom))
                changes[item.sha256] = PhotoChange(replace(item.edits, crop=crop), item.kept)
        self._change("Trim the bars", changes)

    def dismiss(self, finding: Finding) -> None:
        """Remember that a finding is accepted as it is."""
        self._set_dismissed(dismissal_keys(finding), True)

    def show_again(self, keys: Collection[str]) -> None:
        """Forget dismissals, by their keys; what they were about is remarked again."""
        self._set_dismissed(to_forget(self._dataset.dismissed, keys), False)

    def _set_dismissed(self, keys: Collection[str], dismissed: bool) -> None:
        known = self._dataset.dismissed
        now = known.union(keys) if dismissed else known.difference(keys)
        self._dataset = replace(self._dataset, dismissed=now)
        write = partial(self.tools.stores.datasets.dismiss, self._dataset.id, *keys)
        self._save("Dismiss finding", partial(write, dismissed=dismissed))
        self._announce()

    def _refuses_token(self, field: str, *texts: str) -> bool:
        """Tell whether a token was put where none belongs; it is not kept, and that is said."""
        if not any(map(holds_token, texts)):
            return False
        self._announce(check=False)  # the field shows again what was there
        self._tell_only(InputError(field, NOT_A_TOKEN_FIELD))
        return True

    def choose_way(self, way: Way) -> None:
        """Train with another trainer; what was changed by hand for the old one waits for it."""
        self._choose(way)

    def choose_goal(self, goal: str) -> None:
        """Say where the LoRA shall be used; a trainer that cannot lead there is exchanged."""
        draft = self.draft()
        self._choose(way_to(goal, draft.ways, draft.way), goal=goal)

    def _choose(self, way: Way, **changes: Any) -> None:
        draft = self.draft()
        if way.name != draft.way.name:
            self._by_hand[draft.way.name] = draft.plan.parameters
            changes["parameters"] = self._by_hand.get(way.name, {})
        self.set_plan(backend=way.backend, trainer=way.trainer.key, **changes)

    def use_recipe(self, recipe: SavedRecipe) -> None:
        """Choose as a saved recipe says, as far as it is offered."""
        self.set_plan(**changes_for(recipe, self.tools))

    def set_plan(self, **changes: Any) -> None:
        """Change choices of the plan; the names are those of `RunPlan`."""
        assert self._run_row is not None
        plan = replace(self._run_row.plan, **changes)
        if plan == self._run_row.plan:
            return
        for name, value in {**changes, **plan.parameters}.items():
            if isinstance(value, str) and self._refuses_token(name, value):
                return
        self._run_row = replace(self._run_row, plan=plan)
        self._save("Save draft", partial(self.tools.stores.runs.save_plan, self._run_row.id, plan))
        self._announce(check=not _JUDGED.isdisjoint(changes))
        if "preset" in changes:
            self._measure_again()


def _with_caption(item: DatasetPhoto, captions: Mapping[str, str]) -> DatasetPhoto:
    """Return a photo with its new caption; the same object where it has none."""
    caption = captions.get(item.sha256, item.caption)
    return item if caption == item.caption else replace(item, caption=caption)


def _judged(plan: RunPlan | None) -> tuple[object, ...]:
    """Return what of a plan the findings depend on."""
    return tuple(getattr(plan, name) for name in sorted(_JUDGED)) if plan is not None else ()


def _list_photos(paths: tuple[Path, ...], _ctx: JobContext) -> _Listed:
    return list_photos(paths), passed_over(paths)


def _is_exported(folder: Path, _ctx: JobContext) -> bool:
    return is_exported(folder)


def _import(folder: Path, dataset_id: str, tools: Tools, ctx: JobContext) -> Dataset:
    return import_dataset(folder, dataset_id, tools, ctx)


def _export(dataset: Dataset, folder: Path, tools: Tools, ctx: JobContext) -> Path:
    return export_dataset(dataset, folder, tools, ctx)


def _measure_photo(photo: Photo, faces: bool, tools: Tools, _ctx: JobContext) -> Photo:
    return measure_again(photo, tools, faces=faces)


def _edit(sha256: str, edits: Edits, faces: bool, tools: Tools, _ctx: JobContext) -> PhotoFacts:
    return edit_photo(sha256, edits, tools, faces=faces)
