"""`--fetch BASE`: the files of a base, before anything needs them; what is here is not fetched.

Leashed, it ends when its input does, which the system closes however the one who started it ends.
On Windows a job object does that, since there a thread that reads the input keeps libraries that
look at it (numpy's, cpython issue 78961) from being loaded.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback

from .exits import CRASHED, DONE, STOPPED, BadInput, TrainerError
from .families import MODULES, family_of
from .hub import base_folder


def main(key: str, *, leashed: bool = False) -> int:
    """Fetch, tell `download`, `done` and `error` as JSON lines, and return the exit code.

    A leashed one does not return: a thread that reads the input would abort Python as it ends.
    """
    if not leashed:
        return _fetch(key)
    if sys.platform != "win32":
        threading.Thread(target=_end_with_input, name="leash", daemon=True).start()
    code = CRASHED
    try:
        code = _fetch(key)
    except BaseException:  # noqa: BLE001 - it is told, and this ends
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _fetch(key: str) -> int:
    try:
        if key not in MODULES:
            raise BadInput(f"There is no base {key}.", f"Name one of {', '.join(MODULES)}.")
        base_folder(family_of(key), "", "", _tell)
    except TrainerError as error:
        _tell("error", code=error.code, says=error.says, mend=error.mend)
        return error.code
    _tell("done")
    return DONE


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(STOPPED)


def _tell(event: str, **values: object) -> None:
    sys.stdout.write(json.dumps({"event": event, **values}) + "\n")
    sys.stdout.flush()
