"""A filter in words: what can be chosen, and a chip for each choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from fluxlora_desktop.domain.bases import title_of
from fluxlora_desktop.domain.gallery import Period, PictureFilter, PictureSort
from fluxlora_desktop.domain.services import service_title

SORTS = {
    PictureSort.NEWEST: "Newest first",
    PictureSort.OLDEST: "Oldest first",
    PictureSort.BEST: "Best rated",
    PictureSort.NAME: "By prompt",
}
PERIODS = {
    Period.ANY: "Any time",
    Period.TODAY: "Today",
    Period.WEEK: "Last 7 days",
    Period.MONTH: "Last 30 days",
    Period.YEAR: "This year",
    Period.RANGE: "From … to …",
}
RATINGS = ("Any rating", "1 or better", "2 or better", "3 or better", "4 or better", "Only 5")
IMPORTED = "Imported"
MADE_HERE = "Made here"


@dataclass(frozen=True, slots=True)
class Chip:
    """One thing that is asked for, in words, and the filter without it."""

    words: str
    without: PictureFilter


def chips_of(chosen: PictureFilter, loras: Mapping[str, str]) -> tuple[Chip, ...]:
    """Return what a filter asks for beside words; `loras` are names by id."""
    query = chosen.query
    fields = {
        "trashed": "In the trash" if query.trashed else "",
        "lora_id": loras.get(query.lora_id, "A deleted LoRA") if query.lora_id else "",
        "base": title_of(query.base) if query.base else "",
        "generator": f"Made by {service_title(query.generator)}" if query.generator else "",
        "source": f"From {query.source}" if query.source else "",
        "imported": "" if query.imported is None else IMPORTED if query.imported else MADE_HERE,
        "rating": f"Rated {RATINGS[query.rating].lower()}" if query.rating else "",
        "favourite": "Starred" if query.favourite else "",
        "tag": f"Tag: {query.tag}" if query.tag else "",
        "grid_id": "Of one grid" if query.grid_id else "",
    }
    plain = PictureFilter().query
    found = [
        Chip(words, replace(chosen, query=replace(query, **{name: getattr(plain, name)})))
        for name, words in fields.items()
        if words
    ]
    if chosen.period is not Period.ANY:
        found.insert(0, Chip(period_words(chosen), replace(chosen, period=Period.ANY)))
    return tuple(found)


def period_words(chosen: PictureFilter) -> str:
    """Return when a picture must have been made."""
    if chosen.period is not Period.RANGE:
        return PERIODS[chosen.period]
    first, last = chosen.first, chosen.last
    if first is None or last is None:
        return f"From {_day(first)}" if first else f"Until {_day(last)}" if last else "Any time"
    return f"{_day(first)} to {_day(last)}"


def _day(day: date | None) -> str:
    return day.isoformat() if day is not None else ""
