"""Reading requests."""

import json
from typing import Any

from starlette.requests import Request

from fluxlora_desktop.practice.replicate.errors import Refusal


async def read_object(request: Request) -> dict[str, Any]:
    """Return the JSON object that was sent; 400 for anything else."""
    try:
        told = json.loads(await request.body())
    except ValueError as error:
        raise Refusal(400, "The request body is not valid JSON", title="Bad request") from error
    if not isinstance(told, dict):
        raise Refusal(400, "The request body is not an object", title="Bad request")
    return told


def without_secrets(given: dict[str, Any]) -> dict[str, Any]:
    """Return inputs without tokens: that is how they are kept and echoed."""
    return {
        name: "[REDACTED]" if name.endswith(("_token", "_api_key")) and value else value
        for name, value in given.items()
    }
