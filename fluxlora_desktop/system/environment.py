"""Tokens that lie about in the environment or in a `.env` file, offered for import.

Nothing here reads by itself: the person asks, sees which names were found, and then decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fluxlora_desktop.domain.errors import AccessDenied, InputError, StorageError
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.services import SERVICES

MAX_BYTES = 64 * 1024
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}


@dataclass(frozen=True, slots=True)
class ImportedTokens:
    """What was found: `names` are the variables, `tokens` one (service, token) per service.

    `users` are (service, name of the account), where a variable tells it.
    """

    names: tuple[str, ...] = ()
    tokens: tuple[tuple[str, Secret], ...] = ()
    users: tuple[tuple[str, str], ...] = ()

    def token(self, service: str) -> Secret | None:
        """Return the token found for a service."""
        return dict(self.tokens).get(service)

    def __bool__(self) -> bool:
        return bool(self.tokens)


def tokens_in(environ: Mapping[str, str]) -> ImportedTokens:
    """Pick out the names the app knows; of two names for one service the first one wins."""
    names: list[str] = []
    tokens: list[tuple[str, Secret]] = []
    users: list[tuple[str, str]] = []
    for facts in SERVICES:
        found = [name for name in facts.token_variables if environ.get(name, "").strip()]
        names += found
        if found:
            tokens.append((facts.key, Secret(environ[found[0]])))
        user = environ.get(facts.user_variable, "").strip()
        if user:
            names.append(facts.user_variable)
            users.append((facts.key, user))
    return ImportedTokens(tuple(names), tuple(tokens), tuple(users))


def tokens_in_file(path: Path) -> ImportedTokens:
    """Read a `.env` file that the person picked.

    Raises `InputError` for a file that is not one (not a regular file, over 64 KB, not text) and
    `StorageError` when it cannot be read.
    """
    if path.exists() and not path.is_file():
        raise InputError("env_file", "not a file")
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except PermissionError as error:
        raise AccessDenied(path) from error
    except OSError as error:
        raise StorageError(path, error.strerror or "cannot be read") from error
    if len(raw) > MAX_BYTES:
        raise InputError("env_file", "larger than 64 KB")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Without the cause: it would carry the file's bytes.
        raise InputError("env_file", "not a text file") from None
    return tokens_in(parse_env(text))


def parse_env(text: str) -> dict[str, str]:
    """Parse lines of NAME=value as data: no shell, no interpolation, no values over many lines.

    Lines that do not have this form are passed over; of two lines with one name the last wins.
    """
    matches = (_LINE.fullmatch(line) for line in text.splitlines())
    return {match[1]: _value(match[2]) for match in matches if match}


def _value(text: str) -> str:
    text = text.strip()
    quote = text[:1]
    if quote in ("'", '"'):
        closed = re.match(r"'([^']*)'" if quote == "'" else r'"((?:[^"\\]|\\.)*)"', text)
        if closed is None:
            return text
        if quote == "'":
            return closed[1]
        return re.sub(r"\\(.)", lambda it: _ESCAPES.get(it[1], it[0]), closed[1])
    return re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip()
