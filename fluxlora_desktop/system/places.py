"""Where the app keeps things on this computer, and where its own files lie."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QStandardPaths

APP_NAME = "FluxLoRA Desktop"
PRACTICE = "practice"


@dataclass(frozen=True, slots=True)
class Places:
    """The app's folders; none of them needs to exist yet."""

    data_dir: Path
    """The library: database, photos, weights, pictures."""
    config: Path
    logs: Path
    cache: Path

    @property
    def settings_file(self) -> Path:
        """Where preferences and window state are kept."""
        return self.config / "settings.ini"

    @property
    def practice_services(self) -> Path:
        """Where the practice services keep their state."""
        return self.data_dir / "services"


def find_places(data_dir: Path | None = None, *, practice: bool = False) -> Places:
    """Return the system's usual folders, or folders inside `data_dir` when one is given.

    Practice has a library, settings and logs of its own, inside a folder `practice` of the real
    ones, so that it can never touch what a person trained.
    """
    if data_dir is not None:
        root = data_dir.expanduser().resolve()
        return _all_in(root / PRACTICE if practice else root)
    root = _standard(QStandardPaths.StandardLocation.GenericDataLocation)
    if practice:
        return _all_in(root / PRACTICE)
    return Places(
        data_dir=root,
        config=_standard(QStandardPaths.StandardLocation.GenericConfigLocation),
        logs=root / "logs",
        cache=_standard(QStandardPaths.StandardLocation.GenericCacheLocation),
    )


def resource(*parts: str) -> Path:
    """Return the path of a file that is shipped with the app, in a checkout or in a bundle."""
    bundle = getattr(sys, "_MEIPASS", None)
    root = Path(bundle) if bundle else Path(__file__).resolve().parents[2]
    return root.joinpath("resources", *parts)


def _all_in(root: Path) -> Places:
    return Places(data_dir=root, config=root, logs=root / "logs", cache=root / "cache")


def _standard(location: QStandardPaths.StandardLocation) -> Path:
    return Path(QStandardPaths.writableLocation(location)) / APP_NAME
