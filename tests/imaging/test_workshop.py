"""Working copies, thumbnails and the training archive."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fluxlora_desktop.domain.datasets import PackItem
from fluxlora_desktop.domain.errors import JobCancelled, StorageError, UnreadablePhoto
from fluxlora_desktop.domain.ports import Transferred
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop

from .conftest import RecordingContext

Scene = Callable[..., Image.Image]
ALLOWED_GROUPS = {"File", "JFIF", "ExifTool", "Composite", "System", "SourceFile"}


def private_exif() -> Image.Exif:
    """Return EXIF with a place, a person and a thumbnail's worth of traces."""
    exif = Image.Exif()
    exif[0x010E] = "Anna at home"
    exif[0x0110] = "Phone of Anna"
    exif.get_ifd(0x8825).update({1: "N", 2: (46.0, 30.0, 0.0), 3: "E", 4: (7.0, 30.0, 0.0)})
    exif.get_ifd(0x8769)[0x927C] = b"secret maker note"
    return exif


def save_with_traces(image: Image.Image, folder: Path) -> list[Path]:
    """Save the picture in four formats with everything that could tell on its owner."""
    exif = private_exif()
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>Anna</x:xmpmeta>"
    chunks = PngInfo()
    chunks.add_text("Author", "Anna")
    chunks.add_itxt("XML:com.adobe.xmp", xmp.decode())
    paths = [folder / f"passport_anna.{suffix}" for suffix in ("jpg", "png", "webp", "heic")]
    image.save(paths[0], exif=exif, comment=b"Anna was here", xmp=xmp)
    with paths[0].open("ab") as stream:
        stream.write(b"trailing Anna")
    image.save(paths[1], exif=exif, pnginfo=chunks)
    image.save(paths[2], exif=exif, xmp=xmp)
    image.save(paths[3], format="HEIF", exif=exif.tobytes(), xmp=xmp)
    return paths


_saved: dict[str, list[Path]] = {}


@pytest.fixture
def items(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, scene: Scene) -> list[PackItem]:
    """Return copies of photos that are drawn and saved once, which takes longest."""
    if "photos" not in _saved:
        _saved["photos"] = save_with_traces(scene(1600, 800), tmp_path_factory.mktemp("photos"))
    folder = tmp_path / "in"
    folder.mkdir()
    paths = [Path(shutil.copy(path, folder)) for path in _saved["photos"]]
    captions = ["TOK fox,\n on a  table", "", "TOK füchslein 狐", "TOK fox"]
    return [
        PackItem(str(place), path, caption)
        for place, (path, caption) in enumerate(zip(paths, captions, strict=True))
    ]


def test_develop_writes_copies_without_metadata_and_measures(tmp_path: Path, scene: Scene) -> None:
    for original in save_with_traces(scene(2100, 1050), tmp_path):
        working, thumb = tmp_path / "deep" / "w.jpg", tmp_path / "t.jpg"

        facts = PillowPhotoWorkshop().develop(original, working=working, thumb=thumb)

        assert (facts.width, facts.height) == (2100, 1050)
        with Image.open(working) as copy, Image.open(thumb) as small:
            assert (copy.format, copy.size, copy.mode) == ("JPEG", (2048, 1024), "RGB")
            assert (small.format, small.size) == ("JPEG", (512, 256))
            assert not copy.getexif() and "comment" not in copy.info
        assert b"Anna" not in working.read_bytes() + thumb.read_bytes()
        assert not list(tmp_path.rglob("*.part"))


def test_develop_keeps_every_pixel_when_the_working_copy_is_a_png(
    tmp_path: Path, scene: Scene, save_photo: Callable[..., Path]
) -> None:
    image = scene(640, 480)
    working = tmp_path / "w.png"

    PillowPhotoWorkshop().develop(
        save_photo(image, "a.bmp"), working=working, thumb=tmp_path / "t.jpg"
    )

    with Image.open(working) as copy:
        assert copy.tobytes() == image.tobytes()


def test_develop_tells_the_disk_from_the_photo(
    tmp_path: Path, scene: Scene, save_photo: Callable[..., Path]
) -> None:
    original = save_photo(scene(640, 480), "a.png")
    (tmp_path / "occupied").write_text("not a folder")

    with pytest.raises(StorageError):
        PillowPhotoWorkshop().develop(
            original, working=tmp_path / "occupied" / "w.jpg", thumb=tmp_path / "t.jpg"
        )


def test_archive_is_flat_and_holds_pixels_and_one_line_captions(
    tmp_path: Path, items: list[PackItem], context: RecordingContext
) -> None:
    target = tmp_path / "out" / "set.zip"

    archive = PillowPhotoWorkshop().package(items, "img_{:03d}", target, context)

    with zipfile.ZipFile(target) as opened:
        names = opened.namelist()
        texts = {name: opened.read(name).decode() for name in names if name.endswith(".txt")}
        for info in opened.infolist():
            assert (info.compress_type, info.extra) == (zipfile.ZIP_STORED, b"")
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
        with Image.open(io.BytesIO(opened.read("img_000.jpg"))) as photo:
            assert (photo.format, photo.size) == ("JPEG", (1536, 768))
        assert archive.members == tuple(
            (name, hashlib.sha256(opened.read(name)).hexdigest()) for name in names
        )
    assert [name for name in names if name.endswith(".jpg")] == [
        f"img_{place:03d}.jpg" for place in range(4)
    ]
    assert texts == {
        "img_000.txt": "TOK fox, on a table",
        "img_002.txt": "TOK füchslein 狐",
        "img_003.txt": "TOK fox",
    }
    assert archive.size_bytes == target.stat().st_size
    assert archive.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()


def test_archive_of_the_same_photos_has_the_same_bytes(
    tmp_path: Path, items: list[PackItem], context: RecordingContext
) -> None:
    workshop = PillowPhotoWorkshop()

    first = workshop.package(items, "img_{:03d}", tmp_path / "a.zip", context)
    second = workshop.package(items, "img_{:03d}", tmp_path / "b.zip", context)

    assert first.sha256 == second.sha256


def test_archive_names_follow_the_stem(
    tmp_path: Path, items: list[PackItem], context: RecordingContext
) -> None:
    archive = PillowPhotoWorkshop().package(items[:1], "img_{}", tmp_path / "a.zip", context)

    assert [name for name, _ in archive.members] == ["img_0.jpg", "img_0.txt"]


def test_archive_reports_bytes_up_to_the_total(
    tmp_path: Path, items: list[PackItem], context: RecordingContext
) -> None:
    PillowPhotoWorkshop().package(items, "img_{:03d}", tmp_path / "a.zip", context)

    total = sum(item.working_copy.stat().st_size for item in items)
    assert len(context.events) == len(items)
    assert context.events[-1] == Transferred("package", total, total)


def test_cancelled_archive_leaves_nothing_behind(tmp_path: Path, items: list[PackItem]) -> None:
    folder = tmp_path / "out"

    with pytest.raises(JobCancelled):
        PillowPhotoWorkshop().package(
            items, "img_{:03d}", folder / "a.zip", RecordingContext(cancel_at=3)
        )

    assert list(folder.iterdir()) == []


def test_archive_refuses_a_photo_that_broke_since(
    tmp_path: Path, items: list[PackItem], context: RecordingContext
) -> None:
    items[1].working_copy.write_bytes(b"broken")

    with pytest.raises(UnreadablePhoto):
        PillowPhotoWorkshop().package(items, "img_{:03d}", tmp_path / "a.zip", context)

    assert not (tmp_path / "a.zip").exists()


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
def test_exiftool_finds_nothing_private_in_the_archive(
    tmp_path: Path, items: list[PackItem], context: RecordingContext
) -> None:
    PillowPhotoWorkshop().package(items, "img_{:03d}", tmp_path / "a.zip", context)
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        for name in opened.namelist():
            (unpacked / name).write_bytes(opened.read(name))

    sent = look_with_exiftool(unpacked)
    given = look_with_exiftool(tmp_path / "in")

    assert {"GPS", "IFD0"} <= given, "the judge must see the traces in the originals"
    assert sent <= ALLOWED_GROUPS


def look_with_exiftool(folder: Path) -> set[str]:
    """Return the groups of all tags that exiftool finds in the pictures of a folder."""
    command = ["exiftool", "-a", "-G1", "-ee", "-json", *map(str, sorted(folder.glob("*.*")))]
    pictures = [part for part in command if not part.endswith(".txt")]
    done = subprocess.run(pictures, capture_output=True, check=True)
    return {tag.partition(":")[0] for file in json.loads(done.stdout) for tag in file}
