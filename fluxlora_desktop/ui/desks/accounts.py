"""The accounts desk: tokens checked, kept and forgotten."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from PySide6.QtCore import QObject, Signal, Slot

from fluxlora_desktop.domain.errors import (
    AppError,
    CredentialError,
    SecretStoreError,
    SecretStoreLocked,
    TokenMissing,
)
from fluxlora_desktop.domain.ports import JobContext, SecretStore
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.services import SERVICES, owner_of_token, service_title
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.workflows.tools import Tools

_log = logging.getLogger(__name__)


class AccountStatus(StrEnum):
    """How an account stands."""

    UNKNOWN = "unknown"
    NONE = "none"
    CHECKING = "checking"
    CONNECTED = "connected"
    REJECTED = "rejected"
    LOCKED = "locked"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class AccountState:
    """One service's account as the screens show it; `lasting` is false while only in memory.

    LOCKED: the password store is, so that nobody knows whether it holds a token.
    """

    service: str
    status: AccountStatus
    name: str = ""
    note: str = ""
    lasting: bool = True


class AccountDesk(Desk):
    """Holds the accounts; `changed(AccountState)` for each step."""

    changed = Signal(object)

    def __init__(
        self,
        tools: Tools,
        jobs: JobRunner,
        secrets: SecretStore,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(tools, jobs, parent)
        self._secrets = secrets
        self._states = {
            facts.key: AccountState(facts.key, AccountStatus.UNKNOWN) for facts in SERVICES
        }

    @property
    def lasting(self) -> bool:
        """Tell whether tokens outlive the app."""
        return self._secrets.persistent

    def state(self, service: str) -> AccountState:
        """Return how an account stands."""
        return self._states[service]

    def any_connected(self) -> bool:
        """Tell whether any account is connected."""
        return any(s.status is AccountStatus.CONNECTED for s in self._states.values())

    def check_all(self) -> None:
        """Ask every service whose token is stored."""
        for facts in SERVICES:
            self.check(facts.key)

    def check(self, service: str) -> None:
        """Ask one service whose token is stored."""
        self._set(AccountState(service, AccountStatus.CHECKING, lasting=self.lasting))
        self._start_check(service, partial(self._check_again, service))

    def connect_account(
        self, service: str, secret: Secret, kept: Callable[[str], None] | None = None
    ) -> None:
        """Check a token that was typed or pasted, and keep it when the service accepts it.

        `kept(service)` is called when it was accepted and will be there at the next start. A token
        that looks like another service's, or cannot be one, is sent to nobody.
        """
        if not secret:
            return
        trouble = trouble_with(service, secret)
        if trouble:
            state = self._states[service]
            connected = state.status is AccountStatus.CONNECTED  # by the token that is kept
            status = state.status if connected else AccountStatus.REJECTED
            note = f"{trouble} It was not sent and not kept."
            self._set(replace(state, status=status, note=note))
            return
        self._set(AccountState(service, AccountStatus.CHECKING, lasting=self.lasting))
        self._start_check(service, partial(self._connect, service, secret), kept)

    def _start_check(
        self, service: str, work: object, kept: Callable[[str], None] | None = None
    ) -> None:
        assert callable(work)
        self._run(
            f"Check {service}",
            work,
            lane="network",
            done=partial(self._on_checked, kept),
            failed=partial(self._on_failed, service),
        )

    def _on_checked(self, kept: Callable[[str], None] | None, state: AccountState) -> None:
        self._set(state)
        if kept is not None and state.status is AccountStatus.CONNECTED and state.lasting:
            kept(state.service)

    def _connect(self, service: str, secret: Secret, ctx: JobContext) -> AccountState:
        before = self._stored(service)
        trouble = self._keep(service, secret)
        try:
            state = self._check(service, ctx)
        except CredentialError:
            self._take_back(service, before)
            raise
        return replace(state, note=" · ".join(filter(None, (state.note, trouble))))

    def _stored(self, service: str) -> Secret | None:
        try:
            return self._secrets.get(service)
        except SecretStoreError:
            return None

    def _keep(self, service: str, secret: Secret) -> str:
        """Keep a token in the password store, or else in memory; return why not, "" if stored."""
        try:
            self._secrets.put(service, secret)
        except SecretStoreLocked:
            self._secrets.keep_for_session(service, secret)
            return "The password store is locked. Unlock your keyring, then press Check."
        except SecretStoreError as error:
            self._secrets.keep_for_session(service, secret)
            return f"The password store ({error.backend}) did not keep the token."
        return ""

    def _take_back(self, service: str, before: Secret | None) -> None:
        """Drop what the service rejected and keep what was there; the rejection is the news."""
        if before is not None:
            self._keep(service, before)
            return
        try:
            self._secrets.forget(service)
        except SecretStoreError as error:
            _log.warning("a rejected token is not deleted: %s", error)

    def _check(self, service: str, _ctx: JobContext) -> AccountState:
        secret = self._secrets.get(service)
        if secret is None:
            return AccountState(service, AccountStatus.NONE, lasting=self.lasting)
        name, note = self._ask(service)
        lasting = self._secrets.lasts(service)
        return AccountState(service, AccountStatus.CONNECTED, name, note, lasting)

    def _check_again(self, service: str, ctx: JobContext) -> AccountState:
        """Check an account; a token that could not be stored before is stored if that works now."""
        trouble = ""
        if self._secrets.persistent and not self._secrets.lasts(service):
            secret = self._secrets.get(service)
            trouble = self._keep(service, secret) if secret else ""
        state = self._check(service, ctx)
        return replace(state, note=" · ".join(filter(None, (state.note, trouble))))

    def _ask(self, service: str) -> tuple[str, str]:
        hub = self.tools.services.hub
        if service == hub.key:
            account = hub.whoami()
            if account.can_write:
                return account.name, account.note
            return account.name, account.note or "This token cannot publish: it lacks write access."
        services = self.tools.services
        checks = {generator.key: generator.check for generator in services.generators}
        checks |= {trainer.key: trainer.check for trainer in services.trainers}
        if service not in checks:
            raise TokenMissing(service)
        found = checks[service]()
        return found.name, found.note

    def _on_failed(self, service: str, error: object) -> None:
        if isinstance(error, CredentialError):
            status = AccountStatus.REJECTED
        elif isinstance(error, SecretStoreLocked):
            waits = "Unlock your keyring, then press Check."
            self._set(AccountState(service, AccountStatus.LOCKED, note=waits, lasting=self.lasting))
            return  # no trouble to tell of: it is asked again at the next need
        elif isinstance(error, SecretStoreError):
            status = AccountStatus.NONE
        else:
            status = AccountStatus.UNREACHABLE
        note = str(error) if isinstance(error, AppError) else ""
        self._set(AccountState(service, status, note=note, lasting=self.lasting))
        self._on_failed_work(partial(self.check, service), error)

    def forget(self, service: str) -> None:
        """Drop a token from the password store."""
        self._run(
            f"Forget {service}",
            partial(self._forget, service),
            lane="network",
            done=self._set,
        )

    def _forget(self, service: str, _ctx: JobContext) -> AccountState:
        self._secrets.forget(service)
        return AccountState(service, AccountStatus.NONE, lasting=self.lasting)

    def import_tokens(
        self, found: Mapping[str, Secret], kept: Callable[[str], None] | None = None
    ) -> None:
        """Check and keep tokens that a person chose to import; `kept` as in `connect_account`."""
        for service, secret in found.items():
            if service in self._states:
                self.connect_account(service, secret, kept)

    @Slot(object)
    def _set(self, state: AccountState) -> None:
        self._states[state.service] = state
        self.changed.emit(state)


def trouble_with(service: str, secret: Secret) -> str:
    """Return why a token must not be sent to a service, "" when nothing speaks against it."""
    owner = owner_of_token(secret.reveal())
    if owner and owner != service:
        return f"This is a token of {service_title(owner)}, not of {service_title(service)}."
    return "" if secret.sendable else "This holds characters that no token has."
