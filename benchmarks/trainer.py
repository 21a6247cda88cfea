"""Time per step of the trainer on a tiny base against the same loop written plainly.

The plain loop encodes its photos and captions anew for every step and takes every photo at the
size of the largest, padded: no cache, no buckets. Both learn the same LoRA with the same
optimiser, on the same base, in the same process, in turns. Needs the trainer's environment:
`python3 dev.py bench trainer`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "trainer")]
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")
ROUNDS = 5


def main() -> int:
    """Measure and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=15, help="steps in each of five rounds")
    wanted = parser.parse_args()
    try:
        import torch
        from tiny import make_flux1, make_job
    except ImportError as error:
        print(f"{error}: run `python3 dev.py bench trainer`, which makes the environment.")
        return 1
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        base = make_flux1(Path(folder) / "base")
        job = make_job(Path(folder) / "job", base, steps=10_000, resolution="64,96", count=6)
        ours, plain = Ours(job, base), Plain(job, base)
        times: dict[str, list[float]] = {"ours": [], "plain": []}
        for name, step in (("ours", ours.step), ("plain", plain.step)):
            timed(step, 3, 1)
            print(f"{name}: warm", file=sys.stderr)
        for turn in range(ROUNDS):
            first = 4 + turn * wanted.steps
            times["ours"].append(timed(ours.step, wanted.steps, first))
            times["plain"].append(timed(plain.step, wanted.steps, first))
    best = {name: statistics.median(found) * 1000 for name, found in times.items()}
    print(f"trainer: {best['ours']:.1f} ms a step, cached and in buckets")
    print(f"plain loop: {best['plain']:.1f} ms a step, encoded at each step, one size")
    print(f"ratio: {best['plain'] / best['ours']:.2f} times as fast")
    return 0


def timed(step: Callable[[int], None], steps: int, first: int) -> float:
    """Return the seconds of a step."""
    start = time.perf_counter()
    for number in range(first, first + steps):
        step(number)
    return (time.perf_counter() - start) / steps


class Ours:
    """The trainer's own loop, made ready to take steps."""

    def __init__(self, folder: Path, base: Path) -> None:
        from fluxlora_desktop.trainer.events import EventLog
        from fluxlora_desktop.trainer.families import family_of
        from fluxlora_desktop.trainer.job import read_job
        from fluxlora_desktop.trainer.loop import Loop
        from fluxlora_desktop.trainer.training import Wishes

        nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for the process
        events = EventLog(folder / "out" / "events.jsonl", nowhere)
        job = read_job(folder)
        self._loop = Loop(folder, job, family_of(job.base), Wishes(folder), events)
        self._loop.make_ready()

    def step(self, _number: int) -> None:
        """Take the next step."""
        self._loop.one_step()


class Plain:
    """The recipe written plainly over diffusers and PEFT, with all parts kept loaded."""

    def __init__(self, folder: Path, base: Path) -> None:
        import torch
        from diffusers import FluxPipeline
        from peft import LoraConfig

        from fluxlora_desktop.trainer.families import family_of
        from fluxlora_desktop.trainer.job import read_job

        self._torch = torch
        self._family: Any = family_of("flux.1-dev")
        self._pipeline = FluxPipeline.from_pretrained(base)
        job = read_job(folder)
        self._photos = [folder / "images" / image.file for image in job.images]
        transformer = self._pipeline.transformer.requires_grad_(requires_grad=False)
        transformer.add_adapter(
            LoraConfig(
                r=job.rank,
                lora_alpha=job.rank,
                init_lora_weights="gaussian",
                target_modules=self._family.targets["all"],
            )
        )
        transformer.train()
        self._parameters = [p for p in transformer.parameters() if p.requires_grad]
        self._optimizer = torch.optim.AdamW(self._parameters, lr=1e-4, weight_decay=1e-4)

    def step(self, number: int) -> None:
        """Read, encode and learn one photo."""
        torch = self._torch
        path = self._photos[(number - 1) % len(self._photos)]
        latents = self._encoded(path)
        with torch.no_grad():
            words, pooled, _ = self._pipeline.encode_prompt(
                prompt=path.with_suffix(".txt").read_text("utf-8"),
                prompt_2=None,
                max_sequence_length=48,
            )
        sigma = self._family.sigmas(torch.randn(1), latents)
        noise = torch.randn_like(latents)
        noisy = (1 - sigma) * latents + sigma * noise
        text = {"prompt_embeds": words, "pooled": pooled}
        found = self._family.predict(self._pipeline.transformer, noisy, sigma, text)
        loss = ((found.float() - (noise - latents)) ** 2).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        loss.item()

    def _encoded(self, path: Path) -> Any:
        import numpy
        from PIL import Image, ImageOps

        with Image.open(path) as opened:
            padded = ImageOps.pad(opened.convert("RGB"), (96, 96))
        grid = self._torch.from_numpy(numpy.asarray(padded, dtype=numpy.float32))
        pixels = (grid / 127.5 - 1).permute(2, 0, 1)[None]
        return self._family.encode_image(self._pipeline.vae, pixels, self._torch.Generator())


if __name__ == "__main__":
    sys.exit(main())
