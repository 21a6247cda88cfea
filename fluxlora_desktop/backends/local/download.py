"""A base model that is downloaded by the engine (`trainer --fetch`), with progress and Stop."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fluxlora_desktop.backends.local.answers import object_in
from fluxlora_desktop.backends.local.child import run
from fluxlora_desktop.domain.engine import EngineEnvironment, EngineStep, LocalBase
from fluxlora_desktop.domain.errors import AccessGated, AppError, DiskFull, EngineError
from fluxlora_desktop.domain.work import JobContext

_HUB = "huggingface"
_GATED, _DISK_FULL = 12, 13
"""Exit codes of the trainer, see its `exits.py`."""
_LONGEST_WORDS = 500
_KEPT = "Try again: what came is kept."


def download(base: LocalBase, environment: EngineEnvironment, log: Path, ctx: JobContext) -> None:
    """Run the download to its end; a cancel stops it, and the next one goes on from there."""
    says = f"Downloading {base.title}"
    came: dict[str, int] = {}
    error: Mapping[str, Any] = {}

    def hear(line: str) -> None:
        nonlocal error
        said = object_in(line) or {}
        if said.get("event") == "error":
            error = said
        elif said.get("event") == "download":
            came[str(said.get("file"))] = _bytes_in(said)
            ctx.report(EngineStep(says, sum(came.values()), base.download_bytes))

    ctx.report(EngineStep(says))
    with suppress(OSError):  # another window may hold it, on Windows
        log.unlink(missing_ok=True)
    command = [str(environment.python), str(environment.trainer), "--fetch", base.key, "--leashed"]
    try:
        code = run(command, env=environment.variables, log=log, ctx=ctx, on_line=hear, leashed=True)
    except OSError as trouble:
        raise EngineError("The engine does not start.", "Set it up anew.", log=log) from trouble
    if code:
        raise _error(base, code, error, log)


def _error(base: LocalBase, code: int, said: Mapping[str, Any], log: Path) -> AppError:
    says, mend = (str(said.get(name) or "")[:_LONGEST_WORDS] for name in ("says", "mend"))
    if code == _GATED:
        return AccessGated(_HUB, says, page=base.page)
    if code == _DISK_FULL:
        return DiskFull(log.parent)
    return EngineError(says or f"{base.title} was not downloaded.", mend or _KEPT, log=log)


def _bytes_in(said: Mapping[str, Any]) -> int:
    done = said.get("done")
    return done if isinstance(done, int) and 0 <= done < 2**53 else 0
