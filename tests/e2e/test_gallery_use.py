"""A gallery of 2,000 pictures used by real keys and clicks, on a real X server."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from fluxlora_desktop.system.places import find_places
from fluxlora_desktop.system.practice_process import PracticeProcess
from tests.e2e.test_drop import display, wait_for, xdotool

__all__ = ["display"]
pytestmark = pytest.mark.heavy
ROOT = Path(__file__).resolve().parents[2]
COUNT = 2000


class Person:
    """Presses keys and buttons of a display and looks at what the app says it shows."""

    def __init__(self, env: dict[str, str], app: subprocess.Popen[str], folder: Path) -> None:
        self.env, self.app, self.folder = env, app, folder
        self.said = folder / "said.txt"

    def sees(self, what: Callable[[dict[str, object]], bool], words: str) -> dict[str, object]:
        """Wait until what is shown is as wanted, and return it."""

        def look() -> dict[str, object] | None:
            lines = [line for line in self.said.read_text().splitlines() if '"rows"' in line]
            now = json.loads(lines[-1]) if lines else None
            return now if now is not None and what(now) else None

        found = wait_for(look, words)
        assert isinstance(found, dict)
        return found

    def sees_rest(self, what: Callable[[dict[str, object]], bool], words: str) -> dict[str, object]:
        """Wait until what is shown is as wanted, filled, and did not change for half a second."""
        before = self.sees(what, words)
        while True:
            time.sleep(0.5)
            now = self.sees(lambda now: what(now) and bool(now["filled"]), words)
            if now == before:
                return now
            before = now

    def press(self, *keys: str) -> None:
        """Press keys, one after another."""
        xdotool(self.env, "key", "--delay", "30", *keys)

    def click(self, place: object, button: int = 1, times: int = 1, held: str = "") -> None:
        """Click on a place of the screen, with a key held if one is given."""
        assert isinstance(place, list)
        before = ["keydown", held] if held else []
        after = ["keyup", held] if held else []
        repeat = ["--repeat", times, "--delay", 25]
        xdotool(self.env, "mousemove", *place, *before, "click", *repeat, button, *after)

    def shot(self, name: str) -> Image.Image:
        """Return what the screen shows."""
        path = self.folder / f"{name}.png"
        assert self.app.stdin is not None
        self.app.stdin.write(f"{path}\n")
        self.app.stdin.flush()
        wait_for(lambda: str(path) in self.said.read_text(), "the screenshot")
        return Image.open(path)


@pytest.fixture
def person(tmp_path: Path, display: dict[str, str]) -> Iterator[Person]:
    command = [sys.executable, str(ROOT / "tests/e2e/gallery_target.py"), str(tmp_path), str(COUNT)]
    services = find_places(tmp_path, practice=True).practice_services
    with (tmp_path / "said.txt").open("w") as out:
        app = subprocess.Popen(command, env=display, stdin=subprocess.PIPE, stdout=out, text=True)
        try:
            yield Person(display, app, tmp_path)
        finally:
            app.terminate()
            app.communicate(timeout=20)
            PracticeProcess(state_dir=services).stop()


def colours(image: Image.Image) -> int:
    """Return how many colours of the pictures there are, of 40."""
    found = {colour for _n, colour in image.convert("RGB").getcolors(2**24) or ()}
    return sum((40 + n * 5, 200 - n * 4, 120) in found for n in range(40))


def test_2000_pictures_are_scrolled_opened_compared_deleted_and_found(person: Person) -> None:
    start = person.sees(lambda now: now["rows"] == COUNT and bool(now["filled"]), "the pictures")
    assert colours(person.shot("grid")) >= 6

    person.click(start["middle"], button=5, times=30)
    down = person.sees_rest(lambda now: int(str(now["first"])) > 20, "rows below")
    person.click(down["middle"])
    person.sees(lambda now: now["selected"] == [down["inside"]], "the clicked one")
    person.press("End")
    person.sees(lambda now: now["current"] == COUNT - 1 and bool(now["filled"]), "the last ones")
    person.press("Home", "Right", "Right", "shift+Right")
    person.sees(lambda now: now["selected"] == [2, 3], "two selected")

    person.press("c")
    person.sees(lambda now: now["comparing"] == 2, "the two side by side")
    person.press("plus", "plus", "Right", "Escape")
    person.sees(lambda now: now["comparing"] == 0, "the grid")
    person.press("Home", "space")
    person.sees(lambda now: now["viewing"] == COUNT - 1 and bool(now["whole"]), "it large")
    person.press("F11")  # what is typed while the window changes its size may reach no window
    person.sees(lambda now: bool(now["full_screen"]), "the whole screen")
    person.press("Right", "i")
    person.sees(lambda now: now["viewing"] == COUNT - 2, "the next one")
    assert person.shot("full").getpixel((3, 3)) == (0x11, 0x11, 0x13)
    person.press("Escape")
    person.sees(lambda now: not now["full_screen"], "the window again")
    person.press("Escape")
    person.sees(lambda now: now["viewing"] == -1 and now["current"] == 1, "the grid again")

    person.press("Delete")
    person.sees(lambda now: now["rows"] == COUNT - 1 and bool(now["undo"]), "one less")
    person.press("ctrl+z")
    person.sees(lambda now: now["rows"] == COUNT, "it back")

    person.click(start["search"])
    xdotool(person.env, "type", "--delay", "30", "zebra")
    found = person.sees(lambda now: now["rows"] == COUNT // 500 and bool(now["filled"]), "zebras")
    assert found["first"] == 0
    assert colours(person.shot("found")) == len({n % 40 for n in range(7, COUNT, 500)})
