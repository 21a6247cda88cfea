"""The one place where the hub client's exceptions become the app's errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
)

from fluxlora_desktop.backends.http.errors import not_sent
from fluxlora_desktop.backends.http.logs import clean_log
from fluxlora_desktop.backends.http.waits import wait_of
from fluxlora_desktop.backends.huggingface.wire import WRITE_REPOS
from fluxlora_desktop.domain.errors import (
    AccessGated,
    AppError,
    ChangedAtService,
    FormatRefused,
    InputError,
    JobCancelled,
    NotFoundAtService,
    PaymentRequired,
    QuotaReached,
    ScopeMissing,
    ServiceBusy,
    ServiceConflict,
    ServiceFailing,
    ServiceInterrupted,
    ServiceRefused,
    SignInRequired,
    TokenRejected,
    TooLargeForService,
    UnexpectedReply,
)

SERVICE = "huggingface"
_SECRETS = re.compile(
    r"hf_[A-Za-z0-9]{8,}|Bearer \S+|(?:signature|X-Amz-[A-Za-z]+|sig)=[^&\s\"']+", re.IGNORECASE
)
_LONGEST_DETAIL = 500
_BEFORE_THE_FIRST_BYTE = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
)
_REFUSALS: dict[int, type[ServiceRefused]] = {
    409: ServiceConflict,
    412: ServiceConflict,
    413: TooLargeForService,
    415: FormatRefused,
}
_REPO_IN_PATH = re.compile(r"/(?:api/models/)?([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:/|$)")


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
    if isinstance(error, _BEFORE_THE_FIRST_BYTE):
        return not_sent(SERVICE, error, f"{where}: {_clean(str(error))}")
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
    more: dict[str, Any] = {"status": status, "request_id": request_id}
    if isinstance(error, GatedRepoError):
        return AccessGated(SERVICE, words, page=_page_of(error), status=status)
    if isinstance(error, RepositoryNotFoundError) or status == 404:
        return NotFoundAtService(SERVICE, words, **more)
    if status == 401:
        return TokenRejected(SERVICE, words)
    if status == 402:
        return PaymentRequired(SERVICE, words, **more)
    if status in {400, 403, 413, 507} and "storage" in words.lower():
        return QuotaReached(SERVICE, words, **more)
    if status == 403:
        return ScopeMissing(SERVICE, WRITE_REPOS)
    if status == 412:
        return ChangedAtService(SERVICE, words, **more)
    if status in {429, 503}:
        wait = wait_of(error.response.headers, b"")
        return ServiceBusy(SERVICE, words, retry_after=wait, status=status)
    if status == 511:
        return SignInRequired(SERVICE, words)
    if status >= 500:
        return ServiceFailing(SERVICE, words, **more)
    return _REFUSALS.get(status, ServiceRefused)(SERVICE, words, **more)


def _page_of(error: GatedRepoError) -> str:
    """Return the page of the repo that was asked for, where its terms can be accepted."""
    asked = error.response.request.url
    repo = _REPO_IN_PATH.match(asked.path)
    return f"{asked.scheme}://{asked.netloc.decode()}/{repo.group(1)}" if repo else ""


def _from_xet(error: ConnectionError, where: str) -> AppError:
    """Xet reports a refused token as the builtin ConnectionError with the status in its text."""
    text = str(error)
    if "(401" in text:
        return TokenRejected(SERVICE, where)
    if "(403" in text:
        return ScopeMissing(SERVICE, WRITE_REPOS)
    return ServiceInterrupted(SERVICE, f"{where}: {_clean(text)}")


def _clean(text: str) -> str:
    return _SECRETS.sub("(hidden)", " ".join(clean_log(text).split()))[:_LONGEST_DETAIL]
