"""The LoRAs of a picture request, really fetched from where the request says."""

import re
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from fluxlora_desktop.practice.addresses import is_on_this_computer
from fluxlora_desktop.practice.lora import FLUX1, NotALora, read_subject
from fluxlora_desktop.practice.lora_address import LoraUnreachable, fetch_lora
from fluxlora_desktop.practice.painter import PaintLora
from fluxlora_desktop.practice.replicate.delivery import Deliveries
from fluxlora_desktop.practice.replicate.state import ReplicateState, Training
from fluxlora_desktop.practice.subject import Subject

_MODEL = re.compile(r"(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)(/(?P<version>[0-9a-f]{64}))?")
_OTHER_BASE = (
    "Error(s) in loading state_dict for Linear: size mismatch for lora_A.default.weight: "
    "the LoRA was trained for {base}, this model is flux.1-dev"
)


class LoraTrouble(Exception):
    """A LoRA cannot be used; the words become the error of the prediction."""


@dataclass(frozen=True, slots=True)
class LoraShelf:
    """Finds LoRAs by version or address."""

    state: ReplicateState
    deliveries: Deliveries

    def trained_as(self, version_id: str) -> Training | None:
        """Return the training that made a version, or None."""
        found = (training for training in self.state.trainings if training.version_id == version_id)
        return next(found, None)

    async def load(
        self, given: dict[str, Any], version_id: str, token: str | None
    ) -> list[PaintLora]:
        """Return the LoRAs of a request, a trained version's own first; `token` is the hub's."""
        loras = []
        own = self.trained_as(version_id)
        if own is not None:
            subject = await run_in_threadpool(read_subject, self.state.weights_path(own.id))
            loras.append(PaintLora(subject, float(given.get("lora_scale", 1.0))))
        for field, scale in (
            ("replicate_weights" if own else "lora_weights", "lora_scale"),
            ("extra_lora", "extra_lora_scale"),
        ):
            if given.get(field):
                subject = await self._read(str(given[field]), token)
                loras.append(PaintLora(subject, float(given.get(scale, 1.0))))
        return loras

    async def _read(self, address: str, token: str | None) -> Subject:
        try:
            subject = await self._find(address, token)
        except (LoraUnreachable, NotALora, tarfile.TarError, OSError) as error:
            raise LoraTrouble(f"Failed to download LoRA weights: {error}") from error
        if subject.base != FLUX1:
            raise LoraTrouble(_OTHER_BASE.format(base=subject.base))
        return subject

    async def _find(self, address: str, token: str | None) -> Subject:
        if archive := self.deliveries.at(address):
            return await run_in_threadpool(_read_archive, archive)
        if model := _MODEL.fullmatch(address):
            return await run_in_threadpool(self._read_model, model)
        if "://" not in address:
            address = f"https://{address}"
        return await fetch_lora(address, token=token, allowed=is_on_this_computer)

    def _read_model(self, model: re.Match[str]) -> Subject:
        found = self.state.models.get(f"{model['owner']}/{model['name']}")
        wanted = model["version"]
        for version in found.versions if found else ():
            if wanted in (None, version.id):
                return read_subject(self.state.weights_path(version.training_id))
        raise LoraUnreachable(f"No trained weights of {model[0]}")


def _read_archive(archive: Path) -> Subject:
    with tarfile.open(archive, "r") as tar:
        for member in tar:
            if member.isreg() and member.name.endswith(".safetensors"):
                content = tar.extractfile(member)
                assert content is not None, "a regular member has content"
                return read_subject(content.read())
    raise NotALora("No .safetensors file in the archive")
