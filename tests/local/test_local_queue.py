"""Jobs of this computer through everything that happens to programs: kills, restarts, faults."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fluxlora_desktop.backends.local.files import write_json
from fluxlora_desktop.backends.local.process import find, is_locked, start_time
from fluxlora_desktop.backends.local.queue import Standing
from fluxlora_desktop.backends.local.training import LocalTraining
from fluxlora_desktop.domain.errors import ServiceRefused, WeightsError
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.training import (
    PAUSED,
    WAITS,
    Destination,
    Mark,
    RemoteFile,
    RemoteRun,
    RemoteState,
    RunSnapshot,
)
from tests.local.conftest import Here, archive, launch, spec
from tests.local.ground import Ground, job_until, until

OPEN = {RemoteState.QUEUED, RemoteState.TRAINING}


def ended(backend: LocalTraining, run: RemoteRun) -> RunSnapshot:
    seen = [backend.poll(run)]

    def over() -> bool:
        seen.append(backend.poll(run))
        return seen[-1].state not in OPEN

    until(over)
    return seen[-1]


def at_step(backend: LocalTraining, run: RemoteRun, step: int) -> None:
    until(lambda: (backend.poll(run).progress.step or 0) >= step)


def test_training_tells_its_samples_checkpoints_and_losses(ground: Ground) -> None:
    backend = ground.backend()

    last = ended(backend, launch(backend, ground, "n1"))

    assert last.state is RemoteState.SUCCEEDED
    assert [step for step, _loss in last.losses] == list(range(1, 21))
    assert [(item.step, item.prompt) for item in last.samples][:2] == [
        (10, "TOK, a fox in the snow"),
        (10, "TOK"),
    ]
    assert [item.step for item in last.checkpoints] == [10, 20]
    assert all(item.path.is_file() for item in (*last.samples, *last.checkpoints))
    assert ground.freed == [0]


def test_job_holds_captions_with_the_trigger_word_and_no_token(ground: Ground) -> None:
    ground.token = Secret("hf_" + "x" * 30)
    backend = ground.backend()
    order = spec(default_caption="TOK, a photo of a fox")

    run = launch(backend, ground, "n1", order)
    ended(backend, run)

    folder = ground.jobs / "n1"
    job = json.loads((folder / "job.json").read_text())
    words = [path.read_text() for path in sorted((folder / "images").glob("*.txt"))]
    assert words == ["TOK, a fox in the snow", *["TOK, a photo of a fox"] * 2]
    assert (job["mark"], job["base"], job["steps"]) == ("n1", "flux.1-dev", 8)
    assert [entry["file"] for entry in job["images"]] == ["0001.jpg", "0002.jpg", "0003.jpg"]
    texts = [path for path in folder.rglob("*") if path.is_file()]
    assert not [path for path in texts if b"hf_xxx" in path.read_bytes()]


def test_names_in_an_archive_lead_nowhere(ground: Ground) -> None:
    backend = ground.backend()
    evil = {"../evil.jpg": b"x", "/abs.png": b"y", "c:\\w.webp": b"z", "notes.exe": b"no"}

    backend.upload(archive(ground.folder / "library", **evil), "n1", Here())

    names = sorted(path.name for path in (ground.jobs / "n1.part" / "images").iterdir())
    assert names == sorted([*(f"{n:04d}.jpg" for n in (1, 2, 3, 4)), "0001.txt", "0005.png",
                            "0006.webp"])  # fmt: skip
    assert not list(ground.folder.rglob("*evil*"))


def test_launch_happens_in_one_moment_and_twice_is_once(ground: Ground) -> None:
    ground.script({"wait_at": 1})
    backend = ground.backend()
    data = backend.upload(archive(ground.folder / "library"), "n1", Here())
    since = datetime.now(UTC)
    assert backend.find(Mark("n1"), since, Here()).runs == ()
    assert backend.find(Mark("n1"), since, Here()).complete

    run = backend.submit(spec(), Destination(""), data, "n1")
    again = backend.submit(spec(), Destination(""), data, "n1")
    at_step(backend, run, 1)
    other_app = ground.backend()
    other_app.poll(run)

    assert again == run == other_app.find(Mark("n1"), since, Here()).runs[0]
    assert len(ground.starts("n1")) == 1


def test_second_job_waits_for_the_first_and_then_starts_by_itself(ground: Ground) -> None:
    ground.script({"wait_at": 1})
    backend = ground.backend()
    first = launch(backend, ground, "n1")
    second = launch(backend, ground, "n2")
    at_step(backend, first, 1)

    waiting = backend.poll(second)
    assert (waiting.state, waiting.progress.stage) == (RemoteState.QUEUED, WAITS)
    assert ground.starts("n2") == []
    backend.cancel(first)

    assert ended(backend, first).state is RemoteState.CANCELLED
    at_step(backend, second, 1)


def test_job_waits_while_the_engine_is_changed(ground: Ground) -> None:
    ground.engine.changing = True
    backend = ground.backend()
    run = launch(backend, ground, "n1")

    assert backend.poll(run).state is RemoteState.QUEUED
    assert ground.starts("n1") == []
    ground.engine.changing = False

    assert ended(backend, run).state is RemoteState.SUCCEEDED


def test_each_gpu_trains_one(ground: Ground) -> None:
    ground.script({"wait_at": 1})
    ground.engine.cards = (0, 2)
    backend = ground.backend()
    runs = [launch(backend, ground, nonce) for nonce in ("n1", "n2", "n3")]

    for run in runs[:2]:
        at_step(backend, run, 1)

    notes = [json.loads((ground.jobs / run.id / "app.json").read_text()) for run in runs]
    assert [note["gpu"] for note in notes] == [0, 2, None]
    assert ground.freed == [0, 2]
    assert backend.poll(runs[2]).progress.stage == WAITS


def test_killed_trainer_goes_on_from_its_last_checkpoint_in_a_new_app(ground: Ground) -> None:
    ground.script({"die_at": 15}, {})
    backend = ground.backend()
    run = launch(backend, ground, "n1")
    assert backend.poll(run).state in {RemoteState.QUEUED, RemoteState.TRAINING}
    until(lambda: ground.starts("n1") and not is_locked(ground.jobs / "n1" / "out"))

    last = ended(ground.backend(), run)

    assert last.state is RemoteState.SUCCEEDED
    assert len(ground.starts("n1")) == 2
    hellos = [
        json.loads(line)["step"]
        for line in (ground.jobs / "n1" / "out" / "events.jsonl").read_text().splitlines()
        if '"hello"' in line
    ]
    assert hellos == [0, 10]


def test_trainer_that_dies_without_getting_further_is_given_up_after_three_more_tries(
    ground: Ground,
) -> None:
    ground.script({"crash": 1, "says": "ImportError: no module named torch"})
    backend = ground.backend()
    run = launch(backend, ground, "n1")

    last = ended(backend, run)

    assert last.state is RemoteState.FAILED
    assert len(ground.starts("n1")) == 4
    assert "stopped 4 times without getting further" in last.error
    assert last.error.endswith("ImportError: no module named torch")
    ground.script({})
    assert backend.resume(run)
    assert ended(backend, run).state is RemoteState.SUCCEEDED


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (10, "", "it said no Do something about it."),
        (11, "OutOfGpuMemory", "too little memory"),
        (12, "AccessGated", "accepted its terms"),
        (13, "DiskFull", "Free some space"),
    ],
    ids=["bad input", "memory", "gated", "disk"],
)
def test_trouble_is_told_in_words_and_is_not_tried_again_by_itself(
    ground: Ground, code: int, kind: str, words: str
) -> None:
    ground.script({"exit": code})
    backend = ground.backend()

    last = ended(backend, launch(backend, ground, "n1"))

    assert (last.state, last.error_kind) == (RemoteState.FAILED, kind)
    assert words in last.error
    assert len(ground.starts("n1")) == 1


def test_paused_training_frees_the_gpu_and_stays_paused_over_a_restart(ground: Ground) -> None:
    ground.script({"wait_at": 12})
    backend = ground.backend()
    first, second = launch(backend, ground, "n1"), launch(backend, ground, "n2")
    at_step(backend, first, 12)

    assert backend.pause(first)

    until(lambda: backend.poll(first).paused)
    at_step(backend, second, 12)
    backend.cancel(second)
    ended(backend, second)
    ground.script({})
    later = ground.backend()
    seen = later.poll(first)
    assert (seen.paused, seen.progress.stage, seen.progress.step) == (True, PAUSED, 12)
    assert later.resume(first)
    assert ended(later, first).state is RemoteState.SUCCEEDED


def test_trainer_that_does_not_stop_is_ended(ground: Ground) -> None:
    ground.script({"hang_at": 3})
    late = timedelta()
    queue = ground.queue(now=lambda: datetime.now(UTC) + late)
    backend = ground.backend(queue)
    run = launch(backend, ground, "n1")
    at_step(backend, run, 3)

    backend.cancel(run)
    assert backend.poll(run).progress.stage == "Cancelling"
    late = timedelta(minutes=1)

    assert ended(backend, run).state is RemoteState.CANCELLED


def test_stop_without_a_wish_is_a_computer_that_shut_down(ground: Ground) -> None:
    ground.script({"wait_at": 5}, {})
    backend = ground.backend()
    run = launch(backend, ground, "n1")
    at_step(backend, run, 5)

    (ground.jobs / "n1" / "stop").touch()

    assert ended(backend, run).state is RemoteState.SUCCEEDED


def test_noise_in_the_events_hides_nothing(ground: Ground) -> None:
    ground.script({"noise": True})
    backend = ground.backend()

    last = ended(backend, launch(backend, ground, "n1"))

    assert last.state is RemoteState.SUCCEEDED
    assert len(last.losses) == 20
    assert {item.path.parent.name for item in last.samples} == {"samples"}


def test_id_that_was_given_to_another_program_is_left_alone(ground: Ground) -> None:
    ground.script({"wait_at": 1})
    backend = ground.backend()
    run = launch(backend, ground, "n1")
    at_step(backend, run, 1)
    out = ground.jobs / "n1" / "out"
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleeper) as other:
        trainer = find(out)
        write_json(out / "process.json", {"pid": other.pid, "started": "1", "boot": ""})
        late = ground.queue(now=lambda: datetime.now(UTC) + timedelta(hours=1))
        ground.backend(late).cancel(run)

        assert other.poll() is None
        assert find(out) is None
        other.kill()
    assert trainer is not None and trainer.started == start_time(trainer.pid)
    job_until(ground.queue(), "n1", Standing.CANCELLED)  # the stop file was seen


def test_weights_that_are_not_what_the_trainer_wrote_are_not_taken(ground: Ground) -> None:
    ground.script({"wrong_hash": True})
    backend = ground.backend()
    run = launch(backend, ground, "n1")
    last = ended(backend, run)

    with pytest.raises(WeightsError, match="not what the trainer wrote"):
        backend.fetch_weights(run, last, ground.folder / "run", Here())


def test_photos_go_when_it_is_done_and_checkpoints_when_a_person_says_so(ground: Ground) -> None:
    backend = ground.backend()
    run = launch(backend, ground, "n1")
    ended(backend, run)

    backend.clean_up(RemoteFile("n1", "", ""))
    kept = backend.outputs(run)
    backend.forget_outputs(run)

    assert not (ground.jobs / "n1" / "images").exists()
    assert [item.step for item in kept.checkpoints] == [10, 20]
    assert kept.size_bytes > 2 * kept.checkpoints[0].size_bytes
    assert backend.outputs(run).checkpoints == ()
    assert backend.poll(run).state is RemoteState.SUCCEEDED


def test_photos_of_a_failed_training_stay_to_go_on_with(ground: Ground) -> None:
    ground.script({"exit": 13}, {})
    backend = ground.backend()
    run = launch(backend, ground, "n1")
    ended(backend, run)

    backend.clean_up(RemoteFile("n1", "", ""))

    assert backend.resume(run)
    assert ended(backend, run).state is RemoteState.SUCCEEDED


def test_engine_that_is_not_set_up_takes_no_launch(ground: Ground) -> None:
    backend = ground.backend()
    data = backend.upload(archive(ground.folder / "library"), "n1", Here())
    ground.engine.reason = "This computer is not set up for training."

    with pytest.raises(ServiceRefused, match="not set up"):
        backend.submit(spec(), Destination(""), data, "n1")
    assert backend.find(Mark("n1"), datetime.now(UTC), Here()).runs == ()


def test_interpreter_that_is_gone_is_told_in_the_log(ground: Ground) -> None:
    ground.engine.python_path = Path("/nowhere/python")
    backend = ground.backend()

    last = ended(backend, launch(backend, ground, "n1"))

    assert last.state is RemoteState.FAILED
    assert "could not be started" in last.error


def test_trainer_goes_on_when_the_app_is_killed(ground: Ground, tmp_path: Path) -> None:
    ground.script({"step_s": 0.02})
    root = Path(__file__).parents[2]
    code = (
        "import sys, pathlib, os\n"
        "from tests.local.ground import Ground\n"
        "from tests.local.conftest import launch\n"
        "from fluxlora_desktop.domain.training import RemoteRun\n"
        "ground = Ground(pathlib.Path(sys.argv[1]))\n"
        "backend = ground.backend()\n"
        "run = launch(backend, ground, 'n1')\n"
        "backend.poll(run)\n"
        "print(run.id, flush=True)\n"
        "input()\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", code, str(ground.folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ
    ) as app:
        assert app.stdout is not None
        nonce = app.stdout.readline().decode().strip()
        app.send_signal(signal.SIGKILL)
    backend = ground.backend()
    run = backend.find(Mark(nonce), datetime.now(UTC), Here()).runs[0]

    assert ended(backend, run).state is RemoteState.SUCCEEDED
    assert len(ground.starts(nonce)) == 1
