"""Pictures of other programs are dropped on the gallery, and can be moved out again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gallery_room import Room
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QClipboard, QDragEnterEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.errors import PicturesLeftOut
from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.ui.gallery.words import file_name, parameters_text
from tests.imaging import pictures_of as of


@pytest.fixture
def room(qtbot: QtBot, tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    made.add_lora("fox", "fox_v1", "GLZFOX")
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
    yield board
    board.clear()


def give(room: Room, **files: bytes) -> Path:
    """Write files as somebody may have them, `_` in a name for the dot; return the folder."""
    folder = room.folder / "given"
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name.replace("_", ".")).write_bytes(data)
    return folder


def mime_of(*paths: Path) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def drag_over(room: Room, mime: QMimeData) -> QDragEnterEvent:
    event = QDragEnterEvent(
        QPoint(40, 40),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    event.ignore()
    QApplication.sendEvent(room.page.browser, event)
    return event


def drop(room: Room, mime: QMimeData) -> QDropEvent:
    event = QDropEvent(
        QPointF(40, 40),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    event.ignore()
    QApplication.sendEvent(room.page.browser, event)
    return event


def shown(room: Room) -> list[Picture]:
    """Return the grid's pictures, those that are read."""
    model = room.page.browser.model
    model.want(0, model.rowCount())
    return [p for p in map(model.picture, range(model.rowCount())) if p is not None]


def test_dropped_folder_comes_in_with_one_sentence_and_can_be_undone(
    qtbot: QtBot, room: Room
) -> None:
    folder = give(
        room,
        a_png=of.png(parameters=of.FORGE),
        b_jpg=of.swarm_jpeg(),
        copy_png=of.png(parameters=of.FORGE),
        cut_png=of.png()[:60],
    )
    mime = mime_of(folder)
    assert drag_over(room, mime).isAccepted()
    assert room.page.browser.card.property("dropping") == "true"

    assert drop(room, mime).isAccepted()

    qtbot.waitUntil(lambda: len(shown(room)) == 2)
    assert room.page.browser.card.property("dropping") == "false"
    assert {picture.source for picture in shown(room)} == {"Forge", "SwarmUI"}
    qtbot.waitUntil(lambda: len(room.troubles) == 1)
    (undoable,) = room.undoables
    assert undoable.says == "2 pictures came in, 1 was there already, 1 could not be read: cut.png."
    (trouble,) = room.troubles
    assert isinstance(trouble, PicturesLeftOut)
    assert trouble.files == (("cut.png", "the file is damaged or cut off"),)
    qtbot.waitUntil(lambda: not room.page.arrivals.isVisible())

    undoable.undo()

    qtbot.waitUntil(lambda: room.page.browser.model.rowCount() == 0)
    qtbot.waitUntil(lambda: len(room.undoables) == 2)
    pictures = room.library.data_dir / "pictures"
    assert not [path for path in pictures.rglob("*") if path.is_file()]
    assert sorted(path.name for path in folder.iterdir()) == [
        *("a.png", "b.jpg", "copy.png", "cut.png")
    ], "what was given is untouched"
    room.undoables[1].undo()
    qtbot.waitUntil(lambda: len(shown(room)) == 2)


def test_inspector_tells_what_an_imported_picture_says(qtbot: QtBot, room: Room) -> None:
    folder = give(room, a_png=of.png(parameters=of.FORGE))
    room.chosen = (folder / "a.png",)

    qtbot.keyClick(room.page, Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier)

    qtbot.waitUntil(lambda: len(shown(room)) == 1)
    room.page.browser.grid.setCurrentIndex(room.page.browser.model.index(0))
    inspector = room.page.browser.inspector
    qtbot.waitUntil(lambda: inspector.title.text() == "a fox")
    line = inspector.facts.text()
    assert "imported from Forge" in line and "fox_v1 1" in line and "seed 42" in line
    assert "flux1-dev-bnb-nf4-v2" in line
    assert "Schedule type: Simple" in inspector.facts.toolTip()
    assert "Sampler: Euler" in parameters_text(shown(room)[0])
    room.page.browser.grid.setFocus()
    qtbot.keyClick(room.page.browser.grid, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: room.page.panel.prompt.toPlainText() == "a fox")
    assert room.page.panel.more.seed.value() == 42


def test_plain_picture_is_shown_without_made_up_settings(qtbot: QtBot, room: Room) -> None:
    folder = give(room, holiday_webp=of.exif("WEBP"))

    room.imports.bring([folder / "holiday.webp"])

    qtbot.waitUntil(lambda: len(shown(room)) == 1)
    (picture,) = shown(room)
    room.page.browser.grid.setCurrentIndex(room.page.browser.model.index(0))
    inspector = room.page.browser.inspector
    qtbot.waitUntil(lambda: inspector.title.text() == "Picture from another program")
    assert "seed" not in inspector.facts.text() and "steps" not in inspector.facts.text()
    assert file_name(picture).endswith(".webp")


def test_pasted_files_come_in(qtbot: QtBot, room: Room, clipboard: QClipboard) -> None:
    folder = give(room, a_png=of.png(parameters=of.A1111))
    clipboard.setMimeData(mime_of(folder / "a.png"))
    room.page.setFocus()

    qtbot.keyClick(room.page, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)

    qtbot.waitUntil(lambda: len(shown(room)) == 1)
    assert shown(room)[0].source == "A1111"


def test_what_holds_no_picture_is_said(qtbot: QtBot, room: Room) -> None:
    folder = give(room, notes_txt=b"words")
    words = QMimeData()
    words.setText("only words")
    assert not drag_over(room, words).isAccepted()
    pixels = QMimeData()
    pixels.setImageData(QImage(8, 8, QImage.Format.Format_RGB32))

    for mime in (pixels, mime_of(folder)):
        assert drag_over(room, mime).isAccepted()  # Qt hands a drop only to who took the drag
        drop(room, mime)

    qtbot.waitUntil(lambda: len(room.said) == 2)
    assert "Save the picture to a folder first" in room.said[0]
    assert room.said[1] == "There are no PNG, JPEG or WebP pictures in there."


def test_the_same_picture_again_is_said_and_not_undoable(qtbot: QtBot, room: Room) -> None:
    folder = give(room, a_png=of.png())
    room.imports.bring([folder])
    qtbot.waitUntil(lambda: len(room.undoables) == 1)

    room.imports.bring([folder])

    qtbot.waitUntil(lambda: room.said == ["1 picture was there already."])
    assert len(room.undoables) == 1


def test_first_pictures_are_shown_while_others_come(qtbot: QtBot, room: Room) -> None:
    files = {f"n{number:03d}_png": of.png(parameters=f"number {number}") for number in range(60)}
    folder = give(room, **files)
    seen: list[tuple[int, bool]] = []
    room.page.browser.model.rowsInserted.connect(lambda: seen.append(count()))
    room.page.browser.model.modelReset.connect(lambda: seen.append(count()))

    def count() -> tuple[int, bool]:
        return room.page.browser.model.rowCount(), room.imports.busy()

    room.imports.bring([folder])

    qtbot.waitUntil(lambda: room.page.browser.model.rowCount() == 60)
    assert seen[0][0] < 60 and seen[0][1], "some before all"


def test_stop_keeps_what_came_in(qtbot: QtBot, room: Room) -> None:
    files = {f"n{number:03d}_png": of.png(parameters=f"number {number}") for number in range(150)}
    folder = give(room, **files)
    line = room.page.arrivals
    room.imports.looking.connect(
        lambda event: line.stop.click() if event.came_in >= 2 and line.stop.isEnabled() else None
    )

    room.imports.bring([folder])
    room.imports.bring([folder])

    qtbot.waitUntil(lambda: len(room.undoables) == 1)
    qtbot.waitUntil(lambda: not line.isVisible())
    assert room.undoables[0].says.endswith(" came in. You stopped the rest.")
    kept = len(room.stores.pictures.ids())
    assert 2 <= kept < 150
    qtbot.waitUntil(lambda: room.page.browser.model.rowCount() == kept)
