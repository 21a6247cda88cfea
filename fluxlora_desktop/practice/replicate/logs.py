"""The trainer's log at any moment, as replicate/flux-fine-tuner and ai-toolkit print it.

Lines and their order: replicate/flux-fine-tuner 3dd14e3, ai-toolkit bedb8197, tqdm. Leading spaces
and empty lines are left out, as in recordings of the real service.
"""

import json
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime

from fluxlora_desktop.practice.bars import draw_bar, show_rate, show_time
from fluxlora_desktop.practice.replicate.plans import TrainingPlan

_WEIGHTS = "https://weights.replicate.delivery/default/black-forest-labs/FLUX.1-dev/files.tar"
_LLAVA = (
    "https://weights.replicate.delivery/default/llava-v1.5-13b/pytorch_model-00001-of-00003.bin"
)
_RULE = "#" * 45
Line = tuple[float, str]
"""A line of the log and the second of the run in which it appears."""


def render_log(
    plan: TrainingPlan, run_s: float, *, started_at: float, speed: float, seed: str
) -> str:
    """Return the whole log after so many seconds of a run; its last line may be cut.

    The times told in progress bars are those that pass, so divided by the speed.
    """
    shown = min(run_s, plan.run_s)
    ended = run_s >= plan.run_s
    lines = [text for second, text in _before_training(plan, started_at) if second <= shown]
    since = shown - plan.training_starts_s
    if since >= 0 and plan.photos:
        lines += _bars(plan, since, speed=speed, seed=seed)
        if not ended and int(since * 4) % 3 == 0 and lines:
            lines[-1] = lines[-1][: max(30, len(lines[-1]) - 22)]
    if ended:
        lines += _ending(plan)
    return "\n".join(lines)


def _before_training(plan: TrainingPlan, started_at: float) -> Iterator[Line]:
    if plan.kind == "fast":
        yield from _fast_beginning(plan)
        return
    if plan.error and not plan.traceback:
        return
    first, second = (_stamp(started_at + after) for after in (0.2, 26.2))
    yield 0.2, f"{first} | INFO  | [ Initiating ] chunk_size=150M dest=. url={_WEIGHTS}"
    told = 'dest=. size="34 GB" total_elapsed=26.188s'
    yield 26.2, f"{second} | INFO  | [ Complete ] {told} url={_WEIGHTS}"
    yield 26.6, "Downloaded base weights in 26.606263875961304 seconds"
    if not plan.entries:
        return
    yield 27.0, f"Extracted {plan.entries} files from zip to input_images"
    yield from _captions(plan)
    start = plan.training_starts_s - 26.0
    for line in ("Starting train job", *_config(plan).splitlines(), "Using EMA"):
        yield start, line
    for line in (_RULE, "# Running job: flux_train_replicate", _RULE, "Running  1 process"):
        yield start, line
    loading = ("Loading Flux model", "Loading transformer", "Loading vae", "Loading t5")
    for place, line in enumerate((*loading, "Loading clip", "making pipe", "preparing")):
        yield start + 1 + 2.5 * place, line
    rank = plan.rank
    yield start + 19, f"create LoRA network. base dim (rank): {rank}, alpha: {rank}"
    yield start + 19, "create LoRA for Text Encoder: 0 modules."
    yield start + 19, "create LoRA for U-Net: 494 modules."
    if plan.photos:
        yield from _datasets(plan, start + 20)
        yield start + 25.5, "Generating baseline samples before training"


def _captions(plan: TrainingPlan) -> Iterator[Line]:
    if plan.uncaptioned:
        yield 28, "downloading to:  liuhaotian/llava-v1.5-13b"
        yield 28, f"downloading url:  {_LLAVA}"
        yield 49.5, "downloading took:  21.53"
        bar = f"{draw_bar(3, 3)}| 3/3 [00:09<00:00,  3.07s/it]"
        yield 59, f"Loading checkpoint shards: {bar}"
    second = 60.0 if plan.uncaptioned else 27.2
    for name in plan.photos:
        if name in plan.captioned:
            yield second, f"{name} is already captioned"
        else:
            second += 1.2
            word = plan.trigger_word
            yield second, f"Caption for input_images/{name}: a photo of {word}, seen in soft light"


def _datasets(plan: TrainingPlan, second: float) -> Iterator[Line]:
    count = len(plan.photos)
    for place, size in enumerate(plan.resolutions):
        at = second + 5.0 * place / len(plan.resolutions)
        yield at, "Dataset: input_images"
        yield at, "-  Preprocessing image dimensions"
        yield at, f"{draw_bar(count, count)}| {count}/{count} [00:00<00:00, 500.00it/s]"
        yield at, f"-  Found {count} images"
        yield at, "Bucket sizes for input_images:"
        yield at, f"{size}x{size}: {count} files"
        yield at, "1 buckets made"
        yield at, "Caching latents for input_images"
        yield at, "- Keeping latents in memory"
        yield at, f"Caching latents: {draw_bar(0, count)}| 0/{count} [00:00<?, ?it/s]"
        done = f"{draw_bar(count, count)}| {count}/{count} [00:01<00:00,  7.14it/s]"
        yield at + 1, f"Caching latents: {done}"


def _fast_beginning(plan: TrainingPlan) -> Iterator[Line]:
    """Say little, as nothing is published about this trainer's log."""
    yield 0.5, "Downloading images"
    if plan.entries:
        yield 3.0, f"Found {len(plan.photos)} images, captioned {len(plan.captioned)}"
        yield 8.0, "Captioning images"
        yield 14.0, "Loading model on 8 GPUs"


def _bars(plan: TrainingPlan, since: float, *, speed: float, seed: str) -> list[str]:
    """Return one line for each step done; the bar ends one step before its end."""
    prefix = "" if plan.kind == "fast" else "flux_train_replicate: "
    total, pace = plan.steps, plan.seconds_per_step
    lines = [f"{prefix}{draw_bar(0, total)}| 0/{total} [00:00<?, ?it/s]"]
    done = min(total - 1, int(since / pace))
    every = 1 if plan.kind != "fast" else max(1, total // 100)
    noise = random.Random(seed)
    for step in range(done + 1):
        loss = _loss(plan, step, noise)
        if step % every:
            continue
        told = f"lr: {plan.learning_rate:.1e} loss: {loss}"
        bar = f"{prefix}{draw_bar(step, total)}| {step}/{total}"
        if step == 0:
            lines.append(f"{bar} [{show_time(pace / speed)}<?, ?it/s, {told}]")
            continue
        passed, left = step * pace / speed, (total - step) * pace / speed
        times = f"{show_time(passed)}<{show_time(left)}, {show_rate(pace / speed)}"
        lines.append(f"{bar} [{times}, {told}]")
    return lines


def _loss(plan: TrainingPlan, step: int, noise: random.Random) -> str:
    if plan.nan_from_step is not None and step >= plan.nan_from_step:
        return "nan"
    trend = 0.27 + 0.19 * math.exp(-4 * step / max(1, plan.steps))
    return f"{max(0.04, noise.gauss(trend, 0.07)):.3e}"


def _ending(plan: TrainingPlan) -> list[str]:
    if plan.traceback:
        return [
            "Traceback (most recent call last):",
            'File "/src/train.py", line 287, in train',
            f"{plan.error}",
        ]
    if plan.outcome != "succeeded":
        return []
    if plan.kind == "fast":
        return ["Saving LoRA", "flux-lora/flux-lora.safetensors"]
    folder = "output/flux_train_replicate/"
    captions = [f"{folder}captions/{name.rpartition('.')[0]}.txt" for name in plan.photos]
    return [
        f"Saved to {folder}optimizer.pt",
        folder,
        f"{folder}config.yaml",
        f"{folder}lora.safetensors",
        f"{folder}captions/",
        *captions,
    ]


def _config(plan: TrainingPlan) -> str:
    told = {
        "type": "custom_sd_trainer",
        "training_folder": "output",
        "device": "cuda:0",
        "trigger_word": plan.trigger_word,
        "network": {"type": "lora", "linear": plan.rank, "linear_alpha": plan.rank},
        "save": {"dtype": "float16", "save_every": plan.steps + 1, "max_step_saves_to_keep": 1},
        "datasets": [
            {
                "folder_path": "input_images",
                "caption_ext": "txt",
                "cache_latents": True,
                "resolution": list(plan.resolutions),
            }
        ],
        "train": {"batch_size": 1, "steps": plan.steps, "lr": plan.learning_rate, "dtype": "bf16"},
        "model": {"name_or_path": "FLUX.1-dev", "is_flux": True, "quantize": False},
    }
    return json.dumps(told, indent=0)


def _stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
