"""The queue of pictures and the history of prompts, over a library that is closed and opened."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from fluxlora_desktop.domain.kept_prompts import KeptPrompt
from fluxlora_desktop.domain.money import Certainty, Charge
from fluxlora_desktop.domain.orders import OrderProgress, PictureOrder
from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.domain.ports import Stores
from fluxlora_desktop.store.prompts import SqlPromptStore
from tests.store.conftest import Shelf
from tests.store.test_store_pictures import picture

_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def order(order_id: str, **changes: Any) -> PictureOrder:
    plain = PictureOrder(
        id=order_id,
        title="A fox",
        generator="together",
        prompt="a {red|grey} fox",
        count=4,
        created_at=_NOON,
        since=_NOON + timedelta(hours=1),
        low_usd=Decimal("0.10"),
        high_usd=Decimal("0.12"),
    )
    return replace(plain, **changes)


def ids(stores: Stores) -> list[str]:
    return [kept.id for kept in stores.orders.all()]


def test_orders_are_there_in_their_order_when_the_library_is_opened_again(shelf: Shelf) -> None:
    for name in "abcd":
        shelf.stores.orders.add(order(name, paused=name == "b", note="why" if name == "b" else ""))
    shelf.stores.orders.arrange(["c", "a"])
    shelf.stores.orders.pause(True)

    orders = shelf.reopen().orders

    assert ids(shelf.stores) == ["c", "a", "b", "d"]
    assert orders.all()[2] == order("b", position=2, paused=True, note="why")
    assert orders.is_paused()
    orders.pause(False)
    assert not orders.is_paused()
    assert orders.add(order("e")).position == 4


def test_order_changes_its_fields_and_leaves_the_queue(shelf: Shelf) -> None:
    orders = shelf.stores.orders
    orders.add(order("a"))

    changed = orders.update("a", paused=True, note="too old", since=_NOON)

    assert orders.all() == (changed,)
    assert (changed.paused, changed.note, changed.since) == (True, "too old", _NOON)
    with pytest.raises(TypeError):
        orders.update("a", position=3)
    orders.remove("a")
    orders.remove("a")
    assert orders.all() == ()
    with pytest.raises(KeyError):
        orders.update("a", paused=False)


def test_progress_counts_pictures_and_sums_what_was_and_may_have_been_charged(shelf: Shelf) -> None:
    states = (
        *(PictureState.DONE, PictureState.DONE, PictureState.FAILED),
        *(PictureState.MAYBE_CHARGED, PictureState.MAKING, PictureState.WAITING),
    )
    shelf.stores.pictures.add(
        [picture(f"p{place}", state=state, order_id="a") for place, state in enumerate(states)]
    )
    shelf.stores.pictures.add([picture("q", state=PictureState.DONE, order_id="b")])
    for name, certainty in (
        ("p0", "charged"),
        ("p1", "charged"),
        ("p3", "maybe"),
        ("q", "charged"),
    ):
        shelf.stores.ledger.add(
            Charge(
                *(name, "together", "picture", Decimal("0.025"), _NOON, Certainty(certainty)),
                picture_id=name,
            )
        )

    told = shelf.stores.orders.progress(["a", "unknown"])

    assert told == {
        "a": OrderProgress(
            total=6, waiting=1, ended=4, made=2, charged=Decimal("0.05"), maybe=Decimal("0.025")
        )
    }


def test_prompt_that_is_used_again_comes_first_and_is_counted(shelf: Shelf) -> None:
    for text in ("a fox", "a mug", "a fox"):
        shelf.stores.prompts.use(text)

    kept = shelf.reopen().prompts.all()

    assert [(one.text, one.uses, one.saved) for one in kept] == [
        ("a fox", 2, False),
        ("a mug", 1, False),
    ]


def test_history_is_bounded_and_keeps_what_was_saved(shelf: Shelf) -> None:
    prompts = SqlPromptStore(database=shelf.library._database, clock=shelf.clock, most=4)
    for number in range(7):
        if number == 1:
            prompts.put(KeptPrompt("saved", _NOON, "Foxes", True))
        prompts.use(f"prompt {number}")

    kept = [one.text for one in prompts.all()]

    assert kept == ["prompt 6", "prompt 5", "prompt 4", "prompt 3", "saved"]


def test_saved_prompt_is_used_renamed_and_forgotten(shelf: Shelf) -> None:
    prompts = shelf.stores.prompts
    prompts.put(KeptPrompt("a fox", _NOON, "Foxes", True))
    prompts.use("a fox")
    (used,) = prompts.all()
    assert (used.name, used.saved, used.uses) == ("Foxes", True, 1)

    prompts.put(replace(used, name="Red foxes"))
    assert [one.name for one in prompts.all()] == ["Red foxes"]

    prompts.remove("a fox")
    assert prompts.all() == ()
