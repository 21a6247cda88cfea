"""The practice Replicate as one of the practice services."""

from dataclasses import dataclass

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.faults import FaultScript
from fluxlora_desktop.practice.ledger import LedgerView
from fluxlora_desktop.practice.replicate.app import build_replicate
from fluxlora_desktop.practice.replicate.course import count_unfinished
from fluxlora_desktop.practice.replicate.delivery import build_replicate_delivery
from fluxlora_desktop.practice.replicate.scripts import TrainingScript
from fluxlora_desktop.practice.replicate.state import ReplicateState
from fluxlora_desktop.practice.service import Served, Service


@dataclass(frozen=True, slots=True)
class ReplicateService(Service):
    """Replicate, whose trainings can be scripted too."""

    state: ReplicateState

    def next_training(self, script: TrainingScript) -> None:
        """Let the next training that is created go as the script says."""
        self.state.scripts.add(script)

    def reset(self) -> None:
        """Forget the faults and the scripts that nothing has met."""
        Service.reset(self)
        self.state.scripts.reset()

    @property
    def unfinished(self) -> int:
        """How many trainings have not ended yet."""
        return count_unfinished(self.state, self.context.clock())


def serve_replicate(context: PracticeContext, faults: FaultScript, ledger: LedgerView) -> Served:
    """Make Replicate with the state of the last time."""
    state = ReplicateState(context=context)
    return Served(
        ReplicateService("replicate", context, faults, ledger, state),
        build_replicate(context, state=state),
        build_replicate_delivery(context),
    )
