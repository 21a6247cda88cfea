"""Crop, straighten, turn and mirror a photo; see what the trainer keeps of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from create_ground import Ground, open_ground
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QComboBox, QDialog, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.edits import PLAIN, SMALLEST_CROP, Box, Edits
from fluxlora_desktop.ui.create.crop_canvas import moved, pulled
from fluxlora_desktop.ui.create.crop_editor import CropEditor

SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def ground(qtbot: QtBot, tmp_path: Path) -> Iterator[Ground]:
    with open_ground(qtbot, tmp_path) as made:
        made.fill(3)
        yield made


def open_editor(ground: Ground, place: int = 0) -> CropEditor:
    """Open the editor as a person does: the photo chosen, then E."""
    photos = ground.page.photos
    photos.grid.select((ground.sha(place),))
    ground.qtbot.keyClick(photos.grid, Qt.Key.Key_E)
    editor = photos.editor
    ground.qtbot.waitExposed(editor)
    return editor


def press(ground: Ground, editor: QDialog, name: str) -> None:
    made = editor.findChild(QPushButton, name)
    assert made is not None
    ground.qtbot.mouseClick(made, Qt.MouseButton.LeftButton)


def edits_of(ground: Ground, place: int = 0) -> Edits:
    return ground.now().dataset.photos[place].edits


def test_photo_is_turned_mirrored_and_straightened_and_one_undo_takes_it_back(
    ground: Ground,
) -> None:
    editor = open_editor(ground)
    press(ground, editor, "turn_right")
    press(ground, editor, "mirror")
    editor.lean.setValue(25)
    press(ground, editor, "crop_done")

    found = edits_of(ground)
    assert (found.turns, found.flip, found.straighten) == (1, True, 2.5)
    ground.draft.undo_stack.undo()
    assert edits_of(ground) == PLAIN


def test_cancelled_changes_are_not_kept(ground: Ground) -> None:
    editor = open_editor(ground)
    press(ground, editor, "turn_left")
    ground.qtbot.keyClick(editor, Qt.Key.Key_Escape)
    assert edits_of(ground) == PLAIN
    assert ground.draft.undo_stack.undoText() != "Change photo"


def test_frame_is_moved_and_sized_by_keys_alone(ground: Ground) -> None:
    editor = open_editor(ground)
    canvas = editor.canvas
    for _ in range(10):
        ground.qtbot.keyClick(canvas, Qt.Key.Key_Left, SHIFT)
    ground.qtbot.keyClick(canvas, Qt.Key.Key_Right)
    ground.qtbot.keyClick(editor, Qt.Key.Key_Return)

    crop = edits_of(ground).crop
    assert (crop.left, crop.right) == (pytest.approx(0.01), pytest.approx(0.91))
    assert (crop.top, crop.bottom) == (0, 1)


def test_corner_is_dragged_by_mouse(ground: Ground) -> None:
    editor = open_editor(ground)
    canvas = editor.canvas
    stage = canvas.stage()
    start = stage.bottomRight().toPoint()
    middle = stage.center().toPoint()
    ground.qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=start)
    ground.qtbot.mouseMove(canvas, middle)
    ground.qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=middle)
    crop = canvas.edits.crop
    assert (crop.left, crop.top) == (0, 0)
    assert crop.right == pytest.approx(0.5, abs=0.02)
    assert crop.bottom == pytest.approx(0.5, abs=0.02)


def test_chosen_shape_is_held_while_the_frame_is_sized(ground: Ground) -> None:
    editor = open_editor(ground)
    canvas = editor.canvas
    editor.shape.setCurrentText("Square")
    editor.shape.textActivated.emit("Square")

    def shape() -> float:
        wide, high = canvas.stage_size()
        box = canvas.edits.crop
        return box.width * wide / (box.height * high)

    assert shape() == pytest.approx(1)
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Right):
        ground.qtbot.keyClick(canvas, key, SHIFT)
        assert shape() == pytest.approx(1)
    editor.shape.textActivated.emit("Free")
    ground.qtbot.keyClick(canvas, Qt.Key.Key_Up, SHIFT)
    assert shape() != pytest.approx(1)


def test_crop_that_leaves_too_few_pixels_cannot_be_taken_and_says_so(ground: Ground) -> None:
    editor = open_editor(ground)
    editor._show(Edits(crop=Box(0, 0, SMALLEST_CROP, SMALLEST_CROP)))
    says = editor.findChild(QLabel, "crop_says")
    assert says is not None
    assert "too few" in says.text()
    assert not editor.done_button.isEnabled()
    press(ground, editor, "crop_reset")
    assert editor.done_button.isEnabled()
    assert editor.canvas.edits == PLAIN


def test_backdrop_is_offered_only_for_photos_with_transparent_parts(ground: Ground) -> None:
    editor = open_editor(ground)
    assert editor.findChild(QComboBox, "backdrop") is None


def test_inspector_shows_what_the_trainer_keeps_at_each_resolution(ground: Ground) -> None:
    photos = ground.page.photos
    photos.grid.select((ground.sha(0),))
    kept = photos.inspector.photo.crop
    assert "is kept" in kept.says.text()
    sizes = set()
    for button in kept.findChildren(QPushButton):
        ground.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        sizes.add(kept.says.text())
    assert len(sizes) == len(ground.now().resolutions)


def test_sizes_of_the_set_are_counted_without_what_is_left_out(ground: Ground) -> None:
    photos = ground.page.photos
    photos.grid.clearSelection()
    lines = photos.inspector.sizes.findChildren(QWidget)
    assert sum(" pixels: 3 photos" in line.accessibleName() for line in lines) == 1
    ground.draft.set_kept([ground.sha(0)], False)
    lines = photos.inspector.sizes.findChildren(QWidget)
    assert sum(" pixels: 2 photos" in line.accessibleName() for line in lines) == 1


def test_x_leaves_out_and_goes_on_and_k_keeps_again(ground: Ground) -> None:
    grid = ground.page.photos.grid
    grid.select((ground.sha(0),))
    ground.qtbot.keyClick(grid, Qt.Key.Key_X)
    assert grid.selected() == (ground.sha(1),)
    ground.qtbot.keyClick(grid, Qt.Key.Key_X)
    assert [item.kept for item in ground.now().dataset.photos] == [False, False, True]
    grid.select((ground.sha(0),))
    ground.qtbot.keyClick(grid, Qt.Key.Key_K)
    assert [item.kept for item in ground.now().dataset.photos] == [True, False, True]
    rows = ground.page.photos.model.rows()
    assert "left out" in rows[1].says
    ground.draft.undo_stack.undo()
    assert not ground.now().dataset.photos[0].kept


def test_moved_frame_stays_in_the_picture() -> None:
    box = Box(0.2, 0.2, 0.6, 0.6)
    away = moved(box, 1, -1)
    sides = (away.left, away.top, away.right, away.bottom)
    assert sides == pytest.approx((0.6, 0.0, 1.0, 0.4))
    grown = pulled(box, (True, True, False, False), -5, 5)
    assert grown.left == 0
    assert grown.height == pytest.approx(SMALLEST_CROP)


def test_stage_is_turned_with_the_photo(ground: Ground) -> None:
    editor = open_editor(ground)
    wide, high = editor.canvas.stage_size()
    press(ground, editor, "turn_left")
    assert editor.canvas.stage_size() == (high, wide)
    at = editor.canvas.stage().center()
    assert editor.canvas._grip_at(QPointF(at)) == (False, False, False, False)
    assert editor.canvas._grip_at(QPointF(QPoint(0, 0))) is None
