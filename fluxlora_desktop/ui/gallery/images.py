"""Whole pictures from their files."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QImage, QImageReader

from fluxlora_desktop.domain.ports import JobContext


def decode(path: Path, ctx: JobContext) -> QImage:
    """Read a picture upright, in a job; one that cannot be read comes back null."""
    ctx.check()
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    return reader.read()
