"""How a job of ai-toolkit is run, stopped and gone on with, and what is read of it."""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from tqdm import tqdm

from fluxlora_desktop.backends.aitoolkit.report import ReportReader
from fluxlora_desktop.backends.local.process import find, is_locked
from fluxlora_desktop.domain.weights import inspect_weights
from fluxlora_desktop.trainer import own_checkout
from tests.local.ground import PATIENCE_S, until
from tests.local.standin_job import Room


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.quiet()


class TestRunner:
    def test_job_runs_to_its_end_and_leaves_what_every_trainer_leaves(self, room: Room) -> None:
        result = room.run()

        assert (result["status"], result["code"], result["steps"]) == ("done", 0, 30)
        facts = inspect_weights(room.out / "lora.safetensors")
        assert facts.sha256 == result["sha256"]
        assert facts.base == "flux.1-dev"  # whatever its metadata say
        assert facts.metadata["ss_base_model_version"] == "sd_1.5"
        seen = json.loads((room.out / "lora" / "seen.json").read_text())
        assert seen[1] == ["TOK cat 0", "TOK cat 1", "TOK cat 2"]
        assert not is_locked(room.out)

    def test_everything_that_it_tells_is_read(self, room: Room) -> None:
        room.run()

        told = ReportReader(room.job).read()

        assert (told.step, told.of, told.done, told.error) == (30, 30, True, None)
        assert [loss for step, loss in told.losses if step == 4] == [0.2]
        assert told.seconds_per_step == 1.8
        assert [point.step for point in told.checkpoints] == [10, 20]
        assert [(s.step, s.index, s.prompt, s.seed) for s in told.samples] == [
            *((20, 0, "TOK a", 42), (20, 1, "TOK b", 43)),
            *((30, 0, "TOK a", 42), (30, 1, "TOK b", 43)),
        ]
        for item in (*told.samples, *told.checkpoints):
            assert (room.out / item.path).is_file()

    def test_second_start_of_a_running_job_does_nothing(self, room: Room) -> None:
        room.checkout.script(wait=5)
        first = room.start()
        until(lambda: find(room.out))

        second = room.start().wait(PATIENCE_S)

        assert second == own_checkout.BUSY
        running = find(room.out)
        assert running is not None and running.pid == first.pid
        assert not (room.out / "result.json").exists()
        room.checkout.go()
        assert first.wait(PATIENCE_S) == 0
        assert room.log().count("Running 1 job") == 1

    def test_stop_file_saves_and_ends_and_the_next_start_goes_on_from_there(
        self, room: Room
    ) -> None:
        room.order(steps=400, save_every=1000, sample_every=0)
        room.checkout.script(slow=0.02)
        child = room.start()
        until(lambda: (ReportReader(room.job).read().step or 0) > 3)

        (room.job / "stop").touch()

        assert child.wait(PATIENCE_S) == own_checkout.STOPPED
        assert json.loads((room.out / "result.json").read_text())["status"] == "stopped"
        (saved,) = ReportReader(room.job).read().checkpoints
        (room.job / "stop").unlink()
        room.order(steps=saved.step + 5, save_every=1000, sample_every=0)
        assert room.run()["status"] == "done"
        assert f"Found step {saved.step} in metadata" in room.log()

    @pytest.mark.parametrize("reports", [True, False], ids=["loading", "older checkout"])
    def test_stop_file_interrupts_where_there_is_nothing_to_save(
        self, room: Room, reports: bool
    ) -> None:
        room.order(reports=reports)
        room.checkout.script(wait=0)
        child = room.start()
        until(lambda: "Skipping first sample" in room.log())

        (room.job / "stop").touch()

        assert child.wait(PATIENCE_S) == own_checkout.STOPPED

    def test_stop_file_interrupts_the_first_import(self, room: Room) -> None:
        room.checkout.write("run.py", "import time\nprint('importing', flush=True)\ntime.sleep(60)")
        child = room.start()
        until(lambda: "importing" in room.log())

        (room.job / "stop").touch()

        assert child.wait(PATIENCE_S) == own_checkout.STOPPED

    def test_killed_job_goes_on_from_the_last_whole_checkpoint(self, room: Room) -> None:
        room.checkout.script(wait=25)
        child = room.start()
        until(lambda: len(ReportReader(room.job).read().checkpoints) == 2)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait(PATIENCE_S)
        half = room.out / "lora" / "lora_000000024.safetensors"
        half.write_bytes((room.out / "lora" / "lora_000000020.safetensors").read_bytes()[:-50])
        assert [point.step for point in ReportReader(room.job).read().checkpoints] == [10, 20]
        assert not is_locked(room.out)
        room.checkout.go()

        assert room.run()["status"] == "done"

        assert "Found step 20 in metadata" in room.log()
        assert ReportReader(room.job).read().step == 30

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            ("OOM during training step 3 times in a row, aborting training", 11),
            ("CUDA out of memory. Tried to allocate 2 GiB", 11),
            ("401 Client Error. Cannot access gated repo", 12),
            ("[Errno 28] No space left on device", 13),
            ("something broke", 1),
        ],
    )
    def test_end_is_told_as_every_trainer_tells_it(self, room: Room, words: str, code: int) -> None:
        room.checkout.script(crash=3, words=words)

        result = room.run()

        assert (result["status"], result["code"]) == ("failed", code)
        assert words in result["reason"]
        error = ReportReader(room.job).read().error
        assert error is not None and error.says == words

    def test_checkout_that_is_gone_and_one_that_makes_no_weights_are_told(self, room: Room) -> None:
        room.checkout.write("run.py", "print(' - 1 completed job')")
        nothing = room.run()
        (room.checkout.folder / "run.py").unlink()
        gone = room.run()

        assert (nothing["code"], nothing["reason"]) == (1, "ai-toolkit ended without weights")
        assert gone["code"] == own_checkout.BAD_INPUT


class TestReport:
    def test_steps_left_out_for_memory_are_warned_of(self, room: Room) -> None:
        room.checkout.script(oom=[3, 4])

        room.run()

        told = ReportReader(room.job).read()
        assert len(told.warnings) == 2
        assert "memory was full" in told.warnings[0]
        assert told.done

    def test_row_tells_what_the_log_does_not_yet(self, room: Room) -> None:
        own_checkout.make_row(room.out / "aitk_db.db")
        with sqlite3.connect(room.out / "aitk_db.db") as link:
            link.execute("UPDATE Job SET status='running', step='7', info='Quantizing T5'")
        link.close()

        told = ReportReader(room.job).read()

        assert (told.step, told.stage, told.says) == (7, "loading", "Quantizing T5")

    def test_garbage_is_passed_over(self, room: Room) -> None:
        room.checkout.script(garbage=True)
        room.run()
        (room.out / "aitk_db.db").write_bytes(b"no database")
        (room.out / "lora" / "lora_000000099.safetensors").write_bytes(b"\xff" * 100)
        (room.out / "lora" / "lora_000000098.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0[]")
        (room.out / "lora" / "samples" / "x__1_0.jpg").write_bytes(b"")
        (room.job / "job.json").write_text("[" * 5000)

        told = ReportReader(room.job).read()

        assert (told.step, told.done) == (30, True)
        assert [point.step for point in told.checkpoints] == [10, 20]
        assert {sample.prompt for sample in told.samples} == {""}

    def test_log_is_read_on_and_anew_where_it_is_another(self, room: Room) -> None:
        log, reader = room.out / "log.txt", ReportReader(room.job)
        bar = "lora:   5%|#         | {}/100 [00:01<00:02,  2.00it/s, lr: 1.0e-04 loss: {}]\r"
        log.write_text("Running 1 job\n" + bar.format(5, "5.0e-01") + bar.format(6, "4")[:40])
        first = reader.read()
        with log.open("a") as file:
            file.write(bar.format(6, "4.0e-01")[40:])
        second = reader.read()
        log.write_text(bar.format(1, "nan"))
        third = reader.read()

        assert (first.step, first.seconds_per_step, first.losses) == (5, 0.5, ((5, 0.5),))
        assert second.losses == ((5, 0.5), (6, 0.4))
        assert (third.step, third.losses) == (1, ())

    @pytest.mark.parametrize("ascii_only", [True, False], ids=["ascii", "blocks"])
    def test_bars_are_read_as_tqdm_draws_them(self, room: Room, ascii_only: bool) -> None:
        drawn = io.StringIO()
        bar = tqdm(total=100, initial=6, desc="lora", file=drawn, ascii=ascii_only, mininterval=0)
        bar.set_postfix_str("lr: 1.0e-04 loss: 5.000e-01")
        bar.update(1)
        bar.close()
        (room.out / "log.txt").write_text(f"{drawn.getvalue()}Saved", encoding="utf-8")

        told = ReportReader(room.job).read()

        assert (told.step, told.of, told.loss, told.stage) == (7, 100, 0.5, "training")
        assert told.losses == ((6, 0.5), (7, 0.5))

    def test_line_without_an_end_takes_no_memory(self, room: Room) -> None:
        (room.out / "log.txt").write_bytes(b"x" * 3_000_000)
        reader = ReportReader(room.job)

        assert reader.read().step is None
        assert len(reader._rest) <= 8000
