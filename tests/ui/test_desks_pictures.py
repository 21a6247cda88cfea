"""Pictures: one after another, what failed, what may have been charged, trash and undo."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.errors import (
    InputError,
    LoraNotUsable,
    OutcomeUnknown,
    PaymentRequired,
    ServiceRefused,
    StorageError,
)
from fluxlora_desktop.domain.gallery import PictureQuery
from fluxlora_desktop.domain.money import Certainty
from fluxlora_desktop.domain.pictures import (
    AT_ONCE,
    GeneratedImage,
    GeneratorAbilities,
    GeneratorModel,
    LoraUse,
    Picture,
    PictureRequest,
    PictureState,
)
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.ui.desks.pictures import PictureDesk
from fluxlora_desktop.workflows.pictures import FAULT, STOPPED
from tests.ui.desk_bench import DeskBench, Heard
from tests.workflows.fakes import FakeGenerator

ORDER = PictureRequest("replicate", "base", "a fox on grass", seed=7, count=3)
USE = LoraUse("l1", "Fox", "flux.1-dev", 1.0)


@dataclass
class Painter(FakeGenerator):
    """A generator that waits before each picture while `hold` is set; `refreshed` is its news."""

    hold: bool = False
    refreshed: tuple[GeneratorModel, ...] | Exception = ()
    paints: list[int] = field(default_factory=list)

    def generate(self, request: PictureRequest, ctx: JobContext) -> GeneratedImage:
        while self.hold:
            ctx.pause(0.01)
        self.paints.append(request.seed)
        return super().generate(request, ctx)

    def refresh(self) -> GeneratorAbilities:
        if isinstance(self.refreshed, Exception):
            raise self.refreshed
        self.models = self.refreshed
        return self.abilities()


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[DeskBench]:
    with DeskBench(tmp_path, generator=Painter()) as made:
        yield made


class Easel:
    """A picture desk on a bench, and what it said."""

    def __init__(self, bench: DeskBench, qtbot: QtBot) -> None:
        self.bench, self.qtbot = bench, qtbot
        self.desk = PictureDesk(bench.tools, bench.jobs, bench.owner)
        self.ordered, self.changed = Heard(self.desk.ordered), Heard(self.desk.changed)
        self.troubles, self.undoables = Heard(self.desk.failed), Heard(self.desk.undoable)

    @property
    def painter(self) -> Painter:
        assert isinstance(self.bench.generator, Painter)
        return self.bench.generator

    def make(self, request: PictureRequest = ORDER) -> tuple[Picture, ...]:
        self.desk.make(request)
        self.rest()
        return self.kept()

    def rest(self) -> None:
        self.qtbot.waitUntil(lambda: self.bench.jobs.live() == 0)

    def kept(self) -> tuple[Picture, ...]:
        store = self.bench.tools.stores.pictures
        return tuple(sorted(store.page(store.ids()), key=lambda picture: picture.id))

    def of(self, order_id: str) -> tuple[Picture, ...]:
        return tuple(picture for picture in self.kept() if picture.order_id == order_id)

    def until(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition)


@pytest.fixture
def easel(bench: DeskBench, qtbot: QtBot) -> Easel:
    return Easel(bench, qtbot)


def test_order_waits_and_then_appears_picture_by_picture(easel: Easel) -> None:
    pictures = easel.make()
    (ordered,) = easel.ordered.all
    assert [picture.state for picture in ordered] == [PictureState.WAITING] * 3
    steps = [(picture.id, picture.state) for picture in easel.changed.all]
    assert steps == [
        (picture.id, state)
        for picture in ordered
        for state in (PictureState.MAKING, PictureState.DONE)
    ]
    assert [picture.seed for picture in pictures] == [7, 8, 9]
    for picture in pictures:
        assert easel.desk.file(picture).is_file()
        assert easel.desk.thumb(picture).is_file()
    assert easel.desk.making() == 0


def test_picture_that_is_refused_says_why_and_the_rest_are_made(easel: Easel) -> None:
    easel.painter.replies = [ServiceRefused("replicate", "NSFW content detected")]
    first, *rest = easel.make()
    assert (first.state, first.error) == (PictureState.FAILED, "NSFW content detected")
    assert easel.desk.file(first) is None
    assert [picture.state for picture in rest] == [PictureState.DONE] * 2


def test_lost_answer_may_have_been_charged_and_is_not_sent_again(easel: Easel) -> None:
    easel.painter.replies = [OutcomeUnknown("replicate", "the connection broke")]
    first, *_rest = easel.make()
    assert first.state is PictureState.MAYBE_CHARGED
    assert easel.painter.paints == [7, 8, 9]
    maybe = [c for c in easel.bench.tools.stores.ledger.charges() if c.picture_id == first.id]
    assert [charge.certainty for charge in maybe] == [Certainty.MAYBE]


def test_account_without_credit_ends_the_order_at_once(easel: Easel) -> None:
    easel.painter.replies = [PaymentRequired("replicate", "no credit")]
    pictures = easel.make()
    assert [picture.error for picture in pictures] == ["no credit"] * 3
    assert easel.painter.paints == [7]


def test_order_that_makes_no_sense_is_refused_before_anything_is_kept(easel: Easel) -> None:
    assert easel.make(replace(ORDER, prompt=" ")) == ()
    assert isinstance(easel.troubles.last, InputError)
    assert easel.painter.paints == []


def test_lora_of_another_base_is_refused_before_anything_is_sent(easel: Easel) -> None:
    other = replace(USE, base="flux.2-dev")
    assert easel.make(replace(ORDER, loras=(other,))) == ()
    assert isinstance(easel.troubles.last, LoraNotUsable)
    assert easel.painter.paints == []


def test_stopped_order_keeps_what_is_there_and_sends_no_more(easel: Easel) -> None:
    easel.painter.hold = True
    easel.desk.make(ORDER)
    easel.until(lambda: any(p.state is PictureState.MAKING for p in easel.changed.all))
    assert easel.desk.making() == 1
    easel.desk.stop(easel.ordered.last[0].order_id)
    easel.rest()
    first, *rest = easel.kept()
    assert first.state is PictureState.MAYBE_CHARGED
    assert {picture.state for picture in rest} == {PictureState.FAILED}
    assert easel.painter.paints == []
    assert {picture.id for picture in easel.changed.all} == {first.id, *(p.id for p in rest)}


def test_order_that_is_stopped_before_its_turn_is_never_taken_up(easel: Easel) -> None:
    easel.painter.hold = True
    for _ in range(AT_ONCE + 1):
        easel.desk.make(ORDER)
    easel.until(lambda: len(easel.ordered) == AT_ONCE + 1)
    last = easel.ordered.last[0].order_id

    easel.desk.stop(last)
    easel.until(lambda: {p.id for p in easel.changed.all} >= {p.id for p in easel.of(last)})

    ended = {(picture.state, picture.error) for picture in easel.of(last)}
    assert ended == {(PictureState.FAILED, STOPPED)}
    easel.painter.hold = False
    easel.rest()
    assert all(p.state is PictureState.FAILED for p in easel.of(last))


def test_window_that_closes_leaves_what_was_not_sent_for_the_next_start(easel: Easel) -> None:
    easel.painter.hold = True
    easel.desk.make(ORDER)
    easel.until(lambda: any(p.state is PictureState.MAKING for p in easel.changed.all))

    assert easel.bench.jobs.shutdown(30_000)

    assert [picture.state for picture in easel.kept()] == [
        PictureState.MAYBE_CHARGED,
        PictureState.WAITING,
        PictureState.WAITING,
    ]


def test_bug_in_the_middle_of_an_order_leaves_no_picture_waiting_for_ever(easel: Easel) -> None:
    easel.painter.replies = [ZeroDivisionError("a bug")]
    easel.desk.make(ORDER)
    easel.rest()

    first, *rest = easel.kept()
    assert first.state is PictureState.MAYBE_CHARGED
    assert {(picture.state, picture.error) for picture in rest} == {(PictureState.FAILED, FAULT)}
    assert easel.painter.paints == [7]
    assert easel.desk.making() == 0


def test_search_and_reading_answer_with_what_was_asked(easel: Easel) -> None:
    pictures = easel.make()
    easel.make(replace(ORDER, prompt="a mug", count=1))
    rows, page = Heard(easel.desk.rows_ready), Heard(easel.desk.page_ready)
    easel.desk.find(PictureQuery(words="fox"))
    easel.until(lambda: len(rows) == 1)
    assert set(rows.last.ids) == {picture.id for picture in pictures}
    easel.desk.read([pictures[2].id, pictures[0].id])
    easel.until(lambda: len(page) == 1)
    assert [picture.id for picture in page.last] == [pictures[2].id, pictures[0].id]


@pytest.mark.parametrize("clean", [False, True])
def test_picture_is_saved_elsewhere_and_said_so(easel: Easel, tmp_path: Path, clean: bool) -> None:
    (picture,) = easel.make(replace(ORDER, count=1))
    said = Heard(easel.desk.said)
    easel.desk.save_as(picture, tmp_path / "fox.png", clean=clean)
    easel.until(lambda: len(said) == 1)
    assert said.last == "Saved as fox.png."
    assert (tmp_path / "fox.png").read_bytes() == b"image"


def test_picture_that_cannot_be_saved_says_why(easel: Easel, tmp_path: Path) -> None:
    (picture,) = easel.make(replace(ORDER, count=1))
    easel.desk.save_as(picture, tmp_path / "no such folder" / "fox.png")
    easel.until(lambda: len(easel.troubles) == 1)
    assert isinstance(easel.troubles.last, StorageError)


def test_offers_name_the_reason_against_a_model_and_come_last(easel: Easel) -> None:
    offers = easel.desk.offers([])
    assert [offer.model.key for offer in offers] == ["base", "trained"]
    assert [offer.works for offer in offers] == [True, False]
    assert "needs a LoRA" in offers[1].reason
    trained = replace(USE, trained_version="tester/fox:1", trained_at="replicate")
    assert [o.model.key for o in easel.desk.offers([trained]) if o.works] == ["trained"]


def test_price_of_an_order_is_of_all_its_pictures(easel: Easel) -> None:
    (offer, _) = easel.desk.offers([])
    assert easel.desk.estimate(offer, 1024, 1024, 28, 4).low_usd == Decimal("0.12")


def test_what_a_service_offers_now_replaces_what_was_known(easel: Easel) -> None:
    told = Heard(easel.desk.offers_changed)
    easel.painter.refreshed = (GeneratorModel("newest", "FLUX.2", "flux.2-dev"),)
    easel.desk.refresh_offers()
    easel.until(lambda: len(told) == 1)
    assert [offer.model.key for offer in easel.desk.offers([])] == ["newest"]


def test_service_that_cannot_be_asked_leaves_offers_as_known(easel: Easel) -> None:
    easel.painter.refreshed = ServiceRefused("replicate", "down")
    easel.desk.refresh_offers()
    easel.rest()
    assert [offer.model.key for offer in easel.desk.offers([])] == ["base", "trained"]
    assert len(easel.troubles) == 0


def test_order_that_broke_off_is_not_sent_again_by_the_bars_button(easel: Easel) -> None:
    easel.make(replace(ORDER, prompt=" "))  # an older trouble, which is not to come back
    assert isinstance(easel.troubles.last, InputError)
    easel.painter.replies = [ServiceRefused("replicate", "no"), ZeroDivisionError("a bug")]
    easel.make()
    troubles = len(easel.troubles)
    assert isinstance(easel.troubles.last, ZeroDivisionError)
    easel.desk.retry()
    easel.rest()
    assert easel.painter.paints == [7, 8]
    assert len(easel.troubles) == troubles
