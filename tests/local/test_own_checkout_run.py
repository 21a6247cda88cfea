"""A training with one's own ai-toolkit, from the draft to the library."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pytest
from PIL import Image

from fluxlora_desktop.backends.aitoolkit.trainers import TRAINERS
from fluxlora_desktop.backends.local.process import find
from fluxlora_desktop.backends.registry import build_services
from fluxlora_desktop.domain.checkout import Checkout
from fluxlora_desktop.domain.runs import Run, RunPlan, RunState
from fluxlora_desktop.domain.services import AI_TOOLKIT
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.trainer import own_checkout
from fluxlora_desktop.workflows.collect import collect_weights
from fluxlora_desktop.workflows.follow import follow_training, remote_of
from fluxlora_desktop.workflows.launch import launch_training, start_run
from fluxlora_desktop.workflows.photos import take_in_photo
from fluxlora_desktop.workflows.plans import ways_for
from fluxlora_desktop.workflows.tools import Patience, Tools
from tests.local.conftest import Here
from tests.local.ground import Ground, until
from tests.local.standin import StandIn
from tests.ui.fakes import WallClock
from tests.workflows.fakes import FakePictures

_QUICK = {"steps": 20, "save_every": 10, "sample_every": 0}
_PATIENCE = Patience(poll=0.02, shortest_retry=0.02, longest_retry=0.02)


class Waiting(Here):
    """A context that waits, since another process is waited for."""

    def pause(self, seconds: float) -> None:
        threading.Event().wait(min(seconds, 0.02))


@dataclass
class Computer:
    """One computer with an ai-toolkit; `app` is one start of the app there."""

    ground: Ground
    checkout: StandIn
    known: Checkout | None = field(default=None)

    def name(self) -> None:
        """Say where ai-toolkit lies, as a person does in Settings."""
        folder, python = self.checkout.folder, self.checkout.python
        self.known = Checkout(folder, python, gpu="A GPU", bases=("flux.1-dev",), reports=True)

    @contextmanager
    def app(self) -> Iterator[Tools]:
        parts = replace(
            self.ground.parts(),
            trainer=Path(own_checkout.__file__).parent,
            environment=lambda: dict(os.environ),
            checkout=lambda: self.known,
        )
        clock = WallClock()
        library = open_library(self.ground.folder / "library", clock=clock)
        yield Tools(
            stores=library.stores,
            services=build_services(addresses={}, secret_for=lambda _key: None, local=parts),
            photos=PillowPhotoWorkshop(),
            pictures=FakePictures(),
            clock=clock,
            patience=_PATIENCE,
        )
        library.close()

    def draft(self, tools: Tools, **plan: object) -> Run:
        dataset, hashes = tools.stores.datasets.create(), []
        for number in range(5):
            source = self.ground.folder / f"photo{number}.jpg"
            Image.new("RGB", (600, 500), (40 * number, 90, 60)).save(source)
            taken = take_in_photo(source, tools, Here())
            hashes.append(taken.photo.sha256)
            tools.stores.datasets.set_caption(dataset.id, hashes[-1], f"on table {number}")
        tools.stores.datasets.set_photos(dataset.id, hashes)
        chosen = replace(RunPlan(name="Fox", rights_confirmed=True, publish=False), **plan)
        return tools.stores.runs.create(dataset.id, chosen)


@pytest.fixture
def computer(ground: Ground, tmp_path: Path) -> Computer:
    return Computer(ground, StandIn(tmp_path))


def test_lora_comes_home_though_the_app_was_closed_meanwhile(computer: Computer) -> None:
    computer.name()
    computer.checkout.script(wait=12)
    trainer = TRAINERS[0].trainer.key
    with computer.app() as tools:
        run = computer.draft(tools, backend=AI_TOOLKIT, trainer=trainer, parameters=_QUICK)
        run = launch_training(start_run(run.id, tools), tools, Here())
        tools.services.trainer(AI_TOOLKIT).poll(remote_of(run, tools))
        (job,) = computer.ground.jobs.iterdir()
        until(lambda: find(job / "out"))

    with computer.app() as tools:
        computer.checkout.go()
        run = follow_training(tools.stores.runs.get(run.id), tools, Waiting())
        assert run.state is RunState.COLLECTING, run.error
        run = collect_weights(run, tools, Here())
        lora = tools.stores.loras.get(run.lora_id)

        assert (lora.base, lora.trigger_word, lora.source) == ("flux.1-dev", "TOK", "trained")
        assert tools.stores.files.lora(lora.id).is_file()
        assert run.cost_usd == Decimal(0)
        assert run.loss is not None
    assert "TOK, on table 0" in (job / "out" / "lora" / "seen.json").read_text()
    assert (job / "out" / "log.txt").read_text().count("Running 1 job") == 1


def test_ways_of_ai_toolkit_are_shown_to_those_who_have_or_chose_it(computer: Computer) -> None:
    with computer.app() as tools:
        plain = computer.draft(tools)
        chose = replace(plain, plan=replace(plain.plan, backend=AI_TOOLKIT, trainer=""))
        dataset = tools.stores.datasets.get(plain.dataset_id)

        def ways(run: Run) -> list[tuple[str, str, bool]]:
            found = ways_for(run, dataset, tools.services)
            mine = [way for way in found if way.backend == AI_TOOLKIT]
            assert all(way.runs_here and not way.estimate.high_usd for way in mine)
            return [(way.trainer.base, way.not_ready, way.estimate.high_seconds > 0)
                    for way in mine]  # fmt: skip

        before, chosen = ways(plain), ways(chose)
        computer.name()

        assert before == []
        assert {reason for _base, reason, _time in chosen} == {
            "Name the folder of your ai-toolkit first."
        }
        assert ways(plain) == [("flux.1-dev", "", True)]
