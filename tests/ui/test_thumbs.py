"""Thumbnails: decoded in the background, upright, as large as asked, never twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.thumbs import ThumbLoader


@pytest.fixture
def jobs(qtbot: QtBot) -> Iterator[JobRunner]:
    runner = JobRunner()
    yield runner
    assert runner.shutdown(30_000)
    runner.deleteLater()


@pytest.fixture
def thumbs(jobs: JobRunner) -> ThumbLoader:
    return ThumbLoader(jobs)


def make_photo(path: Path, size: tuple[int, int], *, orientation: int = 1) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size, (200, 40, 40)).save(path, exif=exif)
    return path


def load(qtbot: QtBot, thumbs: ThumbLoader, path: Path, *, fill: bool = False) -> tuple[int, int]:
    with qtbot.waitSignal(thumbs.ready, check_params_cb=lambda got: got == str(path)):
        assert thumbs.get(path, 100, fill=fill) is None
    pixmap = thumbs.get(path, 100, fill=fill)
    assert pixmap is not None
    ratio = pixmap.devicePixelRatio()
    return round(pixmap.width() / ratio), round(pixmap.height() / ratio)


def test_thumb_lies_inside_the_square_when_not_filling(
    qtbot: QtBot, thumbs: ThumbLoader, tmp_path: Path
) -> None:
    assert load(qtbot, thumbs, make_photo(tmp_path / "wide.jpg", (800, 400))) == (100, 50)


def test_thumb_covers_the_square_when_filling(
    qtbot: QtBot, thumbs: ThumbLoader, tmp_path: Path
) -> None:
    photo = make_photo(tmp_path / "wide.jpg", (800, 400))
    assert load(qtbot, thumbs, photo, fill=True) == (200, 100)


def test_thumb_stands_upright_when_the_camera_was_turned(
    qtbot: QtBot, thumbs: ThumbLoader, tmp_path: Path
) -> None:
    photo = make_photo(tmp_path / "turned.jpg", (800, 400), orientation=6)
    assert load(qtbot, thumbs, photo) == (50, 100)


def test_thumb_keeps_its_own_size_when_the_file_is_smaller(
    qtbot: QtBot, thumbs: ThumbLoader, tmp_path: Path
) -> None:
    assert load(qtbot, thumbs, make_photo(tmp_path / "small.png", (30, 20))) == (30, 20)


def test_thumb_is_decoded_once_when_asked_for_many_times(
    qtbot: QtBot, thumbs: ThumbLoader, jobs: JobRunner, tmp_path: Path
) -> None:
    photo = make_photo(tmp_path / "one.jpg", (300, 300))
    with qtbot.waitSignal(thumbs.ready):
        for _ in range(5):
            thumbs.get(photo, 100)
        assert jobs.live() == 1
    photo.unlink()
    assert thumbs.get(photo, 100) is not None
    assert jobs.live() <= 1


def test_thumb_stays_away_when_the_file_is_no_picture_and_comes_when_it_is_written(
    qtbot: QtBot, thumbs: ThumbLoader, jobs: JobRunner, tmp_path: Path
) -> None:
    path = tmp_path / "later.jpg"
    path.write_bytes(b"not a picture")
    with qtbot.waitSignal(thumbs.ready):
        assert thumbs.get(path, 100) is None
    qtbot.waitUntil(lambda: jobs.live() == 0)
    assert thumbs.get(path, 100) is None
    assert jobs.live() == 0
    make_photo(path, (300, 300))
    thumbs.forget(path)
    assert load(qtbot, thumbs, path) == (100, 100)


def test_what_was_dropped_is_not_decoded_until_it_is_asked_for_again(
    qtbot: QtBot, thumbs: ThumbLoader, jobs: JobRunner, tmp_path: Path
) -> None:
    photos = [make_photo(tmp_path / f"{n}.jpg", (300, 300)) for n in range(3)]
    ready: list[str] = []
    thumbs.ready.connect(ready.append)
    thumbs.get(photos[0], 100)
    thumbs.get(photos[1], 100)

    thumbs.drop_waiting((), 100)
    thumbs.get(photos[2], 100)
    qtbot.waitUntil(lambda: ready == [str(photos[2])] and jobs.live() == 0)

    assert load(qtbot, thumbs, photos[0]) == (100, 100)


def test_what_came_is_named_when_it_can_be_had(
    qtbot: QtBot, thumbs: ThumbLoader, jobs: JobRunner, tmp_path: Path
) -> None:
    photos = [str(make_photo(tmp_path / f"{n}.jpg", (300, 300))) for n in range(5)]
    named: list[str] = []

    def on_came(paths: frozenset[str]) -> None:
        assert all(thumbs.has(path, 100) for path in paths)
        named.extend(paths)

    thumbs.came.connect(on_came)
    find = thumbs.finder(100)
    assert [find(photo) for photo in photos] == [None] * 5
    qtbot.waitUntil(lambda: sorted(named) == photos)

    more = str(make_photo(tmp_path / "more.jpg", (300, 300)))
    assert find(more) is None  # while the job still waits, or when it has ended
    qtbot.waitUntil(lambda: named[5:] == [more] and jobs.live() == 0)
    assert all(find(photo) is not None for photo in (*photos, more))


def test_thumb_in_another_size_stands_for_the_one_that_is_wanted(
    qtbot: QtBot, thumbs: ThumbLoader, jobs: JobRunner, tmp_path: Path
) -> None:
    photo = make_photo(tmp_path / "one.jpg", (300, 300))
    load(qtbot, thumbs, photo)

    meanwhile = thumbs.get(photo, 150)

    assert meanwhile is not None
    assert meanwhile.deviceIndependentSize().toSize().toTuple() == (100, 100)
    assert not thumbs.has(photo, 150)
    qtbot.waitUntil(lambda: thumbs.has(photo, 150))


def test_pixmaps_are_let_go_by_their_bytes_the_oldest_first(
    qtbot: QtBot, thumbs: ThumbLoader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fluxlora_desktop.ui.thumbs._MOST_BYTES", 2 * 100 * 100 * 4)
    photos = [make_photo(tmp_path / f"{n}.jpg", (300, 300)) for n in range(3)]

    for photo in photos:
        load(qtbot, thumbs, photo)

    assert [thumbs.has(photo, 100) for photo in photos] == [False, True, True]
