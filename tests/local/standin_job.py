"""One job of a stand-in checkout, run and read without the app's queue."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from fluxlora_desktop.backends.aitoolkit.config import as_text, config_of
from fluxlora_desktop.backends.aitoolkit.trainers import TRAINERS, Recipe
from fluxlora_desktop.domain.training import ParameterValue, TrainingSpec
from fluxlora_desktop.trainer import own_checkout
from tests.local.ground import PATIENCE_S
from tests.local.standin import StandIn

RUNNER = Path(own_checkout.__file__)
FLUX1, FLUX2 = TRAINERS[:2]


def spec_for(recipe: Recipe, trigger: str = "TOK", **chosen: ParameterValue) -> TrainingSpec:
    return TrainingSpec("run1", recipe.trainer.key, recipe.trainer.base, trigger, 3, "my-cat",
                        parameters=chosen)  # fmt: skip


class Room:
    """A stand-in checkout and one job in a folder."""

    def __init__(self, folder: Path) -> None:
        self.checkout = StandIn(folder)
        self._started: list[subprocess.Popen[bytes]] = []
        self.job = folder / "jobs" / "mark1"
        (self.job / "images").mkdir(parents=True)
        self.out = self.job / "out"
        self.out.mkdir()
        for number in range(3):
            (self.job / "images" / f"{number:04d}.jpg").write_bytes(b"photo")
            (self.job / "images" / f"{number:04d}.txt").write_text(f"TOK cat {number}")
        self.order()

    def order(self, *, reports: bool = True, **chosen: ParameterValue) -> None:
        given: dict[str, ParameterValue] = {"steps": 30, "save_every": 10, "sample_every": 20}
        spec = spec_for(FLUX1, **(given | chosen))
        config = config_of(spec, FLUX1, self.job, ["TOK a", "TOK b"], reports=reports)
        (self.job / "job.json").write_text(as_text(config))

    def start(self) -> subprocess.Popen[bytes]:
        with (self.out / "log.txt").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, str(RUNNER), str(self.job), str(self.checkout.folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        self._started.append(child)
        return child

    def quiet(self) -> None:
        """End what still runs."""
        for child in self._started:
            child.kill()
            child.wait(PATIENCE_S)

    def run(self) -> dict[str, Any]:
        child = self.start()
        code = child.wait(PATIENCE_S)
        result: dict[str, Any] = json.loads((self.out / "result.json").read_bytes())
        assert result["code"] == code
        return result

    def log(self) -> str:
        return (self.out / "log.txt").read_text()
