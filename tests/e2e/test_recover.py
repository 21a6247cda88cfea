"""A library restored from yesterday, or lost, gets its trainings back from the services."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fluxlora_desktop.domain.recovery import Origin
from fluxlora_desktop.domain.runs import Run, RunPlan, RunState
from fluxlora_desktop.domain.spending import LedgerQuery
from fluxlora_desktop.practice.services import PracticeServices
from fluxlora_desktop.workflows.carry import carry_run
from fluxlora_desktop.workflows.launch import start_run
from fluxlora_desktop.workflows.photos import take_in_photo
from fluxlora_desktop.workflows.recover import adopt, sweep, unknown_trainings
from fluxlora_desktop.workflows.tools import Tools
from tests.e2e.whole_way import PHOTOS, Hurry, tools_for

WAYS = [
    ("replicate", "ostris/flux-dev-lora-trainer"),
    ("replicate", "replicate/fast-flux-trainer"),
    ("fal", "fal-ai/flux-lora-fast-training"),
]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PracticeServices]:
    with PracticeServices(state_dir=tmp_path_factory.mktemp("cloud"), speed=2000) as made:
        yield made


def train(tools: Tools, service: str, trainer: str) -> Run:
    """Start a training and follow it until it is at the service."""
    stores, ctx = tools.stores, Hurry()
    dataset = stores.datasets.create()
    taken = [take_in_photo(photo, tools, ctx) for photo in sorted(PHOTOS.glob("*.jpg"))[:5]]
    stores.datasets.set_photos(dataset.id, [one.photo.sha256 for one in taken])
    stores.datasets.set_trigger(dataset.id, "GLZFOX")
    plan = RunPlan(
        name="Glazed fox",
        backend=service,
        trainer=trainer,
        publish=False,
        rights_confirmed=True,
        parameters={"steps": 500} if "ostris" in trainer else {},
    )
    run = start_run(stores.runs.create(dataset.id, plan).id, tools)
    return carry_run(run.id, tools, ctx)


def launches(services: PracticeServices) -> int:
    """Return how many trainings were ever begun, at all services."""
    return sum(
        service.ledger.count("training_created") for service in (services.replicate, services.fal)
    )


@pytest.mark.parametrize(
    ("service", "trainer"),
    [WAYS[0], *(pytest.param(*way, marks=pytest.mark.heavy) for way in WAYS[1:])],
)
def test_library_restored_from_before_a_training_brings_its_weights_home(
    services: PracticeServices, tmp_path: Path, service: str, trainer: str
) -> None:
    library, backup = tmp_path / "library", tmp_path / "yesterday.db"
    with tools_for(services, library):
        pass
    shutil.copyfile(library / "library.db", backup)
    with tools_for(services, library) as tools:
        ended = train(tools, service, trainer)
        assert ended.state is RunState.READY
        known = tools.stores.loras.get(ended.id)
    before = launches(services)
    shutil.copyfile(backup, library / "library.db")

    with tools_for(services, library) as tools:
        assert tools.stores.runs.all() == ()
        (run,) = sweep(tools, Hurry()).runs
        run = carry_run(run.id, tools, Hurry())

        assert (run.state, run.external_training_id) == (
            RunState.READY,
            ended.external_training_id,
        )
        lora = tools.stores.loras.get(run.lora_id or "")
        assert (lora.sha256, lora.source) == (known.sha256, "recovered")
        assert lora.trigger_word == "GLZFOX"
        assert tools.stores.files.lora(lora.id).read_bytes()
        assert tools.stores.ledger.sum(LedgerQuery(run_id=run.id)).charged > 0
        assert sweep(tools, Hurry()).runs == ()
    assert launches(services) == before


def _only(tools: Tools, ended: Run) -> list:
    survey = unknown_trainings(tools, Hurry())
    return [one for one in survey.trainings if one.listed.remote.id == ended.external_training_id]


@pytest.mark.parametrize(
    ("service", "trainer"), [pytest.param(*WAYS[0], marks=pytest.mark.heavy), WAYS[2]]
)
def test_new_library_shows_what_another_one_started_and_takes_it_on_when_asked(
    services: PracticeServices, tmp_path: Path, service: str, trainer: str
) -> None:
    with tools_for(services, tmp_path / "old") as tools:
        ended = train(tools, service, trainer)
    before = launches(services)

    with tools_for(services, tmp_path / "new") as tools:
        assert sweep(tools, Hurry()).runs == ()
        (found,) = _only(tools, ended)
        run = carry_run(adopt(found, "Fox again", tools).id, tools, Hurry())

        assert found.origin is Origin.OTHER_LIBRARY
        assert (run.state, run.plan.name, run.total) == (RunState.READY, "Fox again", ended.total)
        assert dict(run.plan.parameters)
        assert _only(tools, ended) == []
    assert launches(services) == before
