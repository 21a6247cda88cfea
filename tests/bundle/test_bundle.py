"""The folder that PyInstaller makes: built here with --full, else tried where one was built."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fluxlora_desktop import __version__

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "dist" / "FluxLoRA Desktop" / "fluxlora-desktop"
OUTSIDE = dict(os.environ)
"""What pip may need to reach its index; the tests' own environment has no proxy and no home."""

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def program(full_sweep: bool) -> Path:
    """Return the bundle's program, built anew with --full."""
    if full_sweep:
        command = [sys.executable, str(ROOT / "dev.py"), "bundle"]
        done = subprocess.run(command, env=OUTSIDE, check=False, capture_output=True, text=True)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return PROGRAM.with_suffix(".exe") if os.name == "nt" else PROGRAM


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    line = [str(part) for part in command]
    return subprocess.run(line, cwd=cwd, check=False, capture_output=True, text=True)


def test_bundle_names_its_version(program: Path, tmp_path: Path) -> None:
    done = run(program, "--version", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (0, f"FluxLoRA Desktop {__version__}\n")


def test_bundle_goes_the_whole_way_when_it_tests_itself(program: Path, tmp_path: Path) -> None:
    done = run(program, "--self-test", "--out", tmp_path / "out", cwd=tmp_path)

    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert done.stdout.splitlines()[-1] == "self-test: passed"
    report = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert report["trainings_counted"] == {"replicate": 1}
    assert len(report["pictures"]) == 4
    assert all((tmp_path / "out" / name).is_file() for name in report["screens"])
