"""The job that the trainer reads: everything is checked, and refused in words that mend it."""

import json
from pathlib import Path
from typing import Any

import pytest

from fluxlora_desktop.trainer.exits import BAD_INPUT, BadInput
from fluxlora_desktop.trainer.job import parse_job, read_job


def job(**fields: Any) -> dict[str, Any]:
    return {"id": "a", "base": "flux.1-dev", "images": [{"file": "0001.png"}]} | fields


def test_job_takes_the_defaults_for_all_that_it_does_not_say() -> None:
    read = parse_job(job())

    assert (read.rank, read.steps, read.learning_rate, read.optimizer) == (
        *(16, 1000, 1e-4),
        "adamw8bit",
    )
    assert read.resolutions == (512, 768, 1024)
    assert (read.caption_dropout, read.ema, read.keep_checkpoints) == (0.05, 0.0, 10)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"colour": "red"}, "colour"),
        ({"v": 2}, "v "),
        ({"base": "sdxl"}, "base"),
        ({"images": []}, "images"),
        ({"images": [{"file": "../key"}]}, "images"),
        ({"images": [{"file": "a.png"}, {"file": "A.png"}]}, "images"),
        ({"images": [{"file": "a.png", "sha256": "12"}]}, "images"),
        ({"rank": 0}, "rank"),
        ({"rank": True}, "rank"),
        ({"steps": "1000"}, "steps"),
        ({"learning_rate": -1}, "learning_rate"),
        ({"schedule": "stairs"}, "schedule"),
        ({"resolution": "512,700"}, "resolution"),
        ({"resolution": ""}, "resolution"),
        ({"caption_dropout": 2}, "caption_dropout"),
        ({"ema": 1}, "ema"),
        ({"precision": "fp8"}, "precision"),
        ({"sample_side": 500}, "sample_side"),
        ({"sample_prompts": "one"}, "sample_prompts"),
        ({"device": "cuda:a"}, "device"),
        ({"deadline": -1}, "deadline"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_field_that_cannot_be_is_named_with_what_would_mend_it(
    fields: dict[str, Any], name: str
) -> None:
    with pytest.raises(BadInput) as refused:
        parse_job(job(**fields))

    assert name in refused.value.says
    assert refused.value.mend
    assert refused.value.code == BAD_INPUT


@pytest.mark.parametrize("name", ["id", "base", "images"])
def test_field_that_must_be_there_is_missed(name: str) -> None:
    table = job()
    del table[name]

    with pytest.raises(BadInput, match=f"{name} in job.json is missing"):
        parse_job(table)


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b'{"id": NaN}', b"[" * 100_000])
def test_file_that_is_no_job_is_refused_in_words(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "job.json").write_bytes(raw)

    with pytest.raises(BadInput):
        read_job(tmp_path)


def test_job_is_read_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(json.dumps(job(resolution="1024, 512")), "utf-8")

    assert read_job(tmp_path).resolutions == (512, 1024)
    with pytest.raises(BadInput, match="cannot be read"):
        read_job(tmp_path / "nowhere")
