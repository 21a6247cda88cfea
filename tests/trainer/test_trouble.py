"""Ends that nobody wishes: each with its exit code, its words, and the last checkpoint intact."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import Watched, change_job, differences, events_of, result_of, state_of, train

JobOf = Callable[..., Path]


def test_photo_that_has_changed_is_named(job_of: JobOf) -> None:
    folder = job_of()
    (folder / "images" / "0003.txt").write_text("another", "utf-8")

    assert train(folder) == 10

    assert "caption of 0003.png" in result_of(folder)["reason"]
    error = events_of(folder, "error")[0]
    assert (error["code"], bool(error["mend"])) == (10, True)


def test_folder_of_another_base_is_refused_before_it_is_loaded(job_of: JobOf, base: Path) -> None:
    folder = job_of(model=str(base / "vae"))

    assert train(folder) == 10

    assert "is not the base flux.1-dev" in result_of(folder)["reason"]
    assert "loading" not in [each["name"] for each in events_of(folder, "stage")]


def test_learning_rate_that_runs_away_is_told(job_of: JobOf) -> None:
    folder = job_of(learning_rate=1.0, steps=300, schedule="constant", rank=64)

    code = train(folder, families=lambda _: Broken(steps=3))

    assert code == 10
    assert "learning_rate" in events_of(folder, "error")[0]["mend"]


def test_numbers_that_are_none_any_more_are_never_kept(job_of: JobOf) -> None:
    class Steep(Greedy):
        """FLUX.1 whose loss is a number in step 4, and its gradients are none."""

        def predict(self, transformer: Any, noisy: Any, sigma: Any, text: Any) -> Any:
            self._steps += 1
            found = self._inner.predict(transformer, noisy, sigma, text)
            if self._steps == 4:
                found.register_hook(lambda gradient: gradient * float("nan"))
            return found

    folder = job_of(steps=8, checkpoint_every=2)

    code = train(folder, families=lambda _: Steep(lambda *_: True))

    assert code == 10
    assert "ran away at step 4" in result_of(folder)["reason"]
    assert state_of(folder)["step"] == 2
    kept = [path.name for path in (folder / "out" / "checkpoints").iterdir()]
    assert kept == ["step_000002.safetensors"]


@pytest.fixture
def small_files() -> Iterator[Callable[[], None]]:
    """Let no file grow over 300 kB from when this is called: to a writer, that is a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_full_disk_leaves_the_last_checkpoint_and_goes_on_later(
    job_of: JobOf, small_files: Callable[[], None]
) -> None:
    straight, folder = job_of(steps=12, checkpoint_every=4), job_of(steps=12, checkpoint_every=4)

    assert train(folder, Watched("step", 6, small_files)) == 13

    assert state_of(folder)["step"] == 4
    assert not list((folder / "out").rglob("*.tmp"))
    assert "disk is full" in result_of(folder)["reason"]
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert train(folder) == train(straight) == 0
    assert differences(state_of(folder)["lora"], state_of(straight)["lora"]) == []


def test_base_comes_from_the_hub_with_progress_and_is_fetched_once(
    job_of: JobOf, base: Path, hub: Any
) -> None:
    hub.folders["someone/tiny"] = base
    folder = job_of(model="someone/tiny", steps=2)

    assert train(folder) == 0

    told = events_of(folder, "download")
    size = (base / "transformer" / "diffusion_pytorch_model.safetensors").stat().st_size
    name = "transformer/diffusion_pytorch_model.safetensors"
    assert {"file": name, "done": size, "total": size}.items() <= told[-1].items() or any(
        each["file"] == name and each["done"] == each["total"] == size for each in told
    )
    hub.asked.clear()
    change_job(folder, steps=3)
    assert train(folder) == 0
    assert not [path for path in hub.asked if "resolve" in path and path.endswith("safetensors")]


@pytest.mark.parametrize("how", ["locked", "hidden"])
def test_gated_base_is_told_with_where_to_ask(job_of: JobOf, hub: Any, how: str) -> None:
    getattr(hub, how).add(f"{how}/base")
    folder = job_of(model=f"{how}/base")

    assert train(folder) == 12

    assert f"https://huggingface.co/{how}/base" in events_of(folder, "error")[0]["mend"]


def test_repo_that_the_hub_does_not_have_is_bad_input(job_of: JobOf) -> None:
    folder = job_of(model="nobody/nothing")

    assert train(folder) == 10
    assert "nobody/nothing" in result_of(folder)["reason"]


@dataclass(frozen=True, slots=True)
class FewPlans:
    """Plans of which each is smaller: in checkpointing, then in precision, then in sides."""

    most: int = 4

    @property
    def real(self) -> Any:
        from fluxlora_desktop.trainer import plan

        return plan

    Plan = property(lambda self: self.real.Plan)
    Refused = property(lambda self: self.real.Refused)

    def for_processor(self, job: Any) -> Any:
        return self.real.for_processor(job)

    def smaller(self, plan: Any) -> Any:
        ways = [
            {"checkpointing": "none"},
            {"checkpointing": "half"},
            {"checkpointing": "all"},
            {"checkpointing": "all", "precision": "int8"},
            {"checkpointing": "all", "precision": "int8", "resolutions": plan.resolutions[:1]},
        ][: self.most + 1]
        way = "all int8" if plan.precision == "int8" else plan.checkpointing
        at = ["none", "half", "all", "all int8"].index(way)
        following = replace(plan, **ways[at + 1]) if at + 1 < len(ways) else plan
        return None if following == plan else following


class Greedy:
    """FLUX.1 that asks for more memory than there is, from a step on, until a plan is small."""

    def __init__(self, enough: Callable[[Any, Any], bool], after: int = 2) -> None:
        from fluxlora_desktop.trainer.families import family_of

        self._inner = family_of("flux.1-dev")
        self._enough = enough
        self._after = after
        self._steps = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def predict(self, transformer: Any, noisy: Any, sigma: Any, text: Any) -> Any:
        import torch

        self._steps += 1
        if self._steps > self._after and not self._enough(transformer, noisy):
            torch.empty(2**50)
        return self._inner.predict(transformer, noisy, sigma, text)


class Broken(Greedy):
    """FLUX.1 whose prediction is no number from a step on."""

    def __init__(self, steps: int) -> None:
        super().__init__(lambda *_: True)
        self._left = steps

    def predict(self, transformer: Any, noisy: Any, sigma: Any, text: Any) -> Any:
        self._left -= 1
        found = self._inner.predict(transformer, noisy, sigma, text)
        return found * float("nan") if self._left < 0 else found


def test_too_little_memory_is_answered_by_smaller_plans_without_loss(job_of: JobOf) -> None:
    straight, folder = (job_of(steps=8, optimizer="adamw") for _ in range(2))
    wanted = SimpleNamespace(checkpointing=True)

    def enough(transformer: Any, _noisy: Any) -> bool:
        return bool(transformer.gradient_checkpointing == wanted.checkpointing)

    code = train(folder, families=lambda _: Greedy(enough), plans=FewPlans())

    assert code == train(straight) == 0
    assert len(events_of(folder, "warn")) == 1
    assert [each["step"] for each in events_of(folder, "step")] == list(range(1, 9))
    one, other = state_of(folder)["lora"], state_of(straight)["lora"]
    assert max(float((one[name] - other[name]).abs().max()) for name in one) < 1e-5


class SmallOptimizer(FewPlans):
    """Plans of which the second has the optimiser that needs less."""

    def smaller(self, plan: Any) -> Any:
        return None if plan.optimizer == "adamw8bit" else replace(plan, optimizer="adamw8bit")


def test_smaller_plan_with_another_optimiser_is_followed(job_of: JobOf) -> None:
    folder = job_of(steps=4, optimizer="adamw")
    loaded: list[int] = []

    def enough(transformer: Any, _noisy: Any) -> bool:
        loaded.append(id(transformer))
        return len(loaded) > 1

    code = train(folder, families=lambda _: Greedy(enough), plans=SmallOptimizer())

    assert code == 0
    assert state_of(folder)["optimizer_kind"] == "adamw8bit"
    assert [each["step"] for each in events_of(folder, "step")] == [1, 2, 3, 4]


@pytest.mark.parametrize("trouble", ["missing", "reads gradients before they are there"])
def test_small_optimiser_that_does_not_work_is_replaced_before_the_first_step(
    job_of: JobOf, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    import bitsandbytes
    import torch

    class Early(bitsandbytes.optim.AdamW8bit):
        def step(self, closure: Any = None) -> None:
            for parameter in self.param_groups[0]["params"]:
                parameter.grad.zero_()
            super().step(closure)

    plain, folder = job_of(steps=4, optimizer="adamw"), job_of(steps=4, optimizer="adamw8bit")
    assert train(plain) == 0
    monkeypatch.setattr(bitsandbytes.optim, "AdamW8bit", Early)
    if trouble == "missing":
        monkeypatch.setitem(sys.modules, "bitsandbytes", None)

    assert train(folder) == 0

    (warning,) = events_of(folder, "warn")
    assert warning["says"].startswith("The 8-bit optimiser does not work here; AdamW is used: ")
    found, wanted = state_of(folder), state_of(plain)
    assert found["optimizer_kind"] == "adamw"
    assert all(torch.equal(found["lora"][name], wanted["lora"][name]) for name in wanted["lora"])


def test_memory_for_a_smaller_base_and_smaller_photos_is_found_and_kept_over_a_resume(
    job_of: JobOf,
) -> None:
    folder = job_of(steps=6, resolution="64,96", checkpoint_every=4)

    def enough(transformer: Any, noisy: Any) -> bool:
        small = type(transformer.transformer_blocks[0].attn.to_q.base).__name__ == "Int8Linear"
        return small and noisy.shape[-1] * noisy.shape[-2] <= 64

    code = train(folder, families=lambda _: Greedy(enough), plans=FewPlans())

    assert code == 0
    assert result_of(folder)["precision"] == "int8"
    assert [each["step"] for each in events_of(folder, "step")] == list(range(1, 7))
    change_job(folder, steps=8)
    assert train(folder, families=lambda _: Greedy(enough, 0), plans=FewPlans()) == 0
    assert len(events_of(folder, "warn")) == 4


class SmallSides(FewPlans):
    """Plans that leave out the larger side from the start."""

    def for_processor(self, job: Any) -> Any:
        return replace(self.real.for_processor(job), resolutions=(64,))


def test_captions_and_photos_are_read_once_where_the_plan_leaves_out_a_side(job_of: JobOf) -> None:
    folder = job_of(steps=6, resolution="64,96", checkpoint_every=2)
    stop = folder / "stop"
    assert train(folder, Watched("step", 3, stop.touch), plans=SmallSides()) == 3
    before = len(events_of(folder, "stage"))
    stop.unlink(missing_ok=True)

    assert train(folder, plans=SmallSides()) == 0

    later = [each["name"] for each in events_of(folder, "stage")[before:]]
    assert "loading" in later
    assert not {"text", "latents"} & set(later)


def test_memory_that_suffices_for_no_plan_is_told_with_the_checkpoint_kept(job_of: JobOf) -> None:
    folder = job_of(steps=6, checkpoint_every=2)

    code = train(folder, families=lambda _: Greedy(lambda *_: False, 3), plans=FewPlans(2))

    assert code == 11
    assert "memory is not enough" in result_of(folder)["reason"]
    assert state_of(folder)["step"] == 3  # what was learnt is kept at each smaller plan
    assert (folder / "out" / "checkpoints" / "step_000002.safetensors").is_file()


def test_what_nobody_expected_is_a_crash_that_is_told(job_of: JobOf) -> None:
    class Odd(Greedy):
        def sigmas(self, normal: Any, latents: Any) -> Any:
            raise LookupError("no such level")

    folder = job_of()

    assert train(folder, families=lambda _: Odd(lambda *_: True)) == 1

    assert "no such level" in events_of(folder, "error")[0]["says"]
    assert result_of(folder)["status"] == "failed"


def test_damaged_state_is_refused_in_words(job_of: JobOf) -> None:
    folder = job_of(steps=2)
    train(folder)
    (folder / "out" / "state.pt").write_bytes(b"PK\x03\x04 torn")

    assert train(folder) == 10

    assert "damaged" in result_of(folder)["reason"]
