"""The gallery's rows and grid: pages on demand, geometry in constant time, selection, sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QAbstractItemModel, QItemSelectionModel, QModelIndex, QPoint, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.pictures import Picture, PictureState, SizeRule
from fluxlora_desktop.ui.gallery.cells import CellDelegate, Place, frame_of
from fluxlora_desktop.ui.gallery.model import PAGE, PictureModel, PictureRole
from fluxlora_desktop.ui.gallery.sizes import SHAPES, Shape, fit_side, size_of
from fluxlora_desktop.ui.gallery.view import GridView


def make_picture(picture_id: str, state: PictureState = PictureState.DONE) -> Picture:
    return Picture(
        id=picture_id,
        order_id="order",
        state=state,
        generator="replicate",
        model="flux-dev",
        base="flux.1-dev",
        prompt=f"a fox, {picture_id}",
        loras=(),
        width=1024,
        height=1024,
        steps=28,
        guidance=3.0,
        seed=7,
        created_at=datetime(2026, 11, 23, tzinfo=UTC),
    )


def ids(count: int) -> tuple[str, ...]:
    """Return ids as a store does: newest first."""
    return tuple(f"p{number:06d}" for number in reversed(range(count)))


def shown(model: PictureModel) -> list[str]:
    return [model.id_at(row) for row in range(model.rowCount())]


@pytest.fixture
def model(qapp: object) -> Iterator[PictureModel]:
    made = PictureModel()
    yield made
    made.deleteLater()


def test_model_keeps_qts_rules_when_rows_come_and_go(
    model: PictureModel, qtmodeltester: ModelTester
) -> None:
    model.show(ids(5))
    qtmodeltester.check(model)

    model.take([make_picture("p000002")])
    model.add([make_picture("new1"), make_picture("new2")])
    assert [model.row_of(name) for name in ("new2", "new1", "p000004")] == [0, 1, 2]
    model.remove(["p000004", "p000003", "p000000"])

    assert shown(model) == ["new2", "new1", "p000002", "p000001"]
    assert model.rowCount(model.index(0)) == 0


def test_model_asks_for_the_page_of_what_is_looked_at_once(model: PictureModel) -> None:
    asked: list[tuple[str, ...]] = []
    model.needed.connect(asked.append)
    model.show(ids(3 * PAGE))

    model.want(PAGE, PAGE + 5)
    model.want(PAGE, PAGE + 5)

    assert asked == [ids(3 * PAGE)[PAGE : 2 * PAGE]]


def test_model_asks_for_the_neighbours_of_what_is_looked_at_when_that_is_there(
    model: PictureModel, qtbot: QtBot
) -> None:
    asked: list[tuple[str, ...]] = []
    model.needed.connect(asked.append)
    all_ids = ids(9 * PAGE)
    pages = [all_ids[page * PAGE : (page + 1) * PAGE] for page in range(9)]
    model.show(all_ids)

    model.want(4 * PAGE, 4 * PAGE + 20)
    model.answer([make_picture(name) for name in pages[4]])
    assert asked == [pages[4]]

    qtbot.waitUntil(lambda: len(asked) == 2)
    assert set(pages[5]) <= set(asked[1])
    model.answer([make_picture(name) for name in asked[1]])
    qtbot.waitUntil(lambda: asked[2:] == [pages[3]])


def test_model_inserts_what_is_new_on_top_when_the_rest_is_the_same(
    model: PictureModel, qtbot: QtBot
) -> None:
    model.show(ids(5))
    with qtbot.waitSignal(model.rowsInserted) as inserted, qtbot.assertNotEmitted(model.modelReset):
        model.show(ids(7))

    assert inserted.args[1:] == [0, 1]
    assert shown(model) == list(ids(7))


def test_model_adds_the_rest_below_the_first_rows(model: PictureModel, qtbot: QtBot) -> None:
    model.show(ids(9)[:4])
    with qtbot.waitSignal(model.rowsInserted) as inserted, qtbot.assertNotEmitted(model.modelReset):
        model.show(ids(9))

    assert inserted.args[1:] == [4, 8]
    assert shown(model) == list(ids(9))


def test_model_reads_nothing_that_was_scrolled_past_while_it_waited(model: PictureModel) -> None:
    asked: list[tuple[str, ...]] = []
    model.needed.connect(asked.append)
    all_ids = ids(20 * PAGE)
    model.show(all_ids)

    for page in (0, 5, 10, 15):
        model.want(page * PAGE + 3, page * PAGE + 20)
    model.answer([make_picture(name) for name in asked[0]])

    assert asked == [all_ids[:PAGE], all_ids[15 * PAGE : 16 * PAGE]]


def test_model_asks_no_second_time_for_pictures_that_are_gone(model: PictureModel) -> None:
    asked: list[tuple[str, ...]] = []
    model.needed.connect(asked.append)
    model.show(ids(6))

    model.want(0, 5)
    model.answer([make_picture("p000003")])
    model.want(0, 5)

    assert asked == [ids(6)]


def test_model_gives_the_new_state_of_a_picture_when_it_changed(model: PictureModel) -> None:
    model.show(ids(3))
    rows: list[int] = []
    model.dataChanged.connect(lambda first, last, _roles: rows.extend((first.row(), last.row())))

    model.take([make_picture("p000001", PictureState.FAILED)])

    assert rows == [1, 1]
    assert model.index(1).data(PictureRole).state is PictureState.FAILED
    assert "Not made" in model.index(1).data()


@pytest.fixture
def grid(qtbot: QtBot, model: PictureModel) -> GridView:
    view = GridView()
    qtbot.addWidget(view)
    view.setItemDelegate(CellDelegate(view))
    view.setModel(model)
    model.show(ids(100_000))
    view.resize(830, 620)
    view.show()
    qtbot.waitExposed(view)
    return view


def press(qtbot: QtBot, grid: GridView, *keys: Qt.Key) -> int:
    for key in keys:
        qtbot.keyClick(grid, key)
    return grid.currentIndex().row()


def test_grid_paints_only_what_is_visible_when_there_are_100000_rows(
    qtbot: QtBot, grid: GridView
) -> None:
    with qtbot.waitSignal(grid.painted) as painted:
        grid.viewport().update()

    first, last = painted.args
    assert first == 0
    assert last < 4 * grid.columns() + grid.columns()


class NotingDelegate(CellDelegate):
    """Notes which rows are painted and fills their frames with a colour of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[int] = []

    def paint_cells(
        self, painter: QPainter, model: QAbstractItemModel, places: Sequence[Place], side: int
    ) -> None:
        self.rows += [place.row for place in places]
        for place in places:
            painter.fillRect(place.x, place.y, side, side, QColor(place.row % 256, 80, 120))


def on_screen(grid: GridView) -> QImage:
    return grid.screen().grabWindow(grid.winId()).toImage()


def test_grid_paints_only_the_lines_that_a_small_step_brings_in(
    qtbot: QtBot, grid: GridView
) -> None:
    delegate = NotingDelegate()
    grid.setItemDelegate(delegate)
    with qtbot.waitSignal(grid.painted):
        grid.executeDelayedItemsLayout()
    last = grid.rows_in_sight()[1]
    delegate.rows.clear()

    with qtbot.waitSignal(grid.painted):
        grid.verticalScrollBar().setValue(grid.cell().height())

    assert max(delegate.rows) == last + grid.columns()
    stayed = set(range(grid.columns(), 3 * grid.columns()))
    assert len(stayed & set(delegate.rows)) <= 1  # what the pointer lies on now
    moved = on_screen(grid)
    with qtbot.waitSignal(grid.painted):
        grid.viewport().update()
    assert on_screen(grid) == moved
    for step in (-1, grid.viewport().height() - 3, 10_000):
        with qtbot.waitSignal(grid.painted):
            grid.verticalScrollBar().setValue(grid.verticalScrollBar().value() + step)
    moved = on_screen(grid)
    with qtbot.waitSignal(grid.painted):
        grid.viewport().update()
    assert on_screen(grid) == moved


def test_grid_moves_by_keys_and_stays_inside(qtbot: QtBot, grid: GridView) -> None:
    key, columns = Qt.Key, grid.columns()
    grid.setCurrentIndex(grid.model().index(0, 0))

    assert press(qtbot, grid, key.Key_Up, key.Key_Left) == 0
    assert press(qtbot, grid, key.Key_Down, key.Key_Right) == columns + 1
    assert press(qtbot, grid, key.Key_PageDown) > 2 * columns
    assert press(qtbot, grid, key.Key_End) == 99_999
    assert grid.viewport().rect().contains(grid.visualRect(grid.currentIndex()).center())
    assert press(qtbot, grid, key.Key_Right, key.Key_Down) == 99_999
    assert press(qtbot, grid, key.Key_Home) == 0
    assert grid.verticalOffset() == 0


def test_grid_selects_a_range_when_shift_is_held(qtbot: QtBot, grid: GridView) -> None:
    def click(row: int, modifier: Qt.KeyboardModifier) -> None:
        where = grid.visualRect(grid.model().index(row, 0)).center()
        qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, modifier, where)

    click(5, Qt.KeyboardModifier.NoModifier)
    click(2, Qt.KeyboardModifier.ShiftModifier)
    assert selected(grid) == [2, 3, 4, 5]

    click(3, Qt.KeyboardModifier.ControlModifier)
    assert selected(grid) == [2, 4, 5]


def selected(grid: GridView) -> list[int]:
    return sorted(index.row() for index in grid.selectionModel().selectedIndexes())


def test_grid_selects_what_a_rubber_band_touches_when_it_begins_beside_a_picture(
    qtbot: QtBot, grid: GridView
) -> None:
    side, port = grid.cell().width(), grid.viewport()
    start, end = QPoint(1, 1), QPoint(side + side // 2, side // 2)

    qtbot.mousePress(port, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(port, QPoint(60, 60))
    qtbot.mouseMove(port, end)
    qtbot.mouseRelease(port, Qt.MouseButton.LeftButton, pos=end)

    assert selected(grid) == [0, 1]


def test_grid_asks_for_a_drag_when_a_picture_is_pulled(qtbot: QtBot, grid: GridView) -> None:
    port, start = grid.viewport(), grid.visualRect(grid.model().index(1, 0)).center()

    with qtbot.waitSignal(grid.drag_wanted):
        qtbot.mousePress(port, Qt.MouseButton.LeftButton, pos=start)
        qtbot.mouseMove(port, start + QPoint(30, 0))
        qtbot.mouseMove(port, start + QPoint(60, 0))

    qtbot.mouseRelease(port, Qt.MouseButton.LeftButton, pos=start)
    assert selected(grid) == [1]


def test_grid_names_no_row_when_the_point_lies_between_pictures(grid: GridView) -> None:
    frame = frame_of(grid.visualRect(grid.model().index(0, 0)))

    assert grid.indexAt(frame.center()).row() == 0
    assert not grid.indexAt(frame.topLeft() - QPoint(2, 2)).isValid()
    assert grid.visualRect(QModelIndex()).isEmpty()


def test_grid_keeps_its_selection_when_new_pictures_come_on_top(
    grid: GridView, model: PictureModel
) -> None:
    select = QItemSelectionModel.SelectionFlag.Select
    grid.selectionModel().select(model.index(4), select)
    kept = model.id_at(4)

    model.add([make_picture("new1"), make_picture("new2")])

    assert selected(grid) == [6]
    assert model.id_at(6) == kept


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_Return])
def test_grid_opens_the_row_when_space_or_enter_is_pressed(
    qtbot: QtBot, grid: GridView, key: Qt.Key
) -> None:
    grid.setCurrentIndex(grid.model().index(3, 0))
    with qtbot.waitSignal(grid.opened) as opened:
        qtbot.keyClick(grid, key)
    assert opened.args[0].row() == 3


@given(
    shape=st.sampled_from(SHAPES),
    multiple=st.sampled_from([1, 8, 16, 32, 64]),
    low=st.integers(64, 512),
    high=st.integers(1024, 4096),
)
def test_size_is_what_the_model_takes_for_every_shape_and_rule(
    shape: Shape, multiple: int, low: int, high: int
) -> None:
    size = size_of(shape, SizeRule(low, high, multiple))

    for side in (size.width, size.height):
        assert low <= side <= high
        assert side % multiple == 0
    assert (size.width > size.height) == (shape.across > shape.down)


def test_size_is_the_usual_one_at_flux() -> None:
    rule = SizeRule(256, 1440, 16)

    assert str(size_of(SHAPES[0], rule)) == "1024 × 1024"
    assert str(size_of(SHAPES[5], rule)) == "1360 × 768"
    assert fit_side(1000, rule) == 992
