"""The log that may be shown to anybody: what happened and where, without a word from outside.

An entry keeps the sentence as it stands in the source. What was filled in is left out unless it is
a number, a class of errors or a service; of an exception only its class and the lines of code are
kept. So no name, prompt or address can be in it, whoever made it up.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from traceback import extract_tb
from types import TracebackType

from fluxlora_desktop.domain.services import SERVICES

FILE_NAME = "public.log"
_OURS = "fluxlora_desktop"
_ROOTS = (_OURS, "site-packages")
_LEFT_OUT = "[…]"
_ERROR = "    ! "
_CODE = "    | "
_FRAMES = 8
_KEYS = frozenset(facts.key for facts in SERVICES)
_CLASS = re.compile(r"[A-Z][A-Za-z0-9]{2,60}")
_STORE = re.compile(r"keyring\.backends\.[A-Za-z]+:[A-Za-z]+")


class PublicFormatter(logging.Formatter):
    """Formats an entry so that it holds nothing but the app's own words."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: ")

    def format(self, record: logging.LogRecord) -> str:
        """Return the entry, and of what was raised its class and lines of code."""
        head = f"{self.formatTime(record)} {record.levelname:7} {_module(record.name)}: "
        raised = record.exc_info or getattr(record, "failure", None)
        return "\n".join([head + _sentence(record), *(_traced(raised) if raised else ())])


def failure(error: BaseException, trace: TracebackType | None) -> dict[str, object]:
    """Return the `extra` that lets this log tell an exception which another log has as text."""
    return {"failure": (type(error), error, trace)}


def count_errors(lines: Iterable[str]) -> Counter[str]:
    """Count the classes of what was raised, in lines of this log."""
    return Counter(line.removeprefix(_ERROR).strip() for line in lines if line.startswith(_ERROR))


def _sentence(record: logging.LogRecord) -> str:
    """Return the sentence of the source, filled in as far as that is safe.

    Others' loggers may be given whole sentences with anything in them, so those say nothing.
    """
    if record.name.split(".")[0] != _OURS or not isinstance(record.msg, str):
        return _LEFT_OUT
    given = record.args if isinstance(record.args, tuple) else ()
    values = iter(given)
    return re.sub(r"%(?:%|[-#0 +]*[\d.*]*[a-zA-Z])", lambda it: _filled(it[0], values), record.msg)


def _filled(place: str, values: Iterator[object]) -> str:
    return "%" if place == "%%" else _safe(next(values, None))


def _safe(value: object) -> str:
    if isinstance(value, Enum):
        return str(value.name)
    if isinstance(value, bool | int | float) or value is None:
        return str(value)
    if isinstance(value, BaseException):
        return type(value).__name__
    known = isinstance(value, str) and (
        value in _KEYS or bool(_STORE.fullmatch(value)) or _is_error(value)
    )
    return str(value) if known else _LEFT_OUT


def _is_error(name: str) -> bool:
    """Tell whether a word is the name of a class of exceptions that this process knows."""
    return bool(_CLASS.fullmatch(name)) and any(
        kind.__name__ == name for kind in _below(BaseException)
    )


def _below(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def _traced(raised: object) -> Iterator[str]:
    error = raised[1] if isinstance(raised, tuple) and len(raised) == 3 else None
    seen: set[int] = set()
    while isinstance(error, BaseException) and id(error) not in seen:
        seen.add(id(error))
        yield f"{_ERROR}{_class_name(type(error))}"
        for frame in extract_tb(error.__traceback__)[-_FRAMES:]:
            yield f"{_CODE}{_place(frame.filename)}:{frame.lineno} in {frame.name}"
        error = error.__cause__ or error.__context__


def _class_name(kind: type[BaseException]) -> str:
    return kind.__name__ if kind.__name__.isidentifier() else _LEFT_OUT


def _place(file: str) -> str:
    """Return where a line of code stands, from the package on; other files by their name only."""
    parts = Path(file).parts
    for root in _ROOTS:
        if root in parts:
            return "/".join(parts[parts.index(root) :])
    return parts[-1] if parts and parts[-1].endswith(".py") else _LEFT_OUT


def _module(name: str) -> str:
    """Return a logger's name; one that is no module is left out."""
    return name if re.fullmatch(r"[A-Za-z_][\w.]*", name) else _LEFT_OUT
