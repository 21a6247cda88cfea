"""The desk of this computer: looks at it, makes and removes the engine, keeps base models."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from fluxlora_desktop.domain.engine import NO_TOKEN, EngineStep, ThisComputer
from fluxlora_desktop.domain.ports import Engine, JobContext, SecretStore
from fluxlora_desktop.jobs.runner import Job, JobRunner
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.workflows.tools import Tools

_LANE, _DOWNLOADS = "engine", "downloads"
"""A download may take hours, and the computer is looked at meanwhile."""


class ComputerDesk(Desk):
    """What a person can ask of this computer; `engine` is None in practice mode.

    `secrets` holds the hub's token, which a gated base is downloaded with.

    `looked(ThisComputer)` after each look, `silent(error)` when it could not look;
    `working(EngineStep)` while the engine or a base model is changed, `rested()` when that is over,
    `trouble(error)` when it failed; `changed()` when something else can be started here now.
    """

    looked = Signal(object)
    silent = Signal(object)
    working = Signal(object)
    rested = Signal()
    trouble = Signal(object)
    changed = Signal()

    def __init__(
        self,
        tools: Tools,
        jobs: JobRunner,
        engine: Engine | None = None,
        parent: QObject | None = None,
        *,
        secrets: SecretStore | None = None,
    ) -> None:
        super().__init__(tools, jobs, parent)
        self.engine = engine
        self._secrets = secrets
        self.seen: ThisComputer | None = None
        self.step: EngineStep | None = None
        self._looking: Job | None = None
        self._stale = False
        self._work: Job | None = None

    @property
    def busy(self) -> bool:
        """Tell whether something is changed at present."""
        return self._work is not None

    def look(self) -> None:
        """Look at this computer; one look at a time, and once more for what came meanwhile."""
        if self.engine is None:
            return
        if self._looking is not None:
            self._stale = True
            return
        self._stale = False
        self._looking = self._run(
            "Look at this computer",
            partial(_look, self.engine),
            lane=_LANE,
            done=self._on_looked,
            failed=self.silent.emit,
        )
        self._looking.finished.connect(self._on_look_over)

    def _on_looked(self, seen: ThisComputer) -> None:
        self.seen = seen
        self.looked.emit(seen)

    def _on_look_over(self) -> None:
        self._looking = None
        if self._stale:
            self.look()

    def install(self) -> None:
        """Make the engine, or update it."""
        engine = self.engine
        if engine is not None:
            self._change("Set up the engine", engine.install, "The engine is ready.")

    def remove(self) -> None:
        """Delete the engine."""
        engine = self.engine
        if engine is not None:
            self._change("Remove the engine", engine.remove, "The engine was removed.")

    def probe(self) -> None:
        """Ask the engine what it can do."""
        engine = self.engine
        if engine is None:
            return

        def work(ctx: JobContext) -> None:
            ctx.report(EngineStep("Asking the engine what it can do"))
            engine.probe(ctx)

        self._change("Check the engine", work, "The engine answers.")

    def fetch_model(self, base: str, title: str) -> None:
        """Download a base before a training needs it."""
        engine, secrets, hub = self.engine, self._secrets, self.tools.services.hub.key
        if engine is None:
            return

        def work(ctx: JobContext) -> None:
            token = secrets.get(hub) if secrets is not None else None
            engine.fetch_model(base, ctx, token or NO_TOKEN)

        says = f"{title} is on this computer."
        self._change(f"Download {title}", work, says, lane=_DOWNLOADS)

    def remove_model(self, base: str, title: str) -> None:
        """Delete what was downloaded of a base."""
        engine = self.engine
        if engine is None:
            return

        def work(ctx: JobContext) -> None:
            ctx.report(EngineStep(f"Deleting {title}"))
            engine.remove_model(base, ctx)

        self._change(f"Delete {title}", work, f"{title} was deleted from this computer.")

    def choose_folder(self, base: str, folder: Path) -> None:
        """Use a person's own folder for a base."""
        engine = self.engine
        if engine is not None:
            self._change(
                "Look at the folder",
                lambda _ctx: engine.choose_folder(base, folder),
                "The folder is used from now on.",
            )

    def forget_folder(self, base: str) -> None:
        """Use the hub's model again."""
        engine = self.engine
        if engine is not None:
            self._change(
                "Use the hub's model",
                lambda _ctx: engine.forget_folder(base),
                "The hub's model is used again.",
            )

    def stop(self) -> None:
        """Stop what is under way; what was there before stays."""
        if self._work is not None:
            self._work.cancel()

    def _change(
        self,
        name: str,
        work: Callable[[JobContext], object],
        says: str,
        *,
        lane: str = _LANE,
    ) -> None:
        """Change something, one thing at a time, and look again."""
        if self._work is not None:
            return
        job = self._run(
            name,
            work,
            lane=lane,
            done=partial(self._on_done, says),
            failed=self.trouble.emit,
            progress=self._on_step,
        )
        self._work = job
        self._on_step(EngineStep(name))
        job.finished.connect(self._on_rest)

    def _on_step(self, event: object) -> None:
        if isinstance(event, EngineStep):
            self.step = event
            self.working.emit(event)

    def _on_done(self, says: str, _result: object) -> None:
        self.said.emit(says)
        self.changed.emit()

    def _on_rest(self) -> None:
        self._work, self.step = None, None
        self.rested.emit()
        self.look()


def _look(engine: Engine, ctx: JobContext) -> ThisComputer:
    """Look, and ask the engine first where its answer is not known for this app's trainer."""
    status = engine.status()
    if status.usable and status.probe is None and not status.busy:
        engine.probe(ctx)
    return engine.look()
