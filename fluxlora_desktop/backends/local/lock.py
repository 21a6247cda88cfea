"""A lock file that the kernel lets go of when its holder, and every child that has it, is gone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fluxlora_desktop.trainer.process import is_taken, take_lock


class Held(Exception):
    """Somebody else holds the lock."""


@contextmanager
def lock(path: Path) -> Iterator[int]:
    """Hold the lock and give its handle, for children to inherit; raises `Held`, `OSError`.

    A POSIX child that inherits it keeps the lock even when the app is killed.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            take_lock(handle)
        except OSError as error:
            raise Held(str(path)) from error
        yield handle
    finally:
        os.close(handle)


def is_held(path: Path) -> bool:
    """Tell whether somebody, this process included, holds the lock now."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return is_taken(handle)
    finally:
        os.close(handle)
