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


def test_program_ends_with_the_one_who_started_it(served: Any) -> None:
    served.slowness = 0.3
    program = run("--fetch", "flux.1-dev", "--leashed")
    assert program.stdout is not None
    for line in program.stdout:
        said = json.loads(line)
        if said["file"] == BIG and said["done"] > 1_000_000:
            break

    program.communicate()

    assert program.returncode == 3


def test_leashed_program_ends_by_itself_with_its_own_code(served: Any) -> None:
    program = run("--fetch", "sdxl", "--leashed")

    assert program.wait(60) == 10

    output, _ = program.communicate()
    assert json.loads(output)["code"] == 10


def test_file_that_the_repo_has_no_more_leaves_no_part(
    served: Any, large: Path, cache: Path, tmp_path: Path
) -> None:
    with pytest.raises(Stop):
        fetch(stops_at(8_000_000))
    other = shutil.copytree(large, tmp_path / "other")
    (other / BIG).write_bytes(os.urandom(SIZE // 2))
    served.folders[REPO] = other

    assert (fetch() / BIG).stat().st_size == SIZE // 2

    assert rests(cache) == []


def test_computer_without_links_keeps_each_file_once(
    served: Any, large: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import file_download

    monkeypatch.setattr(file_download, "are_symlinks_supported", lambda *_: False)
    with pytest.raises(Stop):
        fetch(stops_at(8_000_000))

    folder = fetch()

    assert (folder / BIG).read_bytes() == (large / BIG).read_bytes()
    assert not (folder / BIG).is_symlink()
    assert [path for path in cache.rglob("blobs/*") if path.stat().st_size >= SIZE] == []
    monkeypatch.undo()
    served.asked.clear()
    monkeypatch.setattr(file_download.constants, "HF_HUB_CACHE", str(cache))
    fetch()
    assert not [path for path in served.asked if path.endswith(BIG)]


class Person:
    """Looks at what the app is told, and presses Stop once so many bytes came."""

    def __init__(self, stops_at: int = SIZE * 2) -> None:
        self.steps: list[Any] = []
        self._stops_at = stops_at

    def report(self, step: Any) -> None:
        self.steps.append(step)

    def check(self) -> None:
        from fluxlora_desktop.domain.errors import JobCancelled

        if self.steps and self.steps[-1].done >= self._stops_at:
            raise JobCancelled

    def pause(self, seconds: float) -> None:
        self.check()
        threading.Event().wait(seconds)


def test_app_downloads_a_base_stops_and_goes_on(
    served: Any, large: Path, cache: Path, tmp_path: Path
) -> None:
    from fluxlora_desktop.backends.local.download import download
    from fluxlora_desktop.domain.engine import EngineEnvironment, local_base
    from fluxlora_desktop.domain.errors import JobCancelled

    base = local_base("flux.1-dev")
    assert base is not None
    engine = EngineEnvironment(Path(sys.executable), TRAINER, dict(os.environ))
    served.slowness = 0.1
    person = Person(stops_at=3_000_000)
    with pytest.raises(JobCancelled):
        download(base, engine, tmp_path / "log", person)
    (part,) = cache.rglob("*.part")
    left = part.stat().st_size
    served.slowness = 0.0

    download(base, engine, tmp_path / "log", Person())

    assert served.ranges == [left]
    (whole,) = cache.rglob(f"snapshots/*/{BIG}")
    assert whole.read_bytes() == (large / BIG).read_bytes()
    assert rests(cache) == []


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
