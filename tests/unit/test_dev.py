"""The set-up program, as a person meets it: real folders, real child processes."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return dev.py, standing in a project folder of this test."""
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "dev.py"), *arguments]
    return subprocess.run(command, check=False, capture_output=True, encoding="utf-8")


def test_dev_names_its_commands_when_asked_for_help() -> None:
    done = start("--help")

    assert done.returncode == 0
    for command in ("run", "test", "bundle", "bench", "screenshots"):
        assert f"\n  {command} " in done.stdout


def test_dev_refuses_an_unknown_command_with_code_2() -> None:
    done = start("fly")

    assert done.returncode == 2
    assert "python3 dev.py COMMAND" in done.stderr


def test_dev_refuses_an_older_python_in_words(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dev.sys, "version_info", (3, 10, 4))

    assert dev.main(["test"]) == 1
    assert "needs Python 3.11 or newer" in capsys.readouterr().out


def test_dev_names_the_benchmarks_when_one_is_unknown(
    dev: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "startup.py").touch()

    assert dev.main(["bench", "fly"]) == 1
    assert capsys.readouterr().err == "No benchmark fly. There are: startup.\n"


def test_flags_behind_a_benchmark_are_its_own(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "benchmarks").mkdir()
    told = tmp_path / "told.txt"
    script = f"import sys, pathlib; pathlib.Path({str(told)!r}).write_text(' '.join(sys.argv[1:]))"
    (tmp_path / "benchmarks" / "checks.py").write_text(script, "utf-8")
    monkeypatch.setattr(dev, "prepare", lambda _extra: Path(sys.executable))
    monkeypatch.setattr(dev, "require_system", lambda *_: None)

    assert dev.main(["bench", "checks", "--photos", "some folder"]) == 0

    assert told.read_text("utf-8") == "--photos some folder"


def test_children_cache_byte_code_and_see_no_foreign_python(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH"):
        monkeypatch.setenv(name, "1")

    environment = dev.child_environment(EXTRA="x")

    assert environment["EXTRA"] == "x"
    assert not {"PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH"} & environment.keys()


def test_offscreen_environment_respects_a_chosen_platform(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    assert dev.offscreen_environment()["QT_QPA_PLATFORM"] == "xcb"

    monkeypatch.delenv("QT_QPA_PLATFORM")
    assert dev.offscreen_environment()["QT_QPA_PLATFORM"] == "offscreen"


def test_ask_says_127_when_a_command_is_not_there(dev: ModuleType, tmp_path: Path) -> None:
    assert dev.ask(tmp_path / "nothing").returncode == 127


def test_missing_packages_sees_through_states_architectures_and_renames(dev: ModuleType) -> None:
    listing = "libegl1 ii \nlibgl1:amd64 ii \nlibglib2.0-0t64 ii \nlibdbus-1-3 rc \n\n"
    wanted = ("libegl1", "libgl1", "libglib2.0-0", "libdbus-1-3", "xvfb")

    assert dev.missing_packages(wanted, listing) == ["libdbus-1-3", "xvfb"]


def test_stamp_promises_only_what_was_installed_for_this_key(
    dev: ModuleType, tmp_path: Path
) -> None:
    stamp, key = tmp_path / "stamp.json", dev.stamp_key(tmp_path)
    assert not dev.is_installed(stamp, key, "")

    stamp.write_text(json.dumps({"key": key, "extras": ["", "test"]}))
    assert dev.is_installed(stamp, key, "")
    assert dev.is_installed(stamp, key, "test")
    assert not dev.is_installed(stamp, key, "bundle")

    stamp.write_text("{broken")
    assert not dev.is_installed(stamp, key, "")


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_stamp_changes_when_the_requirements_change(
    dev: ModuleType, tmp_path: Path, name: str
) -> None:
    before = dev.stamp_key(tmp_path)

    with (tmp_path / name).open("a") as file:
        file.write("\n")

    assert dev.stamp_key(tmp_path) != before


@pytest.mark.heavy
def test_make_venv_mends_a_broken_one_and_keeps_a_working_one(
    dev: ModuleType, tmp_path: Path
) -> None:
    venv = tmp_path / ".venv"
    python = dev.python_of(venv)
    python.parent.mkdir(parents=True)
    python.write_text("no interpreter")

    dev.make_venv(venv)
    (venv / "kept").touch()
    dev.make_venv(venv)

    assert dev.ask(python, "-c", "import pip").returncode == 0
    assert (venv / "kept").exists()


def test_prepare_says_in_words_what_to_check_when_pip_fails(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dev, "make_venv", lambda venv: venv.mkdir())
    monkeypatch.setattr(dev, "python_of", lambda _venv: Path(sys.executable))
    monkeypatch.setattr(dev, "ROOT", dev.ROOT / "empty")
    dev.ROOT.mkdir()
    for name in ("pyproject.toml", "constraints.txt"):
        (dev.ROOT / name).write_text("not valid", "utf-8")

    with pytest.raises(dev.Stop, match="check the network"):
        dev.prepare("test")

    assert "the app and its test tools" in capfd.readouterr().out
    assert not (dev.ROOT / ".venv" / "dev-stamp.json").exists()


def test_has_display_follows_the_session(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "LINUX", True)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not dev.has_display()

    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert dev.has_display()

    monkeypatch.delenv("WAYLAND_DISPLAY")
    monkeypatch.setattr(dev, "LINUX", False)
    assert dev.has_display()


def test_constraints_pin_names_and_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()

    assert lines == sorted(lines, key=str.casefold)
    assert all(line.count("==") == 1 and "@" not in line and "/" not in line for line in lines)


def test_pre_commit_uses_the_pinned_ruff() -> None:
    pins = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    ruff = next(line for line in pins if line.startswith("ruff=="))

    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")

    assert hooks.count(f'["{ruff}"]') == hooks.count("additional_dependencies") == 2


@pytest.mark.skipif(os.name == "nt", reason="the script is bash")
def test_ci_script_can_be_executed() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
