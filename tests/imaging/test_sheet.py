"""A grid as one labelled picture: every cell and label is there, bounded, with its facts inside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.sheets import Sheet, SheetCell
from fluxlora_desktop.imaging.sheet import (
    LONGEST_SIDE,
    MOST_PIXELS,
    cell_size,
    draw_sheet,
    write_sheet,
)
from fluxlora_desktop.imaging.workshop import PillowPictureWorkshop

COLOURS = ((200, 40, 40), (40, 200, 40), (40, 40, 200))
FACTS = json.dumps({"fluxlora_grid": {"title": "Füchse"}}, ensure_ascii=False)


@pytest.fixture
def sheet(tmp_path: Path) -> Sheet:
    """Two rows of three; the last picture is not there, the one before is no picture."""
    paths = []
    for place, colour in enumerate(COLOURS):
        paths.append(tmp_path / f"{place}.png")
        Image.new("RGB", (512, 384), colour).save(paths[-1])
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    cells = [SheetCell(path, "Picture") for path in (*paths, paths[0], broken)]
    return Sheet(
        "Strength of Füchse",
        "FOXX on grass, " * 60,
        ("Seed 1", "a very long prompt that goes on " * 20),
        ("Without the LoRA", "Strength 0.4", "Strength 1.2"),
        (*cells, SheetCell(None, "Not made")),
        512,
        384,
        FACTS,
    )


def test_every_picture_lies_in_its_row_and_column(sheet: Sheet) -> None:
    image = draw_sheet(sheet)
    across, down = cell_size(sheet)
    places = {colour: [] for colour in COLOURS}
    for y in range(0, image.height, 4):
        for x in range(0, image.width, 4):
            pixel = image.getpixel((x, y))
            if pixel in places:
                places[pixel].append((x, y))
    first = {
        colour: (min(x for x, _ in there), min(y for _, y in there))
        for colour, there in places.items()
    }
    last = {
        colour: (max(x for x, _ in there), max(y for _, y in there))
        for colour, there in places.items()
    }
    red, green, blue = COLOURS
    assert first[red][1] == first[green][1] == first[blue][1]
    assert last[red][0] < first[green][0] < last[green][0] < first[blue][0]
    assert last[green][1] - first[green][1] <= down
    assert down < last[red][1] - first[red][1] <= 3 * down
    assert first[green][0] - first[red][0] > across


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_facts_are_in_the_file_of_every_format(sheet: Sheet, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"sheet{suffix}"
    PillowPictureWorkshop().sheet(sheet, target)
    with Image.open(target) as image:
        if suffix == ".png":
            facts = image.info["fluxlora_grid"]
        else:
            comment = image.getexif().get_ifd(0x8769)[0x9286]
            facts = comment.removeprefix(b"UNICODE\0").decode("utf-16-be")
        assert image.size == draw_sheet(sheet).size
    assert json.loads(facts) == json.loads(FACTS)


def test_other_formats_are_refused_and_leave_nothing(sheet: Sheet, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="PNG, JPEG or WebP"):
        write_sheet(sheet, tmp_path / "sheet.gif")
    assert not (tmp_path / "sheet.gif").exists()


@pytest.mark.parametrize(
    ("rows", "columns", "size"),
    [(10, 10, (1024, 1024)), (1, 100, (1440, 256)), (100, 1, (256, 1440)), (1, 1, (1024, 1024))],
    ids=["square", "wide", "tall", "one"],
)
def test_sheet_stays_within_bounds_and_its_labels_fit(rows, columns, size) -> None:
    cells = tuple(SheetCell(None, "Not made") for _ in range(rows * columns))
    labels = [tuple(f"Seed {2**31 - 1 - n}" for n in range(count)) for count in (rows, columns)]
    image = draw_sheet(Sheet("x" * 5000, "y " * 5000, *labels, cells, *size))
    assert max(image.size) <= LONGEST_SIDE * 1.35
    assert image.width * image.height <= MOST_PIXELS * 1.5


def test_signs_of_other_scripts_are_drawn_by_a_font_that_has_them_or_not_at_all() -> None:
    for text in ("Füchse", "狐", "ثعلب", "🦊", "\u0000\ufffe"):
        draw_sheet(Sheet(text, "", (text,), (text,), (SheetCell(None, text),), 256, 256))
