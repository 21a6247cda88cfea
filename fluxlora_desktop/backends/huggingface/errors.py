"""The one place where the hub client's exceptions become the app's errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
)

from fluxlora_desktop.backends.huggingface.wire import WRITE_REPOS
from fluxlora_desktop.domain.errors import (
    AppError,
    InputError,
    JobCancelled,
    NotFoundAtService,
    PaymentRequired,
    ScopeMissing,
    ServiceBusy,
    ServiceInterrupted,
    ServiceRefused,
    ServiceUnreachable,
    TokenRejected,
    UnexpectedReply,
)

SERVICE = "huggingface"
_SECRETS = re.compile(
    r"hf_[A-Za-z0-9]{8,}|Bearer \S+|(?:signature|X-Amz-[A-Za-z]+|sig)=[^&\s\"']+", re.IGNORECASE
)
_LONGEST_DETAIL = 500


@contextmanager
def hub_errors(where: str) -> Iterator[None]:
    """Translate what the hub client raises inside; `where` names the step in error details."""
    try:
        yield
    except (HfHubHTTPError, httpx2.HTTPError, ConnectionError, RuntimeError, ValueError) as error:
        raise _translated(error, where) from error


def _translated(error: BaseException, where: str) -> AppError | JobCancelled:
    if isinstance(error, AppError | JobCancelled):
        return error
    if isinstance(error, RuntimeError) and error.__cause__ is not None:
        return _translated(error.__cause__, where)  # "Error while uploading", from an LFS thread
    if isinstance(error, HfHubHTTPError):
        return _from_reply(error, where)
    if isinstance(error, httpx2.ConnectTimeout | httpx2.PoolTimeout):
        return ServiceUnreachable(SERVICE, where, kind="timeout")
    if isinstance(error, httpx2.ConnectError):
        return ServiceUnreachable(SERVICE, where, kind="connect")
    if isinstance(error, httpx2.HTTPError):
        return ServiceInterrupted(SERVICE, f"{where}: {type(error).__name__}")
    if isinstance(error, ConnectionError):
        return _from_xet(error, where)
    if isinstance(error, HFValidationError):
        return InputError("repo", _clean(str(error)))
    if isinstance(error, ValueError) and "Invalid metadata in README.md" in str(error):
        return ServiceRefused(SERVICE, _clean(str(error)), status=400)
    return UnexpectedReply(SERVICE, where, _clean(str(error)) or type(error).__name__)


def _from_reply(error: HfHubHTTPError, where: str) -> AppError:
    status = error.response.status_code
    words = _clean(error.server_message or f"{where}: HTTP {status}")
    request_id = error.request_id or ""
    if isinstance(error, GatedRepoError):
        return ServiceRefused(
            SERVICE,
            f"The repo is gated: accept its terms on its page first. {words}",
            status=status,
            request_id=request_id,
        )
    if isinstance(error, RepositoryNotFoundError) or status == 404:
        return NotFoundAtService(SERVICE, words, status=status, request_id=request_id)
    if status == 401:
        return TokenRejected(SERVICE, words)
    if status == 402:
        return PaymentRequired(SERVICE, words, status=status, request_id=request_id)
    if status == 403 and "storage" not in words.lower():
        return ScopeMissing(SERVICE, WRITE_REPOS)
    if status in {429, 503}:
        return ServiceBusy(SERVICE, words, retry_after=_retry_after(error), status=status)
    if status >= 500:
        return ServiceInterrupted(SERVICE, words, status=status, request_id=request_id)
    return ServiceRefused(SERVICE, words, status=status, request_id=request_id)


def _from_xet(error: ConnectionError, where: str) -> AppError:
    """Xet reports a refused token as the builtin ConnectionError with the status in its text."""
    text = str(error)
    if "(401" in text:
        return TokenRejected(SERVICE, where)
    if "(403" in text:
        return ScopeMissing(SERVICE, WRITE_REPOS)
    return ServiceInterrupted(SERVICE, f"{where}: {_clean(text)}")


def _retry_after(error: HfHubHTTPError) -> float:
    value = error.response.headers.get("Retry-After", "")
    return min(float(value), 900.0) if value.isdigit() else 10.0


def _clean(text: str) -> str:
    return _SECRETS.sub("(hidden)", " ".join(text.split()))[:_LONGEST_DETAIL]
