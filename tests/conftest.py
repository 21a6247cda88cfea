"""Guards of every test: loopback only, an own home, no real token, no real keyring."""

from __future__ import annotations

import ipaddress
import os
import random
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

import keyring
import pytest
from haste import hasten
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError
from PySide6.QtCore import QStandardPaths, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.services import variable_prefixes
from fluxlora_desktop.domain.work import JobContext, Transferred
from fluxlora_desktop.jobs.runner import Job, JobRunner, Work

_CONNECT, _CONNECT_EX = socket.socket.connect, socket.socket.connect_ex
_SENDTO, _GETADDRINFO = socket.socket.sendto, socket.getaddrinfo
# Windows are drawn unseen, also by a plain `pytest`, unless a platform was chosen.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
_STORE = Path(__file__).with_name("store")
_FOREIGN_VARIABLES = (*variable_prefixes(), "HUGGING_FACE_", "RUNPOD_")
PATIENCE_MS = 60_000
"""How long a test waits for what must come: a computer may be busy with other things."""
_HOME_VARIABLES = {
    "HOME": "",
    "USERPROFILE": "",
    "APPDATA": "AppData/Roaming",
    "LOCALAPPDATA": "AppData/Local",
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_CACHE_HOME": ".cache",
    "XDG_STATE_HOME": ".local/state",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --full, for sweeps that try every case instead of a fair sample."""
    parser.addoption("--full", action="store_true", help="try every case of the long sweeps")
    parser.addoption(
        "--jitter",
        type=float,
        default=0.0,
        metavar="MS",
        help="hold jobs, their reports and the window up by random times of at most so much, as"
        " a busy computer does: finds tests that take one answer as a sign of another",
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the heavy tests last, so that a slip shows within seconds; leave some to --full."""
    later = [item for item in items if item.get_closest_marker("full") is not None]
    if later and not config.getoption("--full"):
        config.hook.pytest_deselected(items=later)
        items[:] = [item for item in items if item not in later]
    items.sort(key=lambda item: item.get_closest_marker("heavy") is not None)


@pytest.fixture(scope="session")
def full_sweep(request: pytest.FixtureRequest) -> bool:
    """Say whether the long sweeps try every case (--full)."""
    return bool(request.config.getoption("--full"))


class _HeldUp:
    """A job's context on a busy computer: after each report the work gets no time for a while."""

    def __init__(self, context: JobContext, longest_s: float) -> None:
        self._context, self._longest_s = context, longest_s
        self.check, self.pause = context.check, context.pause

    def report(self, event: object) -> None:
        self._context.report(event)
        if not isinstance(event, Transferred):
            self.rest()

    def rest(self) -> None:
        time.sleep(random.uniform(0, self._longest_s))


@pytest.fixture(autouse=True)
def _jitter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    longest_s = request.config.getoption("--jitter") / 1000
    if not longest_s:
        yield
        return
    at_once = JobRunner.start

    def start(runner: JobRunner, name: str, work: Work, *, lane: str = "default") -> Job:
        def held_up(context: JobContext) -> object:
            busy = _HeldUp(context, longest_s)
            busy.rest()
            try:
                return work(busy)
            finally:
                busy.rest()

        return at_once(runner, name, held_up, lane=lane)

    monkeypatch.setattr(JobRunner, "start", start)
    if "qtbot" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("qapp")
    # The window comes to its turn late too, so that several answers wait for it at once.
    stalls = QTimer(interval=10)
    stalls.timeout.connect(lambda: time.sleep(random.random() ** 4 * min(longest_s / 2, 0.05)))
    stalls.start()
    yield
    stalls.stop()


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> QtBot:
    """Give each test the plugin's robot, which waits longer where it is not told how long."""
    bot = QtBot(request)
    for name in ("waitUntil", "waitSignal", "waitSignals", "waitExposed", "waitActive"):
        setattr(bot, name, partial(getattr(bot, name), timeout=PATIENCE_MS))
    return bot


class MemoryKeyring(KeyringBackend):
    """A keyring that lives as long as one test."""

    priority = 1

    def __init__(self) -> None:
        self._passwords: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self._passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self._passwords.pop((service, username), None) is None:
            raise PasswordDeleteError(username)


@pytest.fixture(autouse=True)
def _haste(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.path.is_relative_to(_STORE):
        hasten(monkeypatch)


@pytest.fixture(autouse=True)
def memory_keyring() -> MemoryKeyring:
    """Give each test an empty keyring in memory; the person's own is never asked."""
    backend = MemoryKeyring()
    keyring.set_keyring(backend)
    return backend


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    QStandardPaths.setTestModeEnabled(True)
    yield tmp_path_factory.mktemp("homes")
    QStandardPaths.setTestModeEnabled(False)


@pytest.fixture(scope="session")
def _runtime_dir() -> Iterator[Path]:
    # Sockets live here: pytest's own folders are too long for an address of 108 bytes.
    folder = Path(tempfile.mkdtemp(prefix="flux-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


_numbers = count()


@pytest.fixture(autouse=True)
def home(_homes: Path, _runtime_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test, and the programs it starts, an empty home and no account or proxy."""
    folder = _homes / str(next(_numbers))
    folder.mkdir()
    for name, place in _HOME_VARIABLES.items():
        monkeypatch.setenv(name, str(folder / place))
    for name in os.environ:
        if name.startswith(_FOREIGN_VARIABLES) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(_runtime_dir))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    return folder


def is_local(host: object) -> bool:
    """Say whether a host name or address is this computer's loopback."""
    text = host.decode() if isinstance(host, bytes) else host
    if text is None or text in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(str(text).split("%", 1)[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    outside: list[object] = []

    def refuse_unless_local(host: object) -> None:
        if not is_local(host):
            outside.append(host)
            raise ConnectionRefusedError(f"tests stay on this computer, not {host!r}")

    def check(handle: socket.socket, address: object) -> None:
        if handle.family in {socket.AF_INET, socket.AF_INET6} and isinstance(address, tuple):
            refuse_unless_local(address[0])

    def connect(self: socket.socket, address: object) -> None:
        check(self, address)
        _CONNECT(self, address)  # type: ignore[arg-type]  # the guard sees any address

    def connect_ex(self: socket.socket, address: object) -> int:
        check(self, address)
        return _CONNECT_EX(self, address)  # type: ignore[arg-type]  # the guard sees any address

    def sendto(self: socket.socket, data: bytes, *rest: object) -> int:
        check(self, rest[-1])
        return _SENDTO(self, data, *rest)  # type: ignore[call-overload, no-any-return]  # passes on

    def getaddrinfo(host: object, *rest: object, **named: object) -> object:
        refuse_unless_local(host)
        return _GETADDRINFO(host, *rest, **named)  # type: ignore[arg-type]  # passes on

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect_ex)
    monkeypatch.setattr(socket.socket, "sendto", sendto)
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield
    if outside:
        pytest.fail(f"the test tried to reach {', '.join(map(repr, outside))}")
