"""The real window launches the real trainer, whose weights come into the library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the trainer's tests have an environment of their own")

ROOT = Path(__file__).resolve().parents[2]
BIN = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
APP_PYTHON = Path(os.environ.get("FLUXLORA_APP_PYTHON", ROOT / ".venv" / BIN))


@pytest.mark.skipif(not APP_PYTHON.exists(), reason="the app's environment is not there")
def test_window_trains_a_lora_on_this_computer(base: Path, tmp_path: Path) -> None:
    home = {name: str(tmp_path) for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA")}
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
        **home,
        "PYTHONPATH": str(ROOT),
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "OMP_NUM_THREADS": "1",
    }
    photos = ROOT / "resources" / "practice-photos"
    drive = Path(__file__).with_name("window_drive.py")
    command = [APP_PYTHON, drive, tmp_path / "data", sys.executable, base, photos]

    done = subprocess.run(
        [str(part) for part in command],
        env=environ,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert told, done.stderr[-2000:]
    assert (told[-1]["state"], told[-1]["cost"]) == ("ready", 0), told[-1]["error"]
    weights = tmp_path / "data" / "loras" / told[-1]["lora"] / "lora.safetensors"
    (job,) = (tmp_path / "data" / "engine" / "jobs").iterdir()
    assert weights.read_bytes() == (job / "out" / "lora.safetensors").read_bytes()
    assert not (job / "images").exists(), "the photos' copies go when it is done"
