"""No dead ends: for every way in which a run can stand, what leads on. One table, walked by a test.

A run either goes on by itself, and `goes_on` says how, or `asks` holds what a person can do; often
both. The page makes its buttons and its muted line from this table and from nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from fluxlora_desktop.domain.loras import Lora, PublicationStatus
from fluxlora_desktop.domain.runs import AT_SERVICE, Run, RunState


class Ask(StrEnum):
    """One thing that a person can ask for a run."""

    CANCEL = "cancel"
    PAUSE = "pause"
    GO_ON = "go_on"
    ACCEPT_TERMS = "accept_terms"
    THIS_COMPUTER = "this_computer"
    FORGET = "forget"
    TRY_AGAIN = "try_again"
    LOOK_NOW = "look_now"
    LOOK_AGAIN = "look_again"
    SAY_FOUND = "say_found"
    SAY_ABSENT = "say_absent"
    CANCEL_IF_FOUND = "cancel_if_found"
    LET_IT_RUN = "let_it_run"
    OPEN_RUNS_PAGE = "open_runs_page"
    BILLING = "billing"
    SETTINGS = "settings"
    HUB_SETTINGS = "hub_settings"
    FREE_SPACE = "free_space"
    CHOOSE_NAME = "choose_name"
    MAKE_PICTURES = "make_pictures"
    FIND_STRENGTH = "find_strength"
    PUBLISH = "publish"
    LOOK_IN_VERSION = "look_in_version"
    REPORT = "report"
    OPEN_AT_SERVICE = "open_at_service"
    OPEN_ON_HUB = "open_on_hub"
    SHOW_IN_LIBRARY = "show_in_library"
    USE_PHOTOS = "use_photos"
    COMPARE = "compare"
    LINEAGE = "lineage"
    CHARGES = "charges"
    LIMIT = "limit"
    CAPTIONS = "captions"
    REMOVE = "remove"


Test = Callable[[Run, Lora | None], bool]


def _always(_run: Run, _lora: Lora | None) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """One way in which a run of a state can stand, and what leads on from there.

    `when` tells it from the others of its state; the first that fits counts. `goes_on` is what
    happens by itself, "" where only a person leads on; `safe` is what a person may rely on. `asks`
    come in the order of their use; `words` are for those that are called otherwise here, with
    {price} for the price that is agreed to.
    """

    key: str
    state: RunState
    when: Test = _always
    goes_on: str = ""
    safe: str = ""
    asks: tuple[Ask, ...] = ()
    words: Mapping[Ask, str] = field(default_factory=lambda: MappingProxyType({}))


TOKEN_TROUBLE = frozenset({"CredentialError", "TokenMissing", "TokenRejected", "ScopeMissing"})
DISK_TROUBLE = frozenset({"StorageError", "DiskFull", "AccessDenied", "CorruptFile"})
_S = RunState


def _kind(*kinds: str) -> Test:
    return lambda run, _lora: run.error_kind in kinds


def _waits(run: Run, _lora: Lora | None) -> bool:
    return bool(run.attention)


def _was_not_found(run: Run, _lora: Lora | None) -> bool:
    return run.failed_at is _S.LAUNCHING and not run.error_kind


def _weights_missing(kind: str = "") -> Test:
    """Tell a run whose training succeeded and whose weights are not here."""

    def fits(run: Run, _lora: Lora | None) -> bool:
        return run.failed_at is _S.COLLECTING and kind in {"", run.error_kind}

    return fits


def _failed_there(run: Run, _lora: Lora | None) -> bool:
    return run.failed_at in AT_SERVICE


def _paused(run: Run, _lora: Lora | None) -> bool:
    return run.paused


def _here(run: Run, _lora: Lora | None) -> bool:
    """Tell a training on a computer of one's own that nothing else is the matter with."""
    return run.free and not run.attention


def _failed_here(*kinds: str) -> Test:
    """Tell a training that failed on a computer of one's own, whatever the cause for none."""

    def fits(run: Run, _lora: Lora | None) -> bool:
        return run.free and run.failed_at in AT_SERVICE and (not kinds or run.error_kind in kinds)

    return fits


def _cancelled_here(run: Run, _lora: Lora | None) -> bool:
    return run.free and bool(run.external_training_id)


def _publication(status: PublicationStatus) -> Test:
    def fits(_run: Run, lora: Lora | None) -> bool:
        return (
            lora is not None
            and lora.publication is not None
            and (lora.publication.status is status)
        )

    return fits


def _published(_run: Run, lora: Lora | None) -> bool:
    return lora is not None and lora.publication is not None


def _not_on_the_hub(*kinds: str) -> Test:
    """Tell a Lora that was to be published and is not, whatever the cause where none is named."""

    def fits(run: Run, _lora: Lora | None) -> bool:
        return run.huggingface_status == "failed" and (not kinds or run.error_kind in kinds)

    return fits


_IN_DOUBT = (
    *(Ask.LOOK_NOW, Ask.SAY_FOUND, Ask.SAY_ABSENT),
    *(Ask.CANCEL_IF_FOUND, Ask.LET_IT_RUN, Ask.OPEN_RUNS_PAGE),
)
_PAID_ONCE = "The training is paid for; fetching its weights costs nothing."
_KEPT = "The photos, captions and settings are kept."
_USABLE = "The LoRA is in your library and can be used now."
_UNDER_WAY = "It goes on at the service when you close the app."
_TURN_COMES = "It starts by itself when the graphics card is free and the app is open."
_UNDER_WAY_HERE = "It goes on when you close the app, as long as the computer is awake."
_STARTED_OVER = MappingProxyType({Ask.GO_ON: "Try again", Ask.TRY_AGAIN: "Start over"})
_TRY_NOW = MappingProxyType({Ask.LOOK_NOW: "Try now"})
_PUBLISH_AGAIN = MappingProxyType({Ask.PUBLISH: "Publish again"})

EXITS: tuple[Exit, ...] = (
    *(
        Exit(
            key=f"{key}: token",
            state=state,
            when=_kind(*TOKEN_TROUBLE),
            goes_on="It goes on by itself once the token works. Nothing was charged so far.",
            asks=(Ask.SETTINGS, *asks),
        )
        for key, state, asks in (
            ("packing", _S.PACKAGING, (Ask.CANCEL,)),
            ("uploading", _S.UPLOADING, (Ask.CANCEL,)),
            ("launching", _S.LAUNCHING, ()),
        )
    ),
    Exit(
        key="packing",
        state=_S.PACKAGING,
        goes_on="Nothing was sent and nothing was charged so far.",
        asks=(Ask.CANCEL,),
    ),
    Exit(
        key="uploading",
        state=_S.UPLOADING,
        goes_on="The training starts when the photos are there. Nothing was charged yet.",
        asks=(Ask.CANCEL,),
    ),
    Exit(
        key="launching",
        state=_S.LAUNCHING,
        goes_on="Waiting for the service's answer. It takes a few seconds.",
    ),
    Exit(
        key="in doubt: token",
        state=_S.UNKNOWN,
        when=_kind(*TOKEN_TROUBLE),
        goes_on="The app goes on looking once the token works. One training at most is charged.",
        asks=(Ask.SETTINGS, *_IN_DOUBT[1:], Ask.LOOK_NOW),
    ),
    Exit(
        key="in doubt",
        state=_S.UNKNOWN,
        goes_on="The app goes on looking by itself. One training at most is charged.",
        asks=_IN_DOUBT,
    ),
    *(
        exit_
        for state, plain, here in (
            (_S.QUEUED, "It starts by itself. You can close the app.", _TURN_COMES),
            (_S.TRAINING, _UNDER_WAY, _UNDER_WAY_HERE),
        )
        for exit_ in (
            Exit(
                key=f"{state.value}: token",
                state=state,
                when=_kind(*TOKEN_TROUBLE),
                goes_on="The app goes on by itself once the token works.",
                asks=(Ask.SETTINGS, Ask.LOOK_NOW, Ask.CANCEL),
            ),
            Exit(
                key=f"{state.value}: credit",
                state=state,
                when=_kind("PaymentRequired"),
                goes_on="The app goes on by itself once there is credit.",
                asks=(Ask.LOOK_NOW, Ask.BILLING, Ask.CANCEL),
            ),
            Exit(
                key=f"{state.value}: waiting",
                state=state,
                when=_waits,
                goes_on=_UNDER_WAY,
                asks=(Ask.LOOK_NOW, Ask.CANCEL),
            ),
            Exit(
                key=f"{state.value}: paused",
                state=state,
                when=_paused,
                goes_on="It stays paused until you resume it, also when you close the app.",
                asks=(Ask.GO_ON, Ask.CANCEL),
                words={Ask.GO_ON: "Resume"},
            ),
            Exit(
                key=f"{state.value}: here",
                state=state,
                when=_here,
                goes_on=here,
                asks=(Ask.PAUSE, Ask.CANCEL),
            ),
            Exit(key=state.value, state=state, goes_on=plain, asks=(Ask.CANCEL,)),
        )
    ),
    Exit(
        key="fetching: token",
        state=_S.COLLECTING,
        when=_kind(*TOKEN_TROUBLE),
        goes_on="It goes on by itself once the token works.",
        safe=_PAID_ONCE,
        asks=(Ask.SETTINGS, Ask.LOOK_NOW),
    ),
    Exit(
        key="fetching: disk",
        state=_S.COLLECTING,
        when=_kind(*DISK_TROUBLE),
        goes_on="It goes on by itself when the disk takes them.",
        safe=_PAID_ONCE,
        asks=(Ask.LOOK_NOW,),
        words={Ask.LOOK_NOW: "Try again"},
    ),
    Exit(
        key="fetching: waiting",
        state=_S.COLLECTING,
        when=_waits,
        goes_on="It goes on by itself.",
        safe=_PAID_ONCE,
        asks=(Ask.LOOK_NOW,),
        words=_TRY_NOW,
    ),
    Exit(
        key="fetching", state=_S.COLLECTING, goes_on="The weights are checked when they are here."
    ),
    Exit(
        key="publishing: waiting",
        state=_S.PUBLISHING,
        when=_waits,
        goes_on="Publishing is tried again by itself.",
        safe=_USABLE,
        asks=(Ask.MAKE_PICTURES, Ask.LOOK_NOW),
        words=_TRY_NOW,
    ),
    Exit(
        key="publishing",
        state=_S.PUBLISHING,
        goes_on="The LoRA is safe on this computer. It is sent to the hub now.",
        asks=(Ask.MAKE_PICTURES,),
    ),
    Exit(
        key="ready: repo gone",
        state=_S.READY,
        when=_publication(PublicationStatus.MISSING),
        safe=_USABLE,
        asks=(Ask.MAKE_PICTURES, Ask.PUBLISH, Ask.CHOOSE_NAME),
        words={Ask.PUBLISH: "Create again", Ask.CHOOSE_NAME: "Choose another name"},
    ),
    Exit(
        key="ready",
        state=_S.READY,
        when=_published,
        safe="The LoRA is in your library.",
        asks=(Ask.MAKE_PICTURES, Ask.OPEN_ON_HUB),
    ),
    Exit(
        key="not on the hub: token",
        state=_S.READY,
        when=_not_on_the_hub(*TOKEN_TROUBLE),
        safe=_USABLE,
        asks=(Ask.MAKE_PICTURES, Ask.HUB_SETTINGS, Ask.PUBLISH),
        words=_PUBLISH_AGAIN,
    ),
    Exit(
        key="not on the hub: no room",
        state=_S.READY,
        when=_not_on_the_hub("QuotaReached", "PaymentRequired"),
        safe=_USABLE,
        asks=(Ask.MAKE_PICTURES, Ask.FREE_SPACE, Ask.PUBLISH),
        words=_PUBLISH_AGAIN,
    ),
    Exit(
        key="not on the hub: name",
        state=_S.READY,
        when=_not_on_the_hub("NameTaken", "InputError", "ChangedAtService"),
        safe=_USABLE,
        asks=(Ask.MAKE_PICTURES, Ask.CHOOSE_NAME, Ask.PUBLISH),
        words=_PUBLISH_AGAIN,
    ),
    Exit(
        key="not on the hub",
        state=_S.READY,
        when=_not_on_the_hub(),
        safe=_USABLE,
        asks=(Ask.MAKE_PICTURES, Ask.PUBLISH, Ask.CHOOSE_NAME),
        words=_PUBLISH_AGAIN,
    ),
    Exit(
        key="ready, kept here",
        state=_S.READY,
        safe="The LoRA is in your library.",
        asks=(Ask.MAKE_PICTURES, Ask.PUBLISH),
    ),
    Exit(
        key="launch not found",
        state=_S.FAILED,
        when=_was_not_found,
        safe=f"{_KEPT} Nothing starts by itself.",
        asks=(Ask.TRY_AGAIN, Ask.OPEN_RUNS_PAGE),
        words={Ask.TRY_AGAIN: "Start now, {price}"},
    ),
    Exit(
        key="price rose",
        state=_S.FAILED,
        when=_kind("PriceChanged"),
        safe=f"{_KEPT} It starts when you agree to the new price.",
        asks=(Ask.TRY_AGAIN,),
        words={Ask.TRY_AGAIN: "Start for {price}"},
    ),
    Exit(
        key="over the limit",
        state=_S.FAILED,
        when=_kind("LimitReached"),
        safe=f"{_KEPT} It starts when you agree to pass the limit, or change it.",
        asks=(Ask.TRY_AGAIN, Ask.LIMIT),
        words={Ask.TRY_AGAIN: "Start now, {price}"},
    ),
    Exit(
        key="weights damaged",
        state=_S.FAILED,
        when=_weights_missing("WeightsError"),
        safe=f"{_PAID_ONCE} What came is kept too, for a report.",
        asks=(Ask.TRY_AGAIN, Ask.REPORT, Ask.LOOK_IN_VERSION, Ask.OPEN_AT_SERVICE),
        words={Ask.TRY_AGAIN: "Download again"},
    ),
    Exit(
        key="weights gone",
        state=_S.FAILED,
        when=_weights_missing("NotFoundAtService"),
        safe="The training is paid for. Its version at the service may still hold the weights.",
        asks=(Ask.LOOK_IN_VERSION, Ask.OPEN_AT_SERVICE, Ask.TRY_AGAIN, Ask.REPORT),
        words={Ask.TRY_AGAIN: "Ask for the file again"},
    ),
    Exit(
        key="weights not here",
        state=_S.FAILED,
        when=_weights_missing(),
        safe=_PAID_ONCE,
        asks=(Ask.TRY_AGAIN, Ask.BILLING, Ask.SETTINGS, Ask.REPORT, Ask.OPEN_AT_SERVICE),
        words={Ask.TRY_AGAIN: "Fetch the weights again"},
    ),
    Exit(
        key="here: too little memory",
        state=_S.FAILED,
        when=_failed_here("OutOfGpuMemory"),
        safe=_KEPT,
        asks=(Ask.GO_ON, Ask.THIS_COMPUTER, Ask.TRY_AGAIN, Ask.REPORT),
        words=_STARTED_OVER,
    ),
    Exit(
        key="here: terms",
        state=_S.FAILED,
        when=_failed_here("AccessGated"),
        safe=_KEPT,
        asks=(Ask.ACCEPT_TERMS, Ask.GO_ON, Ask.HUB_SETTINGS, Ask.REPORT),
        words=_STARTED_OVER,
    ),
    Exit(
        key="here: disk",
        state=_S.FAILED,
        when=_failed_here("DiskFull"),
        safe="What was trained so far is kept.",
        asks=(Ask.GO_ON, Ask.THIS_COMPUTER, Ask.REPORT),
        words={**_STARTED_OVER, Ask.THIS_COMPUTER: "See what takes space"},
    ),
    Exit(
        key="failed here",
        state=_S.FAILED,
        when=_failed_here(),
        safe=f"{_KEPT} So is its last checkpoint.",
        asks=(Ask.GO_ON, Ask.TRY_AGAIN, Ask.REPORT, Ask.THIS_COMPUTER),
        words=_STARTED_OVER,
    ),
    Exit(
        key="failed at the service",
        state=_S.FAILED,
        when=_failed_there,
        safe=_KEPT,
        asks=(Ask.TRY_AGAIN, Ask.LOOK_AGAIN, Ask.REPORT, Ask.OPEN_AT_SERVICE),
    ),
    Exit(
        key="no credit",
        state=_S.FAILED,
        when=_kind("PaymentRequired"),
        safe=f"{_KEPT} After a top-up it takes some minutes.",
        asks=(Ask.TRY_AGAIN, Ask.BILLING),
    ),
    Exit(
        key="token refused",
        state=_S.FAILED,
        when=_kind(*TOKEN_TROUBLE),
        safe=_KEPT,
        asks=(Ask.TRY_AGAIN, Ask.SETTINGS),
    ),
    Exit(key="failed", state=_S.FAILED, safe=_KEPT, asks=(Ask.TRY_AGAIN, Ask.REPORT)),
    Exit(
        key="cancelled here",
        state=_S.CANCELLED,
        when=_cancelled_here,
        safe="The photos and captions are kept.",
        asks=(Ask.GO_ON, Ask.TRY_AGAIN),
        words={Ask.GO_ON: "Go on with it", Ask.TRY_AGAIN: "Start over"},
    ),
    Exit(
        key="cancelled",
        state=_S.CANCELLED,
        safe="The photos and captions are kept.",
        asks=(Ask.TRY_AGAIN, Ask.LOOK_AGAIN, Ask.OPEN_AT_SERVICE),
    ),
)
ALWAYS = (
    *(Ask.FIND_STRENGTH, Ask.OPEN_AT_SERVICE, Ask.SHOW_IN_LIBRARY),
    *(Ask.CAPTIONS, Ask.USE_PHOTOS, Ask.COMPARE, Ask.LINEAGE, Ask.CHARGES, Ask.FORGET),
)
"""What is offered wherever there is such a page, LoRA, caption, dataset or charge; finished runs
can be removed."""


def exit_of(run: Run, lora: Lora | None = None) -> Exit:
    """Return what leads on from where a run stands; a draft is not on the page."""
    fits = (way for way in EXITS if way.state is run.state and way.when(run, lora))
    return next(fits)
