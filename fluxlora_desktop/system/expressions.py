"""Regular expressions that a person wrote, tried in a process that ends itself.

A search can backtrack for longer than anybody waits (`(a+)+b` over thirty letters takes minutes),
Python's `re` cannot be interrupted, and it holds up the window's thread while another thread
searches. So each preview is a process of its own: one line of JSON in, one out, two seconds.
"""

from __future__ import annotations

import faulthandler
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from fluxlora_desktop.domain.caption_edits import Change, FindReplace, Preview, preview_edit
from fluxlora_desktop.domain.errors import InputError

WORKER_FLAG: Final = "--expression-worker"
SEARCH_S: Final = 2.0
TOO_SLOW: Final = "This expression takes too long. Make it simpler, or repeat fewer things."
_START_S: Final = 30.0
_LOOK_S: Final = 0.1
_PASSED_ON: Final = frozenset({"PATH", "SYSTEMROOT", "WINDIR", "TEMP", "TMP", "TMPDIR"})


def preview_expression(
    edit: FindReplace, captions: Mapping[str, str], check: Callable[[], None]
) -> Preview:
    """Return what an edit would make of captions, as `preview_edit` does, within two seconds.

    Raises `InputError` also for an expression that takes longer; `check` is called meanwhile and
    may raise, which ends the process.
    """
    asked = json.dumps({"edit": asdict(edit), "captions": dict(captions)}).encode()
    answer = _ask(asked, check)
    if "field" in answer:
        raise InputError(answer["field"], answer["reason"])
    return Preview(tuple(Change(*change) for change in answer["changes"]), answer["total"])


def _ask(asked: bytes, check: Callable[[], None]) -> dict[str, Any]:
    with subprocess.Popen(  # noqa: S603  our own program, arguments as a list
        _command(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=tempfile.gettempdir(),
        env=_environment(),
        **_apart(),
    ) as process:
        try:
            answer = _wait(process, asked, check)
        finally:
            process.kill()
    if not answer.endswith(b"\n"):
        raise InputError("find", TOO_SLOW)
    read: dict[str, Any] = json.loads(answer)
    return read


def _wait(process: subprocess.Popen[bytes], asked: bytes, check: Callable[[], None]) -> bytes:
    """Return what a process said until it ended; it ends itself, except where it never began."""
    given: bytes | None = asked
    for _look in range(round(_START_S / _LOOK_S)):
        check()
        try:
            return process.communicate(given, timeout=_LOOK_S)[0]
        except subprocess.TimeoutExpired:
            given = None
    return b""


def main() -> int:
    """Answer one question; the process is gone without an answer after two seconds."""
    asked = json.loads(sys.stdin.buffer.readline())
    with Path(os.devnull).open("w") as nowhere:
        faulthandler.dump_traceback_later(SEARCH_S, exit=True, file=nowhere)
        answer = _answer(FindReplace(**asked["edit"]), asked["captions"])
        faulthandler.cancel_dump_traceback_later()
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    return 0


def _answer(edit: FindReplace, captions: Mapping[str, str]) -> dict[str, Any]:
    try:
        made = preview_edit(edit, captions)
    except InputError as error:
        return {"field": error.field, "reason": error.reason}
    changes = [(change.key, change.before, change.after) for change in made.changes]
    return {"changes": changes, "total": made.total}


def _command() -> tuple[str, ...]:
    if getattr(sys, "frozen", False):
        return (sys.executable, WORKER_FLAG)
    return (sys.executable, "-P", "-m", "fluxlora_desktop.system.expressions")


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.upper() in _PASSED_ON}
    if not getattr(sys, "frozen", False):
        kept["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    return {**kept, "PYINSTALLER_RESET_ENVIRONMENT": "1"}


def _apart() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW}
    return {}


if __name__ == "__main__":
    raise SystemExit(main())
