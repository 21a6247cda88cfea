"""The desk of a server of one's own that makes pictures: its key, and whether it answers."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Signal

from fluxlora_desktop.domain.errors import InputError, SecretStoreError
from fluxlora_desktop.domain.pictures import GeneratorAbilities
from fluxlora_desktop.domain.ports import JobContext, SecretStore
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.services import OWN_PICTURES
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.accounts import trouble_with
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.workflows.tools import Tools


class OwnServerDesk(Desk):
    """Asks the server and keeps its key.

    `changed()` when it may offer something else now, `answered(GeneratorAbilities)` when it was
    asked, `silent()` when it could not be.
    """

    changed = Signal()
    answered = Signal(object)
    silent = Signal()

    def __init__(
        self, tools: Tools, jobs: JobRunner, secrets: SecretStore, parent: QObject | None = None
    ) -> None:
        super().__init__(tools, jobs, parent)
        self._secrets = secrets

    def ask(self) -> None:
        """Ask the server whether it has the model."""
        self._run(
            "Ask your server",
            self._ask,
            lane="network",
            done=self._on_answered,
            failed=self._on_silent,
        )

    def _ask(self, _ctx: JobContext) -> GeneratorAbilities:
        return self.tools.services.generator(OWN_PICTURES).refresh()

    def _on_answered(self, abilities: object) -> None:
        self.answered.emit(abilities)
        self.changed.emit()

    def _on_silent(self, error: object) -> None:
        self.silent.emit()
        self._tell_only(error)

    def keep_key(self, text: str) -> None:
        """Keep the server's key in the password store, or forget it for ""."""
        secret = Secret(text)
        trouble = trouble_with(OWN_PICTURES, secret)
        if trouble:
            self._tell_only(InputError("key", f"{trouble} It was not sent and not kept."))
            return
        self._run(
            "Keep key",
            partial(keep_own_key, self._secrets, OWN_PICTURES, secret),
            lane="network",
            done=self.said.emit,
            failed=self._tell_only,
        )


def keep_own_key(secrets: SecretStore, name: str, secret: Secret, _ctx: JobContext) -> str:
    """Keep the key of a server of one's own, in memory where it must be; return what became of it.

    An empty one is forgotten.
    """
    if not secret:
        secrets.forget(name)
        return "The key was forgotten."
    try:
        secrets.put(name, secret)
    except SecretStoreError:
        secrets.keep_for_session(name, secret)
    lasts = secrets.persistent and secrets.lasts(name)
    return "The key was kept." if lasts else "The key is kept until the app closes."
