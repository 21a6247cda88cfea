"""Take tokens and the person's name out of text before it reaches a log, a dialog or a clipboard.

Three nets: no `Secret` shows itself; every live token is known here by value; and whatever looks
like a token or a signed address is replaced, known or not.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path
from urllib.parse import quote

from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.services import token_pattern

HIDDEN = "[hidden]"
_SHORTEST = 8
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
        """Hide this token from now on, in plain, percent and base64 form; any thread may call."""
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
    raw = value.encode()
    forms = {value, quote(value, safe="")}
    for before in range(3):  # base64 of a longer text holds one of three alignments of the value
        start = (0, 2, 3)[before]
        end = (before + len(raw)) // 3 * 4
        padded = bytes(before) + raw
        forms.add(base64.b64encode(padded).decode()[start:end])
        forms.add(base64.urlsafe_b64encode(padded).decode()[start:end])
    return frozenset(forms)
