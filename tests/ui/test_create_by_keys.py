"""The whole of Create by keyboard alone: from the clipboard to the Start button, key by key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from create_ground import Ground, files_mime, open_ground
from desk_fixtures import nameless
from PySide6.QtCore import QCoreApplication, QPoint, QRect, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QWidget
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.caption_files import ReadCaptions
from fluxlora_desktop.domain.datasets import Finding, Mend, Photo, Severity
from fluxlora_desktop.ui.create.caption_list import ask_number
from fluxlora_desktop.ui.create.steps import Step
from fluxlora_desktop.ui.theme import Theme
from fluxlora_desktop.ui.widgets import takers
from fluxlora_desktop.ui.window import MainWindow

K, M = Qt.Key, Qt.KeyboardModifier
NONE, CTRL, SHIFT = M.NoModifier, M.ControlModifier, M.ShiftModifier
FAR = 80
"""How often Tab may be pressed before a way counts as no way."""


class Hands:
    """Ten fingers: they press keys where the keyboard is, and look where that is."""

    def __init__(self, ground: Ground, window: MainWindow) -> None:
        self.ground, self.window = ground, window

    def place(self) -> QWidget:
        """Return what has the keyboard; something always must."""
        QCoreApplication.sendPostedEvents()  # as happens between two keys
        popup = QApplication.activePopupWidget()
        if popup is not None:
            return popup
        self.ground.wait(lambda: QApplication.focusWidget() is not None)
        found = QApplication.focusWidget()
        assert found is not None
        return found

    def press(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE, times: int = 1) -> None:
        for _ in range(times):
            QTest.keyClick(self.place(), key, modifiers)

    def type(self, text: str) -> None:
        QTest.keyClicks(self.place(), text)

    def tab_to(self, name: str, *, back: bool = False) -> QWidget:
        """Press Tab until the keyboard is at a widget of this object name or these words."""
        seen = []
        for _ in range(FAR):
            here = self.place()
            words = here.text() if isinstance(here, QAbstractButton) else ""
            if name in {here.objectName(), words}:
                return here
            seen.append(f"{type(here).__name__} {here.objectName()!r} {words!r}")
            QTest.keyClick(here, K.Key_Tab, SHIFT if back else NONE)
        raise AssertionError(f"no way by Tab to {name}: {seen}")

    def dialog(self) -> QDialog:
        """Return the dialog that came up, once the keyboard is in it."""
        self.ground.wait(lambda: isinstance(QApplication.activeModalWidget(), QDialog))
        found = QApplication.activeModalWidget()
        assert isinstance(found, QDialog)
        self.ground.wait(lambda: found.isAncestorOf(QApplication.focusWidget() or self.window))
        return found

    def closed(self) -> None:
        """Wait until no dialog is left and the keyboard is back on the page."""
        self.ground.wait(lambda: QApplication.activeModalWidget() is None)
        self.window.activateWindow()  # as a window manager does; without a display there is none
        self.ground.wait(lambda: self.ground.page.isAncestorOf(QApplication.focusWidget()))


@pytest.fixture
def ground(qtbot: QtBot, tmp_path: Path) -> Iterator[Ground]:
    with open_ground(qtbot, tmp_path) as made:
        yield made


@pytest.fixture
def hands(ground: Ground, theme: Theme, qtbot: QtBot) -> Iterator[Hands]:
    window = MainWindow(theme=theme, practice=False, open_page=str)
    qtbot.addWidget(window)
    window.fill({"create": lambda: ground.page}, "create")
    window.resize(1280, 800)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    yield Hands(ground, window)
    ground.page.setParent(None)


def twins_and_a_blur(photos: Sequence[Photo]) -> tuple[Finding, ...]:
    """Remark that the first two are nearly the same and that the last one is blurred."""
    found = []
    names = {photo.name: photo.sha256 for photo in photos}
    if {"photo 1.jpg", "photo 2.jpg"} <= set(names):
        pair = (names["photo 1.jpg"], names["photo 2.jpg"])
        says = "2 photos are nearly the same."
        found.append(Finding("near_duplicate", Severity.WARN, says, pair, Mend.KEEP_SHARPER))
    if "photo 7.jpg" in names:
        says = "1 photo is blurred."
        blurred = (names["photo 7.jpg"],)
        found.append(Finding("blurred", Severity.WARN, says, blurred, Mend.REMOVE))
    return tuple(found)


def kept(ground: Ground) -> list[str]:
    return [item.photo.name for item in ground.now().dataset.kept]


def captions(ground: Ground) -> list[str]:
    return [item.caption for item in ground.now().dataset.photos]


@pytest.mark.qt_log_ignore("This plugin does not support grabbing the keyboard")
def test_whole_way_from_the_clipboard_to_start_by_keys_alone(ground: Ground, hands: Hands) -> None:
    ground.photos.judge = twins_and_a_blur
    page, grid = ground.page, ground.page.photos.grid
    paths = [ground.make_photo(f"photo {n}.jpg") for n in range(1, 8)]
    QGuiApplication.clipboard().setMimeData(files_mime(*paths))

    # Photos: paste, walk, leave out, take back.
    hands.press(K.Key_1, CTRL)
    hands.press(K.Key_V, CTRL)
    ground.wait(lambda: len(ground.names()) == 7)
    ground.settle()
    hands.tab_to("photo_grid")
    hands.press(K.Key_Home)
    hands.press(K.Key_Right, times=2)
    assert grid.selected() == (ground.sha(2),)
    hands.press(K.Key_X)
    assert "photo 3.jpg" not in kept(ground)
    hands.press(K.Key_Left)
    hands.press(K.Key_K)
    assert "photo 3.jpg" in kept(ground)
    assert grid.selected() == (ground.sha(3),)

    # The crop editor: a smaller frame, straightened, mirrored, Done.
    hands.press(K.Key_Return)
    hands.dialog()
    assert hands.place().objectName() == "crop_canvas"
    hands.press(K.Key_Left, SHIFT, times=5)
    hands.press(K.Key_Right, times=2)
    hands.tab_to("straighten")
    hands.press(K.Key_Right, times=3)
    hands.press(K.Key_M, CTRL)
    hands.press(K.Key_Return)
    hands.closed()
    edits = ground.now().dataset.photos[3].edits
    assert (round(edits.crop.left, 2), round(edits.crop.width, 2)) == (0.03, 0.95)  # mirrored
    assert edits.straighten == pytest.approx(-0.3)
    assert edits.flip
    ground.settle()
    assert hands.place() is grid

    # Findings: all of them, one mended, one kept anyway.
    hands.press(K.Key_Escape)
    hands.tab_to("Keep the sharper one")
    hands.press(K.Key_Space)
    ground.settle()
    assert "photo 2.jpg" not in ground.names()
    assert page.photos.inspector.isAncestorOf(hands.place()), "the keyboard stays with the remarks"
    hands.tab_to("keep")
    hands.press(K.Key_Space)
    ground.settle()
    assert {finding.what for finding in ground.now().findings} == {"few"}
    assert page.photos.isAncestorOf(hands.place()), "the keyboard stays on the step"

    # Captions: write one, go on, write the next.
    hands.press(K.Key_PageDown, CTRL)
    assert page.step() is Step.CAPTIONS
    assert hands.place() is page.captions.list
    hands.press(K.Key_Return)
    assert hands.place() is page.captions.editor
    hands.type("TOK fox in the snow")
    hands.press(K.Key_Down, CTRL)
    hands.type("TOK fox in the woods")
    hands.press(K.Key_Down, CTRL)
    assert captions(ground)[:2] == ["TOK fox in the snow", "TOK fox in the woods"]

    # Find and replace through its dialog, from the menu; then undo.
    hands.tab_to("caption_tools", back=True)
    hands.press(K.Key_Space)
    ground.wait(lambda: QApplication.activePopupWidget() is not None)
    hands.press(K.Key_Down)
    hands.press(K.Key_Return)
    hands.dialog()
    assert hands.place().objectName() == "caption_find"
    hands.type("fox")
    hands.press(K.Key_Tab)
    hands.type("wolf")
    hands.press(K.Key_Return)
    hands.closed()
    ground.settle()
    assert captions(ground)[:2] == ["TOK wolf in the snow", "TOK wolf in the woods"]
    hands.press(K.Key_Z, CTRL)
    assert captions(ground)[:2] == ["TOK fox in the snow", "TOK fox in the woods"]

    # The same dialog by its key, left by Escape.
    hands.press(K.Key_H, CTRL)
    hands.dialog()
    hands.press(K.Key_Escape)
    hands.closed()

    # Filter, and all again.
    hands.press(K.Key_F, CTRL)
    hands.type("woods")
    ground.wait(lambda: page.captions.model.rowCount() == 1)
    hands.press(K.Key_Return)
    assert hands.place() is page.captions.list
    hands.press(K.Key_Escape)
    assert page.captions.model.rowCount() == 6

    # Back and forth, by key and by button.
    hands.press(K.Key_PageUp, CTRL)
    assert page.step() is Step.PHOTOS
    assert hands.place() is grid
    hands.tab_to("create_next")
    hands.press(K.Key_Space)
    assert page.step() is Step.CAPTIONS
    hands.press(K.Key_PageDown, CTRL)
    assert page.step() is Step.RECIPE
    hands.press(K.Key_PageDown, CTRL)
    assert page.step() is Step.DESTINATION
    hands.tab_to("lora_name")
    hands.type("Rusty")
    hands.press(K.Key_PageDown, CTRL)
    assert page.step() is Step.REVIEW
    hands.tab_to("rights")
    hands.press(K.Key_Space)
    ground.settle()
    hands.tab_to("create_start")
    assert hands.place() is page.start_button
    assert page.start_button.isEnabled()
    assert ground.trainer.launched == []


def test_mend_of_the_last_remark_brings_the_keyboard_back_to_the_photos(
    ground: Ground, hands: Hands
) -> None:
    ground.photos.judge = twins_and_a_blur
    ground.fill(10)
    hands.press(K.Key_1, CTRL)
    for name in ("mend", "keep"):
        hands.tab_to(name)
        hands.press(K.Key_Space)
        ground.settle()
    hands.tab_to("keep")
    hands.press(K.Key_Space)
    ground.settle()
    assert ground.now().findings == ()
    assert hands.place() is ground.page.photos.grid


def test_tab_goes_from_the_photos_over_the_remarks_to_the_foot(
    ground: Ground, hands: Hands
) -> None:
    ground.photos.judge = twins_and_a_blur
    ground.fill(10)
    hands.press(K.Key_1, CTRL)
    hands.tab_to("photo_grid")
    hands.press(K.Key_Space)
    ground.settle()
    walked = []
    while not walked or walked[-1] != "create_next":
        hands.press(K.Key_Tab)
        walked.append(hands.place().objectName())
        assert len(walked) < FAR
    resolutions = [name for name in walked if name.startswith("resolution_shown")]
    wanted = ["show_all_remarks", "edit_photo", "keep_photo", "trace_photo", *resolutions]
    assert walked == [*wanted, "compare", "show", "mend", "keep", "create_next"]


def test_tab_comes_to_the_parameters_before_the_foot(ground: Ground, hands: Hands) -> None:
    ground.fill(6)
    hands.press(K.Key_1, CTRL)
    hands.press(K.Key_PageDown, CTRL, times=2)
    hands.tab_to("advanced")
    hands.press(K.Key_Space)
    walked: list[str] = []
    while not walked or walked[-1] != "create_next":
        hands.press(K.Key_Tab)
        walked.append(hands.place().objectName())
        assert len(walked) < FAR
    assert "parameter_steps" in walked


def test_what_has_the_keyboard_stands_out(ground: Ground, hands: Hands) -> None:
    ground.photos.judge = twins_and_a_blur
    ground.fill(6)
    hands.press(K.Key_1, CTRL)
    for step in Step:
        assert ground.page.step() is step
        ground.settle()
        alike, seen = set(), set()
        here = hands.place()
        while here not in seen and len(seen) < FAR:
            seen.add(here)
            with_keyboard = look_at(hands, here)
            hands.press(K.Key_Tab)
            after = hands.place()
            if look_at(hands, here) == with_keyboard:
                alike.add(f"{type(here).__name__} {here.objectName()!r}")
            here = after
        assert len(seen) > 5, step
        assert alike == set(), step
        hands.press(K.Key_PageDown, CTRL)


def look_at(hands: Hands, widget: QWidget) -> QImage:
    """Return how a widget looks with a little of what is around it."""
    around = QRect(widget.mapTo(hands.window, QPoint()), widget.size()).adjusted(-6, -6, 6, 6)
    return hands.window.grab(around).toImage()


def test_photo_with_the_ring_of_the_keyboard_is_judged_though_none_is_chosen(
    ground: Ground, hands: Hands
) -> None:
    ground.fill(6)
    hands.press(K.Key_1, CTRL)
    hands.tab_to("photo_grid")
    assert ground.page.photos.grid.selected() == ()
    hands.press(K.Key_X)
    assert kept(ground) == [f"photo {n}.jpg" for n in range(2, 7)]
    assert ground.page.photos.grid.selected() == (ground.sha(1),)


def dialogs(ground: Ground) -> dict[str, Callable[[], object]]:
    """Return, by what they are for, how the dialogs of the first two steps are opened."""
    page, tools = ground.page, ground.page.captions.tools
    read = ReadCaptions({ground.sha(0): "TOK from a file"}, (), 0)
    written = {ground.sha(0): "TOK by the trainer", ground.sha(1): "TOK too"}
    return {
        "crop": lambda: page.photos.edit_photo(ground.sha(0)),
        "find": tools.find_and_replace,
        "before": lambda: tools.add_text(before=True),
        "after": lambda: tools.add_text(before=False),
        "remove": tools.remove_tag,
        "order": tools.order_tags,
        "import": lambda: tools.show_read(read),
        "written": lambda: tools.use_written(written),
        "number": lambda: ask_number(page, "Captions shorter than", 8, lambda _number: None),
    }


OPENED = ("crop", "find", "before", "after", "remove", "order", "import", "written", "number")


@pytest.mark.parametrize("which", OPENED)
def test_every_dialog_speaks_is_walked_by_tab_and_is_left_by_escape(
    ground: Ground, hands: Hands, which: str
) -> None:
    ground.fill(3)
    ground.draft.set_caption(ground.sha(1), "TOK, red, snow")
    hands.press(K.Key_1, CTRL)
    hands.press(K.Key_PageDown, CTRL)
    before = captions(ground)
    dialogs(ground)[which]()
    dialog = hands.dialog()
    assert nameless(dialog) == []
    assert dialog.windowTitle()
    wanted = {one for one in takers(dialog) if one.isVisible() and one.isEnabled()}
    walked: set[QWidget] = set()
    for _ in range(2 * len(wanted) + 2):
        walked.add(hands.place())
        hands.press(K.Key_Tab)
    mates = {mate for one in walked for mate in mates_of(one)}
    assert {f"{type(one).__name__} {one.objectName()}" for one in wanted - mates} == set()
    hands.press(K.Key_Escape)
    hands.closed()
    assert captions(ground) == before
    ground.settle()


def mates_of(widget: QWidget) -> set[QWidget]:
    """Return a widget with those to which arrows lead from it."""
    group = widget.group() if isinstance(widget, QAbstractButton) else None
    return {widget, *(group.buttons() if group is not None and group.exclusive() else ())}


def test_choice_between_empty_ones_and_all_is_made_by_arrows_and_enter(
    ground: Ground, hands: Hands
) -> None:
    ground.fill(3)
    ground.draft.set_caption(ground.sha(1), "TOK that I wrote")
    hands.press(K.Key_1, CTRL)
    hands.press(K.Key_PageDown, CTRL)
    dialogs(ground)["written"]()
    hands.dialog()
    hands.press(K.Key_Right)
    hands.press(K.Key_Return)
    hands.closed()
    assert captions(ground) == ["TOK by the trainer", "TOK too", ""]
    hands.press(K.Key_Z, CTRL)
    assert captions(ground) == ["", "TOK that I wrote", ""]
    ground.settle()
