"""Traps among photos go the app's own way: copied into a library, decoded by a worker."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from fluxlora_desktop.domain.datasets import PhotoFacts
from fluxlora_desktop.domain.edits import PLAIN, Edits
from fluxlora_desktop.domain.errors import AppError, UnreadablePhoto
from fluxlora_desktop.imaging.guarded import GuardedPhotoWorkshop, PhotoWorkers
from fluxlora_desktop.workflows.photos import list_photos, take_in_photo

from .conftest import Bench

pytestmark = pytest.mark.timeout(120)
posix = pytest.mark.skipif(os.name != "posix", reason="Windows has none of these")


@pytest.fixture(scope="module")
def workers() -> Iterator[PhotoWorkers]:
    made = PhotoWorkers()
    yield made
    made.close()


@pytest.fixture
def intake(bench: Bench, workers: PhotoWorkers) -> Bench:
    """The bench with photos decoded by workers."""
    bench.tools = replace(bench.tools, photos=GuardedPhotoWorkshop(workers))
    return bench


def scene(width: int = 320, height: int = 240, seed: int = 1) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def encoded(kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    scene().save(buffer, kind, **options)
    return buffer.getvalue()


def take(bench: Bench, path: Path) -> PhotoFacts:
    return take_in_photo(path, bench.tools, bench.ctx).photo.facts


def refusal(bench: Bench, path: Path) -> str:
    """Return why a file is refused; nothing of it stays in the library."""
    with pytest.raises(UnreadablePhoto) as caught:
        take(bench, path)
    assert caught.value.path == path
    assert files_of(bench) == []
    return caught.value.reason


def files_of(bench: Bench) -> list[str]:
    root = bench.tools.stores.files.root
    places = [root / "photos", root / "thumbs"]
    return [path.name for place in places for path in place.rglob("*") if path.is_file()]


def working_pixels(bench: Bench, path: Path) -> np.ndarray:
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    with Image.open(bench.tools.stores.files.working(sha256)) as image:
        return np.asarray(image, dtype=np.float64)


def bits(width: int, height: int) -> bytes:
    """Return a whole and valid PNG of zeros, one bit for each pixel."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    packer, row = zlib.compressobj(1), bytes(1 + (width + 7) // 8)
    body = b"".join(packer.compress(row * 256) for _ in range(height // 256))
    body += packer.compress(row * (height % 256)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (lambda: bits(32_768, 32_768), "it has more than 100 megapixels"),
        (lambda: bits(60_000, 1), "one side is longer than 30000 pixels"),
        (lambda: bits(1, 60_000), "one side is longer than 30000 pixels"),
        (lambda: bits(30_000, 20), "it is only 30000 x 20 pixels"),
        (lambda: b"", "it is empty"),
        (lambda: encoded()[:4000], "the file is damaged or cut off"),
        (lambda: encoded("PNG")[:4000], "the file is damaged or cut off"),
        (
            lambda: b"GIF89a=1;alert(1)//" + bytes(99),
            "it is not a picture in a format that the app reads",
        ),
        (lambda: b"<svg xmlns='x'><script/></svg>", "SVG drawings are not photos"),
        (lambda: b"PK\x03\x04" + encoded(), "archives are not photos; unpack it first"),
    ],
    ids=[
        *("gigapixel", "wide", "high", "thin", "empty", "cut jpeg", "cut png"),
        *("script", "svg", "zip first"),
    ],
)
def test_trap_is_refused_in_words_and_nothing_of_it_stays(
    intake: Bench, workers: PhotoWorkers, data: object, says: str
) -> None:
    path = intake.folder / "trap.jpg"
    path.write_bytes(data())  # type: ignore[operator]

    assert refusal(intake, path) == says
    assert workers.ended == 0


def test_one_bit_photo_within_the_limits_comes_in(intake: Bench) -> None:
    path = intake.folder / "plan.png"
    path.write_bytes(bits(9_000, 9_000))

    assert take(intake, path).width == 9_000


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP"])
def test_photo_that_is_also_something_else_is_clean_afterwards(intake: Bench, kind: str) -> None:
    path = intake.folder / "both.jpg"
    hidden = io.BytesIO()
    with zipfile.ZipFile(hidden, "w") as archive:
        archive.writestr("evil.html", "<script>alert('hidden')</script>")
    path.write_bytes(encoded(kind) + hidden.getvalue())
    assert zipfile.is_zipfile(path)

    assert take(intake, path).format == kind

    files = intake.tools.stores.files
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    for made in (files.working(sha256), files.photo_thumb(sha256)):
        assert not zipfile.is_zipfile(made)
        assert b"evil" not in made.read_bytes()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF"])
def test_only_the_first_of_many_pictures_is_decoded_and_said(intake: Bench, kind: str) -> None:
    path = intake.folder / "many.gif"
    count = 5_000 if kind == "GIF" else 200
    frames = [Image.new("L", (80, 80), shade % 256) for shade in range(1, count)]
    scene(80, 80).convert("L").save(path, kind, save_all=True, append_images=frames, duration=20)

    facts = take(intake, path)

    assert "Only the first of its pictures is used." in facts.notes
    assert working_pixels(intake, path).std() > 5


def test_multi_picture_photo_of_a_phone_comes_in_by_its_first(intake: Bench) -> None:
    path = intake.folder / "portrait.jpg"
    scene().save(path, "MPO", save_all=True, append_images=[Image.new("RGB", (64, 64), "red")])

    facts = take(intake, path)

    assert (facts.format, facts.width, facts.height) == ("JPEG", 320, 240)


def profile_of(primaries: tuple[tuple[float, float, float], ...]) -> bytes:
    """Return sRGB with other primaries (D50 XYZ of red, green and blue)."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for name, colour in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True):
        entry = profile.index(name, 128)
        place = int.from_bytes(profile[entry + 4 : entry + 8], "big") + 8
        profile[place : place + 12] = struct.pack(">3i", *(round(v * 65536) for v in colour))
    return bytes(profile)


DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841))
ADOBE_RGB = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_colours_of_a_phone_are_brought_to_srgb(intake: Bench, suffix: str) -> None:
    path = intake.folder / f"p3.{suffix}"
    red = Image.new("RGB", (128, 128), (234, 51, 35))  # the red of sRGB, in Display P3
    red.save(path, icc_profile=profile_of(DISPLAY_P3), quality=100)

    take(intake, path)

    assert np.abs(working_pixels(intake, path).mean(axis=(0, 1)) - (255, 0, 0)).max() <= 6


@pytest.mark.parametrize("primaries", [DISPLAY_P3, ADOBE_RGB])
def test_grey_ramp_stays_grey_whatever_the_profile(
    intake: Bench, primaries: tuple[tuple[float, float, float], ...]
) -> None:
    path = intake.folder / "ramp.png"
    ramp = np.tile(np.linspace(0, 255, 512).round().astype(np.uint8), (64, 1))
    image = Image.fromarray(np.stack([ramp] * 3, axis=-1))
    image.save(path, icc_profile=profile_of(primaries))

    take(intake, path)

    pixels = working_pixels(intake, path)
    assert abs(pixels.mean() - 127) <= 2
    assert np.ptp(pixels, axis=2).max() <= 6


@pytest.mark.parametrize("kind", ["png", "tif"])
def test_ramp_of_16_bits_stays_a_ramp(intake: Bench, kind: str) -> None:
    path = intake.folder / f"ramp.{kind}"
    ramp = np.tile(np.linspace(0, 65535, 512).astype(np.uint16), (256 + 64, 1))
    Image.fromarray(ramp).save(path)

    take(intake, path)

    pixels = working_pixels(intake, path)
    assert abs(pixels.mean() - 127) <= 2
    assert (np.diff(pixels.mean(axis=(0, 2))) > -3).all()


@posix
def test_link_is_followed_and_a_second_name_is_the_same_photo(intake: Bench) -> None:
    path = intake.folder / "photo.jpg"
    path.write_bytes(encoded())
    link, hard = intake.folder / "link.jpg", intake.folder / "hard.jpg"
    link.symlink_to(path)
    hard.hardlink_to(path)

    taken = [take_in_photo(name, intake.tools, intake.ctx).photo for name in (path, link, hard)]

    assert len({photo.sha256 for photo in taken}) == 1


@posix
def test_what_only_looks_like_a_photo_is_refused_without_waiting(intake: Bench) -> None:
    folder = intake.folder
    os.mkfifo(folder / "pipe.jpg")
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    (folder / "nowhere.jpg").symlink_to(folder / "gone.jpg")
    (folder / "zero.jpg").symlink_to("/dev/zero")

    for name in ("pipe.jpg", "loop.jpg", "nowhere.jpg", "zero.jpg", "gone.jpg"):
        assert refusal(intake, folder / name) == "it is not a file, or it is gone"
    assert list_photos([folder]) == ()


@posix
def test_pipe_beside_a_photo_is_no_caption(intake: Bench) -> None:
    path = intake.folder / "photo.jpg"
    path.write_bytes(encoded())
    os.mkfifo(intake.folder / "photo.txt")

    assert take_in_photo(path, intake.tools, intake.ctx).caption == ""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has this file")
def test_file_that_the_system_does_not_let_be_read_is_expected_trouble(intake: Bench) -> None:
    with pytest.raises(AppError):
        take(intake, Path("/proc/self/clear_refs"))

    assert files_of(intake) == []


def test_photo_that_is_still_being_written_comes_in_once_it_is_whole(intake: Bench) -> None:
    path = intake.folder / "arriving.jpg"
    data = encoded(quality=95)
    path.write_bytes(data[: len(data) // 2])
    assert refusal(intake, path) == "the file is damaged or cut off"

    path.write_bytes(data)

    assert take(intake, path).width == 320


class Meddler(GuardedPhotoWorkshop):
    """Does something to the source between the copy and the decoding."""

    def __init__(self, workers: PhotoWorkers, source: Path, data: bytes | None) -> None:
        super().__init__(workers)
        self._source, self._data = source, data

    def develop(
        self, original: Path, *, working: Path, thumb: Path, edits: Edits = PLAIN
    ) -> PhotoFacts:
        self._source.unlink()
        if self._data is not None:
            self._source.write_bytes(self._data)
        return super().develop(original, working=working, thumb=thumb, edits=edits)


@pytest.mark.parametrize("later", [None, b"something else", encoded("PNG")])
def test_copy_is_decoded_whatever_happens_to_the_source_meanwhile(
    bench: Bench, workers: PhotoWorkers, later: bytes | None
) -> None:
    path = bench.folder / "photo.jpg"
    path.write_bytes(encoded())
    bench.tools = replace(bench.tools, photos=Meddler(workers, path, later))

    photo = take_in_photo(path, bench.tools, bench.ctx).photo

    assert photo.facts.format == "JPEG"
    kept = bench.tools.stores.files.original(photo.sha256).read_bytes()
    assert kept == encoded()
    assert photo.sha256 == hashlib.sha256(kept).hexdigest()
