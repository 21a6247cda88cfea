"""Package, upload, launch: everything up to the one request that costs money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

from fluxlora_desktop.domain.captions import one_line, with_trigger
from fluxlora_desktop.domain.datasets import Archive, DatasetPhoto, DatasetVersion, PackItem
from fluxlora_desktop.domain.dismissals import dismissal_keys
from fluxlora_desktop.domain.errors import (
    AppError,
    ArrivedDamaged,
    OutcomeUnknown,
    PriceChanged,
    ServiceBusy,
    ServiceUnreachable,
    UntrustedConnection,
)
from fluxlora_desktop.domain.journal import Answered, NoAnswer, Prepared, Sending, outcome_of
from fluxlora_desktop.domain.money import NOTHING
from fluxlora_desktop.domain.ports import JobContext, TrainingBackend
from fluxlora_desktop.domain.runs import Effect, EffectKind, EffectState, Run, RunState
from fluxlora_desktop.domain.spending import Agreement
from fluxlora_desktop.domain.training import Destination, RemoteFile, TrainingSpec
from fluxlora_desktop.workflows.effects import ensure
from fluxlora_desktop.workflows.events import RunChanged
from fluxlora_desktop.workflows.photos import check_dataset, edit_photo
from fluxlora_desktop.workflows.plans import (
    check_captions,
    check_plan,
    check_ready,
    spec_for,
    trainer_of,
)
from fluxlora_desktop.workflows.publish import check_may_publish
from fluxlora_desktop.workflows.room import check_room
from fluxlora_desktop.workflows.spending import let_through, passing
from fluxlora_desktop.workflows.tools import Tools
from fluxlora_desktop.workflows.waiting import patiently


def start_run(run_id: str, tools: Tools, agreed: Agreement | None = None) -> Run:
    """Freeze the draft's dataset and leave DRAFT; the training itself is `launch_training`'s.

    Raises `InputError`, `TooFewPhotos` or `LimitReached`; the draft stays as it is then.
    """
    stores = tools.stores
    run = stores.runs.get(run_id)
    if run.state is not RunState.DRAFT:
        return run
    dataset = stores.datasets.get(run.dataset_id)
    check_plan(run, dataset)
    backend = tools.services.trainer(run.plan.backend)
    check_ready(run.plan, backend)
    spec = spec_for(run, backend, dataset)
    check_captions(spec, trainer_of(run.plan, backend))
    stores.runs.save_plan(run_id, replace(run.plan, backend=backend.key, trainer=spec.trainer))
    estimate = backend.estimate(spec)
    found = check_dataset(dataset, tools, run.plan.preset)
    remarks = [key for finding in found for key in dismissal_keys(finding)]
    with passing(run_id, estimate.high_usd, tools, agreed):
        version = stores.datasets.freeze(dataset.id, [*sorted(dataset.dismissed), *remarks])
        return stores.runs.advance(
            run_id,
            RunState.PACKAGING,
            version_id=version.id,
            base=spec.base,
            price_low=estimate.low_usd,
            price_high=estimate.high_usd,
            total=trainer_of(run.plan, backend).steps_of(spec.parameters),
            started_at=tools.clock.now(),
            confirmations=run.confirmations + 1,
        )


def try_again(run_id: str, tools: Tools, agreed: Agreement | None = None) -> Run:
    """Send a failed or cancelled run on its way again; return the run that goes on.

    A training that succeeded only fetches its weights again. One that never started goes on as it
    is. One that did start keeps its history, and a new run with the same photos and recipe begins,
    which costs money: a person asked for it. Asked twice, it is still one run. Raises
    `LimitReached`; the run stays as it is then.
    """
    runs = tools.stores.runs
    run = runs.get(run_id)
    if run.state not in {RunState.FAILED, RunState.CANCELLED}:
        return run
    fresh = {
        "error": "",
        "error_kind": "",
        "attention": "",
        "finished_at": None,
        "failed_at": None,
    }
    wanted = {"confirmations": run.confirmations + 1}
    if run.state is RunState.FAILED and run.failed_at is RunState.COLLECTING:
        return runs.advance(run_id, RunState.COLLECTING, **fresh)
    if run.recovered:  # its photos are not here
        return run
    price = run.price_high or NOTHING
    effect = runs.live_effect(EffectKind.TRAINING, run_id)
    if effect is None or effect.state is not EffectState.CONFIRMED:
        with passing(run_id, price, tools, agreed):
            return runs.advance(run_id, RunState.PACKAGING, **fresh, **wanted)
    for begun in runs.open_runs():  # a version is frozen for one start, so this is its other try
        if begun.version_id == run.version_id:
            return begun
    with passing(run_id, price, tools, agreed):
        again = runs.create(run.dataset_id, run.plan)
        tools.budget.let_through(again.id)
        return runs.advance(
            again.id,
            RunState.PACKAGING,
            version_id=run.version_id,
            base=run.base,
            price_low=run.price_low,
            price_high=run.price_high,
            total=run.total,
            started_at=tools.clock.now(),
            confirmations=1,
        )


def look_again(run_id: str, tools: Tools) -> Run:
    """Go on with a training that ended without weights, as if it had not: ask the service anew.

    Only where the service knows the training; any other run is left alone. Nothing is sent.
    """
    run = tools.stores.runs.get(run_id)
    if not run.may_be_looked_for:
        return run
    return tools.stores.runs.advance(
        run_id,
        RunState.QUEUED,
        error="",
        error_kind="",
        attention="",
        finished_at=None,
        failed_at=None,
    )


def launch_training(run: Run, tools: Tools, ctx: JobContext) -> Run:
    """Carry a run from PACKAGING or UPLOADING through the launch.

    Ends in QUEUED, UNKNOWN or FAILED. Nothing is launched twice: before the request the journal
    says so on disk, and an answer that does not come leads to UNKNOWN. Raises `PriceChanged`,
    `LimitReached` and `DiskFull` before anything is sent.
    """
    backend = tools.services.trainer(run.plan.backend)
    version = _version(run, tools)
    spec = replace(spec_for(run, backend, version), library=tools.stores.runs.library_id)
    if run.state is RunState.UPLOADING:
        run = tools.stores.runs.advance(run.id, RunState.PACKAGING)
    ctx.report(RunChanged(run))
    check_may_publish(run.plan, tools)
    _check_price(run, spec, backend)
    let_through(run.id, run.price_high or NOTHING, tools)
    check_room(spec, trainer_of(run.plan, backend), version, tools)
    archive = _package(run, version, backend, tools, ctx)
    run = tools.stores.runs.advance(run.id, RunState.UPLOADING)
    ctx.report(RunChanged(run))
    find = partial(_destination, run, spec, backend, tools, ctx)
    destination = patiently(find, run, backend.title, tools, ctx)
    run = tools.stores.runs.update(
        run.id, destination=destination.name, account=destination.name.partition("/")[0]
    )
    try:
        run = _upload_and_submit(run, spec, destination, archive, backend, tools, ctx)
    except ArrivedDamaged:  # on the way or on this computer's disk: made anew, once
        archive = _package(run, version, backend, tools, ctx)
        run = _upload_and_submit(run, spec, destination, archive, backend, tools, ctx)
    ctx.report(RunChanged(run))
    return run


def _destination(
    run: Run, spec: TrainingSpec, backend: TrainingBackend, tools: Tools, ctx: JobContext
) -> Destination:
    """Return where the result will lie; made, and journalled, unless it is there."""
    return ensure(
        EffectKind.MODEL,
        run.id,
        backend.key,
        tools,
        look=lambda: backend.find_destination(spec, ctx),
        make=lambda: backend.prepare(spec, ctx),
        named=lambda made: made.name,
        request={"destination": spec.destination, "trainer": spec.trainer},
    )


def _check_price(run: Run, spec: TrainingSpec, backend: TrainingBackend) -> None:
    """Raise `PriceChanged` when the training costs more by now than a person agreed to.

    A person agreed to cents; the library keeps millionths.
    """
    now = backend.estimate(spec)
    if run.price_high is not None and round(now.high_usd, 2) > round(run.price_high, 2):
        raise PriceChanged(now.low_usd, now.high_usd)


def _version(run: Run, tools: Tools) -> DatasetVersion:
    assert run.version_id is not None, "a run that left DRAFT has a frozen dataset"
    return tools.stores.datasets.version(run.version_id)


def _package(
    run: Run,
    version: DatasetVersion,
    backend: TrainingBackend,
    tools: Tools,
    ctx: JobContext,
) -> Archive:
    trainer = trainer_of(run.plan, backend)
    items = [
        PackItem(
            item.sha256,
            _working_copy(item, tools),
            _caption_for(item.caption, version.trigger_word),
        )
        for item in version.photos
    ]
    target = tools.stores.files.run_folder(run.id) / "photos.zip"
    return tools.photos.package(items, trainer.archive_stem, target, ctx)


def _working_copy(item: DatasetPhoto, tools: Tools) -> Path:
    """Return the copy that is trained, made again where only the original is there."""
    if not item.edits.plain:
        edit_photo(item.sha256, item.edits, tools)
    return tools.stores.files.working(item.sha256, item.edits)


def _caption_for(caption: str, trigger_word: str) -> str:
    text = one_line(caption)
    return with_trigger(text, trigger_word) if text else ""


def _upload_and_submit(
    run: Run,
    spec: TrainingSpec,
    destination: Destination,
    archive: Archive,
    backend: TrainingBackend,
    tools: Tools,
    ctx: JobContext,
) -> Run:
    runs = tools.stores.runs
    waits = tools.patience.retries()
    for _ in range(tools.patience.launch_tries):
        effect = runs.plan_effect(
            EffectKind.TRAINING,
            run.id,
            backend.key,
            run.price_high,
            confirmation=run.confirmations,
            request=_request(spec, destination, archive),
        )
        upload = partial(backend.upload, archive, effect.nonce, ctx)
        data = patiently(upload, run, backend.title, tools, ctx)
        effect = runs.record_effect(effect.id, Prepared(data.id, data.server_date))
        ctx.check()
        run = runs.advance(run.id, RunState.LAUNCHING, attention="", wait_until=None)
        ctx.report(RunChanged(run))
        try:
            return _submit(run, effect, spec, destination, data, backend, tools)
        except ServiceUnreachable as error:
            runs.record_effect(effect.id, outcome_of(error, effect.kind))
            if isinstance(error, UntrustedConnection):
                raise
            wait, words = next(waits), "There is no connection. Nothing was started."
        except ServiceBusy as error:
            runs.record_effect(effect.id, outcome_of(error, effect.kind))
            wait, words = error.retry_after, f"{backend.title} asks to wait."
        until = tools.clock.now() + timedelta(seconds=wait)
        run = runs.advance(run.id, RunState.PACKAGING, attention=words, wait_until=until)
        run = runs.advance(run.id, RunState.UPLOADING)
        ctx.report(RunChanged(run))
        ctx.pause(wait)
    raise ServiceUnreachable(backend.key, "the launch could not be sent")


def _request(
    spec: TrainingSpec, destination: Destination, archive: Archive
) -> Mapping[str, object]:
    """Return what a launch asks for, for the journal."""
    return {
        "trainer": spec.trainer,
        "base": spec.base,
        "destination": destination.name,
        "trigger_word": spec.trigger_word,
        "parameters": dict(spec.parameters),
        "photos": spec.photo_count,
        "archive_sha256": archive.sha256,
    }


def _submit(
    run: Run,
    effect: Effect,
    spec: TrainingSpec,
    destination: Destination,
    data: RemoteFile,
    backend: TrainingBackend,
    tools: Tools,
) -> Run:
    """Send the one request that costs money; the journal is on disk before its first byte."""
    runs = tools.stores.runs
    runs.record_effect(effect.id, Sending(tools.clock.now(), tools.patience.deadline))
    try:
        remote = backend.submit(spec, destination, data, effect.nonce)
    except (ServiceUnreachable, ServiceBusy):
        raise
    except OutcomeUnknown as error:
        runs.record_effect(effect.id, outcome_of(error, effect.kind))
        return _doubt(run, tools)
    except AppError as error:
        runs.record_effect(effect.id, outcome_of(error, effect.kind))
        raise
    answered = runs.record_effect(effect.id, Answered(remote.id, remote.handle))
    if answered.state is EffectState.UNKNOWN:
        return _doubt(run, tools)
    return adopt_launch(
        replace(run, page=remote.page, trainer_version=remote.trainer_version),
        remote.id,
        backend.key,
        tools,
    )


def _doubt(run: Run, tools: Tools) -> Run:
    words = "No clear answer to the launch. Nothing is sent again."
    tools.stores.runs.add_event(run.id, "warn", words)
    return tools.stores.runs.advance(run.id, RunState.UNKNOWN)


def adopt_launch(run: Run, remote_id: str, service: str, tools: Tools) -> Run:
    """Move a run whose training is known at the service into QUEUED."""
    page = run.page or tools.services.trainer(service).page_of(remote_id, run.plan.trainer)
    return tools.stores.runs.advance(
        run.id,
        RunState.QUEUED,
        external_training_id=remote_id,
        external_training_service=service,
        page=page,
        trainer_version=run.trainer_version,
        attention="",
        error_kind="",
        wait_until=None,
    )


def finish_launch(run: Run, tools: Tools) -> Run:
    """Settle a run found in LAUNCHING at start: the journal knows how far it got."""
    runs = tools.stores.runs
    effect = runs.live_effect(EffectKind.TRAINING, run.id)
    if effect is not None and effect.state is EffectState.CONFIRMED:
        return adopt_launch(run, effect.remote_id, effect.service, tools)
    if effect is not None and effect.state in {EffectState.IN_FLIGHT, EffectState.UNKNOWN}:
        if effect.state is EffectState.IN_FLIGHT:
            runs.record_effect(effect.id, NoAnswer("found in flight at start"))
        return runs.advance(run.id, RunState.UNKNOWN)
    return runs.advance(run.id, RunState.PACKAGING)


def abandon_run(run_id: str, tools: Tools) -> Run:
    """Cancel a run that has not been launched; any other is left alone."""
    run = tools.stores.runs.get(run_id)
    if run.state in {RunState.PACKAGING, RunState.UPLOADING}:
        return tools.stores.runs.advance(
            run_id, RunState.CANCELLED, finished_at=tools.clock.now(), cost_usd=Decimal(0)
        )
    return run
