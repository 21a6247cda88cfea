"""Progress from the trainer's log, on lines seen at the service and rendered from its source."""

import pytest

from fluxlora_desktop.backends.http.logs import clean_log
from fluxlora_desktop.backends.replicate.logs import read_losses, read_progress

BAR = "flux_train_replicate:  83%|████████▎ | 2482/3000 [43:27<09:04,  1.05s/it, "
SEEN = BAR + "lr: 4.0e-04 loss: 2.472e-01]"


def test_progress_reads_a_line_seen_at_the_service() -> None:
    progress = read_progress(SEEN)

    assert (progress.step, progress.total) == (2482, 3000)
    assert progress.eta_seconds == 544
    assert progress.seconds_per_step == 1.05
    assert progress.loss == 0.2472
    assert progress.stage == "Training"


def test_progress_turns_steps_per_second_round() -> None:
    line = "flux_train_replicate:  50%|█████     | 500/1000 [04:32<04:32,  2.00it/s]"

    assert read_progress(line).seconds_per_step == 0.5


def test_progress_knows_hours_and_a_loss_that_is_no_number() -> None:
    line = (
        "flux_train_replicate:  50%|█████     | 3000/6000 [1:01:40<1:01:40,  1.23s/it, "
        "lr: 4.0e-04 loss: nan]"
    )

    progress = read_progress(line)
    assert progress.eta_seconds == 3700
    assert progress.loss is None
    assert read_losses(line) == ()


def test_progress_has_no_rate_before_the_first_step() -> None:
    progress = read_progress("flux_train_replicate:   0%|          | 0/1000 [00:00<?, ?it/s]")

    assert (progress.step, progress.total) == (0, 1000)
    assert progress.seconds_per_step is None
    assert progress.eta_seconds is None


@pytest.mark.parametrize("length", range(1, len(SEEN)))
def test_progress_keeps_the_last_whole_line_when_the_poll_cuts_one(length: int) -> None:
    before = "flux_train_replicate:   0%|          | 1/3000 [00:03<53:16,  3.20s/it, "
    before += "lr: 4.0e-04 loss: 3.374e-01]\n"

    progress = read_progress(before + SEEN[:length])

    assert (progress.step, progress.loss) == (1, 0.3374)


@pytest.mark.parametrize(
    "line",
    [
        "Caching latents: 100%|██████████| 10/10 [00:01<00:00,  7.14it/s]",
        "100%|██████████| 10/10 [00:00<00:00, 500.00it/s]",
        " 20%|██        | 10/50 [00:00<00:02, 16.76it/s]",
    ],
)
def test_progress_ignores_bars_of_other_work(line: str) -> None:
    assert read_progress(line).step is None


@pytest.mark.parametrize(
    ("line", "stage"),
    [
        ("", "Starting"),
        ("... | INFO  | [ Initiating ] chunk_size=150M", "Fetching the base model"),
        ("Extracted 12 files from zip to input_images", "Reading photos"),
        ("Caption for input_images/photo_02.jpg: a photo of TOK", "Writing captions"),
        ("photo_01.jpg is already captioned", "Writing captions"),
        ("Loading Flux model", "Loading the model"),
        ("Dataset: input_images", "Preparing photos"),
        (SEEN, "Training"),
        (SEEN + "\nSaved to output/flux_train_replicate/optimizer.pt", "Saving"),
    ],
)
def test_stage_is_told_in_plain_words(line: str, stage: str) -> None:
    assert read_progress(line).stage == stage


def test_losses_come_in_order_and_once_for_each_step() -> None:
    lines = [
        f"flux_train_replicate:  1%|x| {step}/1000 [00:03<53:16,  3.2s/it, lr: 4e-04 loss: {loss}]"
        for step, loss in ((0, 0.5), (1, 0.4), (1, 0.3))
    ]

    assert read_losses("\n".join(lines)) == ((0, 0.5), (1, 0.3))


def test_clean_log_leaves_plain_lines() -> None:
    assert clean_log("\x1b[31mred\x1b[0m\r 5%\r\n\u202edone") == "red\n 5%\ndone"
