"""What can be asked for a run in each state: one table, walked by a test."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.runs import AT_SERVICE, BEFORE_LAUNCH, FINAL, Run, RunState
from fluxlora_desktop.ui.wording import price_range


class Ask(StrEnum):
    """One thing that a person can ask for a run."""

    CANCEL = "cancel"
    TRY_AGAIN = "try_again"
    LOOK_NOW = "look_now"
    LOOK_AGAIN = "look_again"
    SAY_FOUND = "say_found"
    SAY_ABSENT = "say_absent"
    OPEN_RUNS_PAGE = "open_runs_page"
    BILLING = "billing"
    SETTINGS = "settings"
    MAKE_PICTURES = "make_pictures"
    PUBLISH = "publish"
    OPEN_AT_SERVICE = "open_at_service"
    OPEN_ON_HUB = "open_on_hub"
    SHOW_IN_LIBRARY = "show_in_library"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked before something that cannot be taken back, that is `paid`, or for a text."""

    says: str
    no: str
    yes: str
    asks_for: str = ""
    paid: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """An ask with its words; `main` ones are buttons below, the first of them the primary one."""

    ask: Ask
    says: str
    main: bool = False


_BILLED = "What ran so far may be billed."
_TOKEN_TROUBLE = frozenset({"CredentialError", "TokenMissing", "TokenRejected", "ScopeMissing"})
_NEXT_STEP = {
    RunState.PACKAGING: "Nothing was sent and nothing was charged so far.",
    RunState.UPLOADING: "The training starts when the photos are there. Nothing was charged yet.",
    RunState.LAUNCHING: "Waiting for the service's answer. It takes a few seconds.",
    RunState.UNKNOWN: "The app goes on looking by itself.",
    RunState.QUEUED: "It starts by itself. You can close the app.",
    RunState.TRAINING: "It goes on at the service when you close the app.",
    RunState.COLLECTING: "The weights are checked when they are here.",
    RunState.PUBLISHING: "The LoRA is safe on this computer. It is sent to the hub now.",
    RunState.READY: "The LoRA is in your library.",
    RunState.FAILED: "",
    RunState.CANCELLED: "The photos and captions are kept.",
}


def next_step(run: Run) -> str:
    """Return what happens next by itself, or what a person may rely on, in one sentence."""
    return _NEXT_STEP.get(run.state, "")


def offers_for(
    run: Run,
    lora: Lora | None,
    *,
    can_cancel: bool = True,
    billing: bool = False,
    runs_page: bool = False,
    work_under_way: bool = False,
    settling: bool = False,
) -> tuple[Offer, ...]:
    """Return what can be asked for a run as it stands.

    `billing` and `runs_page` tell whether the service has such pages, `work_under_way` whether the
    Lora is being published right now, `settling` whether a person's word about it is being checked.
    """
    offers = [] if settling else _while_open(run, can_cancel)
    if run.state is RunState.UNKNOWN and runs_page:
        offers.append(Offer(Ask.OPEN_RUNS_PAGE, "Look at the service yourself"))
    if run.state in {RunState.FAILED, RunState.CANCELLED}:
        offers += _after_trouble(run, billing)
    if run.state is RunState.READY and lora is not None:
        offers += _with_lora(lora, work_under_way)
    if run.page:
        offers.append(Offer(Ask.OPEN_AT_SERVICE, "Open at the service"))
    if lora is not None:
        offers.append(Offer(Ask.SHOW_IN_LIBRARY, "Show in library"))
    if run.state in FINAL:
        offers.append(Offer(Ask.REMOVE, "Remove from list"))
    return tuple(offers)


def _while_open(run: Run, can_cancel: bool) -> list[Offer]:
    offers = []
    waits = bool(run.attention) and run.state in AT_SERVICE | {RunState.COLLECTING}
    if waits or run.state is RunState.UNKNOWN:
        offers.append(Offer(Ask.LOOK_NOW, "Look now", main=True))
    if run.state is RunState.UNKNOWN:
        offers.append(Offer(Ask.SAY_FOUND, "I found it", main=True))
        offers.append(Offer(Ask.SAY_ABSENT, "It is not there", main=True))
    if run.state in BEFORE_LAUNCH or (run.state in AT_SERVICE and can_cancel):
        offers.append(Offer(Ask.CANCEL, "Cancel", main=True))
    return offers


def _after_trouble(run: Run, billing: bool) -> list[Offer]:
    offers = []
    if run.error_kind == "PaymentRequired" and billing:
        offers.append(Offer(Ask.BILLING, "Open billing", main=True))
    if run.error_kind in _TOKEN_TROUBLE:
        offers.append(Offer(Ask.SETTINGS, "Open Settings", main=True))
    if run.may_be_looked_for:
        offers.append(Offer(Ask.LOOK_AGAIN, "Ask the service again", main=True))
    return [Offer(Ask.TRY_AGAIN, try_again_words(run), main=True), *offers]


def _with_lora(lora: Lora, work_under_way: bool) -> list[Offer]:
    offers = [Offer(Ask.MAKE_PICTURES, "Make pictures", main=True)]
    if lora.publication is not None:
        offers.append(Offer(Ask.OPEN_ON_HUB, "Open on the hub"))
    elif not work_under_way:
        offers.append(Offer(Ask.PUBLISH, "Publish now", main=True))
    return offers


def try_again_words(run: Run) -> str:
    """Return the words of Try again, with the price where a training is launched."""
    if run.state is RunState.FAILED and run.failed_at is RunState.COLLECTING:
        return "Fetch the weights again"
    if run.price_low is None or run.price_high is None:
        return "Try again"
    return f"Try again for {price_range(Estimate(run.price_low, run.price_high))}"


def question_for(ask: Ask, run: Run, service: str) -> Question | None:
    """Return what is asked before something that costs money or cannot be taken back, or None."""
    if ask is Ask.CANCEL:
        cost = "Nothing was charged so far." if run.state in BEFORE_LAUNCH else _BILLED
        return Question(f"Cancel the training? {cost}", "Keep training", "Cancel the training")
    if ask is Ask.TRY_AGAIN and run.failed_at is not RunState.COLLECTING:
        says = "A new training begins, and is paid like any other."
        if run.may_be_looked_for:
            says += " Asking the service again about the old one costs nothing."
        return Question(says, "Not now", try_again_words(run), paid=True)
    if ask is Ask.SAY_ABSENT:
        says = (
            f"Did you look at {service}, and is there no such training? "
            "One that did start would run on unseen, and a second one is paid again."
        )
        return Question(says, "Go on looking", "It is not there")
    if ask is Ask.SAY_FOUND:
        says = f"What is the training's id, or the address of its page, at {service}?"
        return Question(says, "Go on looking", "Take it on", asks_for="Id or address")
    return None
