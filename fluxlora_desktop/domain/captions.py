"""Trigger words and captions: the rules that the trainers really follow.

ai-toolkit, which Replicate's trainer runs, puts the trigger word in front of a caption only when
`caption.count(trigger) == 0`: a case-sensitive substring test. "TOK" inside "TOKYO" counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from fluxlora_desktop.domain.datasets import Dataset, Finding, Mend, Severity
from fluxlora_desktop.domain.dismissals import parted
from fluxlora_desktop.domain.training import Preset

FEWEST_WORDS = 8
"""Captions with fewer words say little of what varies (the LoRA dataset studio's number)."""
_IDENTITY = re.compile(
    r"\b(?:"
    r"(?:[\w-]+\W+)?hair(?:ed)?\b(?!\W?(?:clips?|pins?|bands?|ties?|bows?|nets?|brush|dryer)\b)"
    r"|skin|complexion|freckle[sd]?|jawlines?|eyebrows?"
    r"|(?:blue|brown|green|hazel|gr[ae]y|amber|black|dark|light)\W+eyes"
    r"|(?:oval|round|square|long|narrow|thin|wide|angular|chubby|heart-shaped)\W+face"
    r")\b",
    re.IGNORECASE,
)
"""What belongs to a face itself, after the LoRA dataset studio; a hair clip is worn."""

_COMMON_WORDS = frozenset(
    {
        "person",
        "man",
        "woman",
        "boy",
        "girl",
        "child",
        "dog",
        "cat",
        "fox",
        "mug",
        "cup",
        "toy",
        "robot",
        "car",
        "house",
        "photo",
        "picture",
        "image",
        "style",
        "art",
        "face",
        "hair",
        "red",
        "green",
        "blue",
        "black",
        "white",
        "small",
        "big",
        "new",
        "old",
        "one",
        "the",
        "and",
        "with",
    }
)

_PLACING = frozenset(
    {"and", "as", "at", "behind", "beside", "by", "during", "for", "from", "in", "inside", "near"}
    | {"next", "of", "on", "outside", "over", "to", "under", "with", "without"}
)
_LEADING_ON = frozenset(
    {"alone", "asleep", "has", "is", "looks", "outdoors", "sits", "stands", "was"}
)


def check_trigger(word: str, captions: Iterable[str] = ()) -> tuple[Finding, ...]:
    """Return what speaks against a trigger word; an empty result means that it is good."""
    found: list[Finding] = []

    def say(what: str, severity: Severity, says: str) -> None:
        found.append(Finding(what, severity, says, mend=Mend.CHANGE_TRIGGER))

    if not word.strip():
        say("trigger_empty", Severity.BLOCK, "Give the LoRA a trigger word, for example TOK.")
        return tuple(found)
    if word != word.strip() or len(word.split()) > 2:
        say("trigger_spaces", Severity.WARN, "Use one word, or one word and what it is: TOK mug.")
    if not word.isascii():
        say("trigger_ascii", Severity.WARN, "Use plain letters: some trainers stumble over others.")
    first = word.split(maxsplit=1)[0]
    if not 3 <= len(first) <= 12:
        say("trigger_length", Severity.WARN, "Use 3 to 12 letters.")
    if first.lower() in _COMMON_WORDS:
        say(
            "trigger_common",
            Severity.WARN,
            f"“{first}” already means something to the base model. Use a made-up word.",
        )
    blocked = sorted({hit for text in captions for hit in _hidden_in(first, text)})
    if blocked:
        say(
            "trigger_hidden",
            Severity.WARN,
            f"“{first}” is part of “{blocked[0]}” in a caption, so the trainer would not add it.",
        )
    return tuple(found)


def _hidden_in(trigger: str, caption: str) -> list[str]:
    words = re.findall(r"\w+", caption)
    return [word for word in words if trigger in word and word != trigger]


def has_trigger(caption: str, trigger: str) -> bool:
    """Tell whether the caption holds the trigger word as a word of its own."""
    return bool(trigger) and re.search(rf"(?<!\w){re.escape(trigger)}(?!\w)", caption) is not None


def with_trigger(caption: str, trigger: str) -> str:
    """Return the caption with the trigger word in front, unless it is in it already."""
    text = caption.strip()
    if not trigger or has_trigger(text, trigger):
        return text
    return f"{trigger}, {text}" if text else trigger


def replace_trigger(caption: str, old: str, new: str) -> str:
    """Return the caption with one trigger word in place of another."""
    if not old or old == new:
        return caption
    return re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", new.replace("\\", "\\\\"), caption)


def class_in(captions: Iterable[str], trigger: str) -> str:
    """Return what the captions call the subject: the word that most write after the trigger word.

    It counts where something that places it follows ("TOK fox on a shelf"), or nothing: other words
    may describe it ("TOK red mug") or lead on ("TOK is asleep"). "" where fewer than two agree.
    """
    return _class_in(tuple(captions), trigger)


@lru_cache(maxsize=32)
def _class_in(captions: tuple[str, ...], trigger: str) -> str:
    """The same; every trainer on offer asks it about the same captions at each change."""
    after = re.compile(rf"(?<!\w){re.escape(trigger)} ([^\W\d_]{{3,}})(?!\w)(?=[,.;]| ?$| (\w+))")
    hits = (after.search(text.strip()) for text in captions if trigger)
    named = [hit[1].lower() for hit in hits if hit and (hit[2] or "on").lower() in _PLACING]
    word, times = Counter(named).most_common(1)[0] if named else ("", 0)
    agreed = times > 1 and times * 2 > len(named)
    return word if agreed and word not in _PLACING | _LEADING_ON and word[-3:] != "ing" else ""


def default_caption(trigger: str, form: str, class_word: str) -> str:
    """Return the caption of a photo that has none: what it is called, and what that is.

    A trigger word of two words says itself what it is ("TOK mug"); one word alone is followed by
    the class word. `form` holds {trigger} where both go.
    """
    words = trigger.split()
    named = f"{trigger} {class_word}".strip() if len(words) < 2 else trigger.strip()
    return form.replace("{trigger}", named)


def one_line(caption: str) -> str:
    """Return the caption as the trainer reads it: one line, parts joined by commas."""
    parts = (part.strip() for line in caption.splitlines() for part in line.split(","))
    return ", ".join(part for part in parts if part)


def identity_words(caption: str) -> tuple[str, ...]:
    """Return the words of a caption that describe a person's face, skin or hair."""
    return tuple(hit[0].lower() for hit in _IDENTITY.finditer(caption))


def caption_findings(dataset: Dataset, preset: Preset = Preset.OBJECT) -> tuple[Finding, ...]:
    """Return remarks about captions; `preset` says what the set shall teach.

    They are about missing, identical and short ones, the trigger word left out, and words that
    keep a face from being learnt. Photos for which one was dismissed are in a finding of their own.
    """
    captions = {item.sha256: item.caption.strip() for item in dataset.kept}
    dismissed = dataset.dismissed
    found = list(check_trigger(dataset.trigger_word, captions.values()))
    found.extend(_find_missing(captions, dismissed))
    filled = [text for text in captions.values() if text]
    if len(filled) > 2 and len(set(filled)) == 1:
        says = "All captions are the same, so they teach the LoRA nothing about what varies."
        found.append(Finding("caption_identical", Severity.WARN, says, tuple(captions)))
    found.extend(_find_bare(captions, dataset.trigger_word, dismissed))
    if preset is not Preset.QUICK:
        found.extend(_find_short(captions, dismissed))
    if preset is Preset.FACE:
        found.extend(_find_leaks(captions, dismissed))
    return tuple(found)


def _find_missing(captions: Mapping[str, str], dismissed: frozenset[str]) -> Iterator[Finding]:
    """Remark captions that are missing while others are there."""
    missing = tuple(sha for sha, text in captions.items() if not text)
    if len(missing) == len(captions):
        return
    for part in parted("caption_missing", missing, dismissed):
        noun = "photo has" if len(part) == 1 else "photos have"
        says = f"{len(part)} {noun} no caption. One that you write teaches more."
        yield Finding("caption_missing", Severity.NOTE, says, part)


def _find_bare(
    captions: Mapping[str, str], trigger: str, dismissed: frozenset[str]
) -> Iterator[Finding]:
    """Remark captions without the trigger word."""
    bare = tuple(sha for sha, text in captions.items() if text and not has_trigger(text, trigger))
    if not trigger.strip():
        return
    for part in parted("caption_trigger", bare, dismissed):
        noun = "caption does" if len(part) == 1 else "captions do"
        says = f"{len(part)} {noun} not name {trigger}. It is put in front at the training."
        yield Finding("caption_trigger", Severity.NOTE, says, part, Mend.ADD_TRIGGER)


def _find_short(captions: Mapping[str, str], dismissed: frozenset[str]) -> Iterator[Finding]:
    """Remark captions of few words; a quick test needs none at all."""
    short = tuple(sha for sha, text in captions.items() if 0 < len(text.split()) < FEWEST_WORDS)
    for part in parted("caption_short", short, dismissed):
        noun = "caption has" if len(part) == 1 else "captions have"
        says = (
            f"{len(part)} {noun} fewer than {FEWEST_WORDS} words. "
            "Say more of what varies: the place, the pose, the light."
        )
        yield Finding("caption_short", Severity.NOTE, says, part)


def _find_leaks(captions: Mapping[str, str], dismissed: frozenset[str]) -> Iterator[Finding]:
    """Remark what is said of a face: words that are in the captions need not be learnt."""
    leaks = {sha: words for sha, text in captions.items() if (words := identity_words(text))}
    for part in parted("caption_identity", leaks, dismissed):
        first = leaks[part[0]][0]
        noun = "1 caption describes" if len(part) == 1 else f"{len(part)} captions describe"
        says = (
            f"{noun} the face (“{first}”). What captions name is not learnt as part of the "
            "person: better leave it out."
        )
        yield Finding("caption_identity", Severity.NOTE, says, part)
