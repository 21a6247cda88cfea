"""Real files dragged from another window land on the Photos page, on a real X server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fluxlora_desktop.system.places import find_places, resource
from fluxlora_desktop.system.practice_process import PracticeProcess

pytestmark = pytest.mark.heavy
ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("Xvfb", "openbox", "xdotool")
NAMES = ("fox_01.jpg", "fox_02.jpg", "side.jpg", "fox_03.png", "IMG_2041.HEIC")


def free_display() -> str:
    """Return the number of a display that nobody has."""
    for number in range(90, 140):
        if not Path(f"/tmp/.X11-unix/X{number}").exists():
            return f":{number}"
    raise AssertionError("every display is taken")


@pytest.fixture
def display() -> Iterator[dict[str, str]]:
    """An X server with a window manager; drags between windows need one."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    assert not missing, (
        f"install {', '.join(missing)}: `python3 dev.py test` does as root on Debian"
    )
    name = free_display()
    env = os.environ | {"DISPLAY": name, "QT_QPA_PLATFORM": "xcb", "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(
        ["Xvfb", name, "-screen", "0", "1400x900x24", "-nolisten", "tcp"],
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: Path(f"/tmp/.X11-unix/X{name[1:]}").exists(), "the X server")
    manager = subprocess.Popen(["openbox"], env=env, stderr=subprocess.DEVNULL)
    yield env
    for process in (manager, server):
        process.terminate()
        process.wait(timeout=10)


def wait_for(there, what: str, seconds: float = 60.0):
    """Wait until something is there and return it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = there()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come")


def xdotool(env: dict[str, str], *words: object) -> str:
    done = subprocess.run(
        ["xdotool", *map(str, words)], env=env, capture_output=True, text=True, check=False
    )
    return done.stdout


def middle_of(env: dict[str, str], title: str) -> tuple[int, int]:
    """Return the middle of the window with this title, in pixels of the screen."""
    found = wait_for(
        lambda: xdotool(env, "search", "--onlyvisible", "--name", f"^{title}$").split(), title
    )
    lines = xdotool(env, "getwindowgeometry", "--shell", found[0]).splitlines()
    place = dict(line.split("=") for line in lines if "=" in line)
    return (
        int(place["X"]) + int(place["WIDTH"]) // 2,
        int(place["Y"]) + int(place["HEIGHT"]) // 2,
    )


def drag(
    env: dict[str, str], start: tuple[int, int], end: tuple[int, int], is_over: Callable[[], bool]
) -> None:
    """Drag by mouse as a person does: press, move in steps, let go where it is welcomed."""
    xdotool(env, "mousemove", *start, "mousedown", 1)
    for part in range(1, 11):
        x = start[0] + (end[0] - start[0]) * part // 10
        y = start[1] + (end[1] - start[1]) * part // 10
        xdotool(env, "mousemove", x, y)
        time.sleep(0.03)

    def welcomed() -> bool:
        for step in (2, 0):  # a hand is never quite still
            xdotool(env, "mousemove", end[0] + step, end[1] + step)
        return is_over()

    wait_for(welcomed, "the welcome of what is dragged")
    xdotool(env, "mouseup", 1)


def test_files_dragged_from_another_window_become_photos(tmp_path, display):
    files = [str(resource("practice-photos", name)) for name in NAMES]
    source = [sys.executable, str(ROOT / "tests/e2e/drop_source.py"), *files]
    target = [sys.executable, str(ROOT / "tests/e2e/drop_target.py"), str(tmp_path)]
    services = find_places(tmp_path, practice=True).practice_services
    said = tmp_path / "said.txt"
    with said.open("w") as out:
        app = subprocess.Popen(target, env=display, stdout=out)
        other = subprocess.Popen(source, env=display)
        try:
            wait_for(lambda: "ready" in said.read_text(), "the app")
            start, end = middle_of(display, "DragSource"), middle_of(display, "DropTarget")
            drag(display, start, end, lambda: "over" in said.read_text())
            wait_for(lambda: f"photos {len(NAMES)}" in said.read_text(), "the photos")
        finally:
            for process in (app, other):
                process.terminate()
                process.wait(timeout=20)
            PracticeProcess(state_dir=services).stop()
