"""A base that stays loaded: what becomes of it when memory runs out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_flux2 import build_dev


class Tight:
    """The real family on a GPU that has no room for a base unless it is stored as one kind."""

    def __init__(self, family: Any, fits: str) -> None:
        self._family, self._fits = family, fits
        self.tried: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._family, name)

    def picture(self, pipeline: Any, *args: Any, **kwargs: Any) -> Any:
        kind = type(pipeline.transformer.transformer_blocks[0].attn.to_q).__name__
        self.tried.append(kind)
        if kind != self._fits:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB.\nSecond line")
        return self._family.picture(pipeline, *args, **kwargs)


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_dev(tmp_path_factory.mktemp("dev"))


def studio_for(fits: str) -> tuple[Any, Tight]:
    """Return a studio on a processor, and the family that it uses."""
    from fluxlora_desktop.trainer.families import family_of
    from fluxlora_desktop.trainer.warm import Studio

    tight = Tight(family_of("flux.2-dev"), fits)
    return Studio("cpu", lambda _base: tight), tight  # type: ignore[arg-type, return-value]


def order_of(dev: Path, out: Path, **changes: Any) -> Any:
    from fluxlora_desktop.trainer.order import parse_order

    least = {"id": "one", "base": "flux.2-dev", "model": str(dev), "prompt": "a TOK mug"}
    small = {"width": 64, "height": 64, "steps": 2, "precision": "int8", "out": str(out)}
    return parse_order({**least, **small, **changes})


def test_memory_that_runs_out_is_answered_by_a_smaller_way_which_is_kept(
    dev: Path, tmp_path: Path
) -> None:
    studio, tight = studio_for("Nf4Linear")
    told: list[str] = []

    def tell(event: str, **values: Any) -> None:
        told.append(str(values.get("name", event)))

    studio.make(order_of(dev, tmp_path / "one.png"), tell, lambda: None)
    first, told[:] = list(told), []
    studio.make(order_of(dev, tmp_path / "two.png", seed=2), tell, lambda: None)

    assert tight.tried == ["Int8Linear", "Int8Linear", "Nf4Linear", "Nf4Linear"]
    assert first.count("loading") == 3
    assert first.count("text") == 1
    assert told == ["sampling", "progress", "progress", "saving"]
    assert (tmp_path / "one.png").read_bytes() != (tmp_path / "two.png").read_bytes()


def test_memory_that_is_never_enough_is_told_in_words_and_a_later_order_is_tried(
    dev: Path, tmp_path: Path
) -> None:
    from fluxlora_desktop.trainer.exits import OutOfMemory

    studio, tight = studio_for("nothing")
    order = order_of(dev, tmp_path / "one.png")

    for _ in range(2):
        with pytest.raises(OutOfMemory) as caught:
            studio.make(order, lambda *_args, **_values: None, lambda: None)

    says = "The memory is not enough for this picture: CUDA out of memory."
    assert caught.value.code == 11
    assert caught.value.says.startswith(says)
    assert len(tight.tried) > 3
    assert not (tmp_path / "one.png").exists()


@pytest.mark.parametrize("style", ["lora_unet", "down", "A and B", "te1"])
def test_loras_of_flux1_are_read_in_the_styles_of_other_tools(style: str, tmp_path: Path) -> None:
    """Those that diffusers passes over without a word are among them."""
    import torch
    from diffusers import FluxPipeline
    from safetensors.torch import save_file

    from fluxlora_desktop.trainer.stack import read_adapter

    down, up = torch.ones(4, 64), torch.full((64, 4), 0.5)
    dotted = "diffusion_model.double_blocks.1.img_attn.proj"
    kohya = "lora_unet_double_blocks_1_img_attn_proj"
    halves = {
        "lora_unet": (f"{kohya}.lora_down", f"{kohya}.lora_up"),
        "down": (f"{dotted}.lora_down", f"{dotted}.lora_up"),
        "A and B": (f"{dotted}.lora_A", f"{dotted}.lora_B"),
        "te1": (f"{kohya}.lora_down", f"{kohya}.lora_up"),
    }[style]
    tensors = {f"{halves[0]}.weight": down, f"{halves[1]}.weight": up}
    if style != "A and B":
        tensors[f"{halves[0].rpartition('.')[0]}.alpha"] = torch.tensor(4.0)
    if style == "te1":  # for a text encoder, which learns nothing here
        layer = "lora_te1_text_model_encoder_layers_0_self_attn_q_proj"
        tensors |= {f"{layer}.lora_down.weight": torch.ones(4, 32)}
        tensors |= {
            f"{layer}.lora_up.weight": torch.ones(32, 4),
            f"{layer}.alpha": torch.tensor(4.0),
        }
    save_file(tensors, tmp_path / "lora.safetensors")

    adapter = read_adapter(tmp_path / "lora.safetensors", FluxPipeline)

    (name,) = adapter.parts
    part = adapter.parts[name]
    assert name == "transformer_blocks.1.attn.to_out.0"
    assert torch.equal(part.up @ part.down * part.scale, up @ down)


def test_alpha_that_peft_told_in_the_file_is_the_scale(tmp_path: Path) -> None:
    import json

    import torch
    from diffusers import Flux2Pipeline
    from safetensors.torch import save_file

    from fluxlora_desktop.trainer.stack import read_adapter

    name = "transformer.transformer_blocks.0.attn.to_q"
    tensors = {
        f"{name}.lora_A.weight": torch.ones(4, 32),
        f"{name}.lora_B.weight": torch.ones(32, 4),
    }
    told = json.dumps({"transformer.r": 4, "transformer.lora_alpha": 8})
    save_file(tensors, tmp_path / "lora", {"lora_adapter_metadata": told})

    parts = read_adapter(tmp_path / "lora", Flux2Pipeline).parts

    assert [part.scale for part in parts.values()] == [2.0]
