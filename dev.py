#!/usr/bin/env python3
"""Set up, start, test, measure and bundle FluxLoRA Desktop: `python3 dev.py --help`.

Needs Python 3.11 or newer and nothing else; what the app needs goes into `.venv` beside this file.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

USAGE = """\
python3 dev.py COMMAND [ARGUMENTS]

  run [flags of the app]      start the app; without a display run its self-test instead
  test [arguments of pytest]  ruff, mypy, pytest; --full runs the long sweeps too
  test --trainer              the training program's own tests; torch is fetched first (200 MB)
  faults [--kills N] [--full] every fault at every step, then kills at any instant; --controls
                              breaks rules on purpose and sees that it is found
  bundle                      build "dist/FluxLoRA Desktop", time its start, run its self-test
  bench [name] [its flags]    run the benchmarks, or the one of that name
  screenshots                 refresh docs/screenshot.png from a self-test
"""
ROOT = Path(__file__).resolve().parent
WINDOWS = sys.platform == "win32"
LINUX = sys.platform.startswith("linux")
# What Qt loads on Debian and Ubuntu, tried in a minimal Debian 12: the first tuple is enough to
# draw without a display, with the second also in a window; the third is what tests drive.
OFFSCREEN = (
    *("libglib2.0-0", "libegl1", "libgl1", "libdbus-1-3", "libfontconfig1", "libxkbcommon0"),
    *("libbrotli1", "fonts-dejavu-core"),
)
WINDOWED = (
    *("libxcb-cursor0", "libxcb-icccm4", "libxcb-image0", "libxcb-keysyms1", "libxcb-randr0"),
    *("libxcb-render-util0", "libxcb-render0", "libxcb-shape0", "libxcb-shm0", "libxcb-sync1"),
    *("libxcb-xfixes0", "libxcb-xkb1", "libxkbcommon-x11-0", "libx11-xcb1"),
    *("libwayland-client0", "libwayland-cursor0"),
)
TEST_TOOLS = (
    *("xvfb", "xauth", "openbox", "xdotool", "gnome-keyring", "dbus-daemon"),
    *("libimage-exiftool-perl", "strace", "sqlite3", "curl"),
)
IN_TRAINER = ("trainer", "gpu")
"""Benchmarks that need torch."""


class Stop(Exception):
    """End with a sentence for the person and exit code 1."""


def say(text: str) -> None:
    """Print one line of progress at once."""
    print(text, flush=True)


def child_environment(**extra: str) -> dict[str, str]:
    """Return this environment for a child: byte code is cached, foreign Python paths are gone."""
    drop = {"PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH"}
    return {name: value for name, value in os.environ.items() if name not in drop} | extra


def offscreen_environment() -> dict[str, str]:
    """Return the environment of a child that draws without a display, unless told otherwise."""
    return child_environment(QT_QPA_PLATFORM=os.environ.get("QT_QPA_PLATFORM") or "offscreen")


def call(*command: str | Path, env: dict[str, str] | None = None) -> int:
    """Run a command in the project's folder with this terminal and return its exit code."""
    return subprocess.run(
        [str(part) for part in command], cwd=ROOT, env=env or child_environment(), check=False
    ).returncode


def ask(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command unseen and return what it said; code 127 when it is not there."""
    line = [str(part) for part in command]
    env = child_environment(LC_ALL="C")
    try:
        return subprocess.run(
            line, cwd=ROOT, env=env, check=False, capture_output=True, text=True, errors="replace"
        )
    except OSError as error:
        return subprocess.CompletedProcess(line, 127, "", str(error))


def is_debian() -> bool:
    """Say whether this is Debian or one of its children."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return False
    return "debian" in f"{release['ID']} {release.get('ID_LIKE', '')}".split()


def without_suffix(package: str) -> str:
    """Return a package's name without architecture and without the t64 of newer releases."""
    return package.split(":", 1)[0].removesuffix("t64")


def missing_packages(wanted: tuple[str, ...], listing: str) -> list[str]:
    """Return the wanted packages that dpkg-query's `name status` lines do not show as installed."""
    rows = (line.split() for line in listing.splitlines())
    installed = {without_suffix(row[0]) for row in rows if len(row) > 1 and row[1] == "ii"}
    return [name for name in wanted if without_suffix(name) not in installed]


def install_packages(wanted: tuple[str, ...]) -> str:
    """Install what Debian lacks, as root; return the line that a person must run, or nothing."""
    if not is_debian():
        return ""
    listing = ask("dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n")
    missing = missing_packages(wanted, listing.stdout)
    if not missing:
        return ""
    install = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if os.geteuid() == 0:
        say(f"Installing {len(missing)} system packages: {' '.join(missing)}")
        env = child_environment(DEBIAN_FRONTEND="noninteractive")
        done = [
            subprocess.run(
                command, env=env, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            for command in (["apt-get", "update"], install)
        ]
        if done[-1].returncode == 0:
            return ""
        say("\n".join(done[-1].stdout.decode("utf-8", "replace").splitlines()[-5:]))
    return f"sudo apt-get update && sudo {' '.join(install)}"


def require_system(python: Path, wanted: tuple[str, ...]) -> None:
    """Install Qt's system libraries where possible; stop in words when Qt cannot load."""
    line = install_packages(wanted)
    probe = ask(python, "-c", "import PySide6.QtWidgets, PySide6.QtSvg")
    if probe.returncode != 0:
        reason = (probe.stderr.strip().splitlines() or ["no reason given"])[-1]
        help_line = line or "install the system libraries of Qt 6 with your package manager"
        raise Stop(f"Qt does not load: {reason}\nRun this, then try again:\n  {help_line}")
    if line:
        say(
            f"Some system packages are missing; parts that need them are left out. To get them:\n"
            f"  {line}"
        )


def python_of(venv: Path) -> Path:
    """Return where a virtual environment keeps its interpreter."""
    return venv / ("Scripts/python.exe" if WINDOWS else "bin/python")


def stamp_key(root: Path) -> str:
    """Return a hash of everything that decides what an environment of this folder holds."""
    parts = [(root / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
    parts += [sys.version.encode(), str(root).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def is_installed(stamp: Path, key: str, extra: str) -> bool:
    """Say whether the stamp promises this extra ("" for the app alone) for this key."""
    try:
        noted = json.loads(stamp.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return bool(noted.get("key") == key and extra in noted.get("extras", ()))


def make_venv(venv: Path) -> None:
    """Make a virtual environment unless a working one of this very interpreter is there."""
    here = f"{sys.version}\n{sys.base_prefix}"
    probe = "import pip, sys; print(f'{sys.version}\\n{sys.base_prefix}')"
    if ask(python_of(venv), "-c", probe).stdout.strip() == here.strip():
        return
    if importlib.util.find_spec("ensurepip") is None:
        package = f"python3.{sys.version_info.minor}-venv"
        line = install_packages((package,))
        if line or not is_debian():
            raise Stop(
                f"This Python cannot make virtual environments: ensurepip is missing.\n"
                f"Run this, then try again:\n  {line or f'install {package}'}"
            )
    say(f"Making {venv.name} with Python {sys.version.split()[0]}")
    if venv.exists():
        shutil.rmtree(venv)
    if call(sys.executable, "-m", "venv", venv) != 0:
        raise Stop(f"{venv.name} could not be made; the lines above say why.")
    (venv / ".gitignore").write_text("*\n", "utf-8")


def prepare(extra: str = "", venv_name: str = ".venv") -> Path:
    """Return the interpreter of an environment that holds the app and this extra's tools."""
    venv = ROOT / venv_name
    stamp, key = venv / "dev-stamp.json", stamp_key(ROOT)
    make_venv(venv)
    python = python_of(venv)
    if is_installed(stamp, key, extra):
        return python
    stamp.unlink(missing_ok=True)
    what = "the app" + (f" and its {extra} tools" if extra else "")
    say(f"Installing what {what} need{'' if extra else 's'} (the first time takes a minute or two)")
    target = f".[{extra}]" if extra else "."
    flags = ("-qq", "--disable-pip-version-check", "-c", "constraints.txt")
    if call(python, "-m", "pip", "install", *flags, "-e", target) != 0:
        raise Stop(
            "pip could not install what is needed; its lines above say what failed.\n"
            "If they speak of connections or of no matching version, check the network, a proxy,\n"
            "or your pip configuration. Nothing else was changed: run the same command again."
        )
    stamp.write_text(json.dumps({"key": key, "extras": sorted({"", extra})}), "utf-8")
    return python


def has_display() -> bool:
    """Say whether a window can be shown here."""
    return not LINUX or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def run(arguments: list[str]) -> int:
    """Start the app, or its self-test where there is no display and no flag is given."""
    python = prepare()
    if has_display():
        require_system(python, OFFSCREEN + WINDOWED)
        return call(python.with_name("fluxlora-desktop" + python.suffix), *arguments)
    require_system(python, OFFSCREEN)
    if arguments:
        return call(python, "-m", "fluxlora_desktop", *arguments, env=offscreen_environment())
    say("No display here: running the self-test without a window.")
    return self_test(python, "-m", "fluxlora_desktop", out=ROOT / "out" / "self-test")


def self_test(*program: str | Path, out: Path) -> int:
    """Run a program's self-test without a window and say where its pictures are."""
    code = call(*program, "--self-test", "--out", out, env=offscreen_environment())
    if out.is_dir():
        say(f"Pictures and report: {out}")
    return code


def trainer_key(folder: Path) -> str:
    """Return a hash of everything that decides what the trainer's environment holds."""
    parts = [path.read_bytes() for path in sorted(folder.glob("requirements*.txt"))]
    return hashlib.sha256(b"\0".join([*parts, sys.version.encode()])).hexdigest()


def prepare_trainer() -> Path:
    """Return the interpreter of the trainer's environment, which has torch for the processor.

    Where the package index has no such build, as for macOS, the usual one is taken.
    """
    folder, venv = ROOT / "fluxlora_desktop" / "trainer", ROOT / ".venv-trainer"
    stamp, key = venv / "dev-stamp.json", trainer_key(folder)
    make_venv(venv)
    python = python_of(venv)
    if is_installed(stamp, key, "trainer"):
        return python
    stamp.unlink(missing_ok=True)
    say("Installing torch and what trains with it (the first time takes some minutes)")
    install = (python, "-m", "pip", "install", "-qq", "--disable-pip-version-check")
    wanted = folder / "requirements-test.txt"
    pinned = (line.split("==") for line in (folder / "requirements.txt").read_text().splitlines())
    torch = next(parts[1].strip() for parts in pinned if parts[0] == "torch")
    small = ask(*install, "--no-deps", f"torch=={torch}+cpu").returncode == 0
    if not small and LINUX:
        say("The package index has no torch for the processor alone; the usual one is larger.")
    if call(*install, "-r", wanted) != 0:
        raise Stop("pip could not install what the trainer needs; its lines above say what failed.")
    stamp.write_text(json.dumps({"key": key, "extras": ["trainer"]}), "utf-8")
    return python


def test_trainer(arguments: list[str]) -> int:
    """Run the trainer's tests in its own environment; they see nothing of the app's."""
    tests = Path("tests", "trainer")
    python = prepare_trainer()
    say("$ pytest tests/trainer")
    apart = ("-c", tests / "pytest.ini", "--confcutdir", tests)
    # A file is a process: its trainings share what they have loaded.
    spread = ("-n", "2", "--dist", "loadfile") if (os.cpu_count() or 1) > 1 else ()
    env = child_environment(OMP_NUM_THREADS="1")
    return call(python, "-m", "pytest", *apart, *spread, *(arguments or [str(tests)]), env=env)


def test(arguments: list[str]) -> int:
    """Run every check and end with pytest's summary line; fail when one failed."""
    if "--trainer" in arguments:
        return test_trainer([argument for argument in arguments if argument != "--trainer"])
    python = prepare("test")
    require_system(python, OFFSCREEN + WINDOWED + TEST_TOOLS)
    checks = (("ruff", "format", "--check", "."), ("ruff", "check", "."), ("mypy",))
    failed = []
    for check in checks:
        say(f"$ {' '.join(check)}")
        if call(python, "-m", *check) != 0:
            failed.append(" ".join(check[:2]))
    if failed:
        say(f"FAILED before the tests: {', '.join(failed)}")
    say("$ pytest")
    everything = all(argument.startswith("-") for argument in arguments)
    # A few tests begin sooner in one process. Of many, a third wait for other processes most of the
    # time, so there is one worker more than cores, and whoever is done takes over from the others.
    workers = str((os.cpu_count() or 1) + 1)
    spread = ("-n", workers, "--dist", "worksteal") if everything else ()
    code = call(python, "-m", "pytest", *spread, *arguments, env=offscreen_environment())
    return code or int(bool(failed))


def faults(arguments: list[str]) -> int:
    """Run the fault matrix and the kill sweep; the last line counts what matters."""
    python = prepare("test")
    require_system(python, OFFSCREEN + WINDOWED + TEST_TOOLS)
    return call(python, "-m", "tests.faults", *arguments, env=offscreen_environment())


def bundle(arguments: list[str]) -> int:
    """Build the PyInstaller folder from an environment without test tools and try it."""
    python = prepare("bundle", ".venv-bundle")
    require_system(python, (*OFFSCREEN, *WINDOWED, "binutils"))
    flags = ("--noconfirm", "--clean", "--log-level", "WARN", *arguments)
    if call(python, "-m", "PyInstaller", *flags, "build.spec") != 0:
        raise Stop("PyInstaller could not build the bundle; its lines above say why.")
    folder = ROOT / "dist" / "FluxLoRA Desktop"
    size = sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_symlink())
    say(f"{folder}: {size / 1e6:.0f} MB")
    program = folder / ("fluxlora-desktop.exe" if WINDOWS else "fluxlora-desktop")
    timed = call(python, ROOT / "benchmarks" / "startup.py", program, env=offscreen_environment())
    return self_test(program, out=ROOT / "out" / "bundle-self-test") or timed


def interpreter_for(script: Path, python: Path) -> Path:
    """Return what runs a benchmark: the trainer's environment, made where needed, or the app's."""
    return prepare_trainer() if script.stem in IN_TRAINER else python


def bench(arguments: list[str]) -> int:
    """Run all benchmarks, or the ones named; flags behind the names go to them.

    Those of the trainer need its environment, so they run only when they are named.
    """
    first = next((at for at, word in enumerate(arguments) if word[:1] == "-"), len(arguments))
    arguments, flags = arguments[:first], arguments[first:]
    scripts = {path.stem: path for path in sorted((ROOT / "benchmarks").glob("[!_]*.py"))}
    unknown = [name for name in arguments if name not in scripts]
    if unknown:
        raise Stop(f"No benchmark {', '.join(unknown)}. There are: {', '.join(scripts)}.")
    python = prepare("test")
    require_system(python, OFFSCREEN)
    chosen = [scripts[name] for name in arguments or scripts if arguments or name not in IN_TRAINER]
    codes = [
        call(interpreter_for(path, python), path, *flags, env=offscreen_environment())
        for path in chosen
    ]
    return int(any(codes))


def screenshots(_arguments: list[str]) -> int:
    """Refresh the picture in README.md from a new self-test."""
    python = prepare()
    require_system(python, OFFSCREEN)
    out, docs = ROOT / "out" / "screenshots", ROOT / "docs"
    shutil.rmtree(out, ignore_errors=True)
    code = self_test(python, "-m", "fluxlora_desktop", out=out)
    if code:
        raise Stop("The self-test did not pass; docs/screenshot.png is unchanged.")
    docs.mkdir(exist_ok=True)
    shutil.copyfile(out / "gallery-light.png", docs / "screenshot.png")
    say("docs/screenshot.png is new")
    return 0


COMMANDS = {
    "run": run,
    "test": test,
    "faults": faults,
    "bundle": bundle,
    "bench": bench,
    "screenshots": screenshots,
}


def main(arguments: list[str]) -> int:
    """Run the command that the arguments name and return the exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is what tells the person
        print("FluxLoRA Desktop needs Python 3.11 or newer; this is " + sys.version.split()[0])
        return 1
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE, end="")
        return 0
    if not arguments or arguments[0] not in COMMANDS:
        print(USAGE, end="", file=sys.stderr)
        return 2
    try:
        return COMMANDS[arguments[0]](arguments[1:])
    except Stop as stop:
        print(stop, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
