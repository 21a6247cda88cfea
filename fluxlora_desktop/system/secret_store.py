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

from keyring.backend import KeyringBackend
from keyring.errors import (
    InitError,
    KeyringError,
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

    def forget(self, service: str) -> None:
        """Drop a token; silent when there is none."""
        self._secrets.pop(service, None)


class KeyringSecrets:
    """Keep tokens in a password store of the system; each is asked for once per process.

    Calls may block as long as the system's prompt stands open. `learn` is told every token, so
    that logs can hide it.
    """

    persistent = True

    def __init__(self, backend: KeyringBackend, *, learn: Learn = _learn_nothing) -> None:
        self._backend = backend
        self._learn = learn
        self._name = type(backend).__module__.rpartition(".")[2]
        self._known: dict[str, Secret | None] = {}
        self._lock = threading.RLock()

    def get(self, service: str) -> Secret | None:
        """Return the token of a service, or None; raises `SecretStoreError`."""
        with suppress(KeyError):
            return self._known[service]
        with self._lock:
            if service not in self._known:
                self._known[service] = self._read(service)
            return self._known[service]

    def put(self, service: str, secret: Secret) -> None:
        """Keep a token, read it back and compare; raises `SecretStoreError`."""
        self._learn(secret)
        with self._lock:
            self._known.pop(service, None)
            with self._translated():
                self._backend.set_password(SERVICE_NAME, service, secret.reveal())
            if self._read(service) != secret:
                raise SecretStoreUnavailable(self._name, "what was stored did not come back")
            self._known[service] = secret

    def forget(self, service: str) -> None:
        """Drop a token; silent when there is none. Raises `SecretStoreError` when it stays."""
        with self._lock:
            self._known.pop(service, None)
            with suppress(PasswordDeleteError), self._translated():
                self._backend.delete_password(SERVICE_NAME, service)
            if self._read(service) is not None:
                raise SecretStoreError(self._name, "the token could not be deleted")
            self._known[service] = None

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
        """Turn the store's errors into ours; their texts are kept out, they may quote anything."""
        try:
            yield
        except PasswordDeleteError:
            raise
        except (KeyringLocked, InitError) as error:
            raise SecretStoreLocked(self._name, type(error).__name__) from error
        except NoKeyringError as error:
            raise SecretStoreUnavailable(self._name, type(error).__name__) from error
        except _other_errors() as error:
            raise SecretStoreError(self._name, type(error).__name__) from error


def choose_secret_store(
    *, learn: Learn = _learn_nothing, candidates: Sequence[str] | None = None
) -> SecretStore:
    """Return the system's password store, or memory when there is none; see `persistent`.

    `candidates` are "module:class" in order of preference. May block for a second or two.
    """
    platform = sys.platform if sys.platform in ("darwin", "win32") else "linux"
    for name in _BACKENDS[platform] if candidates is None else candidates:
        backend = _make_backend(name)
        if backend is not None:
            _log.info("tokens are kept by %s", name)
            return KeyringSecrets(backend, learn=learn)
    _log.warning("no password store was found: tokens are kept until the app closes")
    return MemorySecrets(learn=learn)


def _make_backend(name: str) -> KeyringBackend | None:
    module_name, _, class_name = name.partition(":")
    try:
        kind: type[KeyringBackend] = getattr(importlib.import_module(module_name), class_name)
        return kind() if kind.viable else None
    except (ImportError, AttributeError, KeyringError, OSError, RuntimeError) as error:
        _log.info("%s cannot be used: %s", name, type(error).__name__)
        return None


def _other_errors() -> tuple[type[Exception], ...]:
    """Return what a store may raise, with what the Secret Service's client lets past keyring."""
    module = sys.modules.get("secretstorage.exceptions")
    kind = getattr(module, "SecretStorageException", KeyringError)
    return (KeyringError, OSError, kind)
