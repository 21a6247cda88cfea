"""Which size each photo is trained at, and which photos a step takes.

Standard library only. Everything here is a function of the job and of the step's number, so that a
resumed training takes the very photos that an uninterrupted one would have taken.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

STEP = 16
COARSE = 64
"""From 512 pixels on sides are multiples of this: few shapes, so that batches can be filled."""
WIDEST = 4.0
"""The longest side over the shortest, at most."""


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """A photo (its place in the job) at one size, in pixels."""

    width: int
    height: int
    photo: int


def size_for(width: int, height: int, resolution: int) -> tuple[int, int]:
    """Return the size that a photo is scaled and cropped to at a resolution.

    It has no more pixels than the resolution's square, nor more than the photo (except for photos
    that are smaller than the smallest size); of all sizes the one that keeps most of the photo.
    """
    resolution = max(2 * STEP, min(resolution, math.isqrt(width * height)))
    step = COARSE if resolution >= 512 else STEP
    area, shape = resolution * resolution, width / height
    best, most = (step, step), -1.0
    for wide in range(step, int(resolution * math.sqrt(WIDEST)) + 1, step):
        highest = area // wide // step * step
        for high in (highest, min(highest, round(wide / shape / step) * step)):
            if high < step or max(wide / high, high / wide) > WIDEST:
                continue
            kept = min(shape * high / wide, wide / high / shape)
            worth = kept * kept * wide * high / area  # what is cut away counts more than size
            if worth > most:
                best, most = (wide, high), worth
    return best


def entries_for(sizes: Sequence[tuple[int, int]], resolutions: Sequence[int]) -> list[Entry]:
    """Return every photo at every resolution; `sizes` are those of the photos, in pixels."""
    return [
        Entry(*size_for(width, height, resolution), photo)
        for photo, (width, height) in enumerate(sizes)
        for resolution in resolutions
    ]


def mixed(seed: int, *words: object) -> int:
    """Return a seed of its own for a purpose, from 0 to 2**63 - 1."""
    text = "/".join(str(word) for word in (seed, *words))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


class Order:
    """Tells which entries a step takes: all of them once in each round, in an order of its own."""

    def __init__(self, entries: Sequence[Entry], batch_size: int, seed: int) -> None:
        if not entries:
            raise ValueError("there is nothing to train on")
        self._seed = seed
        self._batch_size = batch_size
        self._shapes: dict[tuple[int, int], list[Entry]] = {}
        for entry in sorted(entries):
            self._shapes.setdefault((entry.width, entry.height), []).append(entry)
        self._round = -1
        self._batches: list[tuple[Entry, ...]] = []

    @property
    def steps_per_round(self) -> int:
        """Return after how many steps every entry was taken once."""
        return sum(-(-len(group) // self._batch_size) for group in self._shapes.values())

    def batch(self, step: int) -> tuple[Entry, ...]:
        """Return what step `step` (from 1) takes; all of one size."""
        turn, place = divmod(step - 1, self.steps_per_round)
        if turn != self._round:
            self._round, self._batches = turn, self._shuffled(turn)
        return self._batches[place]

    def _shuffled(self, turn: int) -> list[tuple[Entry, ...]]:
        chance = random.Random(mixed(self._seed, "round", turn))
        batches = []
        for group in self._shapes.values():
            shuffled = chance.sample(group, len(group))
            for start in range(0, len(shuffled), self._batch_size):
                batches.append(tuple(shuffled[start : start + self._batch_size]))
        chance.shuffle(batches)
        return batches
