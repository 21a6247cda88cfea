"""The practice fal as one of the practice services."""

from dataclasses import dataclass

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.fal.app import build_fal
from fluxlora_desktop.practice.fal.course import count_unfinished
from fluxlora_desktop.practice.fal.scripts import FalScript
from fluxlora_desktop.practice.fal.state import FalState
from fluxlora_desktop.practice.faults import FaultScript
from fluxlora_desktop.practice.ledger import LedgerView
from fluxlora_desktop.practice.service import Served, Service


@dataclass(frozen=True, slots=True)
class FalService(Service):
    """fal, whose trainings can be scripted too."""

    state: FalState

    def next_training(self, script: FalScript) -> None:
        """Let the next training that is submitted go as the script says."""
        self.state.scripts.add(script)

    def reset(self) -> None:
        """Forget the faults and the scripts that nothing has met."""
        Service.reset(self)
        self.state.scripts.reset()

    @property
    def unfinished(self) -> int:
        """How many trainings have not ended yet."""
        return count_unfinished(self.state, self.context.clock())


def serve_fal(context: PracticeContext, faults: FaultScript, ledger: LedgerView) -> Served:
    """Make fal with the state of the last time."""
    state = FalState(context=context)
    main, delivery = build_fal(context, state=state)
    return Served(FalService("fal", context, faults, ledger, state), main, delivery)
