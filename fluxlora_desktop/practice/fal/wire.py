"""fal's JSON, written: the shapes are those that its own client reads and its pages show."""

from datetime import UTC, datetime
from typing import Any

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.fal.catalogue import app_of
from fluxlora_desktop.practice.fal.state import QueuedRequest


def moment(seconds: float) -> str:
    """Return a time as fal writes it, in UTC with microseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def addresses(context: PracticeContext, request: QueuedRequest) -> dict[str, Any]:
    """Return what names a request in every reply about it; further paths are left out."""
    root = context.public(f"{app_of(request.endpoint)}/requests/{request.id}")
    return {
        "request_id": request.id,
        "response_url": root,
        "status_url": f"{root}/status",
        "cancel_url": f"{root}/cancel",
    }
