"""A program that must not outlive the app: it is ended with it, and all that it started.

It ends by itself when its input does, which the system closes however the app ends. Windows, where
a program that hangs would stay, ends it through a job object that dies with its last handle
(JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE, winnt.h); elsewhere it leads a group that can be ended whole.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _KILL_ON_CLOSE, _EXTENDED_LIMITS = 0x2000, 9

    class _Counters(ctypes.Structure):
        _fields_ = [(f"count{number}", ctypes.c_uint64) for number in range(6)]

    class _BasicLimits(ctypes.Structure):
        _fields_ = [
            ("process_time", wintypes.LARGE_INTEGER),
            ("job_time", wintypes.LARGE_INTEGER),
            ("flags", wintypes.DWORD),
            ("least_memory", ctypes.c_size_t),
            ("most_memory", ctypes.c_size_t),
            ("processes", wintypes.DWORD),
            ("affinity", ctypes.c_size_t),
            ("priority", wintypes.DWORD),
            ("scheduling", wintypes.DWORD),
        ]

    class _Limits(ctypes.Structure):
        _fields_ = [
            ("basic", _BasicLimits),
            ("counters", _Counters),
            ("process_memory", ctypes.c_size_t),
            ("job_memory", ctypes.c_size_t),
            ("peak_process", ctypes.c_size_t),
            ("peak_job", ctypes.c_size_t),
        ]

    def _job_with(process: subprocess.Popen[bytes]) -> Any:
        """Return a job object that ends with this process and holds the program."""
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateJobObjectW.restype = wintypes.HANDLE
        job = wintypes.HANDLE(kernel.CreateJobObjectW(None, None))
        limits = _Limits()
        limits.basic.flags = _KILL_ON_CLOSE
        size = ctypes.sizeof(limits)
        kernel.SetInformationJobObject(job, _EXTENDED_LIMITS, ctypes.byref(limits), size)
        kernel.AssignProcessToJobObject(job, wintypes.HANDLE(int(process._handle)))
        return job

    def _close(job: Any) -> None:
        ctypes.WinDLL("kernel32").CloseHandle(job)
else:

    def _job_with(_process: subprocess.Popen[bytes]) -> Any:
        """Return nothing: the program leads a group, which is enough here."""

    def _close(_job: Any) -> None:
        """Do nothing."""


class Leash:
    """Holds a program that was just started with `apart()`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._job: Any = _job_with(process)

    def end(self) -> None:
        """End the program and what it started, at once; harmless when it has ended."""
        if sys.platform != "win32" and self._process.returncode is None:
            with suppress(OSError):  # once it is waited for, its number may be another's
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        if self._job is not None:
            _close(self._job)
            self._job = None


def apart() -> dict[str, Any]:
    """Return how a program is started that a `Leash` will hold, for `subprocess.Popen`."""
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        return {"creationflags": flags}
    return {"start_new_session": True}
