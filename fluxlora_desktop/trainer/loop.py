"""The training itself: from the photos to the LoRA, step by step.

A step is a function of the job, of the numbers learnt so far and of its own number: its noise comes
from a generator that is seeded with that number. So a training that goes on ends where one that
was never interrupted ends, and neither samples nor a step tried twice change the way.

When memory runs out, what was learnt is kept in the computer's own memory, the next smaller plan is
taken, and the step is tried again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch

from . import checkpoints, data, hub, optim
from . import plan as planning
from .batches import Batches
from .events import EventLog
from .exits import OutOfMemory, is_out_of_memory
from .families.base import Family
from .files import write_whole
from .job import Job
from .machine import Machine
from .model import Model
from .passes import Passes
from .samples import Sampler, sample_path
from .telling import StepTeller, ran_away

COMPILED_FROM = 500
"""Steps from which a training gains more than compiling takes, a minute or so; an estimate."""
RECORDED_FROM = 20
"""Steps for each shape from which it gains more than recording takes, four steps; an estimate."""


class Loop:
    """One training of one job."""

    def __init__(
        self,
        folder: Path,
        job: Job,
        family: Family,
        wishes: Any,
        events: EventLog,
        *,
        plans: Any = None,
    ) -> None:
        self._job = job
        self._family = family
        self._folder = folder
        self._out = folder / "out"
        self._wishes = wishes
        self._events = events
        self._plans = planning if plans is None else plans
        self._machine = Machine(job.device)
        self._step = 0
        self._sha256 = ""
        self._before = 0.0
        self._started = time.monotonic()
        self._identity: dict[str, str] = {}
        self._state: checkpoints.State | None = None
        self._model: Model | None = None
        self._passes: Passes | None = None
        self._batches: Batches | None = None
        self._plan: Any = None
        self._tried: list[Any] = []
        self._teller = StepTeller(events, job.steps, self._machine.peak_bytes)

    def facts(self) -> dict[str, Any]:
        """Return what `result.json` tells of the training so far."""
        return {
            "sha256": self._sha256,
            "steps": self._step,
            "seconds": self._seconds(),
            "precision": getattr(self._plan, "precision", ""),
            "peak_memory_bytes": self._machine.peak_bytes(),
        }

    def run(self) -> None:
        """Train to the last step; raises `TrainerError` for every other expected end."""
        self.make_ready()
        self._events.tell("stage", name="training", says="Training")
        self._make_samples()
        while self._step < self._job.steps:
            self._fitting(self.one_step)
            self._keep_and_show()
        self._teller.tell()
        self._finish()

    def make_ready(self) -> None:
        """Do all that comes before the first step."""
        self._read()
        self._wishes.check()
        self._encoded = self._fitting(self._encode)
        self._sampler = Sampler(self._job, self._family, self._base, self._machine.device)
        self._fitting(self._load)

    def _read(self) -> None:
        state = checkpoints.load_state(self._out / "state.pt")
        self._step = int(state["step"]) if state else 0
        self._plan = self._chosen(state)
        self._events.tell(
            "hello",
            step=self._step,
            of=self._job.steps,
            pid=self._machine.pid,
            device=str(self._machine.device),
            gpu=self._machine.gpu,
            precision=self._plan.precision,
            plan=json.loads(checkpoints.plan_table(self._plan)),
        )
        self._events.tell("stage", name="reading", says="Checking the photos and the base")
        self._photos = data.read_photos(self._folder, self._job)
        self._base = hub.base_folder(
            self._family, self._job.model, self._job.revision, self._download
        )
        print_of_base = hub.fingerprint(self._base)
        hashes = [(photo.sha256, photo.caption_sha256) for photo in self._photos]
        self._identity = checkpoints.identity(self._job, print_of_base, hashes)
        if state:
            checkpoints.refuse_another(state["identity"], self._identity)
            self._before = float(state["seconds"])
        self._state = state
        self._key = data.cache_key(self._job, self._photos, print_of_base, self._job.resolutions)

    def _download(self, event: str, **values: object) -> None:
        self._wishes.check()
        self._events.tell(event, **values)

    def _chosen(self, state: checkpoints.State | None) -> Any:
        """Return the plan that a kept state was reached with, else the best that fits."""
        if state:
            kept = checkpoints.plan_from(self._plans.Plan, state["plan"])
            if kept is not None and state["device"] == self._machine.kind:
                return kept
        try:
            if self._machine.kind == "cpu":
                return self._plans.for_processor(self._job)
            return self._plans.choose(self._job, self._machine.total_bytes())
        except self._plans.Refused as refused:
            raise OutOfMemory(refused.says, refused.mend) from refused

    def _fitting(self, work: Callable[[], Any]) -> Any:
        """Do some work; when memory runs out, do it again by the next smaller plan."""
        while True:
            try:
                return work()
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                says = str(error).splitlines()[0][:300] if str(error) else "no more memory"
            # Only here is the traceback gone, which holds what filled the memory.
            self._shrink(says)

    def _shrink(self, says: str) -> None:
        following = self._plans.smaller(self._plan)
        self._tried.append(self._plan)
        if following is None or following in self._tried:
            raise OutOfMemory(
                f"The memory is not enough for the smallest plan: {says}.",
                "Close other programs that use the GPU, or train at a service.",
            )
        self._events.tell("warn", says=f"Memory ran out; going on with less: {_told(following)}.")
        kept = (self._plan.precision, self._plan.optimizer)
        self._plan, self._passes, self._batches = following, None, None
        if self._model is not None:
            self._state = self._snapshot()
            if self._step:  # a wish to end is heard while the base is loaded again
                checkpoints.save_state(self._out / "state.pt", self._state)
        if kept != (following.precision, following.optimizer):
            self._model = None
        data.free(self._machine.device)
        if self._model is not None:
            self._model.follow(following)

    def _encode(self) -> data.Encoded:
        kept = data.load_encoded(self._out / "cache.pt", self._key)
        if kept is not None:
            return kept
        device = self._machine.device
        on_processor = getattr(self._plan, "offload", "none") == "text"
        made = data.encode(
            *(self._family, self._base, self._job, self._photos),
            resolutions=self._plan.resolutions,
            device=device,
            text_device=torch.device("cpu") if on_processor else device,
            text_precision=getattr(self._plan, "text_precision", ""),
            tell=self._events.tell,
            check=self._wishes.check,
        )
        data.save_encoded(self._out / "cache.pt", self._key, made)
        return made

    def _load(self) -> None:
        """Have the model as the plan wants it, with what was learnt so far."""
        if self._model is not None:
            return
        self._events.tell("stage", name="loading", says="Loading the base")
        model = Model(
            *(self._job, self._family, self._base, self._plan),
            device=self._machine.device,
            check=self._wishes.check,
            warn=self._warn,
        )
        if self._state is not None:
            model.restore(self._state, self._warn)
            checkpoints.set_rng_state(self._state["rng"], self._machine.device)
        else:
            self._machine.seed(self._job.seed)
        self._model, self._state = model, None
        self._teller.begin()

    def _batched(self) -> Batches:
        return Batches(
            *(self._job, self._photos, self._encoded, self._machine),
            family=self._family,
            base=self._base,
            resolutions=self._plan.resolutions,
            check=self._wishes.check,
        )

    def _prepared(self, batches: Batches) -> Passes:
        """Return how a step is computed, compiled and recorded on a GPU where that pays."""
        if self._passes is not None:
            return self._passes
        model = self._model
        assert model is not None
        shapes = batches.shapes()
        recorder = self._machine.recorder()
        passes = Passes(
            *(self._family, model.transformer, model.dtype, self._machine.device),
            warn=self._warn,
            record=recorder if self._job.steps >= RECORDED_FROM * len(shapes) else None,
        )
        if recorder is not None:
            self._events.tell("stage", name="loading", says="Preparing quicker steps")
            compiling = None
            if self._job.steps >= COMPILED_FROM:
                compiling = model.compiling(self._warn, shapes=len(shapes))
            passes.prepare(
                *(shapes, batches.some_text(), model.gradients, self._wishes.check),
                compiling=compiling,
            )
            self._events.tell("stage", name="training", says="Training")
        self._passes = passes
        self._teller.begin()
        return passes

    def one_step(self) -> None:
        """Take the next step of the training."""
        self._load()
        batches = self._batches = self._batches or self._batched()
        passes = self._prepared(batches)
        model, number = self._model, self._step + 1
        assert model is not None
        latents, text, normal, noise = batches.of(number)
        sigma = self._machine.put(self._family.sigmas(normal, latents))
        loss = passes.run(latents, noise, sigma, **text)
        rate = optim.rate_at(self._job, number)
        model.learn(number, rate)
        self._teller.note(number, loss, rate)
        self._step = number

    def _keep_and_show(self) -> None:
        """After a step: what is due is saved and shown, and a wish to end is heard."""
        ending = self._wishes.ending()
        if ending is not None or self._is_due(self._job.checkpoint_every):
            self._teller.tell()
            self._save()
        if ending is not None and self._step < self._job.steps:
            raise ending
        self._make_samples()
        self._teller.begin()

    def _is_due(self, every: int) -> bool:
        return self._step == self._job.steps or (every > 0 and self._step % every == 0)

    def _save(self) -> None:
        """Write the LoRA of this step, then the state: a kill in between repeats the steps."""
        assert self._model is not None
        self._events.tell("stage", name="saving", says="Saving")
        state = self._snapshot()
        path = self._out / "checkpoints" / f"step_{self._step:06d}.safetensors"
        checkpoints.save_lora(path, self._model.result(), self._metadata())
        checkpoints.save_state(self._out / "state.pt", state)
        name = path.relative_to(self._out).as_posix()
        self._events.tell("checkpoint", step=self._step, path=name)
        checkpoints.prune(path.parent, self._job.keep_checkpoints)

    def _metadata(self) -> dict[str, str]:
        return checkpoints.metadata_of(self._job, self._family, self._step, self._plan.precision)

    def _snapshot(self) -> checkpoints.State:
        """Return all that goes on from here; raises `BadInput` where that leads nowhere."""
        assert self._model is not None
        if not self._model.is_sound():
            raise ran_away(self._step)
        return {
            "v": checkpoints.VERSION,
            "step": self._step,
            "identity": self._identity,
            "plan": checkpoints.plan_table(self._plan),
            "device": self._machine.kind,
            "seconds": self._seconds(),
            "rng": checkpoints.rng_state(self._machine.device),
            **self._model.state(),
        }

    def _make_samples(self) -> None:
        """Make the pictures of this step that are due and not there yet."""
        if self._step == 0 or not self._is_due(self._job.sample_every):
            return
        missing = [
            (index, prompt)
            for index, prompt in enumerate(self._job.sample_prompts)
            if not sample_path(self._out, self._step, index).exists()
        ]
        if not missing:
            return
        self._teller.tell()
        self._events.tell("stage", name="sampling", says="Making sample pictures")
        for index, prompt in missing:
            if self._wishes.ending() is not None and self._step < self._job.steps:
                return
            make = partial(self._make_sample, index, prompt)
            if not self._has_room(make) and not self._has_room_without_recordings(make):
                self._warn("There is too little memory for sample pictures.")
                break
        if self._machine.kind == "cuda":
            data.free(self._machine.device)

    def _has_room(self, work: Callable[[], None]) -> bool:
        """Do some work; tell whether there was memory enough for it."""
        try:
            work()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return False
        return True

    def _has_room_without_recordings(self, work: Callable[[], None]) -> bool:
        """Do it with the memory that recorded steps hold; the next step has them made again."""
        if self._passes is None or not self._passes.are_recorded:
            return False
        self._passes = None
        data.free(self._machine.device)
        # A wish to end is heard while they are made again, before the next step.
        checkpoints.save_state(self._out / "state.pt", self._snapshot())
        return self._has_room(work)

    def _make_sample(self, index: int, prompt: str) -> None:
        assert self._model is not None
        path = sample_path(self._out, self._step, index)
        with self._model.as_result():
            png = self._sampler.make(
                self._model.transformer, self._model.dtype, self._encoded.texts, index
            )
        write_whole(path, png)
        self._events.tell(
            "sample",
            step=self._step,
            index=index,
            path=path.relative_to(self._out).as_posix(),
            prompt=prompt,
            seed=self._sampler.seed_of(index),
        )

    def _finish(self) -> None:
        assert self._model is not None
        path = self._out / "lora.safetensors"
        self._sha256 = checkpoints.save_lora(path, self._model.result(), self._metadata())
        with suppress(OSError):
            (self._out / "cache.pt").unlink(missing_ok=True)
        self._events.tell("done", path=path.name, sha256=self._sha256)

    def _seconds(self) -> float:
        return self._before + time.monotonic() - self._started

    def _warn(self, says: str) -> None:
        self._events.tell("warn", says=says)


def _told(plan: Any) -> str:
    sides = ", ".join(str(side) for side in plan.resolutions)
    return f"{plan.precision}, {sides} pixels, checkpointing {plan.checkpointing}"
