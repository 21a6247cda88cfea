"""Publishing against the practice hub: real HTTP, the real client, real files."""

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import huggingface_hub
import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from fluxlora_desktop.backends.huggingface.hub import HuggingFaceHub
from fluxlora_desktop.domain.bases import FLUX1_DEV
from fluxlora_desktop.domain.errors import (
    InputError,
    JobCancelled,
    NotFoundAtService,
    ScopeMissing,
    ServiceRefused,
    ServiceUnreachable,
    StorageError,
    TokenMissing,
    TokenRejected,
)
from fluxlora_desktop.domain.loras import CardFacts, PublicationBundle
from fluxlora_desktop.domain.pictures import CardPicture
from fluxlora_desktop.domain.ports import Transferred
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.practice.context import PracticeContext, make_token
from fluxlora_desktop.practice.huggingface.app import (
    USERNAME,
    build_huggingface,
    build_huggingface_storage,
    practice_tokens,
)
from fluxlora_desktop.practice.ledger import Ledger

REPO = f"{USERNAME}/glazed-fox"
WEIGHTS = bytes(range(256)) * 12_000
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
class Tampering:
    """Wraps an app: counts requests, and answers or loses the next ones as told."""

    app: ASGIApp
    requests: list[tuple[str, str]] = field(default_factory=list)
    plans: list[tuple[str, str, int, bool]] = field(default_factory=list)

    def next(self, method: str, word: str, status: int, *, after: bool = False) -> None:
        self.plans.append((method, word, status, after))

    def count(self, method: str, word: str) -> int:
        return sum(1 for sent, path in self.requests if sent == method and word in path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        self.requests.append((method, path))
        plan = next((p for p in self.plans if p[0] == method and p[1] in path), None)
        if plan is None:
            await self.app(scope, receive, send)
            return
        self.plans.remove(plan)
        if plan[3]:
            await self.app(scope, receive, _swallow)
        start = {"type": "http.response.start", "status": plan[2], "headers": []}
        await send(start)
        await send({"type": "http.response.body", "body": b""})


async def _swallow(message: object) -> None:
    """Drop what the app answers: its effect has happened."""


@dataclass(slots=True)
class Practice:
    context: PracticeContext
    hub_app: Tampering
    storage_app: Tampering

    def hub(self, who: str = "practice") -> HuggingFaceHub:
        token = Secret(practice_tokens(self.context)[who])
        return HuggingFaceHub(address=self.context.url, token=lambda: token)

    def commits(self) -> int:
        return self.context.ledger.count("huggingface", "commit")


@contextmanager
def serving(app: ASGIApp, sock: socket.socket) -> Iterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)
        sock.close()


@pytest.fixture
def practice(tmp_path: Path) -> Iterator[Practice]:
    socks = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    url, delivery = (f"http://127.0.0.1:{sock.getsockname()[1]}" for sock in socks)
    context = PracticeContext(
        state_dir=tmp_path / "hub",
        ledger=Ledger(path=tmp_path / "ledger.jsonl"),
        clock=time.time,
        speed=1.0,
        catalogue="2026",
        token=make_token("huggingface"),
        url=url,
        delivery_url=delivery,
    )
    apps = Tampering(build_huggingface(context)), Tampering(build_huggingface_storage(context))
    with ExitStack() as stack:
        for app, sock in zip(apps, socks, strict=True):
            stack.enter_context(serving(app, sock))
        yield Practice(context, *apps)
        huggingface_hub.close_session()


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
    assert made.address == f"{practice.context.url}/{REPO}/resolve/main/lora.safetensors"
    hub.set_visibility(REPO, Visibility.PUBLIC)
    assert hub.status(REPO).visibility is Visibility.PUBLIC
    hub.delete(REPO)
    assert not hub.status(REPO).exists
    hub.delete(REPO)


def test_publish_makes_one_commit_when_sent_twice(
    practice: Practice, bundle: PublicationBundle
) -> None:
    first = practice.hub().publish(bundle, Patience())
    second = practice.hub().publish(bundle, Patience())

    assert first.commit == second.commit
    assert practice.commits() == 1
    assert practice.hub_app.count("POST", "/preupload/") == 1


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
    practice.storage_app.next("PUT", "/", 400)

    with pytest.raises(ServiceRefused):
        practice.hub().publish(bundle, Patience())
    assert practice.commits() == 0
    practice.hub().publish(bundle, Patience())

    assert practice.hub().status(REPO).weights_sha256 == SHA256


def test_publish_finds_its_commit_when_the_answer_was_lost(
    practice: Practice, bundle: PublicationBundle
) -> None:
    practice.hub_app.next("POST", "/commit/", 502, after=True)

    made = practice.hub().publish(bundle, Patience())

    assert practice.commits() == 1
    assert practice.hub_app.count("POST", "/commit/") == 1
    assert made.commit == practice.hub().status(REPO).commit


def test_publish_sends_its_commit_again_when_it_never_arrived(
    practice: Practice, bundle: PublicationBundle
) -> None:
    practice.hub_app.next("POST", "/commit/", 502)

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


def test_whoami_rejects_an_unknown_token_without_repeating_it(practice: Practice) -> None:
    token = make_token("huggingface")
    hub = HuggingFaceHub(address=practice.context.url, token=lambda: Secret(token))

    with pytest.raises(TokenRejected) as raised:
        hub.whoami()

    assert token not in f"{raised.value} {raised.value!r}"


def test_whoami_asks_for_a_token_when_there_is_none(practice: Practice) -> None:
    with pytest.raises(TokenMissing):
        HuggingFaceHub(address=practice.context.url, token=lambda: None).whoami()

    assert practice.hub_app.requests == []


def test_whoami_is_unreachable_when_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]

    with pytest.raises(ServiceUnreachable):
        HuggingFaceHub(address=f"http://127.0.0.1:{port}", token=lambda: Secret("x")).whoami()


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
    text = form.format(url=practice.context.url, repo=REPO)

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
