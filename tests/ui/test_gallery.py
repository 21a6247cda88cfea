"""The Gallery: from the prompt to pictures that can be kept, used again and thrown away."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from gallery_room import Room
from PIL import Image
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QClipboard, QGuiApplication, QImage
from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.errors import DiskFull, OutcomeUnknown, ServiceRefused
from fluxlora_desktop.domain.pictures import Picture, PictureRequest, PictureState
from fluxlora_desktop.ui.desks.loras import CardChoice
from fluxlora_desktop.ui.gallery.cells import frame_of
from fluxlora_desktop.ui.gallery.delegate import again_rect
from fluxlora_desktop.ui.gallery.page import GalleryPage, ShowPicture


@pytest.fixture
def room(qtbot: QtBot, tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    made.add_lora("fox", "Glazed fox", "GLZFOX")
    made.add_lora("mug", "Blue mug", "BLUMUG", published=False)
    qtbot.addWidget(made.page)
    made.page.resize(1096, 780)
    made.page.show()
    made.loras.load()
    made.page.shown()
    qtbot.waitUntil(lambda: made.loras.loaded and made.jobs.live() == 0)
    yield made
    made.close()


@pytest.fixture
def clipboard(qapp: object) -> Iterator[QClipboard]:
    board = QGuiApplication.clipboard()
    board.setText("before")
    yield board
    # The offscreen clipboard outlives Python, and so must nothing that Python made: it crashes.
    board.clear()


@pytest.fixture
def page(room: Room) -> GalleryPage:
    return room.page


def order(qtbot: QtBot, room: Room, count: int = 2, prompt: str = "a fox in snow") -> list[Picture]:
    """Order pictures as a person does and wait for them; return the grid's rows."""
    panel = room.page.panel
    panel.prompt.setPlainText(prompt)
    panel.number.setCurrentIndex(count - 1)
    before = room.page.browser.model.rowCount()
    qtbot.mouseClick(panel.make, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: room.page.browser.model.rowCount() == before + count)
    qtbot.waitUntil(lambda: room.jobs.live() == 0)
    return rows(room)


def rows(room: Room) -> list[Picture]:
    model = room.page.browser.model
    found = [model.picture(row) for row in range(model.rowCount())]
    return [picture for picture in found if picture is not None]


def select(room: Room, *chosen: int) -> None:
    grid = room.page.browser.grid
    grid.setFocus()
    grid.setCurrentIndex(room.page.browser.model.index(chosen[0]))
    for row in chosen[1:]:
        flag = grid.selectionModel().SelectionFlag.Select
        grid.selectionModel().select(room.page.browser.model.index(row), flag)


def test_gallery_says_how_to_begin_when_there_are_no_pictures(page: GalleryPage) -> None:
    assert page.browser.empty.isVisible()
    assert not page.browser.grid.isVisible()
    assert not page.panel.make.isEnabled()
    assert page.panel.note.text() == "Write what the picture shall show."


def test_pictures_appear_on_top_when_they_are_ordered(qtbot: QtBot, room: Room) -> None:
    order(qtbot, room, 1, "a first one")
    made = order(qtbot, room, 3)

    assert [p.state for p in made] == [PictureState.DONE] * 4
    assert [p.prompt for p in made] == ["a fox in snow"] * 3 + ["a first one"]
    assert room.page.browser.orders.count.text() == "4 pictures"
    assert room.page.browser.grid.isVisible()


def test_make_button_says_count_and_price_before_anything_is_sent(qtbot: QtBot, room: Room) -> None:
    panel = room.page.panel
    qtbot.keyClicks(panel.prompt, "a fox")

    assert panel.make.text() == "Make 4 pictures, about $0.10"
    assert panel.make.isEnabled()
    panel.number.setCurrentIndex(0)
    assert panel.make.text() == "Make 1 picture, about $0.025"
    assert room.painter.asked == []


def test_ctrl_enter_orders_once_when_pressed_twice(qtbot: QtBot, room: Room) -> None:
    panel = room.page.panel
    panel.number.setCurrentIndex(0)
    qtbot.keyClicks(panel.prompt, "a fox")

    for _ in range(2):
        qtbot.keyClick(panel.prompt, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: room.jobs.live() == 0)

    assert len(room.painter.asked) == 1


def offers(page: GalleryPage) -> dict[str, bool]:
    combo, model = page.panel.offer.combo, page.panel.offer.combo.model()
    flags = {combo.itemText(n): model.flags(model.index(n, 0)) for n in range(combo.count())}
    return {text: bool(flag & Qt.ItemFlag.ItemIsEnabled) for text, flag in flags.items()}


def test_models_that_cannot_are_listed_with_the_reason_when_a_lora_is_chosen(
    page: GalleryPage,
) -> None:
    page.arrive("fox")

    assert offers(page) == {
        "FLUX.1-dev with a published LoRA at Replicate": True,
        "FLUX.1-dev without a LoRA takes no LoRA": False,
        "Quick model takes no LoRA": False,
    }


def test_nothing_can_be_made_when_the_lora_is_not_published(page: GalleryPage) -> None:
    page.arrive("mug")

    assert "Blue mug is not published yet." in page.panel.offer.reason.text()
    assert not page.panel.make.isEnabled()
    assert page.panel.note.text() == "No connected service can make this picture now."


def test_trigger_word_comes_with_the_lora_and_is_missed_when_it_is_deleted(
    qtbot: QtBot, page: GalleryPage
) -> None:
    page.panel.prompt.setPlainText("in a forest")
    page.arrive("fox")
    assert page.panel.prompt.toPlainText() == "GLZFOX, in a forest"
    assert not page.panel.first.remark.isVisible()

    page.panel.prompt.setPlainText("in a forest")
    assert page.panel.first.remark.isVisible()

    qtbot.mouseClick(page.panel.first.trigger, Qt.MouseButton.LeftButton)
    assert page.panel.prompt.toPlainText() == "GLZFOX, in a forest"


def test_lora_is_chosen_as_soon_as_it_is_known_when_it_came_first(
    qtbot: QtBot, room: Room, page: GalleryPage
) -> None:
    page.arrive("new")
    assert page.panel.uses() == ()

    room.add_lora("new", "Red boat", "REDBOT")
    room.loras.load()
    qtbot.waitUntil(lambda: room.jobs.live() == 0)

    assert [use.name for use in page.panel.uses()] == ["Red boat"]
    assert page.panel.prompt.toPlainText() == "REDBOT"


def test_lora_begins_at_its_recommended_strength(page: GalleryPage) -> None:
    page.arrive("fox")
    assert page.panel.uses()[0].scale == 0.8


def test_settings_are_clamped_and_come_back_when_the_model_changes(page: GalleryPage) -> None:
    panel = page.panel
    panel.more.steps.setValue(40)

    panel.offer.ask("replicate", "quick")
    panel.refresh()
    assert panel.more.steps.value() == 12

    panel.offer.ask("replicate", "flux-dev")
    panel.refresh()
    assert panel.more.steps.value() == 40


def test_order_from_another_page_fills_the_panel(page: GalleryPage) -> None:
    asked = PictureRequest("replicate", "quick", "a boat", (), 512, 768, 6, 2.5, 99, 3)

    page.arrive(asked)

    offer = page.panel.offer.offer()
    assert offer is not None
    assert page.panel.request(offer) == asked
    assert page.panel.make.text().startswith("Make 3 pictures")


def test_second_lora_is_offered_only_when_a_model_takes_two(
    qtbot: QtBot, room: Room, page: GalleryPage
) -> None:
    assert not page.panel.add_second.isVisible()
    page.arrive("fox")
    qtbot.mouseClick(page.panel.add_second, Qt.MouseButton.LeftButton)
    assert page.panel.second.isVisible()

    page.panel.second.choose("fox")
    page.panel.refresh()
    assert page.panel.problem() == "The two LoRAs are the same one."


def test_settings_are_used_again_when_r_is_pressed(qtbot: QtBot, room: Room) -> None:
    room.page.arrive("fox")
    room.page.panel.shape.setCurrentIndex(5)
    room.page.panel.shape.activated.emit(5)
    room.page.panel.more.steps.ask(20)
    first = order(qtbot, room, 1, "GLZFOX at sea")[0]
    room.page.panel.fill(PictureRequest("replicate", "flux-dev", "something else"))

    select(room, 0)
    qtbot.keyClick(room.page.browser.grid, Qt.Key.Key_R)

    panel, offer = room.page.panel, room.page.panel.offer.offer()
    assert offer is not None
    again = panel.request(offer)
    assert (again.prompt, again.seed, again.steps) == ("GLZFOX at sea", first.seed, 20)
    assert (again.width, again.height) == (1360, 768)
    assert [(use.lora_id, use.scale) for use in again.loras] == [("fox", 0.8)]


def test_pictures_go_to_the_trash_and_come_back_when_delete_is_undone(
    qtbot: QtBot, room: Room
) -> None:
    gone = order(qtbot, room, 2)[0]
    select(room, 0)

    qtbot.keyClick(room.page.browser.grid, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: len(room.undoables) == 1)
    assert [p.id for p in rows(room)] == [p.id for p in rows(room) if p.id != gone.id]
    assert room.page.browser.model.rowCount() == 1

    room.undoables[0].undo()
    qtbot.waitUntil(lambda: room.page.browser.model.rowCount() == 2)
    assert room.pictures.file(gone) is not None
    assert (room.pictures.file(gone) or Path()).exists()


def test_copy_puts_picture_and_settings_on_the_clipboard(
    qtbot: QtBot, room: Room, clipboard: QClipboard
) -> None:
    made = order(qtbot, room, 1)[0]
    select(room, 0)

    qtbot.keyClick(room.page.browser.grid, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: clipboard.mimeData().hasImage())

    assert clipboard.image().size().toTuple() == (128, 128)
    assert clipboard.text().startswith("a fox in snow\n\n")
    assert f"Seed: {made.seed}" in clipboard.text()


def test_drag_carries_the_file_and_its_pixels(qtbot: QtBot, room: Room) -> None:
    made = order(qtbot, room, 1)[0]
    select(room, 0)

    mime = room.page.browser.commands.mime()

    assert isinstance(mime, QMimeData)
    assert [url.toLocalFile() for url in mime.urls()] == [str(room.pictures.file(made))]
    assert mime.hasImage()
    assert QImage(mime.imageData()).size().toTuple() == (128, 128)


def test_picture_is_saved_where_the_person_says_when_ctrl_s_is_pressed(
    qtbot: QtBot, room: Room
) -> None:
    made = order(qtbot, room, 1)[0]
    select(room, 0)

    qtbot.keyClick(room.page.browser.grid, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: room.target.exists() and room.jobs.live() == 0)

    assert room.names == [f"a-fox-in-snow-{made.seed}.png"]
    assert room.target.read_bytes() == (room.pictures.file(made) or Path()).read_bytes()


def test_several_pictures_are_saved_under_names_of_their_own(qtbot: QtBot, room: Room) -> None:
    order(qtbot, room, 3)
    select(room, 0, 1, 2)

    room.page.browser.commands.save.trigger()

    qtbot.waitUntil(lambda: len(list(room.folder.glob("a-fox-in-snow-*.png"))) == 3)


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        (ServiceRefused("replicate", "The prompt was refused."), PictureState.FAILED),
        (OutcomeUnknown("replicate", "The connection broke."), PictureState.MAYBE_CHARGED),
    ],
)
def test_lost_picture_is_made_once_more_when_the_button_in_its_cell_is_clicked(
    qtbot: QtBot, room: Room, trouble: Exception, state: PictureState
) -> None:
    room.painter.trouble.append(trouble)
    lost = order(qtbot, room, 1)[0]
    assert lost.state is state

    grid = room.page.browser.grid
    button = again_rect(frame_of(grid.visualRect(room.page.browser.model.index(0))))
    qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=button.center())
    qtbot.waitUntil(lambda: room.page.browser.model.rowCount() == 2 and room.jobs.live() == 0)

    assert [request.seed for request in room.painter.asked] == [lost.seed, lost.seed]
    assert rows(room)[0].state is PictureState.DONE


def test_inspector_says_price_and_reason_when_a_lost_picture_is_selected(
    qtbot: QtBot, room: Room
) -> None:
    room.painter.trouble.append(ServiceRefused("replicate", "The prompt was refused."))
    order(qtbot, room, 1)
    select(room, 0)

    assert room.page.browser.inspector.buttons.again.text() == "Try again, about $0.025"
    assert room.page.browser.inspector.buttons.again.isVisible()
    assert "The prompt was refused." in room.page.browser.inspector.facts.text()


def test_picture_that_may_have_been_charged_says_the_sum(qtbot: QtBot, room: Room) -> None:
    room.painter.trouble.append(OutcomeUnknown("replicate", "The connection broke."))
    order(qtbot, room, 1)
    select(room, 0)

    inspector = room.page.browser.inspector
    assert "It may have been charged, about $0.025." in inspector.facts.text()
    assert inspector.buttons.again.text() == "Generate again, about $0.025"
    assert not inspector.buttons.elsewhere.isVisible()


def test_picture_that_the_library_could_not_take_is_saved_elsewhere(
    qtbot: QtBot, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> str:
        raise DiskFull("library")

    monkeypatch.setattr(type(room.pictures.tools.pictures), "finish", refuse)
    lost = order(qtbot, room, 1)[0]
    select(room, 0)
    kept = room.pictures.spilled(lost)
    assert kept is not None

    qtbot.mouseClick(room.page.browser.inspector.buttons.elsewhere, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: room.target.exists() and room.jobs.live() == 0)

    assert room.target.read_bytes() == kept.read_bytes()
    assert len(room.painter.asked) == 1


def test_stop_ends_an_order_and_keeps_its_pictures_in_words(qtbot: QtBot, room: Room) -> None:
    room.painter.hold = True
    panel, line = room.page.panel, room.page.browser.orders
    panel.prompt.setPlainText("a fox")
    panel.make.click()
    qtbot.waitUntil(lambda: len(room.painter.asked) == 1)
    assert line.making.text() == "Making pictures: 0 of 4 done, about $0.10"

    qtbot.mouseClick(line.stop, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not line.stop.isVisible() and room.jobs.live() == 0)

    assert len(room.painter.asked) == 1
    failed, lost = PictureState.FAILED, PictureState.MAYBE_CHARGED
    assert [p.state for p in rows(room)] == [failed, failed, failed, lost]


def test_picture_of_an_earlier_start_is_said_to_be_not_sent(qtbot: QtBot, room: Room) -> None:
    made = order(qtbot, room, 1)[0]
    room.page.browser.orders._seen.clear()
    room.stores.pictures.update(made.id, state=PictureState.WAITING)

    room.pictures.read([made.id])
    qtbot.waitUntil(lambda: rows(room)[0].state is PictureState.FAILED)

    assert "Nothing was charged" in rows(room)[0].error


def test_pictures_of_an_order_that_broke_off_are_not_waited_for(qtbot: QtBot, room: Room) -> None:
    room.painter.trouble.append(RuntimeError("a bug"))
    order(qtbot, room, 2)

    qtbot.waitUntil(lambda: not room.page.browser.orders.stop.isVisible())
    qtbot.waitUntil(lambda: room.jobs.live() == 0)

    states = [picture.state for picture in rows(room)]
    assert states == [PictureState.FAILED, PictureState.MAYBE_CHARGED]
    assert len(room.troubles) == 1


def test_filter_narrows_and_clears(qtbot: QtBot, room: Room) -> None:
    order(qtbot, room, 1, "a lighthouse")
    order(qtbot, room, 2, "a fox")
    page = room.page

    qtbot.keyClicks(page.browser.filters.words, "light")
    qtbot.waitUntil(lambda: page.browser.model.rowCount() == 1)
    assert page.browser.orders.count.text() == "1 picture found"

    qtbot.keyClicks(page.browser.filters.words, "zebra")
    qtbot.waitUntil(page.browser.no_match.isVisible)
    page.browser.no_match.findChild(QAbstractButton).click()
    qtbot.waitUntil(lambda: page.browser.model.rowCount() == 3)
    assert page.browser.filters.words.text() == ""


def test_viewer_opens_steps_zooms_and_closes_by_keyboard(qtbot: QtBot, room: Room) -> None:
    order(qtbot, room, 3)
    page, viewer = room.page, room.page.viewer
    select(room, 0)

    qtbot.keyClick(page.browser.grid, Qt.Key.Key_Space)
    assert page.viewing
    assert viewer.place.text() == "1 of 3"
    assert not viewer.previous.isEnabled()
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_Right)
    assert viewer.picture == rows(room)[1]
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_1)
    assert viewer.zoom.text() == "100 %"
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_I)
    assert not viewer.facts.isVisible()
    qtbot.keyClick(viewer.canvas, Qt.Key.Key_Escape)
    assert not page.viewing
    assert page.browser.grid.currentIndex().row() == 1


def test_viewer_shows_the_next_picture_when_one_is_deleted_and_the_grid_after_the_last(
    qtbot: QtBot, room: Room
) -> None:
    first, second = order(qtbot, room, 2)
    page = room.page
    select(room, 0)
    qtbot.keyClick(page.browser.grid, Qt.Key.Key_Return)
    assert page.viewer.picture == first

    qtbot.keyClick(page.viewer.canvas, Qt.Key.Key_Delete)
    assert page.viewer.picture == second

    qtbot.keyClick(page.viewer.canvas, Qt.Key.Key_Delete)
    assert not page.viewing
    assert page.browser.empty.isVisible()
    qtbot.waitUntil(lambda: room.jobs.live() == 0)


def test_viewer_says_so_when_the_file_is_gone(qtbot: QtBot, room: Room) -> None:
    made = order(qtbot, room, 1)[0]
    (room.pictures.file(made) or Path()).unlink()
    select(room, 0)

    qtbot.keyClick(room.page.browser.grid, Qt.Key.Key_Space)

    qtbot.waitUntil(lambda: "cannot be read" in room.page.viewer.words.text())


def test_file_is_shown_in_its_folder_when_asked(qtbot: QtBot, room: Room) -> None:
    made = order(qtbot, room, 1)[0]
    select(room, 0)
    with qtbot.waitSignal(room.page.reveal_requested) as asked:
        room.page.browser.commands.show_file.trigger()
    assert asked.args == [room.pictures.file(made)]


def test_thumbnail_is_painted_when_it_is_decoded(qtbot: QtBot, room: Room) -> None:
    made = order(qtbot, room, 1)[0]
    grid = room.page.browser.grid

    def painted() -> bool:
        shot = grid.viewport().grab().toImage()
        centre = (
            grid.visualRect(room.page.browser.model.index(0)).center() * shot.devicePixelRatio()
        )
        return shot.pixelColor(centre).blue() == 200

    qtbot.waitUntil(painted)
    with Image.open(room.pictures.file(made) or Path()) as image:
        assert image.size == (128, 128)


def test_every_input_has_a_name_for_screen_readers(page: GalleryPage) -> None:
    kinds = (QComboBox, QLineEdit, QAbstractSpinBox, QAbstractButton)
    inputs: list[QWidget] = [w for kind in kinds for w in page.findChildren(kind)]
    own = [w for w in inputs if w.focusPolicy() and not w.objectName().startswith("qt_")]

    nameless = [
        type(widget).__name__
        for widget in own
        if not widget.accessibleName() and not getattr(widget, "text", str)()
    ]

    assert len(own) > 20
    assert nameless == []


def test_order_past_the_monthly_limit_leaves_the_prompt_ready_to_be_sent(
    qtbot: QtBot, room: Room
) -> None:
    room.pictures.tools.budget.set_limit(Decimal(0))
    asked: list[object] = []
    room.pictures.over_limit.connect(asked.append)
    panel = room.page.panel
    panel.prompt.setPlainText("a fox in snow")

    qtbot.mouseClick(panel.make, Qt.MouseButton.LeftButton)

    qtbot.waitUntil(lambda: len(asked) == 1)
    assert panel.make.isEnabled()
    assert room.troubles == []
    assert room.painter.asked == []


def test_picture_that_another_page_names_is_shown_large(qtbot: QtBot, room: Room) -> None:
    made = order(qtbot, room, 3)
    said: list[str] = []
    room.pictures.said.connect(said.append)

    room.page.shown()
    room.page.arrive(ShowPicture(made[1].id))

    qtbot.waitUntil(lambda: room.page.viewer.picture == made[1])
    assert room.page.viewing
    room.page.shown()
    room.page.arrive(ShowPicture("nobody"))
    qtbot.waitUntil(lambda: bool(said))
    assert said == ["The picture is not among those that the filters let through."]


def test_strength_that_nobody_changed_follows_its_lora(qtbot: QtBot, room: Room) -> None:
    choice = room.page.panel.first
    room.page.arrive("fox")
    assert choice.strength.value() == 0.8
    room.loras.set_scale("fox", 0.65)
    qtbot.waitUntil(lambda: choice.strength.value() == 0.65)
    choice.strength.number.setValue(1.1)
    room.loras.set_scale("fox", 0.7)
    qtbot.waitUntil(lambda: choice.lora().recommended_scale == 0.7)
    assert choice.strength.value() == 1.1
    qtbot.waitUntil(lambda: room.jobs.live() == 0)


def test_pictures_lead_to_their_line_and_to_the_card_of_their_lora(
    qtbot: QtBot, room: Room
) -> None:
    room.page.arrive("fox")
    made = order(qtbot, room, 2)
    page = room.page
    went: list[tuple[object, ...]] = []
    page.go.connect(lambda *where: went.append(where))
    said: list[str] = []
    room.pictures.said.connect(said.append)

    with qtbot.waitSignal(page.lineage_requested) as asked:
        page.browser.commands.lineage_requested.emit(made[0])
    assert asked.args == [made[0]]

    (use,) = made[0].loras
    page.browser.commands.card_requested.emit(tuple(made))
    assert went == [("library", CardChoice(use.lora_id, tuple(p.id for p in made)))]

    room.stores.loras.unpublish(use.lora_id)
    with qtbot.waitSignal(room.loras.listed):
        room.loras.load()
    page.browser.commands.card_requested.emit(tuple(made))
    assert went[-1] == ("library", use.lora_id)
    assert "is not published yet" in said[-1]
