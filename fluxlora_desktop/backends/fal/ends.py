"""How a request at fal ended: what it made, or why it made nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fluxlora_desktop.backends.fal.client import FalClient
from fluxlora_desktop.backends.fal.wire import SERVICE, Addresses, Status
from fluxlora_desktop.backends.http.errors import scrub
from fluxlora_desktop.domain.errors import (
    NotFoundAtService,
    ServiceError,
    ServiceRefused,
    UnexpectedReply,
)
from fluxlora_desktop.domain.ports import JobContext

_REFUSED_INPUT = 422


@dataclass(frozen=True, slots=True)
class End:
    """`made` is the result's JSON, None where nothing was made; `reason` says why in that case.

    `free` tells whether fal surely does not bill it: an input that the model refuses before it
    begins, or an error of the server (docs, reliability).
    """

    made: Any = None
    reason: str = ""
    free: bool = False


def end_of(
    client: FalClient, where: Addresses, status: Status, ctx: JobContext | None = None
) -> End:
    """Read the result of a request that has ended.

    Only the model's own refusal, and a status that names the trouble, mean that nothing was made.
    Any other answer, such as that of an account that was locked meanwhile, is raised: what is paid
    for is asked for again.
    """
    try:
        made = client.result(where, ctx)
    except ServiceError as error:
        its_own = isinstance(error, ServiceRefused) and not isinstance(error, NotFoundAtService)
        refused = its_own and error.status == _REFUSED_INPUT
        if not refused and not status.trouble:
            raise
        return End(
            reason=(scrub(error.detail) if its_own else scrub(status.error)) or status.trouble,
            free=refused or (error.status or 0) >= 500,
        )
    if made is None:
        raise UnexpectedReply(SERVICE, "result", "null")
    return End(made)
