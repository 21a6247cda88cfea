"""Make pictures: one paid request for each, journalled, stored with everything that made it."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path

from fluxlora_desktop.domain.errors import (
    AppError,
    EngineBusy,
    JobCancelled,
    LoraNotUsable,
    ModelWithdrawn,
    OutcomeUnknown,
    ServiceError,
    StorageError,
    UnexpectedReply,
)
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.money import NOTHING
from fluxlora_desktop.domain.pictures import (
    GeneratedImage,
    GeneratorModel,
    Picture,
    PictureLora,
    PictureRequest,
    PictureState,
)
from fluxlora_desktop.domain.ports import ImageGenerator, JobContext
from fluxlora_desktop.domain.prompts import NO_WILDCARDS, Spread, prompts_of
from fluxlora_desktop.domain.routes import Route, check_request, routes_for, use_of
from fluxlora_desktop.domain.runs import Effect, EffectKind
from fluxlora_desktop.domain.spending import Agreement
from fluxlora_desktop.workflows.events import OrderRefused, PictureChanged
from fluxlora_desktop.workflows.free import ends_order, made_free, telling
from fluxlora_desktop.workflows.looking import look_first, naming_routes, offered, with_routes
from fluxlora_desktop.workflows.paid import ENDS_ORDER, InDoubt, Paid, confirm, send_paid
from fluxlora_desktop.workflows.picture_text import text_of
from fluxlora_desktop.workflows.prompts import read_wildcards
from fluxlora_desktop.workflows.spending import let_through, passing
from fluxlora_desktop.workflows.tools import Tools, storage_trouble

TEMPLATE, SPREAD = "template", "spread"
"""The facts of a picture whose prompt had alternatives: as it was written, and how it was used."""
STOPPED = "You stopped it before it was sent. Nothing was charged."
STOPPED_HERE = "You stopped it."
FAULT = "A fault of the app broke the order off before this was sent. Nothing was charged."
_FAULT_MEANWHILE = "A fault of the app broke this off; the log has the details."
_BROKEN_OFF = "It was broken off while it was made."
_THROWN_AWAY = "You deleted it before it was sent. Nothing was charged."
_SUFFIXES = {"image/jpeg": ".jpg", "image/webp": ".webp"}


def routes_of(lora: Lora, tools: Tools) -> tuple[Route, ...]:
    """Return where a Lora can be used and where not, with reasons."""
    return routes_for(use_of(lora), offered(tools))


def order_pictures(
    request: PictureRequest, tools: Tools, agreed: Agreement | None = None
) -> tuple[Picture, ...]:
    """Check an order and write its pictures down as waiting; nothing is sent yet.

    Raises `InputError`, `LoraNotUsable`, which names the routes that work, or `LimitReached`.
    """
    wildcards = read_wildcards(tools) if request.spread is not Spread.LITERAL else NO_WILDCARDS
    prompts = prompts_of(request.prompt, request.spread, request.seed, request.count, wildcards)
    generator = tools.services.generator(request.generator)
    abilities = generator.abilities()
    with naming_routes(request, tools):
        for prompt in dict.fromkeys((request.prompt, *(prompt for prompt, _seed in prompts))):
            model = check_request(replace(request, prompt=prompt), abilities)
    facts = {} if request.spread is Spread.LITERAL else _facts_of(request)
    order, now = secrets.token_hex(8), tools.clock.now()
    pictures = tuple(
        Picture(
            id=f"{order}{place:02d}",
            order_id=order,
            state=PictureState.WAITING,
            generator=request.generator,
            model=request.model,
            base=model.base,
            prompt=prompt,
            loras=tuple(
                PictureLora(use.lora_id, use.name, use.scale, use.tensor_hash)
                for use in request.loras
            ),
            width=request.width,
            height=request.height,
            steps=request.steps,
            guidance=request.guidance,
            seed=seed,
            created_at=now,
            facts=facts,
        )
        for place, (prompt, seed) in enumerate(prompts)
    )
    with passing(order, _most(model, pictures), tools, agreed):
        tools.stores.pictures.add(pictures)
    return pictures


def template_of(picture: Picture) -> tuple[str, Spread]:
    """Return the prompt of a picture's order as it was written, and how it was used."""
    written = picture.facts.get(TEMPLATE)
    if not written or picture.source:
        return picture.prompt, Spread.LITERAL
    every = picture.facts.get(SPREAD) == Spread.EVERY
    return written, Spread.EVERY if every else Spread.RANDOM


def _facts_of(request: PictureRequest) -> Mapping[str, str]:
    return {TEMPLATE: request.prompt, SPREAD: request.spread}


def request_of(picture: Picture, count: int, tools: Tools) -> PictureRequest:
    """Return the order that a waiting picture stands for; raises `KeyError` for a Lora gone."""
    loras = tools.stores.loras
    return PictureRequest(
        picture.generator,
        picture.model,
        picture.prompt,
        tuple(use_of(loras.get(use.lora_id), use.scale) for use in picture.loras),
        picture.width,
        picture.height,
        picture.steps,
        picture.guidance,
        picture.seed,
        count,
    )


def _always() -> bool:
    return True


def _most(model: GeneratorModel, pictures: Sequence[Picture]) -> Decimal:
    """Return the most that pictures of a model can cost, in US dollars."""
    prices = (model.estimate(one.width, one.height, one.steps).high_usd for one in pictures)
    return sum(prices, NOTHING)


def make_pictures(
    pictures: Iterable[Picture],
    request: PictureRequest,
    tools: Tools,
    ctx: JobContext,
    agreed: Agreement | None = None,
    goes_on: Callable[[], bool] = _always,
) -> tuple[Picture, ...]:
    """Make the waiting pictures of an order, one after another; return them as they ended.

    A picture that fails does not stop the rest, unless the trouble is the account's: then the rest
    are marked with the same words and nothing more is sent. Only what still waits, and was not
    thrown away meanwhile, is sent. `JobCancelled` leaves what was not sent waiting, as at the end
    of the app; where a person stopped the order, `end_order` comes after it. The service is looked
    at before the first is sent; what is raised then was not sent. `LimitReached` comes before
    anything is sent and leaves everything waiting; so does `EngineBusy`, which may come later too.
    What waits when `goes_on` says no stays so as well.
    """
    return make_each(((picture, request) for picture in pictures), tools, ctx, agreed, goes_on)


def make_each(
    orders: Iterable[tuple[Picture, PictureRequest]],
    tools: Tools,
    ctx: JobContext,
    agreed: Agreement | None = None,
    goes_on: Callable[[], bool] = _always,
) -> tuple[Picture, ...]:
    """The same for waiting pictures that have a request each; none is sent unless all may be."""
    waiting = list(orders)
    generators = {each.generator: tools.services.generator(each.generator) for _, each in waiting}
    models = _models_for(waiting, tools, ctx)
    prices: dict[str, Decimal] = defaultdict(Decimal)
    for (picture, _), model in zip(waiting, models, strict=True):
        prices[picture.order_id] += _most(model, (picture,))
    for order_id, price in prices.items():
        let_through(order_id, price, tools, agreed)
    done: list[Picture] = []
    stopped: AppError | None = None
    for (picture, request), model in zip(waiting, models, strict=True):
        generator = generators[request.generator]
        if stopped is not None:
            ended = _failed(picture, stopped, tools)
        elif not goes_on():
            break
        else:
            try:
                ctx.check()
                now = tools.stores.pictures.get(picture.id)
                if now.state is not PictureState.WAITING:
                    ended = now
                elif now.trashed_at is not None:
                    ended = _failed(now, AppError(_THROWN_AWAY), tools)
                else:
                    ended, stopped = _make_one(now, request, generator, model, tools, ctx)
            except (JobCancelled, EngineBusy):
                _leave(picture, tools, ctx)
                raise
        ctx.report(PictureChanged(ended))
        done.append(ended)
    if isinstance(stopped, ModelWithdrawn | LoraNotUsable):
        ctx.report(OrderRefused(with_routes(stopped, request, tools)))
    elif stopped is not None and models[-1].free:
        ctx.report(OrderRefused(stopped))
    return tuple(done)


def _models_for(
    waiting: Sequence[tuple[Picture, PictureRequest]], tools: Tools, ctx: JobContext
) -> list[GeneratorModel]:
    """Return the model of each order; where one of them may not be sent, all have failed."""
    try:
        return [look_first(each, tools, ctx) for _, each in waiting]
    except EngineBusy:
        raise
    except AppError as error:
        for picture, each in waiting:
            why = _not_looked(error, tools.services.generator(each.generator))
            ctx.report(PictureChanged(_failed(picture, why, tools)))
        raise


def _not_looked(error: AppError, generator: ImageGenerator) -> AppError:
    """Return why an order was not sent, for its pictures; the error itself is for the person."""
    if isinstance(error, ModelWithdrawn) or not isinstance(error, ServiceError):
        return error
    return AppError(
        f"{generator.title} could not be asked whether it takes this: {error.detail.rstrip('.')}. "
        "So nothing was sent and nothing was charged."
    )


def _leave(picture: Picture, tools: Tools, ctx: JobContext) -> None:
    """Let a picture wait again whose work was broken off before it was sent."""
    store = tools.stores.pictures
    left = store.get(picture.id)
    if left.state is PictureState.MAKING:
        left = store.update(left.id, state=PictureState.WAITING, error="")
    ctx.report(PictureChanged(left))


def end_order(order_id: str, tools: Tools, words: str = STOPPED) -> tuple[Picture, ...]:
    """End what still waits of an order, and return those pictures; none of them was sent.

    Raises `StorageError`: what cannot be written down would be taken up again at the next start.
    """
    store = tools.stores.pictures
    return tuple(
        store.update(picture.id, state=PictureState.FAILED, error=_ending(picture, words, tools))
        for picture in store.unfinished()
        if picture.order_id == order_id and picture.state is PictureState.WAITING
    )


def _ending(picture: Picture, words: str, tools: Tools) -> str:
    """Return why a picture ended; of one that nothing would be paid for no money is spoken."""
    if words != STOPPED:
        return words
    with suppress(KeyError):
        model = tools.services.generator(picture.generator).abilities().model(picture.model)
        if model is not None and model.free:
            return STOPPED_HERE
    return words


def _make_one(
    picture: Picture,
    request: PictureRequest,
    generator: ImageGenerator,
    model: GeneratorModel,
    tools: Tools,
    ctx: JobContext,
) -> tuple[Picture, AppError | None]:
    single = replace(
        request, prompt=picture.prompt, seed=picture.seed, count=1, spread=Spread.LITERAL
    )
    if model.free:
        return _make_free(picture, single, generator, model, tools, ctx)
    paid = Paid(
        EffectKind.PICTURE,
        picture.id,
        generator.key,
        model.estimate(picture.width, picture.height, picture.steps).low_usd,
        _wanted(single),
        done="made",
        note=picture.prompt,
        picture_id=picture.id,
        order=picture.order_id,
    )

    def say(wait: float) -> None:
        if wait:
            words = f"{generator.title} asks to wait {wait:.0f} s."
            ctx.report(PictureChanged(tools.stores.pictures.update(picture.id, error=words)))

    try:
        picture = tools.stores.pictures.update(picture.id, state=PictureState.MAKING)
        ctx.report(PictureChanged(picture))
        sent = send_paid(paid, partial(generator.generate, single, ctx), say, tools, ctx)
    except AppError as error:
        ends = isinstance(error, (*ENDS_ORDER, LoraNotUsable))
        return _failed(picture, error, tools), error if ends else None
    if isinstance(sent, InDoubt):
        ended = _in_doubt(picture, sent, tools)
        sent.lost_answer()
        return ended
    return _keep(picture, paid, *sent, model, tools)


def _make_free(
    picture: Picture,
    request: PictureRequest,
    generator: ImageGenerator,
    model: GeneratorModel,
    tools: Tools,
    ctx: JobContext,
) -> tuple[Picture, AppError | None]:
    """Make a picture that nobody is paid for: no journal, no ledger, and a crash is a failure."""
    try:
        picture = tools.stores.pictures.update(picture.id, state=PictureState.MAKING, error="")
        ctx.report(PictureChanged(picture))
        image = made_free(generator, request, telling(ctx, picture))
        return _store(picture, image, model, NOTHING, tools), None
    except (EngineBusy, JobCancelled):
        raise
    except AppError as error:
        return _failed(picture, error, tools), error if ends_order(error) else None
    except Exception:
        _failed(picture, AppError(_FAULT_MEANWHILE), tools)
        raise


def _wanted(request: PictureRequest) -> Mapping[str, object]:
    """Return what a request asks for, for the journal; the prompt stands in the picture's row."""
    return {
        "model": request.model,
        "seed": request.seed,
        "size": [request.width, request.height],
        "steps": request.steps,
        "guidance": request.guidance,
        "loras": [{"id": use.lora_id, "scale": use.scale} for use in request.loras],
    }


def _keep(
    picture: Picture,
    paid: Paid,
    effect: Effect,
    image: GeneratedImage,
    model: GeneratorModel,
    tools: Tools,
) -> tuple[Picture, AppError | None]:
    """Keep a picture that is paid for; its bytes go elsewhere when the library cannot take it."""
    try:
        confirm(paid, effect, image.remote_id, paid.price_usd, tools)
        return _store(picture, image, model, paid.price_usd, tools), None
    except StorageError as error:
        spilled = _spill(picture, image, tools)
        where = f"It lies at {spilled}." if spilled else "Its bytes could not be kept anywhere."
        words = f"The picture was made and charged; the library could not take it. {where}"
        return _failed(picture, AppError(words), tools), error


def _second_places(tools: Tools) -> tuple[Callable[[], Path], ...]:
    """Return the folders for pictures that the library could not take."""
    return (
        partial(tools.stores.files.run_folder, "unsaved-pictures"),
        partial(Path, tempfile.gettempdir()),
    )


def unsaved_file(picture: Picture, tools: Tools) -> Path | None:
    """Return where the bytes of a picture lie that was paid for and could not be stored."""
    lost = picture.state in {PictureState.FAILED, PictureState.MAYBE_CHARGED}
    if not lost or picture.file:
        return None
    for folder in _second_places(tools):
        for suffix in (".png", *_SUFFIXES.values()):
            with suppress(OSError, StorageError):
                place = folder() / f"{picture.id}{suffix}"
                if place.is_file():
                    return place
    return None


def _spill(picture: Picture, image: GeneratedImage, tools: Tools) -> Path | None:
    """Write a picture's bytes as they came where there is room; return the place, if any."""
    name = f"{picture.id}{_SUFFIXES.get(image.media_type, '.png')}"
    for folder in _second_places(tools):
        try:
            place = folder() / name
            place.write_bytes(image.data)
        except (OSError, StorageError):
            continue
        return place
    return None


def _store(
    picture: Picture, image: GeneratedImage, model: GeneratorModel, price: Decimal, tools: Tools
) -> Picture:
    files = tools.stores.files
    target = files.picture(picture.id, picture.created_at)
    thumb = files.picture_thumb(picture.id)
    made = replace(picture, seed=image.seed, remote_id=image.remote_id, cost_usd=price)
    text = text_of(made, model.title, tools)
    try:
        sha256 = tools.pictures.finish(image.data, text, target, thumb)
    except UnexpectedReply as error:
        spilled = _spill(picture, image, tools)
        where = f" What came lies at {spilled}." if spilled else ""
        charged = "" if model.free else " and charged"
        words = f"What was made{charged} is not a picture that opens: {error.got}.{where}"
        return _failed(picture, AppError(words), tools)
    return tools.stores.pictures.update(
        picture.id,
        state=PictureState.DONE,
        file=files.relative(target),
        thumb=files.relative(thumb),
        sha256=sha256,
        source_sha256=hashlib.sha256(image.data).hexdigest(),
        remote_id=image.remote_id,
        seed=image.seed,
        cost_usd=price,
        error="",
    )


def save_picture(picture: Picture, target: Path, tools: Tools, *, clean: bool = False) -> None:
    """Copy a picture's file out of the library; `clean` leaves its metadata out.

    Raises `StorageError` and its kin; a file that was at `target` stays then.
    """
    unsaved = unsaved_file(picture, tools)
    source = unsaved or tools.stores.files.resolve(picture.file)
    if clean:
        tools.pictures.without_text(source, target)
        return
    part = target.with_name(f".{target.name}.part")
    try:
        try:
            shutil.copyfile(source, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise storage_trouble(target, error) from error


def _failed(picture: Picture, error: AppError, tools: Tools) -> Picture:
    """Keep why a picture failed; with a full disk the screen is told all the same."""
    words = error.detail or str(error)
    with suppress(StorageError):
        return tools.stores.pictures.update(picture.id, state=PictureState.FAILED, error=words)
    return replace(picture, state=PictureState.FAILED, error=words)


def _in_doubt(
    picture: Picture, doubt: InDoubt, tools: Tools
) -> tuple[Picture, StorageError | None]:
    """Show a picture as possibly charged, once it is counted so; return what kept it from that.

    One that could not be counted is still being made: the next start settles it by its journal.
    """
    match doubt.why:
        case OutcomeUnknown():
            words = doubt.why.detail
        case JobCancelled():
            words = _BROKEN_OFF
        case _:
            words = _FAULT_MEANWHILE
    trouble, state = doubt.uncounted, PictureState.MAYBE_CHARGED
    if trouble is None:
        try:
            return tools.stores.pictures.update(picture.id, state=state, error=words), None
        except StorageError as error:
            trouble = error
    return replace(picture, state=state, error=words), trouble
