"""Two photos that are alike: compared side by side, one of them kept, or both."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from create_ground import Ground, open_ground
from PIL import Image, ImageFilter
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.edits import Box, Edits
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop
from fluxlora_desktop.ui.create.findings import FindingCard
from fluxlora_desktop.ui.create.pair_dialog import PairDialog
from fluxlora_desktop.ui.create.pair_view import PairThumbs
from tests.ui.seen import seen

PRACTICE = Path(__file__).parents[2] / "resources" / "practice-photos"
KEY = Qt.Key


@pytest.fixture
def ground(qtbot: QtBot, tmp_path: Path) -> Iterator[Ground]:
    with open_ground(qtbot, tmp_path, PillowPhotoWorkshop()) as made:
        made.folder.mkdir()
        yield made


@cache
def scene(name: str = "DSC00317.jpg") -> Image.Image:
    picture = Image.open(PRACTICE / name).convert("RGB")
    picture.thumbnail((800, 800))
    return picture


def add(ground: Ground, **photos: Image.Image) -> None:
    """Take photos in, by name, in this order."""
    paths = []
    for name, picture in photos.items():
        paths.append(ground.folder / f"{name}.png")
        picture.save(paths[-1], compress_level=1)
    count = len(ground.names()) + len(paths)
    ground.draft.add_files(paths)
    ground.wait(lambda: len(ground.names()) == count)
    ground.settle()


@cache
def soften(radius: float) -> Image.Image:
    return scene().filter(ImageFilter.GaussianBlur(radius))


def add_pair(ground: Ground) -> None:
    add(ground, soft=soften(1), sharp=scene(), other=scene("close_up.jpg"))


def card(ground: Ground, what: str = "near_duplicate") -> FindingCard:
    """Return the topmost card about a pair; one below may have been made before it."""
    found = seen(ground.page.photos.inspector, FindingCard, f"finding_{what}")
    return min(found, key=lambda one: one.mapTo(ground.page, one.rect().topLeft()).y())


def press(parent: FindingCard | PairDialog, ground: Ground, name: str) -> None:
    made = parent.findChild(QPushButton, name)
    assert made is not None
    assert made.isVisible()
    ground.qtbot.mouseClick(made, Qt.MouseButton.LeftButton)


def compare(ground: Ground, what: str = "near_duplicate") -> PairDialog:
    """Open the dialog as a person does."""
    press(card(ground, what), ground, "compare")
    dialog = ground.page.photos.pairs
    ground.wait(dialog.isActiveWindow)
    return dialog


def shown(dialog: PairDialog) -> list[str]:
    return [side.name.text() for side in dialog.sides]


def counter(dialog: PairDialog) -> str:
    made = dialog.findChild(QLabel, "pair_counter")
    assert made is not None
    return made.text() if made.isVisible() else ""


def closes(ground: Ground, dialog: PairDialog) -> None:
    """Wait until the dialog is gone."""
    with ground.qtbot.waitSignal(dialog.destroyed):
        pass
    ground.settle()


def test_pair_is_shown_side_by_side_with_sizes_and_the_sharper_one_marked(ground: Ground) -> None:
    add_pair(ground)
    assert len(seen(card(ground), PairThumbs)) == 1

    dialog = compare(ground)

    assert shown(dialog) == ["sharp.png", "soft.png"]
    left, right = dialog.sides
    assert "800 x 600 pixels" in left.facts.text()
    assert left.sharpness.text().startswith("Sharpness ")
    assert left.sharpness.text() != right.sharpness.text()
    assert "The sharper one." in left.accessibleName()
    assert [len(seen(side, QLabel)) for side in (left, right)] == [5, 3], "the mark and its word"
    assert left.picture.size() == right.picture.size()
    assert left.picture.width() >= 280
    assert counter(dialog) == ""
    dialog.close()


def test_pictures_are_those_of_the_two_photos(ground: Ground) -> None:
    red, blue = (Image.new("RGB", (600, 500), tone) for tone in ("#c02020", "#2020c0"))
    other = scene("close_up.jpg")
    add(ground, red=red, blue=blue, other=other)
    (finding,) = [f for f in ground.now().findings if f.what == "near_duplicate"]
    ground.page.photos.compare_pair(finding)
    dialog = ground.page.photos.pairs

    def middles() -> list[tuple[bool, bool]]:
        grabbed = [side.picture.grab().toImage() for side in dialog.sides]
        tones = [image.pixelColor(image.rect().center()) for image in grabbed]
        return [(tone.red() > 150, tone.blue() > 150) for tone in tones]

    wanted = {"red.png": (True, False), "blue.png": (False, True)}
    ground.wait(lambda: middles() == [wanted[name] for name in shown(dialog)])
    dialog.close()


def test_edited_photo_is_compared_as_it_is_with_its_edits(ground: Ground) -> None:
    add_pair(ground)
    edits = Edits(crop=Box(0.0, 0.0, 0.96, 1.0))
    ground.draft.set_edits(ground.sha(1), edits)
    ground.settle()

    dialog = compare(ground)

    assert "768 x 600 pixels" in dialog.sides[0].facts.text()
    assert dialog.sides[0].facts.text().endswith("changed")
    dialog.close()


def test_enter_keeps_the_sharper_and_one_undo_brings_the_other_back(ground: Ground) -> None:
    add_pair(ground)
    dialog = compare(ground)

    ground.qtbot.keyClick(dialog.focusWidget(), KEY.Key_Return)

    closes(ground, dialog)
    assert ground.names() == ["sharp.png", "other.png"]
    ground.draft.undo_stack.undo()
    assert ground.names() == ["soft.png", "sharp.png", "other.png"]
    ground.settle()


def test_arrow_chooses_the_other_photo_and_enter_keeps_that(ground: Ground) -> None:
    add_pair(ground)
    dialog = compare(ground)
    for key in (KEY.Key_Right, KEY.Key_Left, KEY.Key_Right):
        ground.qtbot.keyClick(dialog.focusWidget(), key)
    assert [side.property("chosen") for side in dialog.sides] == ["false", "true"]
    dialog.both.setFocus()
    ground.qtbot.keyClick(dialog.both, KEY.Key_Left)
    assert [side.property("chosen") for side in dialog.sides] == ["true", "false"]
    ground.qtbot.keyClick(dialog.focusWidget(), KEY.Key_Right)

    ground.qtbot.keyClick(dialog.focusWidget(), KEY.Key_Return)

    closes(ground, dialog)
    assert ground.names() == ["soft.png", "other.png"]


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("keep_sharper", "sharp.png"),
        ("keep_left", "sharp.png"),
        ("keep_right", "soft.png"),
    ],
)
def test_button_keeps_one_photo_by_mouse(ground: Ground, name: str, left: str) -> None:
    add_pair(ground)
    dialog = compare(ground)

    press(dialog, ground, name)

    closes(ground, dialog)
    assert ground.names() == [left, "other.png"]


def test_b_keeps_both_for_good_also_when_photos_come_and_go(ground: Ground) -> None:
    add_pair(ground)
    dialog = compare(ground)

    ground.qtbot.keyClick(dialog.focusWidget(), KEY.Key_B)

    closes(ground, dialog)
    add(ground, late=scene("DSC00318.jpg"))
    ground.draft.remove([ground.sha(2)])
    ground.settle()
    assert ground.names() == ["soft.png", "sharp.png", "late.png"]
    assert all(f.what != "near_duplicate" for f in ground.now().findings)
    assert [f.what for f in ground.now().dismissed] == ["near_duplicate"]


@pytest.mark.parametrize("by", ["escape", "close"])
def test_closing_changes_nothing(ground: Ground, by: str) -> None:
    add_pair(ground)
    dialog = compare(ground)

    close = dialog.findChild(QPushButton, "close_pairs")
    if by == "close":
        close.setFocus()
    keys = KEY.Key_Return if by == "close" else KEY.Key_Escape
    ground.qtbot.keyClick(dialog.focusWidget(), keys)

    closes(ground, dialog)
    assert len(ground.names()) == 3
    assert any(f.what == "near_duplicate" for f in ground.now().findings)


def test_pairs_of_a_burst_are_gone_through_and_what_the_check_finds_next_too(
    ground: Ground,
) -> None:
    add(ground, best=scene(), soft=soften(0.8), softer=soften(1.6))
    dialog = compare(ground)
    assert (shown(dialog), counter(dialog)) == (["best.png", "soft.png"], "Pair 1 of 2")
    ground.qtbot.keyClick(dialog.focusWidget(), KEY.Key_PageDown)
    assert (shown(dialog), counter(dialog)) == (["best.png", "softer.png"], "Pair 2 of 2")
    ground.qtbot.keyClick(dialog.focusWidget(), KEY.Key_PageUp)

    press(dialog, ground, "keep_right")

    ground.wait(lambda: shown(dialog) == ["soft.png", "softer.png"])
    assert ground.names() == ["soft.png", "softer.png"]
    press(dialog, ground, "keep_both")
    closes(ground, dialog)
    assert ground.names() == ["soft.png", "softer.png"]


def test_of_exact_copies_one_alone_can_be_kept(ground: Ground) -> None:
    add(ground, one=scene(), other=scene("close_up.jpg"))
    scene().save(ground.folder / "same.webp", lossless=True)
    ground.draft.add_files([ground.folder / "same.webp"])
    ground.wait(lambda: len(ground.names()) == 3)
    ground.settle()
    dialog = compare(ground, "duplicate")

    assert dialog.both.isHidden()
    assert dialog.sharper.text() == "Keep one of them"
    ground.qtbot.keyClick(dialog.focusWidget(), KEY.Key_B)
    assert dialog.isVisible()
    assert ground.now().dataset.dismissed == frozenset()

    press(dialog, ground, "keep_sharper")
    closes(ground, dialog)
    assert ground.names() == ["one.png", "other.png"]


def test_card_keeps_the_sharper_by_one_click_without_the_dialog(ground: Ground) -> None:
    add_pair(ground)

    press(card(ground), ground, "mend")

    ground.settle()
    assert ground.names() == ["sharp.png", "other.png"]
    assert not seen(ground.page.photos.inspector, PairThumbs)


def test_small_photos_on_the_card_open_the_dialog(ground: Ground) -> None:
    add_pair(ground)
    (thumbs,) = seen(card(ground), PairThumbs)

    ground.qtbot.mouseClick(thumbs, Qt.MouseButton.LeftButton)

    assert shown(ground.page.photos.pairs) == ["sharp.png", "soft.png"]
    ground.page.photos.pairs.close()
