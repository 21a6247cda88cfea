"""A lost training in words: when, what, where it stands, who started it."""

from __future__ import annotations

from collections.abc import Mapping

from fluxlora_desktop.domain.bases import title_of
from fluxlora_desktop.domain.errors import AppError, CredentialError, ServiceUnreachable
from fluxlora_desktop.domain.ports import Services
from fluxlora_desktop.domain.recovery import Origin, UnknownTraining
from fluxlora_desktop.domain.services import at_place, service_title
from fluxlora_desktop.domain.training import RemoteState
from fluxlora_desktop.ui.wording import plural, usd, when
from fluxlora_desktop.workflows.recover import Survey

ORIGINS: Mapping[Origin, tuple[str, str]] = {
    Origin.FORGOTTEN: (
        "Started by this library",
        "Its database does not know them any more, as after it was restored or lost.",
    ),
    Origin.OTHER_LIBRARY: (
        "Started by another library of this app",
        "On another computer, or in a data folder that you had before.",
    ),
    Origin.ELSEWHERE: (
        "Started elsewhere",
        "On the service's own page, by another program, or by a trainer that keeps no mark.",
    ),
}
_STATES = {
    RemoteState.QUEUED: ("Waiting in the queue", "muted", "clock"),
    RemoteState.TRAINING: ("Training now", "muted", "play"),
    RemoteState.SUCCEEDED: ("Finished", "ok", "check"),
    RemoteState.FAILED: ("Failed", "danger", "error"),
    RemoteState.CANCELLED: ("Cancelled", "muted", "stop"),
}
GONE = "Finished, but the service no longer has its weights"


def state_words(unknown: UnknownTraining) -> tuple[str, str, str]:
    """Return where a training stands, with the tint and the icon for it."""
    if unknown.listed.gone:
        return GONE, "warn", "warning"
    return _STATES[unknown.listed.state]


def facts_words(unknown: UnknownTraining, services: Services) -> str:
    """Return trainer, base, trigger word, length and price of a training, in one line."""
    listed = unknown.listed
    backend = services.trainer(listed.remote.service)
    trainer = backend.abilities().trainer(listed.remote.trainer)
    parts = [f"{trainer.title} {at_place(backend.key, backend.title)}", title_of(listed.base)]
    if listed.trigger_word:
        parts.append(f"trigger word {listed.trigger_word}")
    if listed.remote.steps:
        parts.append(plural(listed.remote.steps, "step"))
    if listed.charge_usd is not None:
        parts.append(f"cost {usd(listed.charge_usd)}")
    return " · ".join(parts)


def when_words(unknown: UnknownTraining) -> str:
    """Return when a training began."""
    at = unknown.listed.created_at
    return when(at) if at is not None else "Some time ago"


def trouble_words(service: str, error: AppError) -> str:
    """Return why a service told nothing."""
    title = service_title(service)
    if isinstance(error, CredentialError):
        return f"{title} does not accept the token, so its trainings are not listed."
    if isinstance(error, ServiceUnreachable):
        return f"{title} cannot be reached, so its trainings are not listed."
    return f"{title} could not tell its trainings: {error}"


def partial_words(survey: Survey) -> str:
    """Return which services may have more, or nothing."""
    titles = " and ".join(service_title(service) for service in survey.partial)
    if not titles:
        return ""
    return f"{titles} may have more than it lists, such as trainings that wait in its queue."


def all_offline(survey: Survey) -> bool:
    """Tell whether no service told anything, because none could be reached."""
    errors = [error for _service, error in survey.troubles]
    return (
        not survey.asked
        and bool(errors)
        and all(isinstance(error, ServiceUnreachable) for error in errors)
    )
