"""Pictures from browsers and the clipboard come in without any request, or it is said why not."""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from create_ground import Ground, files_mime, open_ground
from PIL import Image
from PySide6.QtCore import QByteArray, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QGuiApplication,
    QImage,
    QKeySequence,
)
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.errors import OnlyAddress
from fluxlora_desktop.ui.create.intake import offers_photos
from fluxlora_desktop.ui.create.page import CreatePage
from fluxlora_desktop.ui.create.steps import Step
from fluxlora_desktop.ui.desks.draft import DraftDesk
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.ui.notices import notice_for
from tests.ui.desk_bench import DeskBench, Heard

WEB = "https://pictures.example/foxes/red%20fox.jpg?width=900"
LEFT, NO_KEY = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
COPY = Qt.DropAction.CopyAction
NAMES = 'application/x-qt-windows-mime;value="FileGroupDescriptorW"'
CONTENTS = 'application/x-qt-windows-mime;value="FileContents"'


@pytest.fixture
def ground(qtbot: QtBot, tmp_path: Path) -> Iterator[Ground]:
    with open_ground(qtbot, tmp_path) as made:
        yield made


def encoded(kind: str = "PNG", shade: tuple[int, int, int] = (200, 90, 30)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (96, 72), shade).save(file, kind)
    return file.getvalue()


def moving_picture() -> bytes:
    file = io.BytesIO()
    frames = [Image.new("RGB", (96, 72), shade) for shade in ("red", "lime", "blue")]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=100, loop=0)
    return file.getvalue()


def image() -> QImage:
    made = QImage(80, 60, QImage.Format.Format_RGB32)
    made.fill(Qt.GlobalColor.red)
    return made


def written_out(data: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def firefox_file(path: Path) -> QMimeData:
    """What Firefox offers for a picture that it wrote into a temporary file for the drag."""
    mime = files_mime(path)
    mime.setData("text/x-moz-url", QByteArray(f"{WEB}\nred fox.jpg".encode("utf-16-le")))
    mime.setHtml(f'<img src="{WEB}" alt="A fox">')
    mime.setData("application/x-moz-file-promise-url", QByteArray(WEB.encode()))
    return mime


def chromium_picture(*, decoded: bool) -> QMimeData:
    """What Chromium offers for a picture on a page; on X11 there is no decoded one."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromEncoded(WEB.encode())])
    mime.setHtml(f'<meta charset="utf-8"><img src="{WEB}">')
    mime.setData("chromium/x-renderer-taint", QByteArray())
    mime.setData("text/x-moz-url", QByteArray(f"{WEB}\n".encode("utf-16-le")))
    if decoded:
        mime.setImageData(image())
    return mime


def drag_over(target: QWidget, mime: QMimeData, *, release: bool = True) -> bool:
    """Drag over a widget as a window system tells it; return whether the drop was taken."""
    at = QPoint(24, 24)
    enter = QDragEnterEvent(at, COPY, mime, LEFT, NO_KEY)
    QApplication.sendEvent(target, enter)
    if not enter.isAccepted():
        return False
    move = QDragMoveEvent(at + QPoint(9, 9), COPY, mime, LEFT, NO_KEY)
    move.ignore()
    QApplication.sendEvent(target, move)
    if not move.isAccepted() or not release:
        QApplication.sendEvent(target, QDragLeaveEvent())
        return move.isAccepted()
    drop = QDropEvent(QPointF(at), COPY, mime, LEFT, NO_KEY)
    QApplication.sendEvent(target, drop)
    return drop.isAccepted()


def places(ground: Ground) -> tuple[QWidget, ...]:
    """Return where the mouse may be over the filled Photos step."""
    photos = ground.page.photos
    return photos.grid.viewport(), photos.inspector, ground.page.next_button


def wait_for_photos(ground: Ground, count: int) -> None:
    ground.wait(lambda: len(ground.names()) == count)
    ground.settle()


def test_file_that_firefox_wrote_for_the_drag_comes_in_wherever_it_is_dropped(
    ground: Ground,
) -> None:
    ground.fill(1)
    failed = Heard(ground.draft.failed)
    for count, place in enumerate(places(ground), 2):
        path = ground.make_photo(f"mozilla temp/fox {count}.jpg")
        assert drag_over(place, firefox_file(path))
        wait_for_photos(ground, count)
        assert ground.names()[-1] == path.name
    assert len(failed) == 0


def test_picture_that_chromium_decoded_comes_in_under_its_name(ground: Ground) -> None:
    ground.fill(1)
    failed = Heard(ground.draft.failed)
    assert drag_over(ground.page.photos.grid.viewport(), chromium_picture(decoded=True))
    wait_for_photos(ground, 2)
    assert ground.names()[1] == "red fox.png"
    assert len(failed) == 0


def test_bytes_of_the_picture_itself_are_kept_as_they_are(ground: Ground) -> None:
    ground.fill(1)
    mime = QMimeData()
    mime.setData("image/webp", QByteArray(encoded("WEBP")))
    assert drag_over(ground.page.photos.grid.viewport(), mime)
    wait_for_photos(ground, 2)
    assert ground.names()[1] == "dropped picture.webp"
    original = ground.stores.files.original(ground.sha(1))
    assert original.read_bytes() == encoded("WEBP")


def test_picture_that_is_written_out_in_the_page_comes_in(ground: Ground) -> None:
    ground.fill(1)
    mime = QMimeData()
    mime.setHtml(f'<p>Foxes</p><img alt="x" src="{written_out(encoded("JPEG"), "jpeg")}">')
    assert drag_over(ground.page.photos.grid.viewport(), mime)
    wait_for_photos(ground, 2)
    assert ground.names()[1] == "dropped picture.jpeg"
    assert ground.stores.files.original(ground.sha(1)).read_bytes() == encoded("JPEG")


def test_several_pictures_come_in_at_once_and_the_missing_ones_are_told(ground: Ground) -> None:
    ground.fill(1)
    failed = Heard(ground.draft.failed)
    inside = [written_out(encoded(shade=(place, 9, 9))) for place in (40, 80)]
    mime = QMimeData()
    mime.setHtml("".join(f'<img src="{one}">' for one in (*inside, WEB, inside[0])))
    assert drag_over(ground.page.photos.grid.viewport(), mime)
    wait_for_photos(ground, 3)
    assert notice_for(failed.last).title == "Of 1 picture only the address came."


def test_several_files_and_an_address_come_in_as_files_and_a_notice(ground: Ground) -> None:
    ground.fill(1)
    failed = Heard(ground.draft.failed)
    mime = files_mime(ground.make_photo("one.jpg"), ground.make_photo("two.png"))
    mime.setUrls([*mime.urls(), QUrl(WEB)])
    assert drag_over(ground.page.photos.grid.viewport(), mime)
    wait_for_photos(ground, 3)
    assert isinstance(failed.last, OnlyAddress)


def virtual_files(*files: tuple[str, bytes]) -> QMimeData:
    """What Qt makes of FileGroupDescriptorW and FileContents on Windows."""
    mime = QMimeData()
    rows = b"".join(bytes(72) + name.encode("utf-16-le").ljust(520, b"\0") for name, _ in files)
    mime.setData(NAMES, QByteArray(struct.pack("<I", len(files)) + rows))
    mime.setData(CONTENTS, QByteArray(files[0][1]))
    for place, (_name, data) in enumerate(files):
        mime.setData(f"{CONTENTS};index={place}", QByteArray(data))
    mime.setUrls([QUrl(WEB)])
    return mime


def test_files_that_lie_in_no_folder_come_in_as_windows_browsers_offer_them(
    ground: Ground,
) -> None:
    ground.fill(1)
    failed = Heard(ground.draft.failed)
    files = [("füchse.png", encoded()), ("..\\far\\two.jpg", encoded("JPEG"))]
    assert drag_over(ground.page.photos.grid.viewport(), virtual_files(*files))
    wait_for_photos(ground, 3)
    assert ground.names()[1] == "füchse.png"
    kept = [ground.stores.files.original(ground.sha(place)).read_bytes() for place in (1, 2)]
    assert kept == [data for _name, data in files]
    assert len(failed) == 0


@pytest.mark.parametrize("rows", [b"", b"\x05", struct.pack("<I", 4_000_000_000) + bytes(700)])
def test_damaged_list_of_files_brings_nothing_and_that_is_said(ground: Ground, rows: bytes) -> None:
    said = Heard(ground.draft.said)
    mime = QMimeData()
    mime.setData(NAMES, QByteArray(rows))
    assert not drag_over(ground.page, mime)
    ground.settle()
    assert ground.names() == []
    assert said.all == ["There is no picture in what was dropped."]


def only_addresses() -> list[QMimeData]:
    chromium, html, text, broken = (QMimeData() for _ in range(4))
    html.setHtml(f"<a href='https://shop.example/'><img src='{WEB}'></a>")
    text.setText(f"{WEB}\n")
    broken.setUrls([QUrl("data:image/png;base64,A")])
    chromium = chromium_picture(decoded=False)
    return [chromium, html, text, broken]


@pytest.mark.parametrize("place", range(4), ids=["chromium", "html", "text", "broken data"])
def test_mere_address_is_never_passed_over_in_silence(ground: Ground, place: int) -> None:
    ground.fill(1)
    failed = Heard(ground.draft.failed)
    assert drag_over(ground.page.photos.grid.viewport(), only_addresses()[place])
    ground.settle()
    assert len(ground.names()) == 1
    assert len(failed) == 1
    notice = notice_for(failed.last)
    assert notice.title == "Only the address of a picture came, not the picture."
    assert "Save it in the browser and drop the file here" in notice.body
    assert "paste it here" in notice.body


def test_plain_words_and_other_things_are_not_welcomed(ground: Ground) -> None:
    ground.fill(1)
    words, letter = QMimeData(), QMimeData()
    words.setText("see https://pictures.example for more")
    assert not drag_over(ground.page.photos.grid.viewport(), words)
    letter.setUrls([QUrl("mailto:fox@example.org")])
    assert not drag_over(ground.page.photos.grid.viewport(), letter)


def test_welcome_is_taken_back_when_the_mouse_goes_away(ground: Ground) -> None:
    ground.fill(1)
    assert drag_over(ground.page.photos.grid.viewport(), chromium_picture(decoded=True))
    wait_for_photos(ground, 2)
    over = ground.page.photos.grid.viewport()
    assert drag_over(over, chromium_picture(decoded=True), release=False)
    assert ground.page.photos.card.property("dropping") == "false"


def paste(ground: Ground, mime: QMimeData, into: QWidget | None = None) -> None:
    QGuiApplication.clipboard().setMimeData(mime)
    ground.qtbot.keySequence(into or ground.page, QKeySequence.StandardKey.Paste)


def test_clipboard_with_a_picture_or_files_brings_photos(ground: Ground) -> None:
    mime = QMimeData()
    mime.setImageData(image())
    paste(ground, mime)
    wait_for_photos(ground, 1)
    assert ground.names() == ["pasted picture.png"]
    paste(ground, files_mime(ground.make_photo("one.jpg"), ground.make_photo("two.png")))
    wait_for_photos(ground, 3)


def test_clipboard_with_words_alone_is_said_to_hold_no_picture(ground: Ground) -> None:
    said, failed = Heard(ground.draft.said), Heard(ground.draft.failed)
    mime = QMimeData()
    mime.setText("a red fox in the snow")
    paste(ground, mime)
    assert said.all == ["There is no picture on the clipboard. Copy one, then paste again."]
    mime = QMimeData()
    mime.setText(WEB)
    paste(ground, mime)
    assert isinstance(failed.last, OnlyAddress)
    assert len(said) == 1


def test_picture_pasted_while_a_caption_is_written_becomes_a_photo(ground: Ground) -> None:
    ground.fill(2)
    ground.page.go_to(Step.CAPTIONS)
    editor = ground.page.captions.editor
    mime = QMimeData()
    mime.setImageData(image())
    paste(ground, mime, editor)
    wait_for_photos(ground, 3)
    assert editor.toPlainText() == ""


def test_words_are_pasted_into_a_caption_though_a_picture_of_them_lies_beside(
    ground: Ground,
) -> None:
    ground.fill(2)
    ground.page.go_to(Step.CAPTIONS)
    editor: QPlainTextEdit = ground.page.captions.editor
    mime = QMimeData()
    mime.setImageData(image())
    mime.setText("TOK in the snow")
    paste(ground, mime, editor)
    ground.settle()
    assert editor.toPlainText() == "TOK in the snow"
    assert len(ground.names()) == 2


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[DeskBench]:
    with DeskBench(tmp_path) as made:
        yield made


@pytest.mark.parametrize("way", ["pasted", "dropped", "dropped as a file"])
def test_first_picture_of_an_animated_gif_comes_in_and_that_is_said(
    qtbot: QtBot, bench: DeskBench, way: str
) -> None:
    draft, runs = DraftDesk(bench.tools, bench.jobs, bench.owner), RunDesk(bench.tools, bench.jobs)
    page = CreatePage(draft=draft, runs=runs, jobs=bench.jobs)
    qtbot.addWidget(page)
    page.show()
    draft.load()
    qtbot.waitUntil(lambda: draft.loaded and bench.jobs.live() == 0)
    mime = QMimeData()
    mime.setData("image/gif", QByteArray(moving_picture()))
    mime.setData("image/png", QByteArray(encoded()))
    if way == "pasted":
        QGuiApplication.clipboard().setMimeData(mime)
        qtbot.keySequence(page, QKeySequence.StandardKey.Paste)
    elif way == "dropped":
        assert drag_over(page, mime)
    else:
        path = bench.inbox / "moving.gif"
        path.write_bytes(moving_picture())
        assert drag_over(page, files_mime(path))
    qtbot.waitUntil(lambda: len(draft.draft().dataset.photos) == 1)
    qtbot.waitUntil(lambda: bench.jobs.live() == 0 and not draft.checking())

    photo = draft.draft().dataset.photos[0].photo
    assert photo.facts.format == "GIF"
    page.photos.grid.select((photo.sha256,))
    assert "Only the first of its pictures is used." in page.photos.inspector.photo.facts.text()
    with Image.open(bench.tools.stores.files.working(photo.sha256)) as copy:
        red, green, _blue = copy.convert("RGB").getpixel((40, 40))
    assert red > 200 > 60 > green
    runs.deleteLater()


def test_photos_on_their_way_in_the_grid_are_no_drop_from_outside(ground: Ground) -> None:
    ground.fill(2)
    grid = ground.page.photos.grid
    mime = ground.page.photos.model.mimeData([ground.page.photos.model.index(0)])
    assert not offers_photos(mime)
    assert not drag_over(ground.page, mime)
    assert drag_over(grid.viewport(), mime)
