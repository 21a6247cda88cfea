"""Pictures: one paid request each, journalled before it is sent, charged once."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal

import pytest

from fluxlora_desktop.domain.errors import (
    CredentialError,
    InputError,
    JobCancelled,
    LoraNotUsable,
    ModelWithdrawn,
    OutcomeUnknown,
    PaymentRequired,
    ServiceBusy,
    ServiceRefused,
    ServiceUnreachable,
    UnexpectedReply,
)
from fluxlora_desktop.domain.money import Certainty
from fluxlora_desktop.domain.pictures import LoraUse, PictureRequest, PictureState
from fluxlora_desktop.domain.prompts import SEED_LIMIT
from fluxlora_desktop.domain.runs import EffectKind, EffectState
from fluxlora_desktop.workflows.events import PictureChanged
from fluxlora_desktop.workflows.pictures import (
    STOPPED,
    end_order,
    make_pictures,
    order_pictures,
)
from tests.workflows.conftest import Bench
from tests.workflows.fakes import Context

ORDER = PictureRequest("replicate", "base", "a fox on grass", seed=7, count=3)
ONE = replace(ORDER, count=1)


def make(bench: Bench, request: PictureRequest = ORDER, ctx: Context | None = None):
    pictures = order_pictures(request, bench.tools)
    return make_pictures(pictures, request, bench.tools, ctx or bench.ctx)


def effect(bench: Bench, picture_id: str):
    return bench.tools.stores.runs.live_effect(EffectKind.PICTURE, picture_id)


def charges(bench: Bench):
    return {c.picture_id: c for c in bench.tools.stores.ledger.charges()}


def test_each_picture_is_one_request_with_a_seed_of_its_own(bench):
    pictures = make(bench)
    assert [(asked.seed, asked.count) for asked in bench.generator.asked] == [
        (7, 1),
        (8, 1),
        (9, 1),
    ]
    assert [picture.state for picture in pictures] == [PictureState.DONE] * 3
    assert len({picture.order_id for picture in pictures}) == 1


def test_bytes_as_they_came_are_known_by_their_hash(bench):
    (picture,) = make(bench, ONE)

    assert picture.source_sha256 == hashlib.sha256(b"image").hexdigest()


def test_prompt_with_a_token_is_refused_before_it_is_kept(bench):
    with pytest.raises(InputError, match="looks like a token"):
        order_pictures(replace(ORDER, prompt="a fox, hf_" + "Qz7" * 12), bench.tools)

    assert bench.tools.stores.pictures.ids() == ()


def test_seeds_wrap_round_at_their_limit(bench):
    pictures = make(bench, replace(ORDER, seed=SEED_LIMIT - 1))
    assert [picture.seed for picture in pictures] == [SEED_LIMIT - 1, 0, 1]


def test_picture_is_kept_with_everything_that_made_it(bench):
    (picture,) = make(bench, ONE)
    kept = bench.tools.stores.pictures.get(picture.id)
    assert kept == picture
    assert (kept.prompt, kept.generator, kept.model) == ("a fox on grass", "replicate", "base")
    assert kept.sha256 == "b" * 64
    assert kept.remote_id == "remote"
    assert bench.tools.stores.files.resolve(kept.file).read_bytes() == b"image"


def test_journal_says_in_flight_before_the_request_leaves(bench):
    seen = []
    (picture,) = order_pictures(ONE, bench.tools)
    send = bench.generator.generate

    def watch(request, ctx):
        seen.append(effect(bench, picture.id).state)
        return send(request, ctx)

    bench.generator.generate = watch
    make_pictures([picture], ONE, bench.tools, bench.ctx)
    assert seen == [EffectState.IN_FLIGHT]
    assert effect(bench, picture.id).state is EffectState.CONFIRMED
    assert effect(bench, picture.id).remote_id == "remote"


def test_picture_is_charged_once_at_its_price(bench):
    (picture,) = make(bench, ONE)
    charge = charges(bench)[picture.id]
    assert (charge.amount_usd, charge.certainty) == (Decimal("0.03"), Certainty.CHARGED)
    assert picture.cost_usd == Decimal("0.03")


def test_lost_answer_may_be_charged_and_is_never_sent_again(bench):
    bench.generator.replies = [OutcomeUnknown("replicate", "cut")]
    first, *rest = make(bench)
    assert first.state is PictureState.MAYBE_CHARGED
    assert charges(bench)[first.id].certainty is Certainty.MAYBE
    assert effect(bench, first.id).state is EffectState.UNKNOWN
    assert [picture.state for picture in rest] == [PictureState.DONE] * 2
    assert len(bench.generator.asked) == 3


@pytest.mark.parametrize(
    "trouble",
    [
        CredentialError("replicate", "no"),
        PaymentRequired("replicate", "no"),
        ServiceUnreachable("replicate", "no"),
        ModelWithdrawn("replicate", "base"),
        LoraNotUsable("replicate", "no"),
    ],
    ids=lambda trouble: type(trouble).__name__,
)
def test_trouble_of_the_account_or_model_ends_the_order(bench, trouble):
    bench.generator.replies = [trouble]
    pictures = make(bench)
    assert [picture.state for picture in pictures] == [PictureState.FAILED] * 3
    assert {picture.error for picture in pictures} == {trouble.detail}
    assert len(bench.generator.asked) == 1
    assert charges(bench) == {}


def test_refused_content_does_not_end_the_order(bench):
    bench.generator.replies = [ServiceRefused("replicate", "NSFW content detected")]
    first, *rest = make(bench)
    assert (first.state, first.error) == (PictureState.FAILED, "NSFW content detected")
    assert [picture.state for picture in rest] == [PictureState.DONE] * 2
    assert first.id not in charges(bench)
    assert effect(bench, first.id).state is EffectState.REFUSED


def test_busy_service_is_asked_again_after_the_wait_it_names(bench):
    bench.generator.replies = [ServiceBusy("replicate", retry_after=12)]
    (picture,) = make(bench, ONE)
    assert picture.state is PictureState.DONE
    assert bench.ctx.pauses == [12]
    assert len(charges(bench)) == 1


def test_service_that_stays_busy_is_given_up(bench):
    bench.generator.replies = [ServiceBusy("replicate", "later")] * 100
    (picture,) = make(bench, ONE)
    assert picture.state is PictureState.FAILED
    assert len(bench.generator.asked) == 20
    assert charges(bench) == {}


def test_reply_that_is_no_picture_is_charged_and_failed(bench):
    def spoil(*_parts):
        raise UnexpectedReply("replicate", "output", "text")

    bench.tools.pictures.finish = spoil
    (picture,) = make(bench, ONE)
    assert picture.state is PictureState.FAILED
    assert charges(bench)[picture.id].certainty is Certainty.CHARGED


def test_every_step_is_reported(bench):
    (picture,) = make(bench, ONE)
    told = [e.picture.state for e in bench.ctx.events if isinstance(e, PictureChanged)]
    assert told == [PictureState.MAKING, PictureState.DONE]
    assert bench.ctx.events[-1].picture == picture


class StoppedAt(Context):
    """A context whose owner asks to stop at one of the checks."""

    def __init__(self, clock, check: int) -> None:
        super().__init__(clock)
        self._left = check

    def check(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise JobCancelled


def states(bench: Bench):
    store = bench.tools.stores.pictures
    return [p.state for p in sorted(store.page(store.ids()), key=lambda p: p.id)]


def test_work_broken_off_between_two_pictures_sends_no_more_and_leaves_the_rest_waiting(bench):
    with pytest.raises(JobCancelled):
        make(bench, ctx=StoppedAt(bench.clock, 2))
    assert states(bench) == [PictureState.DONE, PictureState.WAITING, PictureState.WAITING]
    assert len(bench.generator.asked) == 1
    assert len(charges(bench)) == 1


def test_order_that_a_person_stopped_is_not_taken_up_again(bench):
    with pytest.raises(JobCancelled):
        make(bench, ctx=StoppedAt(bench.clock, 2))
    (order, *_rest) = {picture.order_id for picture in bench.tools.stores.pictures.unfinished()}

    ended = end_order(order, bench.tools)

    assert {picture.error for picture in ended} == {STOPPED}
    assert states(bench) == [PictureState.DONE, PictureState.FAILED, PictureState.FAILED]
    assert bench.tools.stores.pictures.unfinished() == ()


class StoppedWhileItWaits(Context):
    """A context whose owner asks to stop during a wait."""

    def pause(self, seconds: float) -> None:
        raise JobCancelled


def test_picture_that_the_service_asked_to_wait_for_waits_after_the_app_ended(bench):
    bench.generator.replies = [ServiceBusy("replicate", retry_after=12)]
    with pytest.raises(JobCancelled):
        make(bench, ONE, StoppedWhileItWaits(bench.clock))

    assert states(bench) == [PictureState.WAITING]
    assert charges(bench) == {}
    (waiting,) = bench.tools.stores.pictures.unfinished()
    (made,) = make_pictures([waiting], ONE, bench.tools, bench.ctx)
    assert made.state is PictureState.DONE


def test_stop_while_a_picture_is_made_may_be_charged(bench):
    def stop(request, ctx):
        raise JobCancelled

    bench.generator.generate = stop
    with pytest.raises(JobCancelled):
        make(bench)
    assert states(bench) == [
        PictureState.MAYBE_CHARGED,
        PictureState.WAITING,
        PictureState.WAITING,
    ]
    assert [charge.certainty for charge in charges(bench).values()] == [Certainty.MAYBE]


def test_bug_while_a_picture_is_made_may_be_charged_and_is_never_sent_again(bench):
    bench.generator.replies = [RuntimeError("nobody thought of this")]
    with pytest.raises(RuntimeError):
        make(bench)

    first, *rest = states(bench)
    assert first is PictureState.MAYBE_CHARGED
    assert rest == [PictureState.WAITING] * 2
    assert [charge.certainty for charge in charges(bench).values()] == [Certainty.MAYBE]
    (effect_state,) = {effect(bench, picture).state for picture in charges(bench)}
    assert effect_state is EffectState.UNKNOWN


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "  "},
        {"count": 0},
        {"width": 1000},
        {"width": 16},
        {"steps": 0},
        {"guidance": -1.0},
    ],
)
def test_order_out_of_range_keeps_and_sends_nothing(bench, change):
    with pytest.raises(InputError):
        order_pictures(replace(ORDER, **change), bench.tools)
    assert bench.tools.stores.pictures.ids() == ()


def test_model_that_is_not_offered_is_refused(bench):
    with pytest.raises(InputError, match="not offered"):
        order_pictures(replace(ORDER, model="gone"), bench.tools)


def test_lora_of_another_base_is_refused_with_the_routes_that_work(bench):
    use = LoraUse("l1", "Fox", "flux.1-dev", 1.0, trained_version="t/f:1", trained_at="replicate")
    with pytest.raises(LoraNotUsable) as refused:
        order_pictures(replace(ORDER, loras=(use,)), bench.tools)
    assert refused.value.routes == ("Replicate: The trained model",)
    assert bench.generator.asked == []


def test_lora_is_sent_and_kept_with_its_strength_and_hash(bench):
    use = LoraUse(
        *("l1", "Fox", "flux.1-dev", 0.8),
        trained_version="t/f:1",
        trained_at="replicate",
        tensor_hash="a" * 64,
    )
    (picture,) = make(bench, replace(ONE, model="trained", loras=(use,)))
    assert bench.generator.asked[0].loras == (use,)
    (kept,) = picture.loras
    assert (kept.name, kept.scale, kept.tensor_hash) == ("Fox", 0.8, "a" * 64)


def test_order_whose_model_is_gone_fails_in_words_and_does_not_wait_for_ever(bench):
    (picture,) = order_pictures(ONE, bench.tools)
    bench.generator.models = ()

    with pytest.raises(InputError):
        make_pictures([picture], ONE, bench.tools, bench.ctx)

    ended = bench.tools.stores.pictures.get(picture.id)
    assert (ended.state, bool(ended.error)) == (PictureState.FAILED, True)
