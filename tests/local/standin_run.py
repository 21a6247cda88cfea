"""A stand-in for ai-toolkit's run.py: it reads the same configuration and says the same lines.

Nothing is learned. `script.json` beside it names faults, by step: {"oom": [3], "crash": 5,
"words": "...", "wait": 7, "garbage": true, "slow": 0.01}. A job waits at a step until the file
`go` lies beside this one. Standard library only.
"""

import json
import os
import re
import sqlite3
import struct
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCRIPT = json.loads((HERE / "script.json").read_text()) if (HERE / "script.json").exists() else {}


def get_config(path):
    """Read a configuration as ai-toolkit does: variables first, then the [name] tag."""
    text = Path(path).read_text(encoding="utf-8")
    text = re.sub(r"\$\{([^}]+)\}", lambda found: os.environ[found[1]], text)
    assert path.endswith(".json"), "the suffix decides how it is read"
    config = json.loads(text)
    return json.loads(json.dumps(config).replace("[name]", config["config"]["name"]))


class Row:
    """The row of the database, where both the file and the job's id are there."""

    def __init__(self, process):
        self.path = process.get("sqlite_db_path", "./aitk_db.db")
        self.job = os.environ.get("AITK_JOB_ID")
        tells = process["type"] == "diffusion_trainer"
        self.there = tells and Path(self.path).exists() and self.job is not None

    def set(self, **values):
        for key, value in values.items() if self.there else ():
            link = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            link.execute(f"UPDATE Job SET {key} = ? WHERE id = ?", (str(value), self.job))
            link.close()

    def asks(self, key):
        if not self.there:
            return False
        link = sqlite3.connect(self.path, timeout=30)
        found = link.execute(f"SELECT {key} FROM Job WHERE id = ?", (self.job,)).fetchone()
        link.close()
        return found is not None and found[0] == 1

    def maybe_stop(self):
        if self.asks("stop"):
            self.set(status="stopped", info="Job stopped")
            raise Exception("Job stopped")  # noqa: TRY002 - as ai-toolkit does


class Job:
    def __init__(self, config):
        self.name, self.meta = config["config"]["name"], config.get("meta", {})
        process = config["config"]["process"][0]
        print(json.dumps(process, indent=4))
        self.process, self.row = process, Row(process)
        self.root = Path(process["training_folder"]) / self.name
        self.root.mkdir(parents=True, exist_ok=True)
        self.step, self.steps = 0, process["train"]["steps"]

    def run(self):
        print(f"\n#############################################\n# Running job: {self.name}")
        self.row.set(status="running", info="Loading model")
        print("Loading Flux model")
        data = self.process["datasets"][0]
        photos = sorted(Path(data["folder_path"]).glob("*.[jpw]*g*"))
        captions = [p.with_suffix("." + data["caption_ext"].lstrip(".")) for p in photos]
        seen = [c.read_text(encoding="utf-8") if c.exists() else "" for c in captions]
        (self.root / "seen.json").write_text(json.dumps([[p.name for p in photos], seen]))
        print(f"Dataset: {data['folder_path']}\n  -  Found {len(photos)} images")
        assert photos, "no images"
        self.resume()
        if self.process["train"].get("skip_first_sample"):
            print("Skipping first sample due to config setting")
        self.row.set(step=self.step, info="Training")
        for step in range(self.step, self.steps):
            self.one(step)
            self.step = step + 1
            self.end_of_step()
        print("", file=sys.stderr)
        self.save(None)
        if not self.process["train"].get("disable_sampling"):
            self.sample()
        self.row.set(status="completed", info="Training completed")

    def one(self, step):
        save, sample = self.process["save"]["save_every"], self.process["sample"]["sample_every"]
        self.fault(step)
        loss = 1.0 / (1 + step)
        if step in SCRIPT.get("oom", ()):
            print(f"\n{'#' * 48}\n# OOM during training step, skipping batch 1/3 #\n{'#' * 48}\n")
        time.sleep(SCRIPT.get("slow", 0.001))
        bar = f"{100 * step // self.steps:3d}%|####      | {step}/{self.steps}"
        tail = f"[00:07<00:52,  1.80s/it, lr: 1.0e-04 loss: {loss:.3e}]"
        sys.stderr.write(f"\r{self.name}: {bar} {tail}")
        sys.stderr.flush()
        if self.step != self.start and step % save == 0:
            print(f"\nSaving at step {step}")
            self.save(step)
        if self.step != self.start and step % sample == 0 and not self.off():
            self.sample()

    def off(self):
        return self.process["train"].get("disable_sampling", False)

    def fault(self, step):
        if SCRIPT.get("garbage"):
            print(b"\xff\xfe\x00".decode("latin-1"), f"lora: 9%| {'9' * 40}/1 [", "\x1b[31m" * 3)
        if step == SCRIPT.get("wait"):
            while not (HERE / "go").exists():
                self.row.maybe_stop()
                time.sleep(0.01)
        if step == SCRIPT.get("crash"):
            raise RuntimeError(SCRIPT.get("words", "something broke"))

    def end_of_step(self):
        self.row.set(step=self.step)
        self.row.maybe_stop()
        if self.row.asks("save_now"):
            self.row.set(save_now=0)
            print(f"\nSaving at step {self.step}")
            self.save(self.step)

    def resume(self):
        self.start = 0
        old = sorted(self.root.glob(f"{self.name}*.safetensors"), key=os.path.getctime)
        if old:
            print(f"#### IMPORTANT RESUMING FROM {old[-1]} ####")
            metadata, _header, _data = read_weights(old[-1])
            self.step = self.start = json.loads(metadata["training_info"])["step"]
            print(f"Found step {self.step} in metadata, starting from there")

    def save(self, step):
        self.row.set(info="Saving model")
        tail = "" if step is None else f"_{step:09d}"
        path = self.root / f"{self.name}{tail}.safetensors"
        _old, header, data = read_weights(HERE / "template.safetensors")
        metadata = {"format": "pt", "ss_base_model_version": "sd_1.5", "ss_output_name": self.name}
        metadata["training_info"] = json.dumps({"step": self.step, "epoch": 1})
        header = {"__metadata__": metadata, **header}
        raw = json.dumps(header).encode()
        path.write_bytes(struct.pack("<Q", len(raw)) + raw + data)
        print(f"Saved checkpoint to {path}")
        (self.root / "optimizer.pt").write_bytes(b"state")
        print(f"Saved optimizer to {self.root / 'optimizer.pt'}")
        kept = sorted(self.root.glob(f"{self.name}_*.safetensors"), key=os.path.getctime)
        for path in kept[: -self.process["save"]["max_step_saves_to_keep"]]:
            print(f"Removing old save: {path}")
            path.unlink()

    def sample(self):
        folder = self.root / "samples"
        folder.mkdir(exist_ok=True)
        for number, _prompt in enumerate(self.process["sample"]["prompts"]):
            name = f"{int(time.time() * 1000)}__{self.step:09d}_{number}.jpg"
            (folder / name).write_bytes((HERE / "template.jpg").read_bytes())
        sys.stderr.write("\rGenerating Images: 100%|##########| 2/2 [00:01<00:00,  1.99it/s]\n")


def read_weights(path):
    with Path(path).open("rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        metadata, data = header.pop("__metadata__", {}), file.read()
    if max(entry["data_offsets"][1] for entry in header.values()) != len(data):
        raise ValueError("incomplete metadata, file not fully covered")
    return metadata, header, data


def main():
    sys.path.insert(0, str(Path.cwd()))
    assert Path.cwd() == HERE, "ai-toolkit is started in its own folder"
    print("Running 1 job")
    failed = 0
    try:
        Job(get_config(sys.argv[1])).run()
    except Exception as error:
        print(f"Error running job: {error}")
        failed = 1
        raise
    except KeyboardInterrupt:
        print("Job stopped")
        sys.exit(0)
    finally:
        print("\n========================================\nResult:")
        print(" - 0 completed jobs\n - 1 failure" if failed else " - 1 completed job")


if __name__ == "__main__":
    main()
