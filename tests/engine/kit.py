"""A small world for the engine: made wheels, a driver's tool, a trainer that answers `--probe`."""

import base64
import csv
import hashlib
import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from fluxlora_desktop.backends.local.engine import LocalEngine
from fluxlora_desktop.backends.local.hardware import Maker
from fluxlora_desktop.domain.engine import Needs
from fluxlora_desktop.domain.errors import JobCancelled
from fluxlora_desktop.trainer import probe

SMALL = Needs(download_bytes=1000, room_bytes=1000, disk_bytes=1000)
TORCH = """
__version__ = {version!r}
class _Facts:
    name, major, minor = "NVIDIA GeForce RTX 4090", 8, 9
class version:
    cuda = "13.0"
class cuda:
    is_available = staticmethod(lambda: {sees})
    device_count = staticmethod(lambda: 1)
    get_device_properties = staticmethod(lambda index: _Facts)
    mem_get_info = staticmethod(lambda index: (20 * 10**9, 25 * 10**9))
"""
DIFFUSERS = '__version__ = "0.42.1"\nclass FluxPipeline: ...\nclass FluxTransformer2DModel: ...\n'
MAIN = (
    "import sys; sys.path.insert(0, __file__.rpartition('__main__')[0])\n"
    "import json, probe; print(json.dumps(probe.probe()))\n"
)
SMI = """#!/bin/sh
case "$1" in *compute_cap*) [ "{old}" ] && echo 'Field "compute_cap" is not valid' && exit 2;; esac
cat <<'END'
{lines}
END
exit {code}
"""
RTX_4090 = "0, NVIDIA GeForce RTX 4090, 24564, 23000, 580.95.05, 8.9"


def make_wheel(folder: Path, name: str, version: str, source: str) -> Path:
    """Write a wheel of one module, as the format wants it."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        rows.writerow([path, f"sha256={digest.decode()}", len(text.encode())])
    rows.writerow([f"{info}/RECORD", "", ""])
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        for path, text in {**files, f"{info}/RECORD": record.getvalue()}.items():
            packed.writestr(path, text)
    return wheel


class Context:
    """Remembers what was reported; `stop_at` cancels at the first report that it says yes to."""

    def __init__(self, stop_at: Callable[[object], bool] = lambda _event: False) -> None:
        self.events: list[object] = []
        self._stop_at, self._stopped = stop_at, False

    def report(self, event: object) -> None:
        self.events.append(event)
        self._stopped = self._stopped or self._stop_at(event)

    def check(self) -> None:
        if self._stopped:
            raise JobCancelled

    def pause(self, seconds: float) -> None:
        import threading

        self.check()
        threading.Event().wait(min(seconds, 0.05))
        self.check()


class World:
    """Folders, scripts and wheels under one folder; `engine()` uses them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin, self.wheels, self.trainer = root / "bin", root / "wheels", root / "trainer"
        for folder in (self.bin, self.wheels, self.trainer):
            folder.mkdir(parents=True)
        self.folder = root / "engine"
        shutil.copy(Path(probe.__file__), self.trainer / "probe.py")
        (self.trainer / "__main__.py").write_text(MAIN)
        self.requirements = self.trainer / "requirements.txt"
        self.want("2.13.0")
        self.smi(RTX_4090)
        self.needs = SMALL
        self.free = 500 * 10**9
        self.fetches("exit 0")

    def want(self, torch: str, *, sees: bool = True) -> None:
        """Require this version of torch and put it among the wheels."""
        self.requirements.write_text(f"torch=={torch}\ndiffusers==0.42.1\n")
        make_wheel(self.wheels, "torch", torch, TORCH.format(version=torch, sees=sees))
        make_wheel(self.wheels, "diffusers", "0.42.1", DIFFUSERS)

    def script(self, name: str, text: str) -> Path:
        """Put a program on PATH."""
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def smi(self, *lines: str, code: int = 0, old: bool = False) -> None:
        """Let nvidia-smi say these lines; an old one does not know the capability."""
        text = SMI.format(lines="\n".join(lines), code=code, old="yes" if old else "")
        self.script("nvidia-smi", text)

    def environ(self) -> dict[str, str]:
        return {
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "HOME": str(self.root / "home"),
            "PYTHONPATH": "/nonexistent",
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
        }

    def maker(self, _environ: object = None) -> Maker:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        return Maker(python=Path(sys.executable), version=version)

    def engine(self, find_maker: Callable[..., Maker] | None = None) -> LocalEngine:
        return LocalEngine(
            folder=self.folder,
            trainer=self.trainer,
            environ=self.environ,
            find_maker=find_maker or self.maker,
            needs=self.needs,
            free_bytes=lambda _folder: self.free,
        )

    def fetches(self, then: str) -> None:
        """Let the interpreter that uv makes do this for `--fetch BASE`; the base is $3."""
        (self.root / "fetch.sh").write_text(then)

    def rest(self) -> set[str]:
        """Return the names in the engine's folder that are not notes."""
        notes = {"lock", "install.log", "probe.log", "probe.json", "cache"}
        return {path.name for path in self.folder.iterdir()} - notes


def is_alive(pid: int) -> bool:
    """Tell whether a program runs; one that ended and waits for its parent does not."""
    ask = ["ps", "-o", "stat=", "-p", str(pid)]
    state = subprocess.run(ask, check=False, capture_output=True, text=True).stdout
    return bool(state.strip()) and not state.startswith("Z")


def put_in_cache(
    folder: Path, hub_id: str, *, whole: bool = True, kind: str = "FluxPipeline"
) -> Path:
    """Make a base in the hub's cache, as small as can be; return its folder."""
    cache = folder / "hub" / f"models--{hub_id.replace('/', '--')}"
    make_base(cache / "snapshots" / "abc", kind=kind, whole=whole)
    return cache


def make_base(folder: Path, *, kind: str, whole: bool = True, **config: object) -> Path:
    """Make the folder of a base model in the layout of diffusers."""
    parts = {"transformer": ["diffusers", "X"], "scheduler": ["diffusers", "Y"]}
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": kind, **parts}))
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text("{}")
    part = folder / "transformer"
    part.mkdir()
    (part / "config.json").write_text(json.dumps(config))
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (part / "model.safetensors.index.json").write_text(json.dumps(index))
    for number in (1, 2) if whole else (1,):
        (part / f"model-{number}.safetensors").write_bytes(b"0" * 1000)
    return folder


UV = """#!/bin/sh
echo "$@" >> {said}
case "$1" in
venv) for last; do :; done; mkdir -p "$last/bin"; cp {python} "$last/bin/python"; exit 0;;
esac
{then}
"""
ANSWER = {
    "v": 1,
    "python": "3.12.1",
    "torch": "2.13.0+cu130",
    "diffusers": "0.42.1",
    "bases": ["flux.1-dev"],
    "gpus": [{"index": 0, "name": "RTX 4090", "memory_bytes": 25 * 10**9, "bf16": True}],
}


def make_uv(world: World, then: str, answer: object = ANSWER) -> Maker:
    """Return a uv that makes an environment whose interpreter only knows one answer."""
    says = f"[ \"$2\" = --fetch ] && . {world.root}/fetch.sh\necho '{json.dumps(answer)}'\n"
    python = world.script("answers", f"#!/bin/sh\n{says}")
    text = UV.format(said=world.root / "said", python=python, then=then)
    return Maker(uv=world.script("uv", text))
