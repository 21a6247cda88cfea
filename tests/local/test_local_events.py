"""Events and notes of a job as another program may leave them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fluxlora_desktop.backends.local.events import MOST_LOSSES, EventReader, tail_of
from fluxlora_desktop.backends.local.notes import NOTE, Note, Wish, read_note, write_note

NOTE_OF = Note(
    kind="local",
    run_id="r",
    trainer="flux.1-dev",
    base="flux.1-dev",
    trigger_word="TOK",
    destination="fox",
    created_at=datetime(2026, 11, 27, tzinfo=UTC),
    parameters={"steps": 10, "ema": 0.99, "precision": "auto"},
    steps=10,
)


def tell(path: Path, *events: dict[str, Any] | bytes) -> None:
    with path.open("ab") as file:
        for event in events:
            data = event if isinstance(event, bytes) else json.dumps({"v": 1, **event}).encode()
            file.write(data + b"\n")


def step(number: int, of: int = 10, **more: Any) -> dict[str, Any]:
    return {"event": "step", "step": number, "of": of, "loss": 0.5, **more}


def test_reader_goes_on_where_it_stopped_also_in_the_middle_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    reader = EventReader(path)
    assert reader.read().step is None
    tell(path, step(1))
    line = json.dumps({"v": 1, **step(2)}).encode()
    with path.open("ab") as file:
        file.write(line[:20])
    assert reader.read().step == 1

    with path.open("ab") as file:
        file.write(line[20:] + b"\n")

    assert reader.read().step == 2


def test_steps_that_were_trained_again_have_their_later_loss(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    tell(path, step(1), step(2), {"event": "hello", "step": 1, "of": 10}, step(2, loss=0.1))

    told = EventReader(path).read()

    assert told.losses == ((1, 0.5), (2, 0.1))


def test_losses_of_a_long_training_are_thinned_to_the_same_steps_at_each_look(
    tmp_path: Path,
) -> None:
    path = tmp_path / "events.jsonl"
    reader = EventReader(path)
    tell(path, *(step(number, of=10_000) for number in range(1, 5001)))
    half = reader.read().losses
    tell(path, *(step(number, of=10_000) for number in range(5001, 10_001)))

    whole = reader.read().losses

    assert whole[: len(half)] == half
    assert len(whole) == MOST_LOSSES
    assert whole[-1][0] == 10_000


@pytest.mark.parametrize(
    "odd",
    [
        b"\xff\xfe\x00",
        b"[" * 60_000,
        b'{"v":1,"event":"step","step":true}',
        b'{"v":1,"event":"step","step":-4,"loss":1}',
        b'{"v":1,"event":"step","step":1e3}',
        b'{"v":1,"event":"sample","step":1,"index":0,"path":"/etc/x.png"}',
        b'{"v":1,"event":"sample","step":1,"index":0,"path":"samples/../../x.png"}',
        b'{"v":1,"event":"checkpoint","step":1,"path":"c:\\\\x.safetensors"}',
        b'{"v":1,"event":"checkpoint","step":1,"path":"checkpoints/x.pt"}',
    ],
    ids=["bytes", "deep", "flag", "negative", "float", "absolute", "up", "drive", "suffix"],
)
def test_odd_lines_are_passed_over(tmp_path: Path, odd: bytes) -> None:
    path = tmp_path / "events.jsonl"
    tell(path, odd, step(7))

    told = EventReader(path).read()

    assert (told.step, told.samples, told.checkpoints) == (7, (), ())


def test_tail_of_a_log_begins_with_a_whole_line(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_bytes(b"first line\nsecond line\nlast \xff\n")

    assert tail_of(log, 16) == "last \ufffd\n"
    assert tail_of(tmp_path / "none.txt") == ""


def test_note_comes_back_as_it_was_written(tmp_path: Path) -> None:
    note = replace(NOTE_OF.with_wish(Wish.PAUSE), starts=3, step=250, fruitless=1, gpu=1)

    write_note(tmp_path, note)

    assert read_note(tmp_path) == note


@pytest.mark.parametrize(
    "damage",
    [{"starts": -1}, {"wish": "dance"}, {"created_at": "yesterday"}, {"gpu": "one"}],
    ids=["count", "wish", "time", "gpu"],
)
def test_damaged_note_is_no_job(tmp_path: Path, damage: dict[str, Any]) -> None:
    write_note(tmp_path, NOTE_OF)
    said = json.loads((tmp_path / NOTE).read_text())
    (tmp_path / NOTE).write_text(json.dumps(said | damage))

    assert read_note(tmp_path) is None
