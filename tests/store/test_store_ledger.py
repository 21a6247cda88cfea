"""The ledger adds up by month, service, kind, run and Lora, with a real database under it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from fluxlora_desktop.domain.journal import Answered, Denied, NoAnswer, Sending
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.money import Certainty, Charge
from fluxlora_desktop.domain.pictures import PictureLora, PictureState
from fluxlora_desktop.domain.ports import Stores
from fluxlora_desktop.domain.runs import EffectKind, Run, RunPlan, RunState
from fluxlora_desktop.domain.spending import (
    NONE,
    GroupBy,
    LedgerLora,
    LedgerQuery,
    Month,
    Sum,
)
from tests.store.conftest import Shelf
from tests.store.test_store_pictures import picture

_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
_NOVEMBER = Month(2026, 11)
_SURE, _MAYBE = Certainty.CHARGED, Certainty.MAYBE


def lora(lora_id: str, name: str, run_id: str | None = None) -> Lora:
    return Lora(
        *(lora_id, name, "flux.1-dev", "TOK", lora_id.ljust(64, "0"), "a" * 64, 10, 16, _NOON),
        run_id=run_id,
    )


def sums(found: Any) -> dict[str, tuple[str, str, int]]:
    return {it.key: (f"{it.sum.charged}", f"{it.sum.maybe}", it.sum.count) for it in found}


class Books:
    """A library with two trainings, three pictures and a caption, all of them charged."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf, stores = shelf, shelf.stores
        self.fox, self.mug = (shelf.draft(RunPlan(name=name)) for name in ("Fox", "Mug"))
        stores.runs.update(self.fox.id, lora_id="fox")
        stores.loras.add(lora("fox", "Red fox", self.fox.id))
        stores.loras.add(lora("ink", "Ink"))
        fox, ink = PictureLora("fox", "Fox", 1.0, "a"), PictureLora("ink", "Ink", 0.5, "b")
        stores.pictures.add(
            [
                picture("p1", prompt="a fox in the snow", loras=(fox,)),
                picture("p2", prompt="a fox drawn with ink", loras=(ink, fox)),
                picture("p3", prompt="100% bare hills", loras=()),
            ]
        )
        self.charge("training-fox", "2.40", kind="training", run_id=self.fox.id)
        self.charge("training-mug", "1.10", _MAYBE, kind="training", run_id=self.mug.id)
        self.charge("picture-p1", "0.03", picture_id="p1", service="together")
        self.charge("picture-p2", "0.05", picture_id="p2", service="together")
        self.charge("picture-p3", "0.000001", _MAYBE, picture_id="p3", service="together")
        self.charge("caption-1", "0.002", kind="caption", service="together", note="Qwen")

    def charge(self, name: str, amount: str, certainty: Certainty = _SURE, **more: Any) -> None:
        facts: dict[str, Any] = {"service": "replicate", "kind": "picture", "at": _NOON, **more}
        made = Charge(name, amount_usd=Decimal(amount), certainty=certainty, **facts)
        self.stores.ledger.add(made)

    @property
    def stores(self) -> Stores:
        return self.shelf.stores


@pytest.fixture
def books(shelf: Shelf) -> Books:
    return Books(shelf)


def test_sure_and_unsure_amounts_are_summed_apart_to_the_millionth(books: Books) -> None:
    ledger = books.shelf.reopen().ledger

    assert ledger.sum() == Sum(Decimal("2.482"), Decimal("1.100001"), 6)
    assert ledger.sum().worst == Decimal("3.582001")
    assert ledger.sum(LedgerQuery(service="nobody")) == Sum()
    assert ledger.sum(LedgerQuery(picture_id="p2")).charged == Decimal("0.05")


def test_lines_add_up_by_service_kind_and_run(books: Books) -> None:
    ledger = books.stores.ledger

    assert sums(ledger.groups(GroupBy.SERVICE)) == {
        "replicate": ("2.4", "1.1", 2),
        "together": ("0.082", "0.000001", 4),
    }
    assert sums(ledger.groups(GroupBy.KIND)) == {
        "training": ("2.4", "1.1", 2),
        "picture": ("0.08", "0.000001", 3),
        "caption": ("0.002", "0", 1),
    }
    runs = ledger.groups(GroupBy.RUN)
    assert sums(runs) == {
        books.fox.id: ("2.4", "0", 1),
        books.mug.id: ("0", "1.1", 1),
        NONE: ("0.082", "0.000001", 4),
    }
    assert [group.name for group in runs] == ["Fox", "Mug", ""]


def test_picture_of_two_loras_counts_for_each_and_is_called_shared(books: Books) -> None:
    ledger = books.stores.ledger
    groups = {group.key: group for group in ledger.groups(GroupBy.LORA)}

    assert sums(groups.values()) == {
        "fox": ("2.48", "0", 3),
        "ink": ("0.05", "0", 1),
        NONE: ("0.002", "1.100001", 3),
    }
    assert {key: str(group.shared) for key, group in groups.items()} == {
        "fox": "0.05",
        "ink": "0.05",
        NONE: "0",
    }
    assert groups["fox"].name == "Red fox"
    for key, group in groups.items():
        assert ledger.sum(LedgerQuery(lora_id=key)) == group.sum


def test_deleted_loras_and_pictures_keep_their_lines_and_names(books: Books) -> None:
    stores = books.stores
    stores.loras.trash("fox")
    stores.pictures.trash(["p1"])
    stores.runs.hide(books.fox.id)

    lines = {line.charge.id: line for line in stores.ledger.lines()}

    assert lines["picture-p1"].loras == (LedgerLora("fox", "Red fox"),)
    assert (lines["picture-p1"].picture_here, lines["picture-p2"].picture_here) == (False, True)
    assert (lines["training-fox"].run_here, lines["training-fox"].run_name) == (False, "Fox")
    assert stores.ledger.sum(LedgerQuery(lora_id="fox")).count == 3


def test_journal_remembers_the_loras_of_a_picture_that_has_no_row_any_more(books: Books) -> None:
    runs = books.stores.runs
    request = {"loras": [{"id": "ink", "scale": 1.0}, {"id": "gone", "scale": 0.5}]}
    made = runs.plan_effect(
        EffectKind.PICTURE, "purged", "replicate", Decimal("0.03"), request=request
    )
    runs.record_effect(made.id, Sending(_NOON))
    runs.record_effect(made.id, Answered("remote"))
    books.charge("picture-purged", "0.03", picture_id="purged")
    books.charge("picture-lost", "0.01", picture_id="lost")

    lines = {line.charge.id: line for line in books.stores.ledger.lines()}

    assert lines["picture-purged"].loras == (LedgerLora("ink", "Ink"), LedgerLora("gone", ""))
    assert lines["picture-lost"].loras == ()
    assert books.stores.ledger.sum(LedgerQuery(lora_id="gone")).charged == Decimal("0.03")


def test_words_are_found_in_what_was_paid_for(books: Books) -> None:
    expected: dict[str, set[str]] = {
        "FOX snow": {"picture-p1"},
        "ink": {"picture-p2"},
        "mug": {"training-mug"},
        "red": {"training-fox", "picture-p1", "picture-p2"},
        "Together caption": {"caption-1"},
        "qwen": {"caption-1"},
        "100%": {"picture-p3"},
        "10_": set(),
        "' OR 1=1 --": set(),
    }

    found = {words: books.stores.ledger.lines(LedgerQuery(words=words)) for words in expected}

    told = {words: {line.charge.id for line in lines} for words, lines in found.items()}
    assert told == expected
    assert len(books.stores.ledger.lines(LedgerQuery(words="  "))) == 6


def test_months_begin_at_midnight_where_the_person_is(shelf: Shelf) -> None:
    ledger = shelf.stores.ledger
    for name, text in (
        ("old", "2025-01-31T23:30:00+00:00"),
        ("late", "2026-11-30T22:59:59+00:00"),
        ("new", "2026-11-30T23:00:00+00:00"),
    ):
        at = datetime.fromisoformat(text)
        ledger.add(Charge(name, "together", "picture", Decimal(1), at))
    berlin, utc = timezone(timedelta(hours=1)), UTC

    def keys(zone: timezone) -> list[str]:
        return [group.key for group in ledger.groups(GroupBy.MONTH, LedgerQuery(zone=zone))]

    def ids(zone: timezone, month: Month) -> list[str]:
        lines = ledger.lines(LedgerQuery(month=month, zone=zone))
        return [line.charge.id for line in lines]

    assert keys(utc) == ["2026-11", "2025-01"]
    assert keys(berlin) == ["2026-12", "2026-11", "2025-02"]
    assert keys(timezone(timedelta(hours=-12))) == ["2026-11", "2025-01"]
    assert ids(utc, _NOVEMBER) == ["new", "late"]
    assert ids(berlin, _NOVEMBER) == ["late"]
    assert ids(berlin, Month(2026, 12)) == ["new"]
    assert shelf.reopen().ledger.groups(GroupBy.MONTH, LedgerQuery(service="x")) == ()


def launched(shelf: Shelf, event: object, **changes: Any) -> Run:
    """Return a run in UNKNOWN, or QUEUED where its launch was answered."""
    runs = shelf.stores.runs
    run = shelf.draft(RunPlan(name="Lost"))
    for state in (RunState.PACKAGING, RunState.UPLOADING, RunState.LAUNCHING):
        run = runs.advance(run.id, state, price_high=Decimal("2.50"))
    made = runs.plan_effect(EffectKind.TRAINING, run.id, "replicate", Decimal("2.50"))
    runs.record_effect(made.id, Sending(_NOON))
    runs.record_effect(made.id, event)  # type: ignore[arg-type]  # one of several kinds
    answered = isinstance(event, Answered)
    return runs.advance(run.id, RunState.QUEUED if answered else RunState.UNKNOWN, **changes)


def test_launch_without_an_answer_is_a_line_that_may_have_been_charged(shelf: Shelf) -> None:
    run = launched(shelf, NoAnswer("lost"))
    ledger = shelf.stores.ledger

    (line,) = ledger.lines()

    assert (line.charge.certainty, line.charge.amount_usd) == (_MAYBE, Decimal("2.50"))
    assert (line.charge.run_id, line.run_name, line.charge.at) == (run.id, "Lost", _NOON)
    ledger.add(replace(line.charge, amount_usd=Decimal("2.10")))
    assert ledger.sum() == Sum(maybe=Decimal("2.10"), count=1)


def test_launch_that_a_person_did_not_find_at_the_service_is_no_line(shelf: Shelf) -> None:
    run = launched(shelf, NoAnswer("lost"))
    runs = shelf.stores.runs
    effect = runs.live_effect(EffectKind.TRAINING, run.id)
    assert effect is not None

    runs.record_effect(effect.id, Denied())

    assert shelf.stores.ledger.lines() == ()


def test_what_is_ordered_and_not_in_the_ledger_is_under_way(shelf: Shelf) -> None:
    stores = shelf.stores
    packing = shelf.draft()
    stores.runs.advance(packing.id, RunState.PACKAGING, price_high=Decimal("1.50"))
    queued = launched(shelf, Answered("remote"))
    lost = launched(shelf, NoAnswer("lost"))
    waiting = picture("w", state=PictureState.WAITING, order_id="o")
    stores.pictures.add(
        [
            waiting,
            replace(waiting, id="x"),
            replace(waiting, id="m", state=PictureState.MAKING),
            replace(waiting, id="thrown", trashed_at=_NOON),
            replace(waiting, id="counted", state=PictureState.MAKING),
            picture("done"),
        ]
    )
    stores.ledger.add(
        Charge("picture-counted", "together", "picture", Decimal(1), _NOON, picture_id="counted")
    )

    def trainings(since: datetime) -> dict[str, tuple[bool, str]]:
        open_now = stores.ledger.under_way(since).trainings
        return {it.run_id: (it.sent, str(it.price)) for it in open_now}

    known = {packing.id: (False, "1.5"), queued.id: (True, "2.5")}
    assert trainings(_NOON) == known  # what is lost since then stands in the ledger already
    assert trainings(_NOON + timedelta(days=9)) == known | {lost.id: (True, "2.5")}
    pictures = stores.ledger.under_way(_NOON).pictures
    assert {(it.order_id, it.made, it.count) for it in pictures} == {
        ("o", False, 2),
        ("o", True, 1),
    }


def test_run_that_is_looked_for_again_is_not_counted_twice(shelf: Shelf) -> None:
    run = launched(shelf, Answered("remote"))
    charge = Charge(f"training-{run.id}", "replicate", "training", Decimal(2), _NOON, _MAYBE)
    shelf.stores.ledger.add(charge)

    assert shelf.stores.ledger.under_way(_NOON).trainings == ()


@pytest.fixture
def many(shelf: Shelf) -> Callable[[int], None]:
    def fill(count: int) -> None:
        used = (PictureLora("fox", "Fox", 1.0, "a"),)
        made = [picture(f"p{number:05d}", loras=used) for number in range(count)]
        shelf.stores.pictures.add(made)
        with shelf.library._database.write() as session:  # one commit for all
            session.connection().exec_driver_sql(
                "INSERT INTO charges (id, service, kind, amount_usd, at, certainty, picture_id, "
                "note) SELECT 'picture-' || id, generator, 'picture', 30000, created_at, "
                "'charged', id, prompt FROM pictures"
            )

    return fill


def test_two_thousand_lines_are_read_whole_with_their_loras(
    shelf: Shelf, many: Callable[[int], None]
) -> None:
    many(2000)

    lines = shelf.stores.ledger.lines(LedgerQuery(lora_id="fox"))

    assert len(lines) == 2000
    assert {line.loras for line in lines} == {(LedgerLora("fox", "Fox"),)}
    assert shelf.stores.ledger.sum().charged == Decimal(60)
