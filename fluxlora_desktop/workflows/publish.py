"""Publish a Lora on the hub, and prove it by reading back."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

from fluxlora_desktop.domain.bases import base_named, title_of
from fluxlora_desktop.domain.datasets import DatasetVersion
from fluxlora_desktop.domain.errors import (
    InputError,
    ScopeMissing,
    ServiceError,
    TokenMissing,
    TokenRejected,
    UnexpectedReply,
)
from fluxlora_desktop.domain.loras import (
    CardFacts,
    Lora,
    Publication,
    PublicationBundle,
    PublicationStatus,
)
from fluxlora_desktop.domain.pictures import CardPicture
from fluxlora_desktop.domain.ports import JobContext, TrainingBackend
from fluxlora_desktop.domain.runs import EffectKind, Run, RunPlan, RunState
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.domain.weights import keep_damaged
from fluxlora_desktop.workflows.card import card_pictures, still_there
from fluxlora_desktop.workflows.effects import ensure
from fluxlora_desktop.workflows.plans import choices_for, repo_name, trainer_of
from fluxlora_desktop.workflows.tools import Tools, storage_trouble

_log = logging.getLogger(__name__)


def check_may_publish(plan: RunPlan, tools: Tools) -> None:
    """Raise `ScopeMissing` when the hub's token cannot do the publishing that is planned.

    For the time before a training is paid. A hub that does not answer, or an account that is not
    connected, keeps no training back: its Lora can be published later.
    """
    if not plan.publish:
        return
    hub = tools.services.hub
    try:
        account = hub.whoami()
    except (ServiceError, TokenMissing, TokenRejected) as error:
        _log.info("the hub was not asked for the token's rights: %s", type(error).__name__)
        return
    if not account.can_write:
        raise ScopeMissing(hub.key, "write access to your repos")


def publish_lora(
    lora_id: str,
    repo: str,
    visibility: Visibility,
    tools: Tools,
    ctx: JobContext,
    picture_ids: Sequence[str] | None = None,
) -> Lora:
    """Send weights, card, licence and notice as one commit; keep the publication when it is proven.

    `repo` is a name without an owner, or owner/name; `picture_ids` are the gallery's pictures for
    the card, None for those that stand on it. Raises `InputError` when nothing of `repo` can be a
    repo's name or the card does not take the pictures, `UnexpectedReply` when the hub holds other
    bytes than this computer.
    """
    lora = tools.stores.loras.get(lora_id)
    if picture_ids is None:
        picture_ids = lora.publication.pictures if lora.publication else ()
    shown = still_there(picture_ids, tools)
    hub = tools.services.hub
    name = repo if "/" in repo else f"{hub.whoami().name}/{_plain_name(repo or lora.name)}"
    with card_pictures(shown, tools) as pictures:
        return _publish(lora, name, visibility, shown, pictures, tools, ctx)


def show_on_card(lora_id: str, picture_ids: Sequence[str], tools: Tools, ctx: JobContext) -> Lora:
    """Put exactly these pictures on the card of a published Lora, in this order, as one commit."""
    published = _publication(tools.stores.loras.get(lora_id))
    return publish_lora(lora_id, published.repo, published.visibility, tools, ctx, picture_ids)


def _publish(
    lora: Lora,
    name: str,
    visibility: Visibility,
    picture_ids: tuple[str, ...],
    pictures: tuple[CardPicture, ...],
    tools: Tools,
    ctx: JobContext,
) -> Lora:
    stores, hub, lora_id = tools.stores, tools.services.hub, lora.id
    bundle = PublicationBundle(
        repo=name,
        visibility=visibility,
        weights=str(stores.files.lora(lora_id)),
        weights_sha256=lora.sha256,
        weights_size=lora.size_bytes,
        card=_card(lora, tools),
        run_mark=lora.id,
        pictures=pictures,
    )
    ensure(
        EffectKind.REPO,
        lora_id,
        hub.key,
        tools,
        look=lambda: name if hub.status(name).exists else None,
        make=lambda: _made_repo(bundle, tools),
        named=str,
        request={"repo": name, "visibility": visibility.value},
    )
    commit = ensure(
        EffectKind.COMMIT,
        lora_id,
        hub.key,
        tools,
        look=lambda: hub.published(bundle),
        make=lambda: hub.publish(bundle, ctx),
        named=lambda made: made.commit,
        request={"repo": name, "weights_sha256": lora.sha256, "visibility": visibility.value},
    )
    status = hub.status(commit.repo)
    if status.weights_sha256 != lora.sha256:
        raise UnexpectedReply(hub.key, f"{commit.repo}: SHA-256", status.weights_sha256 or "none")
    published = stores.loras.publish(
        Publication(
            lora_id=lora_id,
            hub=hub.key,
            repo=commit.repo,
            commit=commit.commit,
            visibility=status.visibility or commit.visibility,
            status=PublicationStatus.VERIFIED,
            sha256=status.weights_sha256,
            page=commit.page,
            address=commit.address,
            updated_at=tools.clock.now(),
            pictures=picture_ids,
        )
    )
    _mend_weights(published, tools, ctx)
    _tell_run(published, tools)
    return published


def _mend_weights(lora: Lora, tools: Tools, ctx: JobContext) -> None:
    """Fetch weights from the hub that changed on this computer since they were checked.

    The file as it is now is kept beside them. Raises `UnexpectedReply` for other bytes.
    """
    stores, publication = tools.stores, lora.publication
    assert publication is not None
    kept = stores.files.lora(lora.id)
    if not kept.is_file() or _sha256(kept, ctx) == lora.sha256:
        return
    fetched = tools.services.hub.fetch(publication.repo, stores.files.run_folder(lora.id), ctx)
    if _sha256(fetched.path, ctx) != lora.sha256:
        raise UnexpectedReply(publication.hub, f"{publication.repo}: weights", "other bytes")
    keep_damaged(kept)
    stores.files.place(fetched.path, kept)
    if lora.run_id is not None:
        words = "The weights on this computer had changed; they were fetched from the hub again."
        stores.runs.add_event(lora.run_id, "warn", f"{words} The changed file is kept.")


def _sha256(path: Path, ctx: JobContext) -> str:
    """Return a file's hash; `ctx` may stop it at each megabyte."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                ctx.check()
                digest.update(piece)
    except OSError as error:
        raise storage_trouble(path, error) from error
    return digest.hexdigest()


def published_changes(publication: Publication) -> dict[str, object]:
    """Return the columns of a run whose Lora the hub holds byte for byte."""
    return {
        "huggingface_repo": publication.repo,
        "huggingface_status": publication.status.value,
        "lora_ready_for_inference": publication.status is PublicationStatus.VERIFIED,
        "attention": "",
        "error": "",
        "error_kind": "",
    }


def _tell_run(lora: Lora, tools: Tools) -> None:
    """Let the run that made a Lora know that it is on the hub by now."""
    runs = tools.stores.runs
    if lora.run_id is None or lora.publication is None:
        return
    if runs.get(lora.run_id).state is RunState.READY:
        runs.update(lora.run_id, **published_changes(lora.publication))


def _made_repo(bundle: PublicationBundle, tools: Tools) -> str:
    tools.services.hub.make_repo(bundle)
    return bundle.repo


def _plain_name(name: str) -> str:
    plain = repo_name(name)
    if not plain:
        raise InputError("repo", "Give the repo a name of letters a to z, digits and dashes.")
    return plain


def _card(lora: Lora, tools: Tools) -> CardFacts:
    base = base_named(lora.base)
    if base is None:
        raise InputError("base", f"{title_of(lora.base)} cannot be named on a card")
    run = tools.stores.runs.get(lora.run_id) if lora.run_id else None
    if run is None or run.version_id is None:
        return CardFacts(lora.name, base, lora.trigger_word, lora.recommended_scale)
    return _card_of_run(lora, run, tools)


def _card_of_run(lora: Lora, run: Run, tools: Tools) -> CardFacts:
    base = base_named(lora.base)
    assert base is not None and run.version_id is not None
    version = tools.stores.datasets.version(run.version_id)
    backend = tools.services.trainer(run.plan.backend)
    here = backend.abilities().runs_here  # "this computer" says nothing to who reads a card
    where = "on the owner's computer" if here else f"at {backend.title}"
    return CardFacts(
        title=lora.name,
        base=base,
        trigger_word=lora.trigger_word,
        recommended_scale=lora.recommended_scale,
        trained_with=f"{trainer_of(run.plan, backend).title} {where}",
        parameters=_parameters(run, backend, version),
        photo_count=len(version.photos),
        rights_confirmed=run.plan.rights_confirmed,
    )


def _parameters(
    run: Run, backend: TrainingBackend, version: DatasetVersion
) -> tuple[tuple[str, str], ...]:
    """Return what a run was trained with; of a recovered one, what its service told."""
    if run.recovered:
        return tuple((name, str(value)) for name, value in run.plan.parameters.items())
    choices = choices_for(run.plan, backend, version)
    return tuple((choice.name, str(choice.value)) for choice in choices)


def change_visibility(lora_id: str, visibility: Visibility, tools: Tools) -> Lora:
    """Make a published Lora public or private, and keep what the hub then says."""
    stores, hub = tools.stores, tools.services.hub
    publication = _publication(stores.loras.get(lora_id))
    hub.set_visibility(publication.repo, visibility)
    return look_at_publication(lora_id, tools)


def look_at_publication(lora_id: str, tools: Tools) -> Lora:
    """Ask the hub how a publication stands and keep the answer."""
    stores, hub = tools.stores, tools.services.hub
    lora = stores.loras.get(lora_id)
    old = _publication(lora)
    now = hub.status(old.repo)
    if not now.exists:
        status = PublicationStatus.MISSING
    elif now.weights_sha256 != lora.sha256 and not (
        lora.hub_is_behind and now.weights_sha256 == old.sha256
    ):
        status = PublicationStatus.DIFFERENT
    else:
        status = PublicationStatus.VERIFIED
    return stores.loras.publish(
        Publication(
            lora_id=lora_id,
            hub=old.hub,
            repo=old.repo,
            commit=now.commit or old.commit,
            visibility=now.visibility or old.visibility,
            status=status,
            sha256=now.weights_sha256,
            page=old.page,
            address=old.address,
            updated_at=tools.clock.now(),
            pictures=old.pictures,
        )
    )


def withdraw_publication(lora_id: str, tools: Tools) -> Lora:
    """Delete a Lora's repo on the hub; the Lora stays here."""
    stores, hub = tools.stores, tools.services.hub
    hub.delete(_publication(stores.loras.get(lora_id)).repo)
    return stores.loras.unpublish(lora_id)


def _publication(lora: Lora) -> Publication:
    if lora.publication is None:
        raise InputError("repo", f"{lora.name} is not published")
    return lora.publication
