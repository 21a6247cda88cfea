"""Bring weights home: fetch, verify, keep."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

from fluxlora_desktop.domain.datasets import DatasetVersion
from fluxlora_desktop.domain.errors import (
    AppError,
    CredentialError,
    InputError,
    NotFoundAtService,
    SecretStoreError,
    SecretStoreLocked,
    ServiceBusy,
    ServiceInterrupted,
    ServiceUnreachable,
    StorageError,
    WeightsError,
)
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.ports import FetchedWeights, JobContext, TrainingBackend
from fluxlora_desktop.domain.runs import Run, RunState
from fluxlora_desktop.domain.services import NOT_A_TOKEN_FIELD, holds_token
from fluxlora_desktop.domain.training import RemoteState, RunSnapshot
from fluxlora_desktop.domain.weights import WeightsFacts, inspect_weights, keep_damaged
from fluxlora_desktop.domain.weights_header import strength_in
from fluxlora_desktop.workflows.captioning import keep_trainer_captions
from fluxlora_desktop.workflows.events import RunChanged
from fluxlora_desktop.workflows.follow import LONGEST_WAIT, remote_of
from fluxlora_desktop.workflows.tools import Tools, storage_trouble

_log = logging.getLogger(__name__)
_DAMAGED, _PHOTOS = "damaged", ".zip"
_WAITED_OUT = (
    ServiceUnreachable,
    ServiceInterrupted,
    ServiceBusy,
    CredentialError,
    SecretStoreError,
)


def collect_weights(run: Run, tools: Tools, ctx: JobContext) -> Run:
    """Fetch, verify and keep the weights of a succeeded training.

    Ends in PUBLISHING, or READY when the plan does not publish. Network trouble is waited out.
    Weights that fail the check are put aside with their archive and fetched once more; then
    `WeightsError` is raised, and another try fetches anew.
    """
    stores = tools.stores
    lora_id = run.id  # one run makes one Lora, so a second try after a kill finds the first's
    try:
        lora = stores.loras.get(lora_id)
    except KeyError:
        backend = tools.services.trainer(run.external_training_service or run.plan.backend)
        fetched, facts = _fetch_whole(run, backend, tools, ctx)
        _keep_captions(run, fetched, tools)
        lora = _same_lora(run, fetched.path, facts, tools) or _new_lora(
            run, fetched.path, facts, backend.key, tools
        )
    to = RunState.PUBLISHING if run.plan.publish else RunState.READY
    finished = {} if run.plan.publish else {"finished_at": tools.clock.now()}
    run = stores.runs.advance(
        run.id, to, lora_id=lora.id, attention="", wait_until=None, error_kind="", **finished
    )
    ctx.report(RunChanged(run))
    return run


def _keep_captions(run: Run, fetched: FetchedWeights, tools: Tools) -> None:
    """Keep what the trainer wrote; the weights are worth more, so no trouble of it stops them."""
    try:
        keep_trainer_captions(run, fetched.captions, tools)
    except (StorageError, KeyError) as error:
        _log.warning("the trainer's captions were not kept: %s", error)


def _fetch_whole(
    run: Run, backend: TrainingBackend, tools: Tools, ctx: JobContext
) -> tuple[FetchedWeights, WeightsFacts]:
    """Fetch weights and check them; what came damaged is put aside and fetched once more."""
    for more in (True, False):
        try:
            fetched = _fetch(run, backend, tools, ctx)
            return fetched, inspect_weights(fetched.path, ctx.check)
        except WeightsError as error:
            aside = _put_aside(run, error, tools)
            if not more:
                raise aside from error
    raise AssertionError("the last try has an end")


def _put_aside(run: Run, error: WeightsError, tools: Tools) -> WeightsError:
    """Move all that was fetched into a folder of its own; return the error with the new place."""
    folder = tools.stores.files.run_folder(run.id)
    aside = folder / _DAMAGED
    try:
        aside.mkdir(exist_ok=True)
        for path in folder.iterdir():
            if path.is_file() and path.suffix != _PHOTOS:
                if (aside / path.name).exists():
                    keep_damaged(aside / path.name)
                path.replace(aside / path.name)
    except OSError as trouble:
        raise storage_trouble(aside, trouble) from trouble
    return WeightsError(aside / error.path.name, error.reason)


def _same_lora(run: Run, path: Path, facts: WeightsFacts, tools: Tools) -> Lora | None:
    """Return the Lora that a recovered training turns out to be, out of the trash, or None."""
    stores = tools.stores
    known = _known(facts, tools) if run.recovered else None
    if known is None:
        return None
    kept = stores.files.lora(known.id)
    if not kept.is_file():
        stores.files.place(path, kept)
        known = stores.loras.reheaded(known.id, facts.sha256, facts.size_bytes)
    return stores.loras.trash(known.id, trashed=False) if known.trashed_at else known


def _known(facts: WeightsFacts, tools: Tools) -> Lora | None:
    """Return the Lora that a file is, also one whose header the app has changed since."""
    loras = tools.stores.loras
    return loras.with_sha256(facts.sha256) or loras.with_tensors(facts.tensor_hash)


def _new_lora(run: Run, path: Path, facts: WeightsFacts, service: str, tools: Tools) -> Lora:
    tools.stores.files.place(path, tools.stores.files.lora(run.id))
    return tools.stores.loras.add(lora_of(run, facts, service, tools))


def _fetch(run: Run, backend: TrainingBackend, tools: Tools, ctx: JobContext) -> FetchedWeights:
    folder = tools.stores.files.run_folder(run.id)
    address = run.weights_address
    for wait in tools.patience.retries():
        snapshot = RunSnapshot(
            RemoteState.SUCCEEDED, weights_address=address, version=run.output_version
        )
        try:
            return backend.fetch_weights(remote_of(run, tools), snapshot, folder, ctx)
        except _WAITED_OUT as error:
            run = _say_waiting(run, error, backend, wait, tools)
            ctx.report(RunChanged(run))
            asked = error.retry_after if isinstance(error, ServiceBusy) else 0.0
            ctx.pause(max(wait, min(asked, LONGEST_WAIT)))
        except NotFoundAtService as error:
            words = f"{backend.title} no longer has the weights of this training"
            raise NotFoundAtService(error.service, words, status=error.status) from error
        except OSError as error:
            raise storage_trouble(folder, error) from error
    raise AssertionError("retries never end")


def _say_waiting(
    run: Run, error: AppError, backend: TrainingBackend, wait: float, tools: Tools
) -> Run:
    """Keep what the run waits for, and until when where the service named a time."""
    until = None
    if isinstance(error, ServiceBusy):
        seconds = max(wait, min(error.retry_after, LONGEST_WAIT))
        until = tools.clock.now() + timedelta(seconds=seconds)
    return tools.stores.runs.update(
        run.id,
        attention=_words_for(error, backend.title),
        error_kind=type(error).__name__ if isinstance(error, CredentialError) else "",
        wait_until=until,
    )


def _words_for(error: AppError, service: str) -> str:
    if isinstance(error, CredentialError):
        return (
            f"{service} no longer accepts the token. The training is over and the weights wait "
            "there. Replace the token to fetch them; that costs nothing."
        )
    if isinstance(error, SecretStoreLocked):
        return f"The password store is locked. Unlock your keyring. The weights wait at {service}."
    if isinstance(error, ServiceBusy):
        return f"{service} asks to wait."
    if isinstance(error, SecretStoreError):
        return f"This computer's password store does not answer. The weights wait at {service}."
    return f"The weights are on their way: {service} did not answer. Trying again."


def lora_of(
    run: Run,
    facts: WeightsFacts,
    service: str,
    tools: Tools,
    *,
    lora_id: str = "",
    name: str = "",
) -> Lora:
    """Return the Lora that a run's weights are, or another one of it by an id and name."""
    version = tools.stores.datasets.version(run.version_id) if run.version_id else None
    cover = version.photos[0].photo.sha256 if version and version.photos else ""
    return Lora(
        id=lora_id or run.id,
        name=name or run.plan.name,
        base=facts.base or run.base,
        trigger_word=_trigger_of(run, version, facts),
        sha256=facts.sha256,
        tensor_hash=facts.tensor_hash,
        size_bytes=facts.size_bytes,
        rank=facts.rank,
        created_at=tools.clock.now(),
        run_id=run.id,
        source="recovered" if run.recovered else "trained",
        output_version=run.output_version,
        output_service=service,
        cover_sha256=cover,
        key_style=facts.key_style,
    )


def _trigger_of(run: Run, version: DatasetVersion | None, facts: WeightsFacts) -> str:
    """Return the word of the dataset; that of the file where a recovered run told none."""
    if version is None or (run.recovered and not version.trigger_word):
        return facts.trigger_word
    return version.trigger_word


def import_lora_file(source: Path, name: str, tools: Tools, ctx: JobContext) -> Lora:
    """Take a weights file into the library; the file itself stays where it is.

    The same weights twice are one Lora. Raises `WeightsError`.
    """
    facts = inspect_weights(source, ctx.check)
    return _keep_import(source, facts, name or source.stem, "file", tools)


def import_lora_repo(repo: str, tools: Tools, ctx: JobContext) -> Lora:
    """Fetch the weights of a hub repo into the library; `repo` is owner/name or an address."""
    if holds_token(repo):
        raise InputError("repo", NOT_A_TOKEN_FIELD)
    folder = tools.stores.files.run_folder("imports")
    fetched = tools.services.hub.fetch(repo, folder, ctx)
    try:
        facts = inspect_weights(fetched.path, ctx.check)
        return _keep_import(fetched.path, facts, repo.rstrip("/").split("/")[-1], repo, tools)
    finally:
        fetched.path.unlink(missing_ok=True)


def _keep_import(path: Path, facts: WeightsFacts, name: str, source: str, tools: Tools) -> Lora:
    stores = tools.stores
    known = _known(facts, tools)
    lora_id = known.id if known is not None else facts.sha256[:16]
    kept = stores.files.lora(lora_id)
    if known is None or not kept.is_file():  # the file of a deleted Lora lies in the trash
        stores.files.copy(path, kept)
        if inspect_weights(kept).sha256 != facts.sha256:
            raise WeightsError(path, "it changed while it was copied")
        if known is not None:
            known = stores.loras.reheaded(known.id, facts.sha256, facts.size_bytes)
    if known is not None:
        return stores.loras.trash(known.id, trashed=False) if known.trashed_at else known
    return stores.loras.add(
        Lora(
            id=lora_id,
            name=name,
            base=facts.base,
            trigger_word=facts.trigger_word,
            sha256=facts.sha256,
            tensor_hash=facts.tensor_hash,
            size_bytes=facts.size_bytes,
            rank=facts.rank,
            created_at=tools.clock.now(),
            recommended_scale=strength_in(facts.metadata) or 1.0,
            source=source,
            key_style=facts.key_style,
        )
    )
