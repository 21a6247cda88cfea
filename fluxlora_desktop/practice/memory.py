"""What the practice services keep over a restart besides their state: tokens and ports."""

import json
from pathlib import Path
from typing import Any

from fluxlora_desktop.practice.context import make_token


class Memory:
    """A small JSON file; practice tokens open nothing but the practice services."""

    def __init__(self, *, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "services.json"
        self._known = _load(self._path)

    def token(self, service: str) -> str:
        """Return the token of a service, made when it is asked for the first time."""
        tokens = self._known["tokens"]
        if service not in tokens:
            tokens[service] = make_token(service)
            self._save()
        return str(tokens[service])

    def port(self, service: str, port: str) -> int:
        """Return the port number of the last time, or 0."""
        number = self._known["ports"].get(f"{service}.{port}", 0)
        return number if isinstance(number, int) and 0 < number < 65536 else 0

    def remember_port(self, service: str, port: str, number: int) -> None:
        """Keep a port number for the next time."""
        if self.port(service, port) != number:
            self._known["ports"][f"{service}.{port}"] = number
            self._save()

    def _save(self) -> None:
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps(self._known, indent=1), "utf-8")
        temporary.replace(self._path)


def _load(path: Path) -> dict[str, dict[str, Any]]:
    try:
        told = json.loads(path.read_text("utf-8"))
        return {"tokens": dict(told["tokens"]), "ports": dict(told["ports"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {"tokens": {}, "ports": {}}
