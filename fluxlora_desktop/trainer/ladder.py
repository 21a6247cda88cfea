"""How a base is kept for making pictures: what fits the memory found, and what comes after it.

Standard library only. Sizes are those of the files in the base's folder, which are bf16. No figure
here was measured on a GPU yet; whoever does so writes it in and says on which card.
"""

from __future__ import annotations

from dataclasses import dataclass

SHARES = {"fp32": 2.0, "bf16": 1.0, "int8": 0.51, "nf4": 0.28}
"""What is stored, in parts of the bf16 file; a few layers stay bf16 whatever the rest is."""
WORK = 3_500_000_000
"""Bytes for what is computed and for decoding a picture of 1,024 pixels; an estimate."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to keep a base.

    `text_stays`: the text encoder lies on the GPU too; else its layers are brought there for each
    new prompt. `streams`: so are the transformer's, for each step, which is slow and takes little.
    """

    precision: str
    text_stays: bool = False
    streams: bool = False


def ways(precision: str) -> tuple[Way, ...]:
    """Return all ways for a wish ("auto", or the least that is stored smaller), the best first."""
    found = (
        *(Way("fp32", text_stays=True), Way("fp32")),
        *(Way("bf16", text_stays=True), Way("bf16")),
        *(Way("int8", text_stays=True), Way("int8")),
        *(Way("nf4"), Way("int8", streams=True)),
    )
    first = "bf16" if precision == "auto" else precision
    start = next(number for number, way in enumerate(found) if way.precision == first)
    return found[start:]


def needs(way: Way, transformer: int, text: int) -> int:
    """Return about how many bytes of GPU memory a way takes, of files of these sizes."""
    if way.streams:
        return WORK
    stored = int(transformer * SHARES[way.precision])
    return stored + WORK + (text if way.text_stays else 0)


def fitting(precision: str, transformer: int, text: int, free: int) -> tuple[Way, ...]:
    """Return the ways from the first that fits `free` bytes on; at least the last."""
    every = ways(precision)
    for number, way in enumerate(every):
        if needs(way, transformer, text) <= free:
            return every[number:]
    return every[-1:]
