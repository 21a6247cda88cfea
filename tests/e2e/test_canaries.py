"""Canary tokens on the whole way, with everything going wrong that could spill one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import IO, Any

import pytest

import fluxlora_desktop.practice.services as practice_module
from fluxlora_desktop.domain.services import SERVICES
from fluxlora_desktop.practice.front import Front
from fluxlora_desktop.practice.replicate.scripts import TrainingScript
from fluxlora_desktop.practice.services import PracticeServices
from tests.e2e.test_secrets import SESSION, needs_keyring
from tests.faults.canaries import (
    Hit,
    canary_for,
    family_of,
    find_canaries,
    find_in,
    find_in_memory,
    find_in_processes,
    find_in_text,
)

pytestmark = [pytest.mark.heavy, needs_keyring]
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("canary_way.py")
TOKENS = {facts.key: canary_for(facts.key, "e2e") for facts in SERVICES}
SHELL = {
    "REPLICATE_API_TOKEN": canary_for("replicate", "shell"),
    "MY_OWN_VARIABLE": canary_for("huggingface", "shell"),
    "TOGETHER_API_KEY": canary_for("together", "shell"),
}
CANARIES = TOKENS | {f"shell {name}": value for name, value in SHELL.items()}
_WATCH_S = 0.1
_ENDS = 120


@dataclass(frozen=True, slots=True)
class Heard:
    """A request as a service got it: the authorization header, and everything else."""

    service: str
    port: str
    authorization: bytes
    rest: bytes


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Heard]:
    """Every request that the practice services get, whole."""
    told: list[Heard] = []

    class Listening(Front):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            headers = scope.get("headers", [])
            given = b"".join(value for name, value in headers if name == b"authorization")
            others = [b": ".join(it) for it in headers if it[0] != b"authorization"]
            parts = [scope.get("raw_path", b""), scope.get("query_string", b""), *others]

            async def hear() -> Any:
                message = await receive()
                parts.append(message.get("body", b""))
                return message

            await Front.__call__(self, scope, hear, send)
            told.append(Heard(self.service, self.port, given, b"\n".join(parts)))

    monkeypatch.setattr(practice_module, "Front", Listening)
    return told


@pytest.fixture
def services(tmp_path: Path, heard: list[Heard]) -> Iterator[PracticeServices]:
    """The practice services, whose accounts have canaries for tokens."""
    state = tmp_path / "services"
    state.mkdir()
    (state / "services.json").write_text(json.dumps({"tokens": TOKENS, "ports": {}}))
    with PracticeServices(state_dir=state, speed=400.0) as serving:
        yield serving


class Stranger(BaseHTTPRequestHandler):
    """A host that is no service's, to which one redirects."""

    requests: list[bytes]

    def do_GET(self) -> None:
        self.requests.append(f"{self.path}\n{self.headers}".encode())
        self.send_response(503)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def stranger() -> Iterator[tuple[str, list[bytes]]]:
    requests: list[bytes] = []
    handler = type("Handler", (Stranger,), {"requests": requests})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/elsewhere", requests
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Person:
    """A home with the app's data in it, and what was seen of its processes."""

    folder: Path
    runtime: Path
    seen: set[Hit] = field(default_factory=set)
    in_memory: set[str] = field(default_factory=set)
    lines: list[dict[str, Any]] = field(default_factory=list)
    output: str = ""

    def environ(self, services: PracticeServices) -> dict[str, str]:
        hidden = ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS")
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        home, tools = self.folder / "home", self.folder / "tools"
        known = services.connections()
        places = {
            "HOME": home,
            "XDG_CONFIG_HOME": home / ".config",
            "XDG_DATA_HOME": home / ".local/share",
            "XDG_CACHE_HOME": home / ".cache",
            "XDG_STATE_HOME": home / ".local/state",
            "TMPDIR": self.folder / "tmp",
        }
        for place in (*places.values(), tools):
            place.mkdir(parents=True, exist_ok=True)
        for name in ("xdg-open", "dbus-send"):  # children that tell what they were given
            tool = tools / name
            dump = f"cat /proc/$$/environ /proc/$$/cmdline > '{self.folder}'/child-{name}"
            tool.write_text(f"#!/bin/sh\n{dump}\nexit 0\n")
            tool.chmod(0o755)
        return (
            kept
            | {name: str(place) for name, place in places.items()}
            | {facts.address_variable: known[facts.key]["url"] for facts in SERVICES}
            | SHELL
            | {
                "PATH": f"{tools}:{kept['PATH']}",
                "PYTHONPATH": str(ROOT),
                "QT_QPA_PLATFORM": "offscreen",
                "XDG_RUNTIME_DIR": str(self.runtime),
            }
        )

    def goes(self, goal: str, services: PracticeServices) -> int:
        """Let the app go its way to the end; return how it ended."""
        with (self.folder / "stderr").open("wb") as errors:
            return self._go(goal, services, errors)

    def _go(self, goal: str, services: PracticeServices, errors: IO[bytes]) -> int:
        app = subprocess.Popen(
            [*SESSION, sys.executable, str(PROGRAM), str(self.folder / "data"), goal],
            env=self.environ(services),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
        over = threading.Event()
        watching = threading.Thread(target=self._watch, args=(app.pid, over))
        watching.start()
        late = threading.Timer(_ENDS, os.killpg, (app.pid, signal.SIGKILL))
        late.start()
        assert app.stdin is not None and app.stdout is not None
        app.stdin.write(json.dumps(TOKENS) + "\n")
        app.stdin.close()
        with app.stdout as output:
            for line in output:
                self.output += line
                with suppress(ValueError):
                    self.lines.append(json.loads(line))
                if "first run" in line:
                    self._look_into_memory(app.pid)
        code = app.wait(30)
        late.cancel()
        over.set()
        watching.join()
        return code

    def _watch(self, pid: int, over: threading.Event) -> None:
        while not over.wait(_WATCH_S):
            self.seen |= set(find_in_processes(family_of(pid), CANARIES))

    def _look_into_memory(self, pid: int) -> None:
        for one in family_of(pid):
            with suppress(OSError):
                if PROGRAM.name in Path(f"/proc/{one}/cmdline").read_text():
                    self.in_memory |= {hit.canary for hit in find_in_memory(one, TOKENS)}

    def did(self, what: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["did"] == what]


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    runtime = Path(tempfile.mkdtemp(prefix="flux-"))  # addresses of sockets must be short
    folder = tmp_path / "person"
    folder.mkdir()
    yield Person(folder, runtime)
    shutil.rmtree(runtime, ignore_errors=True)


def let_it_go_wrong(services: PracticeServices, trainer: str, elsewhere: str) -> None:
    """Script a service's worst habits: each quotes the token that it was sent."""
    token = TOKENS[trainer]
    training = getattr(services, trainer)
    poll = {"replicate": r"/v1/trainings/[^/]+", "fal": r".*/requests/[^/]+/status"}[trainer]
    quoted = f"Invalid token {token}; got Authorization: Bearer {token} in this request"
    page = f"<html><pre>Authorization: Bearer {token}\nX-Key: {token}</pre></html>"
    for fault in (
        {"status": 401, "json": {"detail": quoted}},
        {"status": 500, "body": page, "content_type": "text/html"},
        {"status": 400, "json": {"detail": quoted, "error": {"message": token}}},
        {"status": 302, "headers": {"location": elsewhere}, "body": ""},
        {"status": 200, "body": f'{{"token": "{token}"', "content_type": "application/json"},
    ):
        training.next(method="GET", path=poll, **fault)
    away = {"status": 302, "headers": {"location": elsewhere}, "body": ""}
    training.next(method="GET", path=r".*\.(tar|safetensors)", **away)
    services.together.next(method="GET", path=r".*\.(png|jpg|jpeg|webp)", **away)
    if trainer == "replicate":
        said = f"denied: Authorization: Bearer {token}, at https://x/?api_key={token}"
        services.replicate.next_training(TrainingScript(outcome="failed", error=said))
    hub = TOKENS["huggingface"]
    services.huggingface.next(
        method="POST",
        path=r"/api/models/.*/commit/.*",
        status=500,
        json={"error": f"token {hub}"},
        headers={"x-error-message": f"token {hub}"},
    )
    orders = {
        "replicate": r"/v1/(models/.*/)?predictions",
        "fal": r"/fal-ai/(?!.*train).*",
        "together": r"/v1/images/generations",
        "huggingface": r"/(fal-ai|replicate)/.*",
    }
    for service, path in orders.items():
        getattr(services, service).next(
            method="POST",
            path=path,
            status=400,
            json={
                "error": {"message": f"got {TOKENS[service]}"},
                "detail": f"key {TOKENS[service]}",
            },
        )


@pytest.mark.parametrize(
    ("goal", "trainer"),
    [("", "replicate"), pytest.param("together", "fal", marks=pytest.mark.full)],
)
def test_tokens_are_nowhere_but_in_keyring_memory_and_their_own_services_header(
    person: Person,
    services: PracticeServices,
    heard: list[Heard],
    stranger: tuple[str, list[bytes]],
    goal: str,
    trainer: str,
) -> None:
    elsewhere, at_stranger = stranger
    let_it_go_wrong(services, trainer, elsewhere)

    code = person.goes(goal, services)

    stderr = (person.folder / "stderr").read_text(errors="replace")
    assert person.did("end"), (person.lines[-3:], stderr[-3000:])
    assert code not in {0, 1}, "it ended by SIGABRT"
    the_way_was_gone(person, trainer)

    hits = find_canaries([person.folder], CANARIES)
    hits += find_in_text(person.output, "what it printed", CANARIES)
    assert hits == []

    launched_with_them = [hit for hit in person.seen if not hit.canary.startswith("shell ")]
    assert launched_with_them == []
    assert [hit for hit in person.seen if hit.place.endswith("cmdline")] == []

    assert at_stranger, "a redirect of a download was followed"
    assert find_in(b"\n".join(at_stranger), "the stranger", CANARIES) == []
    for request in heard:
        place = f"{request.service} {request.port}"
        assert find_in(request.rest, place, CANARIES) == []
        for hit in find_in(request.authorization, place, CANARIES):
            assert (hit.canary, request.port) == (request.service, "main")


def the_way_was_gone(person: Person, trainer: str) -> None:
    """Hold that everything happened, and that the tokens are found where they must be."""
    assert {line["service"] for line in person.did("connected")} == set(TOKENS)
    assert {line["status"] for line in person.did("connected")} == {"connected"}
    assert all(line["lasting"] for line in person.did("connected"))
    assert "This is a token of Hugging Face" in person.did("wrong field")[0]["note"]
    assert "looks like a token" in person.did("pasted")[0]["shown"]
    assert "ready" in person.did("trained")[0]["states"]
    states = person.did("pictures")[0]["states"]
    for service in TOKENS:
        assert {f"{service} done", f"{service} failed"} <= set(states), states
    assert "fell with [hidden]" in person.did("crash")[0]["clipboard"]
    assert "lines of the log" in person.did("diagnostics")[0]["clipboard"]
    kept = {key: hashlib.sha256(value.encode()).hexdigest() for key, value in TOKENS.items()}
    assert person.did("kept")[0]["hashes"] == kept
    assert list((person.folder / "home").rglob("*.keyring")), "the real keyring kept them"
    assert person.in_memory == set(TOKENS), "the search finds them in memory"
    assert {hit.canary for hit in person.seen} == {f"shell {name}" for name in SHELL}
    logs = person.folder / "data" / "logs"
    assert "fell with [hidden]" in (logs / "fluxlora.log").read_text()
    assert "ValueError" in (logs / "public.log").read_text()
    assert "Fatal Python error: Aborted" in (logs / "faults.txt").read_text()
    children = {path.name for path in person.folder.glob("child-*")}
    assert children == {"child-dbus-send", "child-xdg-open"}, "by the app, and by Qt"
    assert {p.name for p in (person.folder / "exported").iterdir()} == {"False.png", "True.png"}
    if trainer == "replicate":
        failed = person.did("first run")[0]
        assert failed["state"] == "failed" and "denied" in failed["error"]
    (logs / "planted.log").write_text(f"sent {TOKENS['fal']} away")
    found = find_canaries([person.folder], CANARIES)
    assert [(Path(hit.place).name, hit.canary) for hit in found] == [("planted.log", "fal")], (
        "the search finds what is planted, and that alone"
    )
    (logs / "planted.log").unlink()
