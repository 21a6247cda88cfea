"""Which base a model's folder or a LoRA belongs to, as the trainer tells it before loading."""

import json
import math
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from fluxlora_desktop.domain.weights import Tensor, recognise_base
from fluxlora_desktop.trainer.exits import BadInput
from fluxlora_desktop.trainer.recognise import (
    BASES,
    FLUX1,
    FLUX2,
    ModelFacts,
    lora_in,
    lora_refusal,
    model_in,
    model_refusal,
)

Shapes = dict[str, tuple[int, ...]]
_CONFIGS: dict[str, tuple[str, dict[str, object]]] = {
    "flux.1-dev": ("FluxPipeline", {"num_attention_heads": 24, "guidance_embeds": True}),
    "flux.2-dev": ("Flux2Pipeline", {"num_attention_heads": 48, "guidance_embeds": True}),
    "flux.2-klein-4b": ("Flux2KleinPipeline", {"num_attention_heads": 24}),
    "flux.2-klein-9b": ("Flux2KleinPipeline", {"num_attention_heads": 32}),
}


def model(folder: Path, base: str, **changes: object) -> Path:
    """Write what is read of a base's folder."""
    pipeline, config = _CONFIGS[base]
    shape = BASES[base]
    counts = {"num_layers": shape.doubles, "num_single_layers": shape.singles}
    (folder / "transformer").mkdir(parents=True)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    table = {"attention_head_dim": 128, "in_channels": 128, **counts, **config, **changes}
    (folder / "transformer" / "config.json").write_text(json.dumps(table))
    return folder


def write(path: Path, shapes: Shapes, metadata: dict[str, str] | None = None) -> Path:
    """Write a safetensors file whose numbers are all zero."""
    head: dict[str, object] = {"__metadata__": metadata or {}}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + math.prod(shape) * 2
        head[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [start, end]}
    raw = json.dumps(head).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + end)
    return path


def pair(layer: str, wide: int, high: int, rank: int = 4) -> Shapes:
    """Return A and B of a layer in PEFT's style."""
    return {f"{layer}.lora_A.weight": (rank, wide), f"{layer}.lora_B.weight": (high, rank)}


def kohya(layer: str, wide: int, high: int, rank: int = 4) -> Shapes:
    """Return down, up and alpha of a layer in kohya's style."""
    name = f"lora_unet_{layer}"
    down, up = f"{name}.lora_down.weight", f"{name}.lora_up.weight"
    return {down: (rank, wide), up: (high, rank), f"{name}.alpha": ()}


_T = "transformer.transformer_blocks.0."
_S = "transformer.single_transformer_blocks.0."
_OURS: dict[str, Shapes] = {
    "flux.1-dev": {
        **pair(_T + "attn.to_q", 3072, 3072),
        **pair(_T + "ff.net.0.proj", 3072, 12288),
        **pair(_S + "attn.to_q", 3072, 3072),
    },
    **{
        key: {
            **pair(_T + "attn.to_q", width, width),
            **pair(_T + "ff.linear_in", width, 6 * width),
            **pair(_S + "attn.to_qkv_mlp_proj", width, 9 * width),
            **pair(_S + "attn.to_out", 4 * width, width),
        }
        for key, width in (
            ("flux.2-dev", 6144),
            ("flux.2-klein-4b", 3072),
            ("flux.2-klein-9b", 4096),
        )
    },
}
_OTHERS: list[tuple[str, Shapes, str]] = [
    ("kohya flux.1", kohya("single_blocks_0_linear1", 3072, 21504), "flux.1-dev"),
    ("kohya klein", kohya("single_blocks_0_linear1", 3072, 27648), "flux.2-klein-4b"),
    ("kohya feed", kohya("double_blocks_0_img_mlp_0", 3072, 12288), "flux.1-dev"),
    ("kohya klein feed", kohya("double_blocks_0_img_mlp_0", 3072, 18432), "flux.2-klein-4b"),
    ("kohya many", kohya("double_blocks_17_img_attn_qkv", 3072, 9216), "flux.1-dev"),
    (
        "ai-toolkit flux.2",
        pair("diffusion_model.double_blocks.0.img_attn.qkv", 6144, 18432),
        "flux.2-dev",
    ),
    (
        "comfy klein 9b",
        pair("diffusion_model.single_blocks.0.linear2", 16384, 4096),
        "flux.2-klein-9b",
    ),
    ("bare", pair("transformer_blocks.0.attn.to_q", 6144, 6144), "flux.2-dev"),
    ("sdxl", kohya("input_blocks_4_1_transformer_blocks_0_attn1_to_q", 640, 640), ""),
]
_ALL = [*((key, shapes, key) for key, shapes in _OURS.items()), *_OTHERS]


@pytest.mark.parametrize(
    ("shapes", "base"), [(s, b) for _, s, b in _ALL], ids=[name for name, _, _ in _ALL]
)
def test_trainer_and_app_tell_a_lora_by_the_same_shapes(
    tmp_path: Path, shapes: Shapes, base: str
) -> None:
    facts = lora_in(write(tmp_path / "lora.safetensors", shapes))

    assert facts.base == base
    assert facts.rank == 4
    assert recognise_base([Tensor(n, "BF16", s, 0, 0) for n, s in shapes.items()]) == base


def test_shapes_overrule_what_metadata_say_and_metadata_help_where_shapes_do_not(
    tmp_path: Path,
) -> None:
    alike = pair(_T + "attn.to_q", 3072, 3072)
    wrong = {"ss_base_model_version": "flux2", "modelspec.architecture": "flux-2-dev/lora"}
    names = (("FLUX-1-dev/lora", FLUX1), ("flux-2-klein-4b/lora", FLUX2), ("sd_1.5", ""))

    assert lora_in(write(tmp_path / "one", _OURS["flux.1-dev"], wrong)).base == "flux.1-dev"
    for said, family in names:
        path = write(tmp_path / "two", alike, {"modelspec.architecture": said})
        assert (lora_in(path).family, lora_in(path).base) == (family, "")


@pytest.mark.parametrize("lora", sorted(_OURS))
@pytest.mark.parametrize("base", sorted(_OURS))
def test_a_lora_is_refused_by_every_base_but_its_own(tmp_path: Path, base: str, lora: str) -> None:
    facts = model_in(model(tmp_path / "model", base))

    says = lora_refusal(write(tmp_path / "lora.safetensors", _OURS[lora]), facts)

    assert bool(says) is (base != lora)
    if says:
        assert says == (
            f"lora.safetensors is a LoRA of {BASES[lora].title}; "
            f"{BASES[base].title} takes only its own."
        )


def test_a_lora_that_shapes_do_not_tell_is_refused_for_blocks_that_are_not_there(
    tmp_path: Path,
) -> None:
    klein = model_in(model(tmp_path / "model", "flux.2-klein-4b"))
    few = write(tmp_path / "few", pair(_T + "attn.to_q", 3072, 3072))
    many = write(tmp_path / "many", _OURS["flux.2-klein-4b"] | pair(
        "transformer.single_transformer_blocks.20.attn.to_out", 12288, 3072
    ))  # fmt: skip

    assert lora_refusal(few, klein) == ""
    assert lora_refusal(many, klein) == "many changes blocks that FLUX.2-klein-4B does not have."


def test_a_lora_is_compared_with_a_base_that_no_table_knows_by_its_shapes(tmp_path: Path) -> None:
    tiny = ModelFacts("Flux2Pipeline", ("flux.2-dev",), FLUX2, width=32, doubles=2, singles=2)
    own = write(tmp_path / "own", pair(_S + "attn.to_qkv_mlp_proj", 32, 288))
    flux1 = write(tmp_path / "flux1", pair(_T + "ff.net.0.proj", 32, 128))
    wide = write(tmp_path / "wide", pair(_S + "attn.to_qkv_mlp_proj", 64, 576))

    assert lora_refusal(own, tiny) == ""
    assert "is a LoRA of FLUX.1" in lora_refusal(flux1, tiny)
    assert "for a model 64 wide" in lora_refusal(wide, tiny)


@pytest.mark.parametrize("held", sorted(_CONFIGS))
@pytest.mark.parametrize("wanted", sorted(_CONFIGS))
def test_a_folder_is_taken_for_the_base_that_it_holds_and_for_no_other(
    tmp_path: Path, held: str, wanted: str
) -> None:
    says = model_refusal(model(tmp_path / "model", held), wanted)

    assert says == ("" if held == wanted else f"it holds {BASES[held].title}")


def test_a_folder_says_what_else_it_may_hold(tmp_path: Path) -> None:
    schnell = model(tmp_path / "schnell", "flux.1-dev", guidance_embeds=False)
    other = model(tmp_path / "other", "flux.1-dev")
    (other / "model_index.json").write_text('{"_class_name": "SanaPipeline"}')
    tiny = model(tmp_path / "tiny", "flux.2-klein-4b", num_attention_heads=2)
    (tiny / "model_index.json").write_text(
        '{"_class_name": "Flux2KleinPipeline", "is_distilled": true}'
    )

    assert model_refusal(schnell, "flux.1-dev").endswith("without guidance, such as FLUX.1-schnell")
    assert model_refusal(other, "flux.1-dev") == "it holds a model for SanaPipeline"
    assert model_refusal(tiny, "flux.2-klein-9b") == ""
    assert "FLUX.2-klein-4B or FLUX.2-klein-9B" in model_refusal(tiny, "flux.2-dev")
    assert model_in(tiny).distilled


@pytest.mark.parametrize("damage", ["missing", "text", "list", "huge"])
def test_a_folder_that_cannot_be_read_is_refused_in_words(tmp_path: Path, damage: str) -> None:
    folder = model(tmp_path / "model", "flux.1-dev")
    path = folder / "transformer" / "config.json"
    changes: dict[str, Callable[[], object]] = {
        "missing": path.unlink,
        "text": lambda: path.write_text("{"),
        "list": lambda: path.write_text("[]"),
        "huge": lambda: path.write_text(" " * 1_000_001 + "{}"),
    }
    changes[damage]()

    says = "it is not a diffusers folder: transformer/config.json cannot be read"
    assert model_refusal(folder, "flux.1-dev") == says
    with pytest.raises(BadInput, match="cannot be read"):
        model_in(folder)


def test_what_is_no_lora_is_refused_before_it_is_read(tmp_path: Path) -> None:
    whole = write(tmp_path / "lora.safetensors", _OURS["flux.2-dev"])
    raw = whole.read_bytes()
    cut, page, plain = tmp_path / "cut", tmp_path / "page", tmp_path / "plain"
    cut.write_bytes(raw[:-1])
    page.write_bytes(b"<!doctype html>" + b" " * 5000)
    write(plain, {"transformer.x_embedder.weight": (64, 128)})

    for path, says in (
        (cut, "is not complete"),
        (page, "is not a safetensors file"),
        (plain, "is not a LoRA"),
        (tmp_path / "gone", "cannot be read"),
    ):
        with pytest.raises(BadInput, match=says):
            lora_in(path)
