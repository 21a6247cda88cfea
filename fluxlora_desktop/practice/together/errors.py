"""Refusals in Together's own shape: {"error": {message, type, param, code}}."""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response


class TogetherError(Exception):
    """A request that Together refuses."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind


class BotRefused(Exception):
    """A request without a User-Agent, which the guard before Together turns away."""


def not_available(model: str) -> TogetherError:
    """Return the answer for a model that was withdrawn, as others recorded it in 2026."""
    return TogetherError(
        400,
        f"Unable to access non-serverless model {model}. Please visit "
        f"https://api.together.ai/models/{model} to create and start a new dedicated endpoint "
        "for the model.",
        code="model_not_available",
    )


def no_such_model(model: str) -> TogetherError:
    """Return the answer for a name that never was a model here."""
    return TogetherError(
        404,
        f"Unable to access model {model}. Please visit https://api.together.ai/models to view "
        "the list of supported models.",
        code="model_not_available",
    )


def lora_unreachable(path: str, why: str) -> TogetherError:
    """Return the answer for an `image_loras` path under which no weights could be read."""
    return TogetherError(
        400, f"Failed to download LoRA weights from {path}: {why}", param="image_loras"
    )


def unused_keys(path: str, keys: tuple[str, ...]) -> TogetherError:
    """Return the answer for a LoRA of another base (docs: " has unused keys <keys...>")."""
    return TogetherError(
        400, f"{path} has unused keys <{', '.join(keys[:8])}>", param="image_loras"
    )


async def answer_refusal(_request: Request, error: Exception) -> Response:
    """Send a TogetherError as Together does."""
    if not isinstance(error, TogetherError):
        raise error
    told = {
        "message": error.message,
        "type": error.kind,
        "param": error.param,
        "code": error.code,
    }
    return JSONResponse({"error": told}, status_code=error.status)


async def answer_bot(_request: Request, _error: Exception) -> Response:
    """Turn a client without a name away, as the guard does."""
    return PlainTextResponse("error code: 1010", status_code=403)
