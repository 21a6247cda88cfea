"""Nothing but pixels leaves the computer: an outside judge reads every byte that was made.

Photos with a canary in every place where a format can hide words go the app's own way through a
library on disk: working copy, thumbnail, training archive, exported folder.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from fluxlora_desktop.domain.datasets import PackItem
from fluxlora_desktop.domain.edits import Box, Edits
from fluxlora_desktop.domain.ports import Services
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop
from fluxlora_desktop.store.library import Library, open_library
from fluxlora_desktop.workflows.photos import take_in_photo
from fluxlora_desktop.workflows.tools import Tools
from fluxlora_desktop.workflows.versions import export_dataset
from tests.workflows.fakes import Context, FakeHub, FakePictures, HandClock

from .originals import paint
from .traces import CANARY, CASES, FORMS, gps_exif

needs_judge = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool is not installed"
)
# What exiftool may find in a JPEG that holds pixels alone: what it is, and how it is encoded.
ALLOWED = {
    *("SourceFile", "ExifTool:ExifToolVersion", "System:FileName", "System:Directory"),
    *("System:FileSize", "System:FileModifyDate", "System:FileAccessDate"),
    *("System:FileInodeChangeDate", "System:FilePermissions"),
    *("File:FileType", "File:FileTypeExtension", "File:MIMEType", "File:ImageWidth"),
    *("File:ImageHeight", "File:EncodingProcess", "File:BitsPerSample", "File:ColorComponents"),
    *("File:YCbCrSubSampling", "JFIF:JFIFVersion", "JFIF:ResolutionUnit", "JFIF:XResolution"),
    *("JFIF:YResolution", "Composite:ImageSize", "Composite:Megapixels"),
}
HALF = Edits(turns=1, crop=Box(0.0, 0.0, 0.75, 0.75))
"""Edits of every other photo, so that copies with and without edits are judged."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the app made of the photos, by the names of the photos; and the archive and folder."""

    given: dict[str, Path]
    kept: dict[str, Path]
    made: dict[str, dict[str, Path]]
    archive: Path
    exported: Path


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    folder = tmp_path_factory.mktemp("shelf")
    clock = HandClock()
    library = open_library(folder / "library", clock=clock)
    yield furnish(folder, library, clock)
    library.close()


def furnish(folder: Path, library: Library, clock: HandClock) -> Shelf:
    """Take every photo in, and make all that the app makes of them."""
    services = Services((), (), FakeHub(), ())
    workshop, context = PillowPhotoWorkshop(), Context(clock)
    tools = Tools(library.stores, services, workshop, FakePictures(), clock)
    given = write_photos(folder)
    datasets, files = library.stores.datasets, library.stores.files
    dataset = datasets.create()
    shas = [take_in_photo(path, tools, context).photo.sha256 for path in given.values()]
    datasets.set_photos(dataset.id, shas)
    for sha256 in shas[::2]:
        datasets.set_change(dataset.id, sha256, HALF, kept=True)
    exported = export_dataset(datasets.get(dataset.id), folder / "out", tools, context)
    # The photos themselves are packed, too: not only the working copies must come out clean.
    items = [PackItem(sha, files.working(sha), "TOK fox") for sha in shas]
    items += [PackItem(sha, path, "") for sha, path in zip(shas, given.values(), strict=True)]
    archive = folder / "set.zip"
    workshop.package(items, "img_{:03d}", archive, context)
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder / "sent")
    made = {
        name: {
            "working copy": files.working(sha256),
            "thumbnail": files.photo_thumb(sha256),
            "packed": folder / "sent" / f"img_{place:03d}.jpg",
            "packed as it came": folder / "sent" / f"img_{place + len(shas):03d}.jpg",
            "exported": exported / f"{place + 1:04d}.jpg",
        }
        for place, (name, sha256) in enumerate(zip(given, shas, strict=True))
    }
    kept = {name: files.original(sha) for name, sha in zip(given, shas, strict=True)}
    return Shelf(given, kept, made, archive, exported)


def write_photos(folder: Path) -> dict[str, Path]:
    (folder / "in").mkdir()
    given = {}
    for place, (name, write) in enumerate(CASES.items()):
        given[name] = folder / "in" / f"{CANARY} {name}"
        # No photo is like another, so that each has a hash of its own.
        given[name].write_bytes(write(Image.fromarray(paint(240 + 2 * place, 180))))
    return given


@pytest.fixture(scope="module")
def told(shelf: Shelf) -> dict[Path, set[str]]:
    """What exiftool finds in the photos and in all that was made of them, besides the harmless."""
    made = [path for paths in shelf.made.values() for path in paths.values()]
    return judge([*shelf.given.values(), *made])


def judge(paths: Iterable[Path]) -> dict[Path, set[str]]:
    """Return the tags that exiftool finds in each file, those of embedded pictures too."""
    names = "\n".join(map(str, paths))
    command = ["exiftool", "-a", "-u", "-G1", "-ee", "-j", "-@", "-"]
    done = subprocess.run(command, input=names.encode(), capture_output=True, check=True)
    return {Path(found["SourceFile"]): set(found) - ALLOWED for found in json.loads(done.stdout)}


@needs_judge
@pytest.mark.parametrize("name", CASES)
def test_only_pixels_are_left_whatever_the_photo_told(
    shelf: Shelf, told: dict[Path, set[str]], name: str
) -> None:
    found = {what: told[path] for what, path in shelf.made[name].items()}

    assert found == {what: set() for what in found}


@pytest.mark.parametrize("name", CASES)
def test_no_byte_of_what_the_photo_told_is_left(shelf: Shelf, name: str) -> None:
    for path in shelf.made[name].values():
        data = path.read_bytes()
        assert not [form for form in FORMS if form in data], path
        # One picture from the first byte to the last: no second one, nothing behind the end.
        assert data.startswith(b"\xff\xd8\xff") and data.endswith(b"\xff\xd9")
        assert data.count(b"\xff\xd8\xff") == 1


@needs_judge
@pytest.mark.parametrize("name", CASES)
def test_photo_tells_something_that_could_be_left(
    shelf: Shelf, told: dict[Path, set[str]], name: str
) -> None:
    data = shelf.given[name].read_bytes()

    # Profiles and some texts are compressed: there the judge alone can see it.
    assert any(form in data for form in FORMS) or told[shelf.given[name]]


@pytest.mark.parametrize("name", CASES)
def test_original_stays_byte_for_byte_under_its_hash(shelf: Shelf, name: str) -> None:
    data = shelf.given[name].read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()

    assert shelf.kept[name].name.startswith(sha256)
    assert shelf.kept[name].read_bytes() == data
    assert (shelf.exported / ".fluxlora" / sha256).read_bytes() == data


def test_exported_folder_shows_trainers_the_clean_pictures_alone(shelf: Shelf) -> None:
    shown = {path.name for path in shelf.exported.glob("[!.]*")}
    pictures = {paths["exported"].name for paths in shelf.made.values()}

    assert shown == {*pictures, *(name.replace("jpg", "txt") for name in pictures), "dataset.json"}
    for path in shelf.exported.glob("[!.]*.txt"):
        assert path.read_bytes() == b""


def test_archive_holds_pictures_and_words_and_nothing_beside_them(shelf: Shelf) -> None:
    assert not [form for form in FORMS if form in shelf.archive.read_bytes()]
    count = len(shelf.given)
    with zipfile.ZipFile(shelf.archive) as archive:
        names = [info.filename for info in archive.infolist()]
        assert archive.comment == b""
        for info in archive.infolist():
            assert (info.extra, info.comment) == (b"", b"")
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
        assert archive.read("img_000.txt") == b"TOK fox"
    packed = {f"img_{place:03d}.jpg" for place in range(2 * count)}
    assert sorted(names) == sorted(packed | {f"img_{place:03d}.txt" for place in range(count)})


@pytest.mark.parametrize("name", ["exif gps.jpg", "texts and exif.png", "profile.png"])
def test_working_copy_as_png_has_the_chunks_of_its_pixels_alone(
    shelf: Shelf, tmp_path: Path, name: str
) -> None:
    working = tmp_path / "w.png"

    PillowPhotoWorkshop().develop(shelf.given[name], working=working, thumb=tmp_path / "t.jpg")

    data, kinds, place = working.read_bytes(), set(), 8
    while place < len(data):
        kinds.add(data[place + 4 : place + 8])
        place += 12 + int.from_bytes(data[place : place + 4], "big")
    assert (kinds, place) == ({b"IHDR", b"IDAT", b"IEND"}, len(data))


@needs_judge
def test_judge_would_see_what_a_plain_save_leaves(
    tmp_path: Path, scene: Callable[..., Image.Image]
) -> None:
    given = tmp_path / "a.jpg"
    scene(320, 240).save(given, exif=gps_exif(), comment=b"x")
    with Image.open(given) as image:
        image.save(tmp_path / "b.jpg", exif=image.getexif())

    (found,) = judge([tmp_path / "b.jpg"]).values()

    assert {"GPS:GPSLatitude", "File:Comment"} <= found
