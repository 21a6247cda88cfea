"""A Lora's recommended strength: in the library, in the weights' own words, and on the hub.

The row comes first, for the generators offer it at once. The weights follow: a copy with another
header takes the file's place, tensors untouched, and the row takes the file's new hash. A note on
the disk says that this is under way, so that a start after a kill finishes it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fluxlora_desktop.domain.errors import AppError, InputError, WeightsError
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.weights_header import (
    copy_with_header,
    read_header,
    says_strength,
    with_strength,
)
from fluxlora_desktop.workflows.publish import publish_lora
from fluxlora_desktop.workflows.tools import Tools, storage_trouble

LEAST, MOST = -1.0, 3.0
"""The strengths that any generator takes."""
_NOTE = "strength.pending"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StrengthWritten:
    """A Lora whose weights say its strength now; `before` is the old header, if that changed."""

    lora: Lora
    before: bytes | None


def keep_strength(lora_id: str, scale: float, tools: Tools) -> Lora:
    """Keep the strength that is offered first; the weights are to be told by `write_strength`.

    Raises `InputError` for one that no generator takes.
    """
    if not LEAST <= scale <= MOST:
        raise InputError("scale", f"from {LEAST:g} to {MOST:g}")
    path = tools.stores.files.lora(lora_id)
    if path.is_file():
        tools.stores.files.write(path.with_name(_NOTE), b"")
    return tools.stores.loras.update(lora_id, recommended_scale=round(scale, 3))


def write_strength(
    lora_id: str, tools: Tools, ctx: JobContext, header: bytes | None = None
) -> StrengthWritten:
    """Let a Lora's weights say the strength that the library has, and the row what the file is.

    `header` is one that they had before, to be put back as it was. Doing it twice changes nothing
    more, and a Lora without a file is left alone. Raises `WeightsError` when the tensors are not
    those of the library, `StorageError` and its kin; the old file stays then.
    """
    stores = tools.stores
    lora, path = stores.loras.get(lora_id), stores.files.lora(lora_id)
    if not path.is_file():
        return StrengthWritten(lora, None)
    old = read_header(path)
    wanted = header or old
    if header is None and not says_strength(path, old, lora.recommended_scale):
        wanted = with_strength(path, old, lora.recommended_scale)
    if wanted == old and not path.with_name(_NOTE).exists():
        return StrengthWritten(lora, None)
    lora = _rewritten(lora, path, wanted, tools, ctx.check, changed=wanted != old)
    path.with_name(_NOTE).unlink(missing_ok=True)
    return StrengthWritten(lora, old if wanted != old else None)


def _rewritten(
    lora: Lora, path: Path, header: bytes, tools: Tools, check: Callable[[], None], *, changed: bool
) -> Lora:
    part = path.with_name(f".{path.name}.part")
    try:
        try:
            if changed:
                tools.stores.files.require_room(lora.size_bytes)
                with part.open("wb") as target:
                    copied = copy_with_header(path, target, header, check)
            else:
                copied = copy_with_header(path, None, header, check)
            if copied.tensor_hash != lora.tensor_hash:
                raise WeightsError(path, "its tensors are not those that were checked")
            if changed:
                tools.stores.files.place(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise storage_trouble(path, error) from error
    return tools.stores.loras.reheaded(lora.id, copied.sha256, copied.size_bytes)


def finish_strengths(tools: Tools, ctx: JobContext) -> tuple[Lora, ...]:
    """Finish what a process left in the middle; return the Loras that it was about.

    One that cannot be finished is left for the next time, with a line in the log.
    """
    done: list[Lora] = []
    for lora in tools.stores.loras.all():
        if tools.stores.files.lora(lora.id).with_name(_NOTE).exists():
            try:
                done.append(write_strength(lora.id, tools, ctx).lora)
            except AppError as error:
                _log.warning("the strength of a LoRA is not in its weights: %s", error)
    return tuple(done)


def update_on_hub(lora_id: str, tools: Tools, ctx: JobContext) -> Lora:
    """Send a published Lora's weights and card again, as one commit, with the pictures it shows.

    Raises `InputError` when it is not published, and what `publish_lora` raises.
    """
    write_strength(lora_id, tools, ctx)
    publication = tools.stores.loras.get(lora_id).publication
    if publication is None:
        raise InputError("repo", "This LoRA is not published")
    return publish_lora(lora_id, publication.repo, publication.visibility, tools, ctx)
