"""Trainings that end early and go on, and what may not change the way."""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import (
    Watched,
    change_job,
    differences,
    events_of,
    result_of,
    start,
    state_of,
    train,
)

JobOf = Callable[..., Path]
FULL = {
    "steps": 24,
    "checkpoint_every": 8,
    "ema": 0.9,
    "caption_dropout": 0.4,
    "batch_size": 2,
    "optimizer": "adamw8bit",
    "sample_prompts": ["a TOK mug", "a dog"],
    "sample_every": 8,
    "learning_rate": 1e-3,
}


def learnt(folder: Path) -> dict[str, Any]:
    state = state_of(folder)
    return {name: state[name] for name in ("step", "lora", "ema", "optimizer")}


def test_killed_training_goes_on_to_the_very_bits_of_one_that_was_not(job_of: JobOf) -> None:
    straight, killed, silent = job_of(**FULL), job_of(**FULL), job_of(**FULL, id="job-1")
    change_job(silent, sample_prompts=[])
    child = start(killed)
    assert child.stdout is not None
    for line in child.stdout:
        told = json.loads(line)
        if told["event"] == "step" and told["step"] == 11:
            break
    child.kill()
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert state_of(killed)["step"] == 8

    assert train(killed) == train(straight) == train(silent) == 0

    assert differences(learnt(straight), learnt(killed)) == []
    assert differences(learnt(straight), learnt(silent)) == []
    assert any(bool(t.any()) for n, t in learnt(straight)["lora"].items() if "lora_B" in n)
    for name in ("000008_0.png", "000024_1.png"):
        one, other = (folder / "out" / "samples" / name for folder in (straight, killed))
        assert one.read_bytes() == other.read_bytes()
    told = [each["seq"] for each in events_of(killed)]
    assert told == sorted(set(told))
    assert events_of(killed, "hello")[-1]["step"] == 8


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM")
def test_training_outlives_who_reads_it_and_saves_when_it_is_terminated(job_of: JobOf) -> None:
    folder = job_of(steps=100_000)
    child = start(folder)
    assert child.stdout is not None
    while json.loads(child.stdout.readline())["event"] != "step":
        pass
    child.stdout.close()
    seen = len(events_of(folder, "step"))
    while len(events_of(folder, "step")) < seen + 5:
        pass
    child.terminate()

    assert child.wait() == 3

    step = result_of(folder)["steps"]
    assert step >= seen + 5
    assert state_of(folder)["step"] == step
    assert (folder / "out" / "checkpoints" / f"step_{step:06d}.safetensors").is_file()
    assert result_of(folder)["status"] == "stopped"


def test_stop_file_ends_after_the_step_and_the_next_start_goes_on(job_of: JobOf) -> None:
    folder = job_of(steps=9)
    stop = folder / "stop"

    assert train(folder, Watched("step", 4, stop.touch)) == 3

    at = result_of(folder)["steps"]
    assert 4 <= at < 9
    assert state_of(folder)["step"] == at
    assert not stop.exists()
    assert train(folder) == 0
    assert [each["step"] for each in events_of(folder, "step")] == list(range(1, 10))


def test_deadline_ends_it_with_all_that_was_learnt(job_of: JobOf) -> None:
    folder = job_of(steps=9)
    train(folder, Watched("step", 4, (folder / "stop").touch))
    at = state_of(folder)["step"]
    change_job(folder, deadline=1)

    assert train(folder) == 20

    assert result_of(folder)["status"] == "deadline"
    assert state_of(folder)["step"] == at
    change_job(folder, deadline=0)
    assert train(folder) == 0


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"id": "job-2"}, "job"),
        ({"rank": 8}, "rank"),
        ({"layers": "attention", "rank": 8}, "rank and layers"),
        ({"images": []}, "photos and captions"),
    ],
    ids=["job", "rank", "layers", "photos"],
)
def test_another_job_is_refused_in_the_folder_of_one(
    job_of: JobOf, changed: dict[str, Any], words: str
) -> None:
    folder = job_of(steps=2)
    assert train(folder) == 0
    if "images" in changed:
        listed = json.loads((folder / "job.json").read_text("utf-8"))["images"]
        changed = {"images": listed[:-1]}
    change_job(folder, steps=4, **changed)

    assert train(folder) == 10

    assert f"another {words};" in result_of(folder)["reason"]
    assert state_of(folder)["step"] == 2


def test_folder_takes_one_trainer_at_a_time(job_of: JobOf) -> None:
    folder = job_of(steps=6)
    codes: list[int] = []

    first = train(folder, Watched("step", 3, lambda: codes.append(train(folder))))

    assert (first, codes) == (0, [10])
    assert result_of(folder)["status"] == "done"


def test_captions_that_are_always_dropped_teach_nothing(job_of: JobOf) -> None:
    one, other, heard = (job_of(steps=3, caption_dropout=share) for share in (1.0, 1.0, 0.0))
    for number in range(1, 6):
        (other / "images" / f"{number:04d}.txt").write_text("a red dog", "utf-8")
    listed = json.loads((other / "job.json").read_text("utf-8"))["images"]
    change_job(other, images=[{"file": each["file"]} for each in listed])

    assert train(one) == train(other) == train(heard) == 0

    assert differences(state_of(one)["lora"], state_of(other)["lora"]) == []
    assert differences(state_of(one)["lora"], state_of(heard)["lora"])


def test_more_steps_can_be_asked_of_a_training_that_is_done(job_of: JobOf) -> None:
    folder, straight = job_of(steps=4), job_of(steps=8)
    train(folder)
    change_job(folder, steps=8)

    assert train(folder, io.StringIO()) == train(straight) == 0

    assert differences(state_of(folder)["lora"], state_of(straight)["lora"]) == []
