"""`--fetch BASE`: the files of a base, before anything needs them; what is here is not fetched."""

from __future__ import annotations

import json
import sys

from .exits import DONE, BadInput, TrainerError
from .families import MODULES, family_of
from .hub import base_folder


def main(key: str) -> int:
    """Fetch, tell `download`, `done` and `error` as JSON lines, and return the exit code."""
    try:
        if key not in MODULES:
            raise BadInput(f"There is no base {key}.", f"Name one of {', '.join(MODULES)}.")
        base_folder(family_of(key), "", "", _tell)
    except TrainerError as error:
        _tell("error", code=error.code, says=error.says, mend=error.mend)
        return error.code
    _tell("done")
    return DONE


def _tell(event: str, **values: object) -> None:
    sys.stdout.write(json.dumps({"event": event, **values}) + "\n")
    sys.stdout.flush()
