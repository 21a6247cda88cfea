"""The practice services in a process of their own, told what is to go wrong and asked what came."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SPEED = 4000.0


class Cloud:
    """Replicate, the hub and the others on loopback; their ledger is what a real bill would be."""

    def __init__(self, folder: Path, *, speed: float = SPEED) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "fluxlora_desktop.practice"),
                *("--state-dir", str(folder), "--speed", str(speed)),
            ],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        assert self._process.stdout is not None
        self.connections: dict[str, dict[str, str]] = json.loads(self._process.stdout.readline())

    def entries(self, kind: str = "") -> list[dict[str, Any]]:
        """Return the ledger's lines but requests, of one kind or all, as they are on the disk."""
        path = self.folder / "ledger.jsonl"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        told = [json.loads(line) for line in lines]
        return [entry for entry in told if kind in ("", entry["kind"])]

    def requests(self, service: str) -> list[dict[str, Any]]:
        """Return the facts of the HTTP requests that a service remembers."""
        told = self.control(service, "ledger")
        return [entry["facts"] for entry in told["entries"] if entry["kind"] == "request"]

    def fault(self, service: str, **fault: Any) -> None:
        """Let the next requests of a service meet a fault, in the words of `FaultScript.next`."""
        self.control(service, "faults", fault)

    def calm(self) -> None:
        """Forget the faults that no request has met."""
        for service in self.connections:
            self.control(service, "reset-faults", {})

    def control(self, service: str, what: str, body: object = None) -> Any:
        """Ask a practice service itself, or tell it something."""
        url = f"{self.connections[service]['url']}/_practice/{what}"
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(url, data=data, timeout=20) as reply:
            return json.loads(reply.read())

    def close(self) -> None:
        """End the services."""
        self._process.terminate()
        self._process.communicate(timeout=20)
