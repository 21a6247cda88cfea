"""What a trainer takes, what a recipe chooses, and what goes to the service."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.money import Estimate

ParameterValue = int | float | str | bool
Parameters = Mapping[str, ParameterValue]


class Visibility(StrEnum):
    """Who may see a repo or a model."""

    PRIVATE = "private"
    PUBLIC = "public"


class Preset(StrEnum):
    """What the photos show, which decides the recipe."""

    FACE = "face"
    OBJECT = "object"
    STYLE = "style"
    QUICK = "quick"


class Quality(StrEnum):
    """How long to train, as people say it."""

    QUICK = "quick"
    NORMAL = "normal"
    THOROUGH = "thorough"


class ParameterKind(StrEnum):
    """How a parameter is written and shown."""

    WHOLE = "whole"
    NUMBER = "number"
    TEXT = "text"
    FLAG = "flag"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One input of a trainer: its name there, its role here, limits, default, and words.

    `role` is the meaning that recipes use ("steps", "learning_rate", "rank", "resolution",
    "caption_dropout", "batch_size", "optimizer", "autocaption", "lora_type", "is_style", "masks",
    "default_caption"); empty when no recipe sets it. `multiple` is the number that a whole number
    must be a multiple of. `why` is the reason for the default where a recipe leaves it.
    """

    name: str
    title: str
    kind: ParameterKind
    default: ParameterValue
    role: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    says: str = ""
    multiple: int = 1
    why: str = "The trainer's own default."

    def checked(self, value: ParameterValue) -> ParameterValue:
        """Return the value in this parameter's type; raise `InputError` when it is out of range."""
        if self.kind is ParameterKind.FLAG:
            return bool(value)
        if self.kind in {ParameterKind.TEXT, ParameterKind.CHOICE}:
            text = str(value)
            if self.kind is ParameterKind.CHOICE and text not in self.choices:
                raise InputError(self.name, f"{text} is not one of {', '.join(self.choices)}")
            return text
        try:
            number = int(value) if self.kind is ParameterKind.WHOLE else float(value)
        except (ValueError, OverflowError) as error:
            raise InputError(self.name, f"{value} is not a number") from error
        if self.low is not None and number < self.low:
            raise InputError(self.name, f"at least {self.low:g}")
        if self.high is not None and number > self.high:
            raise InputError(self.name, f"at most {self.high:g}")
        if self.multiple > 1 and number % self.multiple:
            raise InputError(self.name, f"a multiple of {self.multiple}")
        return number

    def nearest(self, value: float) -> float:
        """Return the number closest to a wish that keeps the limits and the multiple."""
        number = round(value / self.multiple) * self.multiple if self.multiple > 1 else value
        if self.low is not None:
            number = max(number, self.low)
        return number if self.high is None else min(number, self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRule:
    """How a training's price follows from its steps: by time on the machine, by steps, or both.

    The training takes `start_seconds` plus steps times `seconds_per_step`; `spread` widens both
    ends of that (0.3 means from 0.7 to 1.3 times). `fewest_steps` are billed at least.
    `most_usd_per_step` is set where sources differ about the price of a step.
    """

    start_seconds: float
    seconds_per_step: float
    spread: float
    basis: str
    usd_per_second: Decimal = Decimal(0)
    usd_per_step: Decimal = Decimal(0)
    most_usd_per_step: Decimal | None = None
    fewest_steps: int = 0

    def estimate(self, steps: int) -> Estimate:
        """Return the price and time range for so many steps."""
        seconds = self.start_seconds + steps * self.seconds_per_step
        low, high = seconds * (1 - self.spread), seconds * (1 + self.spread)
        most_for_a_step = self.most_usd_per_step or self.usd_per_step
        billed = max(steps, self.fewest_steps)
        return Estimate(
            self.usd_per_second * Decimal(str(round(low, 1))) + self.usd_per_step * billed,
            self.usd_per_second * Decimal(str(round(high, 1))) + most_for_a_step * billed,
            low,
            high,
            self.basis,
        )


@dataclass(frozen=True, slots=True)
class Trainer:
    """One trainer of a backend.

    `spare_input` is an input that the trainer ignores and the service echoes, which may carry a
    launch's mark. `archive_stem` is how photos are called inside the archive. `trigger_input` is
    empty when captions must carry the trigger word. `writes_captions` tells whether it describes
    photos that come without a caption. `crops_known` tells whether it crops by the published rules
    in `domain/buckets.py`. `formats` are those that it trains (Pillow's names), empty where that is
    not known: it passes over files of all others without a word.
    `not_ready` says in words why it cannot be used now where its backend's others can.
    """

    key: str
    title: str
    base: str
    says: str
    parameters: tuple[Parameter, ...]
    price: PriceRule
    trigger_input: str = "trigger_word"
    spare_input: str = ""
    archive_stem: str = "img_{:03d}"
    fewest_photos: int = 5
    writes_captions: bool = True
    crops_known: bool = False
    formats: tuple[str, ...] = ()
    not_ready: str = ""

    def parameter(self, name: str) -> Parameter:
        """Return the parameter with this name; raise `InputError` when the trainer has none."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise InputError(name, f"{self.title} has no such parameter")

    def with_role(self, role: str) -> Parameter | None:
        """Return the parameter that plays a role, or None."""
        return next((p for p in self.parameters if p.role == role), None)

    def describes_photos(self, parameters: Parameters) -> bool:
        """Tell whether photos without a caption get one of their own under these parameters.

        fal's fast trainer leaves captions to the person when the photos share a style (its page).
        """
        chosen = {p.role: parameters.get(p.name, p.default) for p in self.parameters if p.role}
        asked = bool(chosen.get("autocaption", True)) and not chosen.get("is_style", False)
        return self.writes_captions and asked

    def steps_of(self, parameters: Parameters) -> int:
        """Return how many steps these parameters mean."""
        steps = self.with_role("steps")
        if steps is None:
            return 1000
        return int(parameters.get(steps.name, steps.default))

    def checked(self, parameters: Parameters) -> dict[str, ParameterValue]:
        """Return every parameter checked; raise `InputError` for the first that does not fit."""
        return {name: self.parameter(name).checked(value) for name, value in parameters.items()}

    def told(self, inputs: Mapping[str, object]) -> dict[str, ParameterValue]:
        """Return the parameters among what a training was given; what does not fit is left out."""
        found = dict[str, ParameterValue]()
        for parameter in self.parameters:
            value = inputs.get(parameter.name)
            if isinstance(value, int | float | str):
                with suppress(InputError):
                    found[parameter.name] = parameter.checked(value)
        return found


@dataclass(frozen=True, slots=True)
class TrainingAbilities:
    """What a training backend can do, as data for the screens.

    `archive_limit_bytes` is the largest archive that the service takes. `absence_shows` tells
    whether a launch that the service does not list surely did not happen: where it is false, only
    a person can say that nothing started. `version_page` is the address of the page of a trained
    version, a format with its `model` and `version`. `can_resume` tells whether a training that
    failed can go on from its last checkpoint. `runs_here` is true for trainings on this computer:
    they cost nothing and want it to stay awake. `not_ready` says in words why none can be started
    now, "" where one can. `offered` is false where its trainers are shown only to those who chose
    one: a program that few people have. `named_in_settings` tells that what it lacks is named in
    Settings, where others are set up on the page of this computer.
    """

    trainers: tuple[Trainer, ...]
    can_cancel: bool = True
    makes_samples: bool = False
    can_pause: bool = False
    can_resume: bool = False
    runs_here: bool = False
    not_ready: str = ""
    offered: bool = True
    named_in_settings: bool = False
    archive_limit_bytes: int = 100_000_000
    runs_page: str = ""
    absence_shows: bool = True
    version_page: str = ""

    def reason_against(self, trainer: Trainer) -> str:
        """Return why a trainer cannot be used now, "" where it can."""
        return self.not_ready or trainer.not_ready

    def trainer(self, key: str) -> Trainer:
        """Return the trainer with this key; raise `InputError` for an unknown one."""
        for trainer in self.trainers:
            if trainer.key == key:
                return trainer
        raise InputError("trainer", f"{key} is not offered")


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a recipe with the reason for it."""

    name: str
    value: ParameterValue
    why: str


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """One training as the backend sees it; everything is decided and checked.

    `destination` is the name of the LoRA's home at the service, without an owner. `library` is the
    id that opens every mark of this library.
    """

    run_id: str
    trainer: str
    base: str
    trigger_word: str
    photo_count: int
    destination: str
    parameters: Parameters = field(default_factory=dict)
    captions_complete: bool = False
    visibility: Visibility = Visibility.PRIVATE
    library: str = ""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at a service: its id there, the address that a job may read, its SHA-256.

    `server_date` is the service's own time when it took the file.
    """

    id: str
    address: str
    sha256: str
    expires_at: str = ""
    server_date: datetime | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the service puts the result: full name there, and whether it had to be made."""

    name: str
    created: bool = False


@dataclass(frozen=True, slots=True)
class RemoteRun:
    """A training at a service.

    `page` is for people. `handle` is what the backend itself noted at the launch to find the run
    again, such as the addresses that it was given; others keep it and do not read it. `steps` is
    how many were ordered, where that is known: some services bill by them.
    """

    service: str
    id: str
    trainer: str
    page: str = ""
    trainer_version: str = ""
    handle: str = ""
    steps: int | None = None


class RemoteState(StrEnum):
    """What a service says of a training; unknown words count as training."""

    QUEUED = "queued"
    TRAINING = "training"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """One observation of a running training; seconds, steps, and the loss as the log shows it."""

    stage: str = ""
    step: int | None = None
    total: int | None = None
    seconds_per_step: float | None = None
    eta_seconds: float | None = None
    loss: float | None = None


PAUSED = "Paused"
"""The stage of a training that a person paused; it goes on when a person asks for it."""
PAUSING, WAITS = "Pausing", "Waiting for its turn"
STANDS_STILL = frozenset({PAUSED, PAUSING, WAITS})
"""Stages in which a training that has begun makes no steps."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture that a trainer made after `step` steps; `index` is its prompt's place from 0."""

    step: int
    index: int
    path: Path
    prompt: str = ""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights as they stood after `step` steps, on this computer."""

    step: int
    path: Path
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class TrainingOutputs:
    """What a training has left on this computer, in the order of steps.

    `size_bytes` is what deleting it would free. `log` is the end of what the trainer said besides
    its events.
    """

    samples: tuple[Sample, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    size_bytes: int = 0
    log: str = ""


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """What one poll told.

    `log` is the whole log so far, `losses` the (step, loss) pairs found in it, `weights_address`
    is set when it succeeded, and `version` where the service made a model of it; `billed_seconds`
    when the service says so. `charge_sure` is false for a charge that may not have been made.
    `error_kind` is the name of the `AppError` that a failure amounts to, "" for none. `paused`
    tells that a person stopped it for now; `samples` and `checkpoints` lie on this computer.
    """

    state: RemoteState
    progress: TrainingProgress = TrainingProgress()
    log: str = ""
    losses: tuple[tuple[int, float], ...] = ()
    error: str = ""
    weights_address: str = ""
    version: str = ""
    billed_seconds: float | None = None
    charge_usd: Decimal | None = None
    charge_sure: bool = True
    error_kind: str = ""
    paused: bool = False
    samples: tuple[Sample, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """What identifies one launch at the service: the nonce, and the file uploaded for it alone."""

    nonce: str
    file_id: str = ""


@dataclass(frozen=True, slots=True)
class FoundRuns:
    """The answer to "did the marked launch happen": all runs that bear the mark.

    `complete` is false when what was read proves nothing about runs that were not found: the
    service could not be read to the end, or does not list every run. `at` is the service's own
    time when it answered, where it tells it.
    """

    runs: tuple[RemoteRun, ...]
    complete: bool
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedTraining:
    """A training of the account as its service lists it, with what its inputs tell.

    `owner` is whose account it is, "" where the service names nobody. `parameters` are those of its
    trainer that it was given. `version` is owner/name:hash where a model was made of it, and
    `destination` that model's name without the rest. `mark` is the mark of a launch of this app,
    "" when it bears none, `file_id` the id of the file that it was given. `has_weights` tells
    whether the service still names the weights of one that succeeded. `charge_usd` is what it cost
    so far, where the service tells that.
    """

    remote: RemoteRun
    state: RemoteState
    created_at: datetime | None = None
    owner: str = ""
    base: str = ""
    trigger_word: str = ""
    parameters: Parameters = field(default_factory=dict)
    destination: str = ""
    version: str = ""
    mark: str = ""
    file_id: str = ""
    has_weights: bool = False
    charge_usd: Decimal | None = None

    @property
    def gone(self) -> bool:
        """Tell whether there is nothing to fetch any more: it succeeded and its weights went."""
        return self.state is RemoteState.SUCCEEDED and not self.has_weights


@dataclass(frozen=True, slots=True)
class ListedTrainings:
    """The LoRA trainings of an account, the newest first.

    `complete` is false when there may be more: the list could not be read to its end, or the
    service does not list every training.
    """

    trainings: tuple[ListedTraining, ...]
    complete: bool
