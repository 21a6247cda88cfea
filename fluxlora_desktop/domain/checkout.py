"""A checkout of ai-toolkit that a person has on this computer, as it was found.

What was found is kept as text, so that the next start of the app need not ask it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from fluxlora_desktop.domain.bases import title_of
from fluxlora_desktop.domain.work import JobContext

_GIB = 1 << 30
_LONGEST_TEXT = 20_000
_LONGEST_WORD = 2000


@dataclass(frozen=True, slots=True)
class Checkout:
    """A folder of ai-toolkit and the Python that runs it.

    `version` and `commit` are "" where nothing tells them, `gpu` where its torch sees none;
    `gpu_bytes` is that GPU's memory. `bases` are the keys of the base models that this version
    can train, and `reports` tells whether it writes its progress into a database.
    """

    folder: Path
    python: Path
    version: str = ""
    commit: str = ""
    python_version: str = ""
    torch: str = ""
    gpu: str = ""
    gpu_bytes: int = 0
    bases: tuple[str, ...] = ()
    reports: bool = False

    @property
    def says(self) -> str:
        """Return in words what was found."""
        name = " ".join(filter(None, ("ai-toolkit", self.version)))
        if self.commit:
            name += f" ({self.commit[:7]})"
        with_what = [f"Python {self.python_version}", f"torch {self.torch}" if self.torch else ""]
        where = f"{self.gpu}, {self.gpu_bytes / _GIB:.0f} GB" if self.gpu else "no GPU"
        trains = _listed(title_of(base) for base in self.bases)
        return f"{name} with {_listed(filter(None, with_what))}, on {where}. It trains {trains}."

    def as_text(self) -> str:
        """Return everything as one text for the settings."""
        told = asdict(self) | {"folder": str(self.folder), "python": str(self.python)}
        return json.dumps(told)

    @staticmethod
    def from_text(text: str) -> Checkout | None:
        """Return the checkout of a kept text, None for one that says nothing."""
        try:
            told = json.loads(text) if 0 < len(text) <= _LONGEST_TEXT else None
        except (ValueError, RecursionError):
            return None
        if not isinstance(told, dict) or not _word(told, "folder") or not _word(told, "python"):
            return None
        memory, bases = told.get("gpu_bytes"), told.get("bases")
        known = bases if isinstance(bases, list) else []
        return Checkout(
            Path(_word(told, "folder")),
            Path(_word(told, "python")),
            _word(told, "version"),
            _word(told, "commit"),
            _word(told, "python_version"),
            _word(told, "torch"),
            _word(told, "gpu"),
            memory if type(memory) is int and memory >= 0 else 0,
            tuple(base for base in known if isinstance(base, str)),
            told.get("reports") is True,
        )


class CheckoutFinder(Protocol):
    """Looks at a folder that a person says is a checkout."""

    def python_in(self, folder: Path) -> Path | None:
        """Return the Python that lies in the folder, None when there is none; no process."""

    def look(self, folder: Path, python: Path | None, ctx: JobContext) -> Checkout:
        """Return what the folder is, run by this Python or the one inside it.

        It starts that Python, which may take a minute. Raises `InputError` with the field "folder"
        or "python" when it cannot be used.
        """


def _word(told: dict[str, object], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) and len(value) <= _LONGEST_WORD else ""


def _listed(words: Iterable[str]) -> str:
    *first, last = [*words] or ["nothing that this app knows"]
    return f"{', '.join(first)} and {last}" if first else last
