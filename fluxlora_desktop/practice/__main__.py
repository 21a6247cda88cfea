"""`python -m fluxlora_desktop.practice`: the practice services as a process of their own."""

import argparse
import json
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from fluxlora_desktop.practice.services import PracticeServices

_LOOK_S = 0.25


def main(argv: Sequence[str] | None = None) -> int:
    """Print one JSON line that tells addresses and tokens, then serve until told to stop.

    It ends with SIGINT or SIGTERM, or after `--idle-exit` seconds without a request while no
    training is unfinished. Without `--state-dir` everything is forgotten at the end.
    """
    options = _parse(argv)
    stop = threading.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
    if options.state_dir is not None:
        return _serve(options, options.state_dir, stop)
    with tempfile.TemporaryDirectory(prefix="practice-", ignore_cleanup_errors=True) as folder:
        return _serve(options, Path(folder), stop)


def _serve(options: argparse.Namespace, state_dir: Path, stop: threading.Event) -> int:
    with PracticeServices(
        state_dir=state_dir, speed=options.speed, catalogue=options.catalogue
    ) as services:
        sys.stdout.write(json.dumps(services.connections()) + "\n")
        sys.stdout.flush()
        while not stop.wait(_LOOK_S):
            if options.idle_exit and services.idle_seconds > options.idle_exit:
                break
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m fluxlora_desktop.practice",
        description="Replicate, Hugging Face, Together and fal as servers on this computer.",
    )
    parser.add_argument("--state-dir", type=Path, help="where they keep what they were sent")
    parser.add_argument("--speed", type=_positive, default=1.0, help="of the trainer; 1 is real")
    parser.add_argument("--catalogue", choices=("2026", "2025"), default="2026")
    parser.add_argument("--idle-exit", type=float, default=0.0, metavar="SECONDS")
    return parser.parse_args(argv)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError("must be above 0")
    return value


if __name__ == "__main__":
    raise SystemExit(main())
