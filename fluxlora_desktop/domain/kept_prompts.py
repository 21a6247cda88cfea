"""Prompts that were used before, and those that a person saved under a name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

MOST_UNSAVED = 500
"""Prompts of the history; the ones used longest ago make room. Saved ones are not counted."""
LONGEST_PROMPT_NAME = 60


@dataclass(frozen=True, slots=True)
class KeptPrompt:
    """A prompt as it was written, alternatives and all; a saved one has a name."""

    text: str
    used_at: datetime
    name: str = ""
    saved: bool = False
    uses: int = 0
    negative_prompt: str = ""


def find_prompts(prompts: tuple[KeptPrompt, ...], words: str) -> tuple[KeptPrompt, ...]:
    """Return the prompts whose text or name holds every one of the words, in any case."""
    wanted = words.casefold().split()
    return tuple(
        prompt
        for prompt in prompts
        if all(word in f"{prompt.name}\n{prompt.text}".casefold() for word in wanted)
    )
