"""The library of many pictures that the gallery is measured with."""

import os
import random
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image, ImageChops, ImageFilter

THUMB_SIDE = 512
"""The longer side of the thumbnails that the app writes."""
WORDS = tuple(
    """
    fox mug owl boat lighthouse teapot bicycle cat otter lantern castle robot violin garden
    harbour forest desert snow river meadow street rooftop cellar market window mirror bridge
    sunset dawn fog rain thunder moonlight candle neon golden blue crimson pale dusty glazed
    wooden glass copper woven painted carved tiny giant sleepy curious quiet broken floating
    portrait closeup wide macro film grain bokeh pastel watercolor charcoal poster cinematic
    """.split()  # noqa: SIM905  read as words
)
RARE = "zeppelin"
"""A word that stands in every thousandth prompt."""
SHAPES = ((1024, 1024), (1024, 1024), (1360, 768), (832, 1216))
_COLUMNS = tuple(
    """
    id order_id state generator model base prompt width height steps guidance seed created_at file
    thumb sha256 source_sha256 remote_id cost_usd error
    """.split()  # noqa: SIM905  read as words
)


def make_thumbs(folder: Path, count: int) -> list[tuple[Path, tuple[int, int]]]:
    """Write JPEGs as detailed as small photos, about 50 kB each; return each with its size."""
    folder.mkdir(parents=True)
    side = THUMB_SIDE
    parts = [Image.effect_noise((side, side), 60).filter(ImageFilter.BoxBlur(2)) for _ in "rgb"]
    grain = Image.merge("RGB", parts)
    chance = random.Random(7)
    made = []
    for number in range(count):
        size = SHAPES[number % len(SHAPES)]
        share = side / max(size)
        colours = [tuple(chance.randrange(256) for _ in "rgb") for _ in range(9)]
        ground = Image.new("RGB", (3, 3))
        ground.putdata(colours)
        ground = ground.resize((side, side), Image.Resampling.BICUBIC)
        grained = ImageChops.add(ground, ImageChops.offset(grain, number * 37), offset=-128)
        path = folder / f"{number:04d}.jpg"
        box = (0, 0, round(size[0] * share), round(size[1] * share))
        grained.crop(box).save(path, quality=85)
        made.append((path, size))
    return made


def add_pictures(data_dir: Path, count: int, thumbs: list[tuple[Path, tuple[int, int]]]) -> None:
    """Fill an empty library: a row, a LoRA and a thumbnail of its own name for each picture.

    A thumbnail is one more name of a file of `thumbs`, so that nothing that keeps what it has
    read by name can know it already.
    """
    folder = data_dir / "thumbs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    rows = list(_rows(count, thumbs))
    for row, source in rows:
        _give_name(source, folder / f"{row['id']}.jpg")
    with closing(sqlite3.connect(data_dir / "library.db", isolation_level=None)) as database:
        database.execute("BEGIN")
        names, marks = ", ".join(_COLUMNS), ", ".join(f":{name}" for name in _COLUMNS)
        database.executemany(
            f"INSERT INTO pictures ({names}) VALUES ({marks})", [row for row, _ in rows]
        )
        database.execute(
            "INSERT INTO picture_loras (picture_id, position, lora_id, name, scale, tensor_hash)"
            " SELECT id, 0, 'lora' || seq % 20, 'LoRA ' || seq % 20, 0.8, '' FROM pictures"
        )
        database.execute(
            "INSERT INTO pictures_fts (rowid, prompt) SELECT seq, prompt FROM pictures"
        )
        database.execute("COMMIT")


def _rows(
    count: int, thumbs: list[tuple[Path, tuple[int, int]]]
) -> Iterator[tuple[dict[str, object], Path]]:
    chance = random.Random(11)
    at, order = datetime(2026, 1, 1, tzinfo=UTC), ""
    for number in range(count):
        if number % 4 == 0:
            order = f"{chance.getrandbits(64):016x}"
        picture_id = f"{order}{number % 4:02d}"
        words = chance.choices(WORDS, k=22)
        if number % 1000 == 0:
            words[5] = RARE
        source, (width, height) = thumbs[number % len(thumbs)]
        yield (
            {
                "id": picture_id,
                "order_id": order,
                "state": "done",
                "generator": "replicate",
                "model": "black-forest-labs/flux-dev-lora",
                "base": "flux.1-dev",
                "prompt": " ".join(words),
                "width": width,
                "height": height,
                "steps": 28,
                "guidance": 3.0,
                "seed": chance.getrandbits(31),
                "created_at": (at + timedelta(minutes=number // 4)).isoformat(
                    timespec="microseconds"
                ),
                "file": f"pictures/2026/01/{picture_id}.png",
                "thumb": f"thumbs/pictures/{picture_id}.jpg",
                "sha256": secrets.token_hex(32),
                "source_sha256": "",
                "remote_id": order,
                "cost_usd": 25_000,
                "error": "",
            },
            source,
        )


def _give_name(source: Path, name: Path) -> None:
    try:
        os.link(source, name)
    except OSError:  # a file system without links, or with too many on one file
        shutil.copyfile(source, name)
