"""The server of one's own as one of the practice services."""

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.faults import FaultScript
from fluxlora_desktop.practice.ledger import LedgerView
from fluxlora_desktop.practice.own_pictures.app import SERVICE, build_own_pictures
from fluxlora_desktop.practice.service import Served, Service


def serve_own_pictures(context: PracticeContext, faults: FaultScript, ledger: LedgerView) -> Served:
    """Make the server; its second port has nothing of its own."""
    app = build_own_pictures(context)
    return Served(Service(SERVICE, context, faults, ledger), app, app)
