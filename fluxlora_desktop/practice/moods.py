"""Which place and light a prompt asks for, and in which colours they are painted."""

import colorsys
import hashlib
import random
import re
from dataclasses import dataclass, replace

from fluxlora_desktop.practice.subject import Colour

_LIGHTS: dict[str, tuple[Colour, Colour, Colour]] = {
    "day": ((92, 150, 206), (196, 222, 236), (255, 246, 222)),
    "sunset": ((88, 78, 132), (246, 164, 112), (255, 214, 150)),
    "night": ((16, 22, 48), (58, 70, 112), (232, 236, 255)),
    "mist": ((150, 166, 176), (222, 226, 224), (250, 248, 240)),
    "indoor": ((104, 84, 72), (186, 160, 132), (255, 226, 176)),
    "plain": ((170, 172, 178), (226, 226, 228), (255, 252, 246)),
}
_GROUNDS: dict[str, tuple[Colour, Colour]] = {
    "meadow": ((150, 176, 116), (62, 104, 60)),
    "beach": ((150, 190, 196), (226, 200, 152)),
    "forest": ((104, 128, 92), (40, 62, 42)),
    "mountains": ((140, 150, 148), (72, 92, 74)),
    "snow": ((214, 224, 236), (240, 244, 250)),
    "city": ((120, 120, 132), (52, 54, 66)),
    "room": ((172, 128, 84), (98, 62, 38)),
    "studio": ((206, 206, 210), (168, 168, 176)),
    "space": ((60, 52, 92), (20, 18, 40)),
    "desert": ((222, 176, 124), (184, 118, 72)),
}
_PLACE_WORDS: dict[str, str] = {
    "beach": "beach sea ocean shore coast sand island harbour lake river water",
    "forest": "forest woods tree trees jungle woodland mushroom moss pine",
    "mountains": "mountain mountains alps hill hills valley cliff canyon",
    "snow": "snow winter ice snowy skiing arctic glacier",
    "city": "city street town tokyo paris york neon skyline rooftop alley market",
    "room": "room table shelf books book kitchen sofa cafe desk wooden windowsill window home bed",
    "studio": "studio portrait background plain product white grey gray closeup close-up",
    "space": "space galaxy moon planet stars astronaut nebula",
    "desert": "desert dunes dune sahara cactus",
    "meadow": "meadow garden field grass park flowers flower lawn spring",
}
_LIGHT_WORDS: dict[str, str] = {
    "sunset": "sunset sunrise dawn dusk golden evening autumn warm",
    "night": "night midnight moonlight stars neon dark lamp blue-hour lantern",
    "mist": "mist misty fog foggy rain rainy cloudy soft overcast",
    "day": "day morning noon sunny summer bright light",
}
_COLOUR_WORDS: dict[str, Colour] = {
    "red": (204, 58, 52),
    "orange": (232, 132, 44),
    "yellow": (240, 200, 68),
    "gold": (214, 168, 72),
    "green": (82, 150, 84),
    "teal": (40, 152, 150),
    "turquoise": (64, 190, 186),
    "blue": (66, 112, 200),
    "purple": (126, 82, 176),
    "violet": (126, 82, 176),
    "pink": (232, 134, 170),
    "brown": (128, 86, 56),
    "black": (30, 30, 36),
    "white": (244, 244, 242),
}
_INDOORS = {"room": "indoor", "studio": "plain", "space": "night"}


@dataclass(frozen=True, slots=True)
class Mood:
    """A place, its light and its colours; `horizon` is a share of the height from the top."""

    place: str
    light: str
    sky: Colour
    glow: Colour
    sun: Colour
    far: Colour
    near: Colour
    accent: Colour
    horizon: float


def mood_of(prompt: str, chance: random.Random) -> Mood:
    """Return what a prompt asks for; what it leaves open follows from its own hash."""
    words = re.findall(r"[a-z-]+", prompt.casefold())
    hashed = random.Random(hashlib.sha256(prompt.encode()).digest())
    place = _first(words, _PLACE_WORDS) or hashed.choice(("meadow", "mountains", "forest", "beach"))
    light = _first(words, _LIGHT_WORDS) or hashed.choice(("day", "day", "sunset", "mist"))
    if place in _INDOORS and not (place == "room" and light == "night"):
        light = _INDOORS[place]
    sky, glow, sun = _LIGHTS[light]
    far, near = _GROUNDS[place]
    lit = {"night": 0.62, "sunset": 0.24, "mist": 0.3}.get(light, 0.0)
    turn = hashed.uniform(-0.035, 0.035)
    named = next((_COLOUR_WORDS[word] for word in words if word in _COLOUR_WORDS), None)
    mood = Mood(
        place=place,
        light=light,
        sky=turned(sky, turn),
        glow=turned(glow, turn),
        sun=sun,
        far=mixed(turned(far, turn), glow, lit),
        near=mixed(turned(near, turn), sky, lit * 0.8),
        accent=named or turned(near, hashed.uniform(-0.3, 0.3)),
        horizon=chance.uniform(0.52, 0.62),
    )
    return tinted(mood, (named,), 0.3) if named else mood


def tinted(mood: Mood, colours: tuple[Colour, ...], strength: float) -> Mood:
    """Return the mood with its glow, ground and accent moved towards colours, 0 not to 1 fully."""
    if not colours or strength <= 0:
        return mood
    lively = sorted(colours, key=lambda colour: -_saturation(colour))
    second = lively[1] if len(lively) > 1 else lively[0]
    return replace(
        mood,
        glow=mixed(mood.glow, lighter(lively[0], 0.45), strength),
        sky=mixed(mood.sky, second, strength * 0.5),
        far=mixed(mood.far, lighter(second, 0.25), strength * 0.6),
        near=mixed(mood.near, lively[0], strength * 0.3),
        accent=mixed(mood.accent, second, min(1.0, strength * 2)),
    )


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    """Return a colour between two: share 0 is the first, 1 the second."""
    r, g, b = (round(a + (z - a) * share) for a, z in zip(first, second, strict=True))
    return (r, g, b)


def lighter(colour: Colour, share: float) -> Colour:
    """Return a colour moved towards white, or with a share below 0 towards black."""
    return mixed(colour, (255, 255, 255) if share > 0 else (0, 0, 0), abs(share))


def turned(colour: Colour, turn: float) -> Colour:
    """Return a colour with its hue turned by a share of the whole circle."""
    h, s, v = colorsys.rgb_to_hsv(*(part / 255 for part in colour))
    r, g, b = (round(part * 255) for part in colorsys.hsv_to_rgb((h + turn) % 1.0, s, v))
    return (r, g, b)


def _saturation(colour: Colour) -> float:
    return colorsys.rgb_to_hsv(*(part / 255 for part in colour))[1] * (max(colour) / 255)


def _first(words: list[str], table: dict[str, str]) -> str:
    """Return the entry of the word that stands last: prompts name the subject first."""
    for word in reversed(words):
        for name, known in table.items():
            if word in known.split():
                return name
    return ""
