"""Prompts that say several things: alternatives `{a|b}` and wildcards `__name__`.

Alternatives may be empty and may hold others. Braces without a `|` between them are text, since
prompts for FLUX.2 may be JSON. A backslash before `{`, `}`, `|` or `_` takes its meaning away.
A wildcard stands for one line of a text file, which may hold alternatives and wildcards in turn.
The same seed gives the same prompt, on every computer and in every version of Python.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.prompt_parts import DEEPEST, SPECIAL, TOO_DEEP, Parts, Wild, parse

SEED_LIMIT = 2**31 - 1
MOST_PICTURES = 64
"""Pictures of one order at most: a slip of the hand shall not cost a month's money."""
LONGEST_PROMPT = 10_000
"""Characters of a prompt, as it is written and as it is sent."""
LARGEST_WILDCARD = 1_000_000
"""Bytes of a wildcard's file."""
MOST_ENTRIES = 10_000
MOST_WILDCARDS = 1_000
_MOST_DRAWN = 2_000
_NAMED = 8


class Spread(StrEnum):
    """How a prompt becomes the prompts of an order's pictures.

    LITERAL sends it as it stands, RANDOM draws anew for each picture, EVERY makes each combination.
    """

    LITERAL = "literal"
    RANDOM = "random"
    EVERY = "every"


@dataclass(frozen=True, slots=True)
class Wildcards:
    """The lines of every wildcard by its name; `unreadable` says why others cannot be used."""

    entries: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    _read: dict[str, _Fork] = field(default_factory=dict, compare=False, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Return what can be used, by name."""
        return tuple(sorted(self.entries))


NO_WILDCARDS = Wildcards()
_TOO_LONG = f"A prompt has {LONGEST_PROMPT:,} characters at most."
_CHANGED = "The wildcards have changed. Look at the number of pictures and press Make again."


@dataclass(frozen=True, slots=True)
class _Branch:
    """A prompt with its wildcards filled in: text and forks, and how many prompts it makes."""

    parts: tuple[str | _Fork, ...]
    count: int


@dataclass(frozen=True, slots=True)
class _Fork:
    branches: tuple[_Branch, ...]
    count: int


class Template:
    """A prompt with alternatives, ready to be resolved.

    `combinations` says how many prompts it stands for; those that read alike count each. Raises
    `InputError` for a brace that is not closed, a wildcard that is not there or that leads back to
    itself, and for what is too long.
    """

    def __init__(self, text: str, wildcards: Wildcards = NO_WILDCARDS) -> None:
        if len(text) > LONGEST_PROMPT:
            raise InputError("prompt", _TOO_LONG)
        self._wildcards = wildcards
        self._root = self._branch(parse(text), ())
        self.combinations = self._root.count

    @property
    def varies(self) -> bool:
        """Tell whether there is something to draw."""
        return any(isinstance(part, _Fork) for part in self._root.parts)

    def pick(self, seed: int) -> str:
        """Return the prompt that belongs to a seed."""
        sheet = _Sheet()
        _draw(self._root, _Dice(seed), sheet)
        return self._tidy(sheet.text())

    def nth(self, number: int) -> str:
        """Return one of the combinations, counted from 0; what stands last changes first."""
        sheet = _Sheet()
        _combine(self._root, number, sheet)
        return self._tidy(sheet.text())

    def _tidy(self, prompt: str) -> str:
        """Close the gaps that alternatives leave which say nothing."""
        return re.sub(" {2,}", " ", prompt).strip() if self.varies else prompt.strip()

    def _branch(self, parts: Parts, above: tuple[str, ...]) -> _Branch:
        filled: list[str | _Fork] = []
        count = 1
        for part in parts:
            if isinstance(part, str):
                filled.append(part)
                continue
            fork = (
                self._wildcard(part.name, above)
                if isinstance(part, Wild)
                else _fork(self._branch(option, above) for option in part.options)
            )
            filled.append(fork)
            count *= fork.count
        return _Branch(tuple(filled), count)

    def _wildcard(self, name: str, above: tuple[str, ...]) -> _Fork:
        if name in above:
            way = " → ".join((*above[above.index(name) :], name))
            raise InputError("prompt", f"The wildcard “{name}” leads back to itself: {way}.")
        if len(above) >= DEEPEST:
            raise InputError("prompt", TOO_DEEP)
        read = self._wildcards._read
        if name not in read:
            entries = _entries(name, self._wildcards)
            below = (*above, name)
            read[name] = _fork(self._branch(parse(entry), below) for entry in entries)
        return read[name]


def prompts_of(
    prompt: str, spread: Spread, seed: int, count: int, wildcards: Wildcards = NO_WILDCARDS
) -> tuple[tuple[str, int], ...]:
    """Return prompt and seed of each of an order's `count` pictures.

    Of EVERY combination as many pictures are made as `count` says in all; those of one round have
    the same seed, so that they can be compared. Raises `InputError`, also when `count` does not
    fit the combinations: the wildcards have changed since it was shown.
    """
    if not 1 <= count <= MOST_PICTURES:
        raise InputError("count", f"1 to {MOST_PICTURES} pictures in one order")
    if spread is Spread.LITERAL:
        return tuple((prompt, _seed(seed, place)) for place in range(count))
    template = Template(prompt, wildcards)
    if spread is Spread.RANDOM:
        seeds = [_seed(seed, place) for place in range(count)]
        return tuple((template.pick(own), own) for own in seeds)
    if template.combinations > MOST_PICTURES:
        raise InputError("prompt", too_many(template.combinations))
    if count % template.combinations:
        raise InputError("prompt", _CHANGED)
    every = [template.nth(number) for number in range(template.combinations)]
    rounds = range(count // template.combinations)
    return tuple((one, _seed(seed, place)) for place in rounds for one in every)


def too_many(pictures: int) -> str:
    """Return why an order of so many pictures is not taken."""
    return f"That makes {pictures:,} pictures; one order takes {MOST_PICTURES} at most."


def entries_of(text: str) -> tuple[str, ...]:
    """Return the entries of a wildcard's file: one a line, without comments and empty lines.

    A line that begins with `#` is a comment; `\\#` begins an entry with that sign.
    """
    lines = (line.strip() for line in text.splitlines())
    return tuple(
        line[1:] if line.startswith("\\#") else line
        for line in lines
        if line and not line.startswith("#")
    )


def escaped(prompt: str) -> str:
    """Return what has to be written for a prompt that shall be sent as it stands."""
    if not has_choices(prompt):
        return prompt
    return "".join(f"\\{sign}" if sign in SPECIAL else sign for sign in prompt)


def has_choices(prompt: str) -> bool:
    """Tell whether a prompt says something else than what is written, also by a backslash."""
    try:
        return parse(prompt) != ((prompt,) if prompt else ())
    except InputError:
        return True


def _seed(first: int, place: int) -> int:
    return (first + place) % SEED_LIMIT


def _fork(branches: Iterable[_Branch]) -> _Fork:
    made = tuple(branches)
    return _Fork(made, sum(branch.count for branch in made))


def _entries(name: str, wildcards: Wildcards) -> tuple[str, ...]:
    trouble = wildcards.unreadable.get(name)
    if trouble:
        raise InputError("prompt", f"The wildcard “{name}” cannot be used: {trouble}.")
    entries = wildcards.entries.get(name)
    if entries is None:
        raise InputError("prompt", _unknown(name, wildcards.names))
    if not entries:
        raise InputError("prompt", f"The wildcard “{name}” has no entries.")
    return entries


def _unknown(name: str, known: Sequence[str]) -> str:
    if not known:
        return f"There is no wildcard “{name}”: the folder of wildcards is empty."
    more = ", …" if len(known) > _NAMED else ""
    return f"There is no wildcard “{name}”. There are: {', '.join(known[:_NAMED])}{more}."


class _Dice:
    """Draws numbers that follow from a seed and from how many were drawn before.

    `random` promises no equal numbers across versions of Python; a hash does.
    """

    def __init__(self, seed: int) -> None:
        self._seed, self._drawn = seed, 0

    def draw(self, sides: int) -> int:
        """Return a number from 0 to `sides` - 1."""
        self._drawn += 1
        digest = hashlib.sha256(f"{self._seed}:{self._drawn}".encode()).digest()
        return int.from_bytes(digest[:8]) % sides


class _Sheet:
    """Takes text up to the longest prompt."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._size = self._writes = 0

    def write(self, text: str) -> None:
        self._texts.append(text)
        self._size += len(text)
        self.step()

    def step(self) -> None:
        self._writes += 1
        if self._size > LONGEST_PROMPT or self._writes > _MOST_DRAWN:
            raise InputError("prompt", _TOO_LONG)

    def text(self) -> str:
        return "".join(self._texts)


def _draw(branch: _Branch, dice: _Dice, sheet: _Sheet) -> None:
    for part in branch.parts:
        if isinstance(part, str):
            sheet.write(part)
        else:
            sheet.step()
            _draw(part.branches[dice.draw(len(part.branches))], dice, sheet)


def _combine(branch: _Branch, number: int, sheet: _Sheet) -> None:
    left = branch.count
    for part in branch.parts:
        if isinstance(part, str):
            sheet.write(part)
            continue
        sheet.step()
        left //= part.count
        here, number = divmod(number, left)
        for option in part.branches:
            if here < option.count:
                _combine(option, here, sheet)
                break
            here -= option.count
