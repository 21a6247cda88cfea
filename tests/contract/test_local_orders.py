"""Orders and grids made on this computer, in a real library: no money is spoken of anywhere."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from painting_room import PaintingRoom, is_gone
from patient_context import PatientContext
from PIL import Image

from fluxlora_desktop.domain.errors import EngineBusy, EngineError, JobCancelled
from fluxlora_desktop.domain.grids import Axis, AxisKind, BaseLora, GridBase, GridSpec
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.domain.ports import Services
from fluxlora_desktop.domain.runs import EffectKind, EffectState
from fluxlora_desktop.imaging.metadata import read_picture_text
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop, PillowPictureWorkshop
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.system.clock import SystemClock
from fluxlora_desktop.workflows.budget import Budget
from fluxlora_desktop.workflows.events import OrderRefused, PictureAdvanced, PictureChanged
from fluxlora_desktop.workflows.grids import make_grid, open_grid, order_grid
from fluxlora_desktop.workflows.orders import make_order, place_order, take_up
from fluxlora_desktop.workflows.pictures import (
    STOPPED_HERE,
    end_order,
    make_pictures,
    order_pictures,
)
from fluxlora_desktop.workflows.tools import Tools

S = PictureState


class NoHub:
    """Stands where the hub would: nothing here is published."""

    key, title = "huggingface", "Hugging Face"


def room_in(folder: Path) -> PaintingRoom:
    """Return a room in a folder that holds a library."""
    open_library(folder, clock=SystemClock()).close()
    return PaintingRoom(folder)


@contextmanager
def opened(room: PaintingRoom) -> Iterator[Tools]:
    """Open the room's library, with a limit that lets nothing through that costs something."""
    with closing(open_library(room.folder, clock=SystemClock())) as library:
        if not library.stores.loras.all():
            library.stores.loras.add(
                Lora(
                    id=room.flux1.lora_id,
                    name="One fox",
                    base="flux.1-dev",
                    trigger_word="TOK",
                    sha256="0" * 64,
                    tensor_hash=room.flux1.tensor_hash,
                    size_bytes=3,
                    rank=16,
                    created_at=datetime.now(UTC),
                )
            )
        yield Tools(
            stores=library.stores,
            services=Services((), (room.generator,), NoHub()),
            photos=PillowPhotoWorkshop(),
            pictures=PillowPictureWorkshop(),
            clock=SystemClock(),
            budget=Budget(Decimal(0)),
        )


@pytest.fixture
def room(tmp_path: Path) -> Iterator[PaintingRoom]:
    made = room_in(tmp_path / "library")
    yield made
    made.generator.close()


@pytest.fixture
def tools(room: PaintingRoom) -> Iterator[Tools]:
    with opened(room) as made:
        yield made


def assert_nothing_about_money(tools: Tools) -> None:
    """See that neither journal nor ledger knows of a picture, and no picture speaks of it."""
    assert tools.stores.ledger.charges() == ()
    journal = tools.stores.runs
    assert journal.attempts(EffectKind.PICTURE) == ()
    assert [e for state in EffectState for e in journal.effects(state)] == []
    store = tools.stores.pictures
    for picture in store.page(store.ids()):
        assert picture.state is not S.MAYBE_CHARGED
        assert "charged" not in picture.error


def states(pictures: tuple[Picture, ...]) -> list[PictureState]:
    return [picture.state for picture in pictures]


def test_unpublished_lora_makes_pictures_that_say_what_made_them_and_cost_nothing(
    room: PaintingRoom, tools: Tools, ctx: PatientContext
) -> None:
    order = room.request(count=2)

    made = make_pictures(order_pictures(order, tools), order, tools, ctx)

    assert states(made) == [S.DONE, S.DONE]
    assert [picture.cost_usd for picture in made] == [0, 0]
    assert_nothing_about_money(tools)
    file = tools.stores.files.resolve(made[0].file)
    text = read_picture_text(file)
    assert text is not None
    assert (text.generator, text.model_title) == ("local/flux.1-dev", "FLUX.1-dev")
    with Image.open(file) as picture:
        said = picture.text["parameters"]  # type: ignore[attr-defined]
    assert f'Lora hashes: "One: {room.flux1.tensor_hash[:12]}"' in said
    told = [event for event in ctx.events if isinstance(event, PictureAdvanced)]
    assert (told[-1].picture_id, told[-1].order_id) == (made[1].id, made[1].order_id)
    assert (told[-1].steps.done, told[-1].steps.total) == (4, 4)


def test_crash_is_a_plain_failure_the_next_picture_is_made_and_it_can_be_made_again(
    room: PaintingRoom, tools: Tools, ctx: PatientContext
) -> None:
    room.fail("crash")
    order = room.request(count=2)

    made = make_pictures(order_pictures(order, tools), order, tools, ctx)

    assert states(made) == [S.FAILED, S.DONE]
    assert made[0].error == (
        "The engine stopped while it made this: it left with code 139. Try again."
    )
    again = replace(order, count=1, seed=made[0].seed)
    assert states(make_pictures(order_pictures(again, tools), again, tools, ctx)) == [S.DONE]
    assert_nothing_about_money(tools)


def test_what_the_next_picture_would_meet_too_ends_the_order_and_is_told_once(
    room: PaintingRoom, tools: Tools, ctx: PatientContext
) -> None:
    room.fail("code11")
    order = room.request(count=3)

    made = make_pictures(order_pictures(order, tools), order, tools, ctx)

    assert states(made) == [S.FAILED] * 3
    assert len(room.orders()) == 1
    (told,) = [event for event in ctx.events if isinstance(event, OrderRefused)]
    assert isinstance(told.error, EngineError)
    assert told.error.mend == "Mend it."
    assert_nothing_about_money(tools)


class StopsAtStep(PatientContext):
    """Cancels as soon as a step of a picture is told, or does what else is to be done then."""

    def __init__(self, then: object = None) -> None:
        super().__init__()
        self._then = then

    def report(self, event: object) -> None:
        super().report(event)
        if isinstance(event, PictureAdvanced) and event.steps.done == 2:
            if callable(self._then):
                threading.Thread(target=self._then).start()
            else:
                self.cancelled = True


def test_stopped_picture_waits_until_its_order_is_ended_and_says_who_stopped_it(
    room: PaintingRoom, tools: Tools
) -> None:
    room.fail("wait")
    order = room.request(count=2)
    pictures = order_pictures(order, tools)

    with pytest.raises(JobCancelled):
        make_pictures(pictures, order, tools, StopsAtStep())

    store = tools.stores.pictures
    assert {it.state for it in store.page(store.ids())} == {S.WAITING}
    ended = end_order(pictures[0].order_id, tools)
    assert [(one.state, one.error) for one in ended] == [(S.FAILED, STOPPED_HERE)] * 2
    assert_nothing_about_money(tools)


def test_training_that_takes_the_card_leaves_all_of_an_order_waiting(
    room: PaintingRoom, tools: Tools, ctx: PatientContext
) -> None:
    room.fail("wait")
    placed = place_order(room.request(count=2), tools)
    with pytest.raises(EngineBusy):
        make_order(placed.order.id, tools, StopsAtStep(partial(room.generator.free_gpu, 0)))

    with pytest.raises(EngineBusy):
        make_order(placed.order.id, tools, ctx)

    store = tools.stores.pictures
    assert {it.state for it in store.page(store.ids())} == {S.WAITING}
    queue, waiting = take_up(tools)
    assert ([order.id for order in queue.orders], len(waiting)) == ([placed.order.id], 2)
    assert_nothing_about_money(tools)


def test_strengths_from_nought_up_are_made_as_a_grid_by_one_warm_program(
    room: PaintingRoom, tools: Tools, ctx: PatientContext
) -> None:
    base = GridBase(
        "local", "flux.1-dev", "TOK on a beach", (BaseLora("one", "One fox", 1.0),), 256, 256
    )
    spec = GridSpec(base, Axis(AxisKind.SEED, (11,)), Axis(AxisKind.SCALE, (0.0, 0.5, 1.0)))
    grid = order_grid("Strength", "one", spec, tools).grid

    make_grid(grid.id, tools, ctx)

    there = open_grid(grid.id, tools)
    assert states(tuple(there.pictures.values())) == [S.DONE] * 3
    assert [order["loras"][0]["scale"] for order in room.orders()] == [0.0, 0.5, 1.0]
    assert len({order["pid"] for order in room.orders()}) == 1
    assert_nothing_about_money(tools)


_APP = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from patient_context import PatientContext
from test_local_orders import PictureAdvanced, opened, room_in
from fluxlora_desktop.workflows.orders import make_order, place_order
room = room_in(Path(sys.argv[1]))
room.fail("silent")
class Telling(PatientContext):
    def report(self, event):
        if isinstance(event, PictureAdvanced) and event.steps.says == "Loading the base model":
            print(flush=True)
with opened(room) as tools:
    placed = place_order(room.request(count=2), tools)
    make_order(placed.order.id, tools, Telling())
"""


def test_kill_of_the_app_leaves_the_order_waiting_and_no_program(
    tmp_path: Path, ctx: PatientContext
) -> None:
    folder = tmp_path / "library"
    script = _APP.format(path=[str(Path(__file__).parent), *sys.path])
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE
    ) as app:
        assert app.stdout is not None
        assert app.stdout.readline() == b"\n"
        app.kill()
    pid = json.loads((folder / "orders.jsonl").read_text())["pid"]
    room = room_in(folder)

    with opened(room) as tools:
        queue, waiting = take_up(tools)
        assert states(waiting) == [S.WAITING, S.WAITING]
        assert not queue.orders[0].paused
        assert_nothing_about_money(tools)
        assert make_order(queue.orders[0].id, tools, ctx)
        done = [event.picture for event in ctx.events if isinstance(event, PictureChanged)]
        assert done[-1].state is S.DONE
        assert_nothing_about_money(tools)

    room.generator.close()
    assert is_gone(pid)
