"""Where the finished LoRA could be used: one answer for each service, from its models' answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fluxlora_desktop.domain.routes import Route
from fluxlora_desktop.domain.services import at_place


@dataclass(frozen=True, slots=True)
class Use:
    """A service's answer in words: yes and with which model, or no and why."""

    key: str
    title: str
    works: bool
    says: str


def uses_of(routes: Sequence[Route]) -> tuple[Use, ...]:
    """Sum routes up by service: one model that works is enough, else the nearest one's reason."""
    by_service: dict[str, list[Route]] = {}
    for route in routes:
        by_service.setdefault(route.generator, []).append(route)
    return tuple(_sum_up(key, answers) for key, answers in by_service.items())


def listed(titles: Sequence[str]) -> str:
    """Return names as a sentence has them: "a, b and c"."""
    return " and ".join(filter(None, (", ".join(titles[:-1]), titles[-1])))


def places(titles: Mapping[str, str]) -> str:
    """Return services, by key, as the end of a sentence: "on this computer and at A, B and C"."""
    told = {key: at_place(key, title) for key, title in titles.items()}
    there = [title for key, title in titles.items() if told[key] == f"at {title}"]
    here = [words for key, words in told.items() if words != f"at {titles[key]}"]
    return listed([*here, *([f"at {listed(there)}"] if there else [])])


def _sum_up(key: str, answers: list[Route]) -> Use:
    title = answers[0].generator_title
    models = [route.model_title for route in answers if route.works]
    if models:
        return Use(key, title, True, f"Works there: {' and '.join(models)}.")
    nearest = next((route for route in reversed(answers) if route.fits), answers[-1])
    return Use(key, title, False, nearest.reason)
