"""The monthly limit holds whatever costs money, wherever it was asked for; the ledger as CSV."""

from __future__ import annotations

import csv
import threading
from dataclasses import replace
from datetime import UTC, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from fluxlora_desktop.domain.errors import AccessDenied, LimitReached, OutcomeUnknown, StorageError
from fluxlora_desktop.domain.money import Certainty, Charge
from fluxlora_desktop.domain.pictures import PictureLora, PictureRequest, PictureState
from fluxlora_desktop.domain.runs import EffectKind, RunState
from fluxlora_desktop.domain.spending import WHOLE_LEDGER, Agreement, LedgerQuery, Month
from fluxlora_desktop.workflows.budget import Budget
from fluxlora_desktop.workflows.captioning import order_captions, write_captions
from fluxlora_desktop.workflows.carry import carry_run
from fluxlora_desktop.workflows.launch import start_run, try_again
from fluxlora_desktop.workflows.orders import make_order, place_order, take_up
from fluxlora_desktop.workflows.paid import Paid, send_paid
from fluxlora_desktop.workflows.pictures import make_pictures, order_pictures
from fluxlora_desktop.workflows.spending import COLUMNS, export_ledger, standing
from tests.workflows.conftest import Bench

FOUR = PictureRequest("replicate", "base", "a fox on grass", seed=7, count=4)
PRICE = Decimal("0.144")  # the most that four pictures of the fake generator can cost
TAKEN = Decimal("0.12")
NOTHING_SENT: list[object] = []


def limit(bench: Bench, amount: str | None) -> None:
    bench.tools.budget.set_limit(None if amount is None else Decimal(amount))


def spend(bench: Bench, amount: str, certainty: Certainty = Certainty.CHARGED, **more) -> None:
    facts = {"at": bench.clock.now(), **more}
    made = Charge("spent", "replicate", "picture", Decimal(amount), certainty=certainty, **facts)
    bench.tools.stores.ledger.add(made)


def restarted(bench: Bench) -> Bench:
    """Return the same library after a restart: nobody remembers what was let through."""
    return replace(bench, tools=replace(bench.tools, budget=Budget(bench.tools.budget.limit)))


def test_order_that_just_fits_passes_and_a_cent_less_asks_with_the_numbers(bench: Bench) -> None:
    spend(bench, "19.856")
    limit(bench, "19.99")

    with pytest.raises(LimitReached) as asked:
        order_pictures(FOUR, bench.tools)

    assert bench.tools.stores.pictures.unfinished() == ()
    error = asked.value
    assert (error.month, error.limit) == ("November", Decimal("19.99"))
    assert (error.reach, error.price) == (Decimal("20.00"), PRICE)
    limit(bench, "20")
    assert len(order_pictures(FOUR, bench.tools)) == 4


def test_what_may_have_been_charged_counts_and_other_months_do_not(bench: Bench) -> None:
    limit(bench, "1")
    spend(bench, "50", at=bench.clock.now() - timedelta(days=40))
    order_pictures(FOUR, bench.tools)
    spend(bench, "0.80", Certainty.MAYBE)

    with pytest.raises(LimitReached) as asked:
        order_pictures(FOUR, bench.tools)

    assert asked.value.reach == Decimal("0.80") + 2 * PRICE


def test_month_is_that_of_the_person(bench: Bench) -> None:
    bench.clock.time = bench.clock.time.replace(day=30, hour=23, minute=30)
    spend(bench, "50")
    limit(bench, "1")
    east = Budget(Decimal(1), zone=timezone(timedelta(hours=2)))
    west = Budget(Decimal(1), zone=UTC)

    with pytest.raises(LimitReached):
        order_pictures(FOUR, replace(bench.tools, budget=west))
    bench.clock.pass_seconds(3600)

    in_december = replace(bench.tools, budget=east)
    assert standing(in_december).month == Month(2026, 12)
    assert standing(in_december).spent.count == 1  # the charge fell into the east's December too


def test_what_is_agreed_to_passes_once_and_only_up_to_what_was_seen(bench: Bench) -> None:
    limit(bench, "0.10")
    with pytest.raises(LimitReached) as asked:
        order_pictures(FOUR, bench.tools)
    yes = Agreement(asked.value.reach)

    pictures = order_pictures(FOUR, bench.tools, yes)

    with pytest.raises(LimitReached) as again:
        order_pictures(FOUR, bench.tools, yes)
    assert again.value.reach == 2 * PRICE
    made = make_pictures(pictures, FOUR, bench.tools, bench.ctx)
    assert [picture.state for picture in made] == [PictureState.DONE] * 4
    assert standing(bench.tools).spent.charged == TAKEN
    assert standing(bench.tools).under_way == 0


def test_two_orders_at_once_that_fit_alone_and_not_together_do_not_both_pass(bench: Bench) -> None:
    limit(bench, "0.20")
    start, outcomes = threading.Barrier(2), list[str]()

    def order() -> None:
        start.wait()
        try:
            order_pictures(FOUR, bench.tools)
        except LimitReached:
            outcomes.append("asked")
        else:
            outcomes.append("passed")

    both = [threading.Thread(target=order) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()

    assert sorted(outcomes) == ["asked", "passed"]
    assert len(bench.tools.stores.pictures.unfinished()) == 4


def test_orders_that_wait_since_the_last_start_go_on_as_far_as_they_fit(bench: Bench) -> None:
    for _ in range(3):
        place_order(FOUR, bench.tools)
        bench.clock.pass_seconds(1)
    limit(bench, "0.27")
    now = restarted(bench)
    first, second, third = (order.id for order in take_up(now.tools)[0].orders)

    assert make_order(first, now.tools, now.ctx)
    assert make_order(second, now.tools, now.ctx)
    with pytest.raises(LimitReached) as asked:
        make_order(third, now.tools, now.ctx)

    assert len(now.generator.asked) == 8
    waiting = now.tools.stores.pictures.unfinished()
    assert [picture.state for picture in waiting] == [PictureState.WAITING] * 4
    yes = Agreement(asked.value.reach)
    assert make_order(third, now.tools, now.ctx, agreed=yes)
    assert len(now.generator.asked) == 12


def test_lower_limit_does_not_stop_what_was_let_through(bench: Bench) -> None:
    pictures = order_pictures(FOUR, bench.tools)
    limit(bench, "0")

    made = make_pictures(pictures, FOUR, bench.tools, bench.ctx)

    assert [picture.state for picture in made] == [PictureState.DONE] * 4


def test_screen_that_forgot_to_ask_sends_nothing_past_the_limit(bench: Bench) -> None:
    limit(bench, "0.05")
    paid = Paid(
        *(EffectKind.PICTURE, "p1", "replicate", Decimal("0.06"), {}),
        done="made",
        note="a fox",
        order="nobody asked for this one",
    )

    with pytest.raises(LimitReached):
        send_paid(paid, lambda: NOTHING_SENT.append(1), print, bench.tools, bench.ctx)

    assert NOTHING_SENT == []
    cheap = replace(paid, price_usd=Decimal("0.04"))
    send_paid(cheap, lambda: 1, print, bench.tools, bench.ctx)


def test_training_asks_before_it_leaves_the_draft(bench: Bench) -> None:
    limit(bench, "0.50")
    run = bench.draft()

    with pytest.raises(LimitReached) as asked:
        start_run(run.id, bench.tools)

    assert bench.tools.stores.runs.get(run.id).state is RunState.DRAFT
    started = start_run(run.id, bench.tools, Agreement(asked.value.reach))
    assert started.state is RunState.PACKAGING
    assert standing(bench.tools).under_way == started.price_high == asked.value.price
    assert carry_run(run.id, bench.tools, bench.ctx).state is RunState.READY


def test_training_left_before_its_launch_asks_anew_and_can_be_agreed_to(bench: Bench) -> None:
    run = start_run(bench.draft().id, bench.tools)
    limit(bench, "0.50")
    now = restarted(bench)

    held = carry_run(run.id, now.tools, now.ctx)

    assert (held.state, held.error_kind) == (RunState.FAILED, "LimitReached")
    assert "your limit is $0.50. Nothing was sent" in held.error
    assert now.backend.launched == []
    with pytest.raises(LimitReached) as asked:
        try_again(run.id, now.tools)
    assert now.tools.stores.runs.get(run.id).state is RunState.FAILED
    try_again(run.id, now.tools, Agreement(asked.value.reach))
    assert carry_run(run.id, now.tools, now.ctx).state is RunState.READY
    assert len(now.backend.launched) == 1


def test_training_that_is_at_its_service_goes_on_whatever_the_limit(bench: Bench) -> None:
    run = start_run(bench.draft().id, bench.tools)
    bench.backend.submits = [OutcomeUnknown("replicate", "cut")]
    limit(bench, "0")

    done = carry_run(run.id, bench.tools, bench.ctx)

    assert done.state in {RunState.READY, RunState.FAILED}
    assert done.error_kind != "LimitReached"


def test_captions_ask_as_a_whole_and_hold_what_is_not_written_yet(bench: Bench) -> None:
    run = bench.draft(3)
    hashes = [it.photo.sha256 for it in bench.tools.stores.datasets.get(run.dataset_id).photos]
    order = order_captions(
        run.dataset_id,
        dict.fromkeys(hashes, ""),
        captioner="together",
        model="eyes",
        prompt="Describe.",
        trigger="TOK",
    )
    each = bench.captioner.abilities().model("eyes").estimate().high_usd
    limit(bench, f"{each * 3 - Decimal('0.000001'):f}")
    with pytest.raises(LimitReached) as asked:
        write_captions(order, bench.tools, bench.ctx)
    assert bench.captioner.asked == []
    held: list[Decimal] = []
    bench.captioner.while_writing = lambda: held.append(bench.tools.budget.held)

    report = write_captions(order, bench.tools, bench.ctx, Agreement(asked.value.reach))

    assert report.written == 3
    assert held == [each * 3, each * 2, each]
    assert standing(bench.tools).under_way == 0


def test_what_costs_nothing_passes_any_limit(bench: Bench) -> None:
    limit(bench, "0")
    free = replace(bench.generator.models[0], usd_per_picture=Decimal(0))
    bench.generator.models = (free,)

    made = make_pictures(order_pictures(FOUR, bench.tools), FOUR, bench.tools, bench.ctx)

    assert [picture.state for picture in made] == [PictureState.DONE] * 4


def test_new_limit_is_kept_where_it_outlives_the_process() -> None:
    kept = list[Decimal | None]()
    budget = Budget(keep=kept.append)

    budget.set_limit(Decimal(20))
    budget.set_limit(None)

    assert kept == [Decimal(20), None]
    assert budget.limit is None


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_ledger_comes_back_from_csv_with_formulas_disarmed(bench: Bench, tmp_path: Path) -> None:
    pictures = order_pictures(
        replace(FOUR, prompt='=HYPERLINK("x")\n"quoted", é', count=1), bench.tools
    )
    used = (PictureLora("a", "Fox; red", 1.0), PictureLora("b", "@Ink", 0.5))
    bench.tools.stores.pictures.update(pictures[0].id, loras=used)
    make_pictures(pictures, FOUR, bench.tools, bench.ctx)
    spend(bench, "1.25", Certainty.MAYBE, note="-lost", run_id="nobody")
    target = tmp_path / "spending.csv"

    assert export_ledger(target, WHOLE_LEDGER, bench.tools) == 2

    raw = target.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf" + ",".join(COLUMNS).encode() + b"\r\n")
    by_id = {row["id"]: row for row in read(target)}
    made = by_id[f"picture-{pictures[0].id}"]
    assert made == {
        "time": "2026-11-23T12:00:00+00:00",
        "service": "Replicate",
        "kind": "picture",
        "amount_usd": "0.03",
        "certainty": "charged",
        "run": "",
        "loras": "Fox; red; @Ink",
        "picture": pictures[0].id,
        "prompt": '\'=HYPERLINK("x")\n"quoted", é',
        "note": '\'=HYPERLINK("x")\n"quoted", é',
        "id": f"picture-{pictures[0].id}",
    }
    spent = by_id["spent"]
    assert (spent["amount_usd"], spent["certainty"], spent["note"]) == ("1.25", "maybe", "'-lost")


def test_export_holds_only_what_is_asked_for_and_leaves_no_half_file(
    bench: Bench, tmp_path: Path
) -> None:
    spend(bench, "1")
    target = tmp_path / "spending.csv"
    target.write_text("before")

    with pytest.raises(StorageError):
        export_ledger(tmp_path / "nowhere" / "x.csv", WHOLE_LEDGER, bench.tools)
    assert export_ledger(target, LedgerQuery(words="nothing like it"), bench.tools) == 0

    assert read(target) == []
    assert [path.name for path in tmp_path.glob("*.part")] == []
    assert issubclass(AccessDenied, StorageError)
