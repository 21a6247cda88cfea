"""LoRAs fetched by address: which addresses work, and where a token goes."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fluxlora_desktop.practice.lora import write_flux1_lora
from fluxlora_desktop.practice.lora_address import LoraUnreachable, NotALora, fetch_lora
from fluxlora_desktop.practice.subject import Subject

FILE = "/u/r/resolve/main/lora.safetensors"
TREE = "/api/models/u/r/tree/main"


@dataclass(slots=True)
class Host:
    """A loopback host: what lies where, and who came with which token."""

    url: str
    bodies: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    visits: list[tuple[str, str]] = field(default_factory=list)


@pytest.fixture
def hosts() -> Iterator[tuple[Host, Host]]:
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) for _ in range(2)]
    pair = tuple(Host(f"http://127.0.0.1:{server.server_port}") for server in servers)
    threads = []
    for server, host in zip(servers, pair, strict=True):
        server.RequestHandlerClass = _handler(host)
        threads.append(threading.Thread(target=server.serve_forever, args=(0.02,)))
        threads[-1].start()
    yield pair[0], pair[1]
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        thread.join(10)
        server.server_close()


def _handler(host: Host) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            host.visits.append((path, self.headers.get("Authorization", "")))
            body = host.bodies.get(path, b"")
            found = 302 if path in host.redirects else 200 if path in host.bodies else 404
            self.send_response(found)
            if found == 302:
                self.send_header("Location", host.redirects[path])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    target = tmp_path_factory.mktemp("lora") / "lora.safetensors"
    write_flux1_lora(target, photos=[], captions={}, trigger_word="TOK", rank=1, steps=3)
    return target.read_bytes()


def fetched(
    address: str, token: str | None = None, allowed: Callable[[str], bool] | None = None
) -> Subject:
    return asyncio.run(fetch_lora(address, token=token, allowed=allowed))


def test_file_is_read_with_the_token_given(hosts: tuple[Host, Host], weights: bytes) -> None:
    hub, _ = hosts
    hub.bodies[FILE] = weights

    subject = fetched(hub.url + FILE, token="hf_x")

    assert (subject.base, subject.trigger_word) == ("flux.1-dev", "TOK")
    assert hub.visits == [(FILE, "Bearer hf_x")]


def test_token_does_not_follow_a_redirect_to_another_host(
    hosts: tuple[Host, Host], weights: bytes
) -> None:
    hub, storage = hosts
    hub.redirects[FILE] = storage.url + "/blob-of-it"
    storage.bodies["/blob-of-it"] = weights

    assert fetched(hub.url + FILE, token="hf_x").trigger_word == "TOK"
    assert storage.visits == [("/blob-of-it", "")]


def test_page_of_a_repo_leads_to_its_only_weights(hosts: tuple[Host, Host], weights: bytes) -> None:
    hub, _ = hosts
    hub.bodies[TREE] = json.dumps([{"path": "README.md"}, {"path": "lora.safetensors"}]).encode()
    hub.bodies[FILE] = weights

    assert fetched(f"{hub.url}/u/r").base == "flux.1-dev"
    assert [path for path, _ in hub.visits] == [TREE, FILE]


@pytest.mark.parametrize(
    ("names", "words"),
    [(["README.md"], "No .safetensors file"), (["a.safetensors", "b.safetensors"], "Multiple")],
)
def test_page_of_a_repo_without_one_file_is_refused(
    hosts: tuple[Host, Host], names: list[str], words: str
) -> None:
    hub, _ = hosts
    hub.bodies[TREE] = json.dumps([{"path": name} for name in names]).encode()

    with pytest.raises(LoraUnreachable, match=words):
        fetched(f"{hub.url}/u/r")


@pytest.mark.parametrize("listing", [b"<html>", b"[1]", b'{"error": "no"}'])
def test_odd_listing_is_refused(hosts: tuple[Host, Host], listing: bytes) -> None:
    hub, _ = hosts
    hub.bodies[TREE] = listing

    with pytest.raises(LoraUnreachable, match="No list of files"):
        fetched(f"{hub.url}/u/r")


def test_blob_page_is_refused_before_anything_is_sent(hosts: tuple[Host, Host]) -> None:
    hub, _ = hosts

    with pytest.raises(LoraUnreachable, match="resolve"):
        fetched(f"{hub.url}/u/r/blob/main/lora.safetensors")

    assert hub.visits == []


@pytest.mark.parametrize("address", ["u/r", "", "ftp://h/x", "file:///etc/passwd", "http://"])
def test_text_that_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(LoraUnreachable, match="not an address"):
        fetched(address)


def test_missing_file_tells_its_status(hosts: tuple[Host, Host]) -> None:
    with pytest.raises(LoraUnreachable) as caught:
        fetched(hosts[0].url + FILE)

    assert caught.value.status == 404


def test_closed_port_is_unreachable(hosts: tuple[Host, Host]) -> None:
    with pytest.raises(LoraUnreachable, match="ConnectError"):
        fetched("http://127.0.0.1:9/lora.safetensors")


def test_refused_host_is_never_asked_even_by_redirect(hosts: tuple[Host, Host]) -> None:
    hub, away = hosts
    hub.redirects[FILE] = away.url + "/x.safetensors"

    with pytest.raises(LoraUnreachable, match="cannot be reached from here"):
        fetched(hub.url + FILE, allowed=lambda address: address.startswith(hub.url))

    assert (len(hub.visits), away.visits) == (1, [])


def test_page_instead_of_weights_is_not_a_lora(hosts: tuple[Host, Host]) -> None:
    hub, _ = hosts
    hub.bodies[FILE] = b"<!doctype html>" + Path(__file__).read_bytes()

    with pytest.raises(NotALora):
        fetched(hub.url + FILE)
