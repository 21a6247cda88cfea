"""What costs nothing is journalled too, and looked for before it is made again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fluxlora_desktop.domain.errors import (
    JobCancelled,
    OutcomeUnknown,
    ServiceInterrupted,
    ServiceRefused,
)
from fluxlora_desktop.domain.runs import EffectKind, EffectState, RunState
from fluxlora_desktop.domain.training import FoundRuns, RemoteFile
from fluxlora_desktop.workflows.carry import carry_run
from fluxlora_desktop.workflows.effects import ensure
from fluxlora_desktop.workflows.launch import start_run
from tests.workflows.conftest import Bench

MODEL = EffectKind.MODEL


class Shop:
    """A service that makes one thing; `trouble` is raised once, after or before it is made."""

    def __init__(self) -> None:
        self.held: str | None = None
        self.made = 0
        self.trouble: BaseException | None = None
        self.loses_after = True

    def look(self) -> str | None:
        return self.held

    def make(self) -> str:
        trouble, self.trouble = self.trouble, None
        if trouble is not None and not self.loses_after:
            raise trouble
        self.made += 1
        self.held = "tester/fox"
        if trouble is not None:
            raise trouble
        return self.held


def make_sure(bench: Bench, shop: Shop) -> str:
    return ensure(
        MODEL,
        "run",
        "replicate",
        bench.tools,
        look=shop.look,
        make=shop.make,
        named=str,
        request={"name": "fox"},
    )


def state_of(bench: Bench) -> EffectState | None:
    newest = bench.tools.stores.runs.live_effect(MODEL, "run")
    return None if newest is None else newest.state


def test_what_is_there_is_taken_and_nothing_is_made(bench: Bench) -> None:
    shop = Shop()
    shop.held = "tester/fox"

    assert make_sure(bench, shop) == "tester/fox"
    assert (shop.made, state_of(bench)) == (0, None)


def test_intent_is_written_before_it_is_made(bench: Bench) -> None:
    shop = Shop()
    seen: list[EffectState | None] = []
    make = shop.make
    shop.make = lambda: (seen.append(state_of(bench)), make())[1]  # type: ignore[method-assign]

    make_sure(bench, shop)

    assert (seen, state_of(bench)) == ([EffectState.IN_FLIGHT], EffectState.CONFIRMED)


@pytest.mark.parametrize("trouble", [ServiceInterrupted("replicate", "cut"), JobCancelled()])
@pytest.mark.parametrize("loses_after", [True, False])
def test_lost_answer_is_looked_for_and_made_once(
    bench: Bench, trouble: BaseException, loses_after: bool
) -> None:
    shop = Shop()
    shop.trouble, shop.loses_after = trouble, loses_after
    with pytest.raises(type(trouble)):
        make_sure(bench, shop)
    assert state_of(bench) is EffectState.UNKNOWN

    assert make_sure(bench, shop) == "tester/fox"

    assert (shop.made, state_of(bench)) == (1, EffectState.CONFIRMED)


def test_refusal_is_settled_and_may_be_tried_again(bench: Bench) -> None:
    shop = Shop()
    shop.trouble, shop.loses_after = ServiceRefused("replicate", "no"), False
    with pytest.raises(ServiceRefused):
        make_sure(bench, shop)
    assert state_of(bench) is EffectState.REFUSED

    assert make_sure(bench, shop) == "tester/fox"


def test_run_journals_model_launch_repo_and_commit(bench: Bench) -> None:
    run = carry_run(start_run(bench.draft().id, bench.tools).id, bench.tools, bench.ctx)

    assert run.state is RunState.READY
    confirmed = bench.tools.stores.runs.effects(EffectState.CONFIRMED)
    assert [effect.kind for effect in confirmed] == [
        *(EffectKind.MODEL, EffectKind.TRAINING, EffectKind.REPO, EffectKind.COMMIT),
    ]
    assert [effect.remote_id for effect in confirmed] == [
        *("tester/fox", "remote-1", "tester/fox", "c" * 40),
    ]
    assert '"archive_sha256"' in confirmed[1].request


def test_clock_that_ran_a_month_ahead_does_not_make_a_lost_launch_absent(bench: Bench) -> None:
    """The service's own time decides; ours said that the launch lay in its future."""
    real = bench.clock.now() - timedelta(days=30)
    bench.backend.submits = [OutcomeUnknown("replicate", "cut")]
    upload = bench.backend.upload
    bench.backend.upload = lambda *told: RemoteFile(  # type: ignore[method-assign]  # with a date
        upload(*told).id, "http://127.0.0.1/file", "a" * 64, server_date=real
    )
    asked: list[datetime] = []

    def find(_mark: object, since: datetime, _ctx: object) -> FoundRuns:
        asked.append(since)
        minutes = len(asked) * 2
        return FoundRuns((), complete=True, at=real + timedelta(minutes=minutes))

    bench.backend.find = find  # type: ignore[method-assign]  # a service with a clock

    run = carry_run(start_run(bench.draft().id, bench.tools).id, bench.tools, bench.ctx)

    assert set(asked) == {real}
    assert len(asked) == 6  # five would do, and twelve minutes by the service's clock
    assert run.state is RunState.FAILED
    effect = bench.tools.stores.runs.live_effect(EffectKind.TRAINING, run.id)
    assert effect is not None and effect.evidence[-1] == f"{real:%Y-%m-%dT}12:12:00Z not there"
    assert real.tzinfo is UTC


def test_another_accounts_token_proves_nothing_about_a_lost_launch(bench: Bench) -> None:
    bench.backend.submits = [OutcomeUnknown("replicate", "cut")]
    account = ["tester"]
    find = bench.backend.find

    def looking(*told: object) -> FoundRuns:
        if len(looks) == 30:
            account[0] = "tester"
        looks.append(account[0])
        return find(*told)

    looks: list[str] = []
    check = bench.backend.check
    bench.backend.check = lambda: type(check())("replicate", account[0])  # type: ignore[method-assign]
    bench.backend.find = looking  # type: ignore[method-assign]
    submit = bench.backend.submit

    def lost(*told: object) -> object:
        account[0] = "somebody-else"
        return submit(*told)

    bench.backend.submit = lost  # type: ignore[method-assign]

    run = carry_run(start_run(bench.draft().id, bench.tools).id, bench.tools, bench.ctx)

    assert run.state is RunState.FAILED  # absent, once the right account was read in full
    assert looks.count("tester") >= 5
    words = [event.run.attention for event in bench.ctx.events if hasattr(event, "run")]
    assert any("belongs to the Replicate account tester" in said for said in words)
