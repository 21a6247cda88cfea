"""A stand-in for the trainer: the same folder, lock, events and ends, without torch.

Standard library only. What it does is scripted by the JSON file that FAKE_TRAINER names: a list
with one table for each start, the last of which counts for all later ones.

  step_s      seconds for a step
  die_at      kill itself with nothing written after this step
  hang_at     never go on after this step, nor look at `stop`
  wait_at     wait there until `stop` is written
  exit        end at once with this code and a result, `says` being the reason
  crash       end at once with this code and no result; `says` goes to the log
  noise       write lines that are no events, and one of several megabytes
  wrong_hash  write a hash into the result that the weights do not have
"""

import hashlib
import json
import os
import signal
import struct
import sys
import time
import zlib
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

RANK = 8


def main(job: Path) -> int:
    out = job / "out"
    asked = json.loads((job / "job.json").read_text("utf-8"))
    claim(out)
    events = Events(out)
    script = script_for(events.starts)
    if "crash" in script:
        print(script.get("says", "it broke"), file=sys.stderr)
        return int(script["crash"])
    step = resumed_at(out)
    events.tell("hello", step=step, of=asked["steps"], pid=os.getpid(), device="fake", gpu="Fake",
                precision="nf4", plan="small")  # fmt: skip
    if "exit" in script:
        return give_up(out, events, int(script["exit"]), str(script.get("says", "it said no")))
    if script.get("noise"):
        make_noise(out)
    events.tell("stage", name="loading", says="Loading the base")
    while step < asked["steps"]:
        if (job / "stop").exists():
            return stop(out, events, asked, step)
        step += 1
        time.sleep(script.get("step_s", 0.0))
        events.tell("step", step=step, of=asked["steps"], loss=1.0 / step + 0.2, lr=1e-4,
                    s_per_step=script.get("step_s", 0.0), memory_bytes=1)  # fmt: skip
        if asked["sample_every"] and step % asked["sample_every"] == 0:
            make_samples(out, events, asked, step)
        if step % asked["checkpoint_every"] == 0 or step == asked["steps"]:
            keep(out, events, asked, step)
        if script.get("die_at") == step:
            os.kill(os.getpid(), signal.SIGKILL)
        while script.get("hang_at") == step:
            time.sleep(1)
        while script.get("wait_at") == step and not (job / "stop").exists():
            time.sleep(0.01)
    write_lora(out / "lora.safetensors", asked, step)
    digest = hashlib.sha256((out / "lora.safetensors").read_bytes()).hexdigest()
    events.tell("done", path="lora.safetensors", sha256=digest)
    finish(out, "done", 0, step, sha256="0" * 64 if script.get("wrong_hash") else digest)
    return 0


def claim(out: Path) -> None:
    """Take the lock and say who holds it, or leave: one trainer for each folder."""
    handle = os.open(out / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if sys.platform == "win32":
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(1)
    started = ""
    if sys.platform == "linux":
        started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    who = {"pid": os.getpid(), "started": started, "boot": ""}
    write_whole(out / "process.json", json.dumps(who).encode())
    with (out / "starts.txt").open("a") as file:
        file.write(f"{os.getpid()}\n")


class Events:
    def __init__(self, out: Path) -> None:
        self.path = out / "events.jsonl"
        lines = self.path.read_text("utf-8").splitlines() if self.path.exists() else []
        self.seq = len(lines)
        self.starts = len((out / "starts.txt").read_text().splitlines()) - 1

    def tell(self, event: str, **fields: object) -> None:
        self.seq += 1
        line = {"v": 1, "seq": self.seq, "ts": time.time(), "event": event, **fields}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def script_for(start: int) -> dict:
    path = os.environ.get("FAKE_TRAINER", "")
    scripts = json.loads(Path(path).read_text("utf-8")) if path and Path(path).exists() else [{}]
    return dict(scripts[min(start, len(scripts) - 1)])


def resumed_at(out: Path) -> int:
    state = out / "state.pt"
    return int(state.read_text()) if state.exists() else 0


def keep(out: Path, events: Events, asked: dict, step: int) -> None:
    name = f"checkpoints/step_{step:06d}.safetensors"
    (out / "checkpoints").mkdir(exist_ok=True)
    write_lora(out / name, asked, step)
    write_whole(out / "state.pt", str(step).encode())
    events.tell("checkpoint", step=step, path=name)


def stop(out: Path, events: Events, asked: dict, step: int) -> int:
    if step:
        keep(out, events, asked, step)
    finish(out, "stopped", 3, step)
    return 3


def give_up(out: Path, events: Events, code: int, says: str) -> int:
    events.tell("error", code=code, says=says, mend="Do something about it.")
    finish(out, "failed", code, 0, reason=says)
    return code


def finish(
    out: Path, status: str, code: int, steps: int, *, reason: str = "", sha256: str = ""
) -> None:
    result = {"v": 1, "status": status, "code": code, "reason": reason, "sha256": sha256}
    result |= {"steps": steps, "seconds": 1.0, "precision": "nf4", "peak_memory_bytes": 1}
    write_whole(out / "result.json", json.dumps(result).encode())


def make_noise(out: Path) -> None:
    with (out / "events.jsonl").open("ab") as file:
        file.write(b'not json\n\xff\xfe\n[1,2]\n{"v":2,"event":"step","step":9}\n')
        file.write(b'{"v":1,"event":"sample","step":1,"index":0,"path":"../../etc/passwd.png"}\n')
        file.write(b'{"v":1,"event":"step","step":1e999,"loss":NaN}\n')
        file.write(b'{"v":1,"event":"warn","says":"' + b"x" * 3_000_000 + b'"}\n')


def make_samples(out: Path, events: Events, asked: dict, step: int) -> None:
    (out / "samples").mkdir(exist_ok=True)
    for index, prompt in enumerate(asked["sample_prompts"]):
        name = f"samples/{step:06d}_{index}.png"
        write_whole(out / name, png(step, index))
        events.tell("sample", step=step, index=index, path=name, prompt=prompt, seed=index)


def png(step: int, index: int, side: int = 96) -> bytes:
    """Return a picture whose colours follow from the step and the prompt."""
    rows = []
    for y in range(side):
        shade = bytes(
            part
            for x in range(side)
            for part in ((step * 7 + x) % 256, (80 + index * 60 + y) % 256, (step * 3 + y) % 256)
        )
        rows.append(b"\0" + shade)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"".join(rows)))
        + chunk(b"IEND", b"")
    )


def write_lora(target: Path, asked: dict, step: int) -> None:
    """Write a small LoRA of FLUX.1-dev's shapes, which differs with the step."""
    tensors, data = {}, b""
    for block in range(2):
        name = f"transformer.transformer_blocks.{block}.attn.to_q"
        for part, shape in (("lora_A", [RANK, 3072]), ("lora_B", [3072, RANK])):
            size = shape[0] * shape[1] * 2
            tensors[f"{name}.{part}.weight"] = {
                "dtype": "F16", "shape": shape, "data_offsets": [len(data), len(data) + size],
            }  # fmt: skip
            data += bytes((step % 200 + 1, 0x20)) * (size // 2)
    tensors["__metadata__"] = {"trigger_word": asked["trigger_word"], "step": str(step)}
    head = json.dumps(tensors).encode()
    head += b" " * (-len(head) % 8)
    write_whole(target, struct.pack("<Q", len(head)) + head + data)


def write_whole(target: Path, data: bytes) -> None:
    part = target.with_name(f"{target.name}.tmp")
    part.write_bytes(data)
    part.replace(target)


sys.exit(main(Path(sys.argv[1])))
