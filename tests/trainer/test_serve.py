"""The picture server: a program of its own, asked over its pipes as the app asks it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import TRAINER
from tiny import make_flux1
from tiny_flux2 import WIDTH, build_dev, build_klein

ENDS = ("picture", "error")


class Server:
    """The program, started as the app starts it; `ask` returns what it answers to a request."""

    def __init__(self, room: Path) -> None:
        self.out = room / "picture.png"
        self._log = (room / "log.txt").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, str(TRAINER), "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=room,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"},
        )
        self.hello = self.next()

    def next(self) -> dict[str, Any]:
        """Return the next line; whatever is no JSON fails."""
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def send(self, **request: Any) -> None:
        """Send a request."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()

    def order(self, base: str, model: Path, **changes: Any) -> dict[str, Any]:
        """Return a request for a small picture."""
        least = {"id": "one", "do": "generate", "base": base, "model": str(model)}
        small = {"prompt": "a TOK mug", "width": 64, "height": 64, "steps": 2, "seed": 3}
        return {**least, **small, "out": str(self.out), **changes}

    def until_end(self, name: str = "one") -> list[dict[str, Any]]:
        """Return all answers up to the end of a request."""
        told = [self.next()]
        while told[-1]["event"] not in ENDS or told[-1]["id"] != name:
            told.append(self.next())
        return told

    def ask(self, base: str, model: Path, **changes: Any) -> list[dict[str, Any]]:
        """Ask for a picture and return all that it answers."""
        self.send(**self.order(base, model, **changes))
        return self.until_end(changes.get("id", "one"))

    def pixels(self, base: str, model: Path, **changes: Any) -> bytes:
        """Ask for a picture and return the bytes of its file."""
        self.out.unlink(missing_ok=True)
        told = self.ask(base, model, **changes)
        assert told[-1]["event"] == "picture", told[-1]
        return self.out.read_bytes()

    def end(self) -> int:
        """End the input, and return the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        code = self.process.wait(60)
        self._log.close()
        return code


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    if server.process.poll() is None:
        server.process.kill()
        server.process.wait()
    assert server.process.stdout is not None
    server.process.stdout.close()


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_dev(tmp_path_factory.mktemp("dev"))


@pytest.fixture(scope="module")
def klein(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_klein(tmp_path_factory.mktemp("klein"))


@pytest.fixture(scope="module")
def flux1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_flux1(tmp_path_factory.mktemp("flux1"))


SIDES = {"attn.to_q": (1, 1), "ff.linear_in": (1, 6), "ff.linear_out": (3, 1)}


def lora_file(path: Path, *, seed: int = 1, wide: int = WIDTH, style: str = "peft") -> Path:
    """Write a LoRA for the tiny FLUX.2 that changes its pictures, in one of the tools' styles."""
    import torch
    from safetensors.torch import save_file

    draw = torch.Generator().manual_seed(seed)
    tensors = {}
    for layer, (reads, writes) in SIDES.items():
        down = torch.randn(4, reads * wide, generator=draw)
        up = torch.randn(writes * wide, 4, generator=draw)
        tensors.update(named(style, layer, down, up))
    save_file(tensors, path)
    return path


def named(style: str, layer: str, down: Any, up: Any) -> dict[str, Any]:
    """Return a layer's tensors under the names of a tool; all of them mean the same."""
    import torch

    other = {"attn.to_q": "img_attn_qkv", "ff.linear_in": "img_mlp_0", "ff.linear_out": "img_mlp_2"}
    if style == "peft":
        name = f"transformer.transformer_blocks.0.{layer}"
        return {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}
    if style == "bare":
        name = f"transformer_blocks.0.{layer}"
        return {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}
    if style == "alpha":
        name = f"transformer.transformer_blocks.0.{layer}"
        halves = {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up * 2}
        return {**halves, f"{name}.alpha": torch.tensor(2.0)}
    if layer == "attn.to_q":  # q, k and v lie in one layer there
        up = torch.cat([up, torch.zeros_like(up), torch.zeros_like(up)])
    if style == "kohya":
        name = f"lora_unet_double_blocks_0_{other[layer]}"
        alpha = {f"{name}.alpha": torch.tensor(2.0)}
        return {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up * 2, **alpha}
    dotted = other[layer].replace("attn_", "attn.").replace("mlp_", "mlp.")
    name = f"diffusion_model.double_blocks.0.{dotted}"
    return {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}


def wish(path: Path, scale: float = 1.0) -> dict[str, Any]:
    return {"path": str(path), "scale": scale, "name": path.stem}


def names(told: list[dict[str, Any]]) -> list[str]:
    return [line["name"] for line in told if line["event"] == "stage"]


def test_it_says_first_what_it_can_do(server: Server) -> None:
    assert server.hello["event"] == "hello"
    assert {"flux.1-dev", "flux.2-dev", "flux.2-klein-4b"} <= set(server.hello["bases"])


def test_a_base_stays_warm_from_one_picture_to_the_next(server: Server, dev: Path) -> None:
    first, one = server.ask("flux.2-dev", dev), server.out.read_bytes()
    second, two = server.ask("flux.2-dev", dev, id="two", seed=4), server.out.read_bytes()
    third = server.ask("flux.2-dev", dev, prompt="a red cat")
    again = server.pixels("flux.2-dev", dev)

    assert names(first) == ["reading", "text", "loading", "sampling", "saving"]
    steps = [(line["step"], line["of"]) for line in first if line["event"] == "progress"]
    assert steps == [(1, 2), (2, 2)]
    assert first[-1] == first[-1] | {"path": str(server.out), "width": 64, "height": 64}
    assert first[-1]["memory_bytes"] > 0
    assert names(second) == ["sampling", "saving"]
    assert names(third) == ["text", "sampling", "saving"]
    assert {line["id"] for line in second} == {"two"}
    assert one == again != two
    assert sorted(path.name for path in server.out.parent.iterdir()) == ["log.txt", "picture.png"]


def test_loras_come_and_go_and_the_base_is_the_same_to_the_byte(
    server: Server, dev: Path, tmp_path: Path
) -> None:
    one, two = lora_file(tmp_path / "one.safetensors"), lora_file(tmp_path / "two", seed=2)
    plain = server.pixels("flux.2-dev", dev)

    with_one = server.pixels("flux.2-dev", dev, loras=[wish(one)])
    half = server.pixels("flux.2-dev", dev, loras=[wish(one, 0.5)])
    both = server.pixels("flux.2-dev", dev, loras=[wish(one), wish(two, 0.5)])
    none_left = server.pixels("flux.2-dev", dev)
    told = server.ask("flux.2-dev", dev, loras=[wish(one, 0.0)])
    silent = server.out.read_bytes()
    again = server.pixels("flux.2-dev", dev, loras=[wish(one)])
    one.write_bytes(two.read_bytes())
    changed = server.pixels("flux.2-dev", dev, loras=[wish(one)])

    assert len({plain, with_one, half, both, changed}) == 5
    assert plain == none_left == silent
    assert with_one == again
    assert names(told) == ["sampling", "saving"]


def test_loras_of_other_tools_paint_the_same(server: Server, dev: Path, tmp_path: Path) -> None:
    styles = ("peft", "bare", "alpha", "kohya", "ai-toolkit")
    files = [lora_file(tmp_path / f"{style}.safetensors", style=style) for style in styles]

    made = [server.pixels("flux.2-dev", dev, loras=[wish(file)]) for file in files]

    same = [style for style, picture in zip(styles, made, strict=True) if picture == made[0]]
    assert same == list(styles)
    assert made[0] != server.pixels("flux.2-dev", dev)


def test_a_lora_that_would_change_nothing_is_refused_and_not_passed_over(
    server: Server, dev: Path, tmp_path: Path
) -> None:
    """diffusers only warns of names that it does not know, and paints without them."""
    import torch
    from safetensors.torch import save_file

    odd, half, tight = (tmp_path / name for name in ("odd", "half", "tight"))
    save_file({"model.some.layer.lora_A.weight": torch.ones(4, WIDTH)}, odd)
    save_file(
        {"transformer.transformer_blocks.0.attn.to_q.lora_A.weight": torch.ones(4, WIDTH)}, half
    )
    name = "transformer.transformer_blocks.0.attn.to_q"
    down, up = torch.ones(4, WIDTH), torch.ones(WIDTH * 2, 4)
    save_file({f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}, tight)

    ends = [server.ask("flux.2-dev", dev, loras=[wish(path)])[-1] for path in (odd, half, tight)]

    assert [end["code"] for end in ends] == [10, 10, 10]
    assert "odd holds" in ends[0]["says"] or "changes nothing" in ends[0]["says"]
    assert "half holds" in ends[1]["says"]
    assert "does not fit" in ends[2]["says"]


def test_another_base_takes_the_place_of_the_one_before(
    server: Server, dev: Path, klein: Path, tmp_path: Path
) -> None:
    plain = server.pixels("flux.2-dev", dev)
    told = server.ask("flux.2-klein-4b", klein)
    guided = server.out.read_bytes()
    unguided = server.pixels("flux.2-klein-4b", klein, guidance=1.0)
    contrast = server.pixels("flux.2-klein-4b", klein, negative_prompt="a red cat")

    assert names(told) == ["reading", "text", "loading", "sampling", "saving"]
    assert len({guided, unguided, contrast}) == 3
    assert server.pixels("flux.2-dev", dev) == plain


def test_a_distilled_klein_is_made_without_contrast(server: Server, tmp_path: Path) -> None:
    few = build_klein(tmp_path / "few", distilled=True)

    one = server.pixels("flux.2-klein-9b", few, guidance=4.0)
    two = server.pixels("flux.2-klein-9b", few, guidance=1.0, negative_prompt="a red cat")

    assert one == two


def test_flux1_is_served_by_the_same_program(server: Server, flux1: Path) -> None:
    plain = server.pixels("flux.1-dev", flux1)

    assert server.pixels("flux.1-dev", flux1, negative_prompt="a red cat") != plain
    assert server.pixels("flux.1-dev", flux1) == plain


def test_what_belongs_to_another_base_is_refused_before_anything_is_loaded(
    server: Server, dev: Path, flux1: Path, tmp_path: Path
) -> None:
    server.send(id="gone", do="forget")
    assert server.next() == {"id": "gone", "event": "forgotten"}
    wide = lora_file(tmp_path / "wide.safetensors", wide=WIDTH * 2)
    own = lora_file(tmp_path / "own.safetensors")

    folder = server.ask("flux.2-dev", flux1)
    lora = server.ask("flux.2-dev", dev, loras=[wish(wide)])
    family = server.ask("flux.1-dev", flux1, loras=[wish(own)])

    assert [told[-1]["code"] for told in (folder, lora, family)] == [10, 10, 10]
    assert "it holds FLUX.1-dev" in folder[-1]["says"]
    assert "for a model 64 wide" in lora[-1]["says"]
    assert "is a LoRA of FLUX.2" in family[-1]["says"]
    assert {"text", "loading"}.isdisjoint(names(folder + lora + family))


def test_a_picture_is_cancelled_between_two_steps_and_the_next_is_made(
    server: Server, dev: Path
) -> None:
    plain = server.pixels("flux.2-dev", dev)
    server.out.unlink()
    server.send(**server.order("flux.2-dev", dev, id="long", steps=200))
    server.send(**server.order("flux.2-dev", dev, id="waits", steps=200))
    while server.next()["event"] != "progress":
        pass
    server.send(do="cancel", id="waits")
    server.send(do="cancel", id="long")

    stopped, waited = server.until_end("long"), server.until_end("waits")

    assert [told[-1]["code"] for told in (stopped, waited)] == [3, 3]
    assert len(stopped) < 200
    assert [line["event"] for line in waited] == ["error"]
    assert not server.out.exists()
    assert server.pixels("flux.2-dev", dev) == plain


def test_small_precisions_paint_much_the_same(server: Server, dev: Path, tmp_path: Path) -> None:
    from PIL import Image, ImageChops

    own = lora_file(tmp_path / "own.safetensors")
    pictures = {}
    for precision in ("fp32", "int8", "nf4"):
        server.pixels("flux.2-dev", dev, precision=precision, loras=[wish(own, 0.1)])
        with Image.open(server.out) as picture:
            pictures[precision] = picture.convert("RGB")

    for precision, most in (("int8", 8), ("nf4", 60)):
        off = ImageChops.difference(pictures["fp32"], pictures[precision])
        assert 0 < max(high for _, high in off.getextrema()) <= most, precision


def test_bad_requests_are_answered_and_the_program_goes_on(server: Server, dev: Path) -> None:
    assert server.process.stdin is not None
    server.process.stdin.write(b"nonsense\n\n")
    server.send(id="x", do="dance")
    server.send(id="y", do="generate", base="flux.2-dev")
    server.send(do="cancel", id="nobody")

    told = [server.next() for _ in range(3)]

    assert [(line["id"], line["code"]) for line in told] == [("", 10), ("x", 10), ("y", 10)]
    assert "prompt" in told[2]["says"]
    nowhere = server.out.parent / "log.txt" / "picture.png"
    assert server.ask("flux.2-dev", dev, out=str(nowhere))[-1]["event"] == "error"
    assert server.pixels("flux.2-dev", dev)


def test_the_end_of_the_input_ends_it_in_the_middle_of_a_picture(server: Server, dev: Path) -> None:
    server.send(**server.order("flux.2-dev", dev, id="last", steps=200))
    while server.next()["event"] != "progress":
        pass

    assert server.end() == 0


class Deaf:
    """Makes pictures that never end by themselves, as a base that is being loaded."""

    def __init__(self) -> None:
        self.busy, self.left = threading.Event(), threading.Event()

    def make(self, *_: object) -> None:
        self.busy.set()
        self.left.wait(60)
        raise MemoryError


def test_the_end_of_the_input_is_told_while_the_program_hears_nothing(tmp_path: Path) -> None:
    from fluxlora_desktop.trainer.serve import Server as InProcess

    studio = Deaf()
    order = {"id": "one", "do": "generate", "base": "flux.2-dev", "prompt": ""}
    requests, app = os.pipe()
    with (
        open(requests, "rb") as heard,  # noqa: PTH123 - they are handles
        open(app, "wb", buffering=0) as asked,  # noqa: PTH123
        (tmp_path / "answers").open("w", encoding="utf-8") as answers,
    ):
        server = InProcess(heard, answers, studio, leave=studio.left.set)
        ended: list[int] = []
        work = threading.Thread(target=lambda: ended.append(server.run()))
        work.start()
        asked.write(json.dumps({**order, "out": str(tmp_path / "a.png")}).encode() + b"\n")
        assert studio.busy.wait(60)
        assert not studio.left.is_set()
        asked.close()
        assert studio.left.wait(20)
        work.join(20)

    assert ended == [0]
