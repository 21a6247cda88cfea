"""Pictures made on this computer: the contract of every generator, and all that can break."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from generator_contract import PictureContract, decoded
from painting_room import PaintingRoom, ReadyEngine, is_gone
from patient_context import PatientContext

from fluxlora_desktop.backends.local.process import LOCK
from fluxlora_desktop.backends.local.serve import Waits
from fluxlora_desktop.backends.registry import build_services
from fluxlora_desktop.domain.errors import (
    AccessGated,
    AppError,
    Charged,
    DiskFull,
    EngineAbsent,
    EngineBusy,
    EngineError,
    EngineStopped,
    JobCancelled,
    LoraNotUsable,
)
from fluxlora_desktop.domain.pictures import LoraUse, PictureRequest
from fluxlora_desktop.domain.ports import StepsDone
from fluxlora_desktop.domain.routes import refused
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.workflows.free import ends_order


@pytest.fixture
def room(tmp_path: Path) -> Iterator[PaintingRoom]:
    made = PaintingRoom(tmp_path / "library")
    yield made
    made.generator.close()


class LocalShop:
    """This computer as a shop of the contract: nothing is posted, orders are lines."""

    names_pictures = False
    size = (256, 256)

    def __init__(self, room: PaintingRoom, loras: tuple[LoraUse, ...]) -> None:
        self.room, self.loras, self.misfit = room, loras, room.flux2
        self.generator = room.generator

    def request(self, *, seed: int = 7, loras: tuple[LoraUse, ...] | None = None) -> PictureRequest:
        return self.room.request(seed=seed, loras=self.loras if loras is None else loras)

    def seeds_sent(self) -> list[int]:
        return [order["seed"] for order in self.room.orders()]

    def posts(self) -> Callable[[], int]:
        before = len(self.room.orders())
        return lambda: len(self.room.orders()) - before


class TestLocalPictures(PictureContract):
    @pytest.fixture(params=[0, 1, 2], ids=["plain", "one", "two"])
    def shop(self, request: pytest.FixtureRequest, room: PaintingRoom) -> LocalShop:
        return LocalShop(room, (room.flux1, room.lora("third", "flux.1-dev"))[: request.param])


def test_program_stays_warm_between_orders_and_steps_are_told(
    room: PaintingRoom, ctx: PatientContext
) -> None:
    assert room.generator.process_id is None
    room.generator.generate(room.request(), ctx)
    room.generator.generate(room.request(seed=8, loras=()), ctx)

    first, second = room.orders()
    assert first["pid"] == second["pid"] == room.generator.process_id
    told = [event for event in ctx.events if isinstance(event, StepsDone)]
    assert told[:2] == [
        StepsDone(says="Starting the engine"),
        StepsDone(says="Loading the base model"),
    ]
    assert [event.says for event in told].count("Starting the engine") == 1
    assert StepsDone(2, 4) in told
    model = room.generator.abilities().model("flux.1-dev")
    assert model is not None
    assert model.estimate(1024, 1024, 28).low_seconds == pytest.approx(0.08)
    (lora,) = first["loras"]
    assert Path(lora["path"]) == (room.folder / room.flux1.file).absolute()
    assert (lora["scale"], second["loras"]) == (0.8, [])
    assert list((room.folder / "engine" / "pictures").iterdir()) == []


def test_unpublished_lora_works_by_its_file_and_one_without_a_file_does_not(
    room: PaintingRoom, ctx: PatientContext
) -> None:
    model = room.generator.abilities().model("flux.1-dev")
    assert model is not None and model.free and model.takes_files
    assert refused("local", model, room.flux1) is None
    assert refused("local", model, replace(room.flux1, file="")) is not None

    for file in ("loras/gone/lora.safetensors", "../outside", "/etc/passwd"):
        (room.folder.parent / "outside").write_bytes(b"x")
        with pytest.raises(LoraNotUsable):
            room.generator.generate(room.request(loras=(replace(room.flux1, file=file),)), ctx)
    assert room.orders() == []


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("crash", EngineStopped, "left with code 139"),
        ("huge", EngineStopped, "it said more than it may"),
        ("nofile", EngineStopped, "left no file"),
        ("nopng", EngineStopped, "not a picture"),
        ("code10", EngineError, "It says code10."),
        ("code11", EngineError, "It says code11."),
        ("code12", AccessGated, "It says code12."),
        ("code13", DiskFull, ""),
        ("code1", EngineStopped, "It says code1."),
    ],
)
def test_what_goes_wrong_is_told_in_words_costs_nothing_and_may_be_tried_again(
    room: PaintingRoom, ctx: PatientContext, fault: str, error: type[AppError], words: str
) -> None:
    room.fail(fault)

    with pytest.raises(error) as caught:
        room.generator.generate(room.request(), ctx)

    assert words in caught.value.detail
    assert caught.value.charged is Charged.NO
    assert ends_order(caught.value) is (error is not EngineStopped)
    if fault == "crash":
        assert "illegal memory access" in caught.value.log_tail
    assert decoded(room.generator.generate(room.request(), ctx).data).size == (256, 256)
    assert len(room.orders()) == 2


def test_lines_that_are_no_events_are_passed_over(room: PaintingRoom, ctx: PatientContext) -> None:
    room.fail("garbage")

    assert decoded(room.generator.generate(room.request(), ctx).data).size == (256, 256)


def test_program_that_crashes_again_and_again_ends_the_order(
    room: PaintingRoom, ctx: PatientContext
) -> None:
    for place in range(2):
        room.fail("crash", place)
    with pytest.raises(EngineStopped):
        room.generator.generate(room.request(), ctx)

    with pytest.raises(EngineStopped, match="left with code") as caught:
        room.generator.generate(room.request(), ctx)

    assert ends_order(caught.value)


def test_engine_that_does_not_start_shows_its_last_words(
    tmp_path: Path, ctx: PatientContext
) -> None:
    room = PaintingRoom(tmp_path / "library", start="No module named 'torch'")

    with pytest.raises(EngineStopped) as caught:
        room.generator.generate(room.request(), ctx)

    assert ends_order(caught.value)
    assert "No module named 'torch'" in caught.value.log_tail
    room.engine.lacking = "It is not set up yet."
    with pytest.raises(EngineAbsent, match="not set up"):
        room.generator.look(room.request(), ctx)


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Run work beside the test; what it returns or raises lands in the list."""
    ended: list[object] = []

    def run() -> None:
        try:
            ended.append(work())
        except Exception as error:  # noqa: BLE001
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, ended


HALF, LOADING = StepsDone(2, 4), StepsDone(says="Loading the base model")


class Watched(PatientContext):
    """Tells when a step has come: the second of four, unless another is named."""

    def __init__(self, awaited: StepsDone = HALF) -> None:
        super().__init__()
        self.awaited, self.there = awaited, threading.Event()

    def report(self, event: object) -> None:
        super().report(event)
        if event == self.awaited:
            self.there.set()


def test_cancel_stops_between_steps_and_the_warm_program_makes_the_next(
    room: PaintingRoom, ctx: PatientContext
) -> None:
    room.fail("wait")
    watched = Watched()
    thread, ended = in_thread(lambda: room.generator.generate(room.request(), watched))
    assert watched.there.wait(30)
    watched.cancelled = True
    thread.join(30)
    assert isinstance(ended[0], JobCancelled)

    room.generator.generate(room.request(seed=9), ctx)

    assert [order["seed"] for order in room.orders()] == [7, 9]
    assert len({order["pid"] for order in room.orders()}) == 1


def test_program_that_never_answers_can_be_cancelled_and_is_replaced(
    room: PaintingRoom, ctx: PatientContext
) -> None:
    room.fail("silent")
    silent = Watched(LOADING)
    thread, ended = in_thread(lambda: room.generator.generate(room.request(), silent))
    assert silent.there.wait(30)
    silent.cancelled = True
    thread.join(30)
    assert isinstance(ended[0], JobCancelled)

    room.generator.generate(room.request(seed=9), ctx)

    first, second = room.orders()
    assert first["pid"] != second["pid"]
    assert is_gone(first["pid"])


def test_training_takes_the_graphics_card_and_pictures_wait_until_it_is_over(
    room: PaintingRoom, ctx: PatientContext
) -> None:
    room.fail("wait")
    watched = Watched()
    thread, ended = in_thread(lambda: room.generator.generate(room.request(), watched))
    assert watched.there.wait(30)

    room.generator.free_gpu(0)

    thread.join(30)
    assert isinstance(ended[0], EngineBusy)
    assert room.generator.process_id is None
    assert is_gone(room.orders()[0]["pid"])
    with pytest.raises(EngineBusy, match="training"):
        room.generator.look(room.request(), ctx)


def test_engine_may_be_changed_only_between_pictures(
    room: PaintingRoom, ctx: PatientContext
) -> None:
    asked: list[Callable[[], bool]] = []
    parts = replace(room.parts, ask_before=asked.append)
    services = build_services(addresses={}, secret_for=lambda _key: None, local=parts)
    (lets_go,) = asked
    assert lets_go(), "no program was started yet"
    room.fail("wait")
    watched = Watched()
    here = services.generators[0]
    thread, ended = in_thread(lambda: here.generate(room.request(), watched))
    assert watched.there.wait(30)

    assert not lets_go()
    assert not is_gone(room.orders()[0]["pid"])

    watched.cancelled = True
    thread.join(30)
    assert isinstance(ended[0], JobCancelled)
    assert lets_go()
    assert is_gone(room.orders()[0]["pid"])
    assert decoded(here.generate(room.request(), ctx).data)
    for end in services.at_close:
        end()


def test_own_folder_of_a_distilled_base_is_not_used_for_pictures(
    room: PaintingRoom, ctx: PatientContext
) -> None:
    room.token = Secret("hf_of_mine")
    for base in ("flux.1-dev", "flux.2-klein-4b"):
        room.generator.generate(replace(room.request(), model=base, loras=()), ctx)

    own, hub = (order["model"] for order in room.orders())
    assert own == str(room.folder)
    assert hub == "black-forest-labs/FLUX.2-klein-4B", "a folder to train on is not distilled"


def test_training_of_an_earlier_start_is_known_by_its_lock(
    room: PaintingRoom, ctx: PatientContext
) -> None:
    out = room.folder / "engine" / "jobs" / "nonce" / "out"
    out.mkdir(parents=True)
    (out / LOCK).touch()
    assert not room.generator.is_taken()
    pytest.importorskip("fcntl")
    holder = (
        "import fcntl,sys;f=open(sys.argv[1]);fcntl.flock(f,fcntl.LOCK_EX);"
        "print(flush=True);sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(out / LOCK)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as training:
        assert training.stdout is not None
        training.stdout.readline()
        with pytest.raises(EngineBusy):
            room.generator.generate(room.request(), ctx)
        training.communicate()
    assert decoded(room.generator.generate(room.request(), ctx).data)


def test_pictures_are_made_on_the_card_that_no_training_has(
    room: PaintingRoom, ctx: PatientContext
) -> None:
    room.engine.cards = (2, 1)
    room.generator.generate(room.request(), ctx)
    room.generator.free_gpu(2)
    assert room.generator.process_id is None
    room.generator.generate(room.request(), ctx)
    room.generator.free_gpu(0)
    room.generator.generate(room.request(), ctx)
    room.generator.free_gpu(1)
    assert room.generator.process_id is None
    with pytest.raises(EngineBusy):
        room.generator.generate(room.request(), ctx)

    first, second, third = room.orders()
    assert [one["gpu"] for one in (first, second, third)] == ["2", "1", "1"]
    assert second["pid"] == third["pid"], "a training on another card does not end the program"


def test_idle_program_lets_go_of_the_graphics_card(tmp_path: Path, ctx: PatientContext) -> None:
    room = PaintingRoom(tmp_path / "library", waits=Waits(idle=0.05))
    room.generator.generate(room.request(), ctx)
    (order,) = room.orders()

    for _ in range(1000):
        if is_gone(order["pid"]):
            break
        threading.Event().wait(0.02)

    assert room.generator.process_id is None
    room.generator.generate(room.request(), ctx)
    room.generator.close()


def test_another_token_reaches_the_next_picture_and_stays_out_of_the_order(
    room: PaintingRoom, ctx: PatientContext
) -> None:
    room.generator.generate(room.request(), ctx)
    room.token = Secret("hf_of_mine")
    room.generator.generate(room.request(), ctx)

    assert [order.pop("token") for order in room.orders()] == ["", "hf_of_mine"]
    assert is_gone(room.orders()[0]["pid"])
    assert "hf_of_mine" not in str([{**order, "token": ""} for order in room.orders()])


def test_base_that_is_not_here_needs_a_token_and_room(tmp_path: Path, ctx: PatientContext) -> None:
    room = PaintingRoom(tmp_path / "library", base_is_here=False)
    with pytest.raises(EngineAbsent, match="token"):
        room.generator.look(room.request(), ctx)

    room.token, room.free_bytes = Secret("hf_of_mine"), 20 * 10**9
    with pytest.raises(DiskFull) as caught:
        room.generator.look(room.request(), ctx)
    assert (caught.value.needed, caught.value.free) == (35_700_000_000, 20 * 10**9)

    there = room.folder / "engine/models/hub/models--black-forest-labs--FLUX.1-dev"
    (there / "snapshots/abc").mkdir(parents=True)
    (there / "blobs").mkdir()
    (there / "snapshots/abc/model_index.json").touch()
    (there / "blobs/half.incomplete").write_bytes(b"x" * 1000)
    with pytest.raises(DiskFull) as caught:
        room.generator.look(room.request(), ctx)
    assert caught.value.needed == 35_700_000_000 - 1000
    (there / "blobs/half.incomplete").unlink()
    room.generator.look(room.request(), ctx)


def test_closed_app_leaves_no_program_and_cancels_who_waits(room: PaintingRoom) -> None:
    room.fail("silent")
    silent = Watched(LOADING)
    thread, ended = in_thread(lambda: room.generator.generate(room.request(), silent))
    assert silent.there.wait(30)

    room.generator.close()

    thread.join(30)
    assert isinstance(ended[0], JobCancelled)
    assert is_gone(room.orders()[0]["pid"])
    with pytest.raises(JobCancelled):
        room.generator.generate(room.request(), PatientContext())


def test_app_offers_it_first_and_ends_it_at_the_close(
    room: PaintingRoom, ctx: PatientContext
) -> None:
    without = build_services(addresses={}, secret_for=lambda _key: None)
    services = build_services(addresses={}, secret_for=lambda _key: None, local=room.parts)
    assert [it.key for it in services.generators[1:]] == [it.key for it in without.generators]
    here = services.generators[0]
    assert (here.key, here.title, here.abilities().at_once) == ("local", "This computer", 1)
    here.generate(room.request(), ctx)

    for end in services.at_close:
        end()

    assert is_gone(room.orders()[0]["pid"])


_OWNER = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from painting_room import PaintingRoom
from patient_context import PatientContext
room = PaintingRoom(Path(sys.argv[1]))
room.generator.generate(room.request(), PatientContext())
print(room.generator.process_id, flush=True)
sys.stdin.read()
"""


def test_killed_app_leaves_no_program(tmp_path: Path) -> None:
    script = _OWNER.format(path=sys.path)
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "library")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert not is_gone(pid)
        owner.kill()
    for _ in range(1000):
        if is_gone(pid):
            break
        threading.Event().wait(0.02)
    assert is_gone(pid)


def test_engine_that_is_not_set_up_is_shown_with_what_to_do(tmp_path: Path) -> None:
    engine = ReadyEngine(lacking="It is not set up yet.")
    room = PaintingRoom(tmp_path / "library", engine=engine)
    model = room.generator.abilities().model("flux.1-dev")
    assert model is not None
    against = refused("local", model, room.flux1)
    assert against is not None
    assert (against.words, against.remedy) == ("It is not set up yet.", "set_up")
