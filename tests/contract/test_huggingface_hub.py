"""Publishing against the practice hub: real HTTP, the real client, real files."""

import gzip
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from counting import PostCount

from fluxlora_desktop.backends.huggingface import hub as hub_module
from fluxlora_desktop.backends.huggingface.hub import HuggingFaceHub
from fluxlora_desktop.backends.huggingface.session import HubSession, name_hub
from fluxlora_desktop.domain.bases import FLUX1_DEV
from fluxlora_desktop.domain.errors import (
    AccessGated,
    DamagedDownload,
    InputError,
    JobCancelled,
    NotFoundAtService,
    ReplyTooLong,
    ScopeMissing,
    ServiceBusy,
    ServiceRefused,
    ServiceUnreachable,
    SignInRequired,
    StorageError,
    TokenMissing,
    TokenRejected,
    UnexpectedReply,
)
from fluxlora_desktop.domain.loras import CardFacts, PublicationBundle
from fluxlora_desktop.domain.pictures import CardPicture
from fluxlora_desktop.domain.ports import Transferred
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.practice.context import make_token
from fluxlora_desktop.practice.huggingface.app import USERNAME, practice_tokens
from fluxlora_desktop.practice.huggingface.blobs import Blobs
from fluxlora_desktop.practice.services import PracticeServices, Service

REPO = f"{USERNAME}/glazed-fox"
WEIGHTS = bytes(range(256)) * 12_000
_COMMIT = r".*/commit/.*"
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


class Patience:
    """A context that keeps what is reported and can be cancelled after some bytes."""

    def __init__(self, cancel_at: int | None = None) -> None:
        self.seen: list[Transferred] = []
        self._cancel_at = cancel_at

    def report(self, event: object) -> None:
        assert isinstance(event, Transferred)
        self.seen.append(event)

    def check(self) -> None:
        if self._cancel_at is not None and self.seen and self.seen[-1].done >= self._cancel_at:
            raise JobCancelled

    def pause(self, seconds: float) -> None:
        self.check()


@dataclass(slots=True)
class Practice:
    """The practice hub without the repo that a test is going to make."""

    service: Service
    commits_before: int

    @property
    def url(self) -> str:
        return self.service.url

    def hub(self, who: str = "practice") -> HuggingFaceHub:
        token = Secret(practice_tokens(self.service.context)[who])
        return HuggingFaceHub(address=self.url, token=lambda: token)

    def commits(self) -> int:
        return self.service.ledger.count("commit") - self.commits_before


@pytest.fixture
def practice(cloud: PracticeServices) -> Practice:
    made = Practice(cloud.huggingface, cloud.huggingface.ledger.count("commit"))
    made.hub().delete(REPO)
    # The hub keeps bytes that it has seen; a test of the upload needs it to have seen none.
    blobs = Blobs(folder=cloud.huggingface.context.state_dir / "huggingface" / "blobs")
    blobs.path(SHA256).unlink(missing_ok=True)
    return made


@pytest.fixture
def bundle(tmp_path: Path) -> PublicationBundle:
    weights = tmp_path / "lora.safetensors"
    weights.write_bytes(WEIGHTS)
    picture = tmp_path / "first.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + b"picture" * 100)
    return PublicationBundle(
        repo=REPO,
        visibility=Visibility.PRIVATE,
        weights=str(weights),
        weights_sha256=SHA256,
        weights_size=len(WEIGHTS),
        card=CardFacts("Glazed fox", FLUX1_DEV, "GLZFOX", 1.0, photo_count=16),
        run_mark="run-1",
        pictures=(CardPicture(picture, "GLZFOX on a shelf: in the evening"),),
    )


def test_publish_is_read_back_made_public_and_deleted(
    practice: Practice, bundle: PublicationBundle
) -> None:
    hub = practice.hub()

    made = hub.publish(bundle, Patience())
    status = hub.status(REPO)

    assert (status.weights_sha256, status.weights_size) == (SHA256, len(WEIGHTS))
    assert status.visibility is Visibility.PRIVATE
    assert status.commit == made.commit
    assert made.address == f"{practice.url}/{REPO}/resolve/main/lora.safetensors"
    hub.set_visibility(REPO, Visibility.PUBLIC)
    assert hub.status(REPO).visibility is Visibility.PUBLIC
    hub.delete(REPO)
    assert not hub.status(REPO).exists
    hub.delete(REPO)


def test_publish_makes_one_commit_when_sent_twice(
    practice: Practice, bundle: PublicationBundle
) -> None:
    preuploads = PostCount(practice.service, "/preupload/")

    first = practice.hub().publish(bundle, Patience())
    second = practice.hub().publish(bundle, Patience())

    assert first.commit == second.commit
    assert practice.commits() == 1
    assert preuploads() == 1


def test_publish_makes_a_new_commit_when_a_picture_leaves_the_card(
    practice: Practice, bundle: PublicationBundle
) -> None:
    practice.hub().publish(bundle, Patience())
    practice.hub().publish(replace(bundle, pictures=()), Patience())
    practice.hub().publish(replace(bundle, pictures=()), Patience())

    assert practice.commits() == 2


def test_publish_makes_a_private_repo_public_when_asked_for_public(
    practice: Practice, bundle: PublicationBundle
) -> None:
    hub = practice.hub()
    hub.publish(bundle, Patience())

    hub.publish(replace(bundle, visibility=Visibility.PUBLIC), Patience())

    assert practice.hub("stranger").status(REPO).visibility is Visibility.PUBLIC


def test_publish_refuses_a_repo_that_belongs_to_another_run(
    practice: Practice, bundle: PublicationBundle
) -> None:
    practice.hub().publish(bundle, Patience())

    with pytest.raises(ServiceRefused, match="glazed-fox holds something else"):
        practice.hub().publish(replace(bundle, run_mark="run-2"), Patience())

    assert practice.commits() == 1


def test_publish_reports_bytes_that_only_grow(
    practice: Practice, bundle: PublicationBundle
) -> None:
    ctx = Patience()

    practice.hub().publish(bundle, ctx)

    done = [event.done for event in ctx.seen]
    assert done == sorted(set(done))
    assert (done[0], done[-1]) == (0, len(WEIGHTS))
    assert len(done) > 10


def test_publish_leaves_no_commit_when_cancelled_in_the_middle(
    practice: Practice, bundle: PublicationBundle
) -> None:
    with pytest.raises(JobCancelled):
        practice.hub().publish(bundle, Patience(cancel_at=len(WEIGHTS) // 2))

    assert practice.commits() == 0
    assert practice.hub().status(REPO).weights_sha256 == ""


def test_publish_leaves_no_commit_when_the_storage_refuses_and_goes_through_later(
    practice: Practice, bundle: PublicationBundle
) -> None:
    practice.service.next(method="PUT", status=400)

    with pytest.raises(ServiceRefused):
        practice.hub().publish(bundle, Patience())
    assert practice.commits() == 0
    practice.hub().publish(bundle, Patience())

    assert practice.hub().status(REPO).weights_sha256 == SHA256


@pytest.mark.parametrize("fault", [{"status": 502}, {"drop": True}], ids=["502", "drop"])
def test_publish_finds_its_commit_when_the_answer_was_lost(
    practice: Practice, bundle: PublicationBundle, fault: dict[str, Any]
) -> None:
    commits = PostCount(practice.service, "/commit/")
    practice.service.next(method="POST", path=_COMMIT, when="after", **fault)

    made = practice.hub().publish(bundle, Patience())

    assert practice.commits() == 1
    assert commits() == 1
    assert made.commit == practice.hub().status(REPO).commit


@pytest.mark.parametrize("fault", [{"status": 502}, {"drop": True}], ids=["502", "drop"])
def test_publish_sends_its_commit_again_when_it_never_arrived(
    practice: Practice, bundle: PublicationBundle, fault: dict[str, Any]
) -> None:
    practice.service.next(method="POST", path=_COMMIT, **fault)

    practice.hub().publish(bundle, Patience())

    assert practice.commits() == 1
    assert practice.hub().status(REPO).weights_sha256 == SHA256


def test_publish_refuses_weights_that_changed_since_they_were_checked(
    practice: Practice, bundle: PublicationBundle
) -> None:
    Path(bundle.weights).write_bytes(b"other")

    with pytest.raises(StorageError, match="changed"):
        practice.hub().publish(bundle, Patience())

    assert practice.commits() == 0


def test_publish_says_which_right_is_missing_when_the_token_reads_only(
    practice: Practice, bundle: PublicationBundle
) -> None:
    with pytest.raises(ScopeMissing):
        practice.hub("read").publish(bundle, Patience())


@pytest.mark.parametrize(
    ("who", "kind", "can_write", "can_infer"),
    [
        ("practice", "fineGrained", True, True),
        ("write", "write", True, True),
        ("read", "read", False, True),
        ("fine-grained-without-write", "fineGrained", False, True),
        ("fine-grained-without-inference", "fineGrained", True, False),
    ],
)
def test_whoami_tells_the_rights_of_each_kind_of_token(
    practice: Practice, who: str, kind: str, can_write: bool, can_infer: bool
) -> None:
    account = practice.hub(who).whoami()

    assert (account.name, account.kind) == (USERNAME, kind)
    assert (account.can_write, account.can_infer) == (can_write, can_infer)


def test_token_that_may_do_everything_is_warned_of(practice: Practice) -> None:
    assert "everything" in practice.hub("write").whoami().note
    assert practice.hub("practice").whoami().note == ""


def test_whoami_rejects_an_unknown_token_without_repeating_it(practice: Practice) -> None:
    token = make_token("huggingface")
    hub = HuggingFaceHub(address=practice.url, token=lambda: Secret(token))

    with pytest.raises(TokenRejected) as raised:
        hub.whoami()

    assert token not in f"{raised.value} {raised.value!r}"


def test_whoami_asks_for_a_token_when_there_is_none(practice: Practice) -> None:
    before = len(practice.service.ledger.requests())

    with pytest.raises(TokenMissing):
        HuggingFaceHub(address=practice.url, token=lambda: None).whoami()

    assert len(practice.service.ledger.requests()) == before


def test_whoami_is_unreachable_when_nobody_listens(free_address: str) -> None:
    with pytest.raises(ServiceUnreachable):
        HuggingFaceHub(address=free_address, token=lambda: Secret("x")).whoami()


def test_status_of_a_private_repo_is_missing_for_a_stranger(
    practice: Practice, bundle: PublicationBundle
) -> None:
    practice.hub().publish(bundle, Patience())

    assert not practice.hub("stranger").status(REPO).exists


@pytest.mark.parametrize(
    "form", ["{repo}", "{url}/{repo}", "{url}/{repo}/blob/main/lora.safetensors"]
)
def test_fetch_brings_the_same_bytes_home(
    practice: Practice, bundle: PublicationBundle, tmp_path: Path, form: str
) -> None:
    practice.hub().publish(bundle, Patience())
    text = form.format(url=practice.url, repo=REPO)

    fetched = practice.hub().fetch(text, tmp_path / "new", Patience())

    assert fetched.path.read_bytes() == WEIGHTS
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["lora.safetensors"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("no slash", InputError),
        ("https://example.org/a/b", InputError),
        ("nobody/nothing", NotFoundAtService),
        (REPO + "/blob/main/README.md", ServiceRefused),
    ],
)
def test_fetch_refuses_what_names_no_weights(
    practice: Practice,
    bundle: PublicationBundle,
    tmp_path: Path,
    text: str,
    error: type[Exception],
) -> None:
    practice.hub().publish(bundle, Patience())

    with pytest.raises(error):
        practice.hub().fetch(text, tmp_path / "new", Patience())


def test_the_apps_http_client_sends_forms_as_forms() -> None:
    """The hub client asks for some things by a form; the app's own client must not break that."""
    seen: list[bytes] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.read())
        return httpx2.Response(200)

    name_hub("http://127.0.0.1")
    with HubSession(transport=httpx2.MockTransport(answer)) as client:
        client.post("http://127.0.0.1/form", data={"paths": "lora.safetensors"})
        client.put("http://127.0.0.1/file", data=b"bytes")

    assert seen == [b"paths=lora.safetensors", b"bytes"]


def test_step_to_another_origin_goes_without_the_token(
    practice: Practice, cloud: PracticeServices
) -> None:
    there = f"{cloud.together.url}/elsewhere"
    practice.service.next(path="/api/whoami-v2", status=302, headers={"location": there})
    cloud.together.next(path="/elsewhere", json={"name": "x", "auth": {}})

    practice.hub().whoami()

    assert practice.service.ledger.requests("GET", "/api/whoami-v2")[-1].facts["authorization"]
    assert not cloud.together.ledger.requests("GET", "/elsewhere")[-1].facts["authorization"]


@pytest.mark.parametrize(
    "location",
    [
        "https://example.com/x",
        "https://huggingface.co.example.com/x",
        "https://hf-hub-lfs-evil.s3.example.com/x",
        "https://user@huggingface.co/x",
        "http://huggingface.co/x",
        "ftp://127.0.0.1/x",
    ],
)
def test_step_to_an_unlisted_address_is_not_taken(practice: Practice, location: str) -> None:
    practice.service.next(path="/api/whoami-v2", status=302, headers={"location": location})

    with pytest.raises(UnexpectedReply):
        practice.hub().whoami()


def test_steps_end_after_three(practice: Practice) -> None:
    location = {"location": f"{practice.url}/api/whoami-v2"}
    practice.service.next(path="/api/whoami-v2", times=9, status=307, headers=location)
    before = len(practice.service.ledger.requests("GET", "/api/whoami-v2"))

    with pytest.raises(UnexpectedReply, match="redirects"):
        practice.hub().whoami()

    assert len(practice.service.ledger.requests("GET", "/api/whoami-v2")) - before == 4


def test_commit_is_not_sent_on_to_where_a_reply_points(
    practice: Practice, bundle: PublicationBundle
) -> None:
    commits = PostCount(practice.service, "/commit/|/elsewhere")
    location = {"location": f"{practice.url}/elsewhere"}
    practice.service.next(method="POST", path=_COMMIT, times=9, status=307, headers=location)

    with pytest.raises(UnexpectedReply):
        practice.hub().publish(bundle, Patience())

    assert commits() == 2  # the second after a look at the hub, which showed nothing new
    assert practice.commits() == 0


def test_wait_that_the_hub_asks_for_is_told_and_not_slept(
    practice: Practice, bundle: PublicationBundle
) -> None:
    wait = {"retry-after": "86400"}
    practice.service.next(method="POST", path=r".*/info/lfs/.*", times=9, status=429, headers=wait)

    with pytest.raises(ServiceBusy) as caught:
        practice.hub().publish(bundle, Patience())

    assert caught.value.retry_after == 900


def test_upload_to_an_unlisted_address_is_refused_before_a_byte_left(
    practice: Practice, bundle: PublicationBundle
) -> None:
    upload = {"href": "https://example.com/put"}
    found = {"oid": SHA256, "size": len(WEIGHTS), "actions": {"upload": upload}}
    batch = {"transfer": "basic", "objects": [found]}
    practice.service.next(method="POST", path=r".*/info/lfs/.*", times=2, json=batch)

    with pytest.raises(UnexpectedReply, match=r"example\.com"):
        practice.hub().publish(bundle, Patience())

    assert practice.commits() == 0


def test_page_in_place_of_the_hubs_answer_is_a_network_that_asks_for_a_sign_in(
    practice: Practice,
) -> None:
    practice.service.next(path="/api/whoami-v2", body="<html>", content_type="text/html")

    with pytest.raises(SignInRequired):
        practice.hub().whoami()


def test_reply_of_the_hub_is_unpacked_up_to_its_limit(practice: Practice) -> None:
    bomb = gzip.compress(b'"' + b"x" * 30_000_000 + b'"')
    packed = {"content-encoding": "gzip"}
    practice.service.next(path="/api/whoami-v2", body=bomb, headers=packed)

    with pytest.raises(ReplyTooLong):
        practice.hub().whoami()


def test_weights_that_arrive_with_other_bytes_are_set_aside_and_brought_again(
    practice: Practice, bundle: PublicationBundle, tmp_path: Path
) -> None:
    practice.hub().publish(bundle, Patience())
    other = b"\0" * len(WEIGHTS)
    weights = {"method": "GET", "path": r".*/resolve/.*safetensors", "status": 200, "body": other}
    practice.service.next(**weights)

    fetched = practice.hub().fetch(REPO, tmp_path / "new", Patience())

    kept = [path for path in (tmp_path / "new").iterdir() if "damaged" in path.name]
    assert fetched.path.read_bytes() == WEIGHTS
    assert [path.read_bytes() for path in kept] == [other]
    practice.service.next(times=2, **weights)
    with pytest.raises(DamagedDownload) as caught:
        practice.hub().fetch(REPO, tmp_path / "new", Patience())
    assert caught.value.path.read_bytes() == other


def test_gated_weights_are_told_with_the_repos_page(
    practice: Practice, bundle: PublicationBundle, tmp_path: Path
) -> None:
    practice.hub().publish(bundle, Patience())
    gate = {"x-error-code": "GatedRepo"}
    practice.service.next(method="GET", path=r".*/resolve/.*", status=403, headers=gate)

    with pytest.raises(AccessGated) as caught:
        practice.hub().fetch(REPO, tmp_path / "new", Patience())

    assert caught.value.page == f"{practice.url}/{REPO}"


def test_nothing_asks_the_hub_client_to_repeat_a_commit() -> None:
    """`create_commit(retry_on_error=True)` sends a commit whose answer was lost once more."""
    package = Path(hub_module.__file__).parents[2]
    named = [
        file.name for file in package.rglob("*.py") if "retry_on_error" in file.read_text("utf-8")
    ]
    assert not named


@pytest.mark.parametrize(
    "told",
    [
        {"id": REPO, "sha": "../../settings"},
        {"id": REPO, "sha": "main?x"},
        {"id": "a/../b", "sha": "0" * 40},
        {"id": "a/b/c", "sha": "0" * 40},
    ],
)
def test_repo_and_commit_enter_an_address_only_when_they_are_some(
    practice: Practice, told: dict[str, str]
) -> None:
    practice.service.next(path=f"/api/models/{REPO}", json={**told, "siblings": []})

    with pytest.raises(UnexpectedReply):
        practice.hub().status(REPO)
