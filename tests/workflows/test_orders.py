"""The queue of pictures: it outlives the app, asks again after a day, and sends nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from fluxlora_desktop.domain.errors import InputError, JobCancelled
from fluxlora_desktop.domain.orders import TOO_OLD, OrderProgress, Queue, due, moved, title_for
from fluxlora_desktop.domain.pictures import (
    GeneratedImage,
    Picture,
    PictureLora,
    PictureRequest,
    PictureState,
)
from fluxlora_desktop.domain.prompts import Spread
from fluxlora_desktop.workflows.orders import (
    make_order,
    pause_order,
    place_order,
    settle_queue,
    take_up,
)
from fluxlora_desktop.workflows.pictures import order_pictures, template_of
from fluxlora_desktop.workflows.prompts import read_wildcards, save_prompt
from tests.workflows.conftest import Bench

ORDER = PictureRequest("replicate", "base", "a fox on grass", seed=7, count=3)
ONE = replace(ORDER, count=1)
DAY = 24 * 3600


def kept(bench: Bench) -> list[Picture]:
    store = bench.tools.stores.pictures
    return sorted(store.page(store.ids()), key=lambda picture: picture.id)


def states(bench: Bench) -> list[PictureState]:
    return [picture.state for picture in kept(bench)]


def seeds_sent(bench: Bench) -> list[int]:
    return [asked.seed for asked in bench.generator.asked]


def after(bench: Bench, pictures: int) -> Callable[[], bool]:
    """Return what says no once so many pictures were asked for."""
    return lambda: len(bench.generator.asked) < pictures


def test_order_that_was_never_sent_is_made_after_a_restart_as_it_was_ordered(bench):
    placed = place_order(ORDER, bench.tools)
    make_order(placed.order.id, bench.tools, bench.ctx, after(bench, 1))
    assert states(bench) == [PictureState.DONE, PictureState.WAITING, PictureState.WAITING]

    queue, waiting = take_up(bench.tools)

    assert [picture.id for picture in waiting] == [picture.id for picture in placed.pictures[1:]]
    assert queue.orders == (placed.order,)
    assert (queue.done_of(placed.order.id).ended, placed.order.high_usd) == (1, Decimal("0.108"))
    make_order(placed.order.id, bench.tools, bench.ctx)
    make_order(placed.order.id, bench.tools, bench.ctx)
    assert seeds_sent(bench) == [7, 8, 9]


def test_order_that_is_over_leaves_the_queue_with_what_it_took(bench):
    placed = place_order(ORDER, bench.tools)
    assert settle_queue(bench.tools).over == ()

    make_order(placed.order.id, bench.tools, bench.ctx)
    settled = settle_queue(bench.tools)

    ((order, done),) = settled.over
    assert settled.queue == Queue(progress={placed.order.id: done})
    assert order == placed.order
    assert (done.made, done.charged) == (3, Decimal("0.09"))
    assert settle_queue(bench.tools).over == ()


def test_order_of_last_week_comes_back_paused_and_is_made_when_a_person_says_so(bench):
    placed = place_order(ONE, bench.tools)
    bench.clock.pass_seconds(DAY + 1)

    queue, _waiting = take_up(bench.tools)
    (order,) = queue.orders
    assert (order.paused, order.note) == (True, TOO_OLD)
    assert due(queue, lambda _key: 2) == ()
    assert states(bench) == [PictureState.WAITING]

    pause_order(placed.order.id, False, bench.tools)
    (resumed,) = take_up(bench.tools)[0].orders
    assert (resumed.paused, resumed.note) == (False, "")
    make_order(placed.order.id, bench.tools, bench.ctx)
    assert states(bench) == [PictureState.DONE]


def test_order_in_whose_middle_a_day_goes_by_asks_before_it_goes_on(bench):
    placed = place_order(ORDER, bench.tools)
    send = bench.generator.generate

    def slow(request, ctx):
        bench.clock.pass_seconds(DAY + 1)
        return send(request, ctx)

    bench.generator.generate = slow
    make_order(placed.order.id, bench.tools, bench.ctx)

    assert seeds_sent(bench) == [7]
    (order,) = settle_queue(bench.tools).queue.orders
    assert (order.paused, order.note) == (True, TOO_OLD)


def test_library_of_another_computer_comes_back_paused_with_the_reason(bench):
    place_order(ONE, bench.tools)

    queue, _waiting = take_up(bench.tools, "It was open elsewhere.")

    assert [(order.paused, order.note) for order in queue.orders] == [
        (True, "It was open elsewhere.")
    ]


def test_order_that_lost_its_row_is_found_by_its_pictures(bench):
    pictures = order_pictures(
        replace(ORDER, prompt="a {red|grey} fox", spread=Spread.EVERY, count=2), bench.tools
    )

    queue, waiting = take_up(bench.tools)

    assert waiting == pictures
    (order,) = queue.orders
    assert (order.prompt, order.count, order.low_usd) == ("a {red|grey} fox", 2, Decimal("0.06"))
    make_order(order.id, bench.tools, bench.ctx)
    assert [asked.prompt for asked in bench.generator.asked] == ["a red fox", "a grey fox"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"loras": (PictureLora("gone", "Fox", 1.0),)}, "LoRA is no longer in the library"),
        ({"generator": "elsewhere"}, "not set up any more"),
    ],
)
def test_order_that_can_never_be_made_ends_in_words(bench, change, says):
    (picture,) = place_order(ONE, bench.tools).pictures
    bench.tools.stores.pictures.update(picture.id, **change)

    queue, waiting = take_up(bench.tools)

    assert (queue.orders, waiting) == ((), ())
    ended = bench.tools.stores.pictures.get(picture.id)
    assert ended.state is PictureState.FAILED
    assert says in ended.error
    assert "Nothing was charged" in ended.error


def test_pictures_of_one_order_are_asked_for_each_as_its_row_says(bench):
    placed = place_order(replace(ORDER, count=2), bench.tools)
    second = placed.pictures[1]
    bench.tools.stores.pictures.update(second.id, steps=12, guidance=5.0, prompt="a cat", width=512)

    make_order(placed.order.id, bench.tools, bench.ctx)

    assert bench.generator.asked == [
        replace(ORDER, count=1),
        replace(ORDER, count=1, seed=8, steps=12, guidance=5.0, prompt="a cat", width=512),
    ]


def test_alternatives_are_drawn_for_each_picture_and_the_template_is_kept(bench):
    (bench.tools.stores.files.wildcards() / "animal.txt").write_text("fox\ncat\n# dog\n")
    asked = replace(ORDER, prompt="a {red|grey} __animal__", spread=Spread.RANDOM, count=6)

    placed = place_order(asked, bench.tools)

    prompts = [picture.prompt for picture in placed.pictures]
    assert prompts == [
        order_pictures(replace(asked, seed=7 + place, count=1), bench.tools)[0].prompt
        for place in range(6)
    ]
    assert len(set(prompts)) > 1
    assert {prompt.split()[-1] for prompt in prompts} == {"fox", "cat"}
    assert {template_of(picture) for picture in placed.pictures} == {(asked.prompt, Spread.RANDOM)}
    assert placed.order.title == "a {red|grey} __animal__"
    (used,) = bench.tools.stores.prompts.all()
    assert used.text == asked.prompt


def test_prompt_that_is_sent_as_it_stands_enters_the_history_as_it_has_to_be_written(bench):
    (picture,) = place_order(replace(ONE, prompt="a {b|c}"), bench.tools).pictures

    assert picture.prompt == "a {b|c}"
    assert template_of(picture) == ("a {b|c}", Spread.LITERAL)
    assert [used.text for used in bench.tools.stores.prompts.all()] == [r"a \{b\|c\}"]


def test_drawn_prompt_that_says_nothing_or_holds_a_token_keeps_nothing(bench):
    token = "hf_" + "Qz7" * 12
    (bench.tools.stores.files.wildcards() / "bad.txt").write_text(token)
    for prompt in ("{|a fox}", "a fox, __bad__"):
        with pytest.raises(InputError):
            place_order(replace(ORDER, prompt=prompt, spread=Spread.EVERY, count=2), bench.tools)
    assert bench.tools.stores.pictures.ids() == ()
    assert bench.tools.stores.prompts.all() == ()


def test_wildcards_are_read_from_files_and_what_cannot_be_read_says_why(bench):
    folder = bench.tools.stores.files.wildcards()
    (folder / "places").mkdir()
    (folder / "places" / "north.txt").write_text("\ufeffa fjord\nice\n", encoding="utf-8")
    (folder / "latin.txt").write_bytes("é".encode("latin-1"))
    (folder / "large.txt").write_bytes(b"a\n" * 600_000)
    (folder / "notes.md").write_text("no wildcard")

    read = read_wildcards(bench.tools)

    assert read.entries == {"places/north": ("a fjord", "ice")}
    assert read.unreadable == {
        "latin": "latin.txt is not UTF-8 text",
        "large": "large.txt is larger than 1 MB",
    }


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        (" ", "Foxes", "what the picture shall show"),
        ("a fox", " ", "1 to 60"),
        ("a fox", "x" * 61, "1 to 60"),
        ("a fox, hf_" + "Qz7" * 12, "Foxes", "looks like a token"),
    ],
    ids=["no prompt", "no name", "long name", "token"],
)
def test_prompt_that_cannot_be_saved_says_why(bench, text, name, says):
    with pytest.raises(InputError, match=says):
        save_prompt(text, name, bench.tools)
    assert bench.tools.stores.prompts.all() == ()


def test_prompt_of_the_history_that_is_saved_keeps_its_uses(bench):
    bench.tools.stores.prompts.use("a fox")

    save_prompt(" a fox ", " Red  foxes ", bench.tools)

    (saved,) = bench.tools.stores.prompts.all()
    assert (saved.text, saved.name, saved.saved, saved.uses) == ("a fox", "Red foxes", True, 1)


def test_first_orders_of_each_generator_are_due_unless_they_wait(bench):
    first = place_order(ONE, bench.tools).order
    orders = tuple(
        replace(first, id=name, generator=generator, paused=name == "b")
        for name, generator in (("a", "x"), ("b", "x"), ("c", "x"), ("d", "x"), ("e", "y"))
    )

    waiting = {order.id: OrderProgress(1, 1) for order in orders}
    assert due(Queue(orders, progress=waiting), lambda _key: 2) == ("a", "c", "e")
    assert due(Queue(orders, paused=True, progress=waiting), lambda _key: 2) == ()
    last_is_made = waiting | {"a": OrderProgress(1, 0)}
    assert due(Queue(orders, progress=last_is_made), lambda _key: 2) == ("c", "d", "e")
    assert moved(Queue(orders), "d", 0) == ("d", "a", "b", "c", "e")
    assert moved(Queue(orders), "a", 99) == ("b", "c", "d", "e", "a")


def test_title_is_the_prompt_in_one_line_cut_at_a_word():
    assert title_for("a fox\n  in snow") == "a fox in snow"
    long = title_for("a fox " * 30)
    assert len(long) <= 82
    assert long.endswith(" a …")


def test_broken_off_order_leaves_the_rest_in_the_queue(bench):
    placed = place_order(ORDER, bench.tools)

    def stop(request, ctx) -> GeneratedImage:
        raise JobCancelled

    bench.generator.generate = stop
    with pytest.raises(JobCancelled):
        make_order(placed.order.id, bench.tools, bench.ctx)

    assert [order.id for order in take_up(bench.tools)[0].orders] == [placed.order.id]
    done = settle_queue(bench.tools).queue.done_of(placed.order.id)
    assert (done.ended, done.made, done.maybe) == (1, 0, Decimal("0.03"))
