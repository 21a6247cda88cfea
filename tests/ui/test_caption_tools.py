"""The tools over the captions: filter, dialogs with a preview, files, keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from create_ground import Ground, open_ground
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.caption_edits import Part, Piece
from fluxlora_desktop.domain.caption_filter import CaptionFilter
from fluxlora_desktop.domain.datasets import Finding, Severity
from fluxlora_desktop.ui.create.caption_dialogs import ChangeDialog
from fluxlora_desktop.ui.create.caption_preview import shortened
from fluxlora_desktop.ui.create.captions import CaptionsStep
from fluxlora_desktop.ui.create.steps import Step
from tests.ui.seen import seen

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
CAPTIONS = ("TOK fox, red, in snow", "fox, in snow, red", "a dog", "")


@pytest.fixture
def ground(qtbot: QtBot, tmp_path: Path) -> Iterator[Ground]:
    with open_ground(qtbot, tmp_path) as made:
        made.fill(len(CAPTIONS))
        for place, text in enumerate(CAPTIONS):
            made.draft.set_caption(made.sha(place), text)
        made.page.go_to(Step.CAPTIONS)
        made.page.captions.list.setCurrentIndex(made.page.captions.model.index(0))
        made.settle()
        yield made


def step(ground: Ground) -> CaptionsStep:
    return ground.page.captions


def captions_of(ground: Ground) -> tuple[str, ...]:
    return tuple(item.caption for item in ground.now().dataset.photos)


def kept_on_disk(ground: Ground) -> tuple[str, ...]:
    ground.settle()
    kept = ground.stores.datasets.get(ground.now().dataset.id)
    return tuple(item.caption for item in kept.photos)


def listed(ground: Ground) -> list[int]:
    """Return the numbers of the photos in the list."""
    return [one.number for one in step(ground).model.rows()]


def press(ground: Ground, says: str) -> None:
    """Choose an entry of the Tools menu, as by keyboard."""
    entries = {one.text().replace("&", ""): one for one in step(ground).tools.menu.actions()}
    entries[says].trigger()


def dialog(ground: Ground) -> ChangeDialog:
    ground.wait(lambda: step(ground).tools.dialog is not None)
    found = step(ground).tools.dialog
    assert isinstance(found, ChangeDialog)
    ground.wait(found.isVisible)
    return found


def changes(opened: ChangeDialog) -> list[tuple[str, str]]:
    return [(one.name, one.change.after) for one in opened.list.changes.rows()]


def filter_by(ground: Ground, words: str) -> None:
    before = listed(ground)
    step(ground).side.words.setFocus()
    ground.qtbot.keyClicks(step(ground).side.words, words)
    ground.wait(lambda: listed(ground) != before)


def test_filter_by_words_keeps_the_photo_in_the_editor(ground: Ground) -> None:
    filter_by(ground, "dog")
    assert listed(ground) == [3]
    assert step(ground).current() == ground.sha(0)
    assert step(ground).editor.toPlainText() == CAPTIONS[0]
    says = ground.page.findChild(QLabel, "caption_filter_says")
    assert says.isVisible()
    assert says.text() == "1 of 4 photos"


def test_selection_survives_filtering_there_and_back(ground: Ground) -> None:
    step(ground).list.setCurrentIndex(step(ground).model.index(1))
    filter_by(ground, "dog")
    assert not step(ground).list.selectionModel().hasSelection()
    step(ground).side.clear_filter()
    assert listed(ground) == [1, 2, 3, 4]
    assert step(ground).list.currentIndex().row() == 1
    assert step(ground).list.selectionModel().isSelected(step(ground).model.index(1))


def test_ctrl_f_goes_to_the_filter_and_escape_clears_it(ground: Ground) -> None:
    step(ground).editor.setFocus()
    ground.qtbot.keyClick(step(ground).editor, Qt.Key.Key_F, CTRL)
    assert step(ground).side.words.hasFocus()
    filter_by(ground, "dog")
    ground.qtbot.keyClick(step(ground).side.words, Qt.Key.Key_Escape)
    assert listed(ground) == [1, 2, 3, 4]
    assert step(ground).side.words.text() == ""
    assert step(ground).list.hasFocus()


@pytest.mark.parametrize(("entry", "shown"), [("No caption", [4]), ("All captions", [1, 2, 3, 4])])
def test_filter_menu_shows_what_it_says(ground: Ground, entry: str, shown: list[int]) -> None:
    side = step(ground).side
    side.filter_menu.aboutToShow.emit()
    entries = {one.text().replace("&", ""): one for one in side.filter_menu.actions()}
    entries[entry].trigger()
    assert listed(ground) == shown


@pytest.mark.parametrize(("entry", "shown"), [("Shorter than…", [3, 4]), ("Longer than…", [1, 2])])
def test_filter_by_length_asks_how_many_words(ground: Ground, entry: str, shown: list[int]) -> None:
    side = step(ground).side
    side.ask_number = lambda _parent, _says, _number, take: take(3 if "S" in entry else 2)
    side.filter_menu.aboutToShow.emit()
    next(one for one in side.filter_menu.actions() if one.text()[1:] == entry).trigger()
    assert listed(ground) == shown


def test_filter_by_finding_shows_the_photos_that_it_names(ground: Ground) -> None:
    blurred = Finding("blurry", Severity.WARN, "1 photo is blurred. Replace it.", (ground.sha(1),))
    ground.photos.judge = lambda _photos: (blurred,)
    ground.draft.set_caption(ground.sha(3), "now there")
    ground.wait(lambda: blurred in ground.now().findings)
    side = step(ground).side
    side.filter_menu.aboutToShow.emit()
    next(one for one in side.filter_menu.actions() if "blurred" in one.text()).trigger()
    assert listed(ground) == [2]


def test_caption_that_is_written_stays_listed_until_it_is_left(ground: Ground) -> None:
    side = step(ground).side
    side.set_filter(CaptionFilter(shorter=4))
    assert listed(ground) == [3, 4]
    step(ground).list.setCurrentIndex(step(ground).model.index(1))
    ground.qtbot.keyClicks(step(ground).editor, "a cat on a mat")
    step(ground).keep()
    assert listed(ground) == [3, 4]
    ground.qtbot.keyClick(step(ground).editor, Qt.Key.Key_Up, CTRL)
    assert step(ground).current() == ground.sha(2)
    ground.draft.set_caption(ground.sha(0), "longer than that, surely")
    assert listed(ground) == [3]


def test_leaving_by_the_list_takes_away_what_no_longer_fits(ground: Ground) -> None:
    step(ground).side.set_filter(CaptionFilter(shorter=4))
    step(ground).list.setCurrentIndex(step(ground).model.index(1))
    ground.qtbot.keyClicks(step(ground).editor, "a cat on a mat")
    step(ground).list.setCurrentIndex(step(ground).model.index(0))
    ground.wait(lambda: listed(ground) == [3])
    assert captions_of(ground)[3] == "a cat on a mat"
    assert step(ground).current() == ground.sha(2)


def test_words_and_tokens_are_counted_while_typing(ground: Ground) -> None:
    length = step(ground).length
    assert length.text() == "5 words, about 9 of 77 tokens"
    assert length.property("role") == "caption"
    step(ground).editor.setPlainText("fox " * 90)
    assert "CLIP reads only the first 77" in length.text()
    assert length.property("role") == "warn"


def test_find_and_replace_shows_first_and_changes_then_in_one_step(ground: Ground) -> None:
    press(ground, "Find and replace…")
    opened = dialog(ground)
    ground.qtbot.keyClicks(opened.words_to_find, "in snow")
    ground.qtbot.keyClicks(opened.words_instead, "at sea")
    wanted = [("photo 1.jpg", "TOK fox, red, at sea"), ("photo 2.jpg", "fox, at sea, red")]
    ground.wait(lambda: changes(opened) == wanted)
    assert opened.count.text() == "2 of 4 captions change."
    assert opened.apply_button.text() == "Change 2 captions"
    assert captions_of(ground) == CAPTIONS
    steps = ground.draft.undo_stack.count()
    ground.qtbot.keyClick(opened.words_instead, Qt.Key.Key_Return)
    ground.wait(lambda: step(ground).tools.dialog is None)
    assert captions_of(ground)[:2] == ("TOK fox, red, at sea", "fox, at sea, red")
    assert ground.draft.undo_stack.count() == steps + 1
    assert step(ground).editor.toPlainText() == "TOK fox, red, at sea"
    ground.qtbot.keyClick(step(ground).editor, Qt.Key.Key_Z, CTRL)
    assert captions_of(ground) == CAPTIONS
    ground.qtbot.keyClick(step(ground).editor, Qt.Key.Key_Z, CTRL | SHIFT)
    assert kept_on_disk(ground)[:2] == ("TOK fox, red, at sea", "fox, at sea, red")


def test_enter_right_after_the_last_key_waits_for_the_preview(ground: Ground) -> None:
    press(ground, "Find and replace…")
    opened = dialog(ground)
    ground.qtbot.keyClicks(opened.words_to_find, "dog")
    ground.qtbot.keyClicks(opened.words_instead, "cat")
    ground.qtbot.keyClick(opened.words_instead, Qt.Key.Key_Return)
    ground.wait(lambda: step(ground).tools.dialog is None)
    assert captions_of(ground)[2] == "a cat"


def test_escape_changes_nothing(ground: Ground) -> None:
    press(ground, "Find and replace…")
    opened = dialog(ground)
    ground.qtbot.keyClicks(opened.words_to_find, "fox")
    ground.wait(lambda: len(changes(opened)) == 2)
    ground.qtbot.keyClick(opened, Qt.Key.Key_Escape)
    assert step(ground).tools.dialog is None
    assert captions_of(ground) == CAPTIONS


def test_broken_expression_is_told_and_nothing_can_be_applied(ground: Ground) -> None:
    press(ground, "Find and replace…")
    opened = dialog(ground)
    opened.expression.setChecked(True)
    ground.qtbot.keyClicks(opened.words_to_find, "(fox")
    ground.wait(lambda: "is not closed" in opened.count.text())
    assert not opened.apply_button.isEnabled()
    ground.qtbot.keyClicks(opened.words_to_find, "|dog)")
    ground.qtbot.keyClicks(opened.words_instead, r"<\1>")
    ground.wait(lambda: ("photo 3.jpg", "a <dog>") in changes(opened))
    assert opened.count.text() == "3 of 4 captions change."
    opened.reject()


def test_closed_dialog_applies_nothing_that_comes_late(ground: Ground) -> None:
    press(ground, "Find and replace…")
    opened = dialog(ground)
    opened.expression.setChecked(True)
    ground.qtbot.keyClicks(opened.words_to_find, "fox")
    ground.qtbot.keyClick(opened.words_to_find, Qt.Key.Key_Return)
    opened.reject()
    ground.settle()
    assert captions_of(ground) == CAPTIONS


def test_text_is_added_before_and_after(ground: Ground) -> None:
    for entry, text in (("Add before…", "photo"), ("Add after…", "day")):
        press(ground, entry)
        opened = dialog(ground)
        ground.qtbot.keyClicks(opened.text, text)
        ground.qtbot.keyClick(opened.text, Qt.Key.Key_Return)
        ground.wait(lambda: step(ground).tools.dialog is None)
    assert captions_of(ground)[2:] == ("photo, a dog, day", "")


def test_tag_is_removed_by_keyboard(ground: Ground) -> None:
    press(ground, "Remove tag…")
    opened = dialog(ground)
    assert [opened.tag.itemText(n) for n in range(2)] == ["red", "in snow"]
    ground.qtbot.keyClicks(opened.tag.lineEdit(), "red")
    ground.qtbot.keyClick(opened.tag.lineEdit(), Qt.Key.Key_Return)
    ground.wait(lambda: step(ground).tools.dialog is None)
    assert captions_of(ground)[:2] == ("TOK fox, in snow", "fox, in snow")
    assert ground.draft.undo_stack.undoText() == "Remove tag red"


def test_tags_are_ordered_by_frequency(ground: Ground) -> None:
    press(ground, "Order tags…")
    opened = dialog(ground)
    opened.how.setCurrentIndex(2)
    assert not opened.tag.isEnabled()
    ground.wait(lambda: len(changes(opened)) == 2)
    opened.apply()
    assert captions_of(ground)[:2] == ("red, in snow, TOK fox", "in snow, red, fox")


def test_typing_is_saved_before_a_tool_looks_at_the_captions(ground: Ground) -> None:
    step(ground).editor.selectAll()
    ground.qtbot.keyClicks(step(ground).editor, "a dog too")
    press(ground, "Find and replace…")
    opened = dialog(ground)
    ground.qtbot.keyClicks(opened.words_to_find, "dog")
    ground.wait(lambda: len(changes(opened)) == 2)
    opened.reject()


def test_table_goes_out_and_comes_back_as_one_step(ground: Ground, tmp_path: Path) -> None:
    table = tmp_path / "captions.csv"
    said: list[str] = []
    ground.draft.said.connect(said.append)
    step(ground).tools.asks.new_table = lambda _parent, take: take(table)
    step(ground).tools.asks.table = lambda _parent, take: take(table)
    press(ground, "Export as a CSV file…")
    ground.wait(lambda: said == ["4 captions written to captions.csv."])
    for place in range(3):
        ground.draft.set_caption(ground.sha(place), "spoilt")
    extra = table.read_bytes() + b"gone.jpg,,lost\r\n"
    table.write_bytes(extra)
    steps = ground.draft.undo_stack.count()
    press(ground, "Import from a CSV file…")
    opened = dialog(ground)
    assert opened.count.text().startswith("3 of 4 captions change.")
    assert "Of no photo here: gone.jpg." in opened.count.text()
    opened.apply()
    assert captions_of(ground) == CAPTIONS
    assert ground.draft.undo_stack.count() == steps + 1
    assert kept_on_disk(ground) == CAPTIONS


def test_text_files_go_out_and_come_back(ground: Ground, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "photo 1.txt").write_text("of another program")
    asked: list[tuple[str, ...]] = []
    asks = step(ground).tools.asks
    asks.folder = lambda _parent, take: take(folder)
    asks.replace = lambda _parent, names, go: (asked.append(names), go())
    press(ground, "Export text files…")
    ground.wait((folder / "photo 3.txt").exists)
    ground.settle()
    assert asked == [("photo 1.txt",)]
    assert (folder / "photo 1.txt").read_text() == CAPTIONS[0]
    assert sorted(path.name for path in folder.iterdir()) == [
        *("photo 1.txt", "photo 2.txt", "photo 3.txt")
    ]
    (folder / "photo 4.txt").write_text("written outside\n")
    (folder / "notes.txt").write_bytes(b"\xff\xfe\x00")
    press(ground, "Import text files…")
    opened = dialog(ground)
    assert changes(opened) == [("photo 4.jpg", "written outside")]
    assert "notes.txt" in opened.count.text()
    opened.apply()
    assert captions_of(ground) == (*CAPTIONS[:3], "written outside")


def test_files_are_left_alone_when_the_person_says_no(ground: Ground, tmp_path: Path) -> None:
    (tmp_path / "photo 1.txt").write_text("mine")
    asked: list[tuple[str, ...]] = []
    asks = step(ground).tools.asks
    asks.folder = lambda _parent, take: take(tmp_path)
    asks.replace = lambda _parent, names, _go: asked.append(names)
    press(ground, "Export text files…")
    ground.wait(lambda: bool(asked))
    ground.settle()
    assert [path.read_text() for path in tmp_path.glob("*.txt")] == ["mine"]


def test_file_that_is_no_table_is_told(ground: Ground, tmp_path: Path) -> None:
    table = tmp_path / "latin.csv"
    table.write_bytes("file,caption\nphoto 1.jpg,caf\xe9\n".encode("latin-1"))
    told: list[object] = []
    ground.draft.failed.connect(told.append)
    step(ground).tools.asks.table = lambda _parent, take: take(table)
    press(ground, "Import from a CSV file…")
    ground.wait(lambda: bool(told))
    assert "UTF-8" in told[0].reason
    assert step(ground).tools.dialog is None


def test_token_is_kept_out_of_captions(ground: Ground) -> None:
    told: list[object] = []
    ground.draft.failed.connect(told.append)
    press(ground, "Add before…")
    opened = dialog(ground)
    ground.qtbot.keyClicks(opened.text, "r8_" + "a" * 37)
    ground.qtbot.keyClick(opened.text, Qt.Key.Key_Return)
    ground.wait(lambda: bool(told))
    assert captions_of(ground) == CAPTIONS


@pytest.mark.parametrize(
    "entry", ["Find and replace…", "Add before…", "Add after…", "Remove tag…", "Order tags…"]
)
def test_dialog_is_used_by_keyboard_and_heard(ground: Ground, entry: str) -> None:
    press(ground, entry)
    opened = dialog(ground)
    assert isinstance(opened.focusWidget(), QLineEdit | QComboBox)
    nameless = [
        widget
        for widget in seen(opened, QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        if not QAccessible.queryAccessibleInterface(widget).text(QAccessible.Text.Name)
        and not isinstance(widget.parentWidget(), type(getattr(opened, "tag", None)))
    ]
    assert nameless == []
    opened.reject()


def test_preview_says_before_and_after_for_those_who_hear_it(ground: Ground) -> None:
    press(ground, "Find and replace…")
    opened = dialog(ground)
    ground.qtbot.keyClicks(opened.words_to_find, "a dog")
    ground.wait(lambda: len(changes(opened)) == 1)
    role = Qt.ItemDataRole.AccessibleTextRole
    says = opened.list.changes.index(0).data(role)
    assert says == "photo 3.jpg: a dog, becomes: empty"
    opened.reject()


def test_long_way_to_the_first_change_is_left_out_of_sight() -> None:
    same = Piece(Part.SAME, "a red fox that sits on the shelf\nand ")
    shown = shortened([same, Piece(Part.GONE, "sleeps")])
    assert [piece.text for piece in shown] == ["… on the shelf ↵ and ", "sleeps"]
