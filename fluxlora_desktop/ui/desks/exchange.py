"""The exchange desk: carry LoRAs or the library out into a folder, bring such a folder in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from fluxlora_desktop.domain.exchange import Arrived, ExportChoice, Luggage
from fluxlora_desktop.domain.names import shown_name
from fluxlora_desktop.domain.ports import JobContext, Transferred
from fluxlora_desktop.jobs.runner import Job, JobRunner
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.ui.desks.loras import LoraWork
from fluxlora_desktop.ui.wording import plural
from fluxlora_desktop.workflows.export_library import Exported, export_folder, luggage
from fluxlora_desktop.workflows.import_library import bring_in
from fluxlora_desktop.workflows.tools import Tools

_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Counted:
    """How much a choice carries."""

    choice: ExportChoice
    load: Luggage


class ExchangeDesk(Desk):
    """Exports and imports, one at a time.

    `counted(Counted)` answers `count`, `working(LoraWork)` while something is under way,
    `rested(str)` with its key when it is over, `exported(Exported)`, `arrived(Arrived)`.
    """

    counted = Signal(object)
    working = Signal(object)
    rested = Signal(str)
    exported = Signal(object)
    arrived = Signal(object)

    def __init__(self, tools: Tools, jobs: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(tools, jobs, parent)
        self._under_way: dict[str, Job] = {}

    def busy(self) -> bool:
        """Tell whether something is carried at present."""
        return bool(self._under_way)

    def count(self, choice: ExportChoice) -> None:
        """Ask how much a choice carries."""

        def work(_ctx: JobContext) -> Counted:
            return Counted(choice, luggage(choice, self.tools))

        self._run("Count what is exported", work, lane="details", done=self.counted.emit)

    def export(self, choice: ExportChoice, folder: Path) -> None:
        """Write a choice into a new folder below `folder`."""

        def work(ctx: JobContext) -> Exported:
            return export_folder(choice, folder, self.tools, ctx)

        self._carry(f"export:{folder}", "Exporting", work, self._on_exported)

    def bring_in(self, folder: Path) -> None:
        """Bring an exported folder into the library."""

        def work(ctx: JobContext) -> Arrived:
            return bring_in(folder, self.tools, ctx)

        says = f"Importing {shown_name(folder.name)}"
        self._carry(f"import:{folder}", says, work, self._on_arrived)

    def stop(self, key: str) -> None:
        """Stop what is under way; nothing of it is left behind."""
        job = self._under_way.get(key)
        if job is not None:
            job.cancel()

    def _carry(
        self,
        key: str,
        says: str,
        work: Callable[[JobContext], Any],
        done: Callable[[Any], None],
    ) -> None:
        if key in self._under_way:
            return
        job = self._run(
            says,
            work,
            lane="disk",
            done=done,
            failed=partial(self._on_failed_work, partial(self._carry, key, says, work, done)),
            progress=partial(self._on_progress, key, says),
        )
        self._under_way[key] = job
        job.finished.connect(partial(self._on_rest, key))
        self.working.emit(LoraWork(key, says))

    def _on_progress(self, key: str, says: str, event: object) -> None:
        if isinstance(event, Transferred):
            self.working.emit(LoraWork(key, says, event))

    def _on_rest(self, key: str) -> None:
        self._under_way.pop(key, None)
        self.rested.emit(key)

    def _on_exported(self, exported: Exported) -> None:
        self.said.emit(exported_words(exported))
        self.exported.emit(exported)

    def _on_arrived(self, arrived: Arrived) -> None:
        self.said.emit(arrived_words(arrived))
        self.arrived.emit(arrived)


def exported_words(exported: Exported) -> str:
    """Return what was exported, and what was left out."""
    says = f"Exported to {exported.folder.name}."
    if exported.left_out:
        number = len(exported.left_out)
        named = ", ".join(exported.left_out[:_MOST_NAMED])
        more = "" if number <= _MOST_NAMED else f" and {number - _MOST_NAMED:,} more"
        was = "is" if number == 1 else "are"
        says += f" {plural(number, 'file')} {was} missing or damaged here and left out: "
        says += f"{named}{more}."
    return says


def arrived_words(arrived: Arrived) -> str:
    """Return what came in."""
    if not arrived.anything:
        return "Everything in that folder is in the library already."
    parts = [
        plural(number, noun)
        for number, noun in (
            (arrived.loras, "LoRA"),
            (arrived.runs, "training"),
            (arrived.photos, "photo"),
            (arrived.pictures, "picture"),
        )
        if number
    ]
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"{listed} came in."
