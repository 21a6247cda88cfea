"""The buttons of a run: what the table of exits holds, as far as there is something behind it."""

from __future__ import annotations

from dataclasses import dataclass

from fluxlora_desktop.domain.loras import Lora, PublicationStatus
from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.runs import BEFORE_LAUNCH, FINAL, Run, RunState
from fluxlora_desktop.domain.services import AI_TOOLKIT
from fluxlora_desktop.ui.runs.exits import ALWAYS, TOKEN_TROUBLE, Ask, Exit, exit_of
from fluxlora_desktop.ui.wording import price_range

MOST_IN_A_ROW = 3
"""One primary button and two others; whatever else can be asked is a link."""

_QUIET = frozenset(
    {Ask.OPEN_AT_SERVICE, Ask.OPEN_ON_HUB, Ask.OPEN_RUNS_PAGE, Ask.SHOW_IN_LIBRARY, Ask.REMOVE}
    | {Ask.CAPTIONS, Ask.USE_PHOTOS, Ask.COMPARE, Ask.LINEAGE, Ask.CHARGES}
    | {Ask.FIND_STRENGTH, Ask.FORGET}
)
_WHILE_OPEN = frozenset(
    {Ask.LOOK_NOW, Ask.SAY_FOUND, Ask.SAY_ABSENT, Ask.CANCEL, Ask.CANCEL_IF_FOUND, Ask.LET_IT_RUN}
    | {Ask.PAUSE}
)
_WORDS = {
    Ask.CANCEL: "Cancel",
    Ask.PAUSE: "Pause",
    Ask.GO_ON: "Go on with it",
    Ask.ACCEPT_TERMS: "Open the model's page",
    Ask.THIS_COMPUTER: "This computer",
    Ask.FORGET: "Delete the checkpoints",
    Ask.LOOK_NOW: "Look now",
    Ask.LOOK_AGAIN: "Ask the service again",
    Ask.SAY_FOUND: "I found it",
    Ask.SAY_ABSENT: "It is not there",
    Ask.CANCEL_IF_FOUND: "Cancel training if found",
    Ask.LET_IT_RUN: "Let it run if found",
    Ask.OPEN_RUNS_PAGE: "Look at the service yourself",
    Ask.BILLING: "Open billing",
    Ask.SETTINGS: "Replace the token",
    Ask.HUB_SETTINGS: "Replace the token",
    Ask.FREE_SPACE: "Free space",
    Ask.CHOOSE_NAME: "Choose another name",
    Ask.MAKE_PICTURES: "Make pictures",
    Ask.FIND_STRENGTH: "Find the best strength",
    Ask.PUBLISH: "Publish now",
    Ask.LOOK_IN_VERSION: "Look in the model version",
    Ask.REPORT: "Copy a report",
    Ask.OPEN_AT_SERVICE: "Open at the service",
    Ask.OPEN_ON_HUB: "Open on the hub",
    Ask.SHOW_IN_LIBRARY: "Show in library",
    Ask.USE_PHOTOS: "Use these photos anew",
    Ask.COMPARE: "Compare with another",
    Ask.LINEAGE: "From photos to pictures",
    Ask.CAPTIONS: "Captions the trainer wrote",
    Ask.CHARGES: "See its charges",
    Ask.LIMIT: "Change the limit",
    Ask.REMOVE: "Remove from list",
}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What is known around a run: which pages its service has, and what is under way.

    `runs_page` is the address of the page with all trainings, `cancel_wished` tells whether a
    launch in doubt is to be cancelled if it is found, `work_under_way` whether the Lora is being
    published right now, `settling` whether a person's word about the run is being checked,
    `captions` whether its trainer wrote some, `charges` whether the ledger has some. `can_pause`
    and `can_resume` are its backend's, `base_page` the address where its base's terms are accepted,
    `kept_bytes` what it has left on this computer.
    """

    can_cancel: bool = True
    billing: bool = False
    runs_page: str = ""
    version_page: str = ""
    storage_page: str = ""
    cancel_wished: bool = False
    work_under_way: bool = False
    settling: bool = False
    captions: bool = False
    charges: bool = False
    can_pause: bool = False
    can_resume: bool = False
    base_page: str = ""
    kept_bytes: int = 0


_NOTHING = Around()
_BILLED = "What ran so far may be billed."
_KEPT_HERE = "Its samples and checkpoints stay until you delete them."


def next_step(run: Run, lora: Lora | None = None) -> str:
    """Return what happens next by itself, and what a person may rely on."""
    if run.state is RunState.DRAFT:
        return ""
    way = exit_of(run, lora)
    return " ".join(words for words in (way.goes_on, way.safe) if words)


def offers_for(run: Run, lora: Lora | None, around: Around = _NOTHING) -> tuple[Offer, ...]:
    """Return what can be asked for a run as it stands."""
    way = exit_of(run, lora)
    asks = dict.fromkeys((*way.asks, *ALWAYS, *((Ask.REMOVE,) if run.state in FINAL else ())))
    offers: list[Offer] = []
    for ask in asks:
        if _possible(ask, run, lora, around):
            main = ask not in _QUIET and sum(offer.main for offer in offers) < MOST_IN_A_ROW
            offers.append(Offer(ask, _words(ask, way, run, around), main))
    return tuple(offers)


def _possible(ask: Ask, run: Run, lora: Lora | None, around: Around) -> bool:
    """Tell whether there is something behind an ask."""
    if around.settling and ask in _WHILE_OPEN:
        return False
    publication = lora.publication if lora is not None else None
    there = publication is not None and publication.status is not PublicationStatus.MISSING
    known = {
        # The photos of a recovered run are not here to be trained on anew.
        Ask.TRY_AGAIN: not run.recovered or run.failed_at is RunState.COLLECTING,
        Ask.CANCEL: around.can_cancel or run.state in BEFORE_LAUNCH,
        Ask.CANCEL_IF_FOUND: around.can_cancel and not around.cancel_wished,
        Ask.LET_IT_RUN: around.cancel_wished,
        Ask.OPEN_RUNS_PAGE: bool(around.runs_page),
        Ask.BILLING: around.billing and run.error_kind == "PaymentRequired",
        Ask.SETTINGS: run.error_kind in TOKEN_TROUBLE,
        Ask.FREE_SPACE: bool(around.storage_page),
        Ask.LOOK_AGAIN: run.may_be_looked_for,
        Ask.PAUSE: around.can_pause,
        Ask.GO_ON: around.can_resume and (run.paused or run.may_be_looked_for),
        Ask.ACCEPT_TERMS: bool(around.base_page),
        Ask.THIS_COMPUTER: run.plan.backend != AI_TOOLKIT,  # that page knows nothing of it
        Ask.FORGET: run.state in FINAL and around.kept_bytes > 0,
        Ask.LOOK_IN_VERSION: bool(around.version_page),
        Ask.OPEN_AT_SERVICE: bool(run.page),
        Ask.MAKE_PICTURES: lora is not None,
        Ask.FIND_STRENGTH: lora is not None and run.state is RunState.READY,
        Ask.SHOW_IN_LIBRARY: lora is not None,
        Ask.PUBLISH: lora is not None and not around.work_under_way,
        Ask.CHOOSE_NAME: lora is not None and not around.work_under_way,
        Ask.OPEN_ON_HUB: there,
        Ask.USE_PHOTOS: run.version_id is not None and not run.recovered,
        Ask.COMPARE: run.version_id is not None and not run.recovered,
        Ask.LINEAGE: lora is not None,
        Ask.CAPTIONS: around.captions,
        Ask.CHARGES: around.charges,
    }
    return known.get(ask, True)


def _words(ask: Ask, way: Exit, run: Run, around: Around) -> str:
    if ask is Ask.TRY_AGAIN:
        return try_again_words(run)
    if ask is Ask.OPEN_RUNS_PAGE:
        return f"Open {around.runs_page.removeprefix('https://')}"
    return way.words.get(ask, _WORDS[ask])


def try_again_words(run: Run) -> str:
    """Return the words of Try again, with the price where a training is launched."""
    words = exit_of(run).words.get(Ask.TRY_AGAIN, "Try again for {price}")
    if run.price_low is None or run.price_high is None or run.free:
        return words.partition("{price}")[0].rstrip(" ,").removesuffix(" for")
    return words.format(price=price_range(Estimate(run.price_low, run.price_high)))


def question_for(ask: Ask, run: Run, service: str) -> Question | None:
    """Return what is asked before something that costs money or cannot be taken back, or None."""
    if ask is Ask.CANCEL:
        cost = "Nothing was charged so far." if run.state in BEFORE_LAUNCH else _BILLED
        cost = _KEPT_HERE if run.free else cost
        return Question(f"Cancel the training? {cost}", "Keep training", "Cancel the training")
    if ask is Ask.TRY_AGAIN and run.failed_at is not RunState.COLLECTING:
        if run.free:
            says = "A new training begins from the start. What this one made stays."
            return Question(says, "Not now", try_again_words(run))
        says = "A new training begins, and is paid like any other."
        if run.error_kind == "PriceChanged":
            says = "The training starts, and costs what it costs now."
        if run.may_be_looked_for:
            says += " Asking the service again about the old one costs nothing."
        return Question(says, "Not now", try_again_words(run), paid=True)
    if ask is Ask.FORGET:
        says = (
            "Delete the samples and checkpoints of this training? LoRAs in your library stay; "
            "a training that is not done cannot be gone on with."
        )
        return Question(says, "Keep them", "Delete them")
    if ask is Ask.SAY_ABSENT:
        says = (
            f"Did you look at {service}, and is there no such training? "
            "One that did start would run on unseen, and a second one is paid again."
        )
        return Question(says, "Go on looking", "It is not there")
    if ask is Ask.SAY_FOUND:
        says = f"What is the training's id, or the address of its page, at {service}?"
        return Question(says, "Go on looking", "Take it on", asks_for="Id or address")
    if ask is Ask.CHOOSE_NAME:
        says = "Under which name shall the LoRA be published?"
        return Question(says, "Not now", "Publish it", asks_for="Name of the repo")
    return None
