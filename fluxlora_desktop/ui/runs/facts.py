"""Facts of a run in words: what it costs, where it runs, how long it took, bytes on the move."""

from __future__ import annotations

from collections.abc import Sequence

from fluxlora_desktop import __version__
from fluxlora_desktop.domain.bases import base_named, title_of
from fluxlora_desktop.domain.loras import Lora, Publication, PublicationStatus
from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.ports import Transferred
from fluxlora_desktop.domain.runs import Run, RunState
from fluxlora_desktop.domain.services import service_title
from fluxlora_desktop.ui.desks.money import Cost
from fluxlora_desktop.ui.units import listed
from fluxlora_desktop.ui.wording import duration, file_size, plural, price_range, usd, when

_MOVING = {
    RunState.PACKAGING: "Packing the photos",
    RunState.UPLOADING: "Uploading the photos",
    RunState.COLLECTING: "Downloading the weights",
    RunState.PUBLISHING: "Uploading the weights",
    RunState.READY: "Uploading the weights",  # published later, by hand
}
_CHARGED, _NOT_CHARGED = "It may have been charged.", "Nothing was charged."
_REASONS = {
    "CredentialError": "The token at {service} is not accepted",
    "TokenMissing": "{service} is not connected",
    "TokenRejected": "{service} no longer accepts the token",
    "PaymentRequired": "The account at {service} has no credit",
    "QuotaReached": "There is no room left in your account at {service}",
    "ChangedAtService": "It was changed at {service} meanwhile, and what is there is kept",
    "SecretStoreError": "This computer's password store did not answer",
    "SecretStoreLocked": "This computer's password store is locked",
    "SecretStoreUnavailable": "This computer has no password store",
    "ServiceUnreachable": "{service} cannot be reached",
    "ServiceInterrupted": "The connection to {service} broke",
    "ServiceBusy": "{service} asks to wait",
    "UnexpectedReply": "{service} answered in a form that the app does not know",
    "ReplyTooLong": "{service} answered in a form that the app does not know",
}


def facts_of(
    run: Run, trained_at: str, cost: Cost | None = None, kept_bytes: int = 0
) -> tuple[tuple[str, str], ...]:
    """Return pairs of name and value; `trained_at` is the service's title.

    `cost` is what the ledger knows of the run and of the pictures made with its LoRA, `kept_bytes`
    what the training has left on this computer besides its LoRA.
    """
    facts = [cost_fact(run), ("Trained on" if run.free else "Trained at", trained_at)]
    if cost is not None and cost.pictures.count:
        pictures = plural(cost.pictures.count, "picture")
        facts.insert(1, ("In all", f"{usd(cost.whole.charged)} with {pictures}"))
    if cost is not None and cost.whole.maybe:
        facts.insert(2, ("May have been charged", usd(cost.whole.maybe)))
    if run.base:
        facts.append(("Base", title_of(run.base)))
    if run.total:
        facts.append(("Length", plural(run.total, "step")))
    if kept_bytes:
        facts.append(("Kept on disk", file_size(kept_bytes)))
    if run.recovered:
        facts.append(("From", "found at its service, without its photos"))
    if run.started_at is not None:
        facts.append(("Started", when(run.started_at)))
        if run.finished_at is not None:
            took = (run.finished_at - run.started_at).total_seconds()
            facts.append(("Took", duration(took)))
    return tuple(facts)


def cost_fact(run: Run) -> tuple[str, str]:
    """Return what a run cost, or what it is expected to cost."""
    if run.free and not run.cost_usd:
        return "Cost", "Free"
    if run.cost_usd is not None:
        return "Cost", usd(run.cost_usd)
    if run.price_low is None or run.price_high is None:
        return "Cost", "not known"
    expected = price_range(Estimate(run.price_low, run.price_high))
    return ("Expected cost" if run.open else "Estimated cost"), expected


def transfer_words(run: Run, moved: Transferred) -> str:
    """Return how many bytes went by, of how many."""
    what = _MOVING.get(run.state, "Moving")
    if not moved.total:
        return f"{what}: {file_size(moved.done)}"
    return f"{what}: {file_size(moved.done)} of {file_size(moved.total)}"


def trouble_words(run: Run) -> str:
    """Return why a run ended without weights and whether that was charged, in sentences."""
    if run.state is RunState.CANCELLED and not run.error:
        return ""
    if run.state not in {RunState.FAILED, RunState.CANCELLED}:
        return ""
    reason = reason_words(run).rstrip(".")
    if run.free:
        return f"{reason}."
    if run.cost_usd is not None:
        charged = f"Charged: {usd(run.cost_usd)}." if run.cost_usd else _NOT_CHARGED
    elif run.external_training_id is None:
        charged = "" if "charged" in reason else _NOT_CHARGED
    elif run.failed_at is RunState.COLLECTING:
        charged = "The training was charged, nothing more is."
    else:
        charged = _CHARGED
    return f"{reason}. {charged}".strip()


def reason_words(run: Run, service: str = "") -> str:
    """Return why a run stands where it does, in a sentence without its end.

    `service` is the key of the service that is the trouble, where it is not the trainer's.
    """
    key = service or run.external_training_service or run.plan.backend
    title = service_title(key) if key else "the service"
    known = _REASONS.get(run.error_kind, "").format(service=title)
    said = "" if run.error in {key, run.error_kind} else run.error
    words = f"{known}. It says: {said}" if known and said else said or known
    words = words or "The service gave no reason"
    return f"{words[:1].upper()}{words[1:]}"


def attention_words(run: Run, hub: str) -> str:
    """Return what a run waits for, or why its LoRA is not on the hub, whose key is `hub`."""
    if run.state is not RunState.READY or not (run.error or run.error_kind):
        return run.attention
    reason = reason_words(run, hub).rstrip(".")
    return f"{run.attention} {reason}. {_NOT_CHARGED}"


def publication_trouble(publication: Publication) -> str:
    """Return what is wrong with a publication, as far as the hub was asked; "" when nothing is."""
    if publication.status is PublicationStatus.MISSING:
        return f"{publication.repo} is no longer on the hub. The LoRA is safe here."
    if publication.status is PublicationStatus.DIFFERENT:
        return f"{publication.repo} holds other weights than this LoRA. What is there is kept."
    return ""


def page_of_base(base: str) -> str:
    """Return the page of a base on the hub, where its terms are accepted; "" for an unknown one."""
    known = base_named(base)
    return f"https://huggingface.co/{known.hub_id}" if known is not None else ""


def kept_words(loras: Sequence[Lora]) -> str:
    """Return what was taken into the library, in a sentence."""
    names = listed([f"“{lora.name}”" for lora in loras])
    return f"{names} {'is' if len(loras) == 1 else 'are'} in your library now."


def report_of(run: Run, trained_at: str) -> str:
    """Return a run as lines of text to send to somebody who can help; without any secret."""
    lines = (
        ("State", run.state.value),
        ("Failed at", run.failed_at.value if run.failed_at else ""),
        ("Error", " ".join(part for part in (run.error_kind, run.error) if part)),
        ("Waits for", run.attention),
        ("Trained at", trained_at),
        ("Trainer", run.plan.trainer),
        ("Base", run.base),
        ("Training", run.external_training_id or ""),
        ("Version", run.output_version),
        ("Run", run.id),
        ("App", __version__),
    )
    return "\n".join(f"{name}: {value}" for name, value in lines if value)
