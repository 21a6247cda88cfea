"""What trainings and pictures of this computer are told about its engine."""

import os
from pathlib import Path

import pytest

from fluxlora_desktop.backends.local.lock import lock
from fluxlora_desktop.backends.local.parts import LocalEngine as Asked
from fluxlora_desktop.backends.local.ready import ReadyEngine
from fluxlora_desktop.domain.errors import EngineAbsent, EngineBusy
from tests.engine.kit import ANSWER, Context, World, make_base, make_uv

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the made programs are shell scripts")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def ready(world: World, **answer: object) -> ReadyEngine:
    """Return the answers of an engine that was set up and says this of itself."""
    maker = make_uv(world, "exit 0", ANSWER | answer)
    engine = world.engine(lambda _environ: maker)
    made = ReadyEngine(engine)
    assert "not set up" in made.not_ready()
    with pytest.raises(EngineAbsent):
        made.python()
    engine.install(Context())
    return made


def test_engine_that_works_says_how_long_a_training_takes(world: World) -> None:
    asked: Asked = ready(world)

    assert asked.not_ready() == ""
    assert asked.not_ready("flux.1-dev") == ""
    assert asked.python().exists()
    assert asked.gpus() == (0,)
    pace = asked.pace("flux.1-dev", 1000, "1024")
    small = asked.pace("flux.1-dev", 1000, "512")
    assert pace is not None
    assert small is not None
    assert 1 < pace.seconds_per_step < 6
    assert small.seconds_per_step < pace.seconds_per_step / 2
    assert pace.basis == "an estimate for RTX 4090"


def test_base_that_does_not_fit_or_is_not_known_to_the_engine_is_told(world: World) -> None:
    gpu = {"index": 0, "name": "RTX 3060", "memory_bytes": 12_600_000_000, "bf16": True}
    old = {"index": 0, "name": "TITAN V", "memory_bytes": 12_600_000_000, "bf16": False}
    asked = ready(world, gpus=[old, gpu | {"index": 1}], bases=["flux.1-dev", "flux.2-dev"])

    assert "needs about 23 GB" in asked.not_ready("flux.2-dev")
    assert "does not know FLUX.2-klein-4B" in asked.not_ready("flux.2-klein-4b")
    assert asked.pace("flux.2-dev", 1000, "1024") is None
    assert asked.gpus() == (1,), "the older one cannot train"


def test_each_training_goes_to_a_gpu_that_has_room_for_its_base(world: World) -> None:
    cards = [
        {"index": n, "name": name, "memory_bytes": gb * 10**9, "bf16": True}
        for n, (name, gb) in enumerate((("T400", 4), ("RTX 3060", 12), ("RTX 4090", 25)))
    ]
    asked = ready(world, gpus=cards)

    assert asked.gpus() == asked.gpus("flux.1-dev") == (2, 1)
    assert asked.gpus("flux.2-dev") == (2,)
    assert ready(World(world.root / "small"), gpus=cards[:1]).gpus() == (0,)


def test_engine_that_was_removed_is_not_offered_any_more(world: World) -> None:
    asked = ready(world)
    assert asked.not_ready() == ""

    world.engine().remove(Context())

    assert "not set up" in asked.not_ready()


def test_nothing_starts_with_an_engine_that_is_being_changed(world: World) -> None:
    asked = ready(world)

    with lock(world.folder / "lock"), pytest.raises(EngineBusy, match="being changed"):
        asked.python()

    assert asked.python().exists()


def test_own_folder_is_told_and_the_hub_otherwise(world: World) -> None:
    engine = world.engine()
    assert engine.own_folder("flux.1-dev") == ""

    own = make_base(world.root / "own", kind="FluxPipeline")
    engine.choose_folder("flux.1-dev", own)

    assert engine.own_folder("flux.1-dev") == str(own)
