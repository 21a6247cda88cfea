"""SIGKILL while a caption is being written: what was kept is there, nothing is sent again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fluxlora_desktop.domain.money import Certainty
from fluxlora_desktop.domain.runs import EffectKind, EffectState
from fluxlora_desktop.practice.services import PracticeServices
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.system.clock import SystemClock

pytestmark = pytest.mark.heavy
ROOT = Path(__file__).resolve().parents[2]
PHOTOS = [ROOT / "resources" / "practice-photos" / f"fox_0{n}.jpg" for n in (1, 2)]
CHAT = "/v1/chat/completions"


def test_killed_app_counts_the_caption_as_possibly_charged_and_does_not_send_it_again(
    tmp_path: Path,
) -> None:
    with PracticeServices(state_dir=tmp_path / "cloud") as cloud:
        together = cloud.together
        together.next(method="POST", path=CHAT, when="after", delay=0.0, headers={"x-first": "1"})
        together.next(method="POST", path=CHAT, when="after", delay=60.0)
        command = [sys.executable, "-m", "tests.e2e.caption_drive", str(tmp_path / "library")]
        child = subprocess.Popen(
            [*command, together.url, together.token, *map(str, PHOTOS)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "written\n"
        while together.ledger.count("caption") < 2:  # the second is made and its answer is held
            assert child.poll() is None
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
        child.communicate(timeout=20)

        library = open_library(tmp_path / "library", clock=SystemClock())
        stores = library.stores
        unknown = stores.runs.effects(EffectState.UNKNOWN)
        charges = {charge.certainty for charge in stores.ledger.charges()}
        kept = _captions(tmp_path / "library")
        library.close()

        assert [effect.kind for effect in unknown] == [EffectKind.CAPTION]
        assert charges == {Certainty.CHARGED, Certainty.MAYBE}
        assert len(kept) == 1 and kept[0].startswith("TOK, ")
        assert together.ledger.count("caption") == 2


def _captions(folder: Path) -> list[str]:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(folder / "library.db")) as raw:
        return [row[0] for row in raw.execute("SELECT caption FROM captions")]
