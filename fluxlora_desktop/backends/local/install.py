"""Makes the engine's environment with uv or pip, follows their output, explains their failures."""

from __future__ import annotations

import os
import re
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fluxlora_desktop.backends.local.child import ask, run
from fluxlora_desktop.backends.local.hardware import PYTHONS, Maker
from fluxlora_desktop.domain.engine import EngineStep
from fluxlora_desktop.domain.errors import DiskFull, EngineError
from fluxlora_desktop.domain.work import JobContext

_PIP_ANSWER_S = 60.0
_TOLD_AT_ONCE = 40
_RAW_BAR = (24, 1)
"""The first pip that prints its progress as numbers."""
_FOR_OTHERS = (22, 3)
"""The first pip that installs for another interpreter."""
_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SIZED = re.compile(r"Downloading (\S+) \(([\d.]+) ?([kKMG]?i?B)\)")
_MOVED = re.compile(r"Progress (\d+) of (\d+)")
_CAME = re.compile(r"Downloaded ([A-Za-z0-9._-]+)")
_LOOKED = re.compile(r"Collecting ([A-Za-z0-9._-]+)")
_PLACED = re.compile(r"^(?:Installing collected packages|Prepared \d+ packages?)\b")
_WHEEL = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*?)-\d[^\s/]*?\.whl")
_NO_ROOM = ("No space left on device", "[Errno 28]", "not enough space on the disk", "os error 28")
_NO_NETWORK = (
    *("Failed to establish a new connection", "Temporary failure in name resolution"),
    *("getaddrinfo failed", "Connection refused", "Read timed out", "ConnectTimeout"),
    *("dns error", "error sending request", "Connection reset", "Network is unreachable"),
    *("client error (Connect)", "ProxyError"),
)
_NOT_FOUND = (
    re.compile(
        r"(?:No matching distribution found for|satisfies the requirement) ([\w.\[\]=<>!-]+)"
    ),
    re.compile(r"Because ([A-Za-z0-9][\w.-]*(?:==\S+)?) was not found"),
    re.compile(r"there is no version of ([A-Za-z0-9][\w.-]*(?:==\S+)?)"),
)
_DAMAGED = re.compile(
    r"is not a valid wheel|BadZipFile|is not a zip|has an invalid wheel|invalid zip|zip archive|"
    r"DO NOT MATCH THE HASHES|hash mismatch|Wheel '.+' located at .+ is invalid",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is made: `folder` from `requirements` by `maker`; `cache` keeps downloads for a retry.

    `expected_bytes` is what is downloaded in all, `keep` a lock's handle for the installer.
    """

    folder: Path
    requirements: Path
    maker: Maker
    cache: Path
    pythons: Path
    log: Path
    environ: Mapping[str, str]
    expected_bytes: int
    keep: int = -1


def python_in(environment: Path) -> Path:
    """Return where an environment's interpreter is."""
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def make(recipe: Recipe, ctx: JobContext) -> None:
    """Make the environment, reporting `EngineStep`; raises `EngineError` and `DiskFull` in words.

    Cancelled or failed, it leaves a folder that the caller throws away.
    """
    follower = _Follower(recipe.expected_bytes, ctx)
    env = dict(recipe.environ) | {
        "UV_CACHE_DIR": str(recipe.cache),
        "UV_PYTHON_INSTALL_DIR": str(recipe.pythons),
        "PIP_CACHE_DIR": str(recipe.cache),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
    }
    follower.say("Making a Python environment")
    making, filling = _commands(recipe, env)
    _do(making, recipe, env, ctx, follower)
    follower.say("Looking up the packages")
    _do(filling, recipe, env, ctx, follower)


def _do(
    command: list[str | Path],
    recipe: Recipe,
    env: Mapping[str, str],
    ctx: JobContext,
    follower: _Follower,
) -> None:
    try:
        code = run(
            command, env=env, log=recipe.log, ctx=ctx, on_line=follower.read, keep=recipe.keep
        )
    except OSError as error:
        raise EngineError(
            f"{recipe.maker.title} could not be started: {error.strerror or error}.",
            "Look whether it is still installed, then try again.",
        ) from error
    if code != 0:
        raise explain(tuple(follower.last), recipe)


def _commands(recipe: Recipe, env: Mapping[str, str]) -> tuple[list[str | Path], list[str | Path]]:
    """Return what makes the environment, and what fills it.

    uv takes torch for the GPU's driver, wherever it lies; pip what the usual index has: for Linux
    that is torch with CUDA. The pip of the Python that makes it can fill it, from 22.3 on.
    """
    python, wanted = python_in(recipe.folder), ("--requirement", recipe.requirements)
    if recipe.maker.uv is not None:
        low, high = min(PYTHONS), max(PYTHONS)
        versions = f">={low[0]}.{low[1]},<{high[0]}.{high[1] + 1}"
        into = ("pip", "install", "--torch-backend", "auto", "--python", python)
        return (
            [recipe.maker.uv, "venv", "--no-project", "--python", versions, recipe.folder],
            [recipe.maker.uv, *into, *wanted],
        )
    assert recipe.maker.python is not None
    base, venv = recipe.maker.python, ("-I", "-m", "venv")
    pip, version = ("-I", "-m", "pip"), _pip_version(base, env)
    bar = ("--progress-bar", "raw" if version >= _RAW_BAR else "off")
    how = ("install", *bar, "--only-binary", ":all:", *wanted)
    if version < _FOR_OTHERS:
        return [base, *venv, recipe.folder], [python, *pip, *how]
    return [base, *venv, "--without-pip", recipe.folder], [base, *pip, "--python", python, *how]


def _pip_version(python: Path, env: Mapping[str, str]) -> tuple[int, ...]:
    told = ask([python, "-I", "-m", "pip", "--version"], env=env, seconds=_PIP_ANSWER_S) or ""
    found = re.match(r"pip (\d+)\.(\d+)", told)
    return (int(found[1]), int(found[2])) if found else (0, 0)


@dataclass(slots=True)
class _Follower:
    """Turns the installer's lines into progress, and remembers the last of them.

    pip fetches one file after another and tells how far it is; uv fetches many at once, and tells
    when it begins one and when it has it.
    """

    expected: int
    ctx: JobContext
    last: deque[str] = field(default_factory=lambda: deque(maxlen=_TOLD_AT_ONCE))
    _says: str = ""
    _whole: int = 0
    """Bytes of the files that have come."""
    _file: int = 0
    _moved: int = 0
    """Bytes of pip's file, and those of them that have come."""
    _begun: dict[str, int] = field(default_factory=dict)
    """uv's files under way and their bytes."""

    def say(self, words: str) -> None:
        """Tell of a step of which no bytes are counted."""
        self._says = words
        self.ctx.report(EngineStep(words))

    def read(self, line: str) -> None:
        """Take a line of output."""
        moved = _MOVED.search(line)
        if moved:
            self._moved, self._file = int(moved[1]), int(moved[2])
            self._tell()
            return
        self.last.append(line)
        line = line.strip()
        sized, came, looked = (found.match(line) for found in (_SIZED, _CAME, _LOOKED))
        if sized:
            size = int(float(sized[2]) * _UNITS[sized[3].upper()])
            self._begin(sized[1], size)
        elif came:
            self._whole += self._begun.pop(came[1], 0)
            self._tell_largest()
        elif _PLACED.match(line):
            self.say("Unpacking the packages")
        elif looked and not self._whole + self._file:
            self.say(f"Looking up {looked[1]}")

    def _begin(self, name: str, size: int) -> None:
        wheel = _WHEEL.search(name)
        if wheel is None:
            self._begun[name] = size
            self._tell_largest()
            return
        self._whole += self._file
        self._file, self._moved = size, 0
        self._says = f"Downloading {wheel[1]}"
        self._tell()

    def _tell_largest(self) -> None:
        if self._begun:
            self._says = f"Downloading {max(self._begun, key=lambda it: self._begun[it])}"
        self._tell()

    def _tell(self) -> None:
        done = min(self._whole + self._moved, self.expected)
        self.ctx.report(EngineStep(self._says, done, self.expected))


def explain(lines: tuple[str, ...], recipe: Recipe) -> EngineError | DiskFull:
    """Return what an installer's last lines mean: which package, and what to do."""
    text = "\n".join(lines)
    if any(words in text for words in _NO_ROOM):
        return DiskFull(recipe.folder.parent)
    wheels = _WHEEL.findall(text)
    if _DAMAGED.search(text):
        what = f"The package {wheels[-1]}" if wheels else "A package"
        return EngineError(
            f"{what} arrived damaged.",
            "Nothing of it was kept. Try again; if it stays so, another network may help.",
            log=recipe.log,
        )
    if any(words in text for words in _NO_NETWORK):
        return EngineError(
            "The packages could not be downloaded: there is no connection to where they are.",
            "What came so far is kept. Look at the network, then try again.",
            log=recipe.log,
        )
    for pattern in _NOT_FOUND:
        missing = pattern.search(text)
        if missing:
            return EngineError(
                f"The package {missing[1].rstrip('.,')} was not found for this computer.",
                f"It may not be made for {recipe.maker.title} or this system. Another Python, or "
                "uv, may help; the log says more.",
                log=recipe.log,
            )
    reason = next((line.strip() for line in reversed(lines) if "rror" in line), "")
    return EngineError(
        "The packages could not be installed.",
        f"The installer says: {reason[:200].rstrip('.')}." if reason else "The log says more.",
        log=recipe.log,
    )


def folder_bytes(folder: Path, ctx: JobContext | None = None) -> int:
    """Return the bytes of all files below a folder; links are not followed, twins count once."""
    seen: set[tuple[int, int]] = set()
    size = 0
    for place, _folders, names in os.walk(folder):
        if ctx is not None:
            ctx.check()
        for name in names:
            try:
                facts = os.lstat(os.path.join(place, name))  # noqa: PTH118 - 50,000 files
            except OSError:
                continue
            if facts.st_nlink < 2 or (facts.st_dev, facts.st_ino) not in seen:
                size += facts.st_size
                seen.add((facts.st_dev, facts.st_ino))
    return size
