"""The hub client's exceptions as the app's errors."""

import ssl

import httpx2
import pytest
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError

from fluxlora_desktop.backends.huggingface.errors import hub_errors
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
    ServiceUnreachable,
    SignInRequired,
    TokenRejected,
    TooLargeForService,
    UnexpectedReply,
    UntrustedConnection,
)

XET = "Network error: Request error: HTTP status client error ({}), domain: xet-write-token"


def reply(status: int, words: str = "") -> HfHubHTTPError:
    request = httpx2.Request("POST", "https://huggingface.co/api/repos/create")
    answer = httpx2.Response(status, request=request, headers={"Retry-After": "28"})
    return HfHubHTTPError(words, response=answer, server_message=words)


def gated() -> GatedRepoError:
    request = httpx2.Request("GET", "https://huggingface.co/api/models/some/lora/tree/main")
    answer = httpx2.Response(403, request=request, headers={"X-Error-Code": "GatedRepo"})
    return GatedRepoError("restricted", response=answer)


def untrusted() -> httpx2.ConnectError:
    raised = httpx2.ConnectError("no")
    raised.__cause__ = ssl.SSLCertVerificationError(1, "self-signed certificate")
    return raised


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (ConnectionError(XET.format("401 Unauthorized")), TokenRejected),
        (ConnectionError(XET.format("403 Forbidden")), ScopeMissing),
        (ConnectionError("reset"), ServiceInterrupted),
        (httpx2.ConnectError("refused"), ServiceUnreachable),
        (httpx2.ConnectTimeout("late"), ServiceUnreachable),
        (httpx2.ReadTimeout("late"), ServiceInterrupted),
        (HFValidationError("bad name"), InputError),
        (ValueError("Invalid metadata in README.md."), ServiceRefused),
        (ValueError("Expecting value"), UnexpectedReply),
        (reply(401), TokenRejected),
        (reply(402), PaymentRequired),
        (reply(403, "token has no write"), ScopeMissing),
        (reply(403, "Private repository storage limit reached"), QuotaReached),
        (reply(400, "You have exceeded your public storage space"), QuotaReached),
        (reply(400, "bad"), ServiceRefused),
        (reply(409), ServiceConflict),
        (reply(404), NotFoundAtService),
        (reply(404), NotFoundAtService),
        (reply(412), ChangedAtService),
        (reply(429), ServiceBusy),
        (reply(413), TooLargeForService),
        (reply(415), FormatRefused),
        (reply(500), ServiceFailing),
        (reply(511), SignInRequired),
        (gated(), AccessGated),
        (untrusted(), UntrustedConnection),
    ],
    ids=repr,
)
def test_hub_errors_says_what_happened(raised: Exception, expected: type[AppError]) -> None:
    with pytest.raises(expected) as caught, hub_errors("step"):
        raise raised

    assert type(caught.value) is expected


def test_hub_errors_lets_a_cancel_through_when_an_upload_thread_wrapped_it() -> None:
    wrapped = RuntimeError("Error while uploading 'lora.safetensors' to the Hub.")
    wrapped.__cause__ = JobCancelled()

    with pytest.raises(JobCancelled), hub_errors("commit"):
        raise wrapped


def test_hub_errors_hides_tokens_and_signatures() -> None:
    words = "no: hf_abcdefghijklmnop at https://x/?X-Amz-Signature=00ff&signature=abc"

    with pytest.raises(ServiceRefused) as caught, hub_errors("commit"):
        raise reply(400, words)

    assert not [word for word in ("hf_abc", "00ff", "=abc") if word in str(caught.value)]


def test_hub_errors_keeps_the_wait_that_the_hub_asks_for() -> None:
    with pytest.raises(ServiceBusy) as caught, hub_errors("whoami"):
        raise reply(429)

    assert caught.value.retry_after == 28


def test_gated_repo_is_told_with_its_page() -> None:
    with pytest.raises(AccessGated) as caught, hub_errors("repo"):
        raise gated()

    assert caught.value.page == "https://huggingface.co/some/lora"
