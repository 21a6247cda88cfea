"""A base that stays loaded from one picture to the next, with the LoRAs that each wants.

When memory runs out, the next smaller way to keep the base is taken and the picture made again.
"""

from __future__ import annotations

import io
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from . import hub, stack
from .data import free
from .exits import BadInput, OutOfMemory, is_out_of_memory
from .families import family_of
from .families.base import Family, Reader, Text
from .families.encoders import free_ram
from .files import sha256_of, write_whole
from .ladder import SHARES, Way, fitting, ways
from .loading import compute_type, load_transformer
from .machine import Machine
from .order import LoraWish, Order
from .recognise import ModelFacts, lora_refusal, model_in, weights_bytes

_KEPT_TEXTS = 64
_KEPT_LORAS = 8
Tell = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Made:
    """A picture that was written: how long it took, and the most memory that was in use."""

    seconds: float
    memory_bytes: int


class Studio:
    """Makes pictures one after another; the base of the last one stays loaded."""

    def __init__(self, device: str = "auto", families: Callable[[str], Family] = family_of) -> None:
        self._machine = Machine(device)
        self._families = families
        self._base: _Base | None = None
        self._hashes: dict[tuple[str, int, int], str] = {}

    def make(self, order: Order, tell: Tell, check: Callable[[], None]) -> Made:
        """Make a picture and write it; raises `TrainerError` for what is expected to go wrong.

        `tell` gets stages, progress and downloads, `check` may raise between steps to stop.
        """
        started = time.monotonic()
        check()
        base = self._chosen(order, tell)
        for wish in order.loras:
            self._refuse_another(wish, base.facts)
        hashes = [self._hash_of(wish.path) for wish in order.loras]
        while True:
            tried = base.way
            try:
                picture = base.picture(order, hashes, tell, check)
                break
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                says = str(error).splitlines()[0][:300] if str(error) else "no more memory"
            # Only here is the traceback gone, which holds what filled the memory.
            base.shrink(tried, says)
        tell("stage", name="saving")
        write_whole(order.out, _png(picture))
        return Made(round(time.monotonic() - started, 3), self._machine.peak_bytes())

    def forget(self) -> None:
        """Free the base and everything of it."""
        if self._base is not None:
            self._base.release()
        self._base = None
        free(self._machine.device)

    def _chosen(self, order: Order, tell: Tell) -> _Base:
        """Return the base of an order: the one that is loaded, or this one in its place."""
        wanted = (order.base, order.model, order.revision, order.precision)
        if self._base is not None and self._base.wanted == wanted:
            return self._base
        tell("stage", name="reading")
        try:
            family = self._families(order.base)
        except ImportError as error:
            says = f"The engine's libraries have no {order.base}: {error}."
            raise BadInput(says, "Update the engine.") from error
        folder = hub.base_folder(family, order.model, order.revision, tell)
        facts = model_in(folder)
        for wish in order.loras:
            self._refuse_another(wish, facts)
        self.forget()
        self._base = _Base(wanted, family, folder, facts, self._machine)
        return self._base

    def _refuse_another(self, wish: LoraWish, facts: ModelFacts) -> None:
        refusal = lora_refusal(wish.path, facts)
        if refusal:
            raise BadInput(refusal, "Choose a LoRA of this base, or the base of the LoRA.")

    def _hash_of(self, path: Path) -> str:
        facts = path.stat()
        key = (str(path), facts.st_size, facts.st_mtime_ns)
        if key not in self._hashes:
            self._hashes[key] = sha256_of(path)
        return self._hashes[key]


class _Base:
    """A loaded base, as the way it is kept wants it."""

    def __init__(
        self,
        wanted: tuple[str, ...],
        family: Family,
        folder: Path,
        facts: ModelFacts,
        machine: Machine,
    ) -> None:
        self.wanted = wanted
        self.facts = facts
        self._family, self._folder, self._machine = family, folder, machine
        self._device = machine.device
        self._text_bytes = sum(weights_bytes(path) for path in folder.glob("text_encoder*"))
        self._ways = self._fitting_ways(wanted[-1])
        self._texts: OrderedDict[str, Text] = OrderedDict()
        self._adapters: OrderedDict[str, stack.Adapter] = OrderedDict()
        self._reader: Reader | None = None
        self._pipeline: Any = None

    @property
    def way(self) -> Way:
        """Return how the base is kept."""
        return self._ways[0]

    def _fitting_ways(self, precision: str) -> tuple[Way, ...]:
        if self._machine.kind != "cuda":
            found = ways("fp32" if precision == "auto" else precision)
            return tuple(way for way in found if not way.streams)
        size = weights_bytes(self._folder / "transformer")
        room = int(torch.cuda.mem_get_info(self._device)[0])
        return fitting(precision, size, self._text_bytes, room)

    def shrink(self, tried: Way, says: str) -> None:
        """Free everything and go on by the next smaller way; raises `OutOfMemory` behind the last.

        `says` is what the memory's error said.
        """
        self.release()
        free(self._device)
        if self.way == tried:
            self._ways = self._ways[1:]
        if not self._ways:
            self._ways = (tried,)
            raise OutOfMemory(
                f"The memory is not enough for this picture: {says}.",
                "Make it smaller, or close other programs that use the GPU.",
            )

    def release(self) -> None:
        """Free what is loaded; texts that were read are kept."""
        self._reader = self._pipeline = None

    def picture(
        self, order: Order, hashes: Sequence[str], tell: Tell, check: Callable[[], None]
    ) -> Any:
        """Make a picture."""
        negative = self._negative_of(order)
        prompts = [order.prompt, *([] if negative is None else [negative])]
        self._read_texts(prompts, tell, check)
        self._load(tell, check)
        chosen = [
            (self._adapter(wish, sha256), wish.scale)
            for wish, sha256 in zip(order.loras, hashes, strict=True)
        ]
        transformer = self._pipeline.transformer
        stack.put_on(transformer, chosen, self._dtype)
        if any(scale for _adapter, scale in chosen) and not stack.put_layers(transformer):
            raise BadInput("The LoRAs change nothing in this base.", "Choose another LoRA.")
        tell("stage", name="sampling")

        def on_step(step: int) -> None:
            check()
            tell("progress", step=step, of=order.steps)

        return self._family.picture(
            self._pipeline,
            self._texts[order.prompt],
            width=order.width,
            height=order.height,
            steps=order.steps,
            guidance=order.guidance,
            generator=torch.Generator().manual_seed(order.seed),
            negative=None if negative is None else self._texts[negative],
            on_step=on_step,
        )

    def _negative_of(self, order: Order) -> str | None:
        """Return the text that the picture is made in contrast to, None for none."""
        if self._family.contrasts:
            return None if self.facts.distilled else order.negative_prompt
        return order.negative_prompt or None

    @property
    def _dtype(self) -> torch.dtype:
        return compute_type(self._device, self.way.precision)

    def _read_texts(self, prompts: Sequence[str], tell: Tell, check: Callable[[], None]) -> None:
        missing = [prompt for prompt in prompts if prompt not in self._texts]
        for prompt in prompts:
            if prompt in self._texts:
                self._texts.move_to_end(prompt)
        if not missing:
            return
        tell("stage", name="text")
        check()
        reader = self._reader or self._made_reader()
        for prompt, text in zip(missing, reader(missing), strict=True):
            self._texts[prompt] = text
        while len(self._texts) > _KEPT_TEXTS:
            self._texts.popitem(last=False)
        check()

    def _made_reader(self) -> Reader:
        """Return the text encoder, which stays where there is room: on the GPU, or in memory."""
        if self._machine.kind != "cuda" or self.way.text_stays:
            self._reader = self._family.text_encoder(self._folder, self._device, self._dtype)
            return self._reader
        if self._text_bytes < free_ram():
            cpu = torch.device("cpu")
            self._reader = self._family.text_encoder(self._folder, cpu, self._dtype)
            self._reader.stream_to(self._device)
            return self._reader
        # It has no room but the GPU's, which the transformer leaves for as long as it takes.
        self._pipeline = None
        free(self._device)
        return self._family.text_encoder(self._folder, self._device, self._dtype)

    def _load(self, tell: Tell, check: Callable[[], None]) -> None:
        if self._pipeline is not None:
            return
        tell("stage", name="loading")
        if self._machine.kind == "cuda":
            free(self._device)
        on = torch.device("cpu") if self.way.streams else self._device
        size = weights_bytes(self._folder / "transformer")
        if self.way.streams and size * SHARES[self.way.precision] > free_ram():
            says = "Neither the GPU's memory nor the computer's holds this base."
            raise OutOfMemory(says, "Close other programs, or choose a smaller base.")
        transformer = load_transformer(
            self._family, self._folder, precision=self.way.precision, device=on, check=check
        ).eval()
        if self.way.streams:
            from .stream import stream_blocks

            transformer.to(self._dtype)
            stream_blocks(transformer, self._device)
        vae = self._family.vae(self._folder, self._device, self._dtype)
        if self.way.streams:
            vae.enable_tiling()
        self._pipeline = self._family.sampler(self._folder, vae, transformer)

    def _adapter(self, wish: LoraWish, sha256: str) -> stack.Adapter:
        if sha256 not in self._adapters:
            self._adapters[sha256] = stack.read_adapter(wish.path, type(self._pipeline))
        self._adapters.move_to_end(sha256)
        while len(self._adapters) > _KEPT_LORAS:
            self._adapters.popitem(last=False)
        return self._adapters[sha256]


def _png(picture: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
