"""What the picture server is asked for, and how a base is kept for it."""

import json
from pathlib import Path

import pytest

from fluxlora_desktop.trainer.exits import BadInput
from fluxlora_desktop.trainer.ladder import Way, fitting, ways
from fluxlora_desktop.trainer.order import LoraWish, parse_line, parse_order

GB = 1_000_000_000
OUT = str(Path.cwd() / "picture.png")
LEAST = {"id": "1", "do": "generate", "base": "flux.2-dev", "prompt": "a fox", "out": OUT}


def test_an_order_takes_the_fields_of_the_request() -> None:
    lora = {"path": OUT, "scale": 0.8, "name": "fox"}
    order = parse_order(LEAST | {"width": 768, "guidance": 3, "loras": [lora], "seed": 7})

    assert (order.base, order.prompt, order.out) == ("flux.2-dev", "a fox", Path(OUT))
    assert (order.width, order.height, order.guidance, order.seed) == (768, 1024, 3.0, 7)
    assert order.loras == (LoraWish(Path(OUT), 0.8, "fox"),)
    assert parse_order(LEAST).guidance is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base", "flux.9"),
        ("width", 1000),
        ("width", 8192),
        ("width", True),
        ("steps", 0),
        ("guidance", float("nan")),
        ("guidance", "3"),
        ("seed", -1),
        ("out", "picture.png"),
        ("out", str(Path.cwd() / "picture.exe")),
        ("prompt", "x" * 20_001),
        ("loras", [{}]),
        ("loras", [{"path": "lora.safetensors"}]),
        ("loras", [{"path": OUT, "scale": 99}]),
        ("loras", [{"path": OUT}] * 17),
        ("precision", "int2"),
        ("colour", "red"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_request_is_refused_by_the_name_of_its_field(field: str, value: object) -> None:
    with pytest.raises(BadInput, match=field):
        parse_order(LEAST | {field: value})


@pytest.mark.parametrize("missing", ["id", "base", "prompt", "out"])
def test_a_request_without_what_it_needs_is_refused(missing: str) -> None:
    with pytest.raises(BadInput, match=f"{missing} in the request is missing"):
        parse_order({name: value for name, value in LEAST.items() if name != missing})


@pytest.mark.parametrize("line", [b"{", b"[]", b"\xff\n", b"[" * 9000, b" " * 1_000_001 + b"{}"])
def test_a_line_that_is_no_request_is_refused(line: bytes) -> None:
    with pytest.raises(BadInput, match="A request is not"):
        parse_line(line)


def test_a_line_is_read_as_json() -> None:
    assert parse_line(json.dumps(LEAST).encode()) == LEAST


@pytest.mark.parametrize(
    ("free", "way"),
    [
        (80, Way("bf16", text_stays=True)),
        (30, Way("bf16")),
        (20, Way("int8")),
        (12, Way("nf4")),
        (6, Way("int8", streams=True)),
        (1, Way("int8", streams=True)),
    ],
)
def test_a_base_is_kept_in_the_best_way_that_fits_the_memory(free: int, way: Way) -> None:
    # FLUX.1-dev: 23.8 GB of transformer, 9.8 GB of text encoders.
    assert fitting("auto", 24 * GB, 10 * GB, free * GB)[0] == way


def test_a_wish_for_a_precision_is_where_the_ways_begin() -> None:
    names = ("fp32", "bf16", "int8", "nf4", "int8")

    assert [way.precision for way in ways("int8")] == ["int8", "int8", "nf4", "int8"]
    assert tuple(dict.fromkeys(way.precision for way in ways("fp32"))) == names[:4]
    assert all(ways(name)[0].precision == name for name in names)
    assert ways("auto")[0].precision == "bf16"
    assert ways("auto")[-1].streams
