"""What a trained LoRA is: recognised, of use, and gone without a trace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import events_of, result_of, start, state_of, train
from tiny import make_job

STEPS = 150


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a LoRA by the folder's command line, as the app does."""
    folder = make_job(
        tmp_path_factory.mktemp("trained") / "job",
        base,
        steps=STEPS,
        rank=16,
        learning_rate=3e-3,
        schedule="cosine",
        warmup=5,
        sample_prompts=["a TOK mug"],
        sample_every=STEPS,
        checkpoint_every=50,
        keep_checkpoints=2,
        optimizer="adamw8bit",
    )
    child = start(folder)
    told, _ = child.communicate()
    assert child.returncode == 0
    (folder / "told").write_text(told, "utf-8")
    return folder


@pytest.fixture(scope="module")
def pipeline(base: Path) -> Iterator[Any]:
    from diffusers import FluxPipeline

    pipeline = FluxPipeline.from_pretrained(base)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def test_training_tells_all_it_does_on_stdout_and_in_its_folder(trained: Path) -> None:
    told = [json.loads(line) for line in (trained / "told").read_text("utf-8").splitlines()]

    assert told == events_of(trained)
    assert [each["seq"] for each in told] == list(range(1, len(told) + 1))
    assert told[0]["event"] == "hello"
    assert [e["step"] for e in told if e["event"] == "step"] == list(range(1, STEPS + 1))
    assert [e["step"] for e in told if e["event"] == "checkpoint"] == [50, 100, 150]
    assert told[-1] == told[-1] | {"event": "done", "sha256": result_of(trained)["sha256"]}
    process = json.loads((trained / "out" / "process.json").read_text("utf-8"))
    assert process["pid"] == told[0]["pid"]


def test_training_leaves_the_newest_checkpoints_samples_and_its_result(trained: Path) -> None:
    out = trained / "out"

    kept = sorted(path.name for path in (out / "checkpoints").iterdir())
    assert kept == ["step_000100.safetensors", "step_000150.safetensors"]
    assert [path.name for path in (out / "samples").iterdir()] == ["000150_0.png"]
    assert state_of(trained)["step"] == STEPS
    assert result_of(trained) == result_of(trained) | {"status": "done", "code": 0, "steps": STEPS}
    assert not (out / "cache.pt").exists()


def test_lora_file_is_recognised_and_says_what_it_is(trained: Path) -> None:
    from fluxlora_desktop.domain.weights import inspect_weights

    path = trained / "out" / "lora.safetensors"
    facts = inspect_weights(path)

    assert path.stat().st_mode & 0o777 == 0o644
    assert (facts.key_style, facts.rank, facts.trigger_word) == ("peft", 16, "TOK")
    assert facts.sha256 == result_of(trained)["sha256"]
    said = facts.metadata
    assert said["sshs_model_hash"] == facts.tensor_hash
    assert said["modelspec.hash_sha256"] == f"0x{facts.tensor_hash}"
    assert said["modelspec.architecture"] == "flux-1-dev/lora"
    assert said["modelspec.resolution"] == "64x64"
    assert said["ss_base_model_version"] == "flux1"
    assert said["ss_network_dim"] == said["ss_network_alpha"] == "16"


def test_lora_teaches_the_base_and_goes_without_a_trace(
    trained: Path, base: Path, pipeline: Any
) -> None:
    before, plain = evaluated(trained, base, pipeline), painted(pipeline)

    pipeline.load_lora_weights(trained / "out" / "lora.safetensors", adapter_name="tok")
    after, changed = evaluated(trained, base, pipeline), painted(pipeline)
    layers = [name for name, _ in pipeline.transformer.named_parameters() if "lora_A" in name]
    pipeline.set_adapters(["tok"], adapter_weights=[0.0])
    silent = painted(pipeline)
    pipeline.unload_lora_weights()

    assert len(layers) == 2 * 12 + 2 * 5
    assert after < 0.8 * before
    assert changed != plain
    assert silent == plain
    assert painted(pipeline) == plain


def test_sample_is_what_the_lora_paints(trained: Path, pipeline: Any) -> None:
    import torch
    from PIL import Image, ImageChops

    pipeline.load_lora_weights(trained / "out" / "lora.safetensors", adapter_name="tok")
    picture = pipeline(
        "a TOK mug",
        width=64,
        height=64,
        num_inference_steps=2,
        guidance_scale=3.5,
        max_sequence_length=48,
        generator=torch.Generator().manual_seed(0),
    ).images[0]
    pipeline.unload_lora_weights()

    with Image.open(trained / "out" / "samples" / "000150_0.png") as sample:
        off = ImageChops.difference(sample.convert("RGB"), picture)
    assert max(high for _, high in off.getextrema()) <= 3  # the file holds bf16


def evaluated(folder: Path, base: Path, pipeline: Any) -> float:
    """Return the loss on all photos with fixed noise, at three noise levels."""
    import torch

    from fluxlora_desktop.trainer import data
    from fluxlora_desktop.trainer.families import family_of
    from fluxlora_desktop.trainer.job import read_job

    family, job = family_of("flux.1-dev"), read_job(folder)
    photos = data.read_photos(folder, job)
    encode = family.text_encoder(base, torch.device("cpu"), torch.float32)
    vae = family.vae(base, torch.device("cpu"), torch.float32)
    losses = []
    with torch.no_grad():
        for photo in photos:
            pixels = data.pixels_of(photo, (64, 64))
            latents = family.encode_image(vae, pixels, torch.Generator().manual_seed(1))
            noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(2))
            (text,) = encode([photo.caption])
            for level in (0.2, 0.5, 0.8):
                noisy = (1 - level) * latents + level * noise
                found = family.predict(pipeline.transformer, noisy, torch.tensor([level]), text)
                losses.append(float(((found - (noise - latents)) ** 2).mean()))
    return sum(losses) / len(losses)


def painted(pipeline: Any) -> bytes:
    """Return a picture's bytes."""
    import torch

    made = pipeline(
        "a photo of TOK",
        width=64,
        height=64,
        num_inference_steps=2,
        max_sequence_length=48,
        generator=torch.Generator().manual_seed(3),
    )
    picture: bytes = made.images[0].tobytes()
    return picture


@pytest.mark.parametrize("precision", ["int8", "nf4"])
def test_base_that_is_stored_small_predicts_and_teaches_much_the_same(
    base: Path, tmp_path: Path, precision: str
) -> None:
    import torch

    from fluxlora_desktop.trainer.families import family_of
    from fluxlora_desktop.trainer.loading import load_transformer

    family, device = family_of("flux.1-dev"), torch.device("cpu")
    generator = torch.Generator().manual_seed(5)
    noisy, words = torch.randn(1, 16, 8, 8, generator=generator), torch.randn(1, 48, 32)
    text = {"prompt_embeds": words, "pooled": torch.randn(1, 32, generator=generator)}
    full, small = (
        load_transformer(family, base, precision=each, device=device)
        for each in ("fp32", precision)
    )
    with torch.no_grad():
        a, b = (family.predict(m, noisy, torch.tensor([0.5]), text) for m in (full, small))
    folder = make_job(tmp_path / "job", base, steps=4, precision=precision, optimizer="adamw8bit")

    assert train(folder) == 0

    linear = small.transformer_blocks[0].attn.to_q
    assert type(linear).__name__ == {"int8": "Int8Linear", "nf4": "Linear4bit"}[precision]
    assert 0 < float((a - b).norm() / a.norm()) < {"int8": 0.02, "nf4": 0.2}[precision]
    assert result_of(folder)["precision"] == precision
    lora = state_of(folder)["lora"]
    assert all(bool(tensor.any()) for name, tensor in lora.items() if "lora_B" in name)
