"""Branch a frozen dataset into a draft; carry a dataset out into a folder and back.

The folder is what other trainers read: `0001.jpg` with `0001.txt` beside it, upright, sRGB, with
the edits. `dataset.json` says what they were made of, and `.fluxlora/` holds the originals byte for
byte, so that the folder comes back unchanged; programs that walk folders leave dot folders out.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fluxlora_desktop.domain.captions import one_line
from fluxlora_desktop.domain.datasets import Dataset, DatasetPhoto, DatasetVersion
from fluxlora_desktop.domain.edits import PLAIN, Edits, edits_from
from fluxlora_desktop.domain.errors import DatasetError, UnreadablePhoto
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.names import kept_name
from fluxlora_desktop.domain.ports import JobContext, Transferred
from fluxlora_desktop.domain.runs import Run, RunPlan
from fluxlora_desktop.domain.services import holds_token
from fluxlora_desktop.workflows.photos import edit_photo, take_in_photo
from fluxlora_desktop.workflows.tools import Tools, storage_trouble

MANIFEST = "dataset.json"
_ORIGINALS = ".fluxlora"
_FORM, _VERSION = "fluxlora-dataset", 1
_LARGEST_MANIFEST = 5_000_000
_MOST_PHOTOS = 2_000
_HASH = re.compile(r"[0-9a-f]{64}")


def branch(run: Run, tools: Tools) -> Run:
    """Make a draft of what a run trained on: its photos, captions, edits and choices.

    The run and its frozen dataset stay as they are. Raises `KeyError` for a run without one.
    """
    if run.version_id is None:
        raise KeyError(run.id)
    datasets = tools.stores.datasets
    version = datasets.version(run.version_id)
    made = datasets.create()
    fill(made.id, version, tools)
    plan = replace(run.plan, rights_confirmed=False)
    return tools.stores.runs.create(made.id, plan)


def draft_like(lora: Lora, tools: Tools) -> Run:
    """Make a draft for another Lora like this one, whose photos are not known here.

    It has the name, the trigger word, and the first trainer of the same base, if there is one.
    """
    made = tools.stores.datasets.create()
    tools.stores.datasets.set_trigger(made.id, lora.trigger_word)
    plan = RunPlan(name=lora.name)
    for backend in tools.services.trainers:
        for trainer in backend.abilities().trainers:
            if trainer.base == lora.base and not plan.backend:
                plan = replace(plan, backend=backend.key, trainer=trainer.key)
    return tools.stores.runs.create(made.id, plan)


def fill(dataset_id: str, source: Dataset | DatasetVersion, tools: Tools) -> None:
    """Put photos, captions, edits and trigger word of one dataset into another."""
    datasets = tools.stores.datasets
    datasets.set_photos(dataset_id, [item.sha256 for item in source.photos])
    for item in source.photos:
        datasets.set_caption(dataset_id, item.sha256, item.caption)
        if not item.edits.plain or not item.kept:
            datasets.set_change(dataset_id, item.sha256, item.edits, kept=item.kept)
    datasets.set_trigger(dataset_id, source.trigger_word)


def export_dataset(
    source: Dataset | DatasetVersion, folder: Path, tools: Tools, ctx: JobContext
) -> Path:
    """Write a dataset into a new folder below `folder`; return it.

    Left-out photos are in the manifest and among the originals alone. Reports `Transferred` in
    photos. Raises `StorageError` and its kin; a folder that was not finished is taken away.
    """
    target = _free_name(folder, "fluxlora-dataset")
    try:
        try:
            (target / _ORIGINALS).mkdir(parents=True)
            rows = [
                _export_photo(place, item, target, tools, ctx, len(source.photos))
                for place, item in enumerate(source.photos, 1)
            ]
            text = json.dumps(_manifest(source, rows), ensure_ascii=False, indent=2)
            (target / MANIFEST).write_text(text + "\n", encoding="utf-8")
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
    except OSError as error:
        raise storage_trouble(target, error) from error
    return target


def _free_name(folder: Path, name: str) -> Path:
    names = (name, *(f"{name}-{number}" for number in range(2, 10_000)))
    return next(folder / each for each in names if not (folder / each).exists())


def _manifest(source: Dataset | DatasetVersion, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "format": _FORM,
        "version": _VERSION,
        "trigger_word": source.trigger_word,
        "photos": rows,
    }


def _export_photo(
    place: int, item: DatasetPhoto, target: Path, tools: Tools, ctx: JobContext, total: int
) -> dict[str, Any]:
    ctx.check()
    files, stem = tools.stores.files, f"{place:04d}"
    shutil.copyfile(files.original(item.sha256), target / _ORIGINALS / item.sha256)
    row: dict[str, Any] = {"sha256": item.sha256, "name": item.photo.name, "caption": item.caption}
    if not item.edits.plain:
        row["edits"] = item.edits.as_json()
    if item.kept:
        if not item.edits.plain:
            edit_photo(item.sha256, item.edits, tools)
        shutil.copyfile(files.working(item.sha256, item.edits), target / f"{stem}.jpg")
        (target / f"{stem}.txt").write_text(one_line(item.caption), encoding="utf-8")
        row["file"] = f"{stem}.jpg"
    else:
        row["kept"] = False
    ctx.report(Transferred("export", place, total))
    return row


@dataclass(frozen=True, slots=True)
class _Row:
    sha256: str
    name: str
    caption: str
    edits: Edits
    kept: bool
    file: str


def is_exported(folder: Path) -> bool:
    """Tell whether a folder holds a dataset that `export_dataset` wrote."""
    return folder.is_dir() and (folder / MANIFEST).is_file() and (folder / _ORIGINALS).is_dir()


def import_dataset(folder: Path, dataset_id: str, tools: Tools, ctx: JobContext) -> Dataset:
    """Bring an exported folder back into an empty dataset, and return it as it is then.

    Captions that were changed in the `.txt` files meanwhile count; so a folder that another program
    captioned comes back with its words. Raises `DatasetError` for a manifest that is not ours or is
    damaged, `UnreadablePhoto` for an original that is not the one that it was.
    """
    word, rows = _read(folder / MANIFEST)
    datasets, shas = tools.stores.datasets, []
    for place, row in enumerate(rows, 1):
        ctx.check()
        _take_original(folder / _ORIGINALS / row.sha256, row, tools, ctx)
        datasets.set_caption(dataset_id, row.sha256, _caption(folder, row))
        if not row.edits.plain or not row.kept:
            datasets.set_change(dataset_id, row.sha256, row.edits, kept=row.kept)
        if not row.edits.plain:
            edit_photo(row.sha256, row.edits, tools)
        shas.append(row.sha256)
        ctx.report(Transferred("import", place, len(rows)))
    datasets.set_photos(dataset_id, shas)
    datasets.set_trigger(dataset_id, word)
    return datasets.get(dataset_id)


def _take_original(path: Path, row: _Row, tools: Tools, ctx: JobContext) -> None:
    if not path.is_file():
        raise UnreadablePhoto(path, f"the original of {row.name} is missing")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != row.sha256:
        raise UnreadablePhoto(path, f"the original of {row.name} was changed")
    taken = take_in_photo(path, tools, ctx)
    if taken.photo.name != row.name:
        tools.stores.datasets.put_photo(replace(taken.photo, name=kept_name(row.name)))


def _caption(folder: Path, row: _Row) -> str:
    """Return the caption of the text file where it says something else than the manifest."""
    beside = (folder / row.file).with_suffix(".txt") if row.file else None
    if beside is None or not beside.is_file():
        return row.caption
    words = one_line(beside.read_bytes()[:20_000].decode("utf-8-sig", errors="replace"))
    return row.caption if words == one_line(row.caption) else words


def _read(path: Path) -> tuple[str, tuple[_Row, ...]]:
    try:
        if path.stat().st_size > _LARGEST_MANIFEST:
            raise DatasetError(path, "it is larger than any that this app writes")
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise storage_trouble(path, error) from error
    except (ValueError, RecursionError) as error:
        raise DatasetError(path, "it is damaged") from error
    if not isinstance(found, dict) or found.get("format") != _FORM:
        raise DatasetError(path, "it is not of this app")
    if found.get("version") != _VERSION:
        raise DatasetError(path, "it was written by a newer version of this app")
    rows, word = found.get("photos"), found.get("trigger_word")
    if not isinstance(rows, list) or not isinstance(word, str) or len(rows) > _MOST_PHOTOS:
        raise DatasetError(path, "it is damaged")
    try:
        read = tuple(map(_row, rows))
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(path, f"it is damaged: {error}") from error
    if any(map(holds_token, (word, *(row.caption for row in read)))):
        raise DatasetError(path, "it holds a token, which belongs into Settings alone")
    return word, read


def _row(found: Mapping[str, Any]) -> _Row:
    sha256, file = str(found["sha256"]), str(found.get("file", ""))
    if not _HASH.fullmatch(sha256) or (file and Path(file).name != file):
        raise ValueError("a name in it leads elsewhere")
    return _Row(
        sha256=sha256,
        name=str(found["name"])[:255],
        caption=str(found["caption"]),
        edits=edits_from(found["edits"]) if "edits" in found else PLAIN,
        kept=found.get("kept", True) is True,
        file=file,
    )
