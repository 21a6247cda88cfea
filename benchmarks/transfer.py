"""500 MB up and down over loopback, against curl and a plain socket.sendfile.

All run in turns against one server in a process of its own that takes bytes into a buffer and gives
them by sendfile; medians count. The files lie in memory where the system has such a place, so that
no disk is measured. The download is hashed and synced, which curl does not do. Memory is the growth
of the peak of this process over the transfers.
"""

import hashlib
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from fluxlora_desktop.backends.http.client import ServiceClient
from fluxlora_desktop.backends.http.endpoint import Endpoint
from fluxlora_desktop.backends.http.uploads import Bare
from fluxlora_desktop.domain.errors import JobCancelled
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.jobs.context import CancellableContext

SIZE = 500_000_000
REPEATS = 5
AIMS = {"up/curl": 0.6, "up/sendfile": 0.9, "down/curl": 0.4}
MEMORY_AIM, CANCEL_AIM = 10_000_000, 0.2


def peak_memory() -> int:
    """Return the peak of this process's memory in bytes, 0 where the system does not tell."""
    if platform.system() == "Windows":
        return 0
    import resource  # noqa: PLC0415 - not on every system

    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def quick_place() -> str | None:
    """Return a folder in memory with room for the files, or None for the usual one."""
    place = Path("/dev/shm")
    return str(place) if place.is_dir() and shutil.disk_usage(place).free > 3 * SIZE else None


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long this takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def curl(*arguments: str) -> None:
    """Run curl quietly, without the person's own settings."""
    line = ["curl", "-q", "-sS", "--noproxy", "*", *arguments]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)


def send_plain(port: int, file: Path) -> None:
    """Send a file as a bare socket does, and wait for the answer."""
    head = f"PUT /f HTTP/1.1\r\nHost: x\r\nContent-Length: {file.stat().st_size}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as line, file.open("rb") as source:
        line.sendall(head.encode())
        line.sendfile(source)
        line.recv(1000)


def cancel_seconds(transfer: Callable[[CancellableContext], object]) -> float:
    """Return how long a running transfer goes on after it was cancelled."""
    context, ended = CancellableContext(lambda event: None), list[float]()
    timer = threading.Timer(0.05, lambda: (ended.append(time.perf_counter()), context.cancel()))
    timer.start()
    try:
        transfer(context)
    except JobCancelled:
        return time.perf_counter() - ended[0]
    raise SystemExit("the transfer was over before it could be cancelled")


def main() -> None:
    """Measure all in turns and print medians, ratios, memory and the time of a cancel."""
    with tempfile.TemporaryDirectory(dir=quick_place()) as name:
        folder = Path(name)
        file, part = folder / "file", folder / "part"
        with file.open("wb") as target:
            for number in range(SIZE // 1_000_000):
                target.write(hashlib.sha256(b"%d" % number).digest() * 31_250)
        program = [sys.executable, str(Path(__file__).with_name("_sink.py")), str(file)]
        with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            try:
                measure(int(server.stdout.readline()), file, part)
            finally:
                server.kill()


def measure(port: int, file: Path, part: Path) -> None:
    """Transfer in turns and print."""
    url = f"http://127.0.0.1:{port}"
    client = ServiceClient(endpoint=Endpoint("practice", url, lambda: Secret("x")))
    quiet = CancellableContext(lambda event: None)

    def down(context: CancellableContext) -> None:
        part.unlink(missing_ok=True)
        client.download(f"{url}/f", part, what="weights", limit=SIZE, ctx=context)

    def up(context: CancellableContext) -> None:
        client.put_file(f"{url}/f", Bare(file, "application/zip"), ctx=context)

    ways: dict[str, Callable[[], object]] = {
        "up": lambda: up(quiet),
        "up, curl": lambda: curl("-T", str(file), f"{url}/f"),
        "up, sendfile": lambda: send_plain(port, file),
        "down": lambda: down(quiet),
        "down, curl": lambda: curl("-o", str(part), f"{url}/f"),
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    small = part.with_name("small")
    small.write_bytes(b"loads what there is to load")
    client.put_file(f"{url}/f", Bare(small, "application/zip"), ctx=quiet)
    memory = peak_memory()
    for turn in range(REPEATS + 1):
        for way, work in ways.items():
            took = seconds_of(work)
            if turn:
                times[way].append(took)
    rates = {way: SIZE / statistics.median(times[way]) / 1e6 for way in ways}
    for way, rate in rates.items():
        print(f"transfer: {way} {rate:.0f} MB/s")
    for ratio, aim in AIMS.items():
        way, floor = ratio.split("/")
        found = rates[way] / rates[f"{way}, {floor}"]
        print(f"transfer: {way} ratio {found:.2f} to {floor} (aim: at least {aim})")
    grown = peak_memory() - memory
    print(f"transfer: memory grew by {grown / 1e6:.1f} MB (aim: at most {MEMORY_AIM / 1e6:.0f})")
    slowest = max(cancel_seconds(up), cancel_seconds(down))
    print(f"transfer: a cancel took {slowest * 1000:.0f} ms (aim: at most {CANCEL_AIM * 1000:.0f})")


if __name__ == "__main__":
    main()
