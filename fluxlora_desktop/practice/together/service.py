"""The practice Together as one of the practice services."""

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.faults import FaultScript
from fluxlora_desktop.practice.ledger import LedgerView
from fluxlora_desktop.practice.service import Served, Service
from fluxlora_desktop.practice.together.app import build_together


def serve_together(context: PracticeContext, faults: FaultScript, ledger: LedgerView) -> Served:
    """Make Together, whose pictures lie on the second port of the same application."""
    app = build_together(context)
    return Served(Service("together", context, faults, ledger), app, app)
