"""The engine of this computer: a Python environment of its own, made, asked, removed.

In `folder` lie `env/` (with `stamp.json` in it, written last, so that half an environment is none),
`models/` (the hub's home), `jobs/`, and what the installer keeps for a retry. An environment is
made beside the one in use and takes its place when it has answered.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fluxlora_desktop.backends.local import hardware as hw
from fluxlora_desktop.backends.local.advice import advise
from fluxlora_desktop.backends.local.answers import parse_probe
from fluxlora_desktop.backends.local.bases import Bases
from fluxlora_desktop.backends.local.child import child_environment, run
from fluxlora_desktop.backends.local.download import download
from fluxlora_desktop.backends.local.install import Recipe, folder_bytes, make, python_in
from fluxlora_desktop.backends.local.lock import Held, is_held, lock
from fluxlora_desktop.backends.local.preflight import NEEDS, require_fit, require_works
from fluxlora_desktop.domain.engine import (
    NO_TOKEN,
    Advice,
    BaseFiles,
    EngineEnvironment,
    EngineState,
    EngineStatus,
    EngineStep,
    Hardware,
    Needs,
    Probe,
    ThisComputer,
)
from fluxlora_desktop.domain.errors import (
    EngineAbsent,
    EngineBusy,
    EngineError,
    StorageError,
)
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.work import JobContext

_STAMP, _PROBE, _LOG, _LOCK = "stamp.json", "probe.json", "install.log", "lock"
_MAX_NOTE = 1_000_000
_AGAIN = "Set up the engine anew; base models and trainings stay."


class LocalEngine:
    """Fills the port `Engine`.

    `trainer` is the folder of the training program, `environ` returns the app's variables without
    tokens. `find_maker`, `needs` and `free_bytes` are for tests.
    """

    def __init__(
        self,
        *,
        folder: Path,
        trainer: Path,
        environ: Callable[[], Mapping[str, str]],
        requirements: Path | None = None,
        find_maker: Callable[[Mapping[str, str]], hw.Maker] = hw.find_maker,
        needs: Needs = NEEDS,
        free_bytes: Callable[[Path], int] = hw.free_bytes,
    ) -> None:
        self.folder, self.trainer = folder.absolute(), trainer.absolute()
        self._environ = environ
        self._lets_go: Callable[[], bool] = lambda: True
        self._find_maker, self._needs, self._free_bytes = find_maker, needs, free_bytes
        self._requirements = requirements or self.trainer / "requirements.txt"
        self._env = self.folder / "env"
        self._bases = Bases(folder=self.models_folder, choices=self.folder / "base_folders.json")

    @property
    def models_folder(self) -> Path:
        """Return the home of the hub's base models."""
        return self.folder / "models"

    @property
    def jobs_folder(self) -> Path:
        """Return where trainings lie."""
        return self.folder / "jobs"

    def notes(self) -> tuple[Path, ...]:
        """Return the files whose change means that `status` may be another."""
        return (self._env / _STAMP, self.folder / _PROBE, python_in(self._env))

    def ask_before(self, lets_go: Callable[[], bool]) -> None:
        """Ask this before anything is changed: it ends a program that rests.

        It returns False where the program is at work.
        """
        self._lets_go = lets_go

    def is_changing(self) -> bool:
        """Tell whether the engine is being made, updated or removed, here or by another window."""
        return is_held(self.folder / _LOCK)

    def status(self) -> EngineStatus:
        """Return how the engine stands."""
        busy = self.is_changing()
        if not self._env.exists():
            return EngineStatus(EngineState.ABSENT, busy=busy)
        python, stamp = python_in(self._env), _note(self._env / _STAMP)
        size = stamp.get("bytes")
        size = size if isinstance(size, int) else 0
        if not stamp or not python.exists():
            return EngineStatus(EngineState.BROKEN, disk_bytes=size, busy=busy)
        probe = self._kept_probe()
        if probe is not None and not probe.works:
            return EngineStatus(EngineState.BROKEN, None, size, probe, busy)
        fresh = stamp.get("requirements") == _digest([self._requirements])
        state = EngineState.READY if fresh else EngineState.OUTDATED
        return EngineStatus(state, python, size, probe, busy)

    def python(self) -> Path | None:
        """Return the interpreter."""
        return self.status().python

    def look(self) -> ThisComputer:
        """Look at everything."""
        found = self.hardware()
        status = self.status()
        return ThisComputer(found, status, self._needs, self.advise(found), self.models())

    def hardware(self) -> Hardware:
        """Ask the driver, the disk and the programs that could make the engine."""
        environ = self._environ()
        return hw.look(self._find_maker(environ), environ, self._free_bytes(self.folder))

    def advise(self, hardware: Hardware, rank: int = 16, steps: int = 1000) -> Advice:
        """Return what can be trained."""
        return advise(hardware, rank=rank, steps=steps)

    def environment(self, token: Secret = NO_TOKEN) -> EngineEnvironment:
        """Return how to start a program of the engine."""
        python = self.python()
        if python is None:
            raise EngineAbsent(
                "The engine of this computer is not set up.",
                "Set it up on the page This computer; it says before what that takes.",
            )
        return EngineEnvironment(python, self.trainer, self._variables(token))

    def probe(self, ctx: JobContext) -> Probe:
        """Ask the interpreter what it can do, and remember it."""
        environment = self.environment()
        line, probe = self._ask(environment.python, ctx)
        self._keep_probe(line)
        return probe

    def install(self, ctx: JobContext) -> None:
        """Make or update the engine."""
        with self._alone() as handle:
            found = self._find_maker(self._environ())
            ctx.report(EngineStep("Looking at this computer"))
            require_fit(self._looked(found), found, self.folder, self._needs)
            try:
                self._make_beside(found, handle, ctx)
            finally:
                self._sweep(ctx)
            shutil.rmtree(self.folder / "cache", ignore_errors=True)

    def remove(self, ctx: JobContext) -> None:
        """Delete the engine."""
        with self._alone():
            ctx.report(EngineStep("Removing the engine"))
            self._put_aside()
            (self.folder / _PROBE).unlink(missing_ok=True)
            self._sweep(ctx)
            for name in ("cache", "python"):
                shutil.rmtree(self.folder / name, ignore_errors=True)

    def models(self) -> tuple[BaseFiles, ...]:
        """Return where each base is."""
        return self._bases.all()

    def model(self, base: str) -> str:
        """Return what a job names as its model."""
        return self._bases.model(base)

    def own_folder(self, base: str) -> str:
        """Return a person's own folder of a base, "" where the hub's model is used."""
        return self._bases.own(base)

    def choose_folder(self, base: str, folder: Path) -> BaseFiles:
        """Use a person's own folder."""
        return self._bases.choose(base, folder)

    def forget_folder(self, base: str) -> None:
        """Use the hub's again."""
        self._bases.forget(base)

    def fetch_model(self, base: str, ctx: JobContext, token: Secret = NO_TOKEN) -> None:
        """Download a base; trainings and pictures go on meanwhile."""
        environment = self.environment(token)
        wanted = self._bases.to_fetch(base, self._free_bytes(self.models_folder))
        download(wanted, environment, self.folder / "fetch.log", ctx)

    def remove_model(self, base: str, ctx: JobContext) -> None:
        """Delete a downloaded base."""
        with self._alone():
            self._bases.remove(base, ctx)

    def _variables(self, token: Secret = NO_TOKEN) -> dict[str, str]:
        return child_environment(self._environ(), models=self.models_folder, token=token)

    @contextmanager
    def _alone(self) -> Iterator[int]:
        """Hold the engine's lock; nobody else changes it, and nothing uses it or begins to."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with lock(self.folder / _LOCK) as handle:
                self._require_unused()
                yield handle
        except Held as error:
            raise EngineBusy(
                "The engine is being changed already, here or by another window.",
                "Wait until that is done.",
            ) from error
        except OSError as error:
            raise StorageError(self.folder, error.strerror or str(error)) from error

    def _require_unused(self) -> None:
        """See that no training and no picture needs the engine; a program that rests is ended."""
        if any(map(is_held, self.jobs_folder.glob("*/out/lock"))):
            raise EngineBusy(
                "The engine is in use.", "Wait until the training is done, or pause it."
            )
        if not self._lets_go():
            raise EngineBusy(
                "The engine is in use: it makes a picture.",
                "Wait until the picture is done, or stop it.",
            )

    def _looked(self, maker: hw.Maker) -> Hardware:
        return hw.look(maker, self._environ(), self._free_bytes(self.folder))

    def _make_beside(self, maker: hw.Maker, handle: int, ctx: JobContext) -> None:
        """Make the environment in a folder beside, let it answer, and put it in place."""
        part = self.folder / "env.part"
        shutil.rmtree(part, ignore_errors=True)
        log = self.folder / _LOG
        log.unlink(missing_ok=True)
        recipe = Recipe(
            folder=part,
            requirements=self._requirements,
            maker=maker,
            cache=self.folder / "cache",
            pythons=self.folder / "python",
            log=log,
            environ=self._variables(),
            expected_bytes=self._needs.download_bytes,
            keep=handle,
        )
        make(recipe, ctx)
        ctx.report(EngineStep("Asking the engine what it can do"))
        line, probe = self._ask(python_in(part), ctx)
        require_works(probe, log)
        stamp = {
            "v": 1,
            "requirements": _digest([self._requirements]),
            "made_by": maker.title,
            "bytes": folder_bytes(part, ctx),
        }
        (part / _STAMP).write_text(json.dumps(stamp), "utf-8")
        ctx.check()
        self._put_aside()
        part.rename(self._env)
        self._keep_probe(line)

    def _put_aside(self) -> None:
        """Take the environment out of its place in one step; `_sweep` deletes it."""
        if not self._env.exists():
            return
        number = sum(1 for _ in self.folder.glob("env.old-*"))
        try:
            self._env.rename(self.folder / f"env.old-{number}")
        except PermissionError as error:  # Windows: a program in it runs
            raise EngineBusy(
                "A program of the engine still runs.", "Wait until it has ended, then try again."
            ) from error

    def _sweep(self, ctx: JobContext) -> None:
        """Delete what is not in its place; what a cancelled job leaves, the next one deletes."""
        for rest in (self.folder / "env.part", *self.folder.glob("env.old-*")):
            shutil.rmtree(rest, ignore_errors=True)
        with suppress(StorageError):
            self._bases.sweep(ctx)

    def _ask(self, python: Path, ctx: JobContext) -> tuple[str, Probe]:
        """Run `--probe` and return its line, and what it says."""
        said: list[tuple[str, Probe]] = []

        def read(line: str) -> None:
            probe = parse_probe(line)
            if probe is not None:
                said.append((line, probe))

        command = [str(python), str(self.trainer), "--probe"]
        log = self.folder / "probe.log"
        log.unlink(missing_ok=True)
        try:
            code = run(command, env=self._variables(), log=log, ctx=ctx, on_line=read)
        except OSError as error:
            raise EngineError("The engine does not start.", _AGAIN, log=log) from error
        if not said:
            raise EngineError(
                f"The engine started and did not answer (exit code {code}).", _AGAIN, log=log
            )
        return said[-1]

    def _keep_probe(self, line: str) -> None:
        note = {"trainer": _digest(self.trainer.glob("*.py")), "line": line}
        path = self.folder / _PROBE
        part = path.with_name(f"{_PROBE}.part")
        try:
            part.write_text(json.dumps(note), "utf-8")
            part.replace(path)
        except OSError as error:
            raise StorageError(path, error.strerror or "") from error

    def _kept_probe(self) -> Probe | None:
        """Return what the engine said last, None when this app's trainer would say it anew."""
        note = _note(self.folder / _PROBE)
        if note.get("trainer") != _digest(self.trainer.glob("*.py")):
            return None
        return parse_probe(str(note.get("line", "")))


def trainer_folder() -> Path:
    """Return the folder of the training program, as source files, in the app as it runs."""
    base = getattr(sys, "_MEIPASS", None)
    root = Path(base, "fluxlora_desktop") if base else Path(__file__).parents[2]
    return root / "trainer"


def _digest(files: Any) -> str:
    """Return a digest of files' contents; one that is missing counts as empty."""
    digest = hashlib.sha256()
    for path in sorted(files):
        with suppress(OSError):
            digest.update(path.read_bytes())
        digest.update(b"\0")
    return digest.hexdigest()


def _note(path: Path) -> Mapping[str, Any]:
    """Return a small JSON object of ours, {} where it is not one."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(_MAX_NOTE))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
