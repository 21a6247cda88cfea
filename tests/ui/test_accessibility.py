"""Every screen by keyboard and screen reader: names, tooltips, a way by Tab, nothing clipped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QWidget,
)
from pytestqt.qtbot import QtBot

from fluxlora_desktop.ui.theme import Scheme, Theme
from tests.ui.furnished import SCREENS, House, make_bench
from tests.ui.seen import seen


@pytest.fixture(scope="module", params=[False, True], ids=["filled", "empty"])
def built(
    qapp: QApplication, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[House]:
    """One house for all tests here, which only look at it."""
    style, palette, sheet = qapp.style().objectName(), qapp.palette(), qapp.styleSheet()
    theme = Theme(qapp)
    theme.apply(Scheme.LIGHT)
    with make_bench(tmp_path_factory.mktemp("house")) as bench:
        house = House.build(bench, QtBot(request), theme, empty=request.param)
        for screen in SCREENS:  # pages are made as they are shown
            house.show(screen)
        yield house
        house.window.close()
        house.window.deleteLater()
    theme.deleteLater()
    qapp.setStyle(style)
    qapp.setPalette(palette)
    qapp.setStyleSheet(sheet)


@pytest.fixture
def house(built: House, qtbot: QtBot) -> House:
    """The house at the usual size, with a patient robot."""
    built.qtbot = qtbot
    built.window.resize(1280, 800)
    return built


def shown(house: House, kind: type[QWidget] = QWidget) -> list[QWidget]:
    return seen(house.window, kind)


def takes_tab(widget: QWidget) -> bool:
    by_tab = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
    return by_tab and widget.isEnabled() and widget.focusProxy() is None


def is_plain_area(widget: QWidget) -> bool:
    """Tell whether a widget only scrolls other widgets."""
    return isinstance(widget, QScrollArea)


def spoken_name(widget: QWidget) -> str:
    """Return what a screen reader says a widget is called."""
    interface = QAccessible.queryAccessibleInterface(widget)
    return interface.text(QAccessible.Text.Name) if interface is not None else ""


def describe(widget: QWidget) -> str:
    text = widget.text() if isinstance(widget, QLabel | QAbstractButton) else ""
    parent = widget.parentWidget()
    owner = type(parent).__name__ if parent else ""
    return f"{type(widget).__name__} {widget.objectName()!r} {text!r} in {owner}"


def test_every_screen_speaks_for_itself(house: House) -> None:
    nameless, silent = {}, {}
    for screen in SCREENS:
        house.show(screen)
        for widget in shown(house):
            if takes_tab(widget) and not spoken_name(widget):
                nameless[describe(widget)] = screen
            inside_field = isinstance(widget.parentWidget(), QLineEdit)  # Qt's own, no focus
            unlabelled = isinstance(widget, QAbstractButton) and not widget.text()
            if unlabelled and not inside_field and not widget.toolTip():
                silent[describe(widget)] = screen
    assert nameless == {}
    assert silent == {}


def test_tab_reaches_every_control_of_every_screen(house: House, qtbot: QtBot) -> None:
    missed = {}
    for screen in SCREENS:
        house.show(screen)
        house.window.activateWindow()
        qtbot.waitUntil(house.window.isActiveWindow)
        wanted = {widget for widget in shown(house) if takes_tab(widget)}
        house.window.sidebar.buttons["create"].setFocus()
        seen: set[QWidget] = set()
        for _ in range(len(wanted) * 3 + 20):
            focused = QApplication.focusWidget()
            assert focused is not None, screen
            seen.add(focused)
            house.window.focusNextChild()
        missed |= {describe(widget): screen for widget in wanted if not mates(widget) & seen}
    assert missed == {}


def mates(widget: QWidget) -> set[QWidget]:
    """Return the widgets one of which Tab reaches; arrows walk the others, as in any toolkit."""
    group = widget.group() if isinstance(widget, QAbstractButton) else None
    return {*group.buttons()} if group is not None and group.exclusive() else {widget}


def test_what_takes_focus_can_be_seen(house: House) -> None:
    hidden = {}
    for screen in SCREENS:
        house.show(screen)
        for widget in shown(house):
            if takes_tab(widget) and not can_be_seen(house, widget):
                hidden[describe(widget)] = screen
    assert hidden == {}


def can_be_seen(house: House, widget: QWidget) -> bool:
    area = widget.parentWidget()
    while area is not None and not is_plain_area(area):
        area = area.parentWidget()
    if area is not None:
        area.ensureWidgetVisible(widget)
    at = widget.mapTo(house.window, widget.rect().center())
    top = house.window.childAt(at)
    return top is not None and (top is widget or widget.isAncestorOf(top))


def clipped(widget: QWidget) -> bool:
    """Tell whether a label or button is smaller than its words."""
    if isinstance(widget, QLabel):
        if not widget.text() or not widget.pixmap().isNull():
            return False
        if widget.wordWrap():
            return widget.heightForWidth(widget.width()) > widget.height() + 1
        return widget.sizeHint().width() > widget.width() + 1 and not widget.toolTip()
    hint = widget.minimumSizeHint() if not widget.text() else widget.sizeHint()
    return hint.width() > widget.width() + 1 or hint.height() > widget.height() + 1


@pytest.mark.parametrize("size", [(960, 640), (1280, 800)], ids=["smallest", "usual"])
def test_no_words_are_clipped(house: House, size: tuple[int, int]) -> None:
    cut = {}
    for screen in SCREENS:
        house.show(screen)
        house.window.resize(*size)
        house.rest()
        house.qtbot.waitUntil(lambda: house.window.size().toTuple() == size)
        for kind in (QLabel, QPushButton):
            for widget in shown(house, kind):
                if clipped(widget):
                    cut[describe(widget)] = screen
    assert cut == {}


def test_focus_stands_out_where_it_is(house: House, qtbot: QtBot) -> None:
    house.show("settings")
    house.window.activateWindow()
    qtbot.waitUntil(house.window.isActiveWindow)
    target = house.window.sidebar.buttons["library"]
    before = target.grab().toImage()
    target.setFocus(Qt.FocusReason.TabFocusReason)
    assert target.grab().toImage() != before


def test_arrows_walk_the_lists(house: House, qtbot: QtBot) -> None:
    for screen in ("runs", "library", "gallery"):
        page = house.show(screen)
        for view in page.findChildren(QAbstractScrollArea):
            model = getattr(view, "model", None)
            if model is None or not view.isVisible() or model().rowCount() < 2:
                continue
            view.setFocus()
            view.setCurrentIndex(model().index(0, 0))
            for key in (Qt.Key.Key_Right, Qt.Key.Key_Down):
                qtbot.keyClick(view, key)
            assert view.currentIndex().row() > 0, screen
