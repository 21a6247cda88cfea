"""Walk the line from photo to picture, both ways."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from fluxlora_desktop.domain.bases import title_of
from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.gallery import PictureQuery
from fluxlora_desktop.domain.lineage import Lineage
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.domain.runs import EffectKind, Run
from fluxlora_desktop.domain.services import at_place
from fluxlora_desktop.workflows.plans import choices_for, trainer_of
from fluxlora_desktop.workflows.tools import Tools

_SHOWN = 8


def lineage_of_lora(lora_id: str, tools: Tools) -> Lineage:
    """Return the line through a Lora, also one that lies in the trash; raises `KeyError`."""
    lora = tools.stores.loras.get(lora_id)
    return _line(lora.name, lora.tensor_hash, lora_id, lora, _run_of(lora, tools), tools)


def lineage_of_run(run_id: str, tools: Tools) -> Lineage:
    """Return the line through a run; raises `KeyError`."""
    run = tools.stores.runs.get(run_id)
    lora = None
    if run.lora_id:
        with suppress(KeyError):
            lora = tools.stores.loras.get(run.lora_id)
    hash_ = lora.tensor_hash if lora else ""
    return _line(run.plan.name, hash_, run.lora_id or "", lora, run, tools)


def lineages_of_picture(picture: Picture, tools: Tools) -> tuple[Lineage, ...]:
    """Return the line through each Lora that a picture was made with."""
    found = []
    for use in picture.loras:
        try:
            found.append(lineage_of_lora(use.lora_id, tools))
        except KeyError:
            found.append(_line(use.name, use.tensor_hash, use.lora_id, None, None, tools))
    return tuple(found)


def lineages_of_photo(sha256: str, tools: Tools) -> tuple[Lineage, ...]:
    """Return the line through each run that was trained on a photo, the newest first."""
    return tuple(lineage_of_run(run.id, tools) for run in tools.stores.runs.trained_on(sha256))


def _run_of(lora: Lora, tools: Tools) -> Run | None:
    if lora.run_id:
        with suppress(KeyError):
            return tools.stores.runs.get(lora.run_id)
    return None


def _line(
    name: str, tensor_hash: str, lora_id: str, lora: Lora | None, run: Run | None, tools: Tools
) -> Lineage:
    stores = tools.stores
    version = None
    if run is not None and run.version_id and not run.recovered:
        version = stores.datasets.version(run.version_id)
    ids = stores.pictures.ids(PictureQuery(lora_id=lora_id)) if lora_id else ()
    return Lineage(
        name=name,
        tensor_hash=tensor_hash,
        lora=lora,
        run=run,
        version=version,
        trained_with=_trained_with(run, tools) if run else "",
        parameters=facts_of_run(run, tools) if run else (),
        pictures=stores.pictures.page(ids[:_SHOWN]),
        picture_count=len(ids),
    )


def _trained_with(run: Run, tools: Tools) -> str:
    """Return which trainer made a run, and where; the keys where the app knows neither any more."""
    with suppress(KeyError, InputError):
        backend = tools.services.trainer(run.plan.backend)
        return f"{trainer_of(run.plan, backend).title} {at_place(backend.key, backend.title)}"
    return " at ".join(part for part in (run.plan.trainer, run.plan.backend) if part)


def facts_of_run(run: Run, tools: Tools) -> tuple[tuple[str, str], ...]:
    """Return what a run was trained with, as pairs of name and value, for people and to compare."""
    facts = [("Trainer", _trained_with(run, tools))]
    if run.base:
        facts.append(("Base", title_of(run.base)))
    facts.append(("What it shows", run.plan.preset.value))
    facts += _parameters(run, tools)
    if run.loss is not None:
        facts.append(("Last loss", f"{run.loss:.4f}"))
    if run.started_at is not None and run.finished_at is not None:
        minutes = (run.finished_at - run.started_at).total_seconds() / 60
        facts.append(("Took", f"{minutes:.0f} min"))
    if run.cost_usd is not None:
        facts.append(("Cost", f"${run.cost_usd:.2f}"))
    return tuple(fact for fact in facts if fact[1])


def _parameters(run: Run, tools: Tools) -> list[tuple[str, str]]:
    """Return what was sent, by the journal; else what the recipe says today."""
    effect = tools.stores.runs.live_effect(EffectKind.TRAINING, run.id)
    sent = _sent(effect.request) if effect is not None else {}
    if not sent and not run.recovered and run.version_id is not None:
        with suppress(KeyError, InputError):
            backend = tools.services.trainer(run.plan.backend)
            version = tools.stores.datasets.version(run.version_id)
            sent = {choice.name: choice.value for choice in choices_for(run.plan, backend, version)}
    return [(name, str(value)) for name, value in (sent or run.plan.parameters).items()]


def _sent(request: str) -> dict[str, Any]:
    """Return the parameters in a request of the journal; empty where it holds none."""
    try:
        found = json.loads(request)["parameters"]
    except (ValueError, KeyError, TypeError):
        return {}
    return dict(found) if isinstance(found, dict) else {}
