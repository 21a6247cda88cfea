"""Trainings with a checkout of ai-toolkit, over a stand-in that speaks as the real one does."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from patient_context import PatientContext
from photos import make_archive
from training_contract import (
    SINCE,
    Ready,
    TrainingBackendContract,
    specification,
    until_ended,
)

from fluxlora_desktop.backends.aitoolkit.trainers import TRAINERS
from fluxlora_desktop.backends.aitoolkit.training import AiToolkitTraining
from fluxlora_desktop.backends.local.parts import LocalParts
from fluxlora_desktop.backends.local.process import find, is_locked
from fluxlora_desktop.backends.local.queue import LocalQueue
from fluxlora_desktop.backends.local.training import LocalTraining
from fluxlora_desktop.domain.checkout import Checkout
from fluxlora_desktop.domain.errors import InputError, OutOfGpuMemory, ServiceRefused
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.training import (
    PAUSED,
    Mark,
    RemoteRun,
    RemoteState,
    TrainingSpec,
)
from fluxlora_desktop.domain.weights import inspect_weights
from fluxlora_desktop.trainer import own_checkout
from tests.local.ground import Ground, quiet_ground, until
from tests.local.standin import StandIn

FLUX1 = TRAINERS[0].trainer
_QUICK = {"steps": 30, "save_every": 10, "sample_every": 15}
TRAINER_FOLDER = Path(own_checkout.__file__).parent


class AiToolkitService:
    """A computer with a checkout; `backend` is replaced by `restart`, as the app's next start."""

    def __init__(self, ground: Ground, folder: Path) -> None:
        self.ground, self.checkout = ground, StandIn(folder)
        self.known: Checkout | None = Checkout(
            self.checkout.folder,
            self.checkout.python,
            gpu="NVIDIA GeForce RTX 4090",
            gpu_bytes=24 << 30,
            bases=("flux.1-dev", "flux.2-dev"),
            reports=True,
        )
        self.token: Secret | None = None
        self.trainer = replace(FLUX1, parameters=tuple(map(_quick, FLUX1.parameters)))
        self.restart()

    def restart(self) -> None:
        parts = self.parts()
        self.queue = LocalQueue(parts.jobs, gpus=lambda _base: (0,), free_gpu=lambda _gpu: None)
        self.backend = AiToolkitTraining(parts, self.queue)

    def parts(self) -> LocalParts:
        return replace(
            self.ground.parts(),
            trainer=TRAINER_FOLDER,
            environment=lambda: {**os.environ, "PYTHONHOME": "/nowhere"},
            hub_token=lambda: self.token,
            checkout=lambda: self.known,
        )

    def launches(self) -> int:
        logs = self.ground.jobs.glob("*/out/log.txt")
        return sum(log.read_text(errors="replace").count("Running 1 job") for log in logs)

    def keep_waiting(self) -> None:
        self.checkout.script(wait=1)

    def weights_of(self, run: RemoteRun) -> bytes:
        return (self.ground.jobs / run.id / "out" / "lora" / "lora.safetensors").read_bytes()

    def log(self, run: RemoteRun) -> str:
        return (self.ground.jobs / run.id / "out" / "log.txt").read_text(errors="replace")


def _quick(parameter):  # type: ignore[no-untyped-def]
    return replace(parameter, default=_QUICK.get(parameter.name, parameter.default))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[AiToolkitService]:
    with quiet_ground(tmp_path / "engine") as ground:
        yield AiToolkitService(ground, tmp_path)


class TestAiToolkit(TrainingBackendContract):
    """What every training backend keeps, and what is ai-toolkit's own."""

    def test_samples_checkpoints_and_losses_are_told_with_the_end(
        self, service: AiToolkitService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        run = service.backend.submit(spec, *ready, nonce)

        last = until_ended(service.backend, run)

        assert [point.step for point in last.checkpoints] == [10, 20]
        assert [sample.step for sample in last.samples] == [15, 15, 30, 30]
        assert last.samples[0].prompt == "a photo of TOK, view 0"
        assert all(item.path.is_file() for item in (*last.samples, *last.checkpoints))
        assert len(last.losses) == 30
        assert (last.progress.step, last.progress.total) == (30, 30)
        assert "Step 4: loss 0.2000" in last.log
        told = service.backend.outputs(run)
        assert "Saved checkpoint to" in told.log
        assert told.log.count("lora: ") < 10  # of each bar only the last

    def test_weights_are_a_lora_of_the_base_whatever_their_metadata_say(
        self,
        service: AiToolkitService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        tmp_path: Path,
        ctx: PatientContext,
    ) -> None:
        run = service.backend.submit(spec, *ready, nonce)
        last = until_ended(service.backend, run)

        fetched = service.backend.fetch_weights(run, last, tmp_path / "run", ctx)

        facts = inspect_weights(fetched.path)
        assert (facts.base, facts.metadata["ss_base_model_version"]) == ("flux.1-dev", "sd_1.5")

    def test_photos_carry_their_captions_and_the_trigger_word(
        self, service: AiToolkitService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        (service.queue.staging(nonce) / "images" / "0002.txt").write_text("a cat")
        (service.queue.staging(nonce) / "images" / "0003.txt").unlink()
        given = {**spec.parameters, "default_caption": "a TOK thing"}
        run = service.backend.submit(replace(spec, parameters=given), *ready, nonce)

        until_ended(service.backend, run)

        seen = json.loads((service.ground.jobs / run.id / "out/lora/seen.json").read_text())
        assert seen[0][:2] == ["0001.jpg", "0002.jpg"]
        assert seen[1][:3] == ["a photo of TOK, view 0", "TOK, a cat", "a TOK thing"]

    def test_app_that_starts_anew_finds_the_training_and_starts_no_other(
        self,
        service: AiToolkitService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        ctx: PatientContext,
    ) -> None:
        service.checkout.script(wait=12)
        run = service.backend.submit(spec, *ready, nonce)
        service.backend.poll(run)
        until(lambda: find(service.ground.jobs / run.id / "out"))

        service.restart()
        (found,) = service.backend.find(Mark(nonce), SINCE, ctx).runs
        until(lambda: len(service.backend.poll(found).checkpoints) == 1)
        service.checkout.go()

        assert until_ended(service.backend, found).state is RemoteState.SUCCEEDED
        assert service.launches() == 1

    def test_killed_training_goes_on_from_its_last_checkpoint(
        self, service: AiToolkitService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        service.checkout.script(wait=25)
        run = service.backend.submit(spec, *ready, nonce)
        out = service.ground.jobs / run.id / "out"
        until(lambda: len(service.backend.poll(run).checkpoints) == 2)
        running = find(out)
        assert running is not None
        service.restart()  # the app is another one by now, so it is not told by its child's end
        os.killpg(running.pid, signal.SIGKILL)
        until(lambda: not is_locked(out))
        service.checkout.go()

        last = until_ended(service.backend, run)

        assert last.state is RemoteState.SUCCEEDED
        assert service.launches() == 2
        assert "Found step 20 in metadata" in service.log(run)

    def test_pause_saves_and_resume_goes_on_from_there(
        self, service: AiToolkitService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        service.checkout.script(slow=0.02)
        long = replace(spec, parameters={**spec.parameters, "steps": 60, "save_every": 5000})
        run = service.backend.submit(long, *ready, nonce)
        until(lambda: (service.backend.poll(run).progress.step or 0) > 2)

        assert service.backend.pause(run)
        until(lambda: service.backend.poll(run).paused)
        paused = service.backend.poll(run)
        service.checkout.script()
        assert service.backend.resume(run)
        last = until_ended(service.backend, run)

        assert paused.progress.stage == PAUSED
        (saved,) = paused.checkpoints
        assert last.state is RemoteState.SUCCEEDED
        assert f"Found step {saved.step} in metadata" in service.log(run)

    def test_memory_that_does_not_do_is_told_and_not_tried_again(
        self, service: AiToolkitService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        words = "OOM during training step 3 times in a row, aborting training"
        service.checkout.script(oom=[1, 2], crash=3, words=words)
        run = service.backend.submit(spec, *ready, nonce)

        last = until_ended(service.backend, run)

        assert (last.state, last.error_kind) == (RemoteState.FAILED, OutOfGpuMemory.__name__)
        assert "too little memory" in last.error
        assert "one step was left out" in service.backend.outputs(run).log
        assert service.launches() == 1

    def test_crash_is_told_in_the_words_of_ai_toolkit(
        self, service: AiToolkitService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        service.checkout.script(crash=3, words="something broke")
        run = service.backend.submit(spec, *ready, nonce)

        last = until_ended(service.backend, run)

        assert (last.state, last.error) == (RemoteState.FAILED, "something broke")

    def test_program_that_dies_at_once_is_given_up_with_its_last_words(
        self, service: AiToolkitService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        service.checkout.write(
            "run.py", "import os\nprint('no kernel image', flush=True)\nos._exit(1)"
        )
        run = service.backend.submit(spec, *ready, nonce)

        last = until_ended(service.backend, run)

        assert last.state is RemoteState.FAILED
        assert last.error.endswith("Its last words: no kernel image")

    def test_token_is_in_the_environment_alone_and_ai_toolkits_own_goes_first(
        self, service: AiToolkitService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        service.token = Secret("hf_0123456789abcdefghijklmno")
        service.checkout.write(
            "run.py",
            "import os, pathlib, sys\n"
            "told = pathlib.Path(sys.argv[1]).parent / 'told'\n"
            "told.write_text(os.environ.get('HF_TOKEN', ''))",
        )
        run = service.backend.submit(spec, *ready, nonce)
        told = service.ground.jobs / run.id / "told"
        until_ended(service.backend, run)
        first = told.read_text()
        service.checkout.write(".env", "# mine\nexport HF_TOKEN = hf_own\n")
        assert service.backend.resume(run)
        until_ended(service.backend, run)

        assert (first, told.read_text()) == (service.token.reveal(), "")
        kept = (path for path in (service.ground.jobs / run.id).rglob("*") if path != told)
        for path in kept:
            if path.is_file():
                assert service.token.reveal().encode() not in path.read_bytes(), path

    def test_one_gpu_is_shared_with_the_apps_own_trainer(
        self,
        service: AiToolkitService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        tmp_path: Path,
        ctx: PatientContext,
    ) -> None:
        own = LocalTraining(service.ground.parts(), service.queue)
        service.checkout.script(wait=0)
        first = service.backend.submit(spec, *ready, nonce)
        data = own.upload(make_archive(tmp_path), "second", ctx)
        trainer = own.abilities().trainers[0]
        second = own.submit(specification(trainer), ready[0], data, "second")

        until(lambda: service.backend.poll(first).state is RemoteState.TRAINING)
        assert own.poll(second).state is RemoteState.QUEUED
        assert service.backend.cancel(first)

        assert until_ended(own, second).state is RemoteState.SUCCEEDED
        assert [one.remote.id for one in own.list_trainings(SINCE, ctx).trainings] == ["second"]

    def test_size_that_is_not_offered_is_refused_before_anything_starts(
        self, service: AiToolkitService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        wrong = replace(spec, parameters={**spec.parameters, "resolution": "64"})

        with pytest.raises(InputError):
            service.backend.submit(wrong, *ready, nonce)

        assert service.launches() == 0

    def test_what_is_left_can_be_deleted(
        self, service: AiToolkitService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        run = service.backend.submit(spec, *ready, nonce)
        until_ended(service.backend, run)

        service.backend.clean_up(ready[1])
        kept = service.backend.outputs(run)
        service.backend.forget_outputs(run)

        assert kept.checkpoints and kept.samples
        left = service.backend.outputs(run)
        assert (left.checkpoints, left.samples) == ((), ())
        assert left.size_bytes < kept.size_bytes / 10
        assert service.backend.poll(run).state is RemoteState.SUCCEEDED

    def test_reason_is_told_while_nothing_can_be_trained(
        self, service: AiToolkitService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        known = service.known
        assert known is not None
        assert service.backend.abilities().not_ready == ""
        assert service.backend.abilities().offered
        for changed, says in (
            (None, "Name the folder"),
            (replace(known, gpu=""), "sees no graphics card"),
            (replace(known, python=Path("/gone")), "no longer at /gone"),
            (replace(known, folder=Path("/gone")), "no longer in /gone"),
            (replace(known, bases=()), "does not know FLUX"),
        ):
            service.known = changed
            told = service.backend.abilities()
            assert says in told.not_ready
            assert told.offered is (changed is not None)
            with pytest.raises(ServiceRefused, match=says):
                service.backend.submit(spec, *ready, nonce)
        assert service.launches() == 0

    def test_only_bases_that_the_checkout_knows_are_offered(
        self, service: AiToolkitService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        assert service.known is not None
        service.known = replace(service.known, bases=("flux.2-dev", "flux.2-klein-4b"))

        offered = [trainer.base for trainer in service.backend.abilities().trainers]

        assert offered == ["flux.2-dev", "flux.2-klein-4b"]
        with pytest.raises(InputError, match="is not offered"):
            service.backend.submit(spec, *ready, nonce)
