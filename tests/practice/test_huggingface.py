"""The practice hub, driven by the real huggingface_hub client over loopback."""

import hashlib
import io
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import huggingface_hub
import pytest
import uvicorn
from huggingface_hub import CommitOperationAdd, HfApi, ModelCardData, constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import _http
from jsonschema import Draft202012Validator
from starlette.applications import Starlette

from fluxlora_desktop.practice.context import PracticeContext, make_token
from fluxlora_desktop.practice.huggingface.app import (
    USERNAME,
    build_huggingface,
    build_huggingface_storage,
    practice_tokens,
)
from fluxlora_desktop.practice.ledger import Ledger

# huggingface_hub 2.4.0 passes its LFS file as `data=`, which httpx2 asks to be called `content=`.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

REPO = f"{USERNAME}/glazed-fox"
WEIGHTS = bytes(range(256)) * 12_000
SCHEMAS = json.loads((Path(__file__).parent / "schemas" / "huggingface.json").read_text("utf-8"))


@contextmanager
def serving(app: Callable[[], Starlette], sock: socket.socket) -> Iterator[None]:
    server = uvicorn.Server(uvicorn.Config(app(), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)
        sock.close()


@dataclass(frozen=True, slots=True)
class Hub:
    context: PracticeContext

    def api(self, who: str = "practice") -> HfApi:
        return HfApi(endpoint=self.context.url, token=practice_tokens(self.context)[who])

    def http(self, who: str | None = "practice") -> httpx.Client:
        headers = {}
        if who:
            headers["Authorization"] = f"Bearer {practice_tokens(self.context)[who]}"
        return httpx.Client(base_url=self.context.url, headers=headers, trust_env=False, timeout=60)


@contextmanager
def running_hub(folder: Path, *, token: str, multipart_over: int = 20_000_000) -> Iterator[Hub]:
    socks = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    url, delivery = (f"http://127.0.0.1:{sock.getsockname()[1]}" for sock in socks)
    context = PracticeContext(
        state_dir=folder,
        ledger=Ledger(path=folder / "ledger.jsonl"),
        clock=time.time,
        speed=1.0,
        catalogue="2026",
        token=token,
        url=url,
        delivery_url=delivery,
    )
    with ExitStack() as stack:
        hub = lambda: build_huggingface(context, multipart_over=multipart_over)  # noqa: E731 - short
        stack.enter_context(serving(hub, socks[0]))
        stack.enter_context(serving(lambda: build_huggingface_storage(context), socks[1]))
        yield Hub(context)


@pytest.fixture(autouse=True)
def _official_client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Let the client be as it comes: importing the app's hub puts in a session of its own."""
    huggingface_hub.close_session()
    monkeypatch.setattr(_http, "_GLOBAL_CLIENT_FACTORY", _http.default_client_factory)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield
    huggingface_hub.close_session()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with running_hub(tmp_path / "hub", token=make_token("huggingface")) as running:
        yield running


def readme(**changes: object) -> bytes:
    told = {
        "license": "other",
        "base_model": "black-forest-labs/FLUX.1-dev",
        "base_model_relation": "adapter",
        "library_name": "diffusers",
        "pipeline_tag": "text-to-image",
        "tags": ["text-to-image", "flux", "lora", "diffusers", "template:sd-lora"],
        "instance_prompt": "TOK",
        "widget": [{"text": 'TOK: a "fox"\nat dawn', "output": {"url": "images/1.png"}}],
    }
    data = ModelCardData(**{**told, **changes})
    return f"---\n{data.to_yaml()}\n---\n# Glazed <fox>\n".encode()


def operations(weights: bytes = WEIGHTS) -> list[CommitOperationAdd]:
    return [
        CommitOperationAdd("lora.safetensors", io.BufferedReader(io.BytesIO(weights))),
        CommitOperationAdd("README.md", readme()),
        CommitOperationAdd("LICENSE", b"a licence\n"),
    ]


def publish(hub: Hub, *, private: bool = True, weights: bytes = WEIGHTS) -> str:
    hub.api().create_repo(REPO, private=private, exist_ok=True)
    return hub.api().create_commit(REPO, operations(weights), commit_message="Publish").oid


def check(name: str, value: object) -> None:
    Draft202012Validator({**SCHEMAS, "$ref": f"#/$defs/{name}"}).validate(value)


@pytest.mark.parametrize(
    ("who", "role", "scopes"),
    [
        ("practice", "fineGrained", ["repo.write", "inference.serverless.write"]),
        ("read", "read", None),
        ("write", "write", None),
        ("fine-grained-without-write", "fineGrained", ["inference.serverless.write"]),
    ],
)
def test_whoami_tells_role_and_scopes_of_a_token(hub, who, role, scopes):
    told = hub.api(who).whoami()

    check("whoami", told)
    token = told["auth"]["accessToken"]
    assert (told["name"], token["role"]) == (USERNAME, role)
    if scopes is not None:
        assert token["fineGrained"]["scoped"][0]["permissions"] == scopes


def test_whoami_refuses_a_token_that_nobody_was_given(hub):
    with pytest.raises(HfHubHTTPError) as refused:
        HfApi(endpoint=hub.context.url, token="hf_nobody").whoami()
    assert refused.value.response.status_code == 401


def test_publishing_makes_one_commit_whose_files_come_back_equal(hub, tmp_path):
    oid = publish(hub)

    commits = hub.api().list_repo_commits(REPO)
    assert commits[0].commit_id == oid
    assert len(commits) == 2  # the hub's own first commit, and ours
    assert hub.context.ledger.count("huggingface", "commit") == 1
    path = hub.api().hf_hub_download(REPO, "lora.safetensors", local_dir=tmp_path / "down")
    assert Path(path).read_bytes() == WEIGHTS
    path = hub.api().hf_hub_download(REPO, "README.md", local_dir=tmp_path / "down")
    assert Path(path).read_bytes() == readme()


def test_model_info_and_paths_info_tell_the_sha256_of_the_weights(hub):
    publish(hub)
    sha256 = hashlib.sha256(WEIGHTS).hexdigest()

    info = hub.api().model_info(REPO, files_metadata=True)
    (path,) = hub.api().get_paths_info(REPO, ["lora.safetensors", "absent"])

    weights = next(s for s in info.siblings if s.rfilename == "lora.safetensors")
    assert weights.lfs.sha256 == sha256 == path.lfs.sha256
    assert weights.size == len(WEIGHTS) == path.size
    names = {f.path for f in hub.api().list_repo_tree(REPO, recursive=True)}
    assert names == {".gitattributes", "LICENSE", "README.md", "lora.safetensors"}


def test_an_identical_commit_is_skipped(hub):
    first = publish(hub)

    assert publish(hub) == first
    assert hub.context.ledger.count("huggingface", "commit") == 1


def test_a_private_repo_is_not_there_for_strangers_until_it_is_made_public(hub):
    publish(hub)

    with pytest.raises(RepositoryNotFoundError):
        hub.api("stranger").model_info(REPO)
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=hub.context.url, token=False).model_info(REPO)
    with hub.http(None) as http:
        assert http.get(f"/{REPO}/resolve/main/lora.safetensors").status_code == 401

    hub.api().update_repo_settings(REPO, private=False)
    assert hub.api("stranger").model_info(REPO).private is False
    assert hub.context.ledger.count("huggingface", "visibility", private=False) == 1


def test_providers_are_mapped_only_for_a_public_lora(hub):
    publish(hub)
    expand = ["inferenceProviderMapping"]

    assert not hub.api().model_info(REPO, expand=expand).inference_provider_mapping
    hub.api().update_repo_settings(REPO, visibility="public")
    mapped = hub.api().model_info(REPO, expand=expand).inference_provider_mapping

    assert [m.provider for m in mapped] == ["fal-ai", "replicate"]
    assert mapped[0].adapter_weights_path == "lora.safetensors"


def test_a_gated_repo_gives_its_files_to_the_owner_only(hub):
    publish(hub, private=False)
    hub.api().update_repo_settings(REPO, gated="manual")

    with pytest.raises(GatedRepoError):
        hub.api("stranger").hf_hub_download(REPO, "LICENSE")
    assert Path(hub.api().hf_hub_download(REPO, "LICENSE")).exists()


@pytest.mark.parametrize("who", ["read", "fine-grained-without-write", "stranger"])
def test_a_token_without_the_right_to_write_can_create_nothing(hub, who):
    with pytest.raises(HfHubHTTPError) as refused:
        hub.api(who).create_repo(REPO)
    assert refused.value.response.status_code == 403
    assert "rights to create" in refused.value.server_message


def test_a_full_account_is_told_so_when_it_uploads(hub):
    hub.api().create_repo(REPO, private=True)

    with pytest.raises(HfHubHTTPError, match="storage limit reached") as refused:
        hub.api("storage-full").create_commit(REPO, operations(), commit_message="x")
    assert refused.value.response.status_code == 403


def test_a_readme_that_is_not_yaml_is_refused(hub):
    hub.api().create_repo(REPO)
    bad = CommitOperationAdd("README.md", b"---\ninstance_prompt: a fox: at dawn\n---\n")

    with pytest.raises(ValueError, match=r"Invalid metadata in README\.md"):
        hub.api().create_commit(REPO, [bad], commit_message="x")


def test_a_commit_upon_an_older_state_is_refused(hub):
    hub.api().create_repo(REPO)
    older = hub.api().model_info(REPO).sha
    publish(hub)

    late = CommitOperationAdd("NOTICE", b"late")
    with pytest.raises(HfHubHTTPError) as refused:
        hub.api().create_commit(REPO, [late], commit_message="x", parent_commit=older)
    assert refused.value.response.status_code == 412


def upload_address(http: httpx.Client, content: bytes) -> str:
    wanted = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content)}
    asked = {"operation": "upload", "transfers": ["basic"], "objects": [wanted]}
    reply = http.post(f"/{REPO}.git/info/lfs/objects/batch", json=asked).json()
    check("lfs_batch", reply)
    return reply["objects"][0]["actions"]["upload"]["href"]


def test_an_upload_of_other_bytes_is_refused_and_can_not_be_committed(hub):
    hub.api().create_repo(REPO)
    with hub.http() as http:
        href = upload_address(http, b"right")
        assert httpx.put(href, content=b"wrong", trust_env=False).status_code == 400
        assert httpx.put(href[:-1], content=b"right", trust_env=False).status_code == 403

        oid = hashlib.sha256(b"right").hexdigest()
        file = {"path": "README.md", "content": "", "encoding": "base64"}
        lfs = {"path": "lora.safetensors", "algo": "sha256", "oid": oid, "size": 5}
        lines = [
            {"key": "header", "value": {"summary": "x"}},
            {"key": "file", "value": file},
            {"key": "lfsFile", "value": lfs},
        ]
        body = "\n".join(json.dumps(line) for line in lines)
        reply = http.post(f"/api/models/{REPO}/commit/main", content=body)

    assert (reply.status_code, "does not exist" in reply.json()["error"]) == (400, True)
    assert hub.api().list_repo_files(REPO) == [".gitattributes"]


def test_a_large_file_comes_in_parts(tmp_path):
    weights = WEIGHTS * 4
    with running_hub(tmp_path, token=make_token("huggingface"), multipart_over=1_000_000) as hub:
        publish(hub, weights=weights)

        path = hub.api().hf_hub_download(REPO, "lora.safetensors", local_dir=tmp_path / "down")
        assert Path(path).read_bytes() == weights
        assert not list((tmp_path / "huggingface" / "blobs").glob("*.part*"))


def test_resolve_sends_to_the_storage_which_gives_ranges(hub):
    oid = publish(hub)
    sha256 = hashlib.sha256(WEIGHTS).hexdigest()

    with hub.http() as http:
        head = http.head(f"/{REPO}/resolve/main/lora.safetensors")
    part = httpx.get(
        head.headers["location"],
        headers={"Range": "bytes=1000-1999", "If-Range": f'"{sha256}"'},
        trust_env=False,
    )

    assert head.status_code == 302
    assert head.headers["x-repo-commit"] == oid
    assert head.headers["x-linked-etag"] == f'"{sha256}"'
    assert head.headers["x-linked-size"] == str(len(WEIGHTS))
    assert (part.status_code, part.content) == (206, WEIGHTS[1000:2000])


def test_a_restarted_hub_goes_on_where_it_stopped(tmp_path):
    token = make_token("huggingface")
    with running_hub(tmp_path, token=token) as hub:
        oid = publish(hub)

    with running_hub(tmp_path, token=token) as hub:
        assert hub.api().model_info(REPO).sha == oid
        assert publish(hub) == oid
        hub.api().delete_repo(REPO)
        assert not hub.api().repo_exists(REPO)
        assert hub.context.ledger.count("huggingface", "repo_deleted") == 1


def test_creating_a_repo_twice_answers_conflict_and_keeps_its_visibility(hub):
    publish(hub)

    with pytest.raises(HfHubHTTPError) as refused:
        hub.api().create_repo(REPO, private=False)
    assert refused.value.response.status_code == 409
    hub.api().create_repo(REPO, private=False, exist_ok=True)
    assert hub.api().model_info(REPO).private is True


def test_write_check_refuses_a_token_that_only_reads(hub):
    publish(hub)

    hub.api().auth_check(REPO, write=True)
    with pytest.raises(HfHubHTTPError):
        hub.api("read").auth_check(REPO, write=True)


def test_the_page_shows_title_files_and_escaped_card(hub):
    publish(hub)

    with hub.http(None) as http:
        page = http.get(f"/{REPO}").text
    assert "lora.safetensors" in page
    assert "Glazed &lt;fox&gt;" in page
    assert "<fox>" not in page
    address = re.search(r'href="([^"]*/lfs/download/[^"]*)"', page)[1].replace("&amp;", "&")
    assert httpx.get(address, trust_env=False, timeout=60).content == WEIGHTS


def test_replies_keep_to_their_schemas(hub):
    oid = publish(hub, private=False)
    with hub.http() as http:
        check("model", http.get(f"/api/models/{REPO}?blobs=true").json())
        check("tree", http.get(f"/api/models/{REPO}/tree/main?recursive=true").json())
        check("commits", http.get(f"/api/models/{REPO}/commits/main").json())
        check("model", http.get(f"/api/models?author={USERNAME}").json()[0])
        refused = http.get(f"/api/models/{USERNAME}/absent")
        missing = http.get(f"/{REPO}/resolve/{oid}/absent")
    check("error", refused.json())
    assert refused.headers["x-error-code"] == "RepoNotFound"
    assert missing.headers["x-error-code"] == "EntryNotFound"


def test_a_commit_that_is_not_json_is_a_bad_request(hub):
    hub.api().create_repo(REPO)
    with hub.http() as http:
        reply = http.post(f"/api/models/{REPO}/commit/main", content=b"not json")
    assert reply.status_code == 400
    assert len(hub.api().list_repo_commits(REPO)) == 1
