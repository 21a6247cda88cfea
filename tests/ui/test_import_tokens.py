"""Import of tokens: names only, by choice, from here or from a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PySide6.QtCore import QDir, Qt
from PySide6.QtWidgets import QAbstractButton, QFileDialog, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.system.environment import ImportedTokens, tokens_in_file
from fluxlora_desktop.ui.import_tokens import Import, ImportTokensDialog
from tests.ui.desk_bench import Heard

TOKENS = {"replicate": Secret("r8_from_here"), "huggingface": Secret("hf_from_here")}
HERE = ImportedTokens(("REPLICATE_API_TOKEN", "HF_TOKEN"), tuple(TOKENS.items()))


@dataclass
class Picker:
    """Answers the question for a file; without an answer the person closed it."""

    answer: Path | None = None
    asked: int = field(default=0)

    def __call__(self, take: Callable[[Path], None]) -> None:
        self.asked += 1
        if self.answer is not None:
            take(self.answer)


@dataclass
class Desk:
    """An open dialog."""

    dialog: ImportTokensDialog
    picker: Picker
    qtbot: QtBot

    def click(self, target: QAbstractButton) -> None:
        self.qtbot.mouseClick(target, Qt.MouseButton.LeftButton)

    def says(self) -> str:
        words = []
        for widget in (self.dialog, *self.dialog.findChildren(QWidget)):
            words += [widget.accessibleName(), widget.toolTip()]
            if isinstance(widget, QLabel | QAbstractButton):
                words.append(widget.text())
        return "\n".join(words)


def open_dialog(qtbot: QtBot, found: ImportedTokens) -> Desk:
    picker = Picker()
    dialog = ImportTokensDialog(found=found, read_file=tokens_in_file, choose_file=picker)
    qtbot.addWidget(dialog)
    dialog.open()
    return Desk(dialog, picker, qtbot)


@pytest.fixture
def desk(qtbot: QtBot) -> Desk:
    return open_dialog(qtbot, HERE)


def test_found_tokens_are_named_by_service_and_never_shown(desk: Desk) -> None:
    assert [box.text() for box in desk.dialog.boxes.values()] == ["Replicate", "Hugging Face"]
    assert "in this program's environment: REPLICATE_API_TOKEN, HF_TOKEN." in desk.says()
    for secret in TOKENS.values():
        assert secret.reveal() not in desk.says()


def test_only_what_is_ticked_is_imported(desk: Desk) -> None:
    chosen = Heard(desk.dialog.chosen)
    assert not desk.dialog.import_button.isEnabled()
    desk.dialog.boxes["replicate"].setChecked(True)
    desk.click(desk.dialog.import_button)
    assert chosen.all == [Import({"replicate": TOKENS["replicate"]})]
    assert not desk.dialog.isVisible()


def test_cancel_imports_nothing(desk: Desk) -> None:
    chosen = Heard(desk.dialog.chosen)
    desk.click(desk.dialog.cancel_button)
    assert len(chosen) == 0
    assert not desk.dialog.isVisible()


def test_nothing_found_is_said_and_there_is_nothing_to_press(qtbot: QtBot) -> None:
    desk = open_dialog(qtbot, ImportedTokens())
    assert "No tokens were found in this program's environment." in desk.says()
    assert not desk.dialog.import_button.isEnabled()
    assert desk.dialog.file_button.isEnabled()


def test_chosen_file_takes_the_place_of_what_was_found(desk: Desk, tmp_path: Path) -> None:
    chosen = Heard(desk.dialog.chosen)
    desk.picker.answer = tmp_path / ".env"
    desk.picker.answer.write_text(
        "TOGETHER_API_KEY='tgp_v1_from_file'\nOTHER=1\nFAL_KEY=id:secret\n"
    )
    desk.click(desk.dialog.file_button)
    assert [box.text() for box in desk.dialog.boxes.values()] == ["fal", "Together"]
    assert "in .env" in desk.says()
    assert "tgp_v1_from_file" not in desk.says()
    assert "id:secret" not in desk.says()
    desk.click(desk.dialog.import_button)
    taken = {"fal": Secret("id:secret"), "together": Secret("tgp_v1_from_file")}
    assert chosen.all == [Import(taken)]


def test_emptying_the_file_is_offered_and_not_ticked(desk: Desk, tmp_path: Path) -> None:
    chosen = Heard(desk.dialog.chosen)
    assert not desk.dialog.blank_box.isVisible()
    desk.picker.answer = tmp_path / ".env"
    desk.picker.answer.write_text("FAL_KEY=id:secret\n")
    desk.click(desk.dialog.file_button)
    assert desk.dialog.blank_box.isVisible() and not desk.dialog.blank_box.isChecked()
    assert "history and backups may still hold them" in desk.says()
    desk.dialog.blank_box.setChecked(True)
    desk.click(desk.dialog.import_button)
    assert chosen.all == [Import({"fal": Secret("id:secret")}, tmp_path / ".env")]


def test_link_is_shown_with_where_it_leads(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "real.env").write_text("FAL_KEY=id:secret\n")
    desk.picker.answer = tmp_path / ".env"
    desk.picker.answer.symlink_to(tmp_path / "real.env")
    desk.click(desk.dialog.file_button)
    assert f"It is a link to {tmp_path / 'real.env'}." in desk.says()


def test_closed_question_for_a_file_leaves_what_was_found(desk: Desk) -> None:
    desk.click(desk.dialog.file_button)
    assert desk.picker.asked == 1
    assert list(desk.dialog.boxes) == ["replicate", "huggingface"]


def test_file_without_tokens_is_told(desk: Desk, tmp_path: Path) -> None:
    desk.picker.answer = tmp_path / "empty.env"
    desk.picker.answer.write_text("# nothing\n")
    desk.click(desk.dialog.file_button)
    assert "No tokens were found in empty.env." in desk.says()
    assert not desk.dialog.import_button.isEnabled()


def test_return_key_imports(desk: Desk) -> None:
    chosen = Heard(desk.dialog.chosen)
    desk.dialog.boxes["replicate"].setChecked(True)
    defaults = [b for b in desk.dialog.findChildren(QPushButton) if b.isDefault()]
    assert defaults == [desk.dialog.import_button]
    desk.qtbot.keyClick(desk.dialog, Qt.Key.Key_Return)
    assert len(chosen) == 1


@pytest.mark.parametrize("data", [None, b"\xff\xfe\x00", b"A=1\n" * 20_000])
def test_file_that_cannot_be_read_is_told_and_changes_nothing(
    desk: Desk, tmp_path: Path, data: bytes | None
) -> None:
    desk.picker.answer = tmp_path / "odd.env"
    if data is not None:
        desk.picker.answer.write_bytes(data)
    desk.click(desk.dialog.file_button)
    assert "odd.env was not read." in desk.says()
    assert list(desk.dialog.boxes) == ["replicate", "huggingface"]
    assert desk.dialog.isVisible()


def test_the_apps_own_question_shows_hidden_files(qtbot: QtBot) -> None:
    dialog = ImportTokensDialog(found=ImportedTokens(), read_file=tokens_in_file)
    qtbot.addWidget(dialog)
    dialog.open()
    qtbot.mouseClick(dialog.file_button, Qt.MouseButton.LeftButton)
    (question,) = dialog.findChildren(QFileDialog)
    assert question.filter() & QDir.Filter.Hidden
    question.reject()
