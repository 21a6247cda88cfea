"""Runs: one training from the first photo to the published LoRA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from fluxlora_desktop.domain.training import (
    PAUSED,
    PAUSING,
    ParameterValue,
    Preset,
    Quality,
    Visibility,
)


class RunState(StrEnum):
    """Where a run stands."""

    DRAFT = "draft"
    PACKAGING = "packaging"
    UPLOADING = "uploading"
    LAUNCHING = "launching"
    QUEUED = "queued"
    TRAINING = "training"
    COLLECTING = "collecting"
    PUBLISHING = "publishing"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


_S = RunState
_ENDS = frozenset({_S.FAILED, _S.CANCELLED})

MOVES: Mapping[RunState, frozenset[RunState]] = {
    _S.DRAFT: frozenset({_S.PACKAGING}),
    _S.PACKAGING: frozenset({_S.UPLOADING}) | _ENDS,
    _S.UPLOADING: frozenset({_S.LAUNCHING, _S.PACKAGING}) | _ENDS,
    # Back to PACKAGING only when the launch provably did not happen.
    _S.LAUNCHING: frozenset({_S.QUEUED, _S.UNKNOWN, _S.PACKAGING}) | _ENDS,
    _S.UNKNOWN: frozenset({_S.QUEUED, _S.FAILED}),
    _S.QUEUED: frozenset({_S.TRAINING, _S.COLLECTING}) | _ENDS,
    _S.TRAINING: frozenset({_S.COLLECTING}) | _ENDS,
    _S.COLLECTING: frozenset({_S.PUBLISHING, _S.READY, _S.FAILED}),
    _S.PUBLISHING: frozenset({_S.READY}),
    _S.READY: frozenset(),
    # Try again: the same photos and recipe, a new attempt, only by a person's click.
    # COLLECTING: the training succeeded and only the weights' way home failed.
    # QUEUED: look again, since a service may have told the wrong end.
    _S.FAILED: frozenset({_S.PACKAGING, _S.COLLECTING, _S.QUEUED}),
    _S.CANCELLED: frozenset({_S.PACKAGING, _S.QUEUED}),
}

FINAL = frozenset({_S.READY, _S.FAILED, _S.CANCELLED})
BEFORE_LAUNCH = frozenset({_S.PACKAGING, _S.UPLOADING})
AT_SERVICE = frozenset({_S.QUEUED, _S.TRAINING})


def may_move(start: RunState, to: RunState) -> bool:
    """Tell whether the table of moves leads from one state to the other."""
    return to in MOVES[start]


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Everything a person chose in the wizard; the draft is a plan that is not started.

    `backend` is "" for the first that is offered, until the run is started. `parameters` holds only
    what was changed by hand in Advanced. `repo` is the name on the hub without an owner. `goal` is
    the key of the generator where the LoRA shall be used.
    """

    name: str = ""
    preset: Preset = Preset.OBJECT
    quality: Quality = Quality.NORMAL
    backend: str = ""
    trainer: str = ""
    goal: str = ""
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    publish: bool = True
    repo: str = ""
    visibility: Visibility = Visibility.PRIVATE
    rights_confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """One training; `price_low` and `price_high` are what Review showed, in US dollars.

    `failed_at` is the state from which a failed run left the way, `attention` says in words what
    the run waits for while its state has no end (offline, token refused, publishing failed).
    `error_kind` is the name of the `AppError` that ended it. `account` is whose token launched it,
    `wait_until` the end of a wait that a service asked for. `confirmations` counts the clicks that
    wanted a training: each of them is at most one. `recovered` marks a run that was not started
    here, but found at its service.
    """

    id: str
    dataset_id: str
    state: RunState
    plan: RunPlan
    created_at: datetime
    updated_at: datetime
    version_id: str | None = None
    base: str = ""
    external_training_id: str | None = None
    external_training_service: str | None = None
    page: str = ""
    trainer_version: str = ""
    destination: str = ""
    output_version: str = ""
    weights_address: str = ""
    step: int | None = None
    total: int | None = None
    stage: str = ""
    eta_seconds: float | None = None
    loss: float | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    price_low: Decimal | None = None
    price_high: Decimal | None = None
    cost_usd: Decimal | None = None
    failed_at: RunState | None = None
    error: str = ""
    error_kind: str = ""
    attention: str = ""
    lora_id: str | None = None
    huggingface_repo: str | None = None
    huggingface_status: str | None = None
    lora_ready_for_inference: bool = False
    hidden: bool = False
    account: str = ""
    wait_until: datetime | None = None
    confirmations: int = 0
    recovered: bool = False

    @property
    def open(self) -> bool:
        """Tell whether the run goes on by itself."""
        return self.state not in FINAL and self.state is not RunState.DRAFT

    @property
    def paused(self) -> bool:
        """Tell whether a person stopped it for now."""
        return self.state in AT_SERVICE and self.stage in {PAUSED, PAUSING}

    @property
    def free(self) -> bool:
        """Tell whether it costs nothing: it trains on a computer of one's own."""
        return self.price_high is not None and not self.price_high

    @property
    def may_be_looked_for(self) -> bool:
        """Tell whether it ended at its service without weights, which may be asked once more."""
        failed = self.state is RunState.FAILED and self.failed_at in AT_SERVICE
        ended = failed or self.state is RunState.CANCELLED
        return ended and bool(self.external_training_id)


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One line of a run's history: `kind` is "state", "note", "warn" or "log"."""

    run_id: str
    at: datetime
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class LossPoint:
    """The loss that the trainer's log showed at one step."""

    step: int
    loss: float


class EffectKind(StrEnum):
    """The requests that the journal watches over: paid ones, and what is made or published."""

    TRAINING = "training"
    PICTURE = "picture"
    CAPTION = "caption"
    MODEL = "model"
    REPO = "repo"
    COMMIT = "commit"

    @property
    def paid(self) -> bool:
        """Tell whether such a request may cost money, so that it is never sent twice."""
        return self in {EffectKind.TRAINING, EffectKind.PICTURE, EffectKind.CAPTION}


class EffectState(StrEnum):
    """Where such a request stands; `journal.decide` is the table of moves."""

    PLANNED = "planned"
    IN_FLIGHT = "in_flight"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Effect:
    """One request with an effect outside: planned before it is sent, settled after.

    `subject` is what it is for: a run, a picture, or a Lora with the hash of what is sent. `nonce`
    is the mark that the service can be asked for, `file_id` the id of the file uploaded for this
    attempt alone. `confirmation` numbers the click that wanted it. `request` is what is sent, as
    JSON without secrets, `request_sha256` its hash. `server_date` is the service's own time just
    before the request, `deadline_s` how many seconds it may take. `reads` counts the complete looks
    at the service that did not find it, `evidence` says what each look found. `handle` is
    `RemoteRun.handle`, `device` the computer that sent it.
    """

    id: str
    kind: EffectKind
    subject: str
    attempt: int
    nonce: str
    state: EffectState
    service: str
    updated_at: datetime
    file_id: str = ""
    remote_id: str = ""
    sent_at: datetime | None = None
    price_usd: Decimal | None = None
    reads: int = 0
    note: str = ""
    handle: str = ""
    confirmation: int = 0
    request: str = ""
    request_sha256: str = ""
    server_date: datetime | None = None
    deadline_s: int = 0
    evidence: tuple[str, ...] = ()
    device: str = ""
