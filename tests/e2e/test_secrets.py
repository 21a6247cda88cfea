"""A token lives in the computer's password store, or in memory, and nowhere else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fluxlora_desktop.domain.services import SERVICES
from fluxlora_desktop.jobs.context import CancellableContext
from fluxlora_desktop.system.practice_process import PracticeProcess

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("connect.py")
KEYRING = (
    "printf opensesame | gnome-keyring-daemon --unlock --components=secrets --daemonize"
    ' >/dev/null 2>&1; exec "$@"'
)
SESSION = ("dbus-run-session", "--", "bash", "-c", KEYRING, "bash")
pytestmark = pytest.mark.heavy
needs_keyring = pytest.mark.skipif(
    not (shutil.which("gnome-keyring-daemon") and shutil.which("dbus-run-session")),
    reason="needs gnome-keyring and dbus",
)


class Person:
    """Someone with a home, a data folder and a token of the practice services."""

    def __init__(self, folder: Path, runtime: Path, service: str) -> None:
        self.service = service
        self.folder, self.runtime, self.home = folder, runtime, folder / "home"
        self.home.mkdir()
        self.services = PracticeProcess(state_dir=folder.parent / f"{folder.name}-services")
        connections = self.services.start(CancellableContext(lambda event: None))
        self.token = connections[service].token.reveal()
        self.addresses = {facts.address_variable: connections[facts.key].url for facts in SERVICES}

    def opens_the_app(self, what: str, *, token: str = "", session: tuple[str, ...] = ()) -> dict:
        """Run the app once and return how the account stood."""
        hidden = ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS")
        environ = {name: value for name, value in os.environ.items() if name not in hidden}
        homes = {
            name: str(self.home / place)
            for name, place in (
                ("HOME", ""),
                ("XDG_CONFIG_HOME", ".config"),
                ("XDG_DATA_HOME", ".local/share"),
                ("XDG_CACHE_HOME", ".cache"),
                ("XDG_STATE_HOME", ".local/state"),
            )
        }
        environ |= homes | self.addresses
        environ |= {
            "PYTHONPATH": str(ROOT),
            "QT_QPA_PLATFORM": "offscreen",
            "XDG_RUNTIME_DIR": str(self.runtime),
        }
        ended = subprocess.run(
            [*session, sys.executable, str(PROGRAM), str(self.folder / "data"), self.service, what],
            input=f"{token}\n",
            env=environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        assert self.token not in ended.stdout + ended.stderr
        return json.loads(ended.stdout.splitlines()[-1])

    def files_with_the_token(self) -> list[str]:
        """Return the files of home, data folder and logs that hold the token in clear."""
        return [
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.is_file() and self.token.encode() in path.read_bytes()
        ]


# The key of the other service goes the same way; what differs is how it is checked and named.
also_fal = pytest.mark.parametrize(
    "service", ["replicate", pytest.param("fal", marks=pytest.mark.full)]
)


@pytest.fixture
def person(tmp_path: Path, service: str) -> Iterator[Person]:
    runtime = Path(tempfile.mkdtemp(prefix="flux-"))  # addresses of sockets must be short
    folder = tmp_path / "person"
    folder.mkdir()
    made = Person(folder, runtime, service)
    yield made
    made.services.stop()
    shutil.rmtree(runtime, ignore_errors=True)


@needs_keyring
@also_fal
def test_account_is_connected_still_after_a_restart_and_the_token_is_in_no_file(
    person: Person,
) -> None:
    first = person.opens_the_app("connect", token=person.token, session=SESSION)
    assert first["status"] == "connected", first
    assert bool(first["name"]) == (person.service == "replicate")  # a key of fal names nobody
    assert first["lasting"]
    assert "Tokens are kept in this computer's password store" in first["says"]

    again = person.opens_the_app("look", session=SESSION)

    assert (again["status"], again["name"]) == ("connected", first["name"])
    assert person.files_with_the_token() == []
    assert list(person.home.rglob("*.keyring")), "the token was kept by the real keyring"


@needs_keyring
@also_fal
def test_rejected_token_is_not_kept(person: Person) -> None:
    first = person.opens_the_app("connect", token=person.token[:-8] + "deadbeef", session=SESSION)
    assert first["status"] == "rejected", first
    assert person.opens_the_app("look", session=SESSION)["status"] == "none"


@also_fal
def test_without_a_password_store_a_token_lasts_as_long_as_the_app_and_that_is_said(
    person: Person,
) -> None:
    first = person.opens_the_app("connect", token=person.token)
    assert first["status"] == "connected", first
    assert not first["lasting"]
    assert "no password store" in first["says"]
    assert "Kept in memory until the app closes." in first["says"]

    assert person.opens_the_app("look")["status"] == "none"
    assert person.files_with_the_token() == []
