"""Pictures on this computer: any base that the engine runs, with Loras straight from the library.

Nothing is paid for, so nothing is ever in doubt: what breaks off is a failure that may be tried
again. The order and its answers are lines of `trainer --serve`; see `serve.py`.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from fluxlora_desktop.backends.local.child import child_environment, on_gpu
from fluxlora_desktop.backends.local.models import download_left, local_models
from fluxlora_desktop.backends.local.notes import read_note
from fluxlora_desktop.backends.local.parts import LocalParts
from fluxlora_desktop.backends.local.process import Program, is_locked
from fluxlora_desktop.backends.local.serve import BUSY, Painter, Said, Waits
from fluxlora_desktop.domain.bases import BaseModel, base_named
from fluxlora_desktop.domain.engine import NO_TOKEN
from fluxlora_desktop.domain.errors import (
    AccessGated,
    AppError,
    DiskFull,
    EngineAbsent,
    EngineBusy,
    EngineError,
    EngineStopped,
    LoraNotUsable,
)
from fluxlora_desktop.domain.pictures import (
    GeneratedImage,
    GeneratorAbilities,
    LoraUse,
    PictureRequest,
)
from fluxlora_desktop.domain.ports import Account, JobContext, StepsDone
from fluxlora_desktop.domain.routes import check_request
from fluxlora_desktop.domain.services import LOCAL, service_title

_HUB = "huggingface"
_PNG = b"\x89PNG\r\n\x1a\n"
_LARGEST_PICTURE = 100_000_000
_LONGEST_WORDS = 500
_STARTS_S = 20.0
"""How long a training may take from asking for the graphics card until it shows itself."""
_ROOM = 2_000_000_000
_STAGES: Mapping[str, str] = {
    "starting": "Starting the engine",
    "reading": "Reading the files",
    "text": "Reading the prompt",
    "loading": "Loading the base model",
    "latents": "Preparing the picture",
    "sampling": "Making the picture",
    "saving": "Writing the picture",
}
_DOWNLOADING = "Downloading the base model"


class LocalPictures:
    """Makes pictures with the engine of this computer, one after another."""

    key = LOCAL
    title = service_title(LOCAL)

    def __init__(
        self,
        parts: LocalParts,
        *,
        waits: Waits | None = None,
        free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
    ) -> None:
        self._parts, self._free_bytes = parts, free_bytes
        self._painter = Painter(self._program, waits)
        self._seconds: dict[str, float] = {}
        self._wanted_at: dict[int, float] = {}
        self._gpu: int | None = None
        self._folder = parts.folder / "pictures"
        self._swept = False

    def abilities(self) -> GeneratorAbilities:
        """Return a model for each base, with what has to be done first where it lacks something."""
        models = local_models(self._parts.engine.not_ready, self._seconds.get)
        return GeneratorAbilities(tuple(models), checked=True, at_once=1)

    def refresh(self) -> GeneratorAbilities:
        """Return the same: what is offered here is always known."""
        return self.abilities()

    def check(self) -> Account:
        """Return whose computer it is: nobody is asked."""
        lacking = self._parts.engine.not_ready()
        if lacking:
            raise EngineAbsent(lacking)
        return Account(self.key, "")

    def look(self, request: PictureRequest, _ctx: JobContext) -> GeneratorAbilities:
        """Look whether all that an order needs is here or can be fetched: files, room, a token."""
        abilities = self.abilities()
        model = check_request(request, abilities)
        if self.is_taken(request.model):
            raise EngineBusy(BUSY)
        for use in request.loras:
            self._file_of(use)
        base = base_named(model.base)
        if base is not None and not self._own_folder(base.key):
            self._can_download(base)
        return abilities

    def generate(self, request: PictureRequest, ctx: JobContext) -> GeneratedImage:
        """Make one picture; a cancel stops it between two steps."""
        self.look(request, ctx)
        self._choose_gpu(request.model)
        target = self._new_file()
        started = time.monotonic()
        try:
            end = self._painter.ask(self._order(request, target), _teller(ctx), ctx)
            if end.get("event") != "picture":
                raise self._trouble(end, request, ctx)
            data = _picture_in(target)
        finally:
            target.unlink(missing_ok=True)
        seconds = time.monotonic() - started
        self._seconds[request.model] = _seconds_in(end) or seconds
        return GeneratedImage(data, "image/png", request.seed, "", seconds)

    def is_taken(self, base: str = "") -> bool:
        """Tell whether trainings have every graphics card for a base, or are about to take it."""
        return not self._free_gpus(base)

    def _choose_gpu(self, base: str) -> None:
        """Stay on the graphics card that has the program, or take the first that is free."""
        free = self._free_gpus(base) or self._parts.engine.gpus(base)
        if self._gpu is None or self._gpu not in free:
            self._gpu = free[0]

    def _free_gpus(self, base: str) -> list[int]:
        now = time.monotonic()
        taken = {gpu for gpu, at in self._wanted_at.items() if now - at < _STARTS_S}
        for job in self._parts.jobs.glob("*"):
            if is_locked(job / "out"):
                note = read_note(job)
                taken.add((note.gpu if note else None) or 0)
        return [gpu for gpu in self._parts.engine.gpus(base) if gpu not in taken]

    def free_gpu(self, gpu: int) -> None:
        """Let go of a graphics card for a training that starts now; what is made waits again."""
        self._wanted_at[gpu] = time.monotonic()
        if gpu == self._gpu:
            self._painter.free()

    def lets_go(self) -> bool:
        """End the program where it rests, so that the engine can be changed; False where not."""
        return self._painter.rest("the engine is about to be changed")

    def close(self) -> None:
        """End the program with the app."""
        self._painter.close()

    @property
    def process_id(self) -> int | None:
        """The id of the program that makes the pictures, while it lives."""
        return self._painter.process_id

    def _program(self) -> Program:
        parts = self._parts
        token = parts.hub_token() or NO_TOKEN
        environment = child_environment(parts.environment(), models=parts.models, token=token)
        command = (str(parts.engine.python()), str(parts.trainer), "--serve")
        return Program(command, on_gpu(environment, self._gpu or 0), parts.folder)

    def _order(self, request: PictureRequest, target: Path) -> dict[str, object]:
        base = base_named(request.model)
        folder = self._own_folder(request.model)
        return {
            "base": request.model,
            "model": folder or (base.hub_id if base else request.model),
            "revision": "",
            "prompt": request.prompt,
            "negative_prompt": "",
            "width": request.width,
            "height": request.height,
            "steps": request.steps,
            "guidance": request.guidance,
            "seed": request.seed,
            "loras": [
                {"path": str(self._file_of(use)), "scale": use.scale, "name": use.name}
                for use in request.loras
            ],
            "out": str(target),
            "precision": "auto",
        }

    def _file_of(self, use: LoraUse) -> Path:
        """Return where a Lora's weights lie; a name never leads out of the library."""
        library, name = self._parts.folder.parent, PurePosixPath(use.file)
        odd = not use.file or name.is_absolute() or ".." in name.parts or "\\" in use.file
        path = library.joinpath(*name.parts)
        if odd or not path.is_file():
            reason = f"The file of {use.name} is no longer on this computer."
            raise LoraNotUsable(self.key, reason)
        return path.absolute()

    def _own_folder(self, key: str) -> str:
        """Return a person's own folder of a base, "" where the hub's model is used.

        A folder that is trained on holds no distilled weights, which these steps are for.
        """
        base = base_named(key)
        return "" if base is None or base.trains_on else self._parts.model_folder(key)

    def _can_download(self, base: BaseModel) -> None:
        """See that a base that is not here yet can come: its terms, and the room on the disk."""
        models = self._parts.models
        left = download_left(base, models)
        if not left:
            return
        if base.gated and self._parts.hub_token() is None:
            raise EngineAbsent(
                f"{base.title} is downloaded first, and its owner wants a token of Hugging Face.",
                "Connect the account and accept the terms on the model's page.",
            )
        there = next(path for path in (models, *models.parents) if path.exists())
        free = self._free_bytes(there)
        if free < left + _ROOM:
            raise DiskFull(models, needed=left + _ROOM, free=free)

    def _new_file(self) -> Path:
        """Return a new place for a picture; what a kill left there is removed once."""
        if not self._swept:
            self._swept = True
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder.absolute() / f"{secrets.token_hex(8)}.png"

    def _trouble(self, end: Said, request: PictureRequest, ctx: JobContext) -> Exception:
        """Return the error that an order ended with, by the program's exit codes."""
        says, mend, code = _words(end, "says"), _words(end, "mend"), end.get("code")
        match code:
            case 3:
                ctx.check()
                return EngineStopped("It was stopped before it was finished.")
            case 10:
                return EngineError(says or "The engine does not take this order.", mend)
            case 11:
                self._painter.end_if("its memory was full")
                return EngineError(
                    says or "The memory of this computer is too small for it.",
                    mend or "Choose a smaller size, or close what else uses the graphics card.",
                )
            case 12:
                self._painter.end_if("the hub refused it")
                return self._gated(says, request)
            case 13:
                return DiskFull(self._parts.folder)
        return EngineStopped(says or "The engine could not make it and did not say why.", mend)

    def _gated(self, says: str, request: PictureRequest) -> AppError:
        base = base_named(request.model)
        page = f"https://huggingface.co/{base.hub_id}" if base else ""
        return AccessGated(_HUB, says, page=page)


def _teller(ctx: JobContext) -> Callable[[Said], None]:
    """Return what tells the owner of a picture how far it is."""

    def hear(said: Said) -> None:
        match said.get("event"):
            case "progress":
                ctx.report(StepsDone(_number(said, "step"), _number(said, "of")))
            case "stage":
                ctx.report(StepsDone(says=_STAGES.get(str(said.get("name")), "Working")))
            case "download":
                done, total = _number(said, "done"), _number(said, "total")
                share = f", {done / 1e9:.1f} of {total / 1e9:.1f} GB" if total else ""
                ctx.report(StepsDone(says=f"{_DOWNLOADING}{share}"))

    return hear


def _picture_in(path: Path) -> bytes:
    """Return the picture that was made; raises `EngineStopped` where there is none."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_PICTURE + 1)
    except OSError as error:
        raise EngineStopped("The engine says that it is made, and left no file.") from error
    if not data.startswith(_PNG) or len(data) > _LARGEST_PICTURE:
        raise EngineStopped("What the engine made is not a picture.")
    return data


def _seconds_in(said: Said) -> float:
    """Return how long the picture itself took, without the start of the program; 0 unless told."""
    value = said.get("seconds")
    return float(value) if isinstance(value, int | float) and 0 < value < 10**6 else 0.0


def _number(said: Mapping[str, Any], name: str) -> int:
    value = said.get(name)
    return value if isinstance(value, int) and 0 <= value < 2**53 else 0


def _words(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    return " ".join(value.split())[:_LONGEST_WORDS] if isinstance(value, str) else ""
