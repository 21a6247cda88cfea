"""Which plan fits which GPU, what lies behind it, and what is said where none fits."""

import importlib
import json
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from fluxlora_desktop.trainer import figures, plan
from fluxlora_desktop.trainer.plan import Refused, choose, smaller
from fluxlora_desktop.trainer.probe import probe

GB = 10**9


@dataclass(frozen=True)
class Job:
    base: str = "flux.1-dev"
    rank: int = 16
    layers: str = "all"
    optimizer: str = "adamw8bit"
    batch_size: int = 1
    resolution: str = "512,768,1024"
    precision: str = "auto"
    steps: int = 1000


@pytest.mark.parametrize(
    ("base", "memory", "precision", "largest"),
    [
        ("flux.1-dev", 10.5, "nf4", 512),
        ("flux.1-dev", 12.6, "nf4", 768),
        ("flux.1-dev", 16.9, "nf4", 1024),
        ("flux.1-dev", 25.3, "int8", 1024),
        ("flux.1-dev", 47.5, "bf16", 1024),
        ("flux.1-dev", 85, "bf16", 1024),
        ("flux.2-dev", 25.3, "nf4", 512),
        ("flux.2-dev", 34, "nf4", 1024),
        ("flux.2-dev", 47.5, "int8", 1024),
        ("flux.2-dev", 85, "bf16", 1024),
        ("flux.2-klein-4b", 10.5, "int8", 1024),
        ("flux.2-klein-4b", 12.6, "bf16", 1024),
        ("flux.2-klein-9b", 12.6, "nf4", 1024),
        ("flux.2-klein-9b", 25.3, "bf16", 1024),
    ],
)
def test_card_gets_the_precision_and_side_that_fit_it(
    base: str, memory: float, precision: str, largest: int
) -> None:
    found = choose(Job(base), int(memory * GB))

    assert (found.precision, max(found.resolutions)) == (precision, largest)
    assert found.gpu_bytes <= memory * GB
    assert found.text_bytes <= memory * GB


def test_readme_says_what_is_reckoned() -> None:
    lines = (Path(__file__).parents[2] / "README.md").read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    rows = [row for row in rows if len(row) == 5 and re.fullmatch(r"\d+ GB", row[0])]

    assert len(rows) == 6
    for memory, *cells in rows:
        told = [plan.tell(Job(base), int(memory.split()[0]) * 2**30) for base in figures.BASES]
        assert [_cell(it) for it in told] == cells, memory


def _cell(told: dict[str, Any]) -> str:
    if "refused" in told:
        return "no"
    precision = told["plan"]["precision"].replace("nf4", "NF4")
    return f"{precision}, {max(told['plan']['resolutions'])}"


def test_large_card_computes_nothing_twice() -> None:
    assert choose(Job(), 85 * GB).checkpointing == "none"
    assert choose(Job(), 47 * GB).checkpointing == "all"


def test_smaller_plans_need_less_and_less_until_there_is_none() -> None:
    chain = [choose(Job(), 85 * GB)]
    while (following := smaller(chain[-1])) is not None:
        chain.append(following)

    needs = [it.gpu_bytes for it in chain]
    assert needs == sorted(set(needs), reverse=True)
    assert [it.precision for it in chain[:5]] == ["bf16", "bf16", "bf16", "int8", "nf4"]
    assert chain[-1].resolutions == (512,)


def test_kept_plan_is_found_again_when_figures_have_changed() -> None:
    found = choose(Job(), 85 * GB)

    kept = replace(found, gpu_bytes=found.gpu_bytes + GB, ram_bytes=1, text_bytes=1)

    assert smaller(kept) == smaller(found) is not None


def test_precision_that_a_person_insists_on_is_kept_to_the_last() -> None:
    found = choose(Job(precision="int8"), 85 * GB)
    behind = smaller(found)

    while behind is not None:
        assert behind.precision == "int8"
        behind = smaller(behind)
    with pytest.raises(Refused, match="in bf16"):
        choose(Job(precision="bf16"), 24 * GB)


def test_more_rank_batch_and_a_larger_optimiser_need_more() -> None:
    usual = choose(Job(), 47 * GB).gpu_bytes

    assert choose(Job(rank=64), 47 * GB).gpu_bytes > usual
    assert choose(Job(batch_size=2), 47 * GB).gpu_bytes > usual
    assert choose(Job(optimizer="adamw"), 47 * GB).gpu_bytes > usual
    assert choose(Job(layers="attention"), 47 * GB).gpu_bytes < usual


def test_job_of_one_small_side_is_not_made_larger() -> None:
    assert choose(Job(resolution="512"), 85 * GB).resolutions == (512,)
    assert choose(Job(resolution="1024"), 12 * GB).resolutions == (768,)
    assert choose(Job(resolution="256"), 85 * GB).resolutions == (256,)


@pytest.mark.parametrize(
    ("memory", "says"),
    [(0, "No NVIDIA GPU"), (8.5, "at least 10 GB"), (16.9, "needs about 23 GB")],
)
def test_what_does_not_fit_is_refused_in_words_with_another_way(memory: float, says: str) -> None:
    told = plan.tell(Job("flux.2-dev"), int(memory * GB))

    assert says in told["refused"]
    assert "Replicate" in told["mend"]


def test_unknown_base_and_gpu_without_bf16_are_refused() -> None:
    assert "not known" in plan.tell(Job("sdxl"), 85 * GB)["refused"]
    assert "bf16" in plan.tell(Job(), 24 * GB, "TITAN RTX", "7.5")["refused"]
    assert "plan" in plan.tell(Job(), 24 * GB, "RTX 3090", "8.6")
    assert "plan" in plan.tell(Job(), 24 * GB, "RTX 3090", "unknown")


@pytest.mark.parametrize(
    ("gpu", "minutes"),
    [("NVIDIA GeForce RTX 3090", (70, 140)), ("RTX 4090", (35, 80)), ("NVIDIA H100 80GB", (8, 25))],
)
def test_time_expected_of_1000_steps_at_1024_is_as_people_report(
    gpu: str, minutes: tuple[int, int]
) -> None:
    job = Job(resolution="1024")
    fast, slow = plan.seconds_in_all(choose(job, 25 * GB), job.steps, gpu)

    assert minutes[0] * 60 * 0.8 < fast < slow < minutes[1] * 60 * 1.2


@pytest.mark.parametrize(
    ("precision", "seconds", "reserved"), [("bf16", 0.87, 28.0), ("nf4", 0.95, 11.0)]
)
def test_what_was_measured_on_an_h100_is_expected(
    precision: str, seconds: float, reserved: float
) -> None:
    found = choose(Job(resolution="1024", precision=precision), 85 * GB)
    found = next(it for it in [found, *plan._behind(found)] if it.checkpointing == "all")
    fast, slow = plan.seconds_per_step(found, "NVIDIA H100 80GB HBM3")

    assert 0.85 * seconds < fast < seconds < slow < 1.25 * seconds
    assert reserved < (found.gpu_bytes - figures.RESERVED) / GB < 1.03 * reserved
    assert not figures.speed_of("NVIDIA H100 PCIe").measured


def test_unknown_gpu_has_a_wide_range_and_longer_names_count_first() -> None:
    found = choose(Job(), 25 * GB)
    known, unknown = (plan.seconds_per_step(found, it) for it in ("RTX 4090", "Some GPU"))

    assert unknown[1] / unknown[0] > known[1] / known[0]
    assert figures.speed_of("NVIDIA GeForce RTX 4070 Ti SUPER").name == "RTX 4070 Ti"
    assert figures.speed_of("NVIDIA L40S").name == "L40S"


def test_what_is_told_is_json_and_says_that_it_is_an_estimate() -> None:
    told = json.loads(json.dumps(plan.tell(Job(), 25 * GB, "RTX 4090")))

    assert told["estimate"] is True
    assert told["plan"]["resolutions"] == [512, 768, 1024]
    assert told["gpu_bytes"] < 25 * GB
    assert len(told["smaller"]) == 3
    assert told["seconds"][0] > told["seconds_per_step"][0] * 1000


def test_processor_trains_tiny_models_as_the_job_says() -> None:
    found = plan.for_processor(Job(resolution="64"))

    assert (found.precision, found.checkpointing, found.resolutions) == ("fp32", "none", (64,))
    assert plan.for_processor(replace(Job(), precision="nf4")).precision == "nf4"


def test_probe_tells_of_missing_and_broken_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "diffusers.py"
    broken.write_text("print('hello')\nraise OSError('libcudart.so.13: cannot open')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("torch", "transformers", "peft", "accelerate", "bitsandbytes"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "diffusers", raising=False)
    importlib.invalidate_caches()

    told = json.loads(json.dumps(probe()))

    assert told["torch"] is None
    assert (told["diffusers"], told["bitsandbytes"], told["mps"]) == (None, False, False)
    assert (told["gpus"], told["bases"]) == ([], [])
    assert "libcudart" in told["problems"]["diffusers"]
    assert told["ram_bytes"] > GB
