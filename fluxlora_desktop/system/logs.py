"""The log files: small, rotating, readable by their owner only, without tokens.

One has everything, the other only what may be shown to anybody.
"""

from __future__ import annotations

import logging
import os
import sys
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from fluxlora_desktop.system import public_log
from fluxlora_desktop.system.redaction import Redactor, plain_lines

FILE_NAME = "fluxlora.log"
_MAX_BYTES = 1_000_000
_KEPT = 4
_PUBLIC_BYTES = 200_000
_QUIET = (
    *("httpx", "httpcore", "httpx2", "httpcore2", "huggingface_hub", "urllib3"),
    *("PIL", "asyncio", "keyring", "secretstorage", "jeepney", "filelock"),
)
"""At INFO httpx writes addresses with their queries, at DEBUG httpcore signed redirects."""


class RedactingFormatter(logging.Formatter):
    """Formats a record, traceback included, and hides what is secret in the result.

    Only the first line of an entry begins at the margin, so that nothing that a service said, or a
    file was called, can look like an entry of its own.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(threadName)s %(name)s: %(message)s")
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Return the whole entry, redacted."""
        return plain_lines(self._redactor.redact(super().format(record)))


class _PrivateFileHandler(RotatingFileHandler):
    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(descriptor, "a", encoding=self.encoding, errors=self.errors)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say where an entry was lost; the standard library would print what it was to hold.

        A disk that takes none is told by the window, in words.
        """
        if isinstance(sys.exc_info()[1], OSError):
            return
        if sys.stderr is not None:  # a windowed program on Windows has none
            sys.stderr.write(f"an entry of {record.name} could not be logged\n")


class _Both(logging.Handler):
    """Hands each entry to several handlers."""

    def __init__(self, *handlers: logging.Handler) -> None:
        super().__init__()
        self._handlers = handlers

    def emit(self, record: logging.LogRecord) -> None:
        for handler in self._handlers:
            handler.handle(record)

    def close(self) -> None:
        for handler in self._handlers:
            handler.close()
        super().close()


def _file_handler(
    path: Path, most_bytes: int, kept: int, formatter: logging.Formatter
) -> logging.Handler:
    handler = _PrivateFileHandler(
        path, maxBytes=most_bytes, backupCount=kept, encoding="utf-8", errors="backslashreplace"
    )
    handler.setFormatter(formatter)
    return handler


def set_up_logging(
    logs_dir: Path, redactor: Redactor, *, level: int = logging.INFO
) -> logging.Handler:
    """Send the process's log to two files in `logs_dir` and return the handler of both."""
    logs_dir.mkdir(parents=True, exist_ok=True)
    handler = _Both(
        _file_handler(logs_dir / FILE_NAME, _MAX_BYTES, _KEPT, RedactingFormatter(redactor)),
        _file_handler(
            logs_dir / public_log.FILE_NAME, _PUBLIC_BYTES, 1, public_log.PublicFormatter()
        ),
    )
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
    for name in _QUIET:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
    return handler


def take_down_logging(handler: logging.Handler) -> None:
    """Undo `set_up_logging`: close the file and leave the root logger."""
    logging.getLogger().removeHandler(handler)
    handler.close()
