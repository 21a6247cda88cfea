"""Prompts: wildcards from the library's folder, the history, and what is saved under a name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.kept_prompts import LONGEST_PROMPT_NAME, KeptPrompt
from fluxlora_desktop.domain.prompts import (
    LARGEST_WILDCARD,
    LONGEST_PROMPT,
    MOST_ENTRIES,
    MOST_WILDCARDS,
    Wildcards,
    entries_of,
)
from fluxlora_desktop.domain.services import NOT_A_TOKEN_FIELD, holds_token
from fluxlora_desktop.workflows.tools import Tools, storage_trouble

_DEEPEST_FOLDER = 4


def read_wildcards(tools: Tools) -> Wildcards:
    """Return the wildcards of the library's folder, those in folders below by `folder/name`.

    One that cannot be used is among them with the reason. Raises `StorageError`.
    """
    folder = tools.stores.files.wildcards()
    entries: dict[str, tuple[str, ...]] = {}
    unreadable: dict[str, str] = {}
    try:
        for path in _text_files(folder):
            name = path.relative_to(folder).with_suffix("").as_posix()
            try:
                entries[name] = _entries_in(path)
            except InputError as error:
                unreadable[name] = error.reason
    except OSError as error:
        raise storage_trouble(folder, error) from error
    return Wildcards(entries, unreadable)


def _text_files(folder: Path) -> Iterator[Path]:
    """Yield the text files below a folder, by name, as many as are read at most."""
    found = 0
    for place, folders, names in os.walk(folder):
        here = Path(place)
        deep = len(here.relative_to(folder).parts)
        folders[:] = sorted(folders) if deep < _DEEPEST_FOLDER else []
        for name in sorted(names):
            if name.lower().endswith(".txt") and found < MOST_WILDCARDS:
                found += 1
                yield here / name


def _entries_in(path: Path) -> tuple[str, ...]:
    if not path.is_file():  # a pipe would never end
        raise InputError("wildcard", f"{path.name} is not a file")
    with path.open("rb") as stream:
        raw = stream.read(LARGEST_WILDCARD + 1)
    if len(raw) > LARGEST_WILDCARD:
        raise InputError("wildcard", f"{path.name} is larger than 1 MB")
    try:
        entries = entries_of(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError("wildcard", f"{path.name} is not UTF-8 text") from error
    if len(entries) > MOST_ENTRIES:
        raise InputError("wildcard", f"{path.name} has more than {MOST_ENTRIES:,} entries")
    return entries


def save_prompt(text: str, name: str, tools: Tools) -> KeptPrompt:
    """Keep a prompt under a name. Raises `InputError` for what cannot be one."""
    wanted, called = text.strip(), " ".join(name.split())
    if not wanted:
        raise InputError("prompt", "Write what the picture shall show.")
    if len(wanted) > LONGEST_PROMPT:
        raise InputError("prompt", f"A prompt has {LONGEST_PROMPT:,} characters at most.")
    if holds_token(wanted) or holds_token(called):
        raise InputError("prompt", NOT_A_TOKEN_FIELD)
    if not 1 <= len(called) <= LONGEST_PROMPT_NAME:
        raise InputError("name", f"1 to {LONGEST_PROMPT_NAME} characters")
    known = next((one for one in tools.stores.prompts.all() if one.text == wanted), None)
    kept = known or KeptPrompt(wanted, tools.clock.now())
    saved = replace(kept, name=called, saved=True)
    tools.stores.prompts.put(saved)
    return saved
