"""Whose account a run belongs to, and whose token is in use."""

from __future__ import annotations

from fluxlora_desktop.domain.ports import TrainingBackend
from fluxlora_desktop.domain.runs import Run


def foreign_account(run: Run, backend: TrainingBackend) -> str:
    """Return in words that the token is of another account than the run's, else "".

    Asks the service; where it names nobody nothing can be said. Raises `CredentialError` and
    `ServiceError`.
    """
    if not run.account:
        return ""
    now = backend.check().name
    if not now or now == run.account:
        return ""
    return (
        f"This run belongs to the {backend.title} account {run.account}; the token is of {now}. "
        "Put in a token of the first to go on."
    )
