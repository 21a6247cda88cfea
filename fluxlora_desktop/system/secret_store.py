"""Tokens in the password store of this computer, or in memory when there is none.

Import this module after the first paint: keyring takes 54 ms.
"""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeVar

from keyring.backend import KeyringBackend
from keyring.errors import (
    InitError,
    KeyringLocked,
    NoKeyringError,
    PasswordDeleteError,
)

from fluxlora_desktop.domain.errors import (
    SecretStoreError,
    SecretStoreLocked,
    SecretStoreUnavailable,
)
from fluxlora_desktop.domain.ports import SecretStore
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.system.guard import SECONDS, Guard, NoAnswer

SERVICE_NAME = "FluxLoRA Desktop"
_BACKENDS = {
    "darwin": ("keyring.backends.macOS:Keyring",),
    "win32": ("keyring.backends.Windows:WinVaultKeyring",),
    "linux": (
        "keyring.backends.SecretService:Keyring",
        "keyring.backends.libsecret:Keyring",
        "keyring.backends.kwallet:DBusKeyring",
    ),
}
"""The only stores that are used. keyring's own choice is not asked: its variable
PYTHON_KEYRING_BACKEND and its keyringrc.cfg can name a store that loses or bares a token."""
_NEVER = ("keyring.backends.fail", "keyring.backends.null", "keyring.backends.chainer", "keyrings.")
"""Stores that keep nothing, that lead to others, and those of keyrings.alt, which write plain text;
also when one of the above should turn out to be one of these."""
_DISMISSED = ("PromptDismissedException", "LockedException")
_LOCKED = "the password store is locked, unlock your keyring"
_CHOICE_SECONDS = 10.0

T = TypeVar("T")
Learn = Callable[[Secret], None]
_log = logging.getLogger(__name__)


def _learn_nothing(secret: Secret) -> None:
    return None


class MemorySecrets:
    """Keep tokens until the app closes."""

    persistent = False

    def __init__(self, *, learn: Learn = _learn_nothing) -> None:
        self._secrets: dict[str, Secret] = {}
        self._learn = learn

    def get(self, service: str) -> Secret | None:
        """Return the token of a service, or None."""
        return self._secrets.get(service)

    def put(self, service: str, secret: Secret) -> None:
        """Keep a token."""
        self._learn(secret)
        self._secrets[service] = secret

    def keep_for_session(self, service: str, secret: Secret) -> None:
        """Keep a token, as `put` does."""
        self._learn(secret)
        self._secrets[service] = secret

    def lasts(self, service: str) -> bool:
        """Tell whether a token outlives the app."""
        return self.persistent

    def forget(self, service: str) -> None:
        """Drop a token; silent when there is none."""
        self._secrets.pop(service, None)


class KeyringSecrets:
    """Keep tokens in a password store of the system; each is asked for once per process.

    A call waits at most `seconds` for the store, whose prompt may stand open; then the store counts
    as locked, and is asked again at the next need. `learn` is told every token, so that logs can
    hide it.
    """

    persistent = True

    def __init__(
        self,
        backend: KeyringBackend,
        *,
        learn: Learn = _learn_nothing,
        guard: Guard | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self._backend = backend
        self._learn = learn
        self._guard = guard or Guard()
        self._seconds = seconds
        self._name = type(backend).__module__.rpartition(".")[2]
        self._known: dict[str, Secret | None] = {}
        self._for_session: dict[str, Secret] = {}
        self._lock = threading.Lock()

    def get(self, service: str) -> Secret | None:
        """Return the token of a service, or None; raises `SecretStoreError`."""
        with self._lock:
            if service in self._for_session:
                return self._for_session[service]
            if service in self._known:
                return self._known[service]
        return self._ask(partial(self._look_up, service))

    def put(self, service: str, secret: Secret) -> None:
        """Keep a token, read it back and compare; raises `SecretStoreError`."""
        self._learn(secret)
        with self._lock:
            self._known.pop(service, None)
        self._ask(partial(self._store, service, secret))

    def keep_for_session(self, service: str, secret: Secret) -> None:
        """Keep a token in memory, in place of what the store may hold, until the app closes."""
        self._learn(secret)
        with self._lock:
            self._for_session[service] = secret

    def lasts(self, service: str) -> bool:
        """Tell whether a token outlives the app."""
        with self._lock:
            return service not in self._for_session

    def forget(self, service: str) -> None:
        """Drop a token; silent when there is none. Raises `SecretStoreError` when it stays."""
        with self._lock:
            self._known.pop(service, None)
            self._for_session.pop(service, None)
        self._ask(partial(self._delete, service))

    def _remember(self, service: str, secret: Secret | None) -> None:
        """Note what the store was made to hold, which then counts for the session as well."""
        with self._lock:
            self._known[service] = secret
            self._for_session.pop(service, None)

    def _ask(self, work: Callable[[], T]) -> T:
        try:
            return self._guard.call(work, seconds=self._seconds)
        except NoAnswer as error:
            raise SecretStoreLocked(self._name, f"{_LOCKED} (it did not answer)") from error

    def _look_up(self, service: str) -> Secret | None:
        """Read a token and remember it; what is remembered changes in the order of the calls."""
        found = self._read(service)
        with self._lock:
            self._known[service] = found
        return found

    def _store(self, service: str, secret: Secret) -> None:
        with self._translated():
            self._backend.set_password(SERVICE_NAME, service, secret.reveal())
        if self._read(service) != secret:
            raise SecretStoreUnavailable(self._name, "what was stored did not come back")
        self._remember(service, secret)

    def _delete(self, service: str) -> None:
        with suppress(PasswordDeleteError), self._translated():
            self._backend.delete_password(SERVICE_NAME, service)
        if self._read(service) is not None:
            raise SecretStoreError(self._name, "the token could not be deleted")
        self._remember(service, None)

    def _read(self, service: str) -> Secret | None:
        with self._translated():
            value = self._backend.get_password(SERVICE_NAME, service)
        if not value:
            return None
        secret = Secret(value)
        self._learn(secret)
        return secret

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the store's errors into ours; their texts are kept out, they may quote anything.

        Stores let more past keyring than its own errors: those of D-Bus, GLib and the systems.
        """
        try:
            yield
        except PasswordDeleteError:
            raise
        except (KeyringLocked, InitError) as error:
            raise SecretStoreLocked(self._name, f"{_LOCKED} ({type(error).__name__})") from error
        except NoKeyringError as error:
            raise SecretStoreUnavailable(self._name, type(error).__name__) from error
        except Exception as error:
            if type(error).__name__ in _DISMISSED:
                raise SecretStoreLocked(self._name, _LOCKED) from error
            raise SecretStoreError(self._name, type(error).__name__) from error


def choose_secret_store(
    *,
    learn: Learn = _learn_nothing,
    candidates: Sequence[str] | None = None,
    guard: Guard | None = None,
) -> SecretStore:
    """Return the system's password store, or memory when there is none; see `persistent`.

    `candidates` are "module:class" in order of preference. Takes at most some seconds. Whoever
    closes the `guard` frees all that wait for the store.
    """
    guard = guard or Guard()
    platform = sys.platform if sys.platform in ("darwin", "win32") else "linux"
    for name in _BACKENDS[platform] if candidates is None else candidates:
        try:
            backend = guard.call(partial(_make_backend, name), seconds=_CHOICE_SECONDS)
        except NoAnswer:
            _log.warning("%s did not answer", name)
            break  # the others ask over the same bus
        if backend is not None:
            _log.info("tokens are kept by %s", name)
            return KeyringSecrets(backend, learn=learn, guard=guard)
    _log.warning("no password store was found: tokens are kept until the app closes")
    return MemorySecrets(learn=learn)


def _make_backend(name: str) -> KeyringBackend | None:
    module_name, _, class_name = name.partition(":")
    try:
        kind: type[KeyringBackend] = getattr(importlib.import_module(module_name), class_name)
        if any(parent.__module__.startswith(_NEVER) for parent in kind.__mro__):
            _log.warning("%s does not keep tokens safely: it is not used", name)
            return None
        return kind() if kind.viable else None
    except Exception as error:  # noqa: BLE001 - what speaks to the system raises its own kinds
        _log.info("%s cannot be used: %s", name, type(error).__name__)
        return None
