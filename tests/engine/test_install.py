"""The engine is made, updated, stopped and removed with a real venv and a real pip."""

import os
import stat
from pathlib import Path

import pytest

from fluxlora_desktop.backends.local import install
from fluxlora_desktop.backends.local.lock import lock
from fluxlora_desktop.domain.engine import EngineState, EngineStep, Needs
from fluxlora_desktop.domain.errors import (
    DiskFull,
    EngineAbsent,
    EngineBusy,
    EngineError,
    JobCancelled,
)
from fluxlora_desktop.domain.secrets import Secret
from tests.engine.kit import ANSWER, Context, World, is_alive, make_uv

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the made programs are shell scripts")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_engine_is_made_answers_outlives_a_broken_update_and_is_removed(world: World) -> None:
    """Takes seconds: it is the one that runs the real venv and the real pip."""
    engine = world.engine()
    assert engine.status().state is EngineState.ABSENT
    with pytest.raises(EngineAbsent):
        engine.environment()

    ctx = Context()
    engine.install(ctx)
    status = engine.status()

    assert status.state is EngineState.READY
    assert status.usable
    assert status.probe is not None
    assert (status.probe.torch, status.probe.bases) == ("2.13.0", ("flux.1-dev",))
    assert status.probe.gpus[0].capability == "8.9"
    assert status.disk_bytes > 1000
    assert world.rest() == {"env"}
    says = [event.says for event in ctx.events if isinstance(event, EngineStep)]
    assert says[:3] == [
        "Looking at this computer",
        "Making a Python environment",
        "Looking up the packages",
    ]
    assert "Unpacking the packages" in says

    world.want("2.14.0")
    _break_wheel(world.wheels, "diffusers")
    assert engine.status().state is EngineState.OUTDATED
    with pytest.raises(EngineError, match="diffusers arrived damaged"):
        engine.install(Context())
    assert engine.status().usable  # the old one works on
    assert engine.probe(Context()).torch == "2.13.0"

    (world.folder / "models").mkdir()
    engine.remove(Context())
    assert engine.status().state is EngineState.ABSENT
    assert world.rest() == {"models"}
    assert not (world.folder / "probe.json").exists()


def _break_wheel(folder: Path, name: str) -> None:
    (wheel,) = folder.glob(f"{name}-*.whl")
    wheel.write_bytes(wheel.read_bytes()[:200])


def test_update_takes_the_place_of_the_old_environment(world: World) -> None:
    old = make_uv(world, "exit 0")
    engine = world.engine(lambda _environ: old)
    engine.install(Context())
    world.want("2.14.0")
    make_uv(world, "exit 0", ANSWER | {"torch": "2.14.0"})

    engine.install(Context())

    status = engine.status()
    assert status.state is EngineState.READY
    assert status.probe is not None
    assert status.probe.torch == "2.14.0"
    assert engine.probe(Context()).torch == "2.14.0"
    assert world.rest() == {"env"}


def test_uv_is_asked_for_the_torch_of_the_gpu_and_its_output_becomes_progress(
    world: World,
) -> None:
    world.needs = Needs(3 * 10**9, 1000, 1000)
    maker = make_uv(
        world,
        "echo 'Resolved 58 packages in 1.2s'; echo 'Downloading torch (530.5MiB)'; "
        "echo 'Downloading nvidia-cudnn-cu13 (1.0GiB)'; echo ' Downloaded torch'; "
        "echo 'Prepared 58 packages in 61s'; echo 'Installed 58 packages in 4s'",
    )
    ctx = Context()

    engine = world.engine(lambda _environ: maker)
    engine.install(ctx)

    said = (world.root / "said").read_text()
    assert "pip install --torch-backend auto --python" in said
    assert f"--requirement {world.requirements}" in said
    assert "http" not in said
    steps = [event for event in ctx.events if isinstance(event, EngineStep)]
    assert EngineStep("Downloading nvidia-cudnn-cu13", 556_269_568, 3 * 10**9) in steps
    assert steps[-2] == EngineStep("Unpacking the packages")
    assert engine.status().state is EngineState.READY


def test_progress_of_pip_counts_the_bytes_of_each_file(tmp_path: Path) -> None:
    ctx = Context()
    follower = install._Follower(1000, ctx)
    for line in (
        "Collecting torch==2.13.0",
        "  Downloading https://x/torch-2.13.0-cp312-cp312-manylinux_2_28_x86_64.whl (400 B)",
        "Progress 100 of 400",
        "Progress 400 of 400",
        "Collecting numpy",
        "  Downloading numpy-2.4.6-cp312-cp312-win_amd64.whl.metadata (9 B)",
        "  Downloading numpy-2.4.6-cp312-cp312-win_amd64.whl (500 B)",
        "Progress 900 of 900",
    ):
        follower.read(line)

    assert ctx.events == [
        EngineStep("Looking up torch"),
        EngineStep("Downloading torch", 0, 1000),
        EngineStep("Downloading torch", 100, 1000),
        EngineStep("Downloading torch", 400, 1000),
        EngineStep("Downloading numpy", 400, 1000),
        EngineStep("Downloading numpy", 409, 1000),
        EngineStep("Downloading numpy", 1000, 1000),
    ]


def test_stop_ends_the_installer_and_all_it_started_and_leaves_no_environment(
    world: World,
) -> None:
    pid = world.root / "pid"
    maker = make_uv(world, f"sleep 600 & echo $! > {pid}; echo 'Downloading torch (5MiB)'; wait")
    engine = world.engine(lambda _environ: maker)
    ctx = Context(lambda event: getattr(event, "says", "") == "Downloading torch")

    with pytest.raises(JobCancelled):
        engine.install(ctx)

    assert not is_alive(int(pid.read_text()))
    assert engine.status().state is EngineState.ABSENT
    assert world.rest() == set()


@pytest.mark.parametrize(
    ("output", "says", "mend"),
    [
        (
            "ERROR: No matching distribution found for torch==2.13.0",
            "The package torch==2.13.0 was not found",
            "uv",
        ),
        (
            "error: Failed to fetch: `torch`\n  Caused by: dns error",
            "no connection to where they are",
            "network",
        ),
        (
            "Because diffusers==0.42.1 was not found in the package registry",
            "The package diffusers==0.42.1 was not found",
            "uv",
        ),
        ("error: something else", "could not be installed", "something else"),
    ],
)
def test_failure_says_which_package_and_what_to_do(
    world: World, output: str, says: str, mend: str
) -> None:
    maker = make_uv(world, f"cat <<'END'\n{output}\nEND\nexit 1")
    engine = world.engine(lambda _environ: maker)

    with pytest.raises(EngineError) as raised:
        engine.install(Context())

    assert says in raised.value.says
    assert mend in raised.value.mend
    assert raised.value.log is not None
    assert output.splitlines()[0] in raised.value.log.read_text()
    assert engine.status().state is EngineState.ABSENT


def test_full_disk_is_told_as_such(world: World) -> None:
    maker = make_uv(world, "echo 'error: No space left on device (os error 28)'; exit 2")

    with pytest.raises(DiskFull):
        world.engine(lambda _environ: maker).install(Context())


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (ANSWER | {"gpus": []}, "do not see the GPU"),
        (ANSWER | {"torch": None, "problems": {"torch": "OSError: libcudart"}}, "torch does not"),
        ("Segmentation fault", "did not answer"),
    ],
)
def test_environment_that_does_not_work_is_not_put_in_place(
    world: World, answer: object, says: str
) -> None:
    maker = make_uv(world, "exit 0", answer)
    engine = world.engine(lambda _environ: maker)

    with pytest.raises(EngineError, match=says):
        engine.install(Context())

    assert engine.status().state is EngineState.ABSENT
    assert world.rest() == set()


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ((), "No NVIDIA GPU"),
        (("0, TITAN RTX, 24220, 24000, 580.95.05, 7.5",), "older than NVIDIA's RTX 30"),
        (("0, RTX 4090, 24564, 23000, 550.54.14, 8.9",), "driver 550.54.14 is older"),
    ],
)
def test_nothing_is_downloaded_where_it_would_be_in_vain(
    world: World, lines: tuple[str, ...], says: str
) -> None:
    if lines:
        world.smi(*lines)
    else:
        (world.bin / "nvidia-smi").unlink()

    with pytest.raises(EngineError, match=says):
        world.engine().install(Context())
    assert not (world.folder / "install.log").exists()


def test_room_is_looked_at_before_anything_is_downloaded(world: World) -> None:
    world.needs = Needs(1000, 10**18, 1000)

    with pytest.raises(DiskFull) as raised:
        world.engine().install(Context())
    assert raised.value.needed == 10**18


def test_two_installs_never_run_at_once_and_a_training_keeps_its_engine(world: World) -> None:
    engine = world.engine()
    world.folder.mkdir()
    with lock(world.folder / "lock"):
        assert engine.status().busy
        with pytest.raises(EngineBusy):
            engine.install(Context())
    assert not engine.status().busy

    out = world.folder / "jobs" / "a1" / "out"
    out.mkdir(parents=True)
    with lock(out / "lock"), pytest.raises(EngineBusy, match="in use"):
        engine.remove(Context())


def test_engine_that_makes_a_picture_stays_and_is_removed_once_it_rests(world: World) -> None:
    maker = make_uv(world, "exit 0")
    engine = world.engine(lambda _environ: maker)
    engine.install(Context())
    at_work = [True]

    def lets_go() -> bool:
        assert engine.is_changing(), "nothing may begin while this is asked"
        return not at_work.pop()

    engine.ask_before(lets_go)
    with pytest.raises(EngineBusy, match="makes a picture"):
        engine.remove(Context())
    assert engine.status().usable

    at_work.append(False)
    engine.remove(Context())
    assert engine.status().state is EngineState.ABSENT


def test_environment_without_its_stamp_or_interpreter_is_broken(world: World) -> None:
    maker = make_uv(world, "exit 0")
    engine = world.engine(lambda _environ: maker)
    engine.install(Context())
    stamp = world.folder / "env" / "stamp.json"
    kept = stamp.read_text()

    stamp.unlink()
    assert engine.status().state is EngineState.BROKEN
    assert engine.python() is None
    stamp.write_text(kept)
    assert engine.status().usable
    (world.folder / "env" / "bin" / "python").unlink()
    assert engine.status().state is EngineState.BROKEN


def test_probe_is_forgotten_when_the_app_brings_another_trainer(world: World) -> None:
    maker = make_uv(world, "exit 0")
    engine = world.engine(lambda _environ: maker)
    engine.install(Context())
    assert engine.status().probe is not None

    (world.trainer / "loop.py").write_text("")

    assert engine.status().probe is None
    assert engine.status().state is EngineState.READY
    engine.probe(Context())
    assert engine.status().probe is not None


def test_token_is_in_the_childs_environment_and_nowhere_else(world: World) -> None:
    maker = make_uv(world, "exit 0")
    engine = world.engine(lambda _environ: maker)
    engine.install(Context())

    made = engine.environment(Secret("hf_secret"))

    assert made.variables["HF_TOKEN"] == "hf_secret"
    assert made.variables["HF_HOME"] == str(world.folder / "models")
    assert "PYTHONPATH" not in made.variables
    assert "hf_secret" not in repr(made)
    assert "HF_TOKEN" not in engine.environment().variables
    files = (path for path in world.folder.rglob("*") if path.is_file())
    assert not any(b"hf_secret" in path.read_bytes() for path in files)
    assert made.python.stat().st_mode & stat.S_IXUSR
