"""Two to four pictures side by side, and one on the whole screen, by keyboard and mouse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from gallery_room import Room
from PIL import Image
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QAccessible
from pytestqt.qtbot import QtBot
from test_gallery import order, rows, select
from test_gallery_grid import make_picture

from fluxlora_desktop.domain.pictures import PictureLora
from fluxlora_desktop.ui.gallery.compare import CompareView
from fluxlora_desktop.ui.gallery.differences import differences


@pytest.fixture
def room(qtbot: QtBot, tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    qtbot.addWidget(made.page)
    made.page.resize(1096, 780)
    made.page.show()
    made.page.shown()
    qtbot.waitUntil(made.page.browser.empty.isVisible)
    yield made
    made.close()


def compare(qtbot: QtBot, room: Room, count: int) -> CompareView:
    order(qtbot, room, count)
    select(room, *range(count))
    qtbot.keyClick(room.page.browser.grid, Qt.Key.Key_C)
    assert room.page.comparing
    view = room.page.compare
    qtbot.waitUntil(lambda: all(view._large.get(pane.picture) for pane in view.panes))
    return view


def press(qtbot: QtBot, view: CompareView, *keys: Qt.Key) -> None:
    for key in keys:
        qtbot.keyClick(view.picked.canvas, key)


def sights(view: CompareView) -> list[tuple[float, float, float]]:
    found = [pane.canvas.sight() for pane in view.panes]
    return [(round(s.zoom, 3), round(s.x, 3), round(s.y, 3)) for s in found]


def test_what_is_zoomed_and_moved_in_one_is_in_all_until_they_are_let_loose(
    qtbot: QtBot, room: Room
) -> None:
    view = compare(qtbot, room, 3)
    key = Qt.Key
    assert sights(view)[0][0] == 0

    press(qtbot, view, *[key.Key_Plus] * 8, key.Key_Right)
    together = sights(view)
    assert together[0][0] > 1
    assert together[0][1] > 0.5
    assert together[1:] == together[:-1]

    press(qtbot, view, key.Key_L, key.Key_2, key.Key_0)
    assert [sight[0] for sight in sights(view)] == [together[0][0], 0, together[2][0]]

    press(qtbot, view, key.Key_L)
    assert [sight[0] for sight in sights(view)] == [0, 0, 0]
    press(qtbot, view, key.Key_Z)
    assert view.zoom.text() == "100 %"


def test_digits_arrows_and_clicks_pick_and_k_keeps_the_picked_one(qtbot: QtBot, room: Room) -> None:
    view = compare(qtbot, room, 4)
    key = Qt.Key

    press(qtbot, view, key.Key_4)
    assert view.picked.number == 4
    press(qtbot, view, key.Key_Up)
    assert view.picked.number == 2
    press(qtbot, view, key.Key_Left, key.Key_Left, key.Key_K, key.Key_K)
    assert view.picked.number == 1
    qtbot.waitUntil(lambda: view.panes[0].keep.text() == "Kept")
    qtbot.mouseClick(view.panes[2].canvas, Qt.MouseButton.LeftButton, pos=QPoint(5, 5))
    assert view.picked.number == 3
    qtbot.mouseClick(view.panes[3].keep, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: view.panes[3].keep.text() == "Kept")

    assert [p.favourite for p in rows(room)] == [True, False, False, True]
    press(qtbot, view, key.Key_Escape)
    assert not room.page.comparing
    assert room.page.browser.grid.isVisible()


def test_compare_is_offered_for_two_to_four_pictures_only(qtbot: QtBot, room: Room) -> None:
    said: list[str] = []
    room.pictures.said.connect(said.append)
    order(qtbot, room, 4)
    order(qtbot, room, 1)

    for chosen, offered in (((0,), False), ((0, 1), True), (range(4), True), (range(5), False)):
        select(room, *chosen)
        assert room.page.compare_button.isVisible() == offered

    qtbot.keyClick(room.page.browser.grid, Qt.Key.Key_C)
    assert not room.page.comparing
    assert said == ["Select two to four pictures, then press C to compare them."]


def test_panes_say_to_screen_readers_which_picture_they_hold_and_what_differs(
    qtbot: QtBot, room: Room
) -> None:
    view = compare(qtbot, room, 2)
    seeds = [picture.seed for picture in rows(room)]

    told = [QAccessible.queryAccessibleInterface(pane.canvas) for pane in view.panes]

    names = [one.text(QAccessible.Text.Name) for one in told]
    assert names == [f"{n} of 2: Picture, a fox in snow" for n in (1, 2)]
    words = [one.text(QAccessible.Text.Description) for one in told]
    assert words == [f"seed {seed}" for seed in seeds]
    assert [pane.says.text() for pane in view.panes] == words


def test_picture_whose_file_is_gone_says_so_while_the_others_are_shown(
    qtbot: QtBot, room: Room
) -> None:
    gone = order(qtbot, room, 2)[0]
    (room.pictures.file(gone) or Path()).unlink()
    select(room, 0, 1)

    qtbot.keyClick(room.page.browser.grid, Qt.Key.Key_C)
    first, second = room.page.compare.panes

    qtbot.waitUntil(first.trouble.isVisible)
    assert not second.trouble.isVisible()


def test_differences_name_only_what_is_not_in_all_pictures() -> None:
    plain = make_picture("a")
    fox = (PictureLora("fox", "Fox", 0.8),)
    pictures = (
        replace(plain, prompt="a fox at dawn, fog", loras=fox),
        replace(plain, prompt="A Fox at dusk", loras=(replace(fox[0], scale=1.0),), seed=9),
        replace(plain, prompt="a fox at", loras=fox, seed=9),
    )

    assert tuple(line.replace("\u00a0", " ") for line in differences(pictures)) == (
        "Fox 0.8 · seed 7 · “dawn fog”",
        "Fox 1 · seed 9 · “dusk”",
        "Fox 0.8 · seed 9",
    )
    assert differences((plain, plain))[0].startswith("made 2026-")


def test_picture_fills_the_screen_and_comes_back_to_the_window(qtbot: QtBot, room: Room) -> None:
    order(qtbot, room, 3)
    page, viewer = room.page, room.page.viewer
    select(room, 0)
    qtbot.keyClick(page.browser.grid, Qt.Key.Key_Space)
    key = Qt.Key

    qtbot.keyClick(viewer.canvas, key.Key_F11)
    assert viewer.canvas.window().isFullScreen()
    qtbot.waitUntil(lambda: viewer.canvas.size() == viewer.canvas.window().size())
    assert not viewer.buttons.isVisible()
    qtbot.keyClick(viewer.canvas, key.Key_Right)
    assert viewer.picture == rows(room)[1]
    assert not viewer.overlay.isVisible()
    qtbot.keyClick(viewer.canvas, key.Key_I)
    assert viewer.overlay.isVisible()
    assert viewer.overlay.place.text() == "2 of 3"
    assert viewer.canvas.rect().contains(viewer.overlay.geometry())

    qtbot.keyClick(viewer.canvas, key.Key_Escape)
    assert viewer.canvas.window() is page.window()
    assert page.viewing
    assert viewer.buttons.isVisible()
    assert viewer.facts.isVisible()

    qtbot.mouseClick(viewer.whole_screen, Qt.MouseButton.LeftButton)
    page.arrive("fox")
    assert not page.viewing
    assert page.panel.isVisible()


def test_neighbours_are_decoded_before_they_are_asked_for(qtbot: QtBot, room: Room) -> None:
    made = order(qtbot, room, 4)
    select(room, 1)

    qtbot.keyClick(room.page.browser.grid, Qt.Key.Key_Space)

    large = room.page.viewer.large
    qtbot.waitUntil(lambda: all(large.get(picture) for picture in made[:3]))
    assert large.get(made[3]) is None


def test_picture_larger_than_the_screen_shows_at_once_and_whole_after(
    qtbot: QtBot, room: Room
) -> None:
    made = order(qtbot, room, 1)[0]
    Image.new("RGB", (3000, 1500), (10, 120, 40)).save(room.pictures.file(made) or Path())
    large = room.page.viewer.large
    seen: list[tuple[bool, tuple[int, int], tuple[int, int]]] = []

    def note(_id: str) -> None:
        got = large.get(made)
        assert got is not None
        seen.append((got.whole, got.pixmap.size().toTuple(), got.size.toTuple()))

    large.ready.connect(note)
    large.show((made,), QSize(600, 600))

    qtbot.waitUntil(lambda: len(seen) == 2)
    assert seen == [
        (False, (600, 300), (3000, 1500)),
        (True, (3000, 1500), (3000, 1500)),
    ]
