from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from fluxlora_desktop.domain.errors import JobCancelled, ServiceUnreachable
from fluxlora_desktop.domain.services import OWN_PICTURES, SERVICES
from fluxlora_desktop.jobs.context import CancellableContext
from fluxlora_desktop.system import practice_process
from fluxlora_desktop.system.practice_process import Connections, PracticeProcess

APP = """
import os, signal, sys
from pathlib import Path
from fluxlora_desktop.jobs.context import CancellableContext
from fluxlora_desktop.system.practice_process import PracticeProcess
process = PracticeProcess(state_dir=Path(sys.argv[1]), speed=500.0)
print(process.start(CancellableContext(print))["replicate"].url, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def context() -> CancellableContext:
    return CancellableContext(lambda event: None)


def account_status(connections: Connections) -> int:
    replicate = connections["replicate"]
    reply = httpx.get(
        f"{replicate.url}/v1/account",
        headers={"Authorization": f"Bearer {replicate.token.reveal()}"},
        trust_env=False,
    )
    return reply.status_code


def note_of(state: Path) -> dict[str, Any]:
    return json.loads((state / "process.json").read_text())


def ends(pid: int) -> bool:
    """Wait until a process is gone, or no more than a child that nobody asked about."""
    wait = threading.Event()
    for _ in range(200):
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        wait.wait(0.05)
    return False


@pytest.fixture
def process(tmp_path):
    process = PracticeProcess(state_dir=tmp_path / "services", speed=500.0)
    yield process
    process.stop()


def test_services_start_answer_and_are_found_again(process, tmp_path):
    connections = process.start(context())
    assert account_status(connections) == 200
    assert set(connections) == {*(facts.key for facts in SERVICES), OWN_PICTURES}
    assert connections["huggingface"].username

    note = note_of(tmp_path / "services")
    assert os.getsid(note["pid"]) == note["pid"], "Control-C in a terminal would end them"

    again = PracticeProcess(state_dir=tmp_path / "services")
    assert again.start(context()) == connections
    assert note_of(tmp_path / "services") == note, "it is the same process"


def test_services_survive_the_app_being_killed(tmp_path):
    state = tmp_path / "services"
    killed = subprocess.run(
        [sys.executable, "-c", APP, str(state)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    process = PracticeProcess(state_dir=state)
    try:
        connections = process.start(context())
        assert connections["replicate"].url == killed.stdout.strip()
        assert account_status(connections) == 200
    finally:
        process.stop()
    with pytest.raises(httpx.ConnectError):
        account_status(connections)


def test_services_that_died_are_started_again_with_their_tokens(process, tmp_path):
    first = process.start(context())
    os.kill(note_of(tmp_path / "services")["pid"], signal.SIGKILL)
    second = process.start(context())

    assert second["replicate"].token == first["replicate"].token
    assert account_status(second) == 200


def test_services_of_an_app_that_knew_fewer_are_ended_and_begun_anew(process, tmp_path):
    state = tmp_path / "services"
    first = process.start(context())
    older = note_of(state)
    del older["connections"][SERVICES[-1].key]
    (state / "process.json").write_text(json.dumps(older))

    updated = PracticeProcess(state_dir=state)
    try:
        second = updated.start(context())
        assert note_of(state)["pid"] != older["pid"]
        assert ends(older["pid"])
        assert second == first, "ports and tokens are those of before"
        assert account_status(second) == 200
    finally:
        updated.stop()


def test_services_that_lack_one_are_not_used(tmp_path, monkeypatch):
    fake, mark = tmp_path / "python", tmp_path / "pid"
    line = json.dumps({"replicate": {"url": "http://127.0.0.1:9", "token": "t"}})
    fake.write_text(
        f"#!/bin/sh\necho $$ > '{mark}'\necho '{line}'\nexec cat /dev/zero > /dev/null\n"
    )
    fake.chmod(0o755)
    monkeypatch.setattr(practice_process.sys, "executable", str(fake))

    with pytest.raises(ServiceUnreachable, match="practice server"):
        PracticeProcess(state_dir=tmp_path / "services").start(context())

    assert ends(int(mark.read_text()))


def test_service_that_the_app_does_not_know_is_handed_on(process, tmp_path):
    state = tmp_path / "services"
    process.start(context())
    newer = note_of(state)
    newer["connections"]["newest"] = {"url": "http://127.0.0.1:9/", "token": "t"}
    (state / "process.json").write_text(json.dumps(newer))

    found = PracticeProcess(state_dir=state).start(context())
    assert found["newest"].url == "http://127.0.0.1:9"
    assert note_of(state) == newer


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        b'HTTP/1.1 404 Not Found\r\ncontent-length: 15\r\n\r\n{"entries": []}\n',
        b"not http at all",
        b"",
    ],
)
def test_port_that_another_program_took_is_no_practice_service(process, tmp_path, reply):
    state = tmp_path / "services"
    state.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        note = {"pid": os.getpid(), "connections": {"replicate": {"url": url, "token": "t"}}}
        (state / "process.json").write_text(json.dumps(note))
        answering = threading.Thread(target=answer_once, args=(server, reply))
        answering.start()
        connections = process.start(context())  # must not end this very process, which it names
        answering.join(10)

    assert connections["replicate"].url != url
    assert account_status(connections) == 200


def answer_once(server: socket.socket, reply: bytes) -> None:
    link, _ = server.accept()
    with link:
        link.recv(4096)
        link.sendall(reply)


@pytest.mark.parametrize(
    "note",
    [
        *("", "{", "[]", '{"pid": 1}', '{"pid": 1, "connections": 5}'),
        *('{"pid": 1, "connections": {}}', '{"pid": 1, "connections": {"replicate": "x"}}'),
        '{"pid": 0, "connections": {"replicate": {"url": "http://127.0.0.1:x", "token": "t"}}}',
    ],
)
def test_damaged_note_is_as_none(process, tmp_path, note):
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "process.json").write_text(note)

    assert account_status(process.start(context())) == 200


def test_services_that_do_not_start_say_why(tmp_path, monkeypatch):
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho no such module >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(practice_process.sys, "executable", str(fake))

    with pytest.raises(ServiceUnreachable, match="no such module"):
        PracticeProcess(state_dir=tmp_path / "services").start(context())


def test_cancelled_start_leaves_no_process(tmp_path, monkeypatch):
    fake, mark = tmp_path / "python", tmp_path / "pid"
    fake.write_text(f'#!/bin/sh\necho $$ > "{mark}"\nexec cat /dev/zero > /dev/null\n')
    fake.chmod(0o755)
    monkeypatch.setattr(practice_process.sys, "executable", str(fake))
    ctx = context()
    caught: list[BaseException] = []

    def start() -> None:
        try:
            PracticeProcess(state_dir=tmp_path / "services").start(ctx)
        except JobCancelled as error:
            caught.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    wait_for_content(mark)
    ctx.cancel()
    thread.join(30)

    assert len(caught) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def wait_for_content(path: Path) -> None:
    wait = threading.Event()
    for _ in range(600):
        if path.exists() and path.read_text().endswith("\n"):
            return
        wait.wait(0.05)
    pytest.fail(f"{path} stayed empty")


def test_services_see_no_ones_tokens(tmp_path, monkeypatch):
    monkeypatch.setenv("REPLICATE_API_TOKEN", "r8_real")
    monkeypatch.setenv("HF_TOKEN", "hf_real")
    monkeypatch.setenv("FAL_KEY", "id:real")
    fake, seen = tmp_path / "python", tmp_path / "seen"
    fake.write_text(f'#!/bin/sh\nenv > "{seen}"\nexit 1\n')
    fake.chmod(0o755)
    monkeypatch.setattr(practice_process.sys, "executable", str(fake))
    with pytest.raises(ServiceUnreachable):
        PracticeProcess(state_dir=tmp_path / "services").start(context())

    assert "r8_real" not in seen.read_text()
    assert "hf_real" not in seen.read_text()
    assert "id:real" not in seen.read_text()
    assert "PYTHONPATH=" in seen.read_text()
