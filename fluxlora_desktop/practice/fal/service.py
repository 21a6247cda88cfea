"""The practice fal as one of the practice services."""

from dataclasses import dataclass
from functools import partial

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.fal.app import build_fal
from fluxlora_desktop.practice.fal.course import count_unfinished
from fluxlora_desktop.practice.fal.scripts import FalScript
from fluxlora_desktop.practice.fal.state import FalState
from fluxlora_desktop.practice.faults import FaultScript
from fluxlora_desktop.practice.ledger import LedgerView
from fluxlora_desktop.practice.service import Served, TrainingService


@dataclass(frozen=True, slots=True)
class FalService(TrainingService[FalScript]):
    """fal, with what it keeps on disk."""

    state: FalState


def serve_fal(context: PracticeContext, faults: FaultScript, ledger: LedgerView) -> Served:
    """Make fal with the state of the last time."""
    state = FalState(context=context)
    main, delivery = build_fal(context, state=state)
    return Served(
        FalService(
            "fal",
            context,
            faults,
            ledger,
            scripts=state.scripts,
            open_trainings=partial(count_unfinished, state),
            state=state,
        ),
        main,
        delivery,
    )
