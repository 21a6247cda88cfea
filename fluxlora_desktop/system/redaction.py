"""Take tokens and the person's name out of text before it reaches a log, a dialog or a clipboard.

Three nets: no `Secret` shows itself; every live token is known here by value; and whatever looks
like a token or a signed address is replaced, known or not. `plain_lines` keeps text from outside
from passing itself off as lines of the log.
"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from urllib.parse import quote

from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.services import token_pattern

HIDDEN = "[hidden]"
_SHORTEST = 8
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
"""What moves a terminal's cursor, turns the direction of text, or ends a line."""
_GO_ON = "\n    | "
_QUERY_NAMES = (
    r"X-Amz-(?:Signature|Credential|Security-Token)|signature|sig|token|api[_-]?key"
    r"|access_token|key-pair-id|policy"
)
_TOKEN = re.compile(rf"{token_pattern()}|\brpa_[A-Za-z0-9]{{20,}}")
_PATTERNS = (
    re.compile(r"(\b(?:Bearer|Basic|Token)\s+)(?!\[hidden\])[A-Za-z0-9._~+/=:-]{8,}", re.I),
    # "Key" begins many a sentence, so what follows must be long and hold a digit.
    re.compile(r"(\bKey\s+)(?!\[hidden\])(?=\S*\d)[A-Za-z0-9._~+/=:-]{16,}"),
    re.compile(rf"((?:{_QUERY_NAMES})=)[^&\s\"'<>)]+", re.I),
    re.compile(
        r"((?:authorization|x-api-key|set-cookie)['\"]?\s*[:=,]\s*['\"]?)[^\s'\"]{8,}", re.I
    ),
)


class Redactor:
    """Knows the live tokens and hides them, and all that looks like one."""

    def __init__(self, *, home: Path | None = None) -> None:
        self._forms: frozenset[str] = frozenset()
        home_text = str(Path.home() if home is None else home)
        self._homes = tuple(
            sorted({home_text, home_text.replace("\\", "/"), quote(home_text)}, key=len)[::-1]
            if len(home_text) > 1
            else ()
        )

    def learn(self, secret: Secret) -> None:
        """Hide this token from now on; any thread may call.

        Its percent, base64 and UTF-16 forms and those inside quotes of Python and JSON are hidden
        as well.
        """
        value = secret.reveal()
        if len(value) >= _SHORTEST:
            self._forms |= _forms_of(value)

    def redact(self, text: str) -> str:
        """Return the text without tokens, signatures and the home folder's name."""
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, HIDDEN)
        text = _TOKEN.sub(HIDDEN, text)
        for pattern in _PATTERNS:
            text = pattern.sub(rf"\g<1>{HIDDEN}", text)
        for home in self._homes:
            text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
        return text


def _forms_of(value: str) -> frozenset[str]:
    forms = {value, quote(value, safe=""), quote(value), json.dumps(value)[1:-1], repr(value)[1:-1]}
    for raw in (value.encode(), value.encode("utf-16-le")):
        forms |= _base64_forms(raw)
    wide = value.encode("utf-16-le").decode("latin-1")
    forms |= {wide, repr(wide)[1:-1], json.dumps(wide)[1:-1]}
    return frozenset(forms)


def _base64_forms(raw: bytes) -> set[str]:
    """Return what base64 of a longer text holds of this one: one of three alignments."""
    forms = set()
    for before in range(3):
        start = (0, 2, 3)[before]
        end = (before + len(raw)) // 3 * 4
        padded = bytes(before) + raw
        forms.add(base64.b64encode(padded).decode()[start:end])
        forms.add(base64.urlsafe_b64encode(padded).decode()[start:end])
    return forms


def plain_lines(text: str) -> str:
    """Return text as a log may hold it: control and direction signs spelled, later lines indented.

    No word from outside can then begin a line of the log, or rewrite one on a terminal.
    """
    spelled = _UNSAFE.sub(
        lambda found: ascii(found[0])[1:-1], text.replace("\r\n", "\n").rstrip("\n")
    )
    return spelled.replace("\n", _GO_ON)
