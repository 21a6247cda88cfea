from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from keyring.backend import KeyringBackend
from keyring.errors import InitError, KeyringLocked, NoKeyringError, PasswordDeleteError

from fluxlora_desktop.domain.errors import (
    SecretStoreError,
    SecretStoreLocked,
    SecretStoreUnavailable,
)
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.system.guard import Guard
from fluxlora_desktop.system.secret_store import (
    SERVICE_NAME,
    KeyringSecrets,
    MemorySecrets,
    choose_secret_store,
)

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "r8_" + "Canary" * 6 + "X"


class Drawer(KeyringBackend):
    """A keyring in memory that counts what it is asked and can be told to fail."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.reads = 0
        self.trouble: Exception | None = None
        self.loses = False

    def get_password(self, service: str, username: str) -> str | None:
        self._fail()
        self.reads += 1
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._fail()
        if not self.loses:
            self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._fail()
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not found")

    def _fail(self) -> None:
        if self.trouble is not None:
            raise self.trouble


@pytest.fixture
def drawer() -> Drawer:
    return Drawer()


def test_keyring_keeps_a_token_under_the_apps_name(drawer):
    KeyringSecrets(drawer).put("replicate", Secret(TOKEN))

    assert drawer.kept == {(SERVICE_NAME, "replicate"): TOKEN}
    assert KeyringSecrets(drawer).get("replicate") == Secret(TOKEN)


def test_keyring_is_asked_once_for_each_service(drawer):
    store = KeyringSecrets(drawer)
    for _ in range(5):
        assert store.get("replicate") is None
    store.put("replicate", Secret(TOKEN))
    reads = drawer.reads
    for _ in range(5):
        assert store.get("replicate") == Secret(TOKEN)

    assert drawer.reads == reads == 2


def test_forgotten_token_is_gone_and_forgetting_twice_is_silent(drawer):
    store = KeyringSecrets(drawer)
    store.put("together", Secret(TOKEN))
    store.forget("together")
    store.forget("together")

    assert drawer.kept == {}
    assert store.get("together") is None


def test_store_that_loses_a_token_is_found_out(drawer):
    drawer.loses = True
    store = KeyringSecrets(drawer)

    with pytest.raises(SecretStoreUnavailable):
        store.put("replicate", Secret(TOKEN))
    assert store.get("replicate") is None


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (KeyringLocked(TOKEN), SecretStoreLocked),
        (InitError(TOKEN), SecretStoreLocked),
        (NoKeyringError(TOKEN), SecretStoreUnavailable),
        (OSError(TOKEN), SecretStoreError),
    ],
)
def test_trouble_is_translated_without_its_text(drawer, trouble, expected):
    drawer.trouble = trouble
    store = KeyringSecrets(drawer)

    for call in (lambda: store.get("x"), lambda: store.put("x", Secret(TOKEN))):
        with pytest.raises(SecretStoreError) as caught:
            call()
        assert type(caught.value) is expected
        assert TOKEN not in str(caught.value)


def test_locked_store_is_asked_again_at_the_next_need(drawer):
    drawer.kept[SERVICE_NAME, "replicate"] = TOKEN
    drawer.trouble = KeyringLocked("locked")
    store = KeyringSecrets(drawer)
    with pytest.raises(SecretStoreLocked):
        store.get("replicate")
    drawer.trouble = None

    assert store.get("replicate") == Secret(TOKEN)


def test_store_tells_each_token_to_whoever_hides_it(drawer):
    heard: list[Secret] = []
    drawer.kept[SERVICE_NAME, "replicate"] = TOKEN
    store = KeyringSecrets(drawer, learn=heard.append)
    store.get("replicate")
    store.put("together", Secret("other-token"))

    assert heard[0] == Secret(TOKEN)
    assert Secret("other-token") in heard


def test_memory_keeps_until_forgotten_and_says_it_is_not_persistent():
    store = MemorySecrets()
    store.put("replicate", Secret(TOKEN))
    assert store.get("replicate") == Secret(TOKEN)
    store.forget("replicate")
    store.forget("replicate")

    assert store.get("replicate") is None
    assert not store.persistent


def test_choice_without_a_password_store_is_memory():
    assert not choose_secret_store().persistent


def test_choice_does_not_obey_keyrings_own_variable(monkeypatch):
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    store = choose_secret_store()
    store.put("replicate", Secret(TOKEN))

    assert store.get("replicate") == Secret(TOKEN)
    assert not store.persistent


def test_choice_takes_the_first_store_that_works():
    store = choose_secret_store(candidates=["no.such:Keyring", f"{__name__}:Drawer"])

    assert store.persistent


@pytest.mark.parametrize(
    "name", ["keyring.backends.null", "keyring.backends.fail", "keyring.backends.chainer"]
)
def test_choice_refuses_a_store_that_loses_tokens_or_leads_to_another(name):
    kind = "ChainerBackend" if name.endswith("chainer") else "Keyring"

    assert not choose_secret_store(candidates=[f"{name}:{kind}"]).persistent


class Plain(Drawer):
    """A store of keyrings.alt under another name."""


def test_choice_refuses_plain_text_under_any_name(monkeypatch):
    monkeypatch.setattr(Drawer, "__module__", "keyrings.alt.file")

    assert not choose_secret_store(candidates=[f"{__name__}:Plain"]).persistent


class Standing(Drawer):
    """A store whose prompt stands open until it is answered."""

    def __init__(self) -> None:
        super().__init__()
        self.answered = threading.Event()

    def _fail(self) -> None:
        assert self.answered.wait(60)


def test_prompt_that_nobody_answers_counts_as_locked_and_is_asked_again():
    drawer = Standing()
    drawer.kept[SERVICE_NAME, "replicate"] = TOKEN
    store = KeyringSecrets(drawer, seconds=0.05)
    for service in ("replicate", "replicate", "fal"):
        with pytest.raises(SecretStoreLocked):
            store.get(service)
    drawer.answered.set()

    assert KeyringSecrets(drawer).get("replicate") == Secret(TOKEN)
    assert Patiently(store).get("replicate") == Secret(TOKEN)


class Patiently:
    """Asks a store again while what was asked before still ends."""

    def __init__(self, store: KeyringSecrets) -> None:
        self._store = store

    def get(self, service: str) -> Secret | None:
        for _ in range(200):
            with suppress(SecretStoreLocked):
                return self._store.get(service)
        raise AssertionError("the store never answered")


def test_late_answer_does_not_take_the_place_of_what_was_typed_meanwhile():
    drawer = Standing()
    store = KeyringSecrets(drawer, seconds=0.05)
    with pytest.raises(SecretStoreLocked):
        store.get("replicate")
    store.keep_for_session("replicate", Secret(TOKEN))
    drawer.answered.set()
    assert Patiently(store).get("fal") is None

    assert store.get("replicate") == Secret(TOKEN)


def test_closing_the_guard_frees_who_waits_for_a_prompt():
    drawer, guard = Standing(), Guard()
    store = KeyringSecrets(drawer, guard=guard)
    freed: list[BaseException] = []

    def ask() -> None:
        try:
            store.get("replicate")
        except SecretStoreLocked as error:
            freed.append(error)

    waiting = threading.Thread(target=ask)
    waiting.start()
    guard.close()
    waiting.join(20)
    drawer.answered.set()

    assert not waiting.is_alive()
    assert len(freed) == 1


def test_what_else_a_store_raises_is_translated_too(drawer):
    class PromptDismissedException(Exception):
        pass

    for trouble, expected in (
        (PromptDismissedException(TOKEN), SecretStoreLocked),
        (RuntimeError(TOKEN), SecretStoreError),
    ):
        drawer.trouble = trouble
        with pytest.raises(SecretStoreError) as caught:
            KeyringSecrets(drawer).get("replicate")
        assert type(caught.value) is expected
        assert TOKEN not in str(caught.value)


def test_token_kept_for_the_session_is_told_as_such_until_it_is_stored(drawer):
    store = KeyringSecrets(drawer)
    store.keep_for_session("replicate", Secret(TOKEN))
    assert store.get("replicate") == Secret(TOKEN)
    assert not store.lasts("replicate")
    assert drawer.kept == {}

    store.put("replicate", Secret(TOKEN))
    assert store.lasts("replicate")


EVIL = "from pathlib import Path\nPath({marker!r}).write_text('loaded')\nclass Keyring: pass\n"


def test_no_module_is_loaded_that_a_variable_or_file_of_keyring_names(tmp_path, home):
    marker = tmp_path / "loaded"
    (tmp_path / "evil_store.py").write_text(EVIL.format(marker=str(marker)))
    for place in (home / ".config", home / ".local/share"):
        folder = place / "python_keyring"
        folder.mkdir(parents=True)
        (folder / "keyringrc.cfg").write_text(
            f"[backend]\ndefault-keyring=evil_store.Keyring\nkeyring-path={tmp_path}\n"
        )
    program = (
        "from fluxlora_desktop.domain.secrets import Secret\n"
        "from fluxlora_desktop.system.secret_store import choose_secret_store\n"
        "store = choose_secret_store()\nstore.put('replicate', Secret('x'))\n"
        "assert store.get('replicate') == Secret('x')\nprint(store.persistent)\n"
    )
    paths = os.pathsep.join((str(ROOT), str(tmp_path)))
    environ = os.environ | {"PYTHONPATH": paths, "PYTHON_KEYRING_BACKEND": "evil_store.Keyring"}
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stdout.strip() == "False"
    assert not marker.exists()

    subprocess.run(  # the trap works: keyring's own choice falls into it
        [sys.executable, "-c", "import keyring; keyring.get_keyring()"],
        env=environ,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert marker.exists()


PROGRAM = """
import sys
from fluxlora_desktop.domain.errors import SecretStoreLocked
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.system.secret_store import choose_secret_store
store = choose_secret_store()
assert store.persistent, "no store"
do, value = sys.argv[1], sys.stdin.read()
if do == "put":
    store.put("replicate", Secret(value))
elif do == "get":
    assert store.get("replicate") == Secret(value)
elif do == "forget":
    store.forget("replicate")
    assert store.get("replicate") is None
elif do == "locked":
    try:
        store.get("replicate")
    except SecretStoreLocked:
        print("locked")
print("done", do)
"""


def in_session(home: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script under a D-Bus session of its own."""
    runtime = home / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    environ = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environ |= {"HOME": str(home), "PYTHONPATH": str(ROOT), "XDG_RUNTIME_DIR": str(runtime)}
    return subprocess.run(
        ["dbus-run-session", "--", "bash", "-ec", script, sys.executable, PROGRAM, TOKEN],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


needs_daemon = pytest.mark.skipif(
    not (shutil.which("gnome-keyring-daemon") and shutil.which("dbus-run-session")),
    reason="needs gnome-keyring and dbus",
)
UNLOCK = (
    "printf '%s' {password} | gnome-keyring-daemon --unlock --components=secrets --daemonize"
    " >/dev/null 2>&1\n"
)


@pytest.mark.heavy
@needs_daemon
def test_real_secret_service_keeps_a_token_from_one_session_to_the_next(tmp_path):
    ask = 'printf \'%s\' "$2" | "$0" -c "$1" {do}\n'
    unlock = UNLOCK.format(password="opensesame")
    first = in_session(tmp_path, unlock + ask.format(do="put") + ask.format(do="get"))
    assert first.stdout.split("\n")[:2] == ["done put", "done get"], first.stderr

    locked = in_session(
        tmp_path,
        "gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1\n"
        + ask.format(do="locked"),
    )
    assert locked.stdout.split() == ["locked", "done", "locked"], locked.stderr

    second = in_session(tmp_path, unlock + ask.format(do="get") + ask.format(do="forget"))
    assert second.stdout.split("\n")[:2] == ["done get", "done forget"], second.stderr
    kept = b"".join(f.read_bytes() for f in tmp_path.rglob("*") if f.is_file())
    assert TOKEN.encode() not in kept
