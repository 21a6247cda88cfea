"""Lives of the app, each a forked process that is killed: between two system calls, or at a time.

The forge imports everything once and forks for each life, so that a life begins in milliseconds;
it has no threads of its own. Where strace may attach, a life dies on entering its n-th call of
`CALLS`, before the call is made; elsewhere after so many seconds. One line of JSON in, one out:
`python -m tests.faults.forge`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CALLS = (
    *("write", "pwrite64", "fsync", "fdatasync", "rename", "unlink", "ftruncate"),
    *("connect", "sendto", "recvfrom", "mkdir"),
)
LONGEST_LIFE_S = 90.0
LISTING = "calls.txt"
_LOOK_S = 0.002
_ATTACH_S = 5.0
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a life ended: killed as planned, by itself with its last words, or not at all."""

    killed: bool
    said: str
    seconds: float
    calls: int = 0


class Forge:
    """The forge's process, as the one who sends lives through it sees it."""

    def __init__(self, broken: str = "") -> None:
        env = {name: value for name, value in os.environ.items() if not name.endswith("_TOKEN")}
        env |= {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.forge", broken],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
            cwd=ROOT,
        )
        self._ask({"what": "ready"})

    def life(
        self,
        scene: dict[str, Any],
        *,
        nth: int = 0,
        after: float = 0.0,
        count: bool = False,
        plan: dict[str, Any] | None = None,
    ) -> Ended:
        """Let a life go on in a scene until it is killed at its `nth` call, or ends by itself."""
        told = self._ask(
            {"what": "life", "scene": scene, "nth": nth, "after": after, "count": count}
            | {"plan": plan}
        )
        return Ended(**told)

    def close(self) -> None:
        """End the forge."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)

    def _ask(self, what: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the forge ended")
        return dict(json.loads(line))


def can_trace() -> bool:
    """Tell whether strace is there and may attach to a process of ours."""
    if not (sys.platform.startswith("linux") and shutil.which("strace")):
        return False
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        command = ["strace", "-q", "-o", "/dev/null", "-p", str(child.pid)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as tracer:
            try:
                return _wait_attached(child.pid, tracer)
            finally:
                tracer.terminate()
    finally:
        child.kill()
        child.communicate()


def main() -> int:
    """Serve lives until the input ends."""
    broken = sys.argv[1] if len(sys.argv) > 1 else ""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # Heavy imports before the first fork, none of which starts a thread.
    from tests.faults import broken as rules
    from tests.faults import lives

    if broken:
        rules.break_rule(broken)
    for line in sys.stdin:
        told = json.loads(line)
        if told["what"] == "ready":
            reply: dict[str, Any] = {"ready": True}
        else:
            reply = _let_live(lives.begin, told)
        answers.write(json.dumps(reply) + "\n")
        answers.flush()
    return 0


def _let_live(begin: Any, told: dict[str, Any]) -> dict[str, Any]:
    gate, opener = os.pipe()
    words, mouth = os.pipe()
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(opener)
        os.close(words)
        _be(begin, told, gate, mouth)
    os.close(gate)
    os.close(mouth)
    tracer = _attach(child, told) if told["nth"] or told["count"] else None
    os.write(opener, b"g")
    os.close(opener)
    status, said = _wait(child, words, told["after"])
    os.close(words)
    if tracer is not None:
        tracer.wait(10)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    return {
        "killed": killed,
        "said": said,
        "seconds": time.monotonic() - started,
        "calls": _counted(told) if told["count"] else 0,
    }


def _be(begin: Any, told: dict[str, Any], gate: int, mouth: int) -> None:
    """Live in the forked process; never returns."""
    os.read(gate, 1)
    try:
        said = begin(told["scene"], told.get("plan") or {})
    except BaseException:  # noqa: BLE001 - the last words of a life are its trouble
        said = "crashed: " + traceback.format_exc()[-1500:]
    os.write(mouth, said.encode()[:4000])
    os._exit(0)


def _wait(child: int, words: int, after: float) -> tuple[int, str]:
    """Wait for the end of a life, and bring it about when its time is over."""
    deadline = time.monotonic() + (after or LONGEST_LIFE_S)
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            if not after:
                return 0, "hung"
            break
        time.sleep(_LOOK_S)
    said = b""
    while chunk := os.read(words, 65536):
        said += chunk
    return status, said.decode(errors="replace")


def _attach(child: int, told: dict[str, Any]) -> subprocess.Popen[bytes]:
    calls = ",".join(CALLS)
    command = ["strace", "-f", "-q", "-e", f"trace={calls}", "-e", "signal=none"]
    if told["count"]:
        listing = Path(told["scene"]["folder"]) / LISTING
        command += ["-y", "-s", "160", "-o", str(listing)]
    else:
        command += ["-o", "/dev/null", "-e", f"inject={calls}:signal=KILL:when={told['nth']}"]
    tracer = subprocess.Popen([*command, "-p", str(child)], stderr=subprocess.DEVNULL)
    if not _wait_attached(child, tracer):
        raise RuntimeError("strace did not attach")
    return tracer


def _wait_attached(pid: int, tracer: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + _ATTACH_S
    while time.monotonic() < deadline and tracer.poll() is None:
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
        if "TracerPid:\t0" not in status:
            return True
        time.sleep(_LOOK_S)
    return False


def _counted(told: dict[str, Any]) -> int:
    """Return how many calls of `CALLS` the life's first thread made."""
    listing = Path(told["scene"]["folder"]) / LISTING
    lines = listing.read_text("utf-8", errors="replace").splitlines()
    first = lines[0].split()[0] if lines else ""
    return sum(line.split()[0] == first and "resumed" not in line for line in lines)


if __name__ == "__main__":
    raise SystemExit(main())
