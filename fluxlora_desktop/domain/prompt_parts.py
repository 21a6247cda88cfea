"""How a prompt with alternatives is written: its text, forks and wildcards.

A backslash before `{`, `}`, `|` or `_` takes its meaning away.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fluxlora_desktop.domain.errors import InputError

SPECIAL = "{}|_"
"""The signs whose meaning a backslash takes away."""
DEEPEST = 20
TOO_DEEP = f"Alternatives and wildcards lie in each other {DEEPEST} deep at most."
_UNCLOSED = "A “{” is not closed. Write “\\{” where the sign itself is meant."
_WILDCARD = re.compile(r"__([^\W_](?:[\w/-]*?[^\W_])?)__")


@dataclass(frozen=True, slots=True)
class Wild:
    """A wildcard by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Alternatives in braces."""

    options: tuple[Parts, ...]


Parts = tuple[str | Choice | Wild, ...]
"""A prompt as it is written."""


def parse(text: str) -> Parts:
    """Read a prompt: one text where it has no alternatives. Raises `InputError`."""
    parts, end = _Reader(text).read(0, depth=0)
    assert end == len(text)
    return parts


class _Reader:
    """Reads from left to right; `read` is called again for what is inside of braces."""

    def __init__(self, text: str) -> None:
        self._text = text

    def read(self, at: int, *, depth: int) -> tuple[Parts, int]:
        """Return the parts from a place on, and where they end: at `|` or `}` inside of braces."""
        text, parts = self._text, _Joined()
        while at < len(text):
            sign = text[at]
            wild = _WILDCARD.match(text, at) if sign == "_" else None
            if sign == "\\" and text[at + 1 : at + 2] in tuple(SPECIAL):
                parts.add(text[at + 1])
                at += 2
            elif wild:
                parts.add(Wild(wild[1]))
                at = wild.end()
            elif sign == "{":
                at = self._braces(at, parts, depth + 1)
            elif depth and sign in "|}":
                break
            else:
                parts.add(sign)
                at += 1
        return parts.all(), at

    def _braces(self, at: int, parts: _Joined, depth: int) -> int:
        if depth > DEEPEST:
            raise InputError("prompt", TOO_DEEP)
        options: list[Parts] = []
        end = at
        while not options or self._text[end : end + 1] == "|":
            option, end = self.read(end + 1, depth=depth)
            options.append(option)
        if end >= len(self._text):
            raise InputError("prompt", _UNCLOSED)
        if len(options) > 1:
            parts.add(Choice(tuple(options)))
        else:
            for part in ("{", *options[0], "}"):
                parts.add(part)
        return end + 1


class _Joined:
    """Collects parts; texts that follow each other become one."""

    def __init__(self) -> None:
        self._parts: list[str | Choice | Wild] = []
        self._texts: list[str] = []

    def add(self, part: str | Choice | Wild) -> None:
        if isinstance(part, str):
            self._texts.append(part)
        else:
            self._end_text()
            self._parts.append(part)

    def all(self) -> Parts:
        self._end_text()
        return tuple(self._parts)

    def _end_text(self) -> None:
        if self._texts:
            self._parts.append("".join(self._texts))
            self._texts = []
