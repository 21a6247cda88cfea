"""Settings: a click looks through the library, another takes in what lies on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.errors import AccessDenied
from fluxlora_desktop.store.check import check_library
from fluxlora_desktop.ui.settings.library_check import LibraryCheckCard
from fluxlora_desktop.workflows.take_in import take_in_files
from tests.ui.desk_bench import DeskBench
from tests.ui.seen import seen
from tests.workflows.conftest import write_lora


class Place:
    def __init__(self, bench: DeskBench, qtbot: QtBot) -> None:
        self.bench, self.qtbot = bench, qtbot
        self.data_dir = bench.library.data_dir
        self.card = LibraryCheckCard(
            jobs=bench.jobs,
            check=lambda ctx: check_library(self.data_dir, ctx.check),
            take_in=lambda ctx: take_in_files(bench.tools, ctx),
        )
        qtbot.addWidget(self.card)
        self.card.show()

    def press(self, pressed: object) -> None:
        self.qtbot.mouseClick(pressed, Qt.MouseButton.LeftButton)
        self.qtbot.waitUntil(lambda: self.bench.jobs.live() == 0)

    def words(self) -> list[str]:
        return [found.text() for found in seen(self.card, QLabel)]


@pytest.fixture
def place(qtbot: QtBot, tmp_path: Path) -> Iterator[Place]:
    with DeskBench(tmp_path) as bench:
        yield Place(bench, qtbot)


def test_whole_library_fits_together(place: Place) -> None:
    place.press(place.card.check_button)

    assert "Everything fits together." in place.words()
    assert place.card.mend_button.isHidden()


def test_findings_are_shown_copied_and_taken_in(place: Place) -> None:
    weights = place.data_dir / "loras" / "stray" / "lora.safetensors"
    weights.parent.mkdir(parents=True)
    write_lora(weights)

    place.press(place.card.check_button)
    assert "1 remark, all harmless." in place.words()
    assert any("loras/stray/lora.safetensors" in words for words in place.words())
    place.press(place.card.copy_button)
    assert QGuiApplication.clipboard().text().startswith("file_without_row: ")

    with place.qtbot.waitSignal(place.card.taken):
        place.press(place.card.mend_button)

    assert "1 LoRA was taken in from the folder." in place.words()
    place.press(place.card.check_button)
    assert "Everything fits together." in place.words()


def test_many_findings_are_counted_and_not_all_shown(place: Place) -> None:
    (place.data_dir / "photos").mkdir(exist_ok=True)
    for number in range(20):
        (place.data_dir / "photos" / f"{number:064x}").write_bytes(b"x")

    place.press(place.card.check_button)

    assert "and 14 more; Copy takes them all" in place.words()
    place.press(place.card.copy_button)
    assert len(QGuiApplication.clipboard().text().splitlines()) == 20


def test_check_that_cannot_be_made_says_so(place: Place) -> None:
    def refuse(_ctx: object) -> tuple:
        raise AccessDenied(place.data_dir, "no right to read")

    place.card._check = refuse

    place.press(place.card.check_button)

    assert "The check could not be made: no right to read" in place.words()
    assert place.card.check_button.isEnabled()
