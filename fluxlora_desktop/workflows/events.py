"""What workflows report while they work."""

from __future__ import annotations

from dataclasses import dataclass

from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.domain.runs import Run


@dataclass(frozen=True, slots=True)
class RunChanged:
    """A run's row changed; `log` and `losses` tell whether there is more of either."""

    run: Run
    log: bool = False
    losses: bool = False


@dataclass(frozen=True, slots=True)
class PictureChanged:
    """A picture's row changed."""

    picture: Picture
