"""Grids as data: typed lists, cells as whole orders, refusals that name the value."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxlora_desktop.domain.errors import InputError, LoraNotUsable
from fluxlora_desktop.domain.grid_text import (
    parse_values,
    spec_as_json,
    spec_from,
    write_values,
)
from fluxlora_desktop.domain.grids import (
    MOST_CELLS,
    NO_LORA,
    USUAL_SCALES,
    Axis,
    AxisKind,
    BaseLora,
    GridBase,
    GridSpec,
    cells,
    newest_by_cell,
    value_words,
)
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import (
    GeneratorAbilities,
    GeneratorModel,
    Picture,
    PictureState,
)

_K = AxisKind
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TRAINED = GeneratorModel(
    "trained", "Your trained model", "flux.1-dev", 1, True, True, scale=(-1.0, 3.0)
)
LOUD = GeneratorModel("loud", "Loud model", "flux.1-dev", 2, True, True, scale=(0.1, 1.5))
PLAIN = GeneratorModel("plain", "FLUX without a LoRA", "flux.1-dev")


def lora(lora_id: str, word: str, scale: float = 0.9) -> Lora:
    return Lora(
        id=lora_id,
        name=lora_id.title(),
        base="flux.1-dev",
        trigger_word=word,
        sha256="",
        tensor_hash="",
        size_bytes=1,
        rank=16,
        created_at=NOW,
        recommended_scale=scale,
        output_version="me/fox:1",
        output_service="home",
    )


LORAS = {"fox": lora("fox", "FOXX"), "cat": lora("cat", "CATT", 0.7)}
BASE = GridBase(
    "home", "trained", "FOXX on grass", (BaseLora("fox", "Fox", 1.0),), seed=5, steps=20
)
STRENGTHS = GridSpec(BASE, Axis(_K.SEED, (1, 2, 3)), Axis(_K.SCALE, USUAL_SCALES))


def asked(spec: GridSpec, *models: GeneratorModel):
    return cells(spec, GeneratorAbilities(models or (TRAINED, PLAIN)), LORAS)


def test_cells_go_along_the_rows_and_each_is_a_whole_order():
    orders = asked(STRENGTHS)
    assert len(orders) == STRENGTHS.count == 18
    assert [order.seed for order in orders[::6]] == [1, 2, 3]
    assert [order.loras[0].scale for order in orders[6:12]] == list(USUAL_SCALES)
    assert {(o.prompt, o.steps, o.count) for o in orders} == {("FOXX on grass", 20, 1)}
    assert STRENGTHS.place(7) == (1, 1)
    assert STRENGTHS.values(7) == (2, 0.4)


def test_strength_nought_goes_through_the_same_model_where_its_limits_allow_it():
    order = asked(STRENGTHS)[0]
    assert (order.model, order.loras[0].scale) == ("trained", 0.0)


def test_strength_nought_is_the_bases_own_order_where_the_model_takes_none():
    spec = replace(STRENGTHS, base=replace(BASE, model="loud"), columns=Axis(_K.SCALE, (0.0, 0.5)))
    bare, half = asked(spec, LOUD, PLAIN)[:2]
    assert (bare.model, bare.loras, bare.seed) == ("plain", (), half.seed)
    assert (half.model, half.loras[0].scale) == ("loud", 0.5)
    optional = replace(LOUD, needs_lora=False, needs_trained_version=False)
    free = replace(PLAIN, key="far", base="flux.2-dev")
    with pytest.raises(LoraNotUsable, match="not published"):  # its LoRA cells; the bare one fits
        asked(spec, optional, free)
    with pytest.raises(LoraNotUsable, match="leave strength 0 out"):
        asked(spec, LOUD, free)


def test_another_lora_brings_its_word_and_its_own_strength():
    spec = GridSpec(BASE, Axis(_K.LORA, (NO_LORA, "fox", "cat")), Axis(_K.SEED, (8,)))
    bare, fox, cat = asked(spec)
    assert bare.loras[0].scale == 0.0
    assert (fox.prompt, fox.loras[0].scale) == ("FOXX on grass", 1.0)
    assert (cat.prompt, cat.loras[0].name, cat.loras[0].scale) == ("CATT on grass", "Cat", 0.7)
    both = replace(spec, columns=Axis(_K.SCALE, (0.3,)))
    assert [order.loras[0].scale for order in asked(both)] == [0.0, 0.3, 0.3]


@pytest.mark.parametrize(
    ("rows", "columns", "says"),
    [
        (Axis(_K.SEED, (1,)), Axis(_K.SCALE, (0.5, 3.5)), "Strength 3.5: from -1 to 3"),
        (Axis(_K.STEPS, (20, 90)), Axis(_K.SEED, (1,)), "Steps 90: from 1 to 50"),
        (Axis(_K.SEED, (1,)), Axis(_K.GUIDANCE, (3.0, 22.5)), "Guidance 22.5: from 0 to 10"),
        (Axis(_K.SEED, (1,)), Axis(_K.SEED, (2,)), "both vary seed"),
        (Axis(_K.SEED, ()), Axis(_K.SCALE, (1.0,)), "Seed has no values"),
        (Axis(_K.SEED, (4, 4)), Axis(_K.SCALE, (1.0,)), "Seed 4 stands twice"),
        (Axis(_K.LORA, ("gone",)), Axis(_K.SEED, (1,)), "no longer in the library"),
        (
            Axis(_K.SEED, tuple(range(21))),
            Axis(_K.STEPS, (1, 2, 3, 4, 5)),
            f"105 pictures, and a grid has at most {MOST_CELLS}",
        ),
    ],
    ids=["scale", "steps", "guidance", "alike", "empty", "twice", "gone", "large"],
)
def test_what_cannot_be_made_is_refused_with_the_value_named(rows, columns, says):
    with pytest.raises(InputError, match=says):
        asked(GridSpec(BASE, rows, columns))


def test_strengths_without_a_lora_are_refused():
    with pytest.raises(InputError, match="Choose the LoRA"):
        asked(replace(STRENGTHS, base=replace(BASE, loras=())), PLAIN)


@pytest.mark.parametrize(
    ("kind", "text", "values"),
    [
        (_K.SCALE, "0, 0.4 .. 1.2 step 0.2", (0.0, 0.4, 0.6, 0.8, 1.0, 1.2)),
        (_K.SCALE, "0.4..0.8; 1\n1.0, -0", (0.4, 0.6, 0.8, 1.0, 0.0)),
        (_K.SEED, "7, 9 to 11", (7, 9, 10, 11)),
        (_K.STEPS, "10...30 by 10", (10, 20, 30)),
        (_K.GUIDANCE, "2.5, 3.5", (2.5, 3.5)),
        (_K.PROMPT, " a fox, red \n\na cat\na cat", ("a fox, red", "a cat")),
        (_K.SEED, " , ", ()),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_typed_lists_are_read(kind, text, values):
    assert parse_values(kind, text) == values


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        (_K.SCALE, "0.4, lots", "“lots” is no number"),
        (_K.SEED, "1.5", "“1.5” is no whole number"),
        (_K.SEED, "-3", "“-3” is no whole number"),
        (_K.SCALE, "1e400", "too large"),
        (_K.SCALE, "nan", "too large"),
        (_K.SCALE, "1 .. 0", "does not lead upwards"),
        (_K.SCALE, "0 .. 1 step 0", "does not lead upwards"),
        (_K.SEED, "1 .. 2000000000", "is 2000000000 values"),
        (_K.PROMPT, "x" * 20_001, "longer than"),
        (_K.SEED, ",".join(map(str, range(101))), "has 101 values"),
    ],
    ids=["word", "half", "minus", "huge", "nan", "down", "no-step", "many", "long", "list"],
)
def test_typed_lists_that_make_no_sense_are_refused_by_name(kind, text, says):
    with pytest.raises(InputError, match=says):
        parse_values(kind, text)


_TEXTS = st.text(max_size=60)
_VALUES = {
    _K.SCALE: st.decimals(-1, 3, places=3).map(float),
    _K.GUIDANCE: st.decimals(0, 20, places=2).map(float),
    _K.SEED: st.integers(0, 2**31 - 1),
    _K.STEPS: st.integers(1, 60),
    _K.PROMPT: st.text(min_size=1, max_size=40)
    .map(str.strip)
    .filter(lambda text: text and len(text.splitlines()) == 1),
    _K.LORA: st.text("abcdef0123456789", min_size=1, max_size=16),
}


def _axes(kind: AxisKind):
    return st.lists(_VALUES[kind], min_size=1, max_size=10, unique=True).map(
        lambda values: Axis(kind, tuple(value + 0 if value == 0 else value for value in values))
    )


@st.composite
def specs(draw):
    first, second = draw(st.permutations(list(_K)))[:2]
    loras = st.builds(BaseLora, _TEXTS, _TEXTS, st.floats(-1, 3), _TEXTS)
    base = st.builds(
        GridBase,
        *(_TEXTS, _TEXTS, _TEXTS, st.lists(loras, min_size=1, max_size=2).map(tuple)),
        *(st.integers(64, 2048), st.integers(64, 2048), st.integers(1, 60)),
        *(st.floats(0, 20), st.integers(0, 2**31 - 1)),
    )
    return GridSpec(draw(base), draw(_axes(first)), draw(_axes(second)))


@settings(max_examples=30, deadline=None)
@given(specs())
def test_a_grid_comes_back_from_json_as_it_was(spec):
    assert spec_from(json.loads(json.dumps(spec_as_json(spec)))) == spec


@settings(max_examples=30, deadline=None)
@given(specs())
def test_an_axis_comes_back_from_what_is_typed(spec):
    for axis in (spec.rows, spec.columns):
        if axis.kind not in {_K.SCALE, _K.GUIDANCE}:
            assert parse_values(axis.kind, write_values(axis)) == axis.values
        else:
            typed = parse_values(axis.kind, write_values(axis))
            assert typed == pytest.approx(axis.values, abs=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.floats() | _TEXTS, st.lists, max_leaves=5))
def test_json_that_is_no_grid_is_refused_as_such(junk):
    good = spec_as_json(STRENGTHS)
    for key in good:
        try:
            spec_from(good | {key: junk})
        except InputError:
            continue


def test_a_newer_grid_is_refused():
    with pytest.raises(InputError, match="newer version"):
        spec_from(spec_as_json(STRENGTHS) | {"schema": 2})


def test_each_cell_shows_what_is_on_its_way_then_what_is_made_then_what_was_lost():
    def picture(picture_id: str, cell: int, state: PictureState) -> Picture:
        return Picture(picture_id, "o", state, "", "", "", "", (), 1, 1, 1, 1.0, 0, NOW, cell=cell)

    states = PictureState
    there = (
        picture("new", 0, states.FAILED),
        picture("made", 0, states.DONE),
        picture("again", 1, states.WAITING),
        picture("older", 1, states.DONE),
        picture("lost", 2, states.MAYBE_CHARGED),
    )
    found = newest_by_cell(there)
    assert {cell: one.id for cell, one in found.items()} == {0: "made", 1: "again", 2: "lost"}


def test_labels_say_what_a_value_shows():
    assert value_words(_K.SCALE, 0.0) == "Without the LoRA"
    assert value_words(_K.LORA, NO_LORA) == "Without the LoRA"
    assert value_words(_K.SCALE, 0.8) == "Strength 0.8"
    assert value_words(_K.SEED, 12) == "Seed 12"
    assert value_words(_K.GUIDANCE, 3.5) == "Guidance 3.5"
    assert value_words(_K.LORA, "fox", {"fox": "Red fox"}) == "Red fox"
