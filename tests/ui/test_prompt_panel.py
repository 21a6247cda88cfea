"""The prompt panel: alternatives and wildcards, prompts used before, sizes, seeds, the queue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event

import pytest
from gallery_room import NOW, Room
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QInputDialog, QLineEdit
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.kept_prompts import KeptPrompt
from fluxlora_desktop.domain.orders import OrderProgress
from fluxlora_desktop.domain.pictures import Picture, PictureRequest, PictureState, SizeRule
from fluxlora_desktop.domain.prompts import Spread
from fluxlora_desktop.domain.spending import Agreement
from fluxlora_desktop.ui.desks.base import OverLimit
from fluxlora_desktop.ui.desks.queue import OVER_LIMIT
from fluxlora_desktop.ui.gallery.page import GalleryPage
from fluxlora_desktop.ui.gallery.prompt import PromptPanel
from fluxlora_desktop.ui.gallery.prompt_edit import Recalled
from fluxlora_desktop.ui.gallery.queue_words import meter_words, over_words
from fluxlora_desktop.ui.gallery.shape_choice import OWN_SIZE
from fluxlora_desktop.ui.gallery.sizes import SHAPES, size_of
from fluxlora_desktop.workflows.orders import place_order

CTRL, ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def room(qtbot: QtBot, tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    made.add_lora("fox", "Glazed fox", "GLZFOX")
    made.add_lora("ink", "Ink style", "INKST")
    qtbot.addWidget(made.page)
    made.page.resize(1096, 780)
    made.page.show()
    made.loras.load()
    made.page.shown()
    qtbot.waitUntil(lambda: made.loras.loaded and made.jobs.live() == 0)
    yield made
    made.close()


@pytest.fixture
def page(room: Room) -> GalleryPage:
    return room.page


@pytest.fixture
def panel(page: GalleryPage) -> PromptPanel:
    return page.panel


def made(room: Room) -> list[Picture]:
    store = room.stores.pictures
    return sorted(store.page(store.ids()), key=lambda picture: picture.id)


def make(qtbot: QtBot, room: Room, prompt: str, number: int = 2) -> list[Picture]:
    """Order pictures by the button and wait until all are there; return them as they are kept."""
    panel = room.page.panel
    panel.prompt.setPlainText(prompt)
    panel.number.setCurrentIndex(number - 1)
    before = {picture.id for picture in made(room)}
    wanted = panel.count()
    qtbot.mouseClick(panel.make, LEFT)

    def new() -> list[Picture]:
        return [picture for picture in made(room) if picture.id not in before]

    qtbot.waitUntil(lambda: [p.state for p in new()] == [PictureState.DONE] * wanted)
    qtbot.waitUntil(lambda: room.pictures.making() == 0 and panel.make.isEnabled())
    qtbot.waitUntil(lambda: room.jobs.live() == 0)
    return new()


def wildcard(qtbot: QtBot, room: Room, name: str, text: str) -> None:
    (room.stores.files.wildcards() / f"{name}.txt").write_text(text, encoding="utf-8")
    with qtbot.waitSignal(room.prompts.wildcards_changed):
        room.prompts.read_wildcards()


def lines(panel: PromptPanel) -> list[str]:
    return [line.toolTip() for line in panel.alternatives.lines if not line.isHidden()]


def test_alternatives_are_counted_and_shown_and_drawn_for_each_picture(
    qtbot: QtBot, room: Room, panel: PromptPanel
) -> None:
    wildcard(qtbot, room, "place", "snow\n# not this\nrain\n")
    panel.prompt.setPlainText("a plain fox")
    assert panel.alternatives.isHidden()

    panel.prompt.setPlainText("a {red|grey|white} fox in __place__")
    assert panel.alternatives.isVisible()
    assert panel.alternatives.told.text() == "6 combinations, for example"
    assert len(set(lines(panel))) == 3

    pictures = make(qtbot, room, "a {red|grey|white} fox in __place__", 4)
    assert [asked.prompt for asked in room.painter.asked] == [p.prompt for p in pictures]
    assert all(p.prompt.startswith("a ") and "{" not in p.prompt for p in pictures)
    assert len({p.seed for p in pictures}) == 4


def test_every_combination_says_count_and_price_and_is_made_once(
    qtbot: QtBot, room: Room, panel: PromptPanel
) -> None:
    panel.prompt.setPlainText("a {red|grey|white} fox")
    panel.number.setCurrentIndex(1)
    panel.alternatives.spread.setCurrentIndex(1)
    panel.alternatives.spread.activated.emit(1)

    assert panel.make.text() == "Make 6 pictures, about $0.15"
    assert lines(panel) == ["a red fox", "a grey fox", "a white fox"]
    panel.number.setCurrentIndex(29)
    assert panel.note.text() == "That makes 90 pictures; one order takes 64 at most."
    assert not panel.make.isEnabled()

    pictures = make(qtbot, room, "a {red|grey|white} fox", 2)
    assert [p.prompt.split()[1] for p in pictures] == ["red", "grey", "white"] * 2
    assert len({p.seed for p in pictures}) == 2


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("a {red|grey fox", "A “{” is not closed."),
        ("a __nothing__ fox", "There is no wildcard “nothing”: the folder of wildcards is empty."),
    ],
)
def test_prompt_that_cannot_be_resolved_says_why_before_anything_is_ordered(
    panel: PromptPanel, prompt: str, says: str
) -> None:
    panel.prompt.setPlainText(prompt)

    assert panel.note.text().startswith(says)
    assert not panel.make.isEnabled()


def test_wildcards_that_changed_behind_the_panel_are_read_before_money_is_spent(
    qtbot: QtBot, room: Room, panel: PromptPanel
) -> None:
    wildcard(qtbot, room, "place", "snow\nrain\n")
    panel.prompt.setPlainText("a fox in __place__")
    panel.alternatives.spread.setCurrentIndex(1)
    panel.alternatives.spread.activated.emit(1)
    panel.number.setCurrentIndex(0)
    assert panel.count() == 2
    folder = room.stores.files.wildcards()
    (folder / "place.txt").write_text("snow\nrain\nfog\n", encoding="utf-8")

    panel.make.click()

    qtbot.waitUntil(lambda: panel.count() == 3)
    assert len(room.troubles) == 1
    assert room.painter.asked == []


def test_settings_used_again_bring_the_prompt_back_as_it_was_written(
    qtbot: QtBot, room: Room, panel: PromptPanel
) -> None:
    first = make(qtbot, room, r"a {red|grey} fox, \{sketch\}", 2)[0]
    panel.fill(PictureRequest("replicate", "flux-dev", "something else"))
    panel.number.setCurrentIndex(2)

    room.page.arrive(first)

    assert panel.prompt.toPlainText() == r"a {red|grey} fox, \{sketch\}"
    assert panel.number_chosen() == 3
    again = make(qtbot, room, panel.prompt.toPlainText(), 1)
    assert (again[0].prompt, again[0].seed) == (first.prompt, first.seed)


def test_prompt_of_a_picture_without_a_template_is_sent_again_as_it_stands(
    qtbot: QtBot, room: Room, panel: PromptPanel
) -> None:
    first = make(qtbot, room, "a fox", 1)[0]
    odd = replace(first, prompt="a {red|grey} fox")

    room.page.arrive(odd)

    assert panel.prompt.toPlainText() == r"a \{red\|grey\} fox"
    assert make(qtbot, room, panel.prompt.toPlainText(), 1)[0].prompt == "a {red|grey} fox"


def test_kept_seed_is_used_again_and_another_one_is_drawn_without_it(
    qtbot: QtBot, room: Room, panel: PromptPanel
) -> None:
    first = make(qtbot, room, "a fox", 1)[0]
    assert make(qtbot, room, "a fox", 1)[0].seed != first.seed

    panel.more.seed.setValue(41)
    assert panel.more.keep_seed.isChecked()
    for _ in range(2):
        assert make(qtbot, room, "a fox", 1)[0].seed == 41
    panel.more.keep_seed.setChecked(False)
    assert make(qtbot, room, "a fox", 1)[0].seed != 41


def test_sizes_are_chosen_by_aspect_within_the_models_rule(panel: PromptPanel) -> None:
    names = [panel.shape.itemText(number) for number in range(panel.shape.count())]
    assert [name.split(",")[0] for name in names] == [
        *("1:1", "3:2", "2:3", "4:3", "3:4", "16:9", "9:16"),
        "Own size",
    ]
    for rule in (SizeRule(), SizeRule(64, 2048, 8), SizeRule(512, 1024, 64)):
        for shape in SHAPES:
            size = size_of(shape, rule)
            assert all(rule.low <= side <= rule.high for side in (size.width, size.height))
            assert not (size.width % rule.multiple or size.height % rule.multiple)
            wanted = shape.across / shape.down
            assert abs(size.width / size.height / wanted - 1) < 0.13
    panel.shape.setCurrentIndex(OWN_SIZE)
    panel.shape.activated.emit(OWN_SIZE)
    assert panel.more.isVisible()


def test_two_loras_bring_both_words_and_keep_their_own_strengths(
    qtbot: QtBot, room: Room, panel: PromptPanel
) -> None:
    panel.choose_lora("fox")
    qtbot.mouseClick(panel.add_second, LEFT)
    panel.second.combo.setCurrentIndex(2 if panel.second.combo.itemText(2).startswith("Ink") else 1)
    panel.second.combo.activated.emit(panel.second.combo.currentIndex())
    assert panel.prompt.toPlainText() == "INKST, GLZFOX"
    panel.prompt.setPlainText("GLZFOX")
    assert panel.second.remark.isVisible()
    qtbot.mouseClick(panel.second.trigger, LEFT)
    assert not panel.second.remark.isVisible()
    panel.second.strength.number.setValue(0.4)

    (picture,) = make(qtbot, room, panel.prompt.toPlainText(), 1)

    assert picture.prompt == "INKST, GLZFOX"
    assert [(use.name, use.scale) for use in picture.loras] == [
        ("Glazed fox", 0.8),
        ("Ink style", 0.4),
    ]


def test_prompts_used_before_come_back_by_keys_and_the_draft_after_them(
    qtbot: QtBot, room: Room, panel: PromptPanel
) -> None:
    make(qtbot, room, "a fox", 1)
    make(qtbot, room, "a mug", 1)
    panel.prompt.setPlainText("a dra")
    panel.prompt.setFocus()

    seen = []
    for key in (*[Qt.Key.Key_Up] * 3, *[Qt.Key.Key_Down] * 3):
        qtbot.keyClick(panel.prompt, key, CTRL)
        seen.append(panel.prompt.toPlainText())
    assert seen == ["a mug", "a fox", "a fox", "a mug", "a dra", "a dra"]
    panel.prompt.undo()
    assert panel.prompt.toPlainText() == "a mug"


def test_history_begins_anew_after_a_change_and_leaves_out_what_is_there() -> None:
    recalled = Recalled()
    assert recalled.step(1, "draft", ["a"]) is None
    assert recalled.step(-1, "a", ["a", "b"]) == "b"
    assert recalled.step(-1, "b and more", ["a", "b"]) == "a"
    assert recalled.step(1, "a", ["a", "b"]) == "b and more"
    assert recalled.step(-1, "", []) is None


def test_prompt_is_saved_found_used_renamed_and_deleted_with_undo(
    qtbot: QtBot, room: Room, panel: PromptPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        QInputDialog, "open", lambda dialog: dialog.textValueSelected.emit("Fox portrait")
    )
    for text in ("a mug", "a fox, studio light"):
        room.stores.prompts.use(text)
    panel.prompt.setPlainText("a fox, studio light")
    qtbot.mouseClick(panel.field.tools.keep, LEFT)
    qtbot.waitUntil(lambda: "Saved as Fox portrait" in panel.field.tools.keep.toolTip())

    qtbot.keyClick(panel.prompt, Qt.Key.Key_H, CTRL)
    history = panel.history
    assert history.isVisible()
    assert history.list.rows.row(0).name == "Fox portrait"
    qtbot.keyClicks(history.words, "MUG")
    assert [history.list.rows.row(n).id for n in range(history.list.rows.rowCount())] == ["a mug"]
    history.only_saved.setChecked(True)
    assert history.nothing.text() == "No prompt matches."
    history.words.clear()
    history.list.select("a fox, studio light")

    qtbot.keyClick(history.list, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: len(room.undoables) == 1 and history.list.rows.rowCount() == 0)
    assert room.undoables[0].says == "Fox portrait was deleted."
    room.undoables[0].undo()
    qtbot.waitUntil(lambda: history.list.rows.rowCount() == 1)

    panel.prompt.clear()
    history.list.select("a fox, studio light")
    qtbot.keyClick(history.list, Qt.Key.Key_Return)
    assert not history.isVisible()
    assert panel.prompt.toPlainText() == "a fox, studio light"


def test_history_closes_by_escape_and_ctrl_l(qtbot: QtBot, panel: PromptPanel) -> None:
    for key, held in ((Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier), (Qt.Key.Key_L, CTRL)):
        panel.show_history()
        assert panel.history.isVisible()
        assert panel.history.nothing.text() == "Prompts that you use are listed here."
        qtbot.keyClick(panel.history.words, key, held)
        assert not panel.history.isVisible()
        assert isinstance(panel.history.words, QLineEdit)


def test_menu_writes_alternatives_and_wildcards_and_shows_their_folder(
    qtbot: QtBot, room: Room, panel: PromptPanel
) -> None:
    wildcard(qtbot, room, "place", "snow\n")
    panel.prompt.setPlainText("red")
    panel.prompt.selectAll()
    panel.field.tools.menu.aboutToShow.emit()
    first, wild, _line, folder = panel.field.tools.menu.actions()

    first.trigger()
    panel.prompt.insertPlainText("grey")
    assert panel.prompt.toPlainText() == "{red|grey}"
    panel.prompt.moveCursor(panel.prompt.textCursor().MoveOperation.End)
    inner = wild.menu()
    assert inner is not None
    inner.actions()[0].trigger()
    assert panel.prompt.toPlainText() == "{red|grey}__place__"
    with qtbot.waitSignal(room.page.reveal_requested) as asked:
        folder.trigger()
    assert asked.args == [room.stores.files.wildcards()]


def test_grid_begins_with_one_of_the_prompts_that_alternatives_stand_for(
    qtbot: QtBot, page: GalleryPage, panel: PromptPanel
) -> None:
    panel.prompt.setPlainText("a {red|grey} fox")

    with qtbot.waitSignal(page.go) as asked:
        qtbot.mouseClick(page.grids, LEFT)

    place, basis = asked.args
    assert (place, basis.count, basis.spread) == ("grids", 1, Spread.LITERAL)
    assert basis.prompt in {"a red fox", "a grey fox"}


def test_order_past_the_monthly_limit_waits_in_the_queue_until_a_person_agrees(
    qtbot: QtBot, room: Room, page: GalleryPage
) -> None:
    desk, line = room.pictures, page.browser.orders
    asked: list[OverLimit] = []
    desk.over_limit.connect(asked.append)
    desk.pause_all()
    desk.make(PictureRequest("replicate", "flux-dev", "a fox", seed=7, count=2))
    qtbot.waitUntil(lambda: len(desk.queue.orders) == 1)
    budget = desk.tools.budget
    budget.set_limit(Decimal("0.01"))
    budget._through.clear()  # as after a restart

    qtbot.mouseClick(line.hold, LEFT)
    qtbot.waitUntil(lambda: [order.note for order in desk.queue.orders] == [OVER_LIMIT])
    qtbot.waitUntil(lambda: room.jobs.live() == 0)
    assert len(asked) == 1
    assert room.painter.asked == []
    assert "Resume asks again" in line.making.text()

    asked[0].go_on(Agreement(asked[0].error.reach))
    qtbot.waitUntil(lambda: line.making.text() == "2 pictures made for $0.05.")


def test_queue_is_paused_moved_and_stopped_by_keys_and_tells_what_it_took(
    qtbot: QtBot, room: Room, page: GalleryPage
) -> None:
    line = page.browser.orders
    queue, desk = line.queue, room.pictures
    desk.pause_all()
    for number, prompt in enumerate(("one", "two", "three"), start=1):
        desk.make(PictureRequest("replicate", "flux-dev", prompt, seed=7, count=2))
        qtbot.waitUntil(lambda number=number: len(desk.queue.orders) == number)
    assert line.making.text() == "Paused: 0 of 6 done, about $0.15"
    qtbot.mouseClick(line.unfold, LEFT)
    assert line.unfold.text() == "Queue (3)"
    assert queue.isVisible()

    def names() -> list[str]:
        return [queue.list.rows.row(n).name for n in range(queue.list.rows.rowCount())]

    queue.list.select(desk.queue.orders[2].id)
    qtbot.keyClick(queue.list, Qt.Key.Key_Home, ALT)
    assert names() == ["three", "one", "two"]
    qtbot.keyClick(queue.list, Qt.Key.Key_Down, ALT)
    assert names() == ["one", "three", "two"]
    qtbot.mouseClick(queue.up, LEFT)
    assert names() == ["three", "one", "two"]
    qtbot.keyClick(queue.list, Qt.Key.Key_Space)
    assert queue.list.rows.row(0).detail.startswith("Paused.")
    queue.list.select(desk.queue.orders[2].id)
    qtbot.keyClick(queue.list, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: names() == ["three", "one"])
    kept = [order.title for order in room.stores.orders.all()]
    assert kept == ["three", "one"]

    qtbot.mouseClick(line.hold, LEFT)
    qtbot.waitUntil(lambda: names() == ["three"])
    assert line.making.text() == "Paused: 0 of 2 done, about $0.05"
    assert line.hold.text() == "Resume"
    qtbot.mouseClick(line.hold, LEFT)
    qtbot.waitUntil(lambda: line.making.text() == "4 of 6 pictures made for $0.10.")
    assert not queue.isVisible()
    assert not line.unfold.isVisible()


def test_order_that_waited_too_long_says_so_and_is_made_by_one_click(
    qtbot: QtBot, room: Room, page: GalleryPage
) -> None:
    line = page.browser.orders
    placed = place_order(
        PictureRequest("replicate", "flux-dev", "a fox", seed=7), room.pictures.tools
    )
    old = placed.order.since - timedelta(days=2)
    room.stores.orders.update(placed.order.id, since=old)

    room.pictures.resume()
    wanted = (
        "Paused: 0 of 1 done, about $0.025. It has waited for more than a day. Resume makes it."
    )
    qtbot.waitUntil(lambda: line.making.text() == wanted)
    assert room.painter.asked == []

    written = Event()
    room.jobs.start("A slow disk", lambda _ctx: written.wait(60), lane="library")
    qtbot.mouseClick(line.hold, LEFT)
    qtbot.waitUntil(lambda: len(room.painter.asked) == 1)
    written.set()
    qtbot.waitUntil(lambda: line.making.text() == "1 picture made for $0.025.")


def test_dropped_order_goes_where_it_was_dropped(qtbot: QtBot, room: Room) -> None:
    desk, rows = room.pictures, room.page.browser.orders.queue.list.rows
    desk.pause_all()
    for number, prompt in enumerate("abc", start=1):
        desk.make(PictureRequest("replicate", "flux-dev", prompt, seed=7, count=1))
        qtbot.waitUntil(lambda number=number: len(desk.queue.orders) == number)

    def drop(row: int, before: int) -> str:
        data = rows.mimeData([rows.index(row)])
        taken = rows.dropMimeData(data, Qt.DropAction.MoveAction, before, 0, rows.index(-1))
        assert not taken
        return "".join(order.title for order in desk.queue.orders)

    assert drop(0, 3) == "bca"
    assert drop(2, 0) == "abc"
    assert drop(0, 2) == "bac"
    assert drop(1, 1) == "bac"


@pytest.mark.parametrize(
    ("done", "says"),
    [
        (OrderProgress(4, 0, 4, 4, Decimal("0.1")), "4 pictures made for $0.10."),
        (OrderProgress(1, 0, 1, 1), "1 picture made."),
        (OrderProgress(2, 0, 2, 0), "No picture was made. Nothing was charged."),
        (
            OrderProgress(4, 0, 4, 2, Decimal("0.05"), Decimal("0.025")),
            "2 of 4 pictures made for $0.05; $0.025 more may have been charged.",
        ),
        (
            OrderProgress(2, 0, 2, 0, Decimal(0), Decimal("0.025")),
            "0 of 2 pictures made; $0.025 may have been charged.",
        ),
    ],
    ids=["all", "free", "none", "some", "doubt"],
)
def test_what_an_order_took_is_said(done: OrderProgress, says: str) -> None:
    assert over_words(done) == says


def test_meter_says_what_was_taken_of_what_was_said_before() -> None:
    done = OrderProgress(8, 6, 2, 2, Decimal("0.04"), Decimal("0.01"))
    assert meter_words(done, Decimal("0.20")) == "2 of 8 done, $0.05 so far of about $0.20"
    assert meter_words(OrderProgress(8, 8), Decimal(0)) == "0 of 8 done"


def test_saved_prompts_come_first_by_name(qtbot: QtBot, room: Room, panel: PromptPanel) -> None:
    room.stores.prompts.use("used last")
    for name in ("zebra", "Ant"):
        room.stores.prompts.put(KeptPrompt(f"text of {name}", NOW, name, True))
    panel.show_history()
    with qtbot.waitSignal(room.prompts.listed):
        room.prompts.load()

    rows = panel.history.list.rows
    assert [rows.row(n).name for n in range(3)] == ["Ant", "zebra", "used last"]
    box = panel.history.list.visualRect(rows.index(2)).center()
    qtbot.mouseClick(panel.history.list.viewport(), LEFT, pos=QPoint(box))
    qtbot.mouseDClick(panel.history.list.viewport(), LEFT, pos=QPoint(box))
    assert panel.prompt.toPlainText() == "used last"
    assert panel.alternatives.used_as() is Spread.LITERAL
