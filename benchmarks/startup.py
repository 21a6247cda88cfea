"""Time from process start to the first painted window, against a bare QMainWindow.

Prints both medians and their ratio (aim: at most 1.8). The runs alternate, so that a busy machine
slows both alike; one unmeasured run of each fills the byte code cache and the disk cache. A path as
argument measures that program, such as the bundle's, instead of the checkout.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPEATS = 9
AIM = 1.8
FLOOR = """
import os, sys, time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMainWindow

class Window(QMainWindow):
    def paintEvent(self, event):
        super().paintEvent(event)
        print((time.monotonic() - float(os.environ["STARTED"])) * 1000, flush=True)
        QTimer.singleShot(0, QApplication.quit)

app = QApplication(sys.argv)
window = Window()
window.resize(1100, 760)
window.show()
sys.exit(app.exec())
"""


def first_paint_ms(command: list[str]) -> float:
    """Run a program to its first paint and return the milliseconds that it prints."""
    env = os.environ | {
        "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM") or "offscreen",
        "FLUXLORA_PRINT_FIRST_PAINT": "1",
        "STARTED": str(time.monotonic()),
    }
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        command, cwd=ROOT, env=env, check=False, capture_output=True, text=True, timeout=60
    )
    if done.returncode != 0 or not done.stdout.strip():
        raise SystemExit(f"{command[0]} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return float(done.stdout.split()[-1])


def main() -> None:
    """Measure both in turns and print medians and ratio."""
    with tempfile.TemporaryDirectory() as data_dir:
        program = sys.argv[1:2] or [sys.executable, "-m", "fluxlora_desktop"]
        commands = {
            "floor": [sys.executable, "-c", FLOOR],
            "app": [*program, "--data-dir", data_dir, "--exit-after-first-paint"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(REPEATS + 1):
            for name, command in commands.items():
                milliseconds = first_paint_ms(command)
                if turn:
                    times[name].append(milliseconds)
    floor, ours = (statistics.median(times[name]) for name in ("floor", "app"))
    print(f"startup: bare QMainWindow {floor:.0f} ms, FluxLoRA Desktop {ours:.0f} ms")
    print(f"startup: ratio {ours / floor:.2f} (aim: at most {AIM}), median of {REPEATS}")


if __name__ == "__main__":
    main()
