"""Proof by the system's own calls: the intent is on the disk before a request leaves.

One life is listed by strace. Before each request with an effect there must be a write to the
database since the last of them, and all that was written to it must be synced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

WATCHED = (
    r"POST /v1/models/[^ ]+/trainings ",
    r"POST /v1/predictions ",
    r"POST /v1/models ",
    r"POST /api/repos/create ",
    r"POST /api/models/[^ ]+/commit/",
)
_CALL = re.compile(r"^\d+ +(\w+)\((?:\d+<([^>]*)>)?(.*)")
_DATABASE = re.compile(r"library\.db(-wal|-journal)?$")


def unsynced(listing: Path) -> Iterator[str]:
    """Yield in words each request that left before its intent was on the disk."""
    dirty: set[str] = set()
    written = False
    seen = dict.fromkeys(WATCHED, 0)
    for line in listing.read_text("utf-8", errors="replace").splitlines():
        found = _CALL.match(line)
        if found is None:
            continue
        call, path, rest = found[1], found[2] or "", found[3]
        if _DATABASE.search(path):
            if call in {"write", "pwrite64", "ftruncate"}:
                dirty.add(path)
                written = True
            elif call in {"fsync", "fdatasync"}:
                dirty.discard(path)
        elif call == "unlink" and "library.db-journal" in rest:
            dirty = {name for name in dirty if not name.endswith("-journal")}
        elif call == "sendto":
            for pattern in WATCHED:
                if re.search(pattern, rest):
                    seen[pattern] += 1
                    if dirty or not written:
                        what = "was not synced" if dirty else "was not written"
                        yield f"the intent {what} before {rest[:90]}"
                    written = False
    for pattern, count in seen.items():
        if not count:
            yield f"no request like {pattern} was seen: the proof is empty"
