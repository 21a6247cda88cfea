"""The page This computer over a real engine: what it says, makes, stops, removes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.engine import EngineState
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.ui.computer.page import ComputerPage
from fluxlora_desktop.ui.desks.accounts import AccountDesk
from fluxlora_desktop.ui.desks.computer import ComputerDesk
from tests.engine.kit import ANSWER, World, make_base, make_uv, put_in_cache
from tests.ui.desk_bench import DeskBench, Heard

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the made programs are shell scripts")


class Room:
    """The page over a desk and an engine whose uv does what a test says."""

    def __init__(self, bench: DeskBench, qtbot: QtBot, folder: Path) -> None:
        self.world, self.qtbot = World(folder / "world"), qtbot
        self.bench = bench
        self.maker = make_uv(self.world, "exit 0")
        self.engine = self.world.engine(lambda _environ: self.maker)
        self.desk = ComputerDesk(
            *(bench.tools, bench.jobs, self.engine, bench.owner), secrets=bench.secrets
        )
        self.accounts = AccountDesk(bench.tools, bench.jobs, bench.secrets, bench.owner)
        self.said, self.failed = Heard(self.desk.said), Heard(self.desk.failed)
        self.chosen: Path | None = None

    def open(self) -> ComputerPage:
        self.page = ComputerPage(computer=self.desk, accounts=self.accounts, choose=self._choose)
        self.went = Heard(self.page.go)
        self.pages, self.revealed = (
            Heard(self.page.open_requested),
            Heard(self.page.reveal_requested),
        )
        self.qtbot.addWidget(self.page)
        self.page.show()
        self.page.shown()
        self.qtbot.waitUntil(lambda: self.page.states.currentWidget() is self.page.area)
        return self.page

    def _choose(self, _parent: QWidget, _title: str, then: Callable[[Path], None]) -> None:
        assert self.chosen is not None
        then(self.chosen)

    def uv_does(self, then: str) -> None:
        self.maker = make_uv(self.world, then)

    def words(self) -> str:
        return "\n".join(w.text() for w in self.page.findChildren(QLabel) if w.isVisible())

    def button(self, name: str) -> QPushButton | None:
        """Return the button of this accessible name, or this text, that can be pressed now."""
        made = self.page.findChildren(QPushButton)
        ready = (it for it in made if it.isVisible() and it.isEnabled())
        return next((it for it in ready if name in (it.accessibleName(), it.text())), None)

    def press(self, name: str) -> None:
        self.qtbot.waitUntil(lambda: self.button(name) is not None)
        self.qtbot.mouseClick(self.button(name), Qt.MouseButton.LeftButton)

    def until(self, words: str) -> None:
        self.qtbot.waitUntil(lambda: words in self.words())


@pytest.fixture
def room(qtbot: QtBot, tmp_path: Path) -> Iterator[Room]:
    with DeskBench(tmp_path) as bench:
        yield Room(bench, qtbot, tmp_path)


def test_engine_is_set_up_updated_and_removed_by_a_click_each(room: Room) -> None:
    page = room.open()
    assert page.verdict.title.text() == (
        "This computer can train FLUX LoRAs, once its engine is set up"
    )
    assert "NVIDIA GeForce RTX 4090, 24 GB" in room.words()
    assert "8-bit weights (int8), 512, 768 and 1024 pixels, about 16 GB" in room.words()
    assert "for 1,000 steps (an estimate)" in room.words()
    assert "must be free" in room.words()

    room.press("Set up the engine")
    room.until("PyTorch 2.13.0")
    assert page.verdict.title.text() == "This computer can train FLUX LoRAs"
    assert page.engine.state.text() == "Ready"
    assert not page.engine.install.isVisible()
    assert room.said.last == "The engine is ready."

    room.world.want("2.14.0")
    room.press("Look again")
    room.until("Ready, with an update")
    room.press("Update the engine")
    room.qtbot.waitUntil(lambda: page.engine.state.text() == "Ready")

    room.press(page.engine.remove.text())
    room.until("Not set up")
    assert room.engine.status().state is EngineState.ABSENT


def test_progress_is_shown_and_stop_leaves_everything_as_it_was(room: Room) -> None:
    room.uv_does("echo 'Downloading torch (530.5MiB)'; sleep 600")
    page = room.open()

    room.press("Set up the engine")
    room.until("Downloading torch…")
    assert not page.engine.install.isVisible()
    room.press("Stop")

    room.qtbot.waitUntil(lambda: not page.engine.progress.isVisible())
    room.qtbot.waitUntil(lambda: room.button("Set up the engine") is not None)
    assert not page.engine.failure.isVisible()
    assert len(room.failed) == 0


def test_failure_names_the_package_and_the_log_and_can_be_tried_again(room: Room) -> None:
    room.uv_does("echo 'No matching distribution found for torch==2.13.0'; exit 1")
    page = room.open()

    room.press("Set up the engine")
    room.until("The package torch==2.13.0 was not found")
    room.press("Show the log")
    assert room.revealed.last == room.world.folder / "install.log"
    assert len(room.failed) == 0

    room.uv_does("exit 0")
    room.press("Set up the engine")
    room.until("PyTorch 2.13.0")
    assert not page.engine.failure.isVisible()


def test_failure_is_told_on_the_bar_while_another_page_is_in_front(room: Room) -> None:
    room.uv_does("exit 1")
    page = room.open()
    room.press("Set up the engine")
    page.hide()

    room.qtbot.waitUntil(lambda: len(room.failed) == 1)


def test_computer_without_a_gpu_is_led_to_the_services(room: Room) -> None:
    (room.world.bin / "nvidia-smi").unlink()
    page = room.open()

    assert page.verdict.title.text() == "This computer cannot train FLUX LoRAs"
    assert "No NVIDIA GPU was found" in room.words()
    assert not page.engine.isVisible()
    assert not page.models.isVisible()
    room.press("Train at a service")
    assert room.went.last == ("create", None)


def test_nothing_is_started_where_nothing_can_make_the_engine_or_the_disk_is_full(
    room: Room,
) -> None:
    maker = type(room.maker)(trouble="Install uv, then look again.", page="https://example.org/uv")
    room.maker = maker
    room.open()
    assert "Install uv, then look again." in room.words()
    room.press("Get it")
    assert room.pages.last == "https://example.org/uv"

    room.uv_does("exit 0")
    room.engine._needs = type(room.world.needs)(1000, 10**18, 1000)
    room.press("Look again")
    room.until("not enough room on the disk")
    assert not room.page.engine.install.isEnabled()


def test_base_models_are_shown_deleted_and_replaced_by_a_folder(room: Room, tmp_path: Path) -> None:
    put_in_cache(room.world.folder / "models", "black-forest-labs/FLUX.1-dev")
    room.open()
    assert "On this computer" in room.words()
    assert "the first training downloads about 113 GB" in room.words()
    room.press("Accept the terms: FLUX.2-dev")
    assert room.pages.last == "https://huggingface.co/black-forest-labs/FLUX.2-dev"

    room.chosen = tmp_path
    room.press("Use a folder…: FLUX.2-dev")
    room.until("It holds no model_index.json")

    room.chosen = make_base(tmp_path / "own", kind="Flux2Pipeline")
    room.press("Use a folder…: FLUX.2-dev")
    room.until(f"Your folder {room.chosen}")

    room.press("Use the hub's model: FLUX.2-dev")
    room.qtbot.waitUntil(lambda: "Your folder" not in room.words())

    room.press("Delete, frees 0 GB: FLUX.1-dev")
    room.until("the first training downloads about 34 GB")


def test_base_model_is_downloaded_with_progress_and_goes_on_after_a_stop(room: Room) -> None:
    page = room.open()
    assert room.button("Download: FLUX.1-dev") is None, "there is no engine to do it"
    room.press("Set up the engine")
    line = '{"event": "download", "file": "a", "done": 12000000000, "total": 24000000000}'
    room.world.fetches(f"echo '{line}'; sleep 600")

    room.press("Download: FLUX.1-dev")
    room.until("Downloading FLUX.1-dev… 12 GB of about 34 GB")
    assert room.button("Download: FLUX.2-dev") is None, "one at a time"
    room.press("Stop")
    room.qtbot.waitUntil(lambda: not page.engine.progress.isVisible())

    cache = put_in_cache(room.engine.models_folder, "black-forest-labs/FLUX.1-dev", whole=False)
    room.press("Look again")
    room.until("of about 34 GB are here")
    (cache / "snapshots" / "abc" / "transformer" / "model-2.safetensors").write_bytes(b"0")
    room.world.fetches("exit 0")
    room.press("Go on: FLUX.1-dev")
    room.qtbot.waitUntil(lambda: room.said.last == "FLUX.1-dev is on this computer.")
    room.until("On this computer, ")


def test_download_that_the_hub_refuses_leads_to_the_terms(room: Room) -> None:
    room.bench.secrets.put("huggingface", Secret("hf_good"))
    page = room.open()
    room.press("Set up the engine")
    room.world.fetches('[ "$HF_TOKEN" = hf_good ] && exit 12; exit 1')

    room.press("Download: FLUX.2-dev")
    room.until("asks you to accept the terms")
    room.press("Open the repo's page")

    assert room.pages.last == "https://huggingface.co/black-forest-labs/FLUX.2-dev"
    assert not page.engine.show_log.isVisible()


def test_base_is_not_offered_for_download_where_it_has_no_room(room: Room) -> None:
    room.world.free = 20 * 10**9
    room.open()
    room.press("Set up the engine")
    room.qtbot.waitUntil(lambda: room.button("Download: FLUX.2-klein-4B") is not None)
    assert room.button("Download: FLUX.1-dev") is None
    assert "Only 20 GB are free." in room.words()


def test_engine_that_does_not_see_the_gpu_is_not_called_ready(room: Room) -> None:
    page = room.open()
    room.press("Set up the engine")
    room.until("PyTorch 2.13.0")
    answer = json.dumps(ANSWER | {"gpus": []})
    (room.engine.folder / "env" / "bin" / "python").write_text(f"#!/bin/sh\necho '{answer}'\n")

    room.press("Check the engine")
    room.until("Update NVIDIA's driver")
    assert page.engine.state.text() == "Does not see the GPU"


def test_terms_of_a_distilled_twin_are_its_own(room: Room) -> None:
    room.open()
    room.press("Accept the terms: FLUX.2-klein-9B")
    training = room.pages.last
    room.press("Terms for pictures: FLUX.2-klein-9B")

    assert room.pages.last != training
    assert room.button("Terms for pictures: FLUX.1-dev") is None


def test_account_of_the_hub_is_asked_for_while_there_is_none(room: Room) -> None:
    page = room.open()
    with room.qtbot.waitSignal(room.accounts.changed):
        room.accounts.check_all()
    room.qtbot.waitUntil(page.models.connect_button.isVisible)
    room.press("Connect Hugging Face")
    assert room.went.last == ("settings", "huggingface")

    room.bench.secrets.put("huggingface", Secret("hf_good"))
    room.accounts.check("huggingface")
    room.qtbot.waitUntil(lambda: not page.models.connect_button.isVisible())


def test_practice_says_that_this_page_works_outside_it(room: Room, qtbot: QtBot) -> None:
    desk = ComputerDesk(room.bench.tools, room.bench.jobs, None, room.bench.owner)
    page = ComputerPage(computer=desk, accounts=room.accounts)
    left = Heard(page.leave_practice_requested)
    qtbot.addWidget(page)
    page.show()
    page.shown()

    assert page.states.currentWidget() is page.practice
    assert not page.look_button.isVisible()
    page.practice.findChild(QPushButton).click()
    assert len(left) == 1
