"""Loras that really exist at the practice services: trained, published, and of both bases."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from patient_context import PatientContext
from photos import make_archive
from PIL import Image
from training_contract import specification, until_ended

from fluxlora_desktop.backends.huggingface.hub import HuggingFaceHub
from fluxlora_desktop.backends.replicate.trainers import OSTRIS
from fluxlora_desktop.backends.replicate.training import ReplicateTraining
from fluxlora_desktop.domain.bases import FLUX1_DEV, FLUX2_DEV, BaseModel
from fluxlora_desktop.domain.loras import CardFacts, PublicationBundle
from fluxlora_desktop.domain.pictures import LoraUse
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.practice.huggingface.app import USERNAME
from fluxlora_desktop.practice.lora import write_flux2_lora
from fluxlora_desktop.practice.services import PracticeServices


@dataclass(frozen=True, slots=True)
class Shelf:
    """One public Lora of each base; the first one was trained at Replicate."""

    flux1: LoraUse
    flux2: LoraUse


def fill_shelf(cloud: PracticeServices, folder: Path) -> Shelf:
    """Train one Lora, write another, and publish both."""
    version, weights = _train(cloud, folder / "flux1")
    address = _publish(cloud, "one", FLUX1_DEV, weights)
    other = folder / "flux2" / "lora.safetensors"
    photo = io.BytesIO()
    Image.new("RGB", (64, 64), (30, 90, 200)).save(photo, "JPEG")
    write_flux2_lora(
        other, photos=[photo.getvalue()], captions={}, trigger_word="TOK", rank=4, steps=10
    )
    return Shelf(
        LoraUse("l1", "One", "flux.1-dev", 0.8, "TOK", version, "replicate", address, False),
        LoraUse(
            "l2",
            "Two",
            "flux.2-dev",
            0.8,
            "TOK",
            address=_publish(cloud, "two", FLUX2_DEV, other),
            private=False,
        ),
    )


def _train(cloud: PracticeServices, folder: Path) -> tuple[str, Path]:
    token, ctx = Secret(cloud.replicate.token), PatientContext()
    backend = ReplicateTraining(address=cloud.replicate.url, token=lambda: token)
    spec = specification(OSTRIS, destination="shelf")
    destination = backend.prepare(spec, ctx)
    run = backend.submit(spec, destination, backend.upload(make_archive(folder), "s", ctx), "s")
    snapshot = until_ended(backend, run)
    return snapshot.version, backend.fetch_weights(run, snapshot, folder, ctx).path


def _publish(cloud: PracticeServices, name: str, base: BaseModel, weights: Path) -> str:
    token = Secret(cloud.huggingface.token)
    hub = HuggingFaceHub(address=cloud.huggingface.url, token=lambda: token)
    bundle = PublicationBundle(
        repo=f"{USERNAME}/shelf-{name}",
        visibility=Visibility.PUBLIC,
        weights=str(weights),
        weights_sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        weights_size=weights.stat().st_size,
        card=CardFacts(name, base, "TOK", 1.0),
        run_mark=f"shelf-{name}",
    )
    return hub.publish(bundle, PatientContext()).address
