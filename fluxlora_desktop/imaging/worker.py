"""The program that reads strangers' files, in a process that may die of them.

One line of JSON asks, one line answers; the asking process is in `imaging/guarded.py`. The worker
leaves by itself when nobody asks for a while, and at the end of its input: so with the app, however
that ends.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import pillow_heif
from PIL import AvifImagePlugin

from fluxlora_desktop.domain.edits import edits_from
from fluxlora_desktop.domain.errors import (
    AccessDenied,
    DiskFull,
    StorageError,
    UnexpectedReply,
    UnreadablePhoto,
)
from fluxlora_desktop.imaging import faces, limits
from fluxlora_desktop.imaging.metadata import parse_own, write_own
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop, PillowPictureWorkshop

LONGEST_QUESTION: Final = 16_000_000
IDLE_S: Final = 60.0
_THREADS: Final = 2
Message = Mapping[str, Any]


def main() -> int:
    """Answer until the questions end."""
    warnings.simplefilter("ignore")
    # Each of a decoder's threads has frames and a stack of its own: many would break the limit.
    AvifImagePlugin.DEFAULT_MAX_THREADS = pillow_heif.options.DECODE_THREADS = _THREADS
    answers = _own_output()
    limits.hold_memory()
    limits.stay_behind()
    _write(answers, {"ready": os.getpid()})
    while question := _next_question():
        limits.allow_cpu()
        answer = _answer(json.loads(question))
        _write(answers, answer)
        if "no_memory" in answer:  # what is left of it may be in pieces
            break
    return 0


def _own_output() -> BinaryIO:
    """Keep the way to the app for answers alone: whatever else is printed goes to the errors."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return answers


def _next_question() -> bytes:
    with limits.leave_after(IDLE_S):
        line = sys.stdin.buffer.readline(LONGEST_QUESTION)
    return line if line.endswith(b"\n") else b""


def _write(answers: BinaryIO, answer: Message) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")


def _answer(question: Message) -> Message:
    try:
        return _WORK[question["do"]](question)
    except UnreadablePhoto as error:
        lacking = isinstance(error.__cause__, MemoryError)
        return {"unreadable": error.reason, **({"no_memory": True} if lacking else {})}
    except MemoryError:
        return {"unreadable": "there is not enough memory for it", "no_memory": True}
    except UnexpectedReply as error:
        return {"unreadable": error.got}
    except StorageError as error:
        return {"storage": _kind(error), "path": str(error.path), "detail": error.detail}


def _develop(question: Message) -> Message:
    facts = PillowPhotoWorkshop().develop(
        Path(question["original"]),
        working=Path(question["working"]),
        thumb=Path(question["thumb"]),
        edits=edits_from(question.get("edits", {})),
    )
    return {"facts": dataclasses.asdict(facts)}


def _measure(question: Message) -> Message:
    facts = PillowPhotoWorkshop().measure(Path(question["original"]))
    return {"facts": dataclasses.asdict(facts)}


def _find_faces(question: Message) -> Message:
    return {"faces": faces.look_at(Path(question["working"]))}


def _glimpse(question: Message) -> Message:
    original, thumb = Path(question["original"]), Path(question["thumb"])
    return {"glimpsed": PillowPhotoWorkshop().glimpse(original, thumb)}


def _finish(question: Message) -> Message:
    text = parse_own(question["text"])
    assert text is not None, "the app writes what it reads"
    data = Path(question["given"]).read_bytes()
    target, thumb = Path(question["target"]), Path(question["thumb"])
    return {"sha256": PillowPictureWorkshop().finish(data, text, target, thumb)}


def _take_in(question: Message) -> Message:
    source, thumb = Path(question["source"]), Path(question["thumb"])
    return {"arrived": dataclasses.asdict(PillowPictureWorkshop().take_in(source, thumb))}


def _read_text(question: Message) -> Message:
    text = PillowPictureWorkshop().read_text(Path(question["source"]))
    return {"text": write_own(text) if text else ""}


def _without_text(question: Message) -> Message:
    PillowPictureWorkshop().without_text(Path(question["source"]), Path(question["target"]))
    return {}


def _thumbnail(question: Message) -> Message:
    PillowPictureWorkshop().thumbnail(Path(question["source"]), Path(question["thumb"]))
    return {}


def _kind(error: StorageError) -> str:
    kinds = {DiskFull: "full", AccessDenied: "denied"}
    return kinds.get(type(error), "other")


_WORK: Final[Mapping[str, Callable[[Message], Message]]] = {
    "develop": _develop,
    "glimpse": _glimpse,
    "measure": _measure,
    "find_faces": _find_faces,
    "finish": _finish,
    "take_in": _take_in,
    "read_text": _read_text,
    "without_text": _without_text,
    "thumbnail": _thumbnail,
}


if __name__ == "__main__":
    raise SystemExit(main())
