"""The practice Replicate as one of the practice services."""

from dataclasses import dataclass
from functools import partial

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.faults import FaultScript
from fluxlora_desktop.practice.ledger import LedgerView
from fluxlora_desktop.practice.replicate.app import build_replicate
from fluxlora_desktop.practice.replicate.course import count_unfinished
from fluxlora_desktop.practice.replicate.delivery import build_replicate_delivery
from fluxlora_desktop.practice.replicate.scripts import TrainingScript
from fluxlora_desktop.practice.replicate.state import ReplicateState
from fluxlora_desktop.practice.service import Served, TrainingService


@dataclass(frozen=True, slots=True)
class ReplicateService(TrainingService[TrainingScript]):
    """Replicate, with what it keeps on disk."""

    state: ReplicateState


def serve_replicate(context: PracticeContext, faults: FaultScript, ledger: LedgerView) -> Served:
    """Make Replicate with the state of the last time."""
    state = ReplicateState(context=context)
    return Served(
        ReplicateService(
            "replicate",
            context,
            faults,
            ledger,
            scripts=state.scripts,
            open_trainings=partial(count_unfinished, state),
            state=state,
        ),
        build_replicate(context, state=state),
        build_replicate_delivery(context),
    )
