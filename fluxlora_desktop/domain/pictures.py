"""Pictures: what is asked for, what came back, what the library keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.prompts import Spread

AT_ONCE = 2
"""Orders that a service makes at the same time, unless it says otherwise."""


@dataclass(frozen=True, slots=True)
class LoraUse:
    """A Lora as a generator needs it: base, strength, and the three ways to reach the weights.

    `trained_version` is owner/name:hash at the service that trained it, `address` the full
    address of the .safetensors file on the hub (empty when it is not published), `private` whether
    that address refuses strangers. `file` is its name in the library, for what reads it here.
    """

    lora_id: str
    name: str
    base: str
    scale: float
    trigger_word: str = ""
    trained_version: str = ""
    trained_at: str = ""
    address: str = ""
    private: bool = True
    tensor_hash: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class SizeRule:
    """Which sizes a model takes, in pixels: limits, and the number that sides are multiples of."""

    low: int = 256
    high: int = 1440
    multiple: int = 16


@dataclass(frozen=True, slots=True)
class GeneratorModel:
    """One model of a generator, as data for the screens and for the checks before sending.

    `base` is the base it runs ("" when it takes no LoRA and the base does not matter), `max_loras`
    how many it takes, `needs_trained_version` that it is the trained model itself,
    `private_works` whether a private repo can be read, `takes_files` that a Lora's file in the
    library is enough. Prices: `usd_per_picture` and `usd_per_megapixel` are summed;
    `whole_megapixels` tells that a begun one is billed as a whole, `steps_cost` that more steps
    than the default cost more. With `free` nothing is ever paid for, so nothing is counted, and
    what broke off may be made again. `lacks` says what has to be done first on this computer, in a
    sentence; "" when nothing has. `seconds` is how long one usual picture takes.
    """

    key: str
    title: str
    base: str
    max_loras: int = 0
    needs_lora: bool = False
    needs_trained_version: bool = False
    private_works: bool = False
    takes_files: bool = False
    size: SizeRule = SizeRule()
    steps: tuple[int, int] = (1, 50)
    default_steps: int = 28
    guidance: tuple[float, float] = (0.0, 10.0)
    default_guidance: float = 3.0
    scale: tuple[float, float] = (0.0, 2.0)
    usd_per_picture: Decimal = Decimal(0)
    usd_per_megapixel: Decimal = Decimal(0)
    whole_megapixels: bool = False
    steps_cost: bool = True
    price_basis: str = ""
    available: bool = True
    free: bool = False
    lacks: str = ""
    seconds: tuple[float, float] = (3.0, 30.0)

    def estimate(self, width: int, height: int, steps: int) -> Estimate:
        """Return the price range of one picture in US dollars."""
        pixels = width * height
        if self.whole_megapixels:  # a megapixel is 1024 * 1024 or a million: services do not say
            low, high = (self._price(-(-pixels // mega), steps) for mega in (2**20, 10**6))
        else:
            low = self._price(Decimal(pixels) / 10**6, steps)
            high = low * Decimal("1.2")
        return Estimate(low, high, *self.seconds, self.price_basis)

    def _price(self, megapixels: Decimal | int, steps: int) -> Decimal:
        longer = Decimal(max(steps, self.default_steps)) / self.default_steps
        price = self.usd_per_megapixel * megapixels * (longer if self.steps_cost else 1)
        return self.usd_per_picture + price


@dataclass(frozen=True, slots=True)
class GeneratorAbilities:
    """What a generator can do now; `checked` tells whether the live service was asked.

    `at_once` is how many orders it makes at the same time.
    """

    models: tuple[GeneratorModel, ...]
    checked: bool = False
    at_once: int = AT_ONCE

    def model(self, key: str) -> GeneratorModel | None:
        """Return the model with this key, or None when it is not offered."""
        return next((model for model in self.models if model.key == key), None)

    def with_model(self, key: str, *, available: bool) -> GeneratorAbilities:
        """Return the same as the service has just told it of one model."""
        told = (
            replace(model, available=available) if model.key == key else model
            for model in self.models
        )
        return GeneratorAbilities(tuple(told), checked=True, at_once=self.at_once)


@dataclass(frozen=True, slots=True)
class OwnServer:
    """A server that a person gave for pictures without a LoRA; "" as address while there is none.

    `extras` tells that it takes a seed, steps and guidance, which the protocol itself lacks.
    """

    address: str = ""
    model: str = ""
    extras: bool = True


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """One order of pictures; each picture is its own request with its own seed.

    `spread` says how the prompt becomes the prompts of the pictures, `count` is of all of them.
    """

    generator: str
    model: str
    prompt: str
    loras: tuple[LoraUse, ...] = ()
    width: int = 1024
    height: int = 1024
    steps: int = 28
    guidance: float = 3.0
    seed: int = 0
    count: int = 1
    spread: Spread = Spread.LITERAL


@dataclass(frozen=True, slots=True)
class GeneratedImage:
    """One picture as it came: encoded bytes and their type (image/png, image/jpeg, image/webp)."""

    data: bytes
    media_type: str
    seed: int
    remote_id: str = ""
    seconds: float | None = None


class PictureState(StrEnum):
    """Where a picture stands; `maybe_charged` means that the answer was lost on the way."""

    WAITING = "waiting"
    MAKING = "making"
    DONE = "done"
    FAILED = "failed"
    MAYBE_CHARGED = "maybe_charged"


@dataclass(frozen=True, slots=True)
class PictureLora:
    """A Lora in a picture, by name and hash, so that the words outlive the library's row."""

    lora_id: str
    name: str
    scale: float
    tensor_hash: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A generated image with everything that made it; `file` is relative to the data folder.

    `rating` is 1 to 5, 0 without one. `source` names the program that an imported picture came
    from, "" for one made here; `facts` is what else its file said. A picture of a grid names it and
    its `cell`, counted from 0 along the rows. `seconds` is how long the service took.
    """

    id: str
    order_id: str
    state: PictureState
    generator: str
    model: str
    base: str
    prompt: str
    loras: tuple[PictureLora, ...]
    width: int
    height: int
    steps: int
    guidance: float
    seed: int
    created_at: datetime
    file: str = ""
    thumb: str = ""
    sha256: str = ""
    source_sha256: str = ""
    remote_id: str = ""
    cost_usd: Decimal | None = None
    error: str = ""
    trashed_at: datetime | None = None
    negative_prompt: str = ""
    rating: int = 0
    favourite: bool = False
    tags: tuple[str, ...] = ()
    source: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    grid_id: str = ""
    cell: int = 0
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class LoraOrigin:
    """Where a Lora of a picture came from: the run that trained it, and owner/name@commit."""

    lora_id: str
    run_id: str = ""
    repo: str = ""


@dataclass(frozen=True, slots=True)
class PictureText:
    """What goes into a picture's file: A1111's text and the app's own JSON are made from it.

    `request_id` is the service's name for the request, `cost_usd` a decimal number, `made_at` an
    ISO 8601 time; these and `origins` stand in the JSON alone, `extra` in both.
    """

    prompt: str
    model_title: str
    base: str
    generator: str
    loras: tuple[PictureLora, ...]
    width: int
    height: int
    steps: int
    guidance: float
    seed: int
    app_version: str
    extra: tuple[tuple[str, str], ...] = field(default=())
    negative_prompt: str = ""
    origins: tuple[LoraOrigin, ...] = ()
    request_id: str = ""
    cost_usd: str = ""
    made_at: str = ""


@dataclass(frozen=True, slots=True)
class PictureWords:
    """What a picture's file says of itself, whichever program wrote it; nothing is promised.

    `program` is "" where it says nothing. `width` and `height` are the size that it was made at,
    before it was enlarged; 0 and "" stand for what is not said. `made_at` is an ISO 8601 day or
    time. `facts` are the program's other settings, by its own names.
    """

    program: str = ""
    prompt: str = ""
    negative_prompt: str = ""
    model: str = ""
    loras: tuple[PictureLora, ...] = ()
    width: int = 0
    height: int = 0
    steps: int = 0
    guidance: float = 0.0
    seed: int = 0
    made_at: str = ""
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ArrivedPicture:
    """A picture file that was looked at: its true format (PNG, JPEG, WEBP), size, and words."""

    format: str
    width: int
    height: int
    words: PictureWords


@dataclass(frozen=True, slots=True)
class CardPicture:
    """A picture for a Lora's card: the file on this computer and its prompt."""

    path: Path
    prompt: str
