"""A folder that looks and runs like a checkout of ai-toolkit, for tests."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from fluxlora_desktop.practice.lora import write_flux1_lora

COMMIT = "27a03a91f23eb1b757d5ec2e80ee3e129cfcc350"
STUBS = ("diffusers", "transformers", "accelerate", "safetensors", "oyaml", "dotenv")
_TORCH = """
__version__ = "2.13.0+cu130"
class cuda:
    is_available = staticmethod(lambda: True)
    class get_device_properties:
        name, total_memory = "NVIDIA GeForce RTX 4090", 25_757_220_864
        def __init__(self, _index): pass
"""
_RUN = Path(__file__).with_name("standin_run.py")


class StandIn:
    """A checkout in a temporary folder, with the modules that its Python finds beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.modules = folder / "ai-toolkit", folder / "modules"
        for name in (
            *("toolkit/config_modules.py", "toolkit/models/flux.py"),
            *("jobs/process/BaseSDTrainProcess.py", "jobs/process/__init__.py"),
            "extensions_built_in/sd_trainer/DiffusionTrainer.py",
            "extensions_built_in/diffusion_models/flux2/flux2_model.py",
        ):
            self.write(name, "")
        self.write("version.py", 'VERSION = "0.12.26"\n')
        self.write(".git/HEAD", "ref: refs/heads/main\n")
        self.write(".git/refs/heads/main", f"{COMMIT}\n")
        shutil.copy(_RUN, self.folder / "run.py")
        photo = io.BytesIO()
        Image.new("RGB", (64, 64), (200, 120, 40)).save(photo, "JPEG")
        self.write("template.jpg", photo.getvalue())
        write_flux1_lora(
            self.folder / "template.safetensors",
            photos=[photo.getvalue()],
            captions={},
            trigger_word="TOK",
            rank=1,
            steps=1,
        )
        self.python = self.modules / "python"
        self.modules.mkdir()
        self.write_python(self.python)
        for name in STUBS:
            (self.modules / f"{name}.py").write_text("")
        (self.modules / "torch.py").write_text(_TORCH)

    def write_python(self, path: Path) -> None:
        """Write a Python that finds the modules that a checkout needs."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\nPYTHONPATH="{self.modules}" exec "{sys.executable}" "$@"\n')
        path.chmod(0o755)

    def write(self, name: str, data: str | bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)

    def script(self, **faults: Any) -> None:
        """Name what shall go wrong in the trainings that start from now on."""
        self.write("script.json", json.dumps(faults))

    def go(self) -> None:
        """Let a training that waits at a step go on."""
        self.write("go", "")
