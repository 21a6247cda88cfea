"""Finding, marking, sharing and throwing away pictures of the gallery, mostly by keyboard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event

import pytest
from gallery_room import NOW, Room
from PIL import Image, PngImagePlugin
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt
from PySide6.QtGui import QAction, QClipboard, QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.gallery import Period, PictureFilter, PictureQuery, PictureSort
from fluxlora_desktop.domain.pictures import Picture, PictureLora, PictureState
from fluxlora_desktop.imaging.workshop import PillowPictureWorkshop
from fluxlora_desktop.ui.gallery.filters import FilterBar
from fluxlora_desktop.ui.gallery.page import GalleryPage
from fluxlora_desktop.ui.gallery.tags import TagDialog
from fluxlora_desktop.ui.shortcuts import ShortcutSheet, groups_of
from fluxlora_desktop.ui.theme import Theme
from fluxlora_desktop.ui.window import MainWindow

Key, Mod = Qt.Key, Qt.KeyboardModifier
popup = pytest.mark.qt_log_ignore("This plugin does not support grabbing", extend=True)
PROMPTS = ("a fox in snow", "a lighthouse", "a fox at sea", "a mug")


def add(room: Room, count: int = 8, *, files: bool = False) -> list[str]:
    """Put pictures into the library, p0 the oldest; with files that say what made them."""
    made = []
    for number in range(count):
        name = f"p{number}"
        picture = Picture(
            *(name, f"order{number}", PictureState.DONE, "replicate", "flux-dev", "flux.1-dev"),
            prompt=PROMPTS[number % len(PROMPTS)],
            loras=(PictureLora("fox", "Glazed fox", 0.8),)
            if number % 2 == 0 and count < 100
            else (),
            **{"width": 512, "height": 512, "steps": 28, "guidance": 3.0, "seed": 100 + number},
            created_at=NOW + timedelta(minutes=number),
            cost_usd=Decimal("0.025"),
            file=room.stores.files.relative(room.stores.files.picture(name, NOW)),
            thumb=room.stores.files.relative(room.stores.files.picture(name, NOW)) if files else "",
        )
        made.append(picture)
        if files:
            path = room.stores.files.picture(name, NOW)
            path.parent.mkdir(parents=True, exist_ok=True)
            words = PngImagePlugin.PngInfo()
            words.add_text("parameters", picture.prompt)
            Image.new("RGB", (64, 64), (number, 120, 200)).save(path, pnginfo=words)
    room.stores.pictures.add(made)
    return [picture.id for picture in reversed(made)]


@pytest.fixture
def room(qtbot: QtBot, tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    made.add_lora("fox", "Glazed fox", "GLZFOX")
    qtbot.addWidget(made.page)
    made.page.resize(1096, 780)
    made.loras.load()
    yield made
    made.close()


@pytest.fixture
def clipboard(qapp: object) -> Iterator[QClipboard]:
    board = QGuiApplication.clipboard()
    board.setText("before")
    yield board
    board.clear()  # the offscreen clipboard outlives Python, and so must nothing that Python made


def show(qtbot: QtBot, room: Room) -> GalleryPage:
    page = room.page
    page.show()
    page.shown()
    count = len(room.stores.pictures.ids())
    qtbot.waitUntil(lambda: page.browser.model.rowCount() == count and all_read(page))
    page.browser.grid.setFocus()
    return page


def all_read(page: GalleryPage) -> bool:
    model = page.browser.model
    return all(model.picture(row) is not None for row in range(min(model.rowCount(), 20)))


def shown(page: GalleryPage) -> list[str]:
    model = page.browser.model
    return [model.id_at(row) for row in range(model.rowCount())]


def select(page: GalleryPage, *ids: str) -> None:
    """Select pictures, the first one as the current one."""
    browser = page.browser
    browser.go_to(browser.model.row_of(ids[0]))
    for name in ids[1:]:
        index = browser.model.index(browser.model.row_of(name))
        browser.grid.selectionModel().select(index, QItemSelectionModel.SelectionFlag.Select)


def chosen(page: GalleryPage) -> set[str]:
    return {picture.id for picture in page.browser.commands.chosen}


def chips(page: GalleryPage) -> list[str]:
    parts = page.browser.filters.chips.findChildren(QPushButton)
    return [part.text() for part in parts if part.isVisible() and part.property("role") == "chip"]


def pick(combo: object, words: str) -> None:
    """Choose a line of a list as a person does."""
    place = combo.findText(words)
    assert place >= 0, words
    combo.setCurrentIndex(place)
    combo.activated.emit(place)


@popup
def test_filter_is_chosen_shown_as_chips_and_taken_back_one_by_one(
    qtbot: QtBot, room: Room
) -> None:
    add(room)
    room.stores.pictures.mark(["p0", "p1", "p4"], rating=4)
    room.stores.pictures.mark(["p4"], favourite=True)
    room.stores.pictures.set_tags({"p4": ["winter"]})
    page = show(qtbot, room)
    bar, panel = page.browser.filters, page.browser.filters.panel

    qtbot.mouseClick(bar.open, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.tag.findText("winter  (1)") > 0)
    assert panel.isVisible()
    pick(panel.lora, "Glazed fox")
    qtbot.waitUntil(lambda: shown(page) == ["p6", "p4", "p2", "p0"])
    pick(panel.rating, "3 or better")
    qtbot.waitUntil(lambda: shown(page) == ["p4", "p0"])
    pick(panel.tag, "winter  (1)")
    panel.favourite.click()
    qtbot.waitUntil(lambda: shown(page) == ["p4"])
    panel.close()
    assert chips(page) == ["Glazed fox", "Rated 3 or better", "Starred", "Tag: winter"]
    assert bar.open.accessibleName() == "Filter, 4 chosen"

    for words in ("Tag: winter", "Starred"):
        parts = bar.chips.findChildren(QPushButton)
        chip = next(part for part in parts if part.isVisible() and part.text() == words)
        qtbot.mouseClick(chip, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shown(page) == ["p4", "p0"])
    assert chips(page) == ["Glazed fox", "Rated 3 or better"]
    qtbot.keyClicks(bar.words, "snow")
    qtbot.waitUntil(lambda: page.browser.orders.count.text() == "2 pictures found")
    assert bar.open.hasFocus() or bar.words.hasFocus()
    bar.clear()
    qtbot.waitUntil(lambda: len(shown(page)) == 8)
    assert (chips(page), bar.words.text()) == ([], "")


def test_filter_and_order_are_remembered_by_a_page_that_is_made_anew(
    qtbot: QtBot, room: Room
) -> None:
    add(room)
    page = show(qtbot, room)
    pick(page.browser.filters.sort, "Oldest first")
    page.browser.filters.show_filter(
        PictureFilter(PictureQuery(words="fox", sort=PictureSort.OLDEST, lora_id="fox"))
    )
    qtbot.waitUntil(lambda: shown(page) == ["p0", "p2", "p4", "p6"])

    anew = GalleryPage(
        pictures=room.pictures,
        gallery=room.gallery,
        loras=room.loras,
        prompts=room.prompts,
        jobs=room.jobs,
    )
    qtbot.addWidget(anew)
    anew.show()
    anew.shown()

    qtbot.waitUntil(lambda: shown(anew) == ["p0", "p2", "p4", "p6"])
    assert anew.browser.filters.words.text() == "fox"
    assert anew.browser.filters.sort.currentText() == "Oldest first"
    assert chips(anew) == ["Glazed fox"]


def test_days_are_counted_from_the_day_on_which_is_asked(qtbot: QtBot) -> None:
    today = [NOW.astimezone().date()]
    bar = FilterBar(PictureFilter(period=Period.WEEK), lambda: today[0])
    qtbot.addWidget(bar)

    since = bar.query().since
    assert since is not None
    assert (today[0] - since.date(), bar.query().before) == (timedelta(days=6), None)
    today[0] += timedelta(days=1)
    assert bar.query().since == since + timedelta(days=1)
    pick(bar.panel.period, "From … to …")
    bar.panel.last.setDate(bar.panel.first.date().addDays(-2))
    asked = bar.query()
    assert asked.before is not None
    assert asked.since is not None
    assert (asked.before - asked.since).days == 3
    chip = bar.chips.findChildren(QPushButton)[-1]
    assert chip.text() == f"{asked.since.date()} to {asked.before.date() - timedelta(days=1)}"


def test_what_is_looked_at_stays_when_the_order_changes(qtbot: QtBot, room: Room) -> None:
    add(room, 40)
    room.stores.pictures.mark(["p9"], rating=5)
    page = show(qtbot, room)
    select(page, "p9", "p3")

    pick(page.browser.filters.sort, "Best rated")
    qtbot.waitUntil(lambda: shown(page)[0] == "p9")

    grid = page.browser.grid
    assert page.browser.model.id_at(grid.currentIndex().row()) == "p9"
    assert grid.viewport().rect().intersects(grid.visualRect(page.browser.model.index(0)))


def test_what_stays_in_sight_is_decoded_though_the_grid_was_scrolled_before(
    qtbot: QtBot, room: Room
) -> None:
    add(room, 60, files=True)
    held = Event()
    for _ in range(4):  # no thumbnail has its turn before
        room.jobs.start("Something else", lambda _ctx: held.wait(30), lane="thumbs")
    page = show(qtbot, room)
    grid, model, thumbs = page.browser.grid, page.browser.model, page.browser._thumbs

    for part in range(1, 4):  # what came before these steps may have to be painted whole
        with qtbot.waitSignal(grid.painted):
            grid.verticalScrollBar().setValue(part * grid.cell().height() // 4)
    held.set()

    def decoded() -> list[bool]:
        first, last = grid.rows_in_sight()
        assert last > first >= 0
        paths = [picture.thumb for picture in model.pictures(first, last) if picture]
        return [thumbs.has(path, page.browser._delegate.side) for path in paths]

    qtbot.waitUntil(lambda: all(decoded()))


def test_new_pictures_do_not_move_what_is_looked_at(qtbot: QtBot, room: Room) -> None:
    add(room, 60)
    page = show(qtbot, room)
    grid, model = page.browser.grid, page.browser.model
    grid.verticalScrollBar().setValue(grid.verticalScrollBar().maximum() // 2)
    select(page, model.id_at(grid.indexAt(QPoint(20, 160)).row()))
    seen = chosen(page).pop()
    before = grid.visualRect(model.index(model.row_of(seen))).top()

    columns = grid.columns()
    page.panel.prompt.setPlainText("a new one")
    page.panel.number.setCurrentIndex(columns - 1)
    page.panel.make.click()
    qtbot.waitUntil(lambda: model.rowCount() == 60 + columns)

    assert grid.visualRect(model.index(model.row_of(seen))).top() == before
    assert chosen(page) == {seen}
    qtbot.waitUntil(lambda: room.jobs.live() == 0)


def test_pictures_are_starred_and_rated_by_keys_and_undone(qtbot: QtBot, room: Room) -> None:
    add(room)
    page = show(qtbot, room)
    grid, store = page.browser.grid, room.stores.pictures
    select(page, "p1", "p2", "p5")

    qtbot.keyClick(grid, Key.Key_F)
    qtbot.waitUntil(lambda: set(store.ids(PictureQuery(favourite=True))) == {"p1", "p2", "p5"})
    qtbot.keyClick(grid, Key.Key_4)
    qtbot.waitUntil(lambda: page.browser.inspector.title.text() == (
        "3 pictures selected, 3 favourites"
    ))  # fmt: skip
    qtbot.waitUntil(lambda: "3 rated, 4.0 on average" in page.browser.inspector.facts.text())
    assert {p.rating for p in store.page(["p1", "p2", "p5"])} == {4}

    buttons = page.browser.inspector.buttons
    digits = buttons.rating.findChildren(QAbstractButton)
    assert [digit.isChecked() for digit in digits] == [True] * 4 + [False]
    qtbot.mouseClick(digits[3], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(room.undoables) == 3)
    assert store.ids(PictureQuery(rating=1)) == ()
    room.undoables[-1].undo()
    qtbot.waitUntil(lambda: len(store.ids(PictureQuery(rating=4))) == 3)
    select(page, "p1")
    qtbot.waitUntil(lambda: "starred · rating 4 of 5" in page.browser.inspector.facts.text())
    assert "starred, rated 4 of 5" in page.browser.model.index(6).data()


def test_all_of_more_pictures_than_are_read_are_marked_at_once(qtbot: QtBot, room: Room) -> None:
    add(room, 5500)
    page = show(qtbot, room)

    qtbot.keyClick(page.browser.grid, Key.Key_A, Mod.ControlModifier)
    qtbot.keyClick(page.browser.grid, Key.Key_3)

    qtbot.waitUntil(lambda: len(room.undoables) == 1)
    assert room.undoables[0].says == "5,500 pictures rated 3 of 5."
    assert len(room.stores.pictures.ids(PictureQuery(rating=3))) == 5500
    qtbot.waitUntil(lambda: room.jobs.live() == 0)


def test_picture_leaves_the_starred_ones_when_its_star_is_taken_off(
    qtbot: QtBot, room: Room
) -> None:
    add(room)
    room.stores.pictures.mark(["p1", "p2"], favourite=True)
    page = show(qtbot, room)
    page.browser.filters.show_filter(PictureFilter(PictureQuery(favourite=True)))
    qtbot.waitUntil(lambda: shown(page) == ["p2", "p1"])
    select(page, "p2")

    qtbot.keyClick(page.browser.grid, Key.Key_F)
    qtbot.waitUntil(lambda: shown(page) == ["p1"])


def tag_dialog(qtbot: QtBot, page: GalleryPage) -> TagDialog:
    qtbot.keyClick(page.browser.grid, Key.Key_T)
    qtbot.waitUntil(lambda: page.browser.grid.findChild(TagDialog) is not None)
    dialog = page.browser.grid.findChild(TagDialog)
    assert isinstance(dialog, TagDialog)
    return dialog


@popup
def test_tags_of_all_and_of_some_are_changed_for_several(qtbot: QtBot, room: Room) -> None:
    add(room)
    store = room.stores.pictures
    store.set_tags({"p1": ["dawn", "snow"], "p2": ["snow"], "p7": ["Winter"]})
    page = show(qtbot, room)
    select(page, "p1", "p2")

    dialog = tag_dialog(qtbot, page)
    assert dialog.windowTitle() == "Tags of 2 pictures"
    states = {name: box.checkState() for name, box in dialog.boxes.items()}
    some = Qt.CheckState.PartiallyChecked
    assert states == {"snow": Qt.CheckState.Checked, "dawn": some}
    qtbot.keyClicks(dialog.field, "winter, on  ice")
    qtbot.keyClick(dialog.field, Key.Key_Return)
    dialog.boxes["snow"].click()
    qtbot.keyClick(dialog.field, Key.Key_Return)

    wanted = [("Winter", "dawn", "on ice"), ("Winter", "on ice")]
    qtbot.waitUntil(lambda: [p.tags for p in store.page(["p1", "p2"])] == wanted)
    qtbot.waitUntil(lambda: len(room.undoables) == 1)
    room.undoables[0].undo()
    before = [("dawn", "snow"), ("snow",)]
    qtbot.waitUntil(lambda: [p.tags for p in store.page(["p1", "p2"])] == before)


@popup
def test_known_tag_is_completed(qtbot: QtBot, room: Room) -> None:
    add(room)
    room.stores.pictures.set_tags({"p7": ["still life"]})
    page = show(qtbot, room)
    select(page, "p1")

    dialog = tag_dialog(qtbot, page)
    qtbot.keyClicks(dialog.field, "life")
    popup = dialog.completer.popup()
    qtbot.waitUntil(popup.isVisible)
    qtbot.keyClick(popup, Key.Key_Down)
    qtbot.keyClick(popup, Key.Key_Return)
    qtbot.waitUntil(lambda: list(dialog.boxes) == ["still life"] and not dialog.field.text())
    dialog.reject()


def test_seed_is_varied_for_the_price_that_the_button_says(qtbot: QtBot, room: Room) -> None:
    add(room)
    page = show(qtbot, room)
    select(page, "p1")
    assert page.browser.inspector.buttons.vary.text() == "Vary the seed, about $0.025"

    qtbot.keyClick(page.browser.grid, Key.Key_V)
    qtbot.waitUntil(lambda: len(room.painter.asked) == 1 and room.jobs.live() == 0)

    asked = room.painter.asked[0]
    assert (asked.prompt, asked.steps, asked.count) == ("a lighthouse", 28, 1)
    assert asked.seed != 101


def test_picture_of_a_model_that_is_not_offered_is_not_varied(qtbot: QtBot, room: Room) -> None:
    add(room)
    room.stores.pictures.update("p1", model="gone", generator="")
    page = show(qtbot, room)
    select(page, "p1")

    qtbot.keyClick(page.browser.grid, Key.Key_V)
    assert not page.browser.inspector.buttons.vary.isEnabled()
    assert room.painter.asked == []


def test_grid_is_asked_for_with_the_picture(qtbot: QtBot, room: Room) -> None:
    add(room)
    page = show(qtbot, room)
    select(page, "p2")
    with qtbot.waitSignal(page.grid_requested) as asked:
        qtbot.keyClick(page.browser.grid, Key.Key_G)
    assert asked.args[0].id == "p2"


def test_prompts_and_files_of_several_are_copied(
    qtbot: QtBot, room: Room, clipboard: QClipboard
) -> None:
    add(room, files=True)
    page = show(qtbot, room)
    select(page, "p1", "p2", "p5")

    qtbot.keyClick(page.browser.grid, Key.Key_C, Mod.ControlModifier | Mod.ShiftModifier)
    assert clipboard.text() == "a lighthouse\n\na fox at sea"
    qtbot.keyClick(page.browser.grid, Key.Key_C, Mod.ControlModifier)
    names = [Path(url.toLocalFile()).name for url in clipboard.mimeData().urls()]
    assert names == ["p5.png", "p2.png", "p1.png"]
    mime = page.browser.commands.mime()
    assert mime is not None
    assert [Path(url.toLocalFile()).name for url in mime.urls()] == names


def test_clean_copy_says_nothing_and_its_name_neither(
    qtbot: QtBot, room: Room, clipboard: QClipboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop = PillowPictureWorkshop()
    monkeypatch.setattr(type(room.pictures.tools.pictures), "without_text", workshop.without_text)
    add(room, files=True)
    page = show(qtbot, room)
    select(page, "p1")

    page.browser.commands.copy_clean.trigger()
    qtbot.waitUntil(lambda: clipboard.mimeData().hasImage())

    copy = Path(clipboard.mimeData().urls()[0].toLocalFile())
    assert copy.name == "picture.png"
    assert not clipboard.mimeData().hasText() or "fox" not in clipboard.text()
    with Image.open(copy) as image, Image.open(room.stores.files.picture("p1", NOW)) as own:
        assert own.info["parameters"] == "a lighthouse"
        assert image.info == {}
        assert image.getpixel((3, 3)) == own.getpixel((3, 3))
    room.gallery.begin()
    qtbot.waitUntil(lambda: not copy.exists() and room.jobs.live() == 0)


def test_trash_is_a_view_from_which_pictures_come_back_or_go_for_good(
    qtbot: QtBot, room: Room, theme: Theme
) -> None:
    add(room, files=True)
    page = show(qtbot, room)
    browser, store = page.browser, room.stores.pictures
    select(page, "p1", "p2", "p5")
    qtbot.keyClick(browser.grid, Key.Key_Delete)
    qtbot.waitUntil(lambda: len(room.undoables) == 1 and len(shown(page)) == 5)

    browser.filters.show_filter(PictureFilter(PictureQuery(trashed=True)))
    qtbot.waitUntil(lambda: shown(page) == ["p5", "p2", "p1"] and all_read(page))
    assert browser.orders.count.text() == "3 pictures in the trash, kept for 30 days"
    browser.grid.setFocus()
    select(page, "p2")
    buttons = browser.inspector.buttons
    page.resize(960 - 184, 600)
    qtbot.waitUntil(lambda: narrow(page) == [])
    assert buttons.restore.isVisible()
    assert buttons.purge.isVisible()
    assert not buttons.trash.isVisible()
    assert not buttons.vary.isVisible()
    assert browser.inspector.facts.text().startswith("In the trash since ")
    qtbot.keyClick(browser.grid, Key.Key_U)
    qtbot.waitUntil(lambda: shown(page) == ["p5", "p1"])
    assert room.stores.files.picture("p2", NOW).is_file()

    answer(qtbot, page, "Keep them in the trash")
    assert len(store.ids(PictureQuery(trashed=True))) == 2
    answer(qtbot, page, "Delete for good")
    qtbot.waitUntil(browser.no_trash.isVisible)
    assert store.page(["p1", "p5"]) == ()
    browser.no_trash.findChild(QAbstractButton).click()
    qtbot.waitUntil(lambda: len(shown(page)) == 6)


def answer(qtbot: QtBot, page: GalleryPage, words: str) -> None:
    """Ask to delete everything of the trash for good and press a button of the question."""
    grid = page.browser.grid
    page.activateWindow()
    grid.setFocus()
    qtbot.waitUntil(grid.hasFocus)
    qtbot.keyClick(grid, Key.Key_A, Mod.ControlModifier)
    qtbot.keyClick(grid, Key.Key_Delete, Mod.ShiftModifier)
    box = grid.findChildren(QMessageBox)[-1]
    assert box.text() == "Delete 2 pictures for good?"
    assert box.defaultButton().text() == "Keep them in the trash"
    next(button for button in box.buttons() if button.text() == words).click()
    qtbot.waitUntil(lambda: not grid.findChildren(QMessageBox))


def test_file_that_left_the_computers_trash_is_said_and_its_picture_stays(
    qtbot: QtBot, room: Room
) -> None:
    add(room, files=True)
    page = show(qtbot, room)
    select(page, "p1")
    qtbot.keyClick(page.browser.grid, Key.Key_Delete)
    qtbot.waitUntil(lambda: len(room.undoables) == 1)
    shutil.rmtree(room.trash.folder)

    room.undoables[0].undo()
    qtbot.waitUntil(lambda: len(room.troubles) == 1)

    assert type(room.troubles[0]).__name__ == "NotInTrash"
    assert room.stores.pictures.ids(PictureQuery(trashed=True)) == ("p1",)
    qtbot.waitUntil(lambda: room.jobs.live() == 0)


def test_keys_lead_from_the_search_through_the_grid_and_back(qtbot: QtBot, room: Room) -> None:
    add(room, 30)
    page = show(qtbot, room)
    browser, grid = page.browser, page.browser.grid
    page.activateWindow()

    qtbot.keyClick(grid, Key.Key_Slash)
    qtbot.waitUntil(browser.filters.words.hasFocus)
    qtbot.keyClicks(browser.filters.words, "fox")
    qtbot.waitUntil(lambda: len(shown(page)) == 15)
    qtbot.keyClick(browser.filters.words, Key.Key_Down)
    assert grid.hasFocus()
    assert grid.currentIndex().row() == 0
    qtbot.keyClick(grid, Key.Key_End, Mod.ShiftModifier)
    assert grid.selectionModel().selectedIndexes()[-1].row() == 14
    qtbot.keyClick(grid, Key.Key_Home)
    assert len(grid.selectionModel().selectedIndexes()) == 1
    qtbot.keyClick(grid, Key.Key_PageDown)
    assert grid.currentIndex().row() > grid.columns()
    qtbot.keyClick(grid, Key.Key_Right)
    qtbot.keyClick(grid, Key.Key_Space, Mod.ControlModifier)
    assert not page.viewing
    assert not grid.selectionModel().hasSelection()

    select(page, "p2", "p4")
    qtbot.keyClick(grid, Key.Key_Escape)
    assert not grid.selectionModel().hasSelection()
    assert browser.filters.words.text() == "fox"
    qtbot.keyClick(grid, Key.Key_Escape)
    qtbot.waitUntil(lambda: len(shown(page)) == 30)
    assert browser.filters.words.text() == ""


def test_sheet_names_every_key_of_the_page(qtbot: QtBot, room: Room) -> None:
    add(room)
    theme = Theme(QApplication.instance())
    window = MainWindow(theme=theme, practice=False)
    qtbot.addWidget(window)
    window.fill({"gallery": lambda: room.page}, "gallery")
    window.show()
    qtbot.waitUntil(lambda: len(shown(room.page)) == 8)
    room.page.browser.grid.setFocus()

    qtbot.keyClick(room.page.browser.grid, Key.Key_Question)
    qtbot.waitUntil(lambda: window.findChild(ShortcutSheet) is not None)
    sheet = window.findChild(ShortcutSheet)
    said = {found.text() for found in sheet.findChildren(QLabel)}
    listed = {key for words in said for key in words.split(", ")}
    for action in room.page.findChildren(QAction):
        for keys in action.shortcuts():
            name = keys.toString(keys.SequenceFormat.NativeText)
            digit = name[-1] in "012345"
            assert name in listed or (digit and f"{name[:-1]}0 … {name[:-1]}5" in said), name
    assert {"Arrows", "Ctrl+Enter", "Vary the seed", "One picture large"} <= said | listed
    sheet.close()
    qtbot.waitUntil(lambda: window.findChild(ShortcutSheet) is None)
    window.takeCentralWidget().deleteLater()


def test_sheet_lists_nothing_twice(room: Room) -> None:
    for group in groups_of(room.page):
        keys = [keys for keys, _says in group.lines]
        assert len(keys) == len(set(keys))


def test_buttons_are_whole_in_the_smallest_window(qtbot: QtBot, room: Room, theme: Theme) -> None:
    add(room)
    room.stores.pictures.mark(["p1"], rating=3, favourite=True)
    room.page.resize(960 - 184, 600)
    page = show(qtbot, room)
    select(page, "p1")
    page.browser.filters.show_filter(
        PictureFilter(PictureQuery(rating=3, favourite=True, lora_id=""), Period.ANY)
    )
    qtbot.waitUntil(lambda: shown(page) == ["p1"])
    qtbot.waitUntil(lambda: narrow(page) == [])


def narrow(page: GalleryPage) -> list[str]:
    """Return the buttons of the pictures' side that are cut off."""
    parts = page.browser.findChildren(QAbstractButton)
    said = [part for part in parts if part.isVisible() and part.text()]
    return [part.text() for part in said if part.width() < part.sizeHint().width()]


def test_marks_are_shown_by_the_viewer_where_digits_zoom(qtbot: QtBot, room: Room) -> None:
    add(room, files=True)
    page = show(qtbot, room)
    select(page, "p3")
    qtbot.keyClick(page.browser.grid, Key.Key_Space)
    viewer = page.viewer

    qtbot.keyClick(viewer.canvas, Key.Key_2, Mod.AltModifier)
    qtbot.waitUntil(lambda: viewer.picture is not None and viewer.picture.rating == 2)
    qtbot.keyClick(viewer.canvas, Key.Key_F)
    qtbot.waitUntil(lambda: viewer.commands.favourite.text() == "Take the star off")
    qtbot.keyClick(viewer.canvas, Key.Key_1)
    assert viewer.zoom.text() == "100 %"
    assert "2 of 5" in {found.text() for found in viewer.facts.findChildren(QLabel)}
    qtbot.waitUntil(lambda: room.jobs.live() == 0)
