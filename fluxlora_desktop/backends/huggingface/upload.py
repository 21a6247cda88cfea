"""A file that tells how much of it was sent, and stops being read when the person cancels."""

from __future__ import annotations

import io
from pathlib import Path

from fluxlora_desktop.domain.ports import JobContext, Transferred

_STEPS = 200


class CountingFile(io.BufferedReader):
    """An open file for an LFS upload.

    The hub client reads it twice: to hash it, and to send it. After `start_sending`, each read
    reports `Transferred` with the furthest byte so far, at most about 200 times, so that a part
    sent again does not turn the bar back. Every read asks the context whether to go on.
    """

    def __init__(self, path: Path, ctx: JobContext) -> None:
        raw = io.FileIO(path)
        super().__init__(raw)
        self._ctx = ctx
        self._total = path.stat().st_size
        self._sending = False
        self._furthest = 0
        self._reported = -1

    def start_sending(self) -> None:
        """Count from now on: the file was hashed."""
        self._sending = True
        self._report()

    def finish(self) -> None:
        """Report that all bytes are there, those included that the hub had before."""
        self._furthest = self._total
        self._report()

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to `size` bytes; raises `JobCancelled` when asked to stop."""
        self._ctx.check()
        data = super().read(size)
        if self._sending:
            self._furthest = max(self._furthest, self.tell())
            step = max(self._total // _STEPS, 1)
            if self._furthest - self._reported >= step or self._furthest == self._total:
                self._report()
        return data

    def _report(self) -> None:
        if self._furthest > self._reported:
            self._reported = self._furthest
            self._ctx.report(Transferred("weights", self._furthest, self._total))
