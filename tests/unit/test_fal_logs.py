"""Progress from fal's log: whatever trainer prints it, only the bar of the steps ordered counts."""

import pytest

from fluxlora_desktop.backends.fal.logs import read_losses, read_progress

BAR = "Training:  40%|████      | 400/1000 [08:30<12:45,  1.27s/it, loss=0.217]"


def test_progress_reads_the_bar_of_the_steps_ordered() -> None:
    progress = read_progress(BAR, 1000)

    assert (progress.step, progress.total, progress.stage) == (400, 1000, "Training")
    assert progress.seconds_per_step == 1.27
    assert progress.eta_seconds == 765
    assert progress.loss == 0.217


@pytest.mark.parametrize(
    "other",
    [
        "Downloading: 100%|██████████| 200/200 [00:03<00:00, 66.7it/s]",
        "Caching latents: 100%|██████████| 12/12 [00:03<00:00,  4.0it/s]",
    ],
)
def test_bars_of_other_work_are_not_the_training(other: str) -> None:
    progress = read_progress(f"{BAR}\n{other}", 1000)

    assert (progress.step, progress.total) == (400, 1000)


def test_unknown_number_of_steps_leaves_only_short_bars_out() -> None:
    photos = "Caching latents: 100%|██████████| 12/12 [00:03<00:00,  4.0it/s]"

    assert read_progress(photos, None).total is None
    assert read_progress(f"{BAR}\n{photos}", None).total == 1000


def test_last_line_is_the_stage_before_the_first_bar() -> None:
    assert read_progress("", 1000).stage == "Starting"
    assert read_progress("Loading the model\n\n", 1000).stage == "Loading the model"
    assert len(read_progress("x" * 5000, 1000).stage) == 60


def test_losses_come_once_a_step_and_only_as_numbers() -> None:
    lines = (
        "|█| 10/1000 [00:10<12:45,  1.27s/it, loss: 5.0e-01]",
        "|█| 10/1000 [00:10<12:45,  1.27s/it, Loss = 0.4]",
        "|█| 20/1000 [00:20<12:45,  1.27s/it]",
        "|█| 30/1000 [00:30<12:45,  1.27s/it, loss=nan]",
    )

    assert read_losses("\n".join(lines), 1000) == ((10, 0.4),)


@pytest.mark.parametrize("length", range(1, len(BAR)))
def test_bar_cut_in_the_middle_is_not_misread(length: int) -> None:
    before = "Training:   1%|          | 10/1000 [00:13<20:57,  1.27s/it, loss=0.9]"

    progress = read_progress(f"{before}\n{BAR[:length]}", 1000)

    assert (progress.step, progress.loss) == (10, 0.9)
