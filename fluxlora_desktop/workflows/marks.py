"""What a person says about pictures: favourite, rating, tags; for thousands of them at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.workflows.tools import Tools

MOST_TAGS = 50
"""How many tags a picture bears at most."""


@dataclass(frozen=True, slots=True)
class Marked:
    """Pictures that were changed, as they were and as they are."""

    before: tuple[Picture, ...] = ()
    after: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class TagSheet:
    """The tags of some pictures with how many bear each, and every tag of the library by name."""

    ids: tuple[str, ...]
    used: Mapping[str, int]
    known: tuple[str, ...]


def toggle_favourite(ids: Sequence[str], tools: Tools) -> Marked:
    """Make all of them favourites, or none when all of them are."""
    pictures = tools.stores.pictures.page(ids)
    favourite = not all(picture.favourite for picture in pictures)
    before = tuple(picture for picture in pictures if picture.favourite is not favourite)
    tools.stores.pictures.mark([picture.id for picture in before], favourite=favourite)
    return Marked(before, tuple(replace(picture, favourite=favourite) for picture in before))


def rate(ids: Sequence[str], rating: int, tools: Tools) -> Marked:
    """Rate pictures from 1 to 5, or take their rating away with 0."""
    if not 0 <= rating <= 5:
        raise ValueError(f"a rating is 0 to 5, not {rating}")
    pictures = tools.stores.pictures.page(ids)
    before = tuple(picture for picture in pictures if picture.rating != rating)
    tools.stores.pictures.mark([picture.id for picture in before], rating=rating)
    return Marked(before, tuple(replace(picture, rating=rating) for picture in before))


def tag(ids: Sequence[str], add: Sequence[str], remove: Sequence[str], tools: Tools) -> Marked:
    """Give pictures some tags and take others from them; a picture keeps at most `MOST_TAGS`."""
    before: list[Picture] = []
    after: list[Picture] = []
    for picture in tools.stores.pictures.page(ids):
        kept = [own for own in picture.tags if own not in remove]
        tags = tuple(sorted(dict.fromkeys([*kept, *add])))[:MOST_TAGS]
        if tags != picture.tags:
            before.append(picture)
            after.append(replace(picture, tags=tags))
    tools.stores.pictures.set_tags({picture.id: picture.tags for picture in after})
    return Marked(tuple(before), tuple(after))


def take_back(marked: Marked, tools: Tools) -> Marked:
    """Give pictures the marks that they had; what else changed meanwhile stays."""
    store = tools.stores.pictures
    pairs = list(zip(marked.before, marked.after, strict=True))
    ratings: dict[int, list[str]] = {}
    favourites: dict[bool, list[str]] = {}
    for old, new in pairs:
        if old.rating != new.rating:
            ratings.setdefault(old.rating, []).append(old.id)
        if old.favourite is not new.favourite:
            favourites.setdefault(old.favourite, []).append(old.id)
    for rating, ids in ratings.items():
        store.mark(ids, rating=rating)
    for favourite, ids in favourites.items():
        store.mark(ids, favourite=favourite)
    tags = {old.id: old.tags for old, new in pairs if old.tags != new.tags}
    if tags:
        store.set_tags(tags)
    return Marked(marked.after, store.page([old.id for old in marked.before]))


def tag_sheet(ids: Sequence[str], tools: Tools) -> TagSheet:
    """Return what is to be known before the tags of some pictures are changed."""
    used = Counter(own for picture in tools.stores.pictures.page(ids) for own in picture.tags)
    known = tuple(name for name, _count in tools.stores.pictures.tags())
    return TagSheet(tuple(ids), used, known)
