"""Grids in words: labels, states, sums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from fluxlora_desktop.domain.grids import (
    AxisKind,
    GridSpec,
    is_bare,
    value_words,
)
from fluxlora_desktop.domain.money import NOTHING
from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.ui.gallery.words import LOST, STATE_WORDS
from fluxlora_desktop.ui.wording import plural, usd
from fluxlora_desktop.workflows.grids import OpenGrid

Names = Mapping[str, str]


def bare_columns(spec: GridSpec) -> frozenset[int]:
    """Return the columns that show the base without the LoRA."""
    axis = spec.columns
    return frozenset(n for n, value in enumerate(axis.values) if is_bare(axis.kind, value))


def cell_words(spec: GridSpec, cell: int, names: Names) -> str:
    """Return what a cell varies: the value of its column, then that of its row."""
    row, column = spec.values(cell)
    across = value_words(spec.columns.kind, column, names)
    down = value_words(spec.rows.kind, row, names)
    return (
        f"{across}, {down[:1].lower()}{down[1:]}"
        if _is_plain(spec.rows.kind)
        else (f"{across}, {down}")
    )


def _is_plain(kind: AxisKind) -> bool:
    return kind not in {AxisKind.PROMPT, AxisKind.LORA}


def cell_says(spec: GridSpec, cell: int, picture: Picture | None, names: Names) -> str:
    """Return a cell as a screen reader says it."""
    state = "Not made yet" if picture is None else STATE_WORDS[picture.state]
    trouble = ""
    if picture is not None and picture.state in LOST and picture.error:
        trouble = f" {picture.error}"
    return f"{cell_words(spec, cell, names)}. {state}.{trouble}"


def progress_words(there: OpenGrid) -> str:
    """Return how many pictures of a grid are made, and what it cost so far."""
    done, count = there.done(), there.grid.spec.count
    made = f"{plural(count, 'picture')} made" if done == count else f"{done} of {count} made"
    spent = spent_on(there.pictures.values())
    words = made if spent == NOTHING else f"{made}, {usd(spent)}"
    lost = sum(picture.state in LOST for picture in there.pictures.values())
    return f"{words}. {lost} could not be made." if lost else f"{words}."


def spent_on(pictures: Iterable[Picture]) -> Decimal:
    """Return what pictures cost, in US dollars."""
    return sum((one.cost_usd for one in pictures if one.cost_usd is not None), NOTHING)


def shape_words(spec: GridSpec) -> str:
    """Return the size of a grid: 6 strengths by 3 seeds."""
    columns, rows = len(spec.columns.values), len(spec.rows.values)
    across = plural(columns, *_NOUNS[spec.columns.kind])
    return f"{across} by {plural(rows, *_NOUNS[spec.rows.kind])}"


_NOUNS: Mapping[AxisKind, tuple[str, str]] = {
    AxisKind.SCALE: ("strength", ""),
    AxisKind.SEED: ("seed", ""),
    AxisKind.PROMPT: ("prompt", ""),
    AxisKind.STEPS: ("number of steps", "numbers of steps"),
    AxisKind.GUIDANCE: ("guidance", "guidances"),
    AxisKind.LORA: ("LoRA", ""),
}


def scale_of(spec: GridSpec, cell: int) -> float | None:
    """Return the strength that a cell shows, None when strength is not varied."""
    for axis, value in zip((spec.rows, spec.columns), spec.values(cell), strict=True):
        if axis.kind is AxisKind.SCALE:
            return float(value)
    return None


def use_words(scale: float) -> str:
    """Return what the button of a column says that makes its strength the LoRA's own."""
    return f"Use {scale:g} as the strength"


def default_title(spec: GridSpec, name: str) -> str:
    """Return what a grid is called unless a person says otherwise."""
    kinds = {spec.rows.kind, spec.columns.kind}
    if name and kinds == {AxisKind.SCALE, AxisKind.SEED}:
        return f"Strength of {name}"
    across, down = _NOUNS[spec.columns.kind][0], _NOUNS[spec.rows.kind][0]
    words = f"{across[:1].upper()}{across[1:]} and {down}"
    return f"{words}: {name}" if name else words


def file_name(title: str) -> str:
    """Return the name that saving a grid offers."""
    kept = "".join(sign if sign.isalnum() else " " for sign in title[:80]).split()
    return f"{'-'.join(kept).lower() or 'grid'}.png"


def made_words(picture: Picture | None) -> str:
    """Return how a cell stands, in words of their own."""
    if picture is None:
        return "Not made yet."
    if picture.state in LOST and picture.error:
        return f"{STATE_WORDS[picture.state]}. {picture.error}"
    return "" if picture.state is PictureState.DONE else f"{STATE_WORDS[picture.state]}."


def base_cell(spec: GridSpec, cell: int) -> int | None:
    """Return the cell without the LoRA in the same row or column, or None."""
    line, pile = spec.place(cell)
    for place, value in enumerate(spec.columns.values):
        if is_bare(spec.columns.kind, value):
            return spec.cell(line, place)
    for place, value in enumerate(spec.rows.values):
        if is_bare(spec.rows.kind, value):
            return spec.cell(place, pile)
    return None
