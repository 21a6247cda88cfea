"""Base models that are downloaded before a training needs them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fluxlora_desktop.backends.local.engine import LocalEngine
from fluxlora_desktop.domain.engine import EngineStep
from fluxlora_desktop.domain.errors import (
    AccessGated,
    DiskFull,
    EngineAbsent,
    EngineError,
    InputError,
    JobCancelled,
)
from fluxlora_desktop.domain.secrets import Secret
from tests.engine.kit import Context, World, is_alive, make_uv

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the made programs are shell scripts")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def ready(world: World) -> LocalEngine:
    maker = make_uv(world, "exit 0")
    engine = world.engine(lambda _environ: maker)
    engine.install(Context())
    return engine


def says(event: str, **values: object) -> str:
    return f"echo '{json.dumps({'event': event, **values})}'\n"


def test_bytes_of_all_files_are_told_and_the_token_reaches_the_child_alone(world: World) -> None:
    engine, ctx = ready(world), Context()
    world.fetches(
        f'echo "$3 $HF_TOKEN $HF_HOME" > {world.root}/asked\n'
        + says("download", file="a.safetensors", done=1_000_000_000, total=9_000_000_000)
        + "echo what a library prints\n"
        + says("download", file="b.json", done=5, total=5)
        + says("download", file="a.safetensors", done=9_000_000_000, total=9_000_000_000)
        + says("done")
        + "exit 0"
    )

    engine.fetch_model("flux.1-dev", ctx, Secret("hf_secret"))

    steps = [event for event in ctx.events if isinstance(event, EngineStep)]
    assert {step.says for step in steps} == {"Downloading FLUX.1-dev"}
    assert [step.done for step in steps] == [0, 10**9, 10**9 + 5, 9 * 10**9 + 5]
    assert steps[-1].total == 33_700_000_000
    asked = (world.root / "asked").read_text().split()
    assert asked == ["flux.1-dev", "hf_secret", str(engine.models_folder)]
    assert "hf_secret" not in (world.folder / "fetch.log").read_text()


def test_refusal_by_the_hub_leads_to_the_page_where_terms_are_accepted(world: World) -> None:
    engine = ready(world)
    world.fetches(says("error", code=12, says="The hub does not hand it out.") + "exit 12")

    with pytest.raises(AccessGated) as caught:
        engine.fetch_model("flux.2-dev", Context())

    assert caught.value.page == "https://huggingface.co/black-forest-labs/FLUX.2-dev"


@pytest.mark.parametrize(
    ("then", "expected", "words"),
    [
        (says("error", says="No network.", mend="Look at it.") + "exit 1", EngineError, "No netw"),
        ("exit 7", EngineError, "was not downloaded. Try again: what came is kept."),
        (says("error", code=13, says="The disk is full.") + "exit 13", DiskFull, "disk full"),
    ],
)
def test_failure_is_told_in_words(
    world: World, then: str, expected: type[Exception], words: str
) -> None:
    engine = ready(world)
    world.fetches(then)

    with pytest.raises(expected, match=words):
        engine.fetch_model("flux.1-dev", Context())


def test_stop_ends_the_download_and_all_it_started(world: World) -> None:
    engine = ready(world)
    pids = world.root / "pids"
    world.fetches(
        f"sleep 600 & echo $$ $! > {pids}\n" + says("download", file="a", done=8, total=9) + "wait"
    )

    with pytest.raises(JobCancelled):
        engine.fetch_model(
            "flux.1-dev", Context(lambda event: isinstance(event, EngineStep) and event.done > 0)
        )

    assert not any(map(is_alive, map(int, pids.read_text().split())))


def test_nothing_begins_without_an_engine_a_known_base_or_room(world: World) -> None:
    with pytest.raises(EngineAbsent):
        world.engine().fetch_model("flux.1-dev", Context())
    engine = ready(world)
    world.fetches(f"touch {world.root}/begun\nexit 0")
    with pytest.raises(InputError):
        engine.fetch_model("sdxl", Context())
    world.free = 33_000_000_000
    with pytest.raises(DiskFull) as caught:
        engine.fetch_model("flux.1-dev", Context())

    assert (caught.value.needed, caught.value.free) == (33_700_000_000, 33_000_000_000)
    assert not (world.root / "begun").exists()
