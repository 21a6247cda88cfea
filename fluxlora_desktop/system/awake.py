"""Keep the computer from falling asleep while it trains; where that cannot be, it is no error.

Linux: a lock of the login manager, held by `systemd-inhibit` for as long as its child reads from
us. macOS: `caffeinate`, which ends with us. Windows: SetThreadExecutionState, which is the calling
thread's own, so it is called in the GUI thread, where it takes no time.
"""

from __future__ import annotations

import ctypes
import logging
import os
import shutil
import subprocess
import sys
import threading
from contextlib import suppress

from fluxlora_desktop.system.environment import without_tokens

_log = logging.getLogger(__name__)
_WHO, _WHY = "FluxLoRA Desktop", "A LoRA is being trained"
_CONTINUOUS, _SYSTEM_REQUIRED = 0x80000000, 0x00000001


def awake_command(platform: str, pid: int) -> tuple[str, ...]:
    """Return the program that holds the computer awake while it lives, empty for none.

    On Linux its standard input must stay open.
    """
    if platform == "darwin":
        return ("caffeinate", "-i", "-w", str(pid))
    if platform == "linux":
        held = ("--what=idle:sleep", f"--who={_WHO}", f"--why={_WHY}", "--mode=block")
        return ("systemd-inhibit", *held, "cat")
    return ()


class KeepAwake:
    """Holds the computer awake while it is wanted; any thread may ask but on Windows.

    `wants_gui_thread` tells that `apply` must be called there.
    """

    wants_gui_thread = sys.platform == "win32"

    def __init__(self, command: tuple[str, ...] | None = None) -> None:
        self._command = awake_command(sys.platform, os.getpid()) if command is None else command
        self._wanted = False
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def wanted(self) -> bool:
        """Tell what was asked for last."""
        return self._wanted

    def want(self, awake: bool) -> None:
        """Say whether the computer shall stay awake; `apply` sees to it."""
        self._wanted = awake

    def apply(self) -> None:
        """Hold it awake or let it sleep, as was asked for last."""
        with self._lock:
            if self.wants_gui_thread:
                _tell_windows(self._wanted)
            elif self._wanted and not self.holds():
                self._hold()
            elif not self._wanted:
                self._let_go()

    def holds(self) -> bool:
        """Tell whether a program of ours holds the computer awake."""
        return self._child is not None and self._child.poll() is None

    def close(self) -> None:
        """Let the computer sleep again."""
        self.want(False)
        self.apply()

    def _hold(self) -> None:
        if not self._command or shutil.which(self._command[0]) is None:
            return
        try:
            self._child = subprocess.Popen(  # noqa: S603  a fixed command
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=without_tokens(os.environ),
            )
        except OSError as error:
            _log.info("the computer cannot be kept awake: %s", error)

    def _let_go(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with suppress(OSError):
            if child.stdin is not None:
                child.stdin.close()
            child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(2)


def _tell_windows(awake: bool) -> None:
    if sys.platform == "win32":
        ctypes.windll.kernel32.SetThreadExecutionState(
            _CONTINUOUS | (_SYSTEM_REQUIRED if awake else 0)
        )
