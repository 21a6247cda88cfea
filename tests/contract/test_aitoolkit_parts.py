"""What the adapter for a checkout of ai-toolkit writes, runs and reads, part by part."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from patient_context import PatientContext
from tqdm import tqdm

from fluxlora_desktop.backends.aitoolkit.checkout import OwnCheckoutFinder
from fluxlora_desktop.backends.aitoolkit.config import as_text, config_of, without_options
from fluxlora_desktop.backends.aitoolkit.report import ReportReader
from fluxlora_desktop.backends.aitoolkit.trainers import TRAINERS, Recipe
from fluxlora_desktop.backends.local.process import find, is_locked
from fluxlora_desktop.domain.checkout import Checkout
from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.training import ParameterValue, TrainingSpec
from fluxlora_desktop.domain.weights import inspect_weights
from fluxlora_desktop.trainer import own_checkout
from tests.local.standin import COMMIT, StandIn

RUNNER = Path(own_checkout.__file__)
FLUX1, FLUX2 = TRAINERS[:2]
_PATIENCE_S = 30.0

# What ai-toolkit 27a03a9 reads of each part: toolkit/config_modules.py and the processes' own.
READ = {
    "process": {
        *("type", "training_folder", "sqlite_db_path", "device", "trigger_word", "network"),
        *("save", "datasets", "train", "model", "sample"),
    },
    "network": {"type", "linear", "linear_alpha"},
    "save": {"dtype", "save_every", "max_step_saves_to_keep", "push_to_hub"},
    "dataset": {
        *("folder_path", "caption_ext", "default_caption", "caption_dropout_rate"),
        *("shuffle_tokens", "cache_latents_to_disk", "resolution"),
    },
    "train": {
        *("batch_size", "steps", "gradient_accumulation", "train_unet", "train_text_encoder"),
        *("gradient_checkpointing", "noise_scheduler", "timestep_type", "optimizer", "lr"),
        *("lr_scheduler", "ema_config", "cache_text_embeddings", "skip_first_sample"),
        *("disable_sampling", "dtype"),
    },
    "ema_config": {"use_ema", "ema_decay"},
    "model": {
        *("name_or_path", "arch", "is_flux", "quantize", "quantize_te", "low_vram"),
        "model_kwargs",
    },
    "sample": {
        *("sampler", "sample_every", "width", "height", "prompts", "neg", "seed", "walk_seed"),
        *("guidance_scale", "sample_steps"),
    },
}


def _environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": "/nowhere", "PYTHONHOME": "/nowhere"}


def spec_for(recipe: Recipe, trigger: str = "TOK", **chosen: ParameterValue) -> TrainingSpec:
    return TrainingSpec("run1", recipe.trainer.key, recipe.trainer.base, trigger, 3, "my-cat",
                        parameters=chosen)  # fmt: skip


class _AsAiToolkit(yaml.SafeLoader):
    """PyYAML with ai-toolkit's own rule for numbers with an exponent."""


_AsAiToolkit.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?$"),
    list("-+0123456789."),
)


def until(happened: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + _PATIENCE_S
    while not (found := happened()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return found


class Room:
    """A stand-in checkout and one job in a folder."""

    def __init__(self, folder: Path) -> None:
        self.checkout = StandIn(folder)
        self.job = folder / "jobs" / "mark1"
        (self.job / "images").mkdir(parents=True)
        self.out = self.job / "out"
        self.out.mkdir()
        for number in range(3):
            (self.job / "images" / f"{number:04d}.jpg").write_bytes(b"photo")
            (self.job / "images" / f"{number:04d}.txt").write_text(f"TOK cat {number}")
        self.order()

    def order(self, *, reports: bool = True, **chosen: ParameterValue) -> None:
        given: dict[str, ParameterValue] = {"steps": 30, "save_every": 10, "sample_every": 20}
        spec = spec_for(FLUX1, **(given | chosen))
        config = config_of(spec, FLUX1, self.job, ["TOK a", "TOK b"], reports=reports)
        (self.job / "job.json").write_text(as_text(config))

    def start(self) -> subprocess.Popen[bytes]:
        with (self.out / "log.txt").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, str(RUNNER), str(self.job), str(self.checkout.folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )

    def run(self) -> dict[str, Any]:
        child = self.start()
        code = child.wait(_PATIENCE_S)
        result: dict[str, Any] = json.loads((self.out / "result.json").read_bytes())
        assert result["code"] == code
        return result

    def log(self) -> str:
        return (self.out / "log.txt").read_text()


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


class TestCheckout:
    def test_checkout_is_found_with_its_version_commit_gpu_and_bases(
        self, room: Room, ctx: PatientContext
    ) -> None:
        stand_in = room.checkout

        found = OwnCheckoutFinder(_environ).look(stand_in.folder, stand_in.python, ctx)

        assert (found.version, found.commit, found.torch) == ("0.12.26", COMMIT, "2.13.0+cu130")
        assert found.bases == ("flux.1-dev", "flux.2-dev")
        assert found.reports
        assert "0.12.26 (27a03a9)" in found.says
        assert "RTX 4090, 24 GB" in found.says
        assert Checkout.from_text(found.as_text()) == found

    def test_python_of_the_folder_is_taken_where_none_is_named(
        self, room: Room, ctx: PatientContext
    ) -> None:
        finder = OwnCheckoutFinder(_environ)
        with pytest.raises(InputError, match="no venv"):
            finder.look(room.checkout.folder, None, ctx)
        inside = room.checkout.folder / ".venv/bin/python"
        room.checkout.write_python(inside)

        assert finder.look(room.checkout.folder, None, ctx).python == inside

    @pytest.mark.parametrize(
        ("gone", "field", "says"),
        [
            ("run.py", "folder", "no run.py"),
            ("toolkit/config_modules.py", "folder", "not that of ai-toolkit"),
        ],
    )
    def test_folder_that_is_no_checkout_is_refused_in_words(
        self, room: Room, ctx: PatientContext, gone: str, field: str, says: str
    ) -> None:
        (room.checkout.folder / gone).unlink()

        with pytest.raises(InputError, match=says) as caught:
            OwnCheckoutFinder(_environ).look(room.checkout.folder, room.checkout.python, ctx)

        assert caught.value.field == field

    def test_python_that_cannot_run_it_is_refused_in_words(
        self, room: Room, ctx: PatientContext, tmp_path: Path
    ) -> None:
        finder, folder = OwnCheckoutFinder(_environ), room.checkout.folder
        (room.checkout.modules / "oyaml.py").unlink()
        with pytest.raises(InputError, match="lacks oyaml"):
            finder.look(folder, room.checkout.python, ctx)
        (room.checkout.modules / "oyaml.py").write_text("")
        (room.checkout.modules / "torch.py").write_text("raise OSError('libcudart is missing')")
        with pytest.raises(InputError, match="libcudart is missing"):
            finder.look(folder, room.checkout.python, ctx)
        with pytest.raises(InputError, match="is not there"):
            finder.look(folder, tmp_path / "python", ctx)
        with pytest.raises(InputError, match="does not answer as a Python does"):
            finder.look(folder, Path("/bin/true"), ctx)
        with pytest.raises(InputError, match="does not start"):
            finder.look(folder, room.job / "job.json", ctx)

    @pytest.mark.parametrize(
        ("files", "commit"),
        [
            ({".git/HEAD": COMMIT}, COMMIT),
            ({".git/refs/heads/main": "", ".git/packed-refs": f"# x\n{COMMIT} refs/heads/main\n"},
             COMMIT),
            ({".git/HEAD": "ref: ../../../etc/passwd"}, ""),
            ({".git/HEAD": "ref: refs/heads/../../../../etc/passwd"}, ""),
            ({".git/HEAD": ""}, ""),
        ],
        ids=["detached", "packed", "outside", "dots", "empty"],
    )  # fmt: skip
    def test_commit_is_read_without_git(
        self, room: Room, ctx: PatientContext, files: dict[str, str], commit: str
    ) -> None:
        for name, text in files.items():
            room.checkout.write(name, text)
        stand_in = room.checkout

        found = OwnCheckoutFinder(_environ).look(stand_in.folder, stand_in.python, ctx)

        assert found.commit == commit

    @pytest.mark.parametrize(
        "text",
        ["", "{", "[]", '{"folder": 1, "python": "p"}', '{"folder": "f"}', "[" * 10_000],
        ids=["empty", "cut", "list", "number", "half", "deep"],
    )
    def test_kept_text_that_says_nothing_is_as_none(self, text: str) -> None:
        assert Checkout.from_text(text) is None


class TestConfig:
    @pytest.mark.parametrize("recipe", TRAINERS, ids=lambda recipe: recipe.arch)
    def test_configuration_is_what_ai_toolkit_reads_and_yaml_as_well(
        self, recipe: Recipe, tmp_path: Path
    ) -> None:
        defaults = {item.name: item.default for item in recipe.trainer.parameters}

        config = config_of(spec_for(recipe, **defaults), recipe, tmp_path, ["p"], reports=True)

        text = as_text(config)
        assert yaml.load(text, Loader=_AsAiToolkit) == json.loads(text) == config
        (process,) = config["config"]["process"]
        parts = {name: process[name] for name in ("network", "save", "train", "model", "sample")}
        parts |= {"process": process, "dataset": process["datasets"][0]}
        parts["ema_config"] = process["train"]["ema_config"]
        for name, part in parts.items():
            assert set(part) <= READ[name], name
        assert process["network"]["linear"] == process["network"]["linear_alpha"] == 16
        assert process["train"]["lr"] == 1e-4
        assert (process["model"]["arch"], process["model"]["name_or_path"]) == (
            recipe.arch,
            recipe.hub_id,
        )
        assert config["meta"]["name"] == "my-cat"

    def test_texts_of_a_person_arrive_as_they_are(self, room: Room) -> None:
        words = 'ein "TOK" für ${HOME} $5 \\ {a|b} 狐'
        config = config_of(spec_for(FLUX1, words), FLUX1, room.job, [words], reports=True)
        path = room.job / "odd.json"
        path.write_text(as_text(config), encoding="ascii")
        sys_path = str(room.checkout.folder)
        read = f"import sys, json; sys.path.insert(0, {sys_path!r}); from run import get_config;"
        read += f"print(json.dumps(get_config({str(path)!r})))"

        told = subprocess.run([sys.executable, "-c", read], capture_output=True, check=True)

        process = json.loads(told.stdout)["config"]["process"][0]
        assert process["trigger_word"] == words
        assert process["sample"]["prompts"] == [words]

    def test_prompts_of_samples_carry_no_options(self) -> None:
        assert without_options(["TOK  cat\n--w 64 ---seed 1", "b-c"]) == [
            "TOK cat –w 64 –seed 1",
            "b-c",
        ]

    def test_no_samples_and_no_smoothing_where_a_person_wants_none(self, tmp_path: Path) -> None:
        spec = spec_for(FLUX2, sample_every=0, ema_decay=0)

        (process,) = config_of(spec, FLUX2, tmp_path, ["p"], reports=False)["config"]["process"]

        assert process["type"] == "sd_trainer"
        assert process["train"]["disable_sampling"]
        assert not process["train"]["ema_config"]["use_ema"]

    @pytest.mark.parametrize("text", ["", "large", "512,", "4096"])
    def test_sizes_that_cannot_be_trained_are_refused(self, text: str, tmp_path: Path) -> None:
        with pytest.raises(InputError):
            config_of(spec_for(FLUX1, resolution=text), FLUX1, tmp_path, [], reports=True)


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

        second = room.start().wait(_PATIENCE_S)

        assert second == own_checkout.BUSY
        running = find(room.out)
        assert running is not None and running.pid == first.pid
        assert not (room.out / "result.json").exists()
        room.checkout.go()
        assert first.wait(_PATIENCE_S) == 0
        assert room.log().count("Running 1 job") == 1

    def test_stop_file_saves_and_ends_and_the_next_start_goes_on_from_there(
        self, room: Room
    ) -> None:
        room.order(steps=400, save_every=1000, sample_every=0)
        room.checkout.script(slow=0.02)
        child = room.start()
        until(lambda: (ReportReader(room.job).read().step or 0) > 3)

        (room.job / "stop").touch()

        assert child.wait(_PATIENCE_S) == own_checkout.STOPPED
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

        assert child.wait(_PATIENCE_S) == own_checkout.STOPPED

    def test_stop_file_interrupts_the_first_import(self, room: Room) -> None:
        room.checkout.write("run.py", "import time\nprint('importing', flush=True)\ntime.sleep(60)")
        child = room.start()
        until(lambda: "importing" in room.log())

        (room.job / "stop").touch()

        assert child.wait(_PATIENCE_S) == own_checkout.STOPPED

    def test_killed_job_goes_on_from_the_last_whole_checkpoint(self, room: Room) -> None:
        room.checkout.script(wait=25)
        child = room.start()
        until(lambda: len(ReportReader(room.job).read().checkpoints) == 2)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait(_PATIENCE_S)
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
