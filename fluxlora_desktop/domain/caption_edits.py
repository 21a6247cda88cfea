"""Changes to all captions at once: each is worked out first and shown, and only then made.

Tags are the parts of a caption between commas or lines, as the trainers read them.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Protocol

from fluxlora_desktop.domain.errors import InputError

LONGEST_FIND = 200
"""Characters of what is looked for, and of what takes its place."""
LONGEST_CAPTION = 20_000
"""Characters that a caption may have after a change: those that are read of a file, too."""

_MOST_PIECES = 400
_SAID = (
    ("unterminated character set", "A bracket [ is not closed."),
    ("missing ), unterminated subpattern", "A bracket ( is not closed."),
    ("unbalanced parenthesis", "A bracket ) was never opened."),
    ("nothing to repeat", "Before *, + or ? there is nothing to repeat."),
    ("multiple repeat", "Two of *, + and ? follow each other."),
    ("bad escape (end of pattern)", "A \\ stands at the end."),
    ("bad escape", "A \\ is followed by a letter that means nothing here."),
    ("invalid group reference", "It names a group ( ) that is not there."),
    ("bad character range", "A range in [ ] runs backwards."),
    ("look-behind requires fixed-width", "What is looked for before (?<=…) must have one length."),
)


@dataclass(frozen=True, slots=True)
class Change:
    """One caption that becomes another one; `key` is the photo's SHA-256."""

    key: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What an edit would do: the captions that change, of `total` that were looked at."""

    changes: tuple[Change, ...] = ()
    total: int = 0

    @property
    def captions(self) -> dict[str, str]:
        """Return the new captions, by photo."""
        return {change.key: change.after for change in self.changes}


class Edit(Protocol):
    """A change to captions that belong together."""

    @property
    def title(self) -> str:
        """The words for the step of undo."""

    def over(self, captions: Mapping[str, str]) -> Callable[[str], str]:
        """Return what becomes of one caption among these; raises `InputError`."""


@dataclass(frozen=True, slots=True)
class FindReplace:
    """Put words in the place of words.

    As an `expression` it is Python's `re`, and the replacement may name groups (`\\1`,
    `\\g<name>`). Such a search can take longer than anybody waits (backtracking), and holds up
    every other thread meanwhile: run it in a process that can be ended.
    """

    find: str
    replace: str = ""
    whole_words: bool = False
    match_case: bool = False
    expression: bool = False

    @property
    def title(self) -> str:
        """The words for the step of undo."""
        return "Find and replace"

    def over(self, captions: Mapping[str, str]) -> Callable[[str], str]:
        """Return the replacing; nothing to find changes nothing."""
        if not self.find:
            return str
        if max(len(self.find), len(self.replace)) > LONGEST_FIND:
            raise InputError("find", f"Use at most {LONGEST_FIND} characters.")
        found = self._compiled()
        if not self.expression:
            return lambda caption: found.sub(lambda _hit: self.replace, caption)
        return lambda caption: self._expanded(found, caption)

    def _compiled(self) -> re.Pattern[str]:
        source = self.find if self.expression else re.escape(self.find)
        if self.whole_words:
            source = rf"(?<!\w)(?:{source})(?!\w)"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return re.compile(source, 0 if self.match_case else re.IGNORECASE)
        except re.error as error:
            raise InputError("find", _in_words(error)) from error
        except (OverflowError, RecursionError) as error:
            raise InputError("find", "This expression is too large.") from error

    def _expanded(self, found: re.Pattern[str], caption: str) -> str:
        try:
            return found.sub(self.replace, caption)
        except re.error as error:
            raise InputError("replace", _in_words(error)) from error
        except IndexError as error:
            raise InputError("replace", "It names a group ( ) that is not there.") from error


def _in_words(error: re.error) -> str:
    said = next((words for start, words in _SAID if error.msg.startswith(start)), "")
    place = f", at character {error.pos + 1}" if error.pos is not None else ""
    return f"{(said or 'This expression cannot be read.').rstrip('.')}{place}."


@dataclass(frozen=True, slots=True)
class AddText:
    """Put a text before or after every caption that does not have it there already.

    As a tag it is set off by a comma. Captions that are empty stay so: those are made up at the
    training.
    """

    text: str
    before: bool = True
    as_tag: bool = True

    @property
    def title(self) -> str:
        """The words for the step of undo."""
        return f"Add {'before' if self.before else 'after'} captions"

    def over(self, captions: Mapping[str, str]) -> Callable[[str], str]:
        """Return the adding."""
        there = tags_of(self.text) if self.as_tag else self.text
        return self._added if there else str

    def _added(self, caption: str) -> str:
        if not caption.strip() or self._is_there(caption):
            return caption
        if not self.as_tag:
            return self.text + caption if self.before else caption + self.text
        parts = (self.text.strip().strip(","), caption.strip())
        return ", ".join(parts if self.before else reversed(parts))

    def _is_there(self, caption: str) -> bool:
        if not self.as_tag:
            return caption.startswith(self.text) if self.before else caption.endswith(self.text)
        have, want = tags_of(caption), tags_of(self.text)
        return (have[: len(want)] if self.before else have[-len(want) :]) == want


@dataclass(frozen=True, slots=True)
class RemoveTag:
    """Take a tag out wherever it stands by itself between commas, in large or small letters."""

    tag: str

    @property
    def title(self) -> str:
        """The words for the step of undo."""
        return f"Remove tag {self.tag.strip()}"

    def over(self, captions: Mapping[str, str]) -> Callable[[str], str]:
        """Return the removing; a caption without the tag stays as it was typed."""
        wanted = _same(self.tag)
        return lambda caption: _kept(caption, [t for t in tags_of(caption) if _same(t) != wanted])


class TagOrder(StrEnum):
    """How tags are put in order."""

    FRONT = "front"
    BACK = "back"
    FREQUENCY = "frequency"


@dataclass(frozen=True, slots=True)
class OrderTags:
    """Move one tag to the front or the back, or put tags that most captions share first.

    Tags that are as frequent as each other keep the order that they have.
    """

    how: TagOrder
    tag: str = ""

    @property
    def title(self) -> str:
        """The words for the step of undo."""
        return "Order tags"

    def over(self, captions: Mapping[str, str]) -> Callable[[str], str]:
        """Return the ordering, by how many of these captions have each tag."""
        if self.how is TagOrder.FREQUENCY:
            counts = Counter({_same(tag): times for tag, times in tag_counts(captions).items()})
            return lambda caption: _sorted(caption, lambda tag: -counts[_same(tag)])
        wanted, front = _same(self.tag), self.how is TagOrder.FRONT
        return lambda caption: _sorted(caption, lambda tag: (_same(tag) == wanted) != front)


def preview_edit(edit: Edit, captions: Mapping[str, str]) -> Preview:
    """Return what an edit would make of captions, by photo; nothing is changed.

    Raises `InputError`: its field is "find" or "replace", its reason a sentence for people.
    """
    become = edit.over(captions)
    after = {key: become(caption) for key, caption in captions.items()}
    if any(len(text) > LONGEST_CAPTION for text in after.values()):
        raise InputError("replace", f"A caption would pass {LONGEST_CAPTION:,} characters.")
    changes = (Change(key, captions[key], text) for key, text in after.items())
    return Preview(tuple(one for one in changes if one.before != one.after), len(captions))


def tags_of(caption: str) -> list[str]:
    """Return the parts between commas and lines, without empty ones."""
    return [tag for part in re.split(r"[,\n]", caption) if (tag := part.strip())]


def tag_counts(captions: Mapping[str, str]) -> dict[str, int]:
    """Return how many captions have each tag, the most frequent first; letter case is ignored."""
    counts: Counter[str] = Counter()
    shown: dict[str, str] = {}
    for caption in captions.values():
        once = {_same(tag): tag for tag in reversed(tags_of(caption))}
        for key in reversed(once):
            shown.setdefault(key, once[key])
            counts[key] += 1
    return {shown[key]: times for key, times in counts.most_common()}


def _same(tag: str) -> str:
    return " ".join(tag.split()).casefold()


def _sorted(caption: str, rank: Callable[[str], int]) -> str:
    return _kept(caption, sorted(tags_of(caption), key=rank))


def _kept(caption: str, tags: list[str]) -> str:
    """Return tags as a caption, or the caption itself where they are the ones it has."""
    return caption if tags == tags_of(caption) else ", ".join(tags)


class Part(StrEnum):
    """What becomes of a piece of a caption."""

    SAME = "same"
    GONE = "gone"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of characters that stay, go or come."""

    part: Part
    text: str


def pieces_of(change: Change) -> tuple[Piece, ...]:
    """Return a change word by word: all but NEW spell the old caption, all but GONE the new one."""
    old, new = (re.findall(r"\w+|\W", text) for text in (change.before, change.after))
    if max(len(old), len(new)) > _MOST_PIECES:
        return _by_ends(change.before, change.after)
    made: list[Piece] = []
    for _what, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if _what == "equal":
            made.append(Piece(Part.SAME, "".join(old[a:b])))
            continue
        made += [Piece(Part.GONE, "".join(old[a:b]))] if a < b else []
        made += [Piece(Part.NEW, "".join(new[c:d]))] if c < d else []
    return tuple(made)


def _by_ends(old: str, new: str) -> tuple[Piece, ...]:
    """Do the same quickly: what is alike at both ends stays, the middle is exchanged."""
    most = min(len(old), len(new))
    head = next((n for n in range(most) if old[n] != new[n]), most)
    rest = most - head
    tail = next((n for n in range(rest) if old[-1 - n] != new[-1 - n]), rest)
    parts = (
        Piece(Part.SAME, old[:head]),
        Piece(Part.GONE, old[head : len(old) - tail]),
        Piece(Part.NEW, new[head : len(new) - tail]),
        Piece(Part.SAME, old[len(old) - tail :]),
    )
    return tuple(piece for piece in parts if piece.text)
