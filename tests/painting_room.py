"""A place where pictures are made here, by a program that plays the trainer's `--serve`."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fluxlora_desktop.backends.local.parts import LocalParts, Pace
from fluxlora_desktop.backends.local.pictures import LocalPictures
from fluxlora_desktop.backends.local.process import start_time
from fluxlora_desktop.backends.local.serve import Waits
from fluxlora_desktop.domain.pictures import LoraUse, PictureRequest
from fluxlora_desktop.domain.secrets import Secret

PROGRAM = Path(__file__).with_name("painting")
_KEPT = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR")


@dataclass
class ReadyEngine:
    """An engine that is set up, with this interpreter; `lacking` says what it lacks."""

    lacking: str = ""
    cards: tuple[int, ...] = (0,)

    def not_ready(self, _base: str = "") -> str:
        return self.lacking

    def python(self) -> Path:
        return Path(sys.executable)

    def gpus(self, _base: str = "") -> tuple[int, ...]:
        return self.cards

    def pace(self, _base: str, _steps: int, _resolution: str) -> Pace | None:
        return None


@dataclass
class PaintingRoom:
    """The generator of this computer, with a library of two Loras, and the program's own words."""

    folder: Path
    waits: Waits = field(default_factory=lambda: Waits(start=60.0, cancel=0.3, idle=600.0))
    step_s: float = 0.0
    start: str = ""
    token: Secret | None = None
    engine: ReadyEngine = field(default_factory=ReadyEngine)
    free_bytes: int = 10**13
    base_is_here: bool = True

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "faults").mkdir(exist_ok=True)
        (self.folder / "engine").mkdir(exist_ok=True)
        self.flux1 = self.lora("one", "flux.1-dev")
        self.flux2 = self.lora("two", "flux.2-dev")
        self.generator = LocalPictures(
            self.parts, waits=self.waits, free_bytes=lambda _path: self.free_bytes
        )

    @property
    def parts(self) -> LocalParts:
        return LocalParts(
            folder=self.folder / "engine",
            trainer=PROGRAM,
            engine=self.engine,
            environment=self.environment,
            hub_token=lambda: self.token,
            model_folder=lambda _base: str(self.folder) if self.base_is_here else "",
        )

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        own = {"PAINTING": str(self.folder), "PAINTING_STEP_S": str(self.step_s)}
        return {**kept, **own, "PAINTING_START": self.start}

    def lora(self, lora_id: str, base: str) -> LoraUse:
        """Put the file of an unpublished, private Lora into the library."""
        file = f"loras/{lora_id}/lora.safetensors"
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lora_id.encode())
        tensors = hashlib.sha256(lora_id.encode()).hexdigest()
        return LoraUse(lora_id, lora_id.title(), base, 0.8, "TOK", tensor_hash=tensors, file=file)

    def request(self, **changes: Any) -> PictureRequest:
        plain = PictureRequest(
            "local", "flux.1-dev", "TOK on a beach", (self.flux1,), 256, 256, 4, seed=7
        )
        return replace(plain, **changes)

    def fail(self, what: str, place: int = 0) -> None:
        """Let the next order meet a fault, or the one at a later place."""
        (self.folder / "faults" / f"{what}-{place}").touch()

    def orders(self) -> list[dict[str, Any]]:
        """Return what the program was asked for, with its process id each time."""
        kept = self.folder / "orders.jsonl"
        return [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []


def is_gone(pid: int) -> bool:
    """Tell whether no such process runs any more."""
    return not start_time(pid)
