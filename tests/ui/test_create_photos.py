"""The Photos step: photos come in from everywhere, are judged, ordered and taken out."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from create_ground import Ground, drop, files_mime, open_ground
from PySide6.QtCore import QMimeData, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QLabel, QPushButton, QToolButton
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.datasets import Finding, Mend, Photo, PhotoFacts, Severity
from fluxlora_desktop.domain.edits import Box, Edits
from fluxlora_desktop.ui import theme as theme_of
from fluxlora_desktop.ui.create.findings import FindingCard
from fluxlora_desktop.ui.create.pair_view import PairThumbs
from fluxlora_desktop.ui.create.photo_model import PhotoModel, PhotoRow, PhotoRows
from fluxlora_desktop.ui.create.steps import Step
from fluxlora_desktop.ui.theme import Theme
from tests.ui.seen import seen

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def ground(qtbot: QtBot, tmp_path: Path) -> Iterator[Ground]:
    with open_ground(qtbot, tmp_path) as made:
        yield made


def counter(ground: Ground) -> str:
    found = ground.page.findChild(QLabel, "photo_counter")
    assert found is not None
    return str(found.text())


def wait_for_photos(ground: Ground, count: int) -> None:
    ground.wait(lambda: len(ground.names()) == count)
    ground.settle()


def test_photos_come_in_when_files_and_a_folder_are_dropped(ground: Ground) -> None:
    one = ground.make_photo("one.jpg")
    ground.make_photo("folder/two.jpg", caption="TOK on a shelf")
    ground.make_photo("folder/three.png")
    assert drop(ground.page, files_mime(one, ground.folder / "folder"))
    wait_for_photos(ground, 3)
    assert ground.names() == ["one.jpg", "three.png", "two.jpg"]
    assert ground.now().dataset.photos[2].caption == "TOK on a shelf"
    assert counter(ground) == "3 of 5 to 20"


def test_photos_come_in_when_dropped_on_another_step(ground: Ground) -> None:
    ground.page.go_to(Step.REVIEW)
    assert drop(ground.page, files_mime(ground.make_photo("one.jpg")))
    assert ground.page.step() is Step.PHOTOS
    wait_for_photos(ground, 1)


def test_page_refuses_a_drop_when_it_is_only_text(ground: Ground) -> None:
    mime = QMimeData()
    mime.setText("hello")
    assert not drop(ground.page, mime)


def test_card_shows_where_to_drop_while_files_hang_over_the_page(ground: Ground) -> None:
    mime = files_mime(ground.make_photo("one.jpg"))
    ground.page.photos.show_dropping(True)
    assert ground.page.photos.card.property("dropping") == "true"
    assert drop(ground.page, mime)
    assert ground.page.photos.card.property("dropping") == "false"
    wait_for_photos(ground, 1)


def test_picture_comes_in_when_it_is_pasted(ground: Ground) -> None:
    ground.fill(1)
    image = QImage(80, 80, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    QGuiApplication.clipboard().setImage(image)
    ground.qtbot.keyClick(ground.page.photos.grid, Qt.Key.Key_V, CTRL)
    wait_for_photos(ground, 2)
    assert ground.names()[1].startswith("pasted picture")


def test_files_come_in_when_they_are_pasted(ground: Ground) -> None:
    QGuiApplication.clipboard().setMimeData(files_mime(ground.make_photo("copied.jpg")))
    button = ground.page.findChild(QPushButton, "first_paste")
    ground.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    wait_for_photos(ground, 1)
    assert ground.names() == ["copied.jpg"]


def test_files_come_in_when_they_are_chosen(ground: Ground) -> None:
    ground.to_choose = (ground.make_photo("chosen.jpg"),)
    button = ground.page.findChild(QPushButton, "first_files")
    ground.qtbot.keyClick(button, Qt.Key.Key_Space)
    wait_for_photos(ground, 1)


def test_placeholders_hold_the_places_while_photos_come_in(ground: Ground) -> None:
    texts: list[tuple[int, str]] = []
    progress = ground.page.findChild(QLabel, "photo_progress")
    assert progress is not None
    ground.draft.arriving.connect(
        lambda _arrivals: texts.append((ground.page.photos.model.rowCount(), progress.text()))
    )
    ground.fill(4)
    assert texts[0] == (4, "Taking in 1 of 4")
    assert ground.page.photos.model.rowCount() == 4
    assert progress.isHidden()


def test_refused_file_is_named_in_words_until_the_list_is_closed(ground: Ground) -> None:
    ground.draft.add_files([ground.folder / "gone.jpg", ground.make_photo("good.jpg")])
    refused = ground.page.photos.refused
    ground.wait(refused.isVisible)
    wait_for_photos(ground, 1)
    assert refused.text == "gone.jpg: it is not a file, or it is gone"
    close = refused.findChild(QToolButton, "close_refused")
    ground.qtbot.mouseClick(close, Qt.MouseButton.LeftButton)
    assert refused.isHidden()


def test_delete_takes_chosen_photos_out_and_undo_brings_them_back(ground: Ground) -> None:
    ground.fill(4)
    grid = ground.page.photos.grid
    grid.select((ground.sha(1), ground.sha(2)))
    ground.qtbot.keyClick(grid, Qt.Key.Key_Delete)
    assert ground.names() == ["photo 1.jpg", "photo 4.jpg"]
    ground.qtbot.keyClick(grid, Qt.Key.Key_Z, CTRL)
    assert ground.names() == [f"photo {n}.jpg" for n in (1, 2, 3, 4)]
    ground.settle()
    kept = ground.stores.datasets.get(ground.now().dataset.id)
    assert [item.photo.name for item in kept.photos] == ground.names()


def test_chosen_photo_moves_and_stays_chosen_when_ctrl_and_an_arrow_are_pressed(
    ground: Ground,
) -> None:
    ground.fill(3)
    grid, moved = ground.page.photos.grid, ground.sha(0)
    grid.select((moved,))
    ground.qtbot.keyClick(grid, Qt.Key.Key_Right, CTRL)
    assert ground.names() == ["photo 2.jpg", "photo 1.jpg", "photo 3.jpg"]
    assert grid.selected() == (moved,)
    ground.qtbot.keyClick(grid, Qt.Key.Key_Left, CTRL)
    ground.qtbot.keyClick(grid, Qt.Key.Key_Left, CTRL)
    assert ground.names() == ["photo 1.jpg", "photo 2.jpg", "photo 3.jpg"]


def test_photos_move_as_one_step_of_undo_when_they_are_dragged(ground: Ground) -> None:
    ground.fill(4)
    grid, model = ground.page.photos.grid, ground.page.photos.model
    mime = model.mimeData([model.index(0), model.index(1)])
    last = grid.visualRect(model.index(3))
    assert drop(grid.viewport(), mime, QPointF(last.right() - 5, last.center().y()))
    assert ground.names() == [f"photo {n}.jpg" for n in (3, 4, 1, 2)]
    ground.draft.undo_stack.undo()
    assert ground.names() == [f"photo {n}.jpg" for n in (1, 2, 3, 4)]


def test_photo_lands_between_two_others_when_it_is_dropped_there(ground: Ground) -> None:
    ground.fill(4)
    grid, model = ground.page.photos.grid, ground.page.photos.model
    third = grid.visualRect(model.index(2))
    mime = model.mimeData([model.index(0)])
    assert drop(grid.viewport(), mime, QPointF(third.left() + 5, third.center().y()))
    assert ground.names() == [f"photo {n}.jpg" for n in (2, 1, 3, 4)]
    mime = model.mimeData([model.index(3)])
    assert drop(grid.viewport(), mime, QPointF(third.left() + 5, third.center().y()))
    assert ground.names() == [f"photo {n}.jpg" for n in (2, 1, 4, 3)]


def twins(photos: Sequence[Photo]) -> tuple[Finding, ...]:
    if len(photos) < 3:
        return ()
    says = "The first two are nearly the same."
    pair = (photos[0].sha256, photos[1].sha256)
    return (Finding("near_duplicate", Severity.WARN, says, pair, Mend.KEEP_SHARPER),)


def small_ones(photos: Sequence[Photo]) -> tuple[Finding, ...]:
    return tuple(Finding("small", Severity.WARN, "It is small.", (p.sha256,)) for p in photos)


def finding_button(ground: Ground, what: str, name: str) -> QPushButton:
    inspector, where = ground.page.photos.inspector, f"finding_{what}"

    def cards() -> list[FindingCard]:
        return seen(inspector, FindingCard, where)

    ground.wait(lambda: len(cards()) == 1)
    found = cards()[0].findChild(QPushButton, name)
    assert found is not None
    return found


def test_every_card_fits_the_inspector_beside_its_scroll_bar(ground: Ground, theme: Theme) -> None:
    ground.fill(6)
    for mend in Mend:
        paired = mend in {Mend.KEEP_SHARPER, Mend.KEEP_ONE}
        what = "near_duplicate" if paired else "something"
        set_wide = mend in {Mend.ADD_PHOTOS, Mend.CHANGE_TRIGGER}
        pair = () if set_wide else (ground.sha(0), ground.sha(1))
        found = (Finding(what, Severity.WARN, "Something is to be said.", pair, mend),)
        ground.photos.judge = lambda _photos, found=found: found
        ground.draft.set_caption(ground.sha(0), f"to be judged anew for {mend}")
        ground.settle()

        (card,) = seen(ground.page.photos.inspector, FindingCard, f"finding_{what}")
        assert card.finding.mend is mend
        assert len(seen(card, PairThumbs)) == paired, mend
        assert card.minimumSizeHint().width() <= theme_of.INSPECTOR_WIDTH - 2 * 16 - 12, mend


def test_finding_is_mended_by_one_click(ground: Ground) -> None:
    ground.photos.judge = twins
    ground.fill(3)
    mend = finding_button(ground, "near_duplicate", "mend")
    assert mend.text() == "Keep the sharper one"
    assert ground.page.photos.model.rows()[1].mark == "warn"
    assert ground.page.photos.model.rows()[0].mark == ""
    ground.qtbot.mouseClick(mend, Qt.MouseButton.LeftButton)
    assert ground.names() == ["photo 1.jpg", "photo 3.jpg"]


def test_photo_to_be_cropped_opens_in_the_crop_editor_and_the_crop_is_kept(ground: Ground) -> None:
    def crowded(photos: Sequence[Photo]) -> tuple[Finding, ...]:
        about = (photos[1].sha256,) if len(photos) > 1 else ()
        return (Finding("face_many", Severity.WARN, "It shows 2 faces.", about, Mend.CROP),)

    ground.photos.judge = crowded
    ground.fill(3)
    mend = finding_button(ground, "face_many", "mend")
    assert mend.text() == "Crop it"
    ground.qtbot.mouseClick(mend, Qt.MouseButton.LeftButton)

    editor = ground.page.photos.editor
    assert editor.isVisible()
    editor.edited.emit(Edits(crop=Box(0.0, 0.0, 0.5, 1.0)))
    editor.close()
    cropped = [not item.edits.plain for item in ground.now().dataset.photos]
    assert cropped == [False, True, False]


def test_finding_goes_for_good_when_it_is_kept_anyway(ground: Ground) -> None:
    ground.photos.judge = twins
    ground.fill(3)
    keep = finding_button(ground, "near_duplicate", "keep")
    ground.qtbot.mouseClick(keep, Qt.MouseButton.LeftButton)
    assert len(ground.names()) == 3
    ground.settle()
    kept = ground.stores.datasets.get(ground.now().dataset.id)
    assert len(kept.dismissed) == 1
    assert all(f.what != "near_duplicate" for f in ground.now().findings)


def test_dismissed_remarks_are_counted_and_come_back_by_one_click(ground: Ground) -> None:
    ground.photos.judge = small_ones
    ground.fill(6)
    inspector, grid = ground.page.photos.inspector, ground.page.photos.grid
    assert inspector.dismissed.isHidden()
    while found := [f for f in ground.now().findings if f.what == "small"]:
        ground.draft.dismiss(found[0])
    assert inspector.dismissed.says.text() == "6 remarks dismissed"
    grid.select((ground.sha(2),))
    assert inspector.dismissed.says.text() == "1 remark dismissed"

    again = inspector.dismissed.findChild(QPushButton, "show_dismissed")
    ground.qtbot.mouseClick(again, Qt.MouseButton.LeftButton)
    assert inspector.dismissed.isHidden()
    grid.clearSelection()
    assert inspector.dismissed.says.text() == "5 remarks dismissed"
    ground.qtbot.keyClick(again, Qt.Key.Key_Space)
    assert inspector.dismissed.isHidden()
    assert [f.photos for f in ground.now().findings if f.what == "small"] == [
        (ground.sha(place),) for place in range(6)
    ]


def test_finding_chooses_its_photos_when_shown(ground: Ground) -> None:
    ground.photos.judge = twins
    ground.fill(3)
    show = finding_button(ground, "near_duplicate", "show")
    ground.qtbot.mouseClick(show, Qt.MouseButton.LeftButton)
    assert ground.page.photos.grid.selected() == (ground.sha(0), ground.sha(1))


def test_inspector_shows_the_one_chosen_photo(ground: Ground) -> None:
    ground.fill(3)
    inspector = ground.page.photos.inspector
    assert inspector.photo.isHidden()
    ground.page.photos.grid.select((ground.sha(1),))
    assert inspector.photo.name.text() == "photo 2.jpg"
    assert "1,024 x 768 pixels" in inspector.photo.facts.text()
    ground.page.photos.grid.select((ground.sha(0), ground.sha(1)))
    assert inspector.photo.isHidden()


def test_verdict_says_blocked_when_photos_are_too_few(ground: Ground) -> None:
    ground.fill(2)
    verdict = ground.page.photos.inspector.verdict
    ground.wait(lambda: verdict.word.text() == "Blocked")
    add = finding_button(ground, "too_few", "mend")
    ground.to_choose = tuple(ground.make_photo(f"more {n}.jpg") for n in range(3))
    ground.qtbot.mouseClick(add, Qt.MouseButton.LeftButton)
    ground.wait(lambda: verdict.word.text() == "Ready")
    ground.settle()


def rows_named(names: str) -> list[PhotoRow]:
    return [PhotoRow(key=name, number=n, sha256=name) for n, name in enumerate(names, 1)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        *(("", "abc"), ("abc", "cab"), ("abcd", "db"), ("abc", ""), ("ab", "xbay")),
        *(("abcdef", "abxyef"), ("abcdef", "fbcdea"), ("abcxyz", "abdcyz"), ("ab", "ba")),
        *(("abcdefgh", "axcbghyz"), ("abc", "abc"), ("abcd", "zabcd"), ("wxyz", "zyxw")),
    ],
)
def test_model_becomes_any_rows(qtmodeltester: ModelTester, before: str, after: str) -> None:
    model = PhotoModel()
    qtmodeltester.check(model)
    model.show_rows(rows_named(before))
    model.show_rows(rows_named(after))
    assert model.rows() == tuple(rows_named(after))


def test_photo_that_came_in_takes_one_place_and_the_others_on_their_way_stay(
    ground: Ground,
) -> None:
    ground.fill(2)
    rows = PhotoRows(ground.draft.tools.stores.files)
    model = PhotoModel()
    draft = ground.draft.draft()
    one = replace(draft, dataset=replace(draft.dataset, photos=draft.dataset.photos[:1]))
    model.show_rows(rows.of(one, arriving=3))
    happened: list[str] = []
    model.rowsInserted.connect(lambda _p, first, last: happened.append(f"in {first}-{last}"))
    model.rowsRemoved.connect(lambda _p, first, last: happened.append(f"out {first}-{last}"))

    model.show_rows(rows.of(draft, arriving=2))

    assert happened == ["out 1-1", "in 1-1"]
    assert [row.number for row in model.rows()] == [1, 2, 3, 4]


def test_first_thumbnails_stand_in_the_places_of_photos_on_their_way(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    def glimpse(_original: Path, thumb: Path) -> bool:
        thumb.parent.mkdir(parents=True, exist_ok=True)
        thumb.write_bytes(b"small")
        return True

    develop, looked_at = ground.photos.develop, threading.Event()

    def develop_later(*given: Any, **named: Any) -> PhotoFacts:
        assert looked_at.wait(20)
        return develop(*given, **named)

    monkeypatch.setattr(ground.photos, "glimpse", glimpse)
    monkeypatch.setattr(ground.photos, "develop", develop_later)
    counts: list[tuple[int, int]] = []

    def look(_arrivals: object) -> None:
        rows = ground.page.photos.model.rows()
        counts.append((len([row for row in rows if row.thumb and not row.sha256]), len(rows)))
        if counts[-1] == (4, 4):
            looked_at.set()

    ground.draft.arriving.connect(look)
    ground.fill(4)

    assert (4, 4) in counts
    assert all(row.sha256 for row in ground.page.photos.model.rows())
    assert not list(ground.folder.parent.rglob("*.part.jpg"))


def test_stop_takes_in_no_more_and_keeps_what_is_in(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    develop, go_on = ground.photos.develop, threading.Event()

    def develop_later(*given: Any, **named: Any) -> PhotoFacts:
        assert go_on.wait(20)
        return develop(*given, **named)

    said: list[str] = []
    ground.draft.said.connect(said.append)
    wait_for_first = [ground.make_photo(f"{number}.jpg") for number in range(3)]
    ground.draft.add_files(wait_for_first)
    wait_for_photos(ground, 3)
    monkeypatch.setattr(ground.photos, "develop", develop_later)
    ground.draft.add_files([ground.make_photo(f"late {number}.jpg") for number in range(12)])
    stop = ground.page.findChild(QPushButton, "stop_taking_in")
    ground.wait(lambda: ground.page.photos.model.rowCount() == 15 and stop.isVisible())
    assert ground.now().problem == "Photos are still coming in."
    ground.wait(lambda: "too_few" not in {finding.what for finding in ground.now().findings})

    ground.qtbot.mouseClick(stop, Qt.MouseButton.LeftButton)
    go_on.set()
    ground.settle()

    assert 3 <= len(ground.names()) <= 3 + 3
    assert ground.names()[:3] == ["0.jpg", "1.jpg", "2.jpg"]
    assert ground.page.photos.model.rowCount() == len(ground.names())
    assert stop.isHidden()
    assert ground.now().problem != "Photos are still coming in."
    assert said[0].startswith("Stopped: ")
    assert said[0].endswith(" photos were not taken in.")
