"""Tokens that lie about in the environment or in a `.env` file, offered for import.

Nothing here reads by itself: the person asks, sees which names were found, and then decides. The
programs that the app starts inherit none of them.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Collection, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from fluxlora_desktop.domain.errors import AccessDenied, InputError, StorageError
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.services import SERVICES, holds_token, variable_prefixes

_CACHES = frozenset({"HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})

MAX_BYTES = 64 * 1024
_LINE = re.compile(r"(\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*)(.*)")
_OTHERS_TOKENS = re.compile(r"RUNPOD_.*|HUGGING_FACE_HUB_TOKEN|WANDB_API_KEY", re.IGNORECASE)
_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}


@dataclass(frozen=True, slots=True)
class ImportedTokens:
    """What was found: `names` are the variables, `tokens` one (service, token) per service.

    `users` are (service, name of the account), where a variable tells it. `path` is the file that
    they come from, None for the environment, and `leads_to` where that leads if it is a link.
    """

    names: tuple[str, ...] = ()
    tokens: tuple[tuple[str, Secret], ...] = ()
    users: tuple[tuple[str, str], ...] = ()
    path: Path | None = None
    leads_to: Path | None = None

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
    found = tokens_in(parse_env(_read(path)))
    return replace(found, path=path, leads_to=path.resolve() if path.is_symlink() else None)


def _read(path: Path) -> str:
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
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Without the cause: it would carry the file's bytes.
        raise InputError("env_file", "not a text file") from None


def blank_tokens(path: Path, services: Collection[str]) -> None:
    """Empty the values of these services' tokens in a `.env` file; all else stays as it is.

    A link is followed: the file that it leads to is written anew and takes the old one's place.
    Raises what `tokens_in_file` does.
    """
    text = _read(path)
    names = {name for it in SERVICES if it.key in services for name in it.token_variables}
    lines = [_blanked(line, names) for line in text.splitlines(keepends=True)]
    _write_in_place(path.resolve(), "".join(lines))


def _blanked(line: str, names: Collection[str]) -> str:
    bare = line.rstrip("\r\n")
    match = _LINE.fullmatch(bare)
    if match is None or match[2] not in names:
        return line
    return match[1].rstrip() + line[len(bare) :]


def _write_in_place(path: Path, text: str) -> None:
    """Replace a file's text whole or not at all, under its own permissions."""
    temporary = ""
    try:
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, delete=False) as file:
            temporary = file.name
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(path.stat().st_mode & 0o777)
        Path(temporary).replace(path)
    except OSError as error:
        with suppress(OSError):
            Path(temporary).unlink(missing_ok=True)
        if isinstance(error, PermissionError):
            raise AccessDenied(path) from error
        raise StorageError(path, error.strerror or "cannot be written") from error


def without_tokens(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a program started by the app may have.

    All that belong to a service, and those whose value looks like a token of one, are left out;
    where a person keeps the hub's models is not: else tens of GB would be downloaded again.
    """
    prefixes = variable_prefixes()
    return {
        name: value
        for name, value in environ.items()
        if (name in _CACHES or not name.upper().startswith(prefixes)) and not _is_token(name, value)
    }


def take_tokens_out(environ: MutableMapping[str, str]) -> dict[str, str]:
    """Take the variables that hold tokens out of an environment and return them.

    For the start of the app: what it or Qt starts later, a browser among them, inherits none.
    """
    taken = {name: value for name, value in environ.items() if _is_token(name, value)}
    for name in taken:
        del environ[name]
    return taken


def _is_token(name: str, value: str) -> bool:
    known = any(name.upper() in facts.token_variables for facts in SERVICES)
    return known or bool(_OTHERS_TOKENS.fullmatch(name)) or holds_token(value)


def parse_env(text: str) -> dict[str, str]:
    """Parse lines of NAME=value as data: no shell, no interpolation, no values over many lines.

    Lines that do not have this form are passed over; of two lines with one name the last wins.
    """
    matches = (_LINE.fullmatch(line) for line in text.splitlines())
    return {match[2]: _value(match[3]) for match in matches if match}


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
