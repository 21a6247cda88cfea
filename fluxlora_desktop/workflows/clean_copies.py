"""Copies of pictures that say nothing about how they were made, for other apps to take.

They lie in a folder of their own until the app ends or starts: whoever pastes or drops a file reads
it when it likes. Their names say nothing either.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.domain.ports import Files, JobContext
from fluxlora_desktop.workflows.pictures import save_picture
from fluxlora_desktop.workflows.tools import Tools, storage_trouble

_FOLDER = "clean-copies"


def clean_name(number: int = 1) -> str:
    """Return the name of a copy; the words of a prompt are no part of it."""
    return "picture.png" if number == 1 else f"picture-{number}.png"


def make_clean_copies(
    pictures: Sequence[Picture], tools: Tools, ctx: JobContext
) -> tuple[Path, ...]:
    """Write a copy without metadata of each picture and return where they lie.

    Raises `StorageError` and its kin.
    """
    folder = tools.stores.files.root / _FOLDER / secrets.token_hex(4)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise storage_trouble(folder, error) from error
    made: list[Path] = []
    for number, picture in enumerate(pictures, start=1):
        ctx.check()
        target = folder / clean_name(number)
        save_picture(picture, target, tools, clean=True)
        made.append(target)
    return tuple(made)


def remove_clean_copies(files: Files) -> None:
    """Delete every copy that was made; another app that holds one keeps it until it lets go."""
    shutil.rmtree(files.root / _FOLDER, ignore_errors=True)
