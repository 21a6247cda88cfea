"""Trainings with a checkout of ai-toolkit, in the same queue as the app's own trainer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fluxlora_desktop.backends.aitoolkit.checkout import without_foreign
from fluxlora_desktop.backends.aitoolkit.config import (
    CONFIG,
    NAME,
    as_text,
    config_of,
    without_options,
)
from fluxlora_desktop.backends.aitoolkit.report import ReportReader
from fluxlora_desktop.backends.aitoolkit.trainers import TRAINERS, recipe_of
from fluxlora_desktop.backends.local.child import on_gpu
from fluxlora_desktop.backends.local.files import write_bytes
from fluxlora_desktop.backends.local.job import Image, sample_prompts
from fluxlora_desktop.backends.local.notes import Note
from fluxlora_desktop.backends.local.process import Program
from fluxlora_desktop.backends.local.queue import Job, Reader
from fluxlora_desktop.backends.local.training import LocalTraining
from fluxlora_desktop.domain.bases import title_of
from fluxlora_desktop.domain.checkout import Checkout
from fluxlora_desktop.domain.errors import ServiceRefused
from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.services import AI_TOOLKIT
from fluxlora_desktop.domain.training import Trainer, TrainingAbilities, TrainingSpec

RUNNER = "own_checkout.py"
"""The program below the trainer's folder that becomes ai-toolkit."""
_OWN_TOKEN = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_LARGEST_ENV = 64_000
_NONE = "Name the folder of your ai-toolkit first."


class AiToolkitTraining(LocalTraining):
    """Trains with the ai-toolkit that a person has; a job is a folder as of every local trainer.

    ai-toolkit works below `out/lora/`. A job goes on from its newest checkpoint by being started
    again with the same configuration, which is ai-toolkit's own way.
    """

    key = AI_TOOLKIT
    title = "ai-toolkit"
    _made_folders = (NAME,)

    def abilities(self) -> TrainingAbilities:
        """Return a trainer for each base that the checkout knows, or why there is none now."""
        offered = self._parts.checkout() is not None
        return replace(super().abilities(), offered=offered, named_in_settings=True)

    def estimate(self, spec: TrainingSpec) -> Estimate:
        """Return no price and a guess of the time."""
        trainer = self._trainer(spec.trainer)
        return trainer.price.estimate(trainer.steps_of(spec.parameters))

    def _trainers(self) -> tuple[Trainer, ...]:
        """Return what the checkout trains; everything while there is none, for looking at."""
        checkout = self._parts.checkout()
        every = tuple(recipe.trainer for recipe in TRAINERS)
        known = tuple(one for one in every if checkout and one.base in checkout.bases)
        return known or every

    def _not_ready(self, base: str = "") -> str:
        checkout = self._parts.checkout()
        if checkout is None:
            return _NONE
        if not (checkout.folder / "run.py").is_file():
            return f"Your ai-toolkit is no longer in {checkout.folder}."
        if not checkout.python.is_file():
            return f"The Python of your ai-toolkit is no longer at {checkout.python}."
        if not checkout.gpu:
            return "The torch of your ai-toolkit sees no graphics card."
        if not checkout.bases or (base and base not in checkout.bases):
            return f"Your ai-toolkit does not know {title_of(base) if base else 'FLUX'}. Update it."
        return ""

    def _write_job(
        self, part: Path, spec: TrainingSpec, images: Sequence[Image], nonce: str
    ) -> None:
        checkout = self._checkout()
        prompts = without_options(sample_prompts(spec, images))
        folder = self._queue.folder(nonce)
        config = config_of(spec, recipe_of(spec.trainer), folder, prompts, reports=checkout.reports)
        write_bytes(part / CONFIG, as_text(config).encode("ascii"))

    def _program(self, folder: Path, note: Note) -> Program:
        """Return how ai-toolkit is started; a token is in its environment alone."""
        checkout = self._checkout()
        environment = without_foreign(self._parts.environment())
        environment |= {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
        token = self._parts.hub_token()
        if token is not None and not _has_token(checkout, environment):
            environment["HF_TOKEN"] = token.reveal()
        if note.gpu is not None:
            environment = on_gpu(environment, note.gpu)
        runner = str(self._parts.trainer / RUNNER)
        command = (str(checkout.python), runner, str(folder), str(checkout.folder))
        return Program(command, environment, checkout.folder)

    def _reader(self, folder: Path) -> Reader:
        return ReportReader(folder)

    def _states_of(self, job: Job) -> tuple[Path, ...]:
        return (job.out / NAME / "optimizer.pt",)

    def _checkout(self) -> Checkout:
        checkout = self._parts.checkout()
        if checkout is None or self._not_ready():
            raise ServiceRefused(self.key, self._not_ready())
        return checkout


def _has_token(checkout: Checkout, environment: dict[str, str]) -> bool:
    """Tell whether ai-toolkit has a token of its own, in its `.env`, which then counts."""
    if any(environment.get(name) for name in _OWN_TOKEN):
        return True
    try:
        with (checkout.folder / ".env").open("rb") as file:
            lines = file.read(_LARGEST_ENV).decode(errors="replace").splitlines()
    except OSError:
        return False
    names = (line.partition("=")[0].removeprefix("export ").strip() for line in lines)
    return any(name in _OWN_TOKEN for name in names)
