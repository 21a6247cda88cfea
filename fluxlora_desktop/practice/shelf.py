"""What a practice service keeps on disk: one JSON file for each thing."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar


class Kept(Protocol):
    """A frozen dataclass that can lie on a shelf."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def id(self) -> str:
        """What the thing is found by."""

    @property
    def created_at(self) -> float:
        """When it was made, in seconds since the epoch."""


T = TypeVar("T", bound=Kept)


class Shelf(Generic[T]):
    """All things of one kind, in memory and on disk; changed from one event loop only."""

    def __init__(self, folder: Path, read: Callable[[dict[str, Any]], T]) -> None:
        """Take up what lies in the folder; `read` makes a thing of the fields in its file."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._things: dict[str, T] = {}
        for path in sorted(folder.glob("*.json")):
            thing = read(json.loads(path.read_text("utf-8")))
            self._things[thing.id] = thing

    def __iter__(self) -> Iterator[T]:
        """Go through all things, newest first."""
        return iter(sorted(tuple(self._things.values()), key=lambda thing: -thing.created_at))

    def get(self, thing_id: str) -> T | None:
        """Return a thing, or None."""
        return self._things.get(thing_id)

    def put(self, thing: T) -> None:
        """Keep a thing in the place of the one with its id."""
        self._things[thing.id] = thing
        path = self._path(thing.id)
        temporary = path.with_suffix(".tmp")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(asdict(thing), file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)

    def delete(self, thing_id: str) -> None:
        """Forget a thing."""
        del self._things[thing_id]
        self._path(thing_id).unlink(missing_ok=True)

    def _path(self, thing_id: str) -> Path:
        return self._folder / f"{thing_id.replace('/', '__')}.json"


def tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields with tuples where JSON has lists."""
    return {name: tuple(it) if isinstance(it, list) else it for name, it in fields.items()}
