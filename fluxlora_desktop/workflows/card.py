"""Which pictures stand on a Lora's card on the hub."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.gallery import PictureQuery
from fluxlora_desktop.domain.pictures import CardPicture, Picture, PictureState
from fluxlora_desktop.workflows.tools import Tools

MOST_ON_CARD = 12
"""Pictures on one card at most: they are all shown at once, and a repo is no album."""
_OFFERED = 500
_MOST_BYTES = 20_000_000


def pictures_of(lora_id: str, tools: Tools) -> tuple[Picture, ...]:
    """Return the pictures that a Lora's card can show: the newest 500, and those on it by now."""
    published = tools.stores.loras.get(lora_id).publication
    ids = tools.stores.pictures.ids(PictureQuery(lora_id=lora_id))[:_OFFERED]
    return _shown((*ids, *(published.pictures if published else ())), tools)


def still_there(picture_ids: Sequence[str], tools: Tools) -> tuple[str, ...]:
    """Return those of these pictures that a card can still show, in the same order."""
    return tuple(picture.id for picture in _shown(picture_ids, tools))


@contextmanager
def card_pictures(picture_ids: Sequence[str], tools: Tools) -> Iterator[tuple[CardPicture, ...]]:
    """Lend copies of pictures for a card, without any metadata, in this order.

    Those that are no longer in the library are left out. Raises `InputError` for more pictures, or
    larger ones, than a card takes.
    """
    if len(picture_ids) > MOST_ON_CARD:
        raise InputError("pictures", f"at most {MOST_ON_CARD} on one card")
    with tempfile.TemporaryDirectory(prefix="fluxlora-card-") as folder:
        yield tuple(_copy(picture, Path(folder), tools) for picture in _shown(picture_ids, tools))


def _shown(picture_ids: Sequence[str], tools: Tools) -> tuple[Picture, ...]:
    files = tools.stores.files
    return tuple(
        picture
        for picture in tools.stores.pictures.page(tuple(dict.fromkeys(picture_ids)))
        if picture.state is PictureState.DONE
        and picture.trashed_at is None
        and files.resolve(picture.file).is_file()
    )


def _copy(picture: Picture, folder: Path, tools: Tools) -> CardPicture:
    source = tools.stores.files.resolve(picture.file)
    copy = folder / f"{picture.id}{source.suffix}"
    tools.pictures.without_text(source, copy)
    size = copy.stat().st_size
    if size > _MOST_BYTES:
        most = f"{_MOST_BYTES / 1e6:.0f} MB"
        raise InputError("pictures", f"{source.name} is larger than {most}. Leave it out.")
    return CardPicture(copy, picture.prompt)
