"""Run one job of somebody's ai-toolkit: `PYTHON own_checkout.py JOBDIR CHECKOUT`.

It is started by the checkout's own Python, as a file, and becomes ai-toolkit: one process. What it
adds is what every trainer of the app keeps: an exclusive lock on `out/lock` while it lives,
`out/process.json`, `out/result.json` at the end, the `stop` file, and `out/lora.safetensors`. The
rest, such as `out/lora/`, is ai-toolkit's own. Standard library only, Python 3.10 and newer.

What ai-toolkit does is that of ostris/ai-toolkit 27a03a9: run.py, DiffusionTrainer.py.
"""

import contextlib
import errno
import hashlib
import io
import json
import os
import runpy
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes
else:
    import fcntl

DONE, CRASHED, STOPPED, BAD_INPUT, NO_MEMORY, GATED, DISK_FULL, BUSY = 0, 1, 3, 10, 11, 12, 13, 4
NAME, CONFIG, DATABASE = "lora", "job.json", "aitk_db.db"
ROW = "job"
_LOOK_S, _LOCK_S = 0.2, 1.0
_SAVE_S, _STEP_S = 180.0, 60.0
"""How long ai-toolkit may take to save, and to end its step, before it is interrupted."""
_LONGEST_HEADER = 16_000_000
_LONGEST_REASON = 2000
_COLUMNS = (
    ("id", "TEXT PRIMARY KEY"),
    ("name", "TEXT"),
    ("status", "TEXT DEFAULT 'stopped'"),
    ("stop", "INTEGER DEFAULT 0"),
    ("return_to_queue", "INTEGER DEFAULT 0"),
    ("step", "INTEGER DEFAULT 0"),
    ("total_steps", "INTEGER"),
    ("info", "TEXT DEFAULT ''"),
    ("speed_string", "TEXT DEFAULT ''"),
    ("queue_position", "INTEGER DEFAULT 0"),
    ("pid", "INTEGER"),
    ("save_now", "INTEGER DEFAULT 0"),
    ("sample_now", "INTEGER DEFAULT 0"),
)


def main(arguments: list[str]) -> int:
    """Run the job and return how it ended."""
    job, checkout = Path(arguments[1]).absolute(), Path(arguments[2]).absolute()
    out = job / "out"
    out.mkdir(parents=True, exist_ok=True)
    lock = hold(out / "lock")
    if lock is None:
        print("another process runs this job", file=sys.stderr)
        return BUSY
    began = time.monotonic()
    join_streams()
    (out / "result.json").unlink(missing_ok=True)
    write_json(out / "process.json", {"pid": os.getpid(), "started": start_time(), "boot": boot()})
    put_aside_halves(out / NAME)
    make_row(out / DATABASE)
    code, reason = run(job, checkout)
    digest = ""
    if code == DONE:
        code, reason, digest = bring_out(out)
    result = {
        "v": 1,
        "status": {DONE: "done", STOPPED: "stopped"}.get(code, "failed"),
        "code": code,
        "reason": reason,
        "sha256": digest,
        "steps": steps_in(out / DATABASE),
        "seconds": round(time.monotonic() - began, 1),
    }
    write_json(out / "result.json", result)
    return code


def join_streams() -> None:
    """Let both streams end in the log, in the order in which they are written, as UTF-8."""
    sys.stdout.flush()
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


def run(job: Path, checkout: Path) -> tuple[int, str]:
    """Become ai-toolkit until it ends; return its end as a code, and why in words."""
    program = checkout / "run.py"
    if not program.is_file():
        return BAD_INPUT, f"{program} is not there"
    sys.argv = [str(program), str(job / CONFIG)]
    sys.path[0] = str(checkout)
    os.chdir(checkout)
    os.environ["AITK_JOB_ID"] = ROW
    ended = threading.Event()
    watch = threading.Thread(target=wait_for_stop, args=(job, ended), daemon=True)
    watch.start()
    try:
        runpy.run_path(str(program), run_name="__main__")
    except KeyboardInterrupt:
        return STOPPED, ""
    except SystemExit as error:
        if not error.code:
            return (STOPPED if (job / "stop").exists() else DONE), ""
        return CRASHED, f"it ended with {error.code}"
    except BaseException as error:  # noqa: BLE001 - whatever it is, it ends ai-toolkit
        if (job / "stop").exists():
            return STOPPED, ""
        sys.excepthook(type(error), error, error.__traceback__)
        return code_of(error), f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
    finally:
        ended.set()
    return DONE, ""


def wait_for_stop(job: Path, ended: threading.Event) -> None:
    """Once the `stop` file is there, let ai-toolkit save and end its step, or interrupt it.

    It is interrupted while it trains nothing yet, and where it does not tell its progress.
    """
    while not ended.wait(_LOOK_S):
        if (job / "stop").exists():
            break
    else:
        return
    database = job / "out" / DATABASE
    if is_training(database):
        tell(database, "save_now")
        until(ended, _SAVE_S, lambda: not is_set(database, "save_now"))
        tell(database, "stop")
        until(ended, _STEP_S, lambda: False)
    if not ended.is_set():
        interrupt()


def interrupt() -> None:
    """Raise `KeyboardInterrupt` in the main thread, also while it waits for something."""
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGINT)  # a signal of another kind ends a process there
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def until(ended: threading.Event, seconds: float, happened: Callable[[], bool]) -> None:
    """Wait until something happened, the job ended, or the time is over."""
    last = time.monotonic() + seconds
    while time.monotonic() < last and not happened() and not ended.wait(_LOOK_S):
        pass


def code_of(error: BaseException) -> int:
    """Return the exit code for what ended ai-toolkit, by the error or one that it came from."""
    seen: BaseException | None = error
    for _ in range(20):
        if seen is None:
            break
        words = f"{type(seen).__name__} {seen}".lower()
        if "outofmemory" in words or "out of memory" in words or "oom during" in words:
            return NO_MEMORY
        if "gatedrepo" in words or "401 client" in words or "403 client" in words:
            return GATED
        if getattr(seen, "errno", None) == errno.ENOSPC or "no space left" in words:
            return DISK_FULL
        seen = seen.__cause__ or seen.__context__
    return CRASHED


def bring_out(out: Path) -> tuple[int, str, str]:
    """Put the last weights where every trainer puts them; return the end and their SHA-256."""
    made, target = out / NAME / f"{NAME}.safetensors", out / "lora.safetensors"
    if not is_whole(made):
        return CRASHED, "ai-toolkit ended without weights", ""
    part = target.with_suffix(".part")
    try:
        shutil.copyfile(made, part)
        with part.open("rb+") as file:
            digest = hashlib.sha256()
            while piece := file.read(1 << 20):
                digest.update(piece)
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        return code_of(error), f"the weights were not copied: {error}", ""
    return DONE, "", digest.hexdigest()


def put_aside_halves(folder: Path) -> None:
    """Rename checkpoints that a killed process left half written: the newest is loaded first."""
    for path in folder.glob(f"{NAME}*.safetensors") if folder.is_dir() else ():
        if not is_whole(path):
            path.replace(path.with_name(f"half-{time.time_ns()}-{path.name}.damaged"))


def is_whole(path: Path) -> bool:
    """Tell whether a weights file is as long as its header says."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = struct.unpack("<Q", file.read(8))[0]
            head = json.loads(file.read(length)) if length <= _LONGEST_HEADER else {}
        ends = [item["data_offsets"][1] for key, item in head.items() if key != "__metadata__"]
    except (OSError, struct.error, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return False
    return bool(ends) and 8 + length + max(ends) == size


def make_row(database: Path) -> None:
    """Make the row in which ai-toolkit tells its progress and looks whether to stop."""
    columns = ", ".join(" ".join(column) for column in _COLUMNS)
    with contextlib.closing(sqlite3.connect(database, timeout=30)) as link, link:
        link.execute(f"CREATE TABLE IF NOT EXISTS Job ({columns})")
        link.execute("DELETE FROM Job")
        link.execute("INSERT INTO Job (id, name, pid) VALUES (?, ?, ?)", (ROW, NAME, os.getpid()))


def tell(database: Path, column: str) -> None:
    """Set a wish of the row: `stop` or `save_now`."""
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(database, timeout=30)) as link,
        link,
    ):
        link.execute(f"UPDATE Job SET {column} = 1 WHERE id = ?", (ROW,))  # noqa: S608 - ours


def look(database: Path, column: str) -> object:
    """Return a value of the row, None where it cannot be read."""
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(database, timeout=30)) as link,
    ):
        found = link.execute(f"SELECT {column} FROM Job WHERE id = ?", (ROW,)).fetchone()  # noqa: S608
        return found[0] if found else None
    return None


def is_training(database: Path) -> bool:
    """Tell whether steps are trained and told, so that there is something to save."""
    return look(database, "status") == "running" and steps_in(database) > 0


def is_set(database: Path, column: str) -> bool:
    """Tell whether a wish still stands; ai-toolkit writes texts into the columns."""
    return str(look(database, column)) == "1"


def steps_in(database: Path) -> int:
    """Return how many steps were trained, as ai-toolkit told last."""
    try:
        return int(str(look(database, "step")))
    except ValueError:
        return 0


def write_json(path: Path, told: dict[str, object]) -> None:
    """Write a file whole or not at all."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(told, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def hold(path: Path) -> int | None:
    """Take the exclusive lock that ends with this process; None where another has it.

    Whoever only looks whether it is held has it for a moment too, hence the patience.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + _LOCK_S
    while True:
        try:
            if sys.platform == "win32":
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= until:
                os.close(handle)
                return None
            threading.Event().wait(0.02)
        else:
            return handle


def start_time() -> str:
    """Return when this process started, as the system tells it of any process.

    Linux: field 22 of /proc/PID/stat (proc(5)). macOS: what `ps` prints. Windows: the creation time
    in units of 100 ns (GetProcessTimes).
    """
    if sys.platform == "win32":
        times = [wintypes.FILETIME() for _ in range(4)]
        kernel = ctypes.WinDLL("kernel32")
        kernel.GetCurrentProcess.restype = wintypes.HANDLE
        told = (wintypes.HANDLE(kernel.GetCurrentProcess()), *map(ctypes.byref, times))
        kernel.GetProcessTimes(*told)
        return str((times[0].dwHighDateTime << 32) | times[0].dwLowDateTime)
    if sys.platform == "darwin":
        command = ["/bin/ps", "-o", "lstart=", "-p", str(os.getpid())]
        done = subprocess.run(command, capture_output=True, check=False, env={"LC_ALL": "C"})  # noqa: S603
        return done.stdout.decode(errors="replace").strip()
    with contextlib.suppress(OSError):
        stat = Path("/proc/self/stat").read_bytes()
        return stat.rpartition(b")")[2].split()[19].decode()
    return ""


def boot() -> str:
    """Return what tells this run of the computer from the next, "" where nothing does."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv))
