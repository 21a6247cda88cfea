"""Values from strangers' metadata: of the right type, of bearable size, and fit for the library.

Text loses NUL and other control characters, which SQLite's C side takes for an end, and lone
surrogates, which cannot be encoded.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

LONGEST_TEXT: Final = 100_000
_MOST_FACTS: Final = 60
_LONGEST_NAME: Final = 80
_LONGEST_VALUE: Final = 2000
_LONGEST_JSON: Final = 16_000_000
_LARGEST_WHOLE: Final = 2**31 - 1
_LARGEST_SEED: Final = 2**63 - 1
"""What a column of SQLite holds; ComfyUI's seeds go up to twice that."""
_UNFIT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LONE: Final = re.compile("[\ud800-\udfff]")


def cleaned(value: object, most: int = LONGEST_TEXT) -> str:
    """Return a text that can be kept and shown; "" for what is none."""
    if not isinstance(value, str):
        return ""
    text = value[: 2 * most].replace("\r\n", "\n").replace("\r", "\n")
    return _LONE.sub("\ufffd", _UNFIT.sub("", text))[:most].strip()


def whole_in(value: object) -> int:
    """Return a whole number from 0 to 2**31 - 1, also out of words; 0 for anything else."""
    number = number_in(value)
    return int(number) if 0 <= number <= _LARGEST_WHOLE else 0


def number_in(value: object) -> float:
    """Return a finite number, also out of words; 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0.0
    if isinstance(value, str) and len(value) > 40:
        return 0.0
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return 0.0
    return number if math.isfinite(number) else 0.0


def seed_in(value: object) -> tuple[int, dict[str, str]]:
    """Return a seed exactly; one that no column holds is 0 and comes as a fact."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    words = str(value).strip() if isinstance(value, int | str) else ""
    if not re.fullmatch(r"-?[0-9]{1,30}", words, re.ASCII) or isinstance(value, bool):
        return 0, {}
    seed = int(words)
    if 0 <= seed <= _LARGEST_SEED:
        return seed, {}
    return 0, {"Seed": words} if seed > 0 else {}


def facts_from(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return settings as pairs of words; empty ones, lists and groups are left out."""
    found: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        try:
            words = f"{value:g}" if isinstance(value, float) else str(value)
        except ValueError:  # a whole number of more than 4300 digits
            continue
        name, words = cleaned(key, _LONGEST_NAME), cleaned(words, _LONGEST_VALUE)
        if name and words:
            found.append((name, words))
        if len(found) == _MOST_FACTS:
            break
    return tuple(found)


def json_in(text: str) -> Any:
    """Return what a JSON text says, or None when it is none, too long or too deep."""
    if len(text) > _LONGEST_JSON:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def group_in(value: object) -> dict[str, Any]:
    """Return a JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def rows_in(value: object, most: int = 200) -> list[Any]:
    """Return a JSON list of bounded length; an empty one for anything else."""
    return value[:most] if isinstance(value, list) else []
