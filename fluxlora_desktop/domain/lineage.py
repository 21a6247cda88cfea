"""One line from photo to picture: what a Lora was made of, and what was made with it."""

from __future__ import annotations

from dataclasses import dataclass

from fluxlora_desktop.domain.datasets import DatasetVersion
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.domain.runs import Run


@dataclass(frozen=True, slots=True)
class Lineage:
    """The line that leads through one Lora or, where there is none yet, through one run.

    `name` and `tensor_hash` tell a Lora that is not in the library any more. `version` is None for
    an imported Lora and for a run that was found at its service, since photos are not there.
    `parameters` are pairs of name and value that the run was trained with. `pictures` are the
    newest of the `picture_count` that were made with it.
    """

    name: str
    tensor_hash: str = ""
    lora: Lora | None = None
    run: Run | None = None
    version: DatasetVersion | None = None
    trained_with: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    pictures: tuple[Picture, ...] = ()
    picture_count: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that two runs did differently, in words; "" where one of them had none."""

    name: str
    before: str
    after: str


def differences(
    before: tuple[tuple[str, str], ...], after: tuple[tuple[str, str], ...]
) -> tuple[Difference, ...]:
    """Return what differs between two lists of facts, in the order of the first, then the second.

    A fact that only one of them has differs too.
    """
    old, new = dict(before), dict(after)
    names = dict.fromkeys((*old, *new))
    return tuple(
        Difference(name, old.get(name, ""), new.get(name, ""))
        for name in names
        if old.get(name, "") != new.get(name, "")
    )
