"""One training step of FLUX.1-dev on a GPU: ours against diffusers' own example, in one run.

The shapes are those of FLUX.1-dev, the numbers random: nothing is downloaded, and a step costs the
same. The peer is the step of diffusers' `train_dreambooth_lora_flux.py` written plainly (PEFT's
layers, autocast to bf16, every block computed again on the way back, AdamW), with latents and texts
encoded before, which flatters it: the example encodes them in each step unless it is told not to.
Its NF4 is the way of diffusers' QLoRA article: bitsandbytes' layers, AdamW in 8 bits.

Run it with the engine's interpreter on a computer with an NVIDIA GPU:
`PYTHON_OF_THE_ENGINE benchmarks/gpu.py [--quick] [--json FILE]`. Elsewhere it says so and ends.

cuDNN's attention is off for both: see `trainer/machine.py`.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TRAINER = Path(__file__).resolve().parent.parent / "fluxlora_desktop" / "trainer"
RANK, RATE = 16, 1e-4
WARM, TIMED = 3, 7
TINY = {
    "num_layers": 2,
    "num_single_layers": 2,
    "attention_head_dim": 32,
    "num_attention_heads": 2,
    "joint_attention_dim": 32,
    "pooled_projection_dim": 32,
    "axes_dims_rope": (8, 12, 12),
}
# (name, whose, precision, checkpointing, side)
ROWS = [
    ("diffusers bf16", "peer", "bf16", "all", 1024),
    ("ours bf16", "ours", "bf16", "all", 1024),
    ("ours bf16, half computed again", "ours", "bf16", "half", 1024),
    ("ours int8", "ours", "int8", "all", 1024),
    ("ours int8, half computed again", "ours", "int8", "half", 1024),
    ("diffusers NF4", "peer", "nf4", "all", 1024),
    ("ours NF4", "ours", "nf4", "all", 1024),
    ("diffusers bf16", "peer", "bf16", "all", 512),
    ("ours bf16", "ours", "bf16", "all", 512),
    ("ours int8", "ours", "int8", "all", 512),
    ("diffusers NF4", "peer", "nf4", "all", 512),
    ("ours NF4", "ours", "nf4", "all", 512),
]
QUICK = [row for row in ROWS if row[4] == 1024 and "half" not in row[0]]


def load_trainer() -> None:
    """Make the trainer's folder the package `trainer`, as its own start does."""
    place = TRAINER / "__init__.py"
    spec = importlib.util.spec_from_file_location(
        "trainer", place, submodule_search_locations=[str(TRAINER)]
    )
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["trainer"] = package
    spec.loader.exec_module(package)


class Bench:
    """The device and the shapes."""

    def __init__(self, *, tiny: bool, compiled: bool) -> None:
        import torch

        self.torch = torch
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.dtype = torch.bfloat16 if self.device == "cuda" else torch.float32
        self.tiny = tiny
        self.compiled = compiled
        self.widths = (32, 32) if tiny else (4096, 768)
        self.words = 8 if tiny else 512

    def transformer(self) -> Any:
        """Return a frozen transformer of random numbers on the device."""
        from diffusers import FluxTransformer2DModel

        torch, nn = self.torch, self.torch.nn
        with torch.device("meta"):
            model = FluxTransformer2DModel(guidance_embeds=True, **(TINY if self.tiny else {}))
        model = model.to(self.dtype).to_empty(device=self.device)
        torch.manual_seed(0)
        for name, tensor in model.named_parameters():
            if tensor.ndim > 1:
                nn.init.normal_(tensor, std=0.02)
            else:
                nn.init.constant_(tensor, float("norm" in name and name.endswith("weight")))
        return model.requires_grad_(requires_grad=False).train()

    def inputs(self, side: int) -> tuple[Any, dict[str, Any]]:
        """Return latents and a text as the cache holds them."""
        torch = self.torch
        high = side // 8
        latents = torch.randn(1, 16, high, high, device=self.device)
        text = {
            "prompt_embeds": torch.randn(1, self.words, self.widths[0], device=self.device),
            "pooled": torch.randn(1, self.widths[1], device=self.device),
        }
        return latents, {name: tensor.to(self.dtype) for name, tensor in text.items()}

    def sync(self) -> None:
        """Wait for the GPU."""
        if self.device == "cuda":
            self.torch.cuda.synchronize()

    def emptied(self) -> None:
        """Give back what the row before held."""
        self.torch._dynamo.reset()
        gc.collect()
        if self.device == "cuda":
            self.torch.cuda.empty_cache()
            self.torch.cuda.reset_peak_memory_stats()


def ours(bench: Bench, precision: str, again: str, side: int) -> Callable[[], Any]:
    """Return the step of our trainer, made of its own parts."""
    from trainer import lora, optim, quantise
    from trainer.families.flux1 import TARGETS, Flux1
    from trainer.model import CompiledBlocks, use_checkpointing
    from trainer.passes import Passes
    from trainer.recording import CudaRecorder

    torch, family = bench.torch, Flux1()
    model = bench.transformer()
    if precision != "bf16":
        pattern = re.compile(family.quantised)
        _replaced(
            model,
            [name for name in _linears(bench, model) if pattern.fullmatch(name)],
            lambda layer: quantise.quantised_linear(
                layer.weight.data, layer.bias.data, precision, bench.dtype
            ),
        )
    layers = lora.add_lora(model, TARGETS["all"], RANK, seed=0)
    numbers = lora.joined(layers)
    use_checkpointing(model, again)
    optimizer = optim.make_optimizer("adamw8bit", [numbers], RATE)
    latents, text = bench.inputs(side)
    device = torch.device(bench.device)
    on_gpu = device.type == "cuda"
    recorder = CudaRecorder(device) if on_gpu else None
    passes = Passes(family, model, bench.dtype, device, warn=print, record=recorder)
    compiling = CompiledBlocks(model, print, shapes=1) if on_gpu and bench.compiled else None
    passes.prepare([tuple(latents.shape)], text, numbers.grad, compiling=compiling)

    def step() -> Any:
        noise = torch.randn(latents.shape, device=bench.device)
        sigma = family.sigmas(torch.randn(1), latents).to(bench.device)
        loss = passes.run(latents, noise, sigma, **text)
        optim.take_step(optimizer, numbers)
        numbers.grad.zero_()
        return loss

    return step


def peer(bench: Bench, precision: str, _again: str, side: int) -> Callable[[], Any]:
    """Return the step of diffusers' example, written plainly."""
    from diffusers import FluxPipeline
    from peft import LoraConfig
    from trainer.families.flux1 import TARGETS
    from trainer.machine import in_turn_with_default

    torch = bench.torch
    model = bench.transformer()
    if precision == "nf4":
        import bitsandbytes

        def small(layer: Any) -> Any:
            made = bitsandbytes.nn.Linear4bit(
                *(layer.in_features, layer.out_features),
                compute_dtype=bench.dtype,
                quant_type="nf4",
                device="meta",
            )
            made.weight = bitsandbytes.nn.Params4bit(
                layer.weight.data, requires_grad=False, quant_type="nf4"
            ).to(bench.device)
            made.bias = layer.bias
            return made

        _replaced(model, [n for n in _linears(bench, model) if n != "proj_out"], small)
    model.add_adapter(
        LoraConfig(
            r=RANK, lora_alpha=RANK, init_lora_weights="gaussian", target_modules=TARGETS["all"]
        )
    )
    model.enable_gradient_checkpointing()
    parameters = [p for p in model.parameters() if p.requires_grad]
    if precision == "nf4":
        optimizer: Any = bitsandbytes.optim.AdamW8bit(parameters, lr=RATE, weight_decay=1e-4)
    else:
        optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=1e-4)
    latents, text = bench.inputs(side)
    latents = latents.to(bench.dtype)
    _, channels, high, wide = latents.shape

    def step() -> Any:
        noise = torch.randn_like(latents)
        sigma = torch.sigmoid(torch.randn(1, device=bench.device))
        sigma = (sigma * 3 / (1 + 2 * sigma)).to(bench.dtype)
        noisy = (1 - sigma) * latents + sigma * noise
        with torch.autocast(bench.device, torch.bfloat16, enabled=bench.device == "cuda"):
            (found,) = model(
                hidden_states=FluxPipeline._pack_latents(noisy, 1, channels, high, wide),
                timestep=sigma,
                guidance=torch.ones(1, device=bench.device),
                pooled_projections=text["pooled"],
                encoder_hidden_states=text["prompt_embeds"],
                txt_ids=torch.zeros(bench.words, 3, device=bench.device, dtype=bench.dtype),
                img_ids=FluxPipeline._prepare_latent_image_ids(
                    1, high // 2, wide // 2, bench.device, bench.dtype
                ),
                return_dict=False,
            )
        found = FluxPipeline._unpack_latents(found, high * 8, wide * 8, 8)
        target = noise - latents
        loss = torch.mean(((found.float() - target.float()) ** 2).reshape(1, -1), 1).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        with in_turn_with_default(torch.device(bench.device)):
            optimizer.step()
        optimizer.zero_grad()
        return loss

    return step


def _linears(bench: Bench, model: Any) -> list[str]:
    return [n for n, layer in model.named_modules() if type(layer) is bench.torch.nn.Linear]


def _replaced(model: Any, names: list[str], make: Callable[[Any], Any]) -> None:
    for name in names:
        owner, _, last = name.rpartition(".")
        made = make(model.get_submodule(name))
        setattr(model.get_submodule(owner), last, made)


def measure(bench: Bench, row: tuple[str, str, str, str, int]) -> dict[str, Any]:
    """Return the seconds of a step and the memory at its highest, or why there are none."""
    name, whose, precision, again, side = row
    told: dict[str, Any] = {"name": name, "side": side}
    bench.emptied()
    began = time.perf_counter()
    try:
        step = (ours if whose == "ours" else peer)(bench, precision, again, side)
        for _ in range(WARM):
            loss = step()
        bench.sync()
        told["first_s"] = round(time.perf_counter() - began, 1)
        if bench.device == "cuda":
            bench.torch.cuda.reset_peak_memory_stats()
        taken = []
        for _ in range(TIMED):
            start = time.perf_counter()
            loss = step()
            bench.sync()
            taken.append(time.perf_counter() - start)
        told["s"] = round(statistics.median(taken), 4)
        told["loss"] = round(float(loss.detach()), 3)
        if bench.device == "cuda":
            told["gb"] = round(bench.torch.cuda.max_memory_allocated() / 1e9, 2)
            told["reserved_gb"] = round(bench.torch.cuda.max_memory_reserved() / 1e9, 2)
    except Exception as error:  # noqa: BLE001 - one row less is told, the others are measured
        told["failed"] = f"{type(error).__name__}: {error}"[:300]
    return told


def tell(rows: list[dict[str, Any]]) -> None:
    """Print each of our rows against the peer's of the same size, and at no more memory."""
    done = [row for row in rows if "s" in row]
    for side in sorted({row["side"] for row in done}, reverse=True):
        peers = {r["name"]: r for r in done if r["side"] == side and "diffusers" in r["name"]}
        for row in (r for r in done if r["side"] == side and "ours" in r["name"]):
            for kind, other in peers.items():
                if ("NF4" in kind) != ("NF4" in row["name"]) and "int8" not in row["name"]:
                    continue
                held = row.get("gb", 0), other.get("gb", 0)
                words = "no more memory" if held[0] <= held[1] * 1.02 else "more memory"
                print(
                    f"{side}: {row['name']} {row['s']:.3f} s, {held[0]:.1f} GB against "
                    f"{kind} {other['s']:.3f} s, {held[1]:.1f} GB: "
                    f"{other['s'] / row['s']:.2f} times as fast with {words}"
                )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only 1024 pixels")
    parser.add_argument("--tiny", action="store_true", help="a tiny model, to try the script")
    parser.add_argument("--uncompiled", action="store_true", help="ours without torch.compile")
    parser.add_argument("--side", type=int, default=0, help="only this size")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    parser.add_argument("--only", default="", help="only rows whose name this pattern finds")
    asked = parser.parse_args()
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("diffusers") is None:
        print("gpu: needs the engine's interpreter (torch, diffusers); nothing was measured.")
        return 0
    load_trainer()
    bench = Bench(tiny=asked.tiny, compiled=not asked.uncompiled)
    if bench.device == "cpu" and not asked.tiny:
        print("gpu: there is no NVIDIA GPU here; nothing was measured.")
        return 0
    if bench.device == "cuda":
        from trainer.machine import make_ready

        make_ready()
        print(f"{bench.torch.cuda.get_device_name()}, torch {bench.torch.__version__}", flush=True)
    rows = []
    chosen = [r for r in (QUICK if asked.quick else ROWS) if asked.side in (0, r[4])]
    for row in [r for r in chosen if re.search(asked.only, r[0])]:
        rows.append(measure(bench, (*row[:4], row[4] // 16) if asked.tiny else row))
        print(json.dumps(rows[-1]), flush=True)
        if asked.json:
            asked.json.write_text(json.dumps(rows, indent=1), "utf-8")
    tell(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
