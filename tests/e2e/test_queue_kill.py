"""SIGKILL while a queued picture is made: the queue is there again, and nothing is sent twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.practice.services import PracticeServices
from fluxlora_desktop.workflows.orders import make_order, pause_order, settle_queue, take_up
from tests.e2e.queue_drive import ORDER, Telling, tools_at

pytestmark = pytest.mark.heavy
ROOT = Path(__file__).resolve().parents[2]
PATH = "/v1/images/generations"
DONE, DOUBT = PictureState.DONE, PictureState.MAYBE_CHARGED


def test_killed_app_finds_its_queue_as_it_was_left_and_makes_each_picture_once(
    tmp_path: Path,
) -> None:
    with PracticeServices(state_dir=tmp_path / "cloud") as cloud:
        together = cloud.together
        together.next(method="POST", path=PATH, when="after", delay=0.0, headers={"x-first": "1"})
        together.next(method="POST", path=PATH, when="after", delay=60.0)
        place = (str(tmp_path / "library"), together.url, together.token)
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.queue_drive", *place],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "made\n"
        while together.ledger.count("picture") < 2:  # the second is made and its answer is held
            assert child.poll() is None
        child.send_signal(signal.SIGKILL)
        child.communicate(timeout=20)

        with tools_at(Path(place[0]), *place[1:]) as tools:
            queue, waiting = take_up(tools)
            (second,) = queue.orders
            assert second.paused
            assert len(waiting) == 2
            pause_order(second.id, False, tools)
            make_order(second.id, tools, Telling())
            assert settle_queue(tools).queue.orders == ()
            store = tools.stores.pictures
            ends = Counter((p.prompt, p.state) for p in store.page(store.ids()))

        assert ends == {("a red fox", DONE): 2, ("a grey fox", DOUBT): 1, ("a grey fox", DONE): 1}
        assert together.ledger.count("picture") == 4
        assert ORDER.prompt == second.prompt
