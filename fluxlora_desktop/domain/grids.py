"""Grids: the same picture with two settings varied, as a table of rows and columns.

A grid is data: a base order and two axes. Every cell is a whole order of one picture, so that it is
sent, paid for and kept as any other picture is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from fluxlora_desktop.domain.captions import has_trigger, replace_trigger
from fluxlora_desktop.domain.errors import InputError, LoraNotUsable
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import (
    GeneratorAbilities,
    GeneratorModel,
    LoraUse,
    Picture,
    PictureRequest,
    PictureState,
)
from fluxlora_desktop.domain.routes import check_request, use_of

MOST_CELLS = 100
"""How many pictures one grid may ask for: more is neither looked through nor paid by accident."""
USUAL_SCALES = (0.0, 0.4, 0.6, 0.8, 1.0, 1.2)
NO_LORA = ""
"""The value of a LoRA axis that stands for the base alone."""

Value = str | int | float


class AxisKind(StrEnum):
    """What is varied along rows or columns."""

    SCALE = "scale"
    SEED = "seed"
    PROMPT = "prompt"
    STEPS = "steps"
    GUIDANCE = "guidance"
    LORA = "lora"


KIND_WORDS: Mapping[AxisKind, str] = {
    AxisKind.SCALE: "Strength",
    AxisKind.SEED: "Seed",
    AxisKind.PROMPT: "Prompt",
    AxisKind.STEPS: "Steps",
    AxisKind.GUIDANCE: "Guidance",
    AxisKind.LORA: "LoRA",
}


@dataclass(frozen=True, slots=True)
class Axis:
    """One setting and the values it takes, in order.

    Values are numbers for strength and guidance, whole numbers for seed and steps, texts for
    prompts, ids of Loras for Loras.
    """

    kind: AxisKind
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class BaseLora:
    """A Lora of the base order, by its id, with the name and hash it had."""

    lora_id: str
    name: str
    scale: float
    tensor_hash: str = ""


@dataclass(frozen=True, slots=True)
class GridBase:
    """What every cell has in common, apart from what the axes vary."""

    generator: str
    model: str
    prompt: str
    loras: tuple[BaseLora, ...] = ()
    width: int = 1024
    height: int = 1024
    steps: int = 28
    guidance: float = 3.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class GridSpec:
    """A grid as it was asked for; cells are counted from 0 along the rows."""

    base: GridBase
    rows: Axis
    columns: Axis

    @property
    def count(self) -> int:
        """Return the number of cells."""
        return len(self.rows.values) * len(self.columns.values)

    @property
    def width(self) -> int:
        """Return the number of columns."""
        return len(self.columns.values)

    def place(self, cell: int) -> tuple[int, int]:
        """Return row and column of a cell."""
        return divmod(cell, self.width)

    def cell(self, row: int, column: int) -> int:
        """Return the number of the cell in a row and column."""
        return row * self.width + column

    def values(self, cell: int) -> tuple[Value, Value]:
        """Return the values of a cell: that of its row, that of its column."""
        row, column = self.place(cell)
        return self.rows.values[row], self.columns.values[column]

    def axis(self, kind: AxisKind) -> Axis | None:
        """Return the axis of a kind, or None."""
        return next((axis for axis in (self.rows, self.columns) if axis.kind is kind), None)


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid in the library; `lora_id` is the Lora whose strength it is about, "" for none."""

    id: str
    title: str
    lora_id: str
    spec: GridSpec
    created_at: datetime
    trashed_at: datetime | None = None


def base_of(request: PictureRequest) -> GridBase:
    """Return what a picture's order says, as the base of a grid."""
    loras = (BaseLora(use.lora_id, use.name, use.scale, use.tensor_hash) for use in request.loras)
    return GridBase(
        request.generator,
        request.model,
        request.prompt,
        tuple(loras),
        request.width,
        request.height,
        request.steps,
        request.guidance,
        request.seed,
    )


def value_words(kind: AxisKind, value: Value, names: Mapping[str, str] | None = None) -> str:
    """Return a value as it stands beside its row or above its column.

    `names` are those of Loras by id. Strength 0, and no LoRA, are said as what they show.
    """
    if is_bare(kind, value):
        return "Without the LoRA"
    match kind:
        case AxisKind.PROMPT:
            return str(value)
        case AxisKind.LORA:
            return (names or {}).get(str(value), "A LoRA that is gone")
        case AxisKind.SCALE:
            return f"Strength {value:g}"
        case _:
            return (
                f"{KIND_WORDS[kind]} {value:g}"
                if isinstance(value, float)
                else (f"{KIND_WORDS[kind]} {value}")
            )


def is_bare(kind: AxisKind, value: Value) -> bool:
    """Tell whether a value shows the base model without the LoRA."""
    return (kind is AxisKind.SCALE and value == 0) or (kind is AxisKind.LORA and value == NO_LORA)


def check_shape(spec: GridSpec) -> None:
    """Refuse axes that make no table; raises `InputError`, with the value named."""
    if spec.rows.kind is spec.columns.kind:
        raise InputError("axis", f"Rows and columns both vary {KIND_WORDS[spec.rows.kind].lower()}")
    for axis in (spec.rows, spec.columns):
        words = KIND_WORDS[axis.kind]
        if not axis.values:
            raise InputError(axis.kind, f"{words} has no values yet")
        seen: set[Value] = set()
        for value in axis.values:
            if value in seen:
                raise InputError(axis.kind, f"{value_words(axis.kind, value)} stands twice")
            seen.add(value)
    if spec.count > MOST_CELLS:
        raise InputError("axis", f"{spec.count} pictures, and a grid has at most {MOST_CELLS}")
    scaled = spec.axis(AxisKind.SCALE) is not None
    if scaled and not spec.base.loras and spec.axis(AxisKind.LORA) is None:
        raise InputError("lora", "Choose the LoRA whose strength is varied")


def cells(
    spec: GridSpec, abilities: GeneratorAbilities, loras: Mapping[str, Lora]
) -> tuple[PictureRequest, ...]:
    """Return the order of each cell, checked against what the generator can do.

    Strength 0 goes through the same model where its limits allow that, so that the same seed
    compares; else as the base's own order: the same model without the LoRA, or the generator's
    other model of that base. Raises `InputError` and `LoraNotUsable`, with the value named.
    """
    check_shape(spec)
    return tuple(_checked(spec, cell, abilities, loras) for cell in range(spec.count))


def _checked(
    spec: GridSpec, cell: int, abilities: GeneratorAbilities, loras: Mapping[str, Lora]
) -> PictureRequest:
    request = _request(spec, cell, abilities, loras)
    try:
        check_request(request, abilities)
    except InputError as error:
        for axis, value in zip((spec.rows, spec.columns), spec.values(cell), strict=True):
            if axis.kind.value == error.field:
                shown = value_words(axis.kind, value) if value != "" else "A prompt"
                raise InputError(error.field, f"{shown}: {error.reason}") from error
        raise
    return request


def _request(
    spec: GridSpec, cell: int, abilities: GeneratorAbilities, loras: Mapping[str, Lora]
) -> PictureRequest:
    base = spec.base
    request = PictureRequest(
        base.generator,
        base.model,
        base.prompt,
        tuple(_use(part.lora_id, part.scale, loras, part.name) for part in base.loras),
        base.width,
        base.height,
        base.steps,
        base.guidance,
        base.seed,
        1,
    )
    pairs = zip((spec.rows, spec.columns), spec.values(cell), strict=True)
    # The Lora comes first and the strength last: it is that of whichever Lora the cell has.
    late = {AxisKind.LORA: 1, AxisKind.SCALE: 2}
    for axis, value in sorted(pairs, key=lambda pair: late.get(pair[0].kind, 0)):
        request = _with(request, axis.kind, value, loras)
    return _without_lora(request, abilities) if _is_bare_cell(spec, cell) else request


def _use(lora_id: str, scale: float | None, loras: Mapping[str, Lora], name: str = "") -> LoraUse:
    lora = loras.get(lora_id)
    if lora is None:
        raise InputError("lora", f"{name or 'One of the LoRAs'} is no longer in the library")
    return use_of(lora, scale)


def _with(
    request: PictureRequest, kind: AxisKind, value: Value, loras: Mapping[str, Lora]
) -> PictureRequest:
    match kind:
        case AxisKind.PROMPT:
            return replace(request, prompt=str(value))
        case AxisKind.SEED:
            return replace(request, seed=int(value))
        case AxisKind.STEPS:
            return replace(request, steps=int(value))
        case AxisKind.GUIDANCE:
            return replace(request, guidance=float(value))
        case AxisKind.LORA:
            return _with_lora(request, str(value), loras)
        case AxisKind.SCALE:
            if not request.loras:
                return request
            first = replace(request.loras[0], scale=float(value))
            return replace(request, loras=(first, *request.loras[1:]))


def _with_lora(request: PictureRequest, lora_id: str, loras: Mapping[str, Lora]) -> PictureRequest:
    """Exchange the first Lora, and its trigger word in the prompt for the other's."""
    if lora_id == NO_LORA:
        return request
    use = _use(lora_id, None, loras)
    old = request.loras[0] if request.loras else None
    prompt = request.prompt
    if old is not None and old.lora_id == lora_id:
        use = replace(use, scale=old.scale)
    if old is not None and use.trigger_word and has_trigger(prompt, old.trigger_word):
        prompt = replace_trigger(prompt, old.trigger_word, use.trigger_word)
    return replace(request, prompt=prompt, loras=(use, *request.loras[1:]))


def _is_bare_cell(spec: GridSpec, cell: int) -> bool:
    pairs = zip((spec.rows, spec.columns), spec.values(cell), strict=True)
    return any(is_bare(axis.kind, value) for axis, value in pairs)


def _without_lora(request: PictureRequest, abilities: GeneratorAbilities) -> PictureRequest:
    """Return the order of the base alone, as near to the others as the generator can make it."""
    model = abilities.model(request.model)
    if model is None or not request.loras:
        return request
    rest = request.loras[1:]
    if model.scale[0] <= 0 <= model.scale[1]:
        silent = replace(request.loras[0], scale=0.0)
        return replace(request, loras=(silent, *rest))
    if rest or not (model.needs_lora or model.needs_trained_version):
        return replace(request, loras=rest)
    plain = next((other for other in abilities.models if _is_plain(other, model)), None)
    if plain is None:
        raise LoraNotUsable(
            request.generator,
            f"{model.title} makes no picture without a LoRA: leave strength 0 out",
        )
    return replace(request, model=plain.key, loras=())


def _is_plain(other: GeneratorModel, model: GeneratorModel) -> bool:
    needs = other.needs_lora or other.needs_trained_version
    return other.available and other.base == model.base and not needs


def newest_by_cell(pictures: Iterator[Picture] | tuple[Picture, ...]) -> dict[int, Picture]:
    """Return the picture that stands in each cell, of pictures that come newest first.

    One on its way comes first, then one that is made, then one that was lost.
    """
    ranks = {PictureState.WAITING: 0, PictureState.MAKING: 0, PictureState.DONE: 1}
    found: dict[int, Picture] = {}
    for picture in pictures:
        there = found.get(picture.cell)
        if there is None or ranks.get(picture.state, 2) < ranks.get(there.state, 2):
            found[picture.cell] = picture
    return found
