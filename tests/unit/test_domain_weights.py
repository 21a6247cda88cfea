from __future__ import annotations

import hashlib
import json
import struct
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from fluxlora_desktop.domain.errors import JobCancelled, WeightsError
from fluxlora_desktop.domain.weights import (
    Tensor,
    _key_style,
    inspect_weights,
    recognise_base,
)

_A = "transformer.transformer_blocks.7.attn.to_q.lora_A.weight"
_B = "transformer.transformer_blocks.7.attn.to_q.lora_B.weight"
_ONE = b"\x00\x3c"  # 1.0 in F16


def _entry(shape: list[Any], start: int, end: int, dtype: str = "F16") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


_HEAD: dict[str, Any] = {
    _A: _entry([16, 3072], 0, 98304),
    _B: _entry([3072, 16], 98304, 196608),
}
_DATA = _ONE * 98304


def _write(
    folder: Path, head: Mapping[str, Any] | bytes | None = None, data: bytes = _DATA
) -> Path:
    raw = head if isinstance(head, bytes) else json.dumps(_HEAD if head is None else head).encode()
    path = folder / "lora.safetensors"
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + data)
    return path


def _with(**entry: Any) -> dict[str, Any]:
    return _HEAD | {_A: _HEAD[_A] | entry}


def test_weights_tell_hashes_base_rank_and_trigger(tmp_path: Path) -> None:
    path = _write(tmp_path, {"__metadata__": {"modelspec.trigger_phrase": "F0X"}} | _HEAD)

    facts = inspect_weights(path)

    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert facts.tensor_hash == hashlib.sha256(_DATA).hexdigest()
    assert (facts.base, facts.rank, facts.key_style) == ("flux.1-dev", 16, "peft")
    assert (facts.trigger_word, facts.tensors) == ("F0X", 2)
    assert facts.size_bytes == path.stat().st_size


def test_tensor_hash_stays_when_only_metadata_change(tmp_path: Path) -> None:
    before = inspect_weights(_write(tmp_path))
    after = inspect_weights(_write(tmp_path, {"__metadata__": {"a": "b"}} | _HEAD))

    assert before.tensor_hash == after.tensor_hash
    assert before.sha256 != after.sha256


def test_check_of_weights_stops_when_asked(tmp_path: Path) -> None:
    def stop() -> None:
        raise JobCancelled

    with pytest.raises(JobCancelled):
        inspect_weights(_write(tmp_path), stop)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "only 0 bytes"),
        (b"x" * 4000, "only 4000 bytes"),
        (b"<!DOCTYPE html><title>404</title>" + b" " * 200_000, "web page"),
        (b"\x80\x02}q\x00." + b"x" * 200_000, "pickle"),
        (b"PK\x03\x04" + b"x" * 200_000, "pickle or zip"),
        (struct.pack("<Q", 2**63) + b"x" * 200_000, "not a safetensors"),
        (struct.pack("<Q", 0) + b"x" * 200_000, "not a safetensors"),
        (struct.pack("<Q", 250_000) + b"x" * 200_000, "not a safetensors"),
        (struct.pack("<Q", 20_000_000) + b"x" * 200_000, "not a safetensors"),
    ],
    ids=["empty", "short", "html", "pickle", "zip", "huge", "zero", "beyond", "over the cap"],
)
def test_file_that_is_no_safetensors_is_refused(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "lora.safetensors"
    path.write_bytes(data)

    with pytest.raises(WeightsError, match=says):
        inspect_weights(path)


_TWICE = json.dumps(_HEAD).encode()[:-1] + b"," + json.dumps({_A: _HEAD[_A]}).encode()[1:]


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"\xff\xfe{}", "cannot be read"),
        (b'{"a": ', "cannot be read"),
        (b"[" * 200_000, "cannot be read"),
        (b"[1, 2]", "not a table"),
        (_TWICE, "cannot be read"),
        ({}, "no tensors"),
        ({"__metadata__": {"a": 1}} | _HEAD, "metadata"),
        ({"__metadata__": "text"} | _HEAD, "metadata"),
        (_HEAD | {"b": 1}, "malformed"),
        (_with(shape="x"), "malformed"),
        (_with(shape=[True, 3072]), "malformed"),
        (_with(shape=[16.0, 3072]), "malformed"),
        (_with(data_offsets=[-4, 98304]), "malformed"),
        (_with(data_offsets=[0]), "malformed"),
        (_with(dtype="F99"), "F99"),
        (_with(dtype="F32"), "do not lie"),
        (_with(shape=[16, 3073]), "do not lie"),
        (_with(shape=[2**62, 2**62]), "do not lie"),
        (_with(data_offsets=[2, 98306]), "do not lie"),
        (_HEAD | {_B: _entry([3072, 16], 98302, 196606)}, "do not lie"),
        ({"a.weight": _entry([16, 6144], 0, 196608)}, "not those of a LoRA"),
        (_with(more=[[[]]]), "cannot be read"),
        (_with(more=float("nan")), "cannot be read"),
        (_with(more=float("-inf")), "cannot be read"),
        (_with(shape=[10**20, 3072]), "cannot be read"),
        (b'{"a": ' + b"9" * 100_000 + b"}", "cannot be read"),
        (_with(more=[{}] * 400_000), "more than a LoRA ever has"),
    ],
)
def test_header_that_does_not_hold_is_refused(
    tmp_path: Path, head: dict[str, Any] | bytes, says: str
) -> None:
    with pytest.raises(WeightsError, match=says):
        inspect_weights(_write(tmp_path, head))


@pytest.mark.parametrize("data", [_DATA[:-2], _DATA[:120_000], _DATA + b"xx"])
def test_cut_or_overlong_file_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(WeightsError, match="incomplete"):
        inspect_weights(_write(tmp_path, data=data))


@pytest.mark.parametrize(
    ("dtype", "bad"),
    [
        ("F16", struct.pack("<e", float("nan"))),
        ("F16", struct.pack("<e", float("-inf"))),
        ("BF16", b"\x80\x7f"),
        ("F32", struct.pack("<f", float("nan"))),
        ("F64", struct.pack("<d", float("inf"))),
        ("F8_E5M2", b"\x7d"),
        ("F8_E4M3", b"\xff"),
    ],
)
def test_weights_without_usable_numbers_are_refused(tmp_path: Path, dtype: str, bad: bytes) -> None:
    wide = len(bad)
    rows = 196608 // (3072 * wide)
    head = {_A: _entry([rows, 3072], 0, 196608, dtype)}
    good = bytes(196608 - 2 * wide)

    with pytest.raises(WeightsError, match="NaN"):
        inspect_weights(_write(tmp_path, head, bytes(wide) + bad + good))
    assert inspect_weights(_write(tmp_path, head, b"\x01" + bytes(196607))).tensors == 1


@pytest.mark.parametrize(
    ("dtype", "bad"),
    [
        ("F16", b"\0\x7c"),
        ("BF16", b"\x80\xff"),
        ("F32", b"\1\0\x80\x7f"),
        ("F64", b"\1" + bytes(5) + b"\xf0\xff"),
        ("F8_E5M2", b"\xfc"),
        ("F8_E4M3", b"\x7f"),
    ],
)
@pytest.mark.parametrize("place", [0, 1_048_576, 2_990_008])
def test_one_unusable_number_is_found_wherever_it_lies(
    tmp_path: Path, dtype: str, bad: bytes, place: int
) -> None:
    size = 3_000_000
    head = {_A: _entry([size // len(bad)], 0, size, dtype)}
    data = bytearray(b"\1" * size)
    data[place : place + len(bad)] = bad

    with pytest.raises(WeightsError, match="NaN"):
        inspect_weights(_write(tmp_path, head, bytes(data)))


@pytest.mark.parametrize(
    ("dtype", "good"),
    [
        ("F16", struct.pack("<e", -65504.0)),
        ("BF16", b"\x7f\x7f"),
        ("BF16", b"\x80\x7e\x7f\xff"),
        ("F32", struct.pack("<f", 3.4028234e38)),
        ("F32", struct.pack("<f", -1.8e38)),
        ("F64", struct.pack("<d", 1.7976931348623157e308)),
        ("F8_E5M2", b"\x7b\xfb"),
        ("F8_E4M3", b"\x7e\xfe"),
    ],
)
def test_largest_numbers_are_usable(tmp_path: Path, dtype: str, good: bytes) -> None:
    head = {_A: _entry([196608 // _ITEM[dtype]], 0, 196608, dtype)}
    data = good * (196608 // len(good))

    assert inspect_weights(_write(tmp_path, head, data)).tensors == 1


_ITEM = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E5M2": 1, "F8_E4M3": 1}


def test_check_holds_no_more_than_a_few_megabytes_whatever_the_size(tmp_path: Path) -> None:
    size = 200_000_000
    head = {_A: _entry([size // 2], 0, size)}
    path = _write(tmp_path, head, _ONE)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - len(_ONE) + size)
    tracemalloc.start()
    try:
        facts = inspect_weights(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert facts.size_bytes > size
    assert peak < 12_000_000


def test_weights_that_are_all_zero_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="zero"):
        inspect_weights(_write(tmp_path, data=bytes(len(_DATA))))


def test_empty_tensor_beside_others_is_no_hole(tmp_path: Path) -> None:
    head = _HEAD | {"transformer.x.lora_A.weight": _entry([0, 4], 0, 0)}

    assert inspect_weights(_write(tmp_path, head)).tensors == 3


@pytest.mark.parametrize(
    "metadata",
    [{"ss_tag_frequency": "{"}, {"ss_tag_frequency": "[]"}, {"ss_tag_frequency": '{"a": 1}'}, {}],
)
def test_odd_training_metadata_give_no_trigger(tmp_path: Path, metadata: dict[str, str]) -> None:
    assert inspect_weights(_write(tmp_path, {"__metadata__": metadata} | _HEAD)).trigger_word == ""


def test_trigger_is_read_from_tag_frequencies(tmp_path: Path) -> None:
    metadata = {"ss_tag_frequency": json.dumps({"1_fox": {"F0X": 3}})}

    facts = inspect_weights(_write(tmp_path, {"__metadata__": metadata} | _HEAD))

    assert facts.trigger_word == "F0X"


def _shapes(**shapes: tuple[int, int]) -> list[Tensor]:
    return [Tensor(name.replace("__", "."), "F16", shape, 0, 0) for name, shape in shapes.items()]


_T = "transformer__transformer_blocks__{}__attn__to_q__lora_A__weight"
_S = "transformer__single_transformer_blocks__{}__attn__to_q__lora_A__weight"
_FF = "transformer__transformer_blocks__0__ff__net__0__proj__lora_B__weight"
_MLP = "lora_unet_double_blocks_0_img_mlp_0__lora_up__weight"
_MLP_IN = "lora_unet_double_blocks_0_img_mlp_0__lora_down__weight"


@pytest.mark.parametrize(
    ("shapes", "base"),
    [
        ({_T.format(0): (16, 3072)}, ""),
        ({_T.format(4): (16, 3072)}, ""),
        ({_T.format(5): (16, 3072)}, "flux.1-dev"),
        ({_S.format(0): (16, 3072)}, "flux.1-dev"),
        ({_T.format(0): (16, 3072), _FF: (12288, 16)}, "flux.1-dev"),
        # FLUX.1's last norm has twice the width, its text input 4096.
        ({_FF: (12288, 16), _T.format(0): (16, 3072), "norm_out": (6144, 16)}, "flux.1-dev"),
        ({_FF: (12288, 16), _T.format(0): (16, 3072), "context": (16, 4096)}, "flux.1-dev"),
        ({_MLP_IN: (16, 3072), _MLP: (12288, 16)}, "flux.1-dev"),
        ({"lora_unet_single_blocks_0_linear1__lora_down__weight": (16, 3072),
          "lora_unet_single_blocks_0_linear1__lora_up__weight": (21504, 16)}, "flux.1-dev"),
        # FLUX.2-klein-4B: the same width, other feed-forwards.
        ({_MLP_IN: (16, 3072), _MLP: (18432, 16)}, "flux.2-klein-4b"),
        ({"x__attn__to_qkv_mlp_proj__lora_A__weight": (16, 3072)}, "flux.2-klein-4b"),
        ({"lora_unet_single_blocks_0_linear1__lora_down__weight": (16, 3072),
          "lora_unet_single_blocks_0_linear1__lora_up__weight": (27648, 16)}, "flux.2-klein-4b"),
        # Its last norm has 6144, which is the width of FLUX.2-dev.
        ({"x__attn__to_qkv_mlp_proj__lora_A__weight": (16, 3072), "norm_out": (6144, 16)},
         "flux.2-klein-4b"),
        # FLUX.2-klein-9B.
        ({_T.format(0): (16, 4096)}, "flux.2-klein-9b"),
        ({"x__attn__to_qkv_mlp_proj__lora_A__weight": (16, 4096)}, "flux.2-klein-9b"),
        ({"diffusion_model__double_blocks__0__img_attn__qkv__lora_A__weight": (16, 4096),
          "diffusion_model__double_blocks__0__img_attn__qkv__lora_B__weight": (12288, 16)},
         "flux.2-klein-9b"),
        # What only the double blocks' attention tells is the same in FLUX.1 and klein-4B.
        ({"diffusion_model__double_blocks__4__img_attn__qkv__lora_A__weight": (16, 3072)}, ""),
        ({"x__attn__to_qkv_mlp_proj__lora_A__weight": (16, 6144)}, "flux.2-dev"),
        ({_T.format(0): (16, 6144)}, "flux.2-dev"),
        # As ai-toolkit, ComfyUI and fal's older trainers call the layers of FLUX.2.
        ({"diffusion_model__double_blocks__0__img_attn__qkv__lora_A__weight": (16, 6144),
          "diffusion_model__double_blocks__0__img_attn__qkv__lora_B__weight": (18432, 16)},
         "flux.2-dev"),
        ({"base_model__model__single_blocks__0__linear1__lora_A__weight": (16, 6144),
          "base_model__model__single_blocks__0__linear1__lora_B__weight": (55296, 16)},
         "flux.2-dev"),
        ({"base_model__model__double_blocks__7__img_attn__qkv__lora_A__weight": (16, 3072)},
         "flux.1-dev"),
        ({"lora_unet_down_blocks_0__lora_down__weight": (16, 320)}, ""),
    ],
)  # fmt: skip
def test_base_is_recognised_by_shapes_and_never_guessed(
    shapes: dict[str, tuple[int, int]], base: str
) -> None:
    assert recognise_base(_shapes(**shapes)) == base


def test_missing_file_is_named_in_words(tmp_path):
    with pytest.raises(WeightsError, match="cannot be read"):
        inspect_weights(tmp_path / "gone.safetensors")


@pytest.mark.parametrize(
    ("names", "style"),
    [
        (("lora_unet_single_blocks_0.lora_down.weight",), "kohya"),
        (("lora_transformer_blocks_0.lora_up.weight",), "kohya"),
        (("double_blocks.0.processor.qkv_lora1.down.weight",), "xlabs"),
        (("transformer.blocks.0.lora_A.weight",), "peft"),
        (("transformer.blocks.0.lora_B.weight",), "peft"),
        (("blocks.0.lora_A.weight",), "peft without prefix"),
        (("diffusion_model.0.lora_down.weight",), "comfyui"),
        (("diffusion_model.0.lora_up.weight",), "comfyui"),
        (("lora_unet_0.alpha", "transformer.0.lora_A.weight"), "peft"),
        (("a.processor.weight", "b_lora.weight"), ""),
        (("blocks.0.weight",), ""),
        ((), ""),
    ],
)
def test_names_of_tensors_tell_the_style(names: tuple[str, ...], style: str) -> None:
    assert _key_style(names) == style


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it has only 0 bytes"),
        (b" <html>" + bytes(200_000), "it is a web page, not weights"),
        (
            b"PK\x03\x04" + bytes(200_000),
            "it is a pickle or zip file, which the app never opens as weights",
        ),
    ],
)
def test_reason_and_file_are_named_as_they_are(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "lora.safetensors"
    path.write_bytes(data)
    with pytest.raises(WeightsError) as caught:
        inspect_weights(path)
    assert (caught.value.path, caught.value.reason) == (path, reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda path: _write(path, data=bytes(len(_DATA))), "the weights are all zero"),
        (
            lambda path: _write(path, data=_DATA[:-2]),
            "it ends early or goes on too long: the download is incomplete",
        ),
        (lambda path: _write(path, b"[]"), "its header is not a table"),
        (lambda path: _write(path, {}), "it holds no tensors"),
    ],
)
def test_weights_that_do_not_hold_say_exactly_why(
    tmp_path: Path, change: Callable[[Path], Path], reason: str
) -> None:
    with pytest.raises(WeightsError) as caught:
        inspect_weights(change(tmp_path))
    assert caught.value.reason == reason
