"""Let a model write captions: one request for each photo, journalled, each kept as it comes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from fluxlora_desktop.domain.captioning import (
    IMAGE_SIDE,
    CaptionModel,
    CaptionOrder,
    CaptionRequest,
    TrainersCaptions,
    WrittenCaption,
    clean_caption,
)
from fluxlora_desktop.domain.captions import one_line
from fluxlora_desktop.domain.datasets import Dataset
from fluxlora_desktop.domain.errors import (
    AppError,
    InputError,
    NotFoundAtService,
    StorageError,
)
from fluxlora_desktop.domain.money import NOTHING
from fluxlora_desktop.domain.ports import Captioner, JobContext
from fluxlora_desktop.domain.runs import EffectKind, EffectState, Run, RunState
from fluxlora_desktop.domain.services import holds_token
from fluxlora_desktop.domain.spending import Agreement
from fluxlora_desktop.workflows.events import (
    CaptionBegun,
    CaptionFailed,
    CaptionWaits,
    CaptionWritten,
)
from fluxlora_desktop.workflows.paid import ENDS_ORDER, InDoubt, Paid, confirm, send_paid
from fluxlora_desktop.workflows.plans import trainer_of
from fluxlora_desktop.workflows.spending import passing
from fluxlora_desktop.workflows.tools import Tools, storage_trouble


@dataclass(frozen=True, slots=True)
class CaptionReport:
    """How an order ended: how many captions were written, what failed, how many were not sent."""

    written: int
    failed: tuple[CaptionFailed, ...] = ()
    not_sent: int = 0
    ended: AppError | None = None


def order_captions(
    dataset_id: str,
    captions: Mapping[str, str],
    *,
    captioner: str,
    model: str,
    prompt: str,
    trigger: str,
) -> CaptionOrder:
    """Return what one click asks for, under a name of its own; nothing is sent yet.

    Raises `InputError` where there is no model or no photo.
    """
    if not model.strip():
        raise InputError("model", "Choose a model first.")
    if not captions:
        raise InputError("photos", "There is no photo to describe.")
    name = secrets.token_hex(8)
    return CaptionOrder(name, dataset_id, captioner, model.strip(), prompt, trigger, dict(captions))


def write_captions(
    order: CaptionOrder, tools: Tools, ctx: JobContext, agreed: Agreement | None = None
) -> CaptionReport:
    """Describe the photos of an order one after another; each caption is kept before the next.

    A photo that fails does not stop the rest, unless the trouble is the account's, the model's or
    this computer's. A caption that a person wrote meanwhile stays. `JobCancelled` leaves what was
    not sent as it is; what was written is kept. Raises `LimitReached` before anything is sent.
    """
    captioner = tools.services.captioner(order.captioner)
    model = captioner.abilities().model(order.model)
    price, budget = model.estimate().high_usd, tools.budget
    with passing(order.id, price * len(order.captions), tools, agreed):
        budget.hold(order.id, price * len(order.captions))
    try:
        return _write_all(order, captioner, model, tools, ctx)
    finally:
        budget.hold(order.id, NOTHING)


def _write_all(
    order: CaptionOrder, captioner: Captioner, model: CaptionModel, tools: Tools, ctx: JobContext
) -> CaptionReport:
    price = model.estimate().high_usd
    written, failed = 0, list[CaptionFailed]()
    for place, sha256 in enumerate(order.captions, 1):
        ctx.check()
        ctx.report(CaptionBegun(sha256, place))
        outcome = _write_one(sha256, order, captioner, model, tools, ctx)
        tools.budget.hold(order.id, price * (len(order.captions) - place))
        ctx.report(outcome)
        if isinstance(outcome, CaptionWritten):
            written += 1
            continue
        failed.append(outcome)
        if isinstance(outcome.error, (*ENDS_ORDER, NotFoundAtService)):
            not_sent = len(order.captions) - place
            return CaptionReport(written, tuple(failed), not_sent, outcome.error)
    return CaptionReport(written, tuple(failed))


def _write_one(
    sha256: str,
    order: CaptionOrder,
    captioner: Captioner,
    model: CaptionModel,
    tools: Tools,
    ctx: JobContext,
) -> CaptionWritten | CaptionFailed:
    """Ask for one caption; its row stays in flight until what came is kept."""
    paid = Paid(
        EffectKind.CAPTION,
        f"{order.id}-{sha256[:16]}",
        captioner.key,
        model.estimate().high_usd,
        _wanted(sha256, order),
        done="written",
        note=order.model,
        order=order.id,
    )

    def say(wait: float) -> None:
        ctx.report(CaptionWaits(wait))

    try:
        image = tools.photos.shrink(tools.stores.files.working(sha256), IMAGE_SIDE)
        request = CaptionRequest(order.model, order.prompt, image)
        sent = send_paid(paid, partial(captioner.write, request), say, tools, ctx)
    except AppError as error:
        return CaptionFailed(sha256, error)
    if isinstance(sent, InDoubt):
        return CaptionFailed(sha256, sent.lost_answer())
    effect, answer = sent
    cost = model.cost(answer)
    outcome = _take(sha256, answer, order, tools, paid=cost > NOTHING)
    with suppress(StorageError):  # the next start adds what the journal knows
        confirm(paid, effect, answer.remote_id, cost, tools)
    return outcome


def _take(
    sha256: str, answer: WrittenCaption, order: CaptionOrder, tools: Tools, *, paid: bool
) -> CaptionWritten | CaptionFailed:
    """Keep an answer as a caption, unless a person wrote another one since the order was given.

    One that the disk does not take is told all the same: the draft holds it until there is room.
    """
    try:
        caption = clean_caption(answer.text, order.trigger)
    except InputError as error:
        return CaptionFailed(sha256, error, paid)
    store, before = tools.stores.datasets, order.captions[sha256]
    with suppress(StorageError):
        now = {item.photo.sha256: item.caption for item in store.get(order.dataset_id).photos}
        if now.get(sha256, before) != before:
            return CaptionWritten(sha256, caption, kept=False)
        store.set_caption(order.dataset_id, sha256, caption)
    return CaptionWritten(sha256, caption)


def _wanted(sha256: str, order: CaptionOrder) -> Mapping[str, object]:
    """Return what a request asks for, for the journal; the words of the prompt are not needed."""
    return {"model": order.model, "photo": sha256, "dataset": order.dataset_id}


def doubtful_photos(dataset: Dataset, tools: Tools) -> frozenset[str]:
    """Return the photos without a caption for which an answer was lost that may be charged."""
    bare = {item.photo.sha256 for item in dataset.photos if not item.caption.strip()}
    return frozenset(
        str(asked.get("photo"))
        for effect in tools.stores.runs.effects(EffectState.UNKNOWN)
        if effect.kind is EffectKind.CAPTION and effect.price_usd
        for asked in (json.loads(effect.request or "{}"),)
        if asked.get("photo") in bare and asked.get("dataset") == dataset.id
    )


_TRAINER_FILE = "captions.json"
_LONGEST_TRAINER_CAPTION = 2_000
_MOST_JSON = 2_000_000


def keep_trainer_captions(run: Run, found: Iterable[tuple[str, str]], tools: Tools) -> None:
    """Keep what a trainer wrote for photos without a caption, beside the run's other files.

    `found` are (name in the archive without its ending, text); names are told apart by the stem
    under which the photos were packed. Nothing is kept of a caption that a person wrote.
    """
    if run.version_id is None:
        return
    version = tools.stores.datasets.version(run.version_id)
    service = run.external_training_service or run.plan.backend
    stem = trainer_of(run.plan, tools.services.trainer(service)).archive_stem
    by_name = dict(found)
    captions = {
        item.photo.sha256: text
        for place, item in enumerate(version.photos)
        if not item.caption.strip()
        and (text := _trainers_words(by_name.get(stem.format(place), "")))
    }
    if not captions:
        return
    place = tools.stores.files.run_folder(run.id) / _TRAINER_FILE
    part = place.with_name(f"{place.name}.part")
    try:
        part.write_text(json.dumps(captions, ensure_ascii=False, indent=1), encoding="utf-8")
        part.replace(place)
    except OSError as error:
        raise storage_trouble(place, error) from error


def _trainers_words(text: str) -> str:
    words = one_line(text)[:_LONGEST_TRAINER_CAPTION].strip()
    return "" if holds_token(words) else words


def trainer_captions(dataset: Dataset, tools: Tools) -> dict[str, str]:
    """Return captions that trainers wrote in finished runs for photos of a dataset.

    The newest run counts. A file that cannot be read counts as none.
    """
    found: dict[str, str] = {}
    for run in tools.stores.runs.all() if dataset.photos else ():
        found = captions_of_run(run, tools).for_dataset(dataset) | found
    return found


def captions_of_run(run: Run, tools: Tools) -> TrainersCaptions:
    """Return what the trainer wrote in a run that came home.

    Nothing where it wrote none, and where the file cannot be read.
    """
    if run.version_id is None or run.state not in {RunState.PUBLISHING, RunState.READY}:
        return TrainersCaptions()
    try:
        kept = _read_captions(tools.stores.files.run_folder(run.id) / _TRAINER_FILE)
    except StorageError:  # the folder of a run is made where it is not there
        kept = {}
    if not kept:
        return TrainersCaptions()
    version = tools.stores.datasets.version(run.version_id)
    written = tuple(
        replace(item, caption=kept[item.sha256]) for item in version.photos if item.sha256 in kept
    )
    return TrainersCaptions(version.trigger_word, written)


def _read_captions(place: Path) -> dict[str, str]:
    try:
        if place.stat().st_size > _MOST_JSON:
            return {}
        kept = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    pairs = kept.items() if isinstance(kept, dict) else ()
    texts = ((sha256, _trainers_words(text)) for sha256, text in pairs if isinstance(text, str))
    return {sha256: text for sha256, text in texts if text}
