"""The trainer's events: numbered on over resumes, and never in the way of a training."""

import io
import json
from pathlib import Path

import pytest

from fluxlora_desktop.trainer.events import EventLog


def told(path: Path) -> list[tuple[int, str]]:
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [(line["seq"], line["event"]) for line in lines]


def test_events_go_to_the_stream_and_to_the_file(tmp_path: Path) -> None:
    path, stream = tmp_path / "out" / "events.jsonl", io.StringIO()

    EventLog(path, stream).tell("step", step=3, loss=0.5)

    assert stream.getvalue() == path.read_text("utf-8")
    line = json.loads(stream.getvalue())
    assert {"v": 1, "seq": 1, "event": "step", "step": 3, "loss": 0.5}.items() <= line.items()


def test_numbers_go_on_after_a_line_that_a_kill_has_torn(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    first = EventLog(path, io.StringIO())
    first.tell("hello")
    first.tell("step")
    with path.open("a", encoding="utf-8") as file:
        file.write('{"v": 1, "seq": 3, "eve')

    EventLog(path, io.StringIO()).tell("hello")

    last = path.read_text("utf-8").splitlines()[-1]
    assert json.loads(last)["seq"] == 3


@pytest.mark.parametrize("how", ["closed", "broken"])
def test_reader_that_has_gone_stops_nothing(tmp_path: Path, how: str) -> None:
    class Broken(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    path = tmp_path / "events.jsonl"
    stream = io.StringIO() if how == "closed" else Broken()
    if how == "closed":
        stream.close()
    log = EventLog(path, stream)

    log.tell("step")
    log.tell("done")

    assert told(path) == [(1, "step"), (2, "done")]
