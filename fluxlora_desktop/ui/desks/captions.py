"""The caption desk: changes to all captions of the draft at once, and their way to files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject

from fluxlora_desktop.domain.caption_edits import Change, Edit, FindReplace, Preview, preview_edit
from fluxlora_desktop.domain.caption_files import ReadCaptions
from fluxlora_desktop.domain.datasets import Dataset
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.jobs.runner import Job, JobRunner
from fluxlora_desktop.system.expressions import preview_expression
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.ui.desks.draft import DraftDesk
from fluxlora_desktop.ui.units import plural
from fluxlora_desktop.workflows.caption_files import (
    read_caption_table,
    read_caption_texts,
    texts_in_the_way,
    write_caption_table,
    write_caption_texts,
)

AskReplace = Callable[[tuple[str, ...], Callable[[], None]], None]


class CaptionDesk(Desk):
    """Previews, then changes the captions of the draft; every change is one step of undo.

    Trouble and what was done are told through the draft's desk.
    """

    def __init__(self, draft: DraftDesk, jobs: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(draft.tools, jobs, parent)
        self._draft = draft
        self.failed.connect(draft.failed)
        self.said.connect(draft.said)

    def dataset(self) -> Dataset:
        """Return the draft's dataset as it stands."""
        return self._draft.draft().dataset

    def captions(self) -> dict[str, str]:
        """Return the captions as they stand, by photo."""
        return {item.photo.sha256: item.caption for item in self.dataset().photos}

    def preview(
        self, edit: Edit, done: Callable[[Preview], None], failed: Callable[[Any], None]
    ) -> Job:
        """Work out what an edit would do, in the background."""
        work = partial(_preview, edit, self.captions())
        return self._run("Preview captions", work, lane="captions", done=done, failed=failed)

    def preview_read(self, read: ReadCaptions) -> Preview:
        """Return what captions that were read from files would change."""
        return self.preview_written(read.captions)

    def preview_written(self, written: Mapping[str, str], *, missing: bool = False) -> Preview:
        """Return what captions from elsewhere would change; `missing`: only where there is none."""
        now = self.captions()
        changes = (
            Change(sha256, now[sha256], text)
            for sha256, text in written.items()
            if sha256 in now and not (missing and now[sha256].strip())
        )
        return Preview(tuple(one for one in changes if one.before != one.after), len(now))

    def apply(self, title: str, preview: Preview) -> None:
        """Make the changes that were shown, as one step; captions changed since are left alone."""
        now = self.captions()
        kept = [change for change in preview.changes if now.get(change.key) == change.before]
        if self._draft.write_captions(title, {change.key: change.after for change in kept}):
            self.said.emit(f"{plural(len(kept), 'caption')} changed. Undo takes it back.")

    def read_table(self, path: Path, done: Callable[[ReadCaptions], None]) -> None:
        """Read the captions in a CSV file."""
        work = partial(_read_table, path, self.dataset())
        self._run("Read captions", work, lane="disk", done=done, failed=self._tell_only)

    def read_texts(self, folder: Path, done: Callable[[ReadCaptions], None]) -> None:
        """Read the captions in the text files of a folder."""
        work = partial(read_caption_texts, folder, self.dataset())
        self._run("Read captions", work, lane="disk", done=done, failed=self._tell_only)

    def export_table(self, path: Path) -> None:
        """Write all captions into a CSV file."""
        work = partial(_write_table, path, self.dataset())
        done = partial(self._on_written, path)
        self._run("Export captions", work, lane="disk", done=done, failed=self._tell_only)

    def export_texts(self, folder: Path, ask: AskReplace) -> None:
        """Write a text file for each caption; `ask` decides where others would be replaced."""
        dataset = self.dataset()
        self._run(
            "Look for captions",
            partial(_in_the_way, folder, dataset),
            lane="disk",
            done=partial(self._on_looked, folder, dataset, ask),
            failed=self._tell_only,
        )

    def _on_looked(
        self, folder: Path, dataset: Dataset, ask: AskReplace, names: tuple[str, ...]
    ) -> None:
        write = partial(self._write_texts, folder, dataset)
        if names:
            ask(names, write)
        else:
            write()

    def _write_texts(self, folder: Path, dataset: Dataset) -> None:
        work = partial(write_caption_texts, folder, dataset)
        done = partial(self._on_written, folder)
        self._run("Export captions", work, lane="disk", done=done, failed=self._tell_only)

    def _on_written(self, where: Path, count: int) -> None:
        self.said.emit(f"{plural(count, 'caption')} written to {where.name}.")


def _preview(edit: Edit, captions: dict[str, str], ctx: JobContext) -> Preview:
    if isinstance(edit, FindReplace) and edit.expression and edit.find:
        return preview_expression(edit, captions, ctx.check)
    return preview_edit(edit, captions)


def _read_table(path: Path, dataset: Dataset, _ctx: JobContext) -> ReadCaptions:
    return read_caption_table(path, dataset)


def _write_table(path: Path, dataset: Dataset, _ctx: JobContext) -> int:
    return write_caption_table(path, dataset)


def _in_the_way(folder: Path, dataset: Dataset, _ctx: JobContext) -> tuple[str, ...]:
    return texts_in_the_way(folder, dataset)
