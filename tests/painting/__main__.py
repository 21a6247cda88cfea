"""Plays `trainer --serve` with the standard library alone: real lines, real PNGs, real faults.

It paints two numbers into two colours: one of prompt and seed, one of the Loras' bytes, weighed by
their strengths. In the folder `PAINTING` it keeps each order in `orders.jsonl`, and takes the first
file of `faults/` with the next order: its name, up to a dash, is what goes wrong.
"""

import hashlib
import json
import os
import queue
import struct
import sys
import threading
import time
import zlib
from pathlib import Path

FOLDER = Path(os.environ["PAINTING"])
STEP_S = float(os.environ.get("PAINTING_STEP_S", "0"))
orders: "queue.Queue[dict | None]" = queue.Queue()
cancelled: set[str] = set()


def say(**event: object) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def read() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "cancel":
            cancelled.add(order["id"])
        else:
            orders.put(order)
    os._exit(0)


def fault() -> str:
    for path in sorted((FOLDER / "faults").glob("*")):
        path.unlink()
        return path.name.split("-")[0]
    return ""


def png(width: int, height: int, color: tuple[int, int, int]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        sum_ = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", sum_)

    rows = (b"\0" + bytes(color) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def color_of(order: dict) -> tuple[int, int, int]:
    plain = hashlib.sha256(f"{order['prompt']} {order['seed']} {order['base']}".encode()).digest()
    style = sum(
        lora["scale"] * hashlib.sha256(Path(lora["path"]).read_bytes()).digest()[0]
        for lora in order["loras"]
    )
    return plain[0], plain[1], round(style) % 256


def make(order: dict, wrong: str) -> None:
    name = order["id"]
    say(id=name, event="stage", name="loading")
    if wrong == "silent":
        while True:
            time.sleep(60)
    if wrong == "garbage":
        print("Loading pipeline components...: 100%", [1, 2], '\n{"id": 3}\n"text"\n{"id"')
    if wrong == "huge":
        say(id=name, event="stage", name="x" * 3_000_000)
    if wrong.startswith("code"):
        say(id=name, event="error", code=int(wrong[4:]), says=f"It says {wrong}.", mend="Mend it.")
        return
    for step in range(1, order["steps"] + 1):
        if name in cancelled:
            say(id=name, event="error", code=3, says="Stopped.", mend="")
            return
        time.sleep(STEP_S)
        say(id=name, event="progress", step=step, of=order["steps"])
        if wrong == "crash" and step == 2:
            print(
                "CUDA error: an illegal memory access was encountered", file=sys.stderr, flush=True
            )
            os._exit(139)
        while wrong == "wait" and step == 2 and name not in cancelled:
            time.sleep(0.01)
    data = b"<html>" if wrong == "nopng" else png(order["width"], order["height"], color_of(order))
    if wrong != "nofile":
        Path(order["out"]).write_bytes(data)
    size = {"width": order["width"], "height": order["height"]}
    say(id=name, event="picture", path=order["out"], seconds=0.1, memory_bytes=1, **size)


def main() -> None:
    if fault_at_start := os.environ.get("PAINTING_START", ""):
        print(f"ModuleNotFoundError: {fault_at_start}", file=sys.stderr)
        raise SystemExit(1)
    threading.Thread(target=read, daemon=True).start()
    say(v=1, event="hello", python="3.11", torch="2.13.0", bases=["flux.1-dev", "flux.2-dev"])
    while True:
        order = orders.get()
        with (FOLDER / "orders.jsonl").open("a") as kept:
            seen = {"pid": os.getpid(), "token": os.environ.get("HF_TOKEN", ""), **order}
            seen["gpu"] = os.environ.get("CUDA_VISIBLE_DEVICES", "")
            kept.write(json.dumps(seen) + "\n")
        make(order, fault())


main()
