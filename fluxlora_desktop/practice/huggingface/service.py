"""The practice hub as one of the practice services."""

from dataclasses import dataclass

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.faults import FaultScript
from fluxlora_desktop.practice.huggingface.app import (
    USERNAME,
    build_huggingface,
    build_huggingface_storage,
)
from fluxlora_desktop.practice.ledger import LedgerView
from fluxlora_desktop.practice.service import Served, Service


@dataclass(frozen=True, slots=True)
class HuggingFaceService(Service):
    """Hugging Face, where an account has a name that is part of its repositories'."""

    @property
    def connection(self) -> dict[str, str]:
        """What a client needs to know, with whose token it is."""
        return {"url": self.url, "token": self.token, "username": USERNAME}


def serve_huggingface(context: PracticeContext, faults: FaultScript, ledger: LedgerView) -> Served:
    """Make Hugging Face with the repositories of the last time."""
    return Served(
        HuggingFaceService("huggingface", context, faults, ledger),
        build_huggingface(context),
        build_huggingface_storage(context),
    )
