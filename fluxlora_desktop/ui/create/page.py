"""The Create page: five steps, one draft, one click that costs money."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QKeySequence,
    QShortcut,
)
from PySide6.QtWidgets import QLineEdit, QStackedWidget

from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.runs import Run
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.create.body import StepBody
from fluxlora_desktop.ui.create.caption_choices import CaptionChoices
from fluxlora_desktop.ui.create.captions import CaptionsStep
from fluxlora_desktop.ui.create.destination import DestinationStep
from fluxlora_desktop.ui.create.dialogs import (
    AskStartOver,
    ChoosePaths,
    ask_start_over,
    choose_files,
    choose_folder,
)
from fluxlora_desktop.ui.create.footer import Footer
from fluxlora_desktop.ui.create.intake import offers_photos, take_in
from fluxlora_desktop.ui.create.photos import PhotosStep
from fluxlora_desktop.ui.create.recipe import RecipeStep
from fluxlora_desktop.ui.create.review import ReviewStep
from fluxlora_desktop.ui.create.steps import Step, StepLine, step_of_field
from fluxlora_desktop.ui.desks.captioning import CaptioningDesk
from fluxlora_desktop.ui.desks.captions import CaptionDesk
from fluxlora_desktop.ui.desks.draft import Draft, DraftDesk
from fluxlora_desktop.ui.desks.runs import RunCaptions, RunDesk
from fluxlora_desktop.ui.page import Page
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import EmptyState, button

_CALM_MS = 150
"""How long nothing changes before steps out of sight show the draft as it stands."""


class CreatePage(Page):
    """Walks from photos to Start; people may walk ahead, only Start waits for what is missing.

    Files and pictures may be dropped or pasted on every step. `choose_files`, `choose_folder` and
    `ask` are the questions to the person, which tests answer. `step_shown(Step)` when one is.
    """

    step_shown = Signal(object)

    def __init__(
        self,
        *,
        draft: DraftDesk,
        runs: RunDesk,
        jobs: JobRunner,
        captioning: CaptioningDesk | None = None,
        caption_choices: CaptionChoices | None = None,
        choose_files: ChoosePaths = choose_files,
        choose_folder: ChoosePaths = choose_folder,
        ask: AskStartOver = ask_start_over,
    ) -> None:
        super().__init__("create", "Create")
        self._desk, self._runs, self._ask = draft, runs, ask
        self._starting = self._wanted = ""
        self._step = Step.PHOTOS
        self._brought: RunCaptions | None = None
        self._using = QTimer(self, singleShot=True, interval=0)
        self._using.timeout.connect(self._use_brought)
        self._stale: dict[StepBody, Draft] = {}
        self._freshening = QTimer(self, singleShot=True)
        self._freshening.timeout.connect(self._freshen_next)
        self.undo_stack = draft.undo_stack
        self._thumbs = ThumbLoader(jobs, self)
        self.photos = PhotosStep(
            draft=draft,
            thumbs=self._thumbs,
            choose_files=choose_files,
            choose_folder=choose_folder,
        )
        self.captions = CaptionsStep(
            draft=draft,
            captions=CaptionDesk(draft, jobs, self),
            thumbs=self._thumbs,
            captioning=captioning,
            choices=caption_choices,
        )
        self.recipe = RecipeStep(draft=draft)
        self.destination = DestinationStep(draft=draft)
        self.review = ReviewStep(draft=draft)
        self._bodies: dict[Step, StepBody] = {
            Step.PHOTOS: self.photos,
            Step.CAPTIONS: self.captions,
            Step.RECIPE: self.recipe,
            Step.DESTINATION: self.destination,
            Step.REVIEW: self.review,
        }
        self.step_line, self.footer = StepLine(), Footer()
        self.back_button = self.footer.back_button
        self.next_button = self.footer.next_button
        self.start_button = self.footer.start_button
        self._lay_out()
        self._connect()
        self._show_step()
        if draft.loaded:
            self._on_changed(draft.draft())

    def _lay_out(self) -> None:
        self.start_over_button = button("Start over", self._start_over, symbol="refresh")
        self.start_over_button.setObjectName("start_over")
        self.header.addWidget(self.start_over_button)
        self._stack = QStackedWidget()
        self._waiting = EmptyState("clock", "Opening your draft")
        again = button("Try again", self._desk.load, role="primary")
        self._failed = EmptyState("error", "The draft could not be opened.", again)
        self._stack.addWidget(self._waiting)
        self._stack.addWidget(self._failed)
        for body in self._bodies.values():
            self._stack.addWidget(body)
        self.body.addWidget(self.step_line)
        self.body.addWidget(self._stack, 1)
        self.body.addWidget(self.footer)
        for edit in self.findChildren(QLineEdit):
            edit.setAcceptDrops(False)
        self.setAcceptDrops(True)

    def _connect(self) -> None:
        self._desk.changed.connect(self._on_changed)
        self._desk.failed.connect(self._on_failed)
        self._runs.changed.connect(self._on_run)
        self._runs.failed.connect(self._on_start_failed)
        self._runs.over_limit.connect(self._on_over_limit)
        self.step_line.chosen.connect(self._on_step_chosen)
        self.footer.going.connect(self._on_step_chosen)
        self.footer.mending.connect(self._on_mending)
        self.recipe.set_up_wanted.connect(self._on_set_up)
        self.footer.starting.connect(self._start)
        self.photos.change_trigger.connect(self._on_change_trigger)
        self.captions.back.connect(self._on_back_to_photos)
        if self.captions.writing is not None:
            self.captions.writing.settings_wanted.connect(self._on_settings_wanted)

        for keys, by in (("Ctrl+PgDown", 1), ("Ctrl+PgUp", -1)):
            here = Qt.ShortcutContext.WidgetWithChildrenShortcut
            QShortcut(QKeySequence(keys), self, partial(self._walk, by), context=here)

    def _walk(self, by: int) -> None:
        """Go to the step before or after, and bring the keyboard along."""
        to = self._step + by
        if self._desk.loaded and 0 <= to < len(Step):
            self.go_to(Step(to))
            self._bodies[self._step].focus_field("")

    def step(self) -> Step:
        """Return the step that is shown."""
        return self._step

    def go_to(self, step: Step) -> None:
        """Show a step; the one before saves what was typed as it goes out of sight."""
        before = self._bodies[self._step]
        held = before.isAncestorOf(self.focusWidget() or self)
        self._step = step
        self._show_step()
        self.step_shown.emit(step)
        if held and self._desk.loaded:
            self._bodies[step].focus_field("")

    def _show_step(self, draft: Draft | None = None) -> None:
        body = self._bodies[self._step]
        self._freshen(body)
        self.step_line.show_step(self._step)
        self.hint.setText(body.hint)
        if self._desk.loaded:
            self._stack.setCurrentWidget(body)
        self._show_footer(draft)

    def _show_footer(self, draft: Draft | None = None) -> None:
        if draft is None and self._desk.loaded:
            draft = self._desk.draft()
        self.step_line.setEnabled(draft is not None)
        self.start_over_button.setEnabled(draft is not None)
        self.footer.show_draft(draft, self._step, starting=bool(self._starting))

    def _on_changed(self, draft: Draft) -> None:
        self._stale = dict.fromkeys(self._bodies.values(), draft)
        self._freshen(self._bodies[self._step])
        self._freshening.start(_CALM_MS)
        self._show_step(draft)
        if self._brought is not None and self._brought.captions.for_dataset(draft.dataset):
            self._using.start()  # once everybody has heard of the draft that is shown now

    def calm(self) -> bool:
        """Tell whether every step shows the draft as it stands, also those out of sight."""
        return not self._stale

    def _freshen(self, body: StepBody) -> None:
        """Let a step show the draft as it stands now, unless it does."""
        draft = self._stale.pop(body, None)
        if draft is not None:
            body.show_draft(draft)

    def _freshen_next(self) -> None:
        """Let the steps out of sight follow once it is calm, one in each turn."""
        if self._stale:
            self._freshen(next(iter(self._stale)))
            self._freshening.start(0)

    def _on_failed(self, _error: object) -> None:
        self._brought = None
        if not self._desk.loaded:
            self._stack.setCurrentWidget(self._failed)

    def _on_step_chosen(self, step: int) -> None:
        self.go_to(Step(step))

    def _on_back_to_photos(self) -> None:
        self.go_to(Step.PHOTOS)

    def _on_settings_wanted(self, service: str) -> None:
        self.go.emit("settings", service)

    def _on_change_trigger(self) -> None:
        self.go_to(Step.CAPTIONS)
        self.captions.focus_field("trigger_word")

    def _on_set_up(self, named: str) -> None:
        self.go.emit("settings" if named else "computer", named or None)

    def _on_mending(self) -> None:
        field = self._desk.draft().problem_field
        step = step_of_field(field)
        self.go_to(step)
        self._bodies[step].focus_field(field)

    def _start(self) -> None:
        """Start the training; the button rests until the run is there or refused."""
        self._starting = self._wanted = self._desk.draft().run.id
        self._show_footer()
        self._runs.start(self._starting)

    def _on_run(self, run: Run) -> None:
        if run.id == self._wanted:
            self._starting = self._wanted = ""
            self._step = Step.PHOTOS
            self._desk.load_next()
            self._show_step()
            self.go.emit("runs", run)

    def _on_start_failed(self, _error: object) -> None:
        self._starting = self._wanted = ""
        self._show_footer()

    def _on_over_limit(self, _asked: object) -> None:
        """Let Start be pressed again; with a yes to pass the limit the run comes all the same."""
        self._starting = ""
        self._show_footer()

    def _start_over(self) -> None:
        draft = self._desk.draft()
        if draft.dataset.photos or draft.plan.name:
            self._ask(self, self._begin_anew)
        else:
            self._begin_anew()

    def _begin_anew(self) -> None:
        self._desk.begin_anew()
        self.photos.refused.dismiss()
        self.go_to(Step.PHOTOS)

    def shown(self) -> None:
        """Try once more when the draft could not be opened."""
        if not self._desk.loaded and self._stack.currentWidget() is self._failed:
            self._desk.load()

    def arrive(self, what: object) -> None:
        """Show the step that another page asks for, or make a draft of a run or like a Lora.

        A run's captions go into the draft where it holds photos of that run, else into a new one.
        """
        if isinstance(what, Step):
            self.go_to(what)
        elif isinstance(what, Run):
            self._ask_for_room(partial(self._branch, what))
        elif isinstance(what, Lora):
            self._ask_for_room(partial(self._desk.begin_like, what))
        elif isinstance(what, RunCaptions):
            if self._desk.loaded and what.captions.for_dataset(self._desk.draft().dataset):
                self._brought = what
                self._use_brought()
            else:
                self._ask_for_room(partial(self._branch_for, what))

    def _ask_for_room(self, go_on: Callable[[], None]) -> None:
        """Go on at once where the draft is empty, else when the person gives it up."""
        if self._desk.loaded and self._desk.draft().dataset.photos:
            self._ask(self, go_on)
        else:
            go_on()

    def _branch_for(self, brought: RunCaptions) -> None:
        self._brought = brought
        self._branch(brought.run)

    def _use_brought(self) -> None:
        """Use the captions of a run that were asked for, now that its photos are here."""
        brought, self._brought = self._brought, None
        if brought is not None:
            self.go_to(Step.CAPTIONS)
            self.captions.use_written(brought.captions.for_dataset(self._desk.draft().dataset))

    def _branch(self, run: Run) -> None:
        self._desk.branch(run)
        self.photos.refused.dismiss()
        self.go_to(Step.PHOTOS)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Welcome files, folders and pictures on every step; also addresses, to say what to do."""
        if self._desk.loaded and offers_photos(event.mimeData()):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self.photos.show_dropping(True)
            self._desk.intake.prepare()
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Stay with what was said when it came over the page: a copy."""
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Take the welcome back."""
        self.photos.show_dropping(False)
        event.accept()

    def dropEvent(self, event: QDropEvent) -> None:
        """Take in what was dropped and show the photos, or where it is said why there are none."""
        self.photos.show_dropping(False)
        if not take_in(event.mimeData(), self._desk, called="dropped picture"):
            self._desk.said.emit("There is no picture in what was dropped.")
            event.ignore()
            return
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self.go_to(Step.PHOTOS)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Paste, undo and redo, wherever no field wants them."""
        standard = QKeySequence.StandardKey
        if event.matches(standard.Paste) and self._desk.loaded:
            self.photos.paste()
        elif event.matches(standard.Undo):
            self._desk.undo_stack.undo()
        elif event.matches(standard.Redo):
            self._desk.undo_stack.redo()
        else:
            super().keyPressEvent(event)

    def on_theme_changed(self) -> None:
        """Draw what depends on the look again."""
        super().on_theme_changed()
        self.captions.side.on_theme_changed()
        self.update()
