"""`--check-library`: say in words what does not fit together in a library; change nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from fluxlora_desktop.domain.errors import StorageError
from fluxlora_desktop.domain.library import Inconsistency
from fluxlora_desktop.store.check import check_library, is_open_elsewhere
from fluxlora_desktop.system.places import find_places

CLEAN, FOUND, UNREADABLE = 0, 1, 2


def run(data_dir: Path | None, *, practice: bool = False) -> int:
    """Print one line for each finding; return 0 when there is none, 1, or 2 when nothing is read.

    Works while a window has the library open, and waits for nobody.
    """
    folder = find_places(data_dir, practice=practice).data_dir
    if is_open_elsewhere(folder):
        _say(f"A window has the library in {folder} open; it is only read.")
    try:
        found = check_library(folder)
    except (StorageError, OSError) as error:
        _say(f"The library in {folder} cannot be read: {error}")
        return UNREADABLE
    for finding in found:
        _say(line_of(finding))
    if found:
        harmless = sum(finding.harmless for finding in found)
        _say(f"{len(found)} found, {harmless} of them harmless. Nothing was changed.")
        return FOUND
    _say(f"Everything fits together in {folder}.")
    return CLEAN


def line_of(finding: Inconsistency) -> str:
    """Return a finding as one line; what cannot be printed becomes a question mark."""
    words = f"{finding.what}: {finding.says} {finding.mend}"
    return "".join(sign if sign.isprintable() else "?" for sign in words)


def _say(text: str) -> None:
    if sys.stdout is not None:  # a windowed program on Windows has none
        encoding = sys.stdout.encoding or "utf-8"
        print(text.encode(encoding, "replace").decode(encoding), flush=True)
