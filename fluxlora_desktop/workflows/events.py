"""What workflows report while they work."""

from __future__ import annotations

from dataclasses import dataclass

from fluxlora_desktop.domain.errors import AppError
from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.domain.runs import Run
from fluxlora_desktop.domain.work import StepsDone


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


@dataclass(frozen=True, slots=True)
class PictureAdvanced:
    """How far a picture of an order is that is being made; nothing of it is kept."""

    picture_id: str
    order_id: str
    steps: StepsDone


@dataclass(frozen=True, slots=True)
class PicturesLookedAt:
    """How many of the files that were given have been looked at, and how many came in so far."""

    done: int
    total: int
    came_in: int


@dataclass(frozen=True, slots=True)
class CaptionBegun:
    """A photo is about to be described; it is the one at `place`, from 1."""

    sha256: str
    place: int


@dataclass(frozen=True, slots=True)
class CaptionWritten:
    """A photo has been described; `kept` is false where a person wrote words of their own since."""

    sha256: str
    text: str
    kept: bool = True


@dataclass(frozen=True, slots=True)
class CaptionFailed:
    """A photo has no caption, and why; `paid` tells whether its answer was charged all the same."""

    sha256: str
    error: AppError
    paid: bool = False


@dataclass(frozen=True, slots=True)
class CaptionWaits:
    """The service asked to wait so many seconds; nothing was charged. 0: it is over."""

    seconds: float


@dataclass(frozen=True, slots=True)
class OrderRefused:
    """An order of pictures ended by what the next picture would meet as well.

    Its model or Lora cannot be used there any more, or this computer's engine cannot make it.
    """

    error: AppError
