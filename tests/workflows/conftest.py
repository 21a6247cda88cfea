"""A real library, fake services, photos on disk."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fluxlora_desktop.domain.ports import Services
from fluxlora_desktop.domain.runs import Run, RunPlan
from fluxlora_desktop.store.library import Library, open_library
from fluxlora_desktop.workflows.photos import take_in_photo
from fluxlora_desktop.workflows.tools import Patience, Tools
from tests.workflows.fakes import (
    Context,
    FakeBackend,
    FakeCaptioner,
    FakeGenerator,
    FakeHub,
    FakePhotos,
    FakePictures,
    HandClock,
)


def write_lora(path: Path, *, nan: bool = False) -> None:
    """Write a small FLUX.1 LoRA; with NaN in it on request."""
    rows, head, data = 2, {}, b""
    for name, shape in (
        ("transformer.single_transformer_blocks.37.attn.to_q.lora_A.weight", (rows, 3072)),
        ("transformer.single_transformer_blocks.37.attn.to_q.lora_B.weight", (3072, rows)),
        ("transformer.transformer_blocks.0.attn.to_q.lora_A.weight", (16, 3072)),
    ):
        raw = struct.pack("<H", 0x7E00 if nan else 0x2E66) * (shape[0] * shape[1])
        head[name] = {
            "dtype": "F16",
            "shape": shape,
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    raw_head = json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(raw_head)) + raw_head + data)


@dataclass
class Bench:
    """Everything that a workflow test touches."""

    tools: Tools
    library: Library
    clock: HandClock
    backend: FakeBackend
    hub: FakeHub
    generator: FakeGenerator
    ctx: Context
    folder: Path
    captioner: FakeCaptioner = field(default_factory=FakeCaptioner)

    def draft(self, photos: int = 6, **plan: object) -> Run:
        """Return a draft that can be started."""
        stores = self.tools.stores
        dataset = stores.datasets.create()
        hashes = []
        for number in range(photos):
            source = self.folder / f"photo{number}.jpg"
            source.write_bytes(b"photo" + bytes([number]))
            source.with_suffix(".txt").write_text(f"on table {number}", encoding="utf-8")
            taken = take_in_photo(source, self.tools, self.ctx)
            hashes.append(taken.photo.sha256)
            stores.datasets.set_caption(dataset.id, taken.photo.sha256, taken.caption)
        stores.datasets.set_photos(dataset.id, hashes)
        chosen = replace(RunPlan(name="Fox", rights_confirmed=True), **plan)
        return stores.runs.create(dataset.id, chosen)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A real library in a folder of its own with services that play."""
    with make_bench(tmp_path) as made:
        yield made


@contextmanager
def make_bench(place: Path) -> Iterator[Bench]:
    """Give a bench in a folder, closed at the end."""
    clock = HandClock()
    library = open_library(place / "library", clock=clock)
    backend, hub, generator = FakeBackend(weights=write_lora), FakeHub(), FakeGenerator()
    captioner = FakeCaptioner()
    tools = Tools(
        stores=library.stores,
        services=Services((backend,), (generator,), hub, (captioner,)),
        photos=FakePhotos(),
        pictures=FakePictures(),
        clock=clock,
        patience=Patience(),
    )
    folder = place / "photos"
    folder.mkdir()
    yield Bench(tools, library, clock, backend, hub, generator, Context(clock), folder, captioner)
    library.close()
