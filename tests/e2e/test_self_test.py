"""The command `--self-test`: the whole way in a process of its own, and honest when it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from fluxlora_desktop.imaging.workshop import PillowPictureWorkshop

pytestmark = pytest.mark.heavy
ROOT = Path(__file__).resolve().parents[2]


def self_test(*flags: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would."""
    env = os.environ | {"QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "fluxlora_desktop", "--self-test", *map(str, flags)]
    return subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=170, check=False
    )


@pytest.mark.parametrize(
    ("route", "trained_at", "generators", "visibility"),
    [
        ("", "replicate", ["replicate"] * 3, "private"),
        pytest.param("together", "fal", ["together"] * 3, "public", marks=pytest.mark.full),
    ],
)
def test_self_test_goes_the_whole_way(tmp_path, route, trained_at, generators, visibility):
    done = self_test("--out", tmp_path / "out", *(("--route", route) if route else ()))

    lines = done.stdout.strip().splitlines()
    report = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert lines[-1] == "self-test: passed"
    assert report["passed"] is True
    assert report["trainings_counted"] == {trained_at: 1}
    assert report["run"]["external_training_service"] == trained_at
    assert f"'visibility': <Visibility.{visibility.upper()}" in report["run"]["plan"]
    assert report["weights_sha256_here"] == report["weights_sha256_hub"] != ""
    assert report["run"]["huggingface_status"] == "verified"
    assert report["run"]["lora_ready_for_inference"] == "True"
    assert report["photos"] >= 12
    for name in report["screens"]:
        with Image.open(tmp_path / "out" / name) as screen:
            assert screen.width >= 960
    pictures = [PillowPictureWorkshop().read_text(tmp_path / "out" / p) for p in report["pictures"]]
    scales = [picture.loras[0].scale for picture in pictures if picture.loras]
    assert scales == [0.6, 1.0, 1.0]
    assert [p.generator.split("/")[0] for p in pictures if p.loras] == generators
    assert [p.generator.split("/")[0] for p in pictures if not p.loras] == ["together"]


def test_self_test_names_the_photo_that_it_cannot_use(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff not a photo")

    done = self_test("--photos", photos, "--out", tmp_path / "out")

    assert done.returncode == 1
    last = done.stdout.strip().splitlines()[-1]
    assert "failed at “Drop photos”" in last
    assert "broken.jpg" in last


def test_self_test_refuses_a_folder_without_photos(tmp_path):
    done = self_test("--photos", tmp_path, "--out", tmp_path / "out")

    assert done.returncode == 1
    assert "there are no photos" in done.stdout
