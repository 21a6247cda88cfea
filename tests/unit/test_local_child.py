"""What programs of this computer get of the app's own environment."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fluxlora_desktop.backends.aitoolkit.checkout import without_foreign
from fluxlora_desktop.backends.local.child import child_environment, on_gpu
from fluxlora_desktop.system.environment import without_tokens

PERSON = {
    "HF_HOME": "/disk/models",
    "HF_HUB_CACHE": "/disk/cache",
    "HF_TOKEN": "hf_" + "a" * 34,
    "PYTHONPATH": "/app",
    "LD_LIBRARY_PATH": "/bundle",
    "LD_LIBRARY_PATH_ORIG": "/cuda/lib",
}


def test_own_ai_toolkit_keeps_its_models_and_the_engine_has_its_own() -> None:
    given = without_tokens(PERSON)

    theirs, ours = without_foreign(given), child_environment(given, models=Path("models"))

    assert (theirs["HF_HOME"], theirs["HF_HUB_CACHE"]) == ("/disk/models", "/disk/cache")
    assert ours["HF_HOME"] == "models"
    assert "HF_HUB_CACHE" not in ours
    for made in (theirs, ours):
        assert "HF_TOKEN" not in made
        assert "PYTHONPATH" not in made


def test_packaged_app_gives_back_the_libraries_of_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    for made in (without_foreign(PERSON), child_environment(PERSON)):
        assert made["LD_LIBRARY_PATH"] == "/cuda/lib"
        assert "LD_LIBRARY_PATH_ORIG" not in made


@pytest.mark.parametrize(("seen", "device"), [(None, "1"), ("2, 3", "3"), ("GPU-a,GPU-b", "GPU-b")])
def test_number_of_a_gpu_is_one_of_those_that_a_person_lets_programs_see(
    seen: str | None, device: str
) -> None:
    environment = {"A": "b"} | ({"CUDA_VISIBLE_DEVICES": seen} if seen else {})

    assert on_gpu(environment, 1) == {"A": "b", "CUDA_VISIBLE_DEVICES": device}
