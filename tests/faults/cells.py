"""The fault matrix: what has to come of each fault at each step of the way.

A  goes on by itself from where it stopped
W  waits as long as the service asks, says so, then goes on
Q  asks the service and takes what is there; nothing is sent again by itself
H  holds, says why and what is safe; goes on once a person did what it says
X  cleans up what it began; all the rest is as it was, and it can be done again
L  a second start leaves at once
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

FAULTS = ("K-", "K+", "NC", "429", "5xx", "TO", "DF", "CP", "2I", "CJ", "TR")
FAULT_WORDS = {
    "K-": "killed before the effect",
    "K+": "killed after it, before it is written down",
    "NC": "the network is cut",
    "429": "asked to wait",
    "5xx": "the service breaks",
    "TO": "no answer in time",
    "DF": "the disk is full",
    "CP": "corrupted payload or reply",
    "2I": "a second start",
    "CJ": "the clock jumps a month",
    "TR": "the token is revoked",
}
STEP_WORDS = {
    1: "import photos",
    2: "keep captions",
    3: "package",
    4: "upload",
    5: "make the model",
    6: "launch",
    7: "follow",
    8: "fetch weights",
    9: "verify",
    10: "make the repo",
    11: "publish",
    12: "change the card",
    13: "mark ready",
    14: "order a picture",
    15: "keep the picture",
}
_TABLE = """
 1  A  A  -  -  -  H  X  X  L  A  -
 2  X  A  -  -  -  A  X  H  L  A  -
 3  A  A  -  -  -  -  H  A  L  A  -
 4  A  A  A  W  A  A  -  A  L  A  H
 5  A  Q  A  W  A  A  H  A  L  A  H
 6  A  Q  Q  W  Q  Q  H  Q  L  Q  H
 7  A  A  A  W  A  A  H  A  L  A  H
 8  A  A  A  W  A  A  H  A  L  A  H
 9  A  A  -  -  -  -  H  H  L  A  -
10  A  Q  A  W  A  A  H  A  L  A  H
11  A  Q  A  W  A  A  H  A  L  A  H
12  A  Q  A  W  A  A  H  A  L  A  H
13  A  A  -  -  -  -  H  A  L  A  -
14  A  H  H  W  H  H  H  H  L  A  H
15  -  A  A  W  A  A  H  H  L  A  -
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault at one step and the code of what must come of it."""

    step: int
    fault: str
    code: str

    @property
    def name(self) -> str:
        """Return the cell's name, such as `6/K+`."""
        return f"{self.step}/{self.fault}"

    @property
    def words(self) -> str:
        """Return in words what happens where."""
        return f"{STEP_WORDS[self.step]}: {FAULT_WORDS[self.fault]}"

    @property
    def shown(self) -> bool:
        """Tell whether the cell speaks of what a person sees, beyond that it goes on."""
        return self.code in "WQH"


def cells() -> Iterator[Cell]:
    """Yield every cell that can occur, by step."""
    for line in _TABLE.strip().splitlines():
        step, *codes = line.split()
        for fault, code in zip(FAULTS, codes, strict=True):
            if code != "-":
                yield Cell(int(step), fault, code)
