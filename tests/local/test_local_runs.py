"""Runs of this computer through the workflows, over restarts, faults and a person's wishes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from PIL import Image

from fluxlora_desktop.domain.datasets import Photo
from fluxlora_desktop.domain.errors import InputError, NotFoundAtService, ServiceRefused
from fluxlora_desktop.domain.ports import Services
from fluxlora_desktop.domain.runs import Run, RunState
from fluxlora_desktop.domain.training import PAUSED
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop
from fluxlora_desktop.workflows.carry import carry_run
from fluxlora_desktop.workflows.checkpoints import keep_checkpoints
from fluxlora_desktop.workflows.events import RunChanged
from fluxlora_desktop.workflows.launch import start_run, try_again
from fluxlora_desktop.workflows.pausing import (
    forget_outputs,
    go_on_with,
    outputs_of,
    pause_training,
)
from fluxlora_desktop.workflows.recover import unknown_trainings
from fluxlora_desktop.workflows.tools import Tools
from tests.local.ground import Ground
from tests.workflows.conftest import Bench, make_bench

SHORT = {"steps": 20, "sample_every": 10, "checkpoint_every": 10}


class AppClosed(Exception):
    """The app went away in the middle."""


class Watching:
    """A context that waits little, and does something when a run stands as a test wants."""

    def __init__(self, when: Callable[[Run], bool], do: Callable[[Run], object]) -> None:
        self._when, self._do = when, do
        self._never = threading.Event()

    def report(self, event: object) -> None:
        if isinstance(event, RunChanged) and self._when(event.run):
            self._do(event.run)

    def check(self) -> None:
        return

    def pause(self, seconds: float) -> None:
        self._never.wait(min(seconds, 0.02))


@dataclass
class Computer:
    """A library whose runs are trained here; `tools` are those of a freshly started app."""

    bench: Bench
    ground: Ground

    @property
    def tools(self) -> Tools:
        fake = self.bench.tools.services
        services = Services((*fake.trainers, self.ground.backend()), fake.generators, fake.hub)
        return replace(self.bench.tools, services=services, photos=PillowPhotoWorkshop())

    def start(self, **parameters: object) -> Run:
        """Start a training of five small photos on this computer."""
        tools = self.tools
        stores = tools.stores
        dataset = stores.datasets.create()
        hashes = []
        for number in range(5):
            photo = self.bench.folder / f"small{number}.jpg"
            Image.effect_noise((96, 80), 20 + number).convert("RGB").save(photo)
            sha256, size = stores.files.adopt(photo)
            facts = tools.photos.develop(
                stores.files.original(sha256),
                working=stores.files.working(sha256),
                thumb=stores.files.photo_thumb(sha256),
            )
            stores.datasets.put_photo(Photo(sha256, photo.name, size, facts))
            hashes.append(sha256)
        stores.datasets.set_photos(dataset.id, hashes)
        stores.datasets.set_trigger(dataset.id, "GLZFOX")
        plan = replace(
            self.bench.draft().plan,
            name="Red fox",
            backend="local",
            trainer="flux.1-dev",
            publish=False,
            parameters={**SHORT, **parameters},
        )
        return start_run(stores.runs.create(dataset.id, plan).id, tools)

    def carry(
        self,
        run: Run,
        when: Callable[[Run], bool] = lambda _run: False,
        do: Callable[[Run], object] = lambda _run: None,
        tools: Tools | None = None,
    ) -> Run:
        return carry_run(run.id, tools or self.tools, Watching(when, do))


@pytest.fixture
def computer(tmp_path: Path, ground: Ground) -> Iterator[Computer]:
    with make_bench(tmp_path) as bench:
        yield Computer(bench, ground)


def close_app(_run: Run) -> None:
    raise AppClosed


def test_run_ends_ready_with_its_own_lora_and_no_charge(computer: Computer) -> None:
    run = computer.carry(computer.start())

    lora = computer.tools.stores.loras.get(run.lora_id or "")
    assert (run.state, run.cost_usd) == (RunState.READY, 0), run.error
    assert (lora.base, lora.trigger_word, lora.output_service) == ("flux.1-dev", "GLZFOX", "local")
    assert computer.tools.stores.ledger.charges() == ()
    assert not (computer.ground.jobs / (run.external_training_id or "") / "images").exists()


def test_app_that_was_closed_finds_its_training_and_starts_no_second(computer: Computer) -> None:
    computer.ground.script({"step_s": 0.02})
    run = computer.start()
    with pytest.raises(AppClosed):
        computer.carry(run, lambda now: (now.step or 0) >= 3, close_app)

    again = computer.carry(run)

    assert again.state is RunState.READY, again.error
    assert len(computer.ground.starts(again.external_training_id or "")) == 1


def test_app_that_died_between_intent_and_answer_adopts_the_launch(computer: Computer) -> None:
    run = computer.start()
    backend = computer.ground.backend()
    submit = backend.submit

    def die_after(*parts: object) -> object:
        submit(*parts)  # type: ignore[arg-type]
        raise AppClosed

    backend.submit = die_after  # type: ignore[method-assign,assignment]
    fake = computer.bench.tools.services
    services = Services((*fake.trainers, backend), fake.generators, fake.hub)
    with pytest.raises(AppClosed):
        carry_run(
            run.id,
            replace(computer.tools, services=services),
            Watching(lambda _run: False, close_app),
        )

    again = computer.carry(run)

    assert again.state is RunState.READY, again.error
    assert len(list(computer.ground.jobs.iterdir())) == 1


def test_paused_run_says_so_until_a_person_resumes_it(computer: Computer) -> None:
    computer.ground.script({"wait_at": 12}, {})
    run, tools = computer.start(), computer.tools
    seen: list[str] = []

    def act(now: Run) -> None:
        seen.append(now.stage)
        if now.step == 12 and PAUSED not in seen:
            pause_training(now.id, tools)
        elif now.stage == PAUSED:
            go_on_with(now.id, tools)

    done = computer.carry(run, lambda _now: True, act, tools)

    assert PAUSED in seen
    assert done.state is RunState.READY, done.error
    assert len(computer.ground.starts(done.external_training_id or "")) == 2


def test_failed_run_goes_on_or_starts_over_as_a_person_wants(computer: Computer) -> None:
    computer.ground.script({"exit": 11}, {})
    failed = computer.carry(computer.start())
    assert (failed.state, failed.error_kind) == (RunState.FAILED, "OutOfGpuMemory")
    assert failed.cost_usd == 0

    over = try_again(failed.id, computer.tools)
    gone_on = computer.carry(go_on_with(failed.id, computer.tools))

    assert gone_on.state is RunState.READY, gone_on.error
    assert over.id != failed.id
    computer.ground.script({})
    assert computer.carry(over).state is RunState.READY


def test_checkpoint_becomes_a_lora_of_its_own_once(computer: Computer) -> None:
    run = computer.carry(computer.start())
    tools, ctx = computer.tools, computer.bench.ctx

    kept = keep_checkpoints(run.id, [10], tools, ctx)
    again = keep_checkpoints(run.id, [10, 20], tools, ctx)

    assert [lora.name for lora in kept] == ["Red fox, step 10"]
    assert [lora.id for lora in again] == [kept[0].id, run.lora_id], "the last one is there"
    assert kept[0].run_id == run.id
    assert tools.stores.files.lora(kept[0].id).is_file()
    with pytest.raises(NotFoundAtService, match="step 15 is gone"):
        keep_checkpoints(run.id, [15], tools, ctx)


def test_checkpoints_are_deleted_and_the_lora_stays(computer: Computer) -> None:
    run = computer.carry(computer.start())
    tools = computer.tools
    assert len(outputs_of(run, tools).checkpoints) == 2

    forget_outputs(run.id, tools)

    assert outputs_of(run, tools).checkpoints == ()
    assert tools.stores.files.lora(run.lora_id or "").is_file()


def test_training_whose_files_are_gone_cannot_be_gone_on_with(computer: Computer) -> None:
    computer.ground.script({"exit": 13})
    failed = computer.carry(computer.start())
    forget_outputs(failed.id, computer.tools)

    with pytest.raises(ServiceRefused, match="nothing left"):
        go_on_with(failed.id, computer.tools)

    assert computer.tools.stores.runs.get(failed.id).state is RunState.FAILED


def test_computer_that_is_not_set_up_lets_no_run_leave_its_draft(computer: Computer) -> None:
    computer.ground.engine.reason = "This computer is not set up for training yet."

    with pytest.raises(InputError, match="not set up"):
        computer.start()


def test_base_that_is_too_large_for_this_computer_stays_a_draft_and_others_start(
    computer: Computer,
) -> None:
    computer.ground.engine.refused = "flux.1-dev"
    with pytest.raises(InputError, match="too large for this computer"):
        computer.start()

    computer.ground.engine.refused = "flux.2-dev"

    assert computer.start().state is RunState.PACKAGING


def test_trainings_of_a_lost_library_are_found_on_this_computer(
    computer: Computer, tmp_path: Path
) -> None:
    run = computer.carry(computer.start())
    (tmp_path / "new").mkdir()
    with make_bench(tmp_path / "new") as fresh:
        found = unknown_trainings(Computer(fresh, computer.ground).tools, fresh.ctx).trainings

    here = [one for one in found if one.listed.remote.service == "local"]
    assert [one.listed.remote.id for one in here] == [run.external_training_id]
    assert here[0].listed.has_weights
    assert here[0].listed.parameters["steps"] == 20
