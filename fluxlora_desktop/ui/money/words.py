"""What the money screens say, from values alone."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from fluxlora_desktop.domain.errors import LimitReached
from fluxlora_desktop.domain.money import Certainty
from fluxlora_desktop.domain.services import service_title
from fluxlora_desktop.domain.spending import (
    NONE,
    GroupBy,
    LedgerGroup,
    LedgerLine,
    LedgerLora,
    Month,
    Standing,
    Sum,
)
from fluxlora_desktop.ui.units import plural
from fluxlora_desktop.ui.wording import usd

MAYBE = "may have been charged"
KINDS = {"training": "Training", "picture": "Picture", "caption": "Caption"}
GROUPS: tuple[tuple[GroupBy | None, str, str], ...] = (
    (None, "Every charge", ""),
    (GroupBy.MONTH, "By month", "Month"),
    (GroupBy.SERVICE, "By service", "Service"),
    (GroupBy.KIND, "By kind", "Kind"),
    (GroupBy.RUN, "By training", "Training"),
    (GroupBy.LORA, "By LoRA", "LoRA"),
)
"""How the ledger can be shown: what is added up, the choice, the title of the first column."""

_OTHERS = {GroupBy.RUN: "Pictures and captions", GroupBy.LORA: "Without a LoRA"}


def kind_title(kind: str) -> str:
    """Return what a kind of charge is called."""
    return KINDS.get(kind, kind.capitalize())


def subject_of(line: LedgerLine) -> str:
    """Return what a charge was for, in one line."""
    charge = line.charge
    name = line.run_name or line.prompt or charge.note
    return " ".join(" · ".join(part for part in (kind_title(charge.kind), name) if part).split())


def lora_name(lora: LedgerLora) -> str:
    """Return a Lora's name, or that nobody knows it any more."""
    return lora.name or "a deleted LoRA"


def loras_of(line: LedgerLine) -> str:
    """Return the Loras that a charge belongs to; a picture of two belongs to both."""
    return " and ".join(lora_name(lora) for lora in line.loras)


def group_name(group: LedgerGroup) -> str:
    """Return what a group of charges is called."""
    if group.key == NONE:
        return _OTHERS.get(group.by, "Other")
    if group.by is GroupBy.MONTH:
        return Month.parse(group.key).title
    if group.by is GroupBy.SERVICE:
        return service_title(group.key)
    if group.by is GroupBy.KIND:
        return kind_title(group.key)
    missing = "A deleted LoRA" if group.by is GroupBy.LORA else "Unnamed"
    return group.name or missing


def place_words(group: LedgerGroup) -> str:
    """Return what the page says it shows, once a group was opened."""
    titles = {by: title for by, _says, title in GROUPS}
    return f"{titles[group.by]}: {group_name(group)}"


def line_says(line: LedgerLine) -> str:
    """Return a charge as a screen reader says it."""
    charge = line.charge
    unsure = f", {MAYBE}" if charge.certainty is Certainty.MAYBE else ""
    return f"{subject_of(line)}, {usd(charge.amount_usd)}{unsure}"


def sum_words(total: Sum) -> str:
    """Return a sum in words, with what is unsure apart."""
    said = f"{plural(total.count, 'charge')}: {usd(total.charged)} charged"
    return f"{said}, {usd(total.maybe)} {MAYBE}." if total.maybe else f"{said}."


def standing_words(now: Standing, whole: Sum) -> tuple[str, str]:
    """Return how the month stands, and what was spent in all, as two lines."""
    spent = now.spent
    month = [f"{now.month.title}: {usd(spent.charged)} charged."]
    if spent.maybe:
        month.append(f"{usd(spent.maybe)} {MAYBE}: the answer was lost.")
    if now.under_way:
        month.append(f"Up to {usd(now.under_way)} more is ordered or under way.")
    total = f"In all: {usd(whole.charged)} charged"
    return " ".join(month), f"{total}, {usd(whole.maybe)} {MAYBE}." if whole.maybe else f"{total}."


def limit_says(now: Standing) -> str:
    """Return how near the limit is."""
    if now.limit is None:
        return "No limit is set. With one, the app asks before it is passed."
    left = now.limit - now.reach
    if left < 0:
        return f"The limit of {usd(now.limit)} is passed: whatever costs money asks first."
    return f"{usd(left)} left of {usd(now.limit)}. The app asks before it is passed."


def question_words(error: LimitReached) -> tuple[str, str]:
    """Return the question whether the limit may be passed, and what stands behind its numbers."""
    asks = (
        f"This would bring {error.month} to about {usd(error.reach)}; "
        f"your limit is {usd(error.limit)}."
    )
    says = (
        f"It costs up to {usd(error.price)} itself. What was charged, what may have been charged "
        "and what is under way is counted with it. Nothing was sent."
    )
    return asks, says


def limit_text(limit: Decimal | None) -> str:
    """Return a limit as it stands in its field."""
    if limit is None:
        return ""
    whole = limit.quantize(Decimal(1), ROUND_DOWN)
    return f"{whole}" if whole == limit else f"{limit:.2f}"
