"""What the app itself keeps of a job, in `app.json` of its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from fluxlora_desktop.backends.local.files import read_json, write_json
from fluxlora_desktop.domain.training import ParameterValue

NOTE = "app.json"
_MOST_STARTS = 1_000_000


class Wish(StrEnum):
    """What a person wants of a job, besides that it trains."""

    NONE = ""
    PAUSE = "pause"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One job as the app ordered it, and how its starts went.

    `kind` is the key of the backend that trains it. `step` is the last checkpoint's when it was
    last started, `fruitless` how many starts in a row made no later one. `gpu` is the number of the
    GPU that it was given last, None before its first start.
    """

    kind: str
    run_id: str
    trainer: str
    base: str
    trigger_word: str
    destination: str
    created_at: datetime
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    steps: int = 0
    wish: Wish = Wish.NONE
    wished_at: datetime | None = None
    starts: int = 0
    step: int = 0
    fruitless: int = 0
    gpu: int | None = None

    def with_wish(self, wish: Wish) -> Note:
        """Return the note with what a person wants now."""
        return replace(self, wish=wish, wished_at=datetime.now(UTC) if wish else None)


def write_note(job: Path, note: Note) -> None:
    """Keep a job's note; raises `OSError`."""
    write_json(
        job / NOTE,
        {
            "v": 1,
            "kind": note.kind,
            "run_id": note.run_id,
            "trainer": note.trainer,
            "base": note.base,
            "trigger_word": note.trigger_word,
            "destination": note.destination,
            "created_at": note.created_at.isoformat(),
            "parameters": dict(note.parameters),
            "steps": note.steps,
            "wish": note.wish.value,
            "wished_at": note.wished_at.isoformat() if note.wished_at else "",
            "starts": note.starts,
            "step": note.step,
            "fruitless": note.fruitless,
            "gpu": note.gpu,
        },
    )


def read_note(job: Path) -> Note | None:
    """Return a job's note, None where there is none that can be read."""
    said = read_json(job / NOTE)
    if said is None:
        return None
    try:
        return Note(
            kind=str(said["kind"]),
            run_id=str(said["run_id"]),
            trainer=str(said["trainer"]),
            base=str(said["base"]),
            trigger_word=str(said["trigger_word"]),
            destination=str(said["destination"]),
            created_at=_moment(said["created_at"]),
            parameters={
                str(name): value
                for name, value in dict(said["parameters"]).items()
                if isinstance(value, int | float | str)
            },
            steps=_count(said["steps"]),
            wish=Wish(said["wish"]),
            wished_at=_moment(said["wished_at"]) if said["wished_at"] else None,
            starts=_count(said["starts"]),
            step=_count(said["step"]),
            fruitless=_count(said["fruitless"]),
            gpu=None if said["gpu"] is None else _count(said["gpu"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _moment(text: object) -> datetime:
    moment = datetime.fromisoformat(str(text))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_STARTS:
        raise ValueError(f"{value!r} is no count")
    return value
