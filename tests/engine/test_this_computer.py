"""What is found out about this computer: GPUs, what makes the engine, base models, advice."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fluxlora_desktop.backends.local import hardware as hw
from fluxlora_desktop.backends.local.advice import advise
from fluxlora_desktop.backends.local.answers import parse_probe
from fluxlora_desktop.domain.engine import BaseState, Gpu, Hardware
from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.ui.computer.words import base_words
from tests.engine.kit import RTX_4090, Context, World, make_base, put_in_cache

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the made programs are shell scripts")
GB = 10**9


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_gpus_are_told_by_the_drivers_tool(world: World) -> None:
    world.smi(RTX_4090, "1, NVIDIA T4, 15360, 15000, 580.95.05, 7.5")

    gpus, driver = hw.find_gpus(world.environ())

    assert driver == "580.95.05"
    assert gpus[0] == Gpu(0, "NVIDIA GeForce RTX 4090", 24564 << 20, 23000 << 20, "8.9", True)
    assert [gpu.bf16 for gpu in gpus] == [True, False]


def test_old_driver_that_knows_no_capability_still_tells_its_gpus(world: World) -> None:
    world.smi("0, NVIDIA A40, 46068, 45000, 470.10", old=True)

    gpus, driver = hw.find_gpus(world.environ())

    assert (gpus[0].name, gpus[0].capability, driver) == ("NVIDIA A40", "", "470.10")


def test_missing_and_silent_drivers_are_told_apart(world: World) -> None:
    world.smi("NVIDIA-SMI has failed", code=9)
    silent = world.engine().hardware()
    (world.bin / "nvidia-smi").unlink()
    none = world.engine().hardware()

    assert "does not answer" in silent.trouble
    assert "No NVIDIA GPU" in none.trouble
    assert (none.gpus, none.free_bytes > 0, none.ram_bytes > GB) == ((), True, True)


@pytest.mark.parametrize("line", ["", "nonsense", "a, b, c, d, e, f", "0, X, [N/A], 1, 580, 8.9"])
def test_nonsense_of_the_drivers_tool_is_no_gpu(world: World, line: str) -> None:
    world.smi(line)

    assert hw.find_gpus(world.environ())[0] == ()


def test_uv_is_preferred_and_python_is_found_without_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(world.bin / "app"))
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    environ = world.environ() | {"PATH": str(world.bin)}
    world.script("python3", "#!/bin/sh\necho 3 8\n")
    none = hw.find_maker(environ)
    world.script("python3.13", "#!/bin/sh\necho 3 13\n")
    python = hw.find_maker(environ)
    uv = world.script("uv", "#!/bin/sh\n")

    assert "3.11 to 3.13" in none.trouble
    assert none.page.startswith("https://")
    assert python.title == "Python 3.13"
    assert hw.find_maker(environ).uv == uv
    uv.unlink()
    home = Path(environ["HOME"]) / ".local" / "bin"
    home.mkdir(parents=True)
    world.script("uv", "#!/bin/sh\n").rename(home / "uv")
    assert hw.find_maker(environ).uv == home / "uv"


def test_python_without_its_part_for_environments_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(world.bin / "app"))
    world.script("python3.12", '#!/bin/sh\ncase "$3" in *ensurepip*) exit 1;; esac\necho 3 12\n')

    found = hw.find_maker({"PATH": str(world.bin), "HOME": "/nonexistent"})

    assert "python3-venv" in found.trouble


def _computer(memory: float, name: str = "RTX 4090", ram: float = 64) -> Hardware:
    gpu = Gpu(0, name, int(memory * GB), capability="8.9")
    return Hardware("linux", (gpu,), "580.1", ram_bytes=int(ram * GB))


def test_advice_names_settings_and_time_of_each_base() -> None:
    advice = advise(_computer(25.3), rank=16, steps=1000)

    flux1, flux2, *_klein = advice.bases
    assert advice.can
    assert (flux1.precision, flux1.resolutions) == ("int8", (512, 768, 1024))
    assert 600 < flux1.seconds[0] < flux1.seconds[1] < 6000
    assert not flux1.measured
    assert (flux2.precision, flux2.resolutions) == ("nf4", (512,))


@pytest.mark.parametrize(
    ("computer", "says"),
    [
        (Hardware("darwin", trouble="Not on a Mac."), "Not on a Mac."),
        (_computer(8.5), "at least 10 GB"),
        (_computer(25, ram=8), "7 GB of memory beside"),
        (
            replace(_computer(25), gpus=(Gpu(0, "TITAN RTX", 25 * GB, capability="7.5"),)),
            "older than",
        ),
    ],
)
def test_advice_says_why_not_and_what_to_do(computer: Hardware, says: str) -> None:
    advice = advise(computer, rank=16, steps=1000)

    assert not advice.can
    assert says in advice.says
    assert "Replicate" in advice.mend


def test_base_models_are_found_whole_or_in_part_and_removed(world: World) -> None:
    engine = world.engine()
    models = world.folder / "models"
    put_in_cache(models, "black-forest-labs/FLUX.1-dev")
    put_in_cache(models, "black-forest-labs/FLUX.2-dev", whole=False, kind="Flux2Pipeline")

    flux1, flux2, klein, _ = engine.models()
    assert [it.state for it in (flux1, flux2, klein)] == [
        BaseState.HERE,
        BaseState.PARTIAL,
        BaseState.ABSENT,
    ]
    assert flux1.disk_bytes > 2000

    engine.remove_model("flux.1-dev", Context())
    assert engine.models()[0].state is BaseState.ABSENT
    assert engine.models()[1].state is BaseState.PARTIAL
    assert len(list((models / "hub").iterdir())) == 1


def test_distilled_twin_that_makes_pictures_is_counted_and_removed_with_its_base(
    world: World,
) -> None:
    engine = world.engine()
    models = world.folder / "models"
    put_in_cache(models, "black-forest-labs/FLUX.2-klein-4B", kind="Flux2KleinPipeline")

    klein = engine.models()[2]
    assert klein.state is BaseState.ABSENT, "it cannot be trained on"
    assert klein.disk_bytes == klein.twin_bytes > 2000
    assert "distilled twin" in base_words(klein, free_bytes=10**12)

    engine.remove_model("flux.2-klein-4b", Context())
    assert engine.models()[2].disk_bytes == 0
    assert list((models / "hub").iterdir()) == []


def test_own_folder_is_used_once_it_holds_the_base_and_told_when_it_is_lost(world: World) -> None:
    engine = world.engine()
    own = make_base(world.root / "flux", kind="FluxPipeline", guidance_embeds=True)

    engine.choose_folder("flux.1-dev", own)
    assert engine.model("flux.1-dev") == str(own)
    assert engine.models()[0].state is BaseState.FOLDER
    (own / "transformer" / "model-2.safetensors").unlink()
    assert engine.models()[0].state is BaseState.LOST
    engine.forget_folder("flux.1-dev")
    assert engine.model("flux.1-dev") == "black-forest-labs/FLUX.1-dev"
    assert own.exists()


@pytest.mark.parametrize(
    ("base", "kind", "config", "says"),
    [
        ("flux.1-dev", "Flux2Pipeline", {}, "FLUX.2-dev"),
        ("flux.1-dev", "FluxPipeline", {"guidance_embeds": False}, "schnell"),
        ("flux.2-klein-4b", "Flux2KleinPipeline", {"num_attention_heads": 32}, "klein-9B"),
        ("flux.2-dev", "", {}, "no model_index.json"),
    ],
)
def test_folder_of_another_model_is_refused_in_words(
    world: World, base: str, kind: str, config: dict[str, object], says: str
) -> None:
    own = make_base(world.root / "other", kind=kind, **config)

    with pytest.raises(InputError, match=says):
        world.engine().choose_folder(base, own)


@pytest.mark.parametrize("line", ["", "{", "[]", '{"v":2}', "[" * 100000])
def test_what_is_no_probe_is_none(line: str) -> None:
    assert parse_probe(line) is None


def test_probe_with_strange_parts_is_read_as_far_as_it_makes_sense() -> None:
    line = json.dumps(
        {"v": 1, "python": 3, "gpus": [1, {"name": "X" * 999, "index": True}], "bases": "no"}
        | {"problems": {"torch": "gone"}, "ram_bytes": "many"}
    )

    found = parse_probe(line)

    assert found is not None
    assert (found.python, found.bases, found.ram_bytes) == ("", (), 0)
    assert (len(found.gpus), len(found.gpus[0].name)) == (1, 300)
    assert found.problems == (("torch", "gone"),)
    assert not found.works
