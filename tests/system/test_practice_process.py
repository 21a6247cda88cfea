from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from fluxlora_desktop.domain.errors import JobCancelled, ServiceUnreachable
from fluxlora_desktop.jobs.context import CancellableContext
from fluxlora_desktop.system import practice_process
from fluxlora_desktop.system.practice_process import Connections, PracticeProcess

APP = """
import os, signal, sys
from pathlib import Path
from fluxlora_desktop.jobs.context import CancellableContext
from fluxlora_desktop.system.practice_process import PracticeProcess
process = PracticeProcess(state_dir=Path(sys.argv[1]), speed=500.0)
print(process.start(CancellableContext(print)).replicate.url, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def context() -> CancellableContext:
    return CancellableContext(lambda event: None)


def account_status(connections: Connections) -> int:
    reply = httpx.get(
        f"{connections.replicate.url}/v1/account",
        headers={"Authorization": f"Bearer {connections.replicate.token.reveal()}"},
        trust_env=False,
    )
    return reply.status_code


@pytest.fixture
def process(tmp_path):
    process = PracticeProcess(state_dir=tmp_path / "services", speed=500.0)
    yield process
    process.stop()


def test_services_start_answer_and_are_found_again(process, tmp_path):
    connections = process.start(context())
    assert account_status(connections) == 200
    assert connections.huggingface.username
    assert connections.together.url

    note = json.loads((tmp_path / "services" / "process.json").read_text())
    assert os.getsid(note["pid"]) == note["pid"], "Control-C in a terminal would end them"

    again = PracticeProcess(state_dir=tmp_path / "services")
    assert again.start(context()) == connections


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
        assert connections.replicate.url == killed.stdout.strip()
        assert account_status(connections) == 200
    finally:
        process.stop()
    with pytest.raises(httpx.ConnectError):
        account_status(connections)


def test_services_that_died_are_started_again_with_their_tokens(process, tmp_path):
    first = process.start(context())
    note = json.loads((tmp_path / "services" / "process.json").read_text())
    os.kill(note["pid"], signal.SIGKILL)
    second = process.start(context())

    assert second.replicate.token == first.replicate.token
    assert account_status(second) == 200


@pytest.mark.parametrize("note", ["", "{", "[]", '{"pid": 1}', '{"pid": 1, "connections": 5}'])
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
    fake, seen = tmp_path / "python", tmp_path / "seen"
    fake.write_text(f'#!/bin/sh\nenv > "{seen}"\nexit 1\n')
    fake.chmod(0o755)
    monkeypatch.setattr(practice_process.sys, "executable", str(fake))
    with pytest.raises(ServiceUnreachable):
        PracticeProcess(state_dir=tmp_path / "services").start(context())

    assert "r8_real" not in seen.read_text()
    assert "hf_real" not in seen.read_text()
    assert "PYTHONPATH=" in seen.read_text()
