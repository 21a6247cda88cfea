"""What a test wants the next jobs of a service to become."""

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Scripts(Generic[T]):
    """The scripts that wait for jobs, in order; may be used by any thread."""

    def __init__(self, usual: T) -> None:
        """Take the script of a job for which none waits."""
        self._usual = usual
        self._lock = threading.Lock()
        self._waiting: list[T] = []

    def add(self, script: T) -> None:
        """Let the next job that no other script waits for go like this."""
        with self._lock:
            self._waiting.append(script)

    def take(self) -> T:
        """Return and forget the next script; the usual one when none waits."""
        with self._lock:
            return self._waiting.pop(0) if self._waiting else self._usual

    def reset(self) -> None:
        """Forget the scripts that no job has taken."""
        with self._lock:
            self._waiting.clear()
