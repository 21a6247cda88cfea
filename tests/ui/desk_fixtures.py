"""A real library with runs and Loras at chosen places, for the Runs and Library tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from fakes import TRAINER
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QWidget

from fluxlora_desktop.domain.datasets import Photo, PhotoFacts
from fluxlora_desktop.domain.journal import Answered, NoAnswer, Sending
from fluxlora_desktop.domain.loras import Lora, Publication, PublicationStatus
from fluxlora_desktop.domain.ports import Stores
from fluxlora_desktop.domain.runs import EffectKind, Run, RunPlan, RunState
from fluxlora_desktop.domain.training import Visibility

_S = RunState
WAYS: dict[RunState, Sequence[RunState]] = {
    _S.PACKAGING: (_S.PACKAGING,),
    _S.UPLOADING: (_S.PACKAGING, _S.UPLOADING),
    _S.LAUNCHING: (_S.PACKAGING, _S.UPLOADING, _S.LAUNCHING),
    _S.UNKNOWN: (_S.PACKAGING, _S.UPLOADING, _S.LAUNCHING, _S.UNKNOWN),
    _S.QUEUED: (_S.PACKAGING, _S.UPLOADING, _S.LAUNCHING, _S.QUEUED),
}
WAYS[_S.TRAINING] = (*WAYS[_S.QUEUED], _S.TRAINING)
WAYS[_S.COLLECTING] = (*WAYS[_S.TRAINING], _S.COLLECTING)
WAYS[_S.PUBLISHING] = (*WAYS[_S.COLLECTING], _S.PUBLISHING)
WAYS[_S.READY] = (*WAYS[_S.PUBLISHING], _S.READY)
WAYS[_S.FAILED] = (*WAYS[_S.TRAINING], _S.FAILED)
WAYS[_S.CANCELLED] = (*WAYS[_S.QUEUED], _S.CANCELLED)


def add_run(stores: Stores, name: str, state: RunState, **changes: Any) -> Run:
    """Walk a new run to a state along the table of moves, as a training at the service would."""
    dataset = stores.datasets.create()
    facts = PhotoFacts("JPEG", 1024, 768, name, 0, 100.0, 0.0, 0.5)
    stores.datasets.put_photo(Photo("ab" * 32, "a.jpg", 10, facts))
    stores.datasets.set_photos(dataset.id, ["ab" * 32])
    version = stores.datasets.freeze(dataset.id, ())
    plan = RunPlan(
        name=name, backend="replicate", trainer=TRAINER.key, repo=name.lower().replace(" ", "-")
    )
    run = stores.runs.create(dataset.id, plan)
    for place in WAYS[state]:
        run = stores.runs.advance(run.id, place)
        if place is RunState.LAUNCHING:
            effect = stores.runs.plan_effect(EffectKind.TRAINING, run.id, "replicate", None)
            stores.runs.record_effect(effect.id, Sending(datetime.now(UTC)))
            lost = state is RunState.UNKNOWN
            answer = NoAnswer("lost") if lost else Answered("remote-1")
            stores.runs.record_effect(effect.id, answer)
    told = {
        "version_id": version.id,
        "base": "flux.1-dev",
        "price_low": Decimal("2.10"),
        "price_high": Decimal("3.40"),
        "total": 1000,
        "started_at": datetime.now(UTC),
    }
    if RunState.QUEUED in WAYS[state]:
        told["external_training_id"] = "remote-1"
        told["external_training_service"] = "replicate"
        told["page"] = "https://replicate.com/p/remote-1"
    return stores.runs.update(run.id, **(told | changes))


def add_lora(stores: Stores, lora_id: str, name: str, **changes: Any) -> Lora:
    """Keep a Lora with made-up facts."""
    facts: dict[str, Any] = {
        "base": "flux.1-dev",
        "trigger_word": "GLZFOX",
        "sha256": lora_id.encode().hex().ljust(64, "0"),
        "tensor_hash": "a1b2c3d4e5f6".ljust(64, "0"),
        "size_bytes": 171_969_256,
        "rank": 16,
        "created_at": datetime.now(UTC),
        "key_style": "peft",
    }
    return stores.loras.add(Lora(id=lora_id, name=name, **(facts | changes)))


def publish(
    stores: Stores,
    lora: Lora,
    *,
    visibility: Visibility = Visibility.PRIVATE,
    status: PublicationStatus = PublicationStatus.VERIFIED,
) -> Lora:
    """Keep that a Lora is published as tester/<id>."""
    page = f"https://huggingface.co/tester/{lora.id}"
    address = f"{page}/resolve/main/lora.safetensors"
    now = datetime.now(UTC)
    return stores.loras.publish(
        Publication(
            lora_id=lora.id,
            hub="huggingface",
            repo=f"tester/{lora.id}",
            commit="c" * 40,
            visibility=visibility,
            status=status,
            sha256=lora.sha256,
            page=page,
            address=address,
            updated_at=now,
        )
    )


def nameless(page: QWidget) -> list[str]:
    """Return the widgets that take keys and whose name a screen reader would not find."""
    found = []
    for widget in page.findChildren(QWidget):
        inner = widget.objectName().startswith("qt_")
        if inner or not widget.isVisible() or widget.focusPolicy() == Qt.FocusPolicy.NoFocus:
            continue
        told = QAccessible.queryAccessibleInterface(widget)
        if told is not None and not told.text(QAccessible.Text.Name).strip():
            found.append(f"{type(widget).__name__} {widget.objectName()!r}")
    return found
