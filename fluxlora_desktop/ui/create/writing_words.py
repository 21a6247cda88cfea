"""What the panel for automatic captions says, from values alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fluxlora_desktop.domain.captioning import CaptionerAbilities, CaptionModel
from fluxlora_desktop.domain.errors import AppError, InputError, OutcomeUnknown, TokenMissing
from fluxlora_desktop.domain.services import service_title
from fluxlora_desktop.ui.desks.captioning import CaptionOffer, Writing
from fluxlora_desktop.ui.notices import Action, Notice, notice_for, waiting_title
from fluxlora_desktop.ui.wording import plural, price_range, time_range

MAY_BE_BLIND = "may not see pictures"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something did not come about, and the one button that leads on."""

    says: str
    action: Action = Action.NONE
    button: str = ""
    target: str = ""


def offer_trouble(offer: CaptionOffer) -> Trouble | None:
    """Return why an offer cannot be used now, or None."""
    error = offer.trouble
    if error is None:
        return None
    if isinstance(error, TokenMissing):
        title = service_title(offer.key)
        return Trouble(f"{title} is not connected.", Action.SETTINGS, f"Connect {title}", offer.key)
    if isinstance(error, InputError):
        return Trouble(error.reason)
    return _of_notice(notice_for(error), own=offer.abilities.takes_address)


def ended_trouble(error: object, *, own: bool) -> Trouble | None:
    """Return why an order ended early, or None."""
    if not isinstance(error, BaseException):
        return None
    return _of_notice(notice_for(error), own=own)


def _of_notice(notice: Notice, *, own: bool) -> Trouble:
    says = " ".join(filter(None, (notice.title, notice.body)))
    known = {Action.SETTINGS, Action.BILLING, Action.STATUS_PAGE, Action.RETRY}
    if notice.action not in known or (own and notice.action is not Action.RETRY):
        return Trouble(says)
    return Trouble(says, notice.action, notice.button, notice.target)


def model_title(model: CaptionModel) -> str:
    """Return how a model is called in the list."""
    return model.title if model.sees else f"{model.title} ({MAY_BE_BLIND})"


def price_words(abilities: CaptionerAbilities, model: str, count: int) -> tuple[str, str]:
    """Return the price and time of so many photos, and where the numbers come from."""
    if not count or not model:
        return "", ""
    one = abilities.model(model)
    estimate = one.estimate().times(count)
    if one.free:
        return f"Free, {time_range(estimate)}", estimate.basis
    known = (
        price_range(estimate) if one.price else f"Price not known, perhaps {price_range(estimate)}"
    )
    return f"{known[:1].upper()}{known[1:]}, {time_range(estimate)}", estimate.basis


def button_words(count: int, replaced: int) -> str:
    """Return the words of the button that begins."""
    if replaced and replaced == count:
        return f"Replace {plural(count, 'caption')}"
    if replaced:
        return f"Write {count - replaced} and replace {plural(replaced, 'caption')}"
    return f"Write {plural(count, 'caption')}"


def progress_words(writing: Writing, names: Mapping[str, str]) -> str:
    """Return how far an order is: "3 of 12: fox.jpg"."""
    if not writing.place:
        return f"Starting, {plural(writing.total, 'photo')}"
    name = names.get(writing.current, "")
    return f"{writing.place} of {writing.total}{f': {name}' if name else ''}"


def wait_words(writing: Writing, seconds: float) -> str:
    """Return that the service asked to wait, with what is left of it."""
    return waiting_title(writing.order.captioner, seconds)


def outcome_words(writing: Writing) -> str:
    """Return how an order ended."""
    count = plural(writing.written, "caption") if writing.written else "No caption"
    parts = [f"{count} written."]
    if writing.yours:
        noun = "photo has" if writing.yours == 1 else "photos have"
        parts.append(f"{writing.yours} {noun} words that you wrote meanwhile; they stay.")
    if writing.failed:
        parts.append(f"{plural(len(writing.failed), 'photo')} without a caption.")
    if writing.not_sent:
        why = "You stopped it" if writing.stopped else "It ended early"
        parts.append(
            f"{why}: {plural(writing.not_sent, 'photo')} not sent, nothing charged for it."
        )
    return " ".join(parts)


def failure_words(error: AppError, *, paid: bool) -> str:
    """Return in one line why a photo has no caption, and whether that cost something."""
    if isinstance(error, OutcomeUnknown):
        return "No clear answer came. It may have been charged; it is not sent again by itself."
    if isinstance(error, InputError):
        cost = " The answer was charged." if paid else ""
        return f"{error.reason.rstrip('.')}.{cost}"
    notice = notice_for(error)
    return " ".join(filter(None, (notice.title, notice.body)))
