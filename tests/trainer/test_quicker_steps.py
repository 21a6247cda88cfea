"""Steps that are compiled and recorded: used where they come to the same, else left alone.

A processor has no CUDA graphs; what stands for one here keeps its own copies of the inputs too.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest
from conftest import Watched, change_job, events_of, state_of, train

JobOf = Callable[..., Path]


class Tape:
    """A recording; a stale one never reads new inputs."""

    def __init__(self, recorder: Recorder, work: Callable[..., Any], inputs: dict[str, Any]):
        self._recorder, self._work = recorder, work
        self._stale = recorder.count > recorder.stale_from
        self._inputs = {name: tensor.clone() for name, tensor in inputs.items()}

    def play(self, inputs: dict[str, Any]) -> Any:
        self._recorder.played += 1
        for name, tensor in () if self._stale else inputs.items():
            self._inputs[name].copy_(tensor)
        return self._work(**self._inputs)


class Recorder:
    """Makes tapes, later ones stale or refused where that is wished."""

    def __init__(self, *, stale_from: int = 99, refused_from: int = 99, refusal: str = "") -> None:
        self.stale_from, self._refused_from, self._refusal = stale_from, refused_from, refusal
        self.alive = WeakSet[Tape]()
        self.count = self.played = 0

    def __call__(self, work: Callable[..., Any], inputs: dict[str, Any]) -> Tape:
        self.count += 1
        if self.count > self._refused_from:
            raise RuntimeError(self._refusal)
        tape = Tape(self, work, inputs)
        self.alive.add(tape)
        return tape


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Callable[[Recorder], Recorder]:
    """Let the processor have a recorder, which is used for the shortest training too."""
    from fluxlora_desktop.trainer import loop
    from fluxlora_desktop.trainer.machine import Machine

    monkeypatch.setattr(loop, "RECORDED_FROM", 1)

    def use(recorder: Recorder) -> Recorder:
        monkeypatch.setattr(Machine, "recorder", lambda _self: recorder)
        return recorder

    return use


def lora_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = state_of(folder)["lora"]
    return found


def is_same(one: Path, other: Path) -> bool:
    import torch

    first, second = lora_of(one), lora_of(other)
    return all(torch.equal(first[name], second[name]) for name in first)


def test_recorded_training_learns_what_one_without_does(
    job_of: JobOf, record: Callable[[Recorder], Recorder]
) -> None:
    plain, folder = job_of(steps=8, resolution="64,96"), job_of(steps=8, resolution="64,96")
    assert train(plain) == 0
    recorder = record(Recorder())

    assert train(folder) == 0

    assert recorder.count >= 2
    assert recorder.played == 8 + recorder.count, "each was tried once"
    assert events_of(folder, "warn") == []
    assert is_same(plain, folder)


@pytest.mark.parametrize(
    ("recorder", "says"),
    [
        (Recorder(stale_from=1), "Recorded steps compute something else here"),
        (Recorder(refused_from=1, refusal="not permitted\nand so on"), "longer: not permitted."),
        (Recorder(refused_from=1, refusal="CUDA out of memory. Tried"), "too little memory."),
    ],
)
def test_no_step_is_recorded_where_one_shape_is_wrong_or_refused(
    job_of: JobOf, record: Callable[[Recorder], Recorder], recorder: Recorder, says: str
) -> None:
    plain, folder = job_of(steps=8, resolution="64,96"), job_of(steps=8, resolution="64,96")
    assert train(plain) == 0
    record(recorder)

    assert train(folder) == 0

    (warning,) = events_of(folder, "warn")
    assert says in warning["says"]
    assert "\n" not in warning["says"]
    assert recorder.played <= 2, "they were only tried"
    assert is_same(plain, folder)


def test_short_training_is_not_recorded(
    job_of: JobOf, record: Callable[[Recorder], Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fluxlora_desktop.trainer import loop

    recorder = record(Recorder())
    monkeypatch.setattr(loop, "RECORDED_FROM", 5)

    assert train(job_of(steps=8, resolution="64,96")) == 0

    assert recorder.count == 0


def test_recordings_make_room_for_sample_pictures_and_are_made_again(
    job_of: JobOf, record: Callable[[Recorder], Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fluxlora_desktop.trainer.samples import Sampler

    plain, folder = job_of(steps=6), job_of(steps=6)
    assert train(plain) == 0
    change_job(folder, sample_every=3, sample_prompts=["a mug", "a cat"])
    recorder = record(Recorder())
    monkeypatch.setattr(Sampler, "make", crowded(Sampler.make, lambda: bool(recorder.alive)))

    assert train(folder) == 0

    assert len(events_of(folder, "sample")) == 4
    assert events_of(folder, "warn") == []
    assert recorder.played == 6 + recorder.count, "every step was played"
    assert is_same(plain, folder)


def test_stop_while_recordings_are_made_again_loses_no_step(
    job_of: JobOf, record: Callable[[Recorder], Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fluxlora_desktop.trainer.samples import Sampler

    plain, folder = job_of(steps=6), job_of(steps=6)
    assert train(plain) == 0
    change_job(folder, sample_every=4, sample_prompts=["a mug"])
    recorder = record(Recorder())
    monkeypatch.setattr(Sampler, "make", crowded(Sampler.make, lambda: bool(recorder.alive)))
    stop = folder / "stop"

    assert train(folder, Watched("sample", 4, stop.touch)) == 3

    assert state_of(folder)["step"] == 4
    stop.unlink(missing_ok=True)
    assert train(folder) == 0
    assert is_same(plain, folder)


def test_training_goes_on_recorded_where_samples_have_no_room_in_any_way(
    job_of: JobOf, record: Callable[[Recorder], Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fluxlora_desktop.trainer.samples import Sampler

    folder = job_of(steps=6, sample_every=3, sample_prompts=["a mug", "a cat"])
    recorder = record(Recorder())
    monkeypatch.setattr(Sampler, "make", crowded(Sampler.make, lambda: True))

    assert train(folder) == 0

    says = [each["says"] for each in events_of(folder, "warn")]
    assert says == ["There is too little memory for sample pictures."] * 2
    assert recorder.played == 6 + recorder.count


def crowded(make: Callable[..., bytes], full: Callable[[], bool]) -> Callable[..., bytes]:
    """Return what asks for more memory than there is while it is full."""

    def made(self: Any, *given: Any) -> bytes:
        import torch

        if full():
            torch.empty(2**50)
        return make(self, *given)

    return made


class Compiled:
    """Stands for compiling: the base computes something else, by so much."""

    def __init__(self, transformer: Any, times: float) -> None:
        self._layer, self._times, self.undone = transformer.proj_out, times, False

    def begin(self) -> None:
        self._before = self._layer.weight.data
        self._layer.weight.data = self._before * self._times

    def undo(self) -> None:
        self._layer.weight.data = self._before
        self.undone = True


@pytest.mark.parametrize(("times", "undone"), [(1.001, False), (2.0, True), (float("nan"), True)])
def test_compiled_base_that_computes_something_else_is_not_used(
    job_of: JobOf,
    record: Callable[[Recorder], Recorder],
    monkeypatch: pytest.MonkeyPatch,
    times: float,
    undone: bool,
) -> None:
    from fluxlora_desktop.trainer import loop
    from fluxlora_desktop.trainer.model import Model

    made: list[Compiled] = []

    def compiling(self: Model, _warn: object, *, shapes: int) -> Compiled:
        made.append(Compiled(self.transformer, times))
        return made[-1]

    monkeypatch.setattr(loop, "COMPILED_FROM", 1)
    monkeypatch.setattr(Model, "compiling", compiling)
    record(Recorder())
    folder = job_of(steps=2, resolution="64,96")

    assert train(folder) == 0

    (one,) = made
    assert one.undone is undone
    says = [each["says"] for each in events_of(folder, "warn")]
    assert says == (
        ["Compiled steps compute something else here, so none is compiled."] if undone else []
    )


def test_smaller_plan_compiles_anew_as_a_training_that_goes_on_does(
    job_of: JobOf, record: Callable[[Recorder], Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    from test_trouble import FewPlans, Greedy

    from fluxlora_desktop.trainer import loop
    from fluxlora_desktop.trainer.model import CompiledBlocks

    done: list[str] = []
    monkeypatch.setattr(loop, "COMPILED_FROM", 1)
    monkeypatch.setattr(CompiledBlocks, "begin", lambda _self: done.append("begin"))
    monkeypatch.setattr(CompiledBlocks, "undo", lambda _self: done.append("undo"))
    record(Recorder())
    folder = job_of(steps=2)

    def enough(transformer: Any, _noisy: Any) -> bool:
        return bool(transformer.gradient_checkpointing)

    assert train(folder, families=lambda _: Greedy(enough, 1), plans=FewPlans()) == 0

    assert done == ["begin", "undo", "begin"]


def test_compiling_is_undone_whole() -> None:
    import torch

    from fluxlora_desktop.trainer.model import CompiledBlocks

    class Base(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = torch.nn.ModuleList([torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)])

    base = Base()
    for block in base.blocks:
        block.compile(backend="eager")

    CompiledBlocks(base, print, shapes=1).undo()

    assert all(block._compiled_call_impl is None for block in base.blocks)
    assert base.blocks[0](torch.ones(2)).shape == (2,)
