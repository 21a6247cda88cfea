"""Samples and checkpoints of a training on the Runs page, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.training import Checkpoint, Sample, TrainingOutputs
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.runs.outputs import OutputsPart
from fluxlora_desktop.ui.thumbs import ThumbLoader
from tests.ui.desk_fixtures import nameless


def picture(path: Path, colour: str) -> Path:
    image = QImage(64, 64, QImage.Format.Format_RGB32)
    image.fill(QColor(colour))
    assert image.save(str(path))
    return path


@pytest.fixture
def samples(tmp_path: Path) -> tuple[Sample, ...]:
    """Return two prompts at three steps."""
    return tuple(
        Sample(step, index, picture(tmp_path / f"{step}_{index}.png", "teal"), f"prompt {index}", 7)
        for step in (250, 500, 750)
        for index in (0, 1)
    )


@pytest.fixture
def part(qtbot: QtBot) -> Iterator[OutputsPart]:
    jobs = JobRunner()
    thumbs = ThumbLoader(jobs, jobs)
    made = OutputsPart(thumbs)
    qtbot.addWidget(made)
    made.resize(700, 500)
    made.show()
    yield made
    assert jobs.shutdown(30_000)
    jobs.deleteLater()


def outputs(samples: tuple[Sample, ...], *steps: int) -> TrainingOutputs:
    kept = tuple(Checkpoint(step, Path(f"step_{step}.safetensors"), 130_700_000) for step in steps)
    return TrainingOutputs(samples, kept, 1)


def test_samples_are_opened_and_walked_through_by_keyboard(
    part: OutputsPart, samples: tuple[Sample, ...], qtbot: QtBot
) -> None:
    part.show_outputs(outputs(samples))
    part.strip.setCurrentIndex(part.strip.samples.index(2, 0))

    qtbot.keyClick(part.strip, Qt.Key.Key_Return)
    view = part.viewing
    assert (view.title.text(), view.prompt.text()) == ("Step 500 · seed 7", "prompt 0")
    qtbot.waitUntil(lambda: not view.picture.pixmap().isNull())
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.sample == samples[4]
    assert not view.later.isEnabled()
    qtbot.keyClick(view, Qt.Key.Key_Down)

    assert view.sample == samples[5]
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.sample == samples[5], "it is the last"
    view.reject()


def test_samples_that_come_leave_the_chosen_one_as_it_is(
    part: OutputsPart, samples: tuple[Sample, ...]
) -> None:
    part.show_outputs(outputs(samples[:2]))
    part.strip.setCurrentIndex(part.strip.samples.index(1, 0))

    part.show_outputs(outputs(samples))

    assert part.strip.currentIndex().row() == 1
    assert part.strip.samples.rowCount() == 6


def test_checkpoints_are_kept_or_compared_as_they_are_ticked(
    part: OutputsPart, qtbot: QtBot
) -> None:
    asked: list[object] = []
    part.keep_wanted.connect(lambda steps: asked.append(("keep", steps)))
    part.compare_wanted.connect(lambda steps: asked.append(("compare", steps)))
    part.show_outputs(outputs((), 250, 500))
    made = part.checkpoints
    assert not made.keep.isEnabled() and not made.compare.isEnabled()

    qtbot.keyClick(made.boxes[500], Qt.Key.Key_Space)
    assert made.keep.text() == "Keep this checkpoint"
    made.keep.click()
    part.show_outputs(outputs((), 250, 500, 750))
    qtbot.keyClick(made.boxes[250], Qt.Key.Key_Space)
    made.compare.click()

    assert asked == [("keep", (500,)), ("compare", (250, 500))]
    assert next(iter(made.boxes.values())).text() == "Step 750, 130.7 MB"


def test_nothing_is_shown_where_there_is_nothing(
    part: OutputsPart, samples: tuple[Sample, ...]
) -> None:
    assert not part.strip.isVisible() and not part.checkpoints.isVisible()

    part.show_outputs(outputs(samples, 250))

    assert part.strip.isVisible() and part.checkpoints.isVisible()
    assert nameless(part) == []
