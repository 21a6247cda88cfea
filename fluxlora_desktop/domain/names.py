"""Names of strangers' files: kept as data, shown so that none can pose as another.

No path is ever made of such a name; the library's files are called by their hashes.
"""

from __future__ import annotations

import unicodedata

_ISOLATE, _END = "\u2068", "\u2069"
_JOINERS = "\u200c\u200d"
_JOINED = ("L", "M", "S")
_ESCAPED = ("Cc", "Cf", "Cs", "Zl", "Zp")
_TURNED = {"R", "AL", "AN"}


def kept_name(name: str) -> str:
    """Return a name as text that UTF-8 can hold: bytes that were no UTF-8 become `\\xff`."""
    return "".join(_byte(char) if unicodedata.category(char) == "Cs" else char for char in name)


def _byte(char: str) -> str:
    """Write out what stands in a name for a byte that was no UTF-8."""
    byte = ord(char) - 0xDC00
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else ascii(char)[1:-1]


def shown_name(name: str) -> str:
    """Return a name for the screen: what is invisible or turns the line is written out.

    Joiners between letters or symbols stay, since scripts and emoji need them. A name with letters
    that run from right to left is isolated from the words around it.
    """
    shown = "".join(
        _written_out(char) if _hides(name, place) else char for place, char in enumerate(name)
    )
    turned = any(unicodedata.bidirectional(char) in _TURNED for char in shown)
    return f"{_ISOLATE}{shown}{_END}" if turned else shown


def _hides(name: str, place: int) -> bool:
    char = name[place]
    if char in _JOINERS and 0 < place < len(name) - 1:
        return not (_is_joined(name[place - 1]) and _is_joined(name[place + 1]))
    return unicodedata.category(char) in _ESCAPED


def _is_joined(char: str) -> bool:
    return not char.isascii() and unicodedata.category(char).startswith(_JOINED)


def _written_out(char: str) -> str:
    return ascii(char)[1:-1]
