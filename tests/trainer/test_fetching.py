"""A base from the hub: fetched once, gone on with after a stop, used without it, never torn."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import TRAINER, events_of, train

REPO = "black-forest-labs/FLUX.1-dev"
BIG = "transformer/diffusion_pytorch_model.safetensors"
SIZE = 20_000_000


@pytest.fixture(scope="module")
def large(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tiny base with one large file; it is as random as weights are."""
    folder = shutil.copytree(base, tmp_path_factory.mktemp("large") / "base")
    (folder / BIG).write_bytes(os.urandom(SIZE))
    return folder


@pytest.fixture
def served(hub: Any, large: Path, cache: Path) -> Iterator[Any]:
    """Serve that base in place of FLUX.1-dev, into an empty cache."""
    hub.folders[REPO] = large
    hub.asked.clear()
    hub.ranges.clear()
    yield hub
    hub.gone, hub.slowness = False, 0.0


@pytest.fixture
def cache(tmp_path: Path, hub: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    return tmp_path / "hub"


class Stop(Exception):
    """Whoever is told wants it to end."""


def fetch(tell: Callable[..., None] = lambda *_, **__: None) -> Path:
    from fluxlora_desktop.trainer.families import family_of
    from fluxlora_desktop.trainer.hub import base_folder

    return base_folder(family_of("flux.1-dev"), "", "", tell)


def stops_at(size: int) -> Callable[..., None]:
    def tell(_event: str, *, file: str, done: int, total: int) -> None:
        if file == BIG and done >= size:
            assert (total, done <= SIZE) == (SIZE, True)
            raise Stop

    return tell


def rests(cache: Path) -> list[str]:
    return [path.name for path in cache.rglob("*") if path.suffix in {".part", ".incomplete"}]


def test_large_file_goes_on_where_a_stop_left_it(served: Any, large: Path, cache: Path) -> None:
    with pytest.raises(Stop):
        fetch(stops_at(8_000_000))
    (part,) = cache.rglob("*.part")
    left = part.stat().st_size
    assert 0 < left < SIZE

    folder = fetch()

    assert served.ranges == [left]
    assert (folder / BIG).read_bytes() == (large / BIG).read_bytes()
    assert rests(cache) == []
    served.asked.clear()
    assert fetch() == folder
    assert not [path for path in served.asked if path.endswith(BIG)], "not even asked for"


def test_base_that_came_whole_is_used_while_the_hub_is_gone(
    served: Any, job_of: Callable[..., Path], base: Path, cache: Path
) -> None:
    served.folders["someone/tiny"] = base
    first, second = (job_of(model="someone/tiny", steps=2) for _ in range(2))
    assert train(first) == 0
    served.gone = True

    assert train(second) == 0

    (cache / "models--someone--tiny" / "whole.json").unlink()
    assert train(job_of(model="someone/tiny", steps=2)) == 1
    assert events_of(second, "download") == []


def test_base_that_lacks_a_file_is_not_used_for_a_whole_one(served: Any) -> None:
    from fluxlora_desktop.trainer.hub import Unreachable

    folder = fetch()
    served.gone = True
    assert fetch() == folder
    (folder / BIG).unlink()

    with pytest.raises(Unreachable, match="could not be reached"):
        fetch()


def test_part_that_is_damaged_is_fetched_anew(served: Any, large: Path, cache: Path) -> None:
    from fluxlora_desktop.trainer.hub import Unreachable

    with pytest.raises(Stop):
        fetch(stops_at(8_000_000))
    (part,) = cache.rglob("*.part")
    part.write_bytes(bytes(part.stat().st_size))
    with pytest.raises(Unreachable, match="came damaged"):
        fetch()
    assert rests(cache) == []

    assert (fetch() / BIG).read_bytes() == (large / BIG).read_bytes()


def test_two_that_fetch_wait_for_each_other_and_can_be_stopped(
    served: Any, large: Path, cache: Path
) -> None:
    served.slowness = 0.05
    begun, told = threading.Event(), []
    first = threading.Thread(target=fetch, args=(lambda *_, **__: begun.set(),))
    first.start()
    assert begun.wait(30)
    while not list(cache.rglob("*.part")):
        threading.Event().wait(0.01)

    def tell(_event: str, *, file: str, done: int, total: int) -> None:
        told.append((file, done))
        if file == BIG:
            raise Stop

    with pytest.raises(Stop):
        fetch(tell)
    folder = fetch()
    first.join()

    assert told[-1][0] == BIG
    assert (folder / BIG).read_bytes() == (large / BIG).read_bytes()
    assert served.ranges == [], "nobody fetched a byte twice"


def run(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(TRAINER), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def test_program_tells_bytes_and_ends_with_the_one_who_started_it(
    served: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    from fluxlora_desktop.trainer.commands import main

    served.slowness = 0.3
    program = run("--fetch", "flux.1-dev", "--leashed")
    assert program.stdout is not None
    for line in program.stdout:
        said = json.loads(line)
        if said["file"] == BIG and said["done"] > 1_000_000:
            break

    program.communicate()
    assert program.returncode == 3

    served.slowness = 0.0
    assert main(["--fetch", "flux.1-dev"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"event": "done"}
    assert served.ranges[0] > 1_000_000


def test_refusal_and_unknown_base_are_told(
    hub: Any, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from fluxlora_desktop.trainer.commands import main

    hub.locked.add("black-forest-labs/FLUX.2-dev")
    assert main(["--fetch", "flux.2-dev"]) == 12
    (error,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert error["code"] == 12
    assert "https://huggingface.co/black-forest-labs/FLUX.2-dev" in error["mend"]
    assert main(["--fetch", "sdxl"]) == 10
