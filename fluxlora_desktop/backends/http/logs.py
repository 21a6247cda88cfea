"""Logs of trainers as plain text, and the numbers in tqdm's bars, which most of them print."""

from __future__ import annotations

import math
import re

from fluxlora_desktop.domain.services import token_pattern

_CONTROLS = re.compile(
    "\x1b\\][^\x07\x1b]{0,2000}(?:\x07|\x1b\\\\)"  # titles and links
    "|[\x1b\x9b]\\[?[0-?]{0,100}[ -/]{0,10}[@-~]"  # colours and moves
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb]"
    "|[\ud800-\udfff]"  # halves of letters, which no file or database takes
)

_TOKENS = re.compile(rf"{token_pattern()}|(?<=\bBearer )\S{{8,}}|(?<=signature=)[^&\s\"']+", re.I)


def plain_text(text: str) -> str:
    """Return text without terminal codes and text direction marks, its lines by newline."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def clean_log(log: str) -> str:
    """Return a log as plain text, in which what looks like a token is starred.

    Sign for sign, since a longer log must begin with the shorter.
    """
    return _TOKENS.sub(lambda found: "*" * len(found[0]), plain_text(log))


def seconds_per_step(rate: str | None, unit: str) -> float | None:
    """Return the pace that a bar tells, in `s/it` or `it/s`; None for a question mark."""
    value = number(rate)
    if not value:
        return None
    return value if unit == "s/it" else 1 / value


def seconds_of(clock: str) -> float | None:
    """Return the seconds of mm:ss or h:mm:ss, or None for a question mark."""
    if "?" in clock:
        return None
    seconds = 0
    for part in clock.split(":"):
        seconds = seconds * 60 + int(part or 0)
    return float(seconds)


def number(text: str | None) -> float | None:
    """Return a finite number, or None for anything else, NaN included."""
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
