"""What is made at a service for nothing: journalled like what is paid, and looked for before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from fluxlora_desktop.domain.errors import AppError
from fluxlora_desktop.domain.journal import (
    Answered,
    Found,
    Looked,
    NoAnswer,
    Sending,
    outcome_of,
)
from fluxlora_desktop.domain.runs import EffectKind, EffectState
from fluxlora_desktop.workflows.tools import Tools

T = TypeVar("T")


def ensure(
    kind: EffectKind,
    subject: str,
    service: str,
    tools: Tools,
    *,
    look: Callable[[], T | None],
    make: Callable[[], T],
    named: Callable[[T], str],
    request: Mapping[str, object],
) -> T:
    """Return what is at the service under `look`, or `make` it; never two at once.

    A try whose outcome was not known is settled by the look. Raises what `look` and `make` raise.
    """
    runs = tools.stores.runs
    newest = runs.live_effect(kind, subject)
    if newest is not None and newest.state is EffectState.IN_FLIGHT:
        newest = runs.record_effect(newest.id, NoAnswer("its answer was not written down"))
    found = look()
    if newest is not None and newest.state is EffectState.UNKNOWN:
        at = tools.clock.now()
        there = Looked(at, complete=True) if found is None else Found(named(found), note="there")
        runs.record_effect(newest.id, there)
    if found is not None:
        return found
    effect = runs.plan_effect(kind, subject, service, None, request=request)
    runs.record_effect(effect.id, Sending(tools.clock.now(), tools.patience.deadline))
    try:
        made = make()
    except AppError as error:
        runs.record_effect(effect.id, outcome_of(error, kind))
        raise
    except BaseException:
        runs.record_effect(effect.id, NoAnswer("stopped on the way"))
        raise
    runs.record_effect(effect.id, Answered(named(made)))
    return made
