"""Files of unknown origin become upright sRGB pixels or a reason in words."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from fluxlora_desktop.domain.errors import UnreadablePhoto
from fluxlora_desktop.imaging import decode
from fluxlora_desktop.imaging.decode import open_bytes, open_photo

PRACTICE_PHOTOS = Path(__file__).parents[2] / "resources" / "practice-photos"
Save = Callable[..., Path]
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def quarters(width: int, height: int) -> Image.Image:
    """Paint four colours, so that every turn and flip shows."""
    image = Image.new("RGB", (width, height), (200, 30, 30))
    image.paste((30, 180, 30), (width // 2, 0, width, height // 2))
    image.paste((30, 30, 200), (0, height // 2, width // 2, height))
    image.paste((230, 220, 40), (width // 2, height // 2, width, height))
    return image


@pytest.mark.parametrize("size", [(120, 80), (80, 120)])
@pytest.mark.parametrize("orientation", range(10))
def test_photo_is_upright_whatever_the_exif_orientation(
    save_photo: Save, size: tuple[int, int], orientation: int
) -> None:
    upright = quarters(*size)
    stored = upright.transpose(TURNS[orientation]) if orientation in TURNS else upright
    exif = Image.Exif()
    exif[0x0112] = orientation

    path = save_photo(stored, "turned.png", exif=exif)

    assert np.array_equal(np.asarray(open_photo(path).image), np.asarray(upright))


def test_photo_with_damaged_exif_comes_in_as_it_lies_and_says_so(save_photo: Save) -> None:
    chunks = PngInfo()
    chunks.add_text("Raw profile type exif", "\nexif\n 8\n6e6f20666f6c646572\n")
    path = save_photo(quarters(120, 80), "odd.png", pnginfo=chunks)

    decoded = open_photo(path)

    assert decoded.image.size == (120, 80)
    assert any("EXIF" in note for note in decoded.notes)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("a.jpg", {}, "JPEG"),
        ("a.png", {}, "PNG"),
        ("a.webp", {}, "WEBP"),
        ("a.tif", {}, "TIFF"),
        ("a.bmp", {}, "BMP"),
        ("a.gif", {}, "GIF"),
        ("a.heic", {"format": "HEIF"}, "HEIF"),
        ("a.avif", {}, "AVIF"),
    ],
)
def test_photo_opens_by_its_content_whatever_the_suffix(
    save_photo: Save, name: str, options: dict[str, str], expected: str
) -> None:
    path = save_photo(quarters(96, 64), name, **options)
    disguised = path.rename(path.with_name("photo.dat"))

    decoded = open_photo(disguised)

    assert (decoded.format, decoded.image.mode, decoded.image.size) == (expected, "RGB", (96, 64))


def test_sixteen_bit_ramp_is_scaled_and_not_clipped(save_photo: Save) -> None:
    ramp = np.tile(np.linspace(0, 65535, 512).astype(np.uint16), (64, 1))

    decoded = open_photo(save_photo(Image.fromarray(ramp), "deep.png"))

    assert abs(float(np.asarray(decoded.image).mean()) - 127) <= 2
    assert decoded.notes


@pytest.mark.parametrize("top", [1.0, 4000.0])
def test_floating_point_ramp_is_scaled_by_its_range(save_photo: Save, top: float) -> None:
    ramp = np.tile(np.linspace(0, top, 512, dtype=np.float32), (64, 1))

    decoded = open_photo(save_photo(Image.fromarray(ramp), "deep.tif"))

    assert abs(float(np.asarray(decoded.image).mean()) - 127) <= 2


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_parts_become_white_and_hide_their_colour(save_photo: Save, mode: str) -> None:
    hidden = Image.new("RGBA", (64, 64), (255, 0, 0, 0)).convert(mode)

    decoded = open_photo(save_photo(hidden, "clear.png"))

    assert decoded.image.getpixel((10, 10)) == (255, 255, 255)
    assert any("transparent" in note for note in decoded.notes)


def test_transparent_palette_entry_becomes_white(save_photo: Save) -> None:
    image = Image.new("P", (64, 64), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])

    decoded = open_photo(save_photo(image, "palette.png", transparency=0))

    assert decoded.image.getpixel((5, 5)) == (255, 255, 255)


def test_print_colours_keep_their_look(save_photo: Save) -> None:
    decoded = open_photo(save_photo(quarters(64, 64).convert("CMYK"), "print.jpg", quality=95))

    red, green, blue = decoded.image.getpixel((8, 8))
    assert red > 150 and green < 80 and blue < 80
    assert decoded.notes


def test_lab_colours_keep_their_look(save_photo: Save) -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(quarters(64, 64), srgb, lab, outputMode="LAB")

    decoded = open_photo(save_photo(image, "lab.tif"))

    assert np.allclose(decoded.image.getpixel((8, 8)), (200, 30, 30), atol=12)


def test_embedded_profile_is_converted_to_srgb_and_dropped(save_photo: Save) -> None:
    swapped = swap_red_and_green(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())

    decoded = open_photo(save_photo(quarters(64, 64), "wide.png", icc_profile=swapped))

    red, green, _ = decoded.image.getpixel((8, 8))
    assert green > red
    assert not decoded.image.info


def swap_red_and_green(profile: bytes) -> bytes:
    """Exchange the names of two colorants, so that a reader who ignores the profile is seen."""
    return profile.replace(b"rXYZ", b"tmp ").replace(b"gXYZ", b"rXYZ").replace(b"tmp ", b"gXYZ")


def test_damaged_profile_is_ignored(save_photo: Save) -> None:
    path = save_photo(quarters(64, 64), "odd.png", icc_profile=b"\0" * 16 + b"RGB " + b"\0" * 200)

    assert open_photo(path).image.getpixel((8, 8)) == (200, 30, 30)


def test_first_picture_of_an_animation_is_used_and_said(save_photo: Save) -> None:
    frames = [quarters(64, 64), Image.new("RGB", (64, 64), "black")]

    decoded = open_photo(
        save_photo(frames[0], "moving.gif", save_all=True, append_images=frames[1:])
    )

    assert decoded.image.getpixel((8, 8))[0] > 150
    assert decoded.notes


@pytest.mark.parametrize("name", ["cut.jpg", "cut.png", "cut.webp", "cut.heic"])
def test_truncated_photo_is_refused(save_photo: Save, scene: Callable[..., Image.Image], name: str):
    options = {"format": "HEIF"} if name.endswith("heic") else {}
    path = save_photo(scene(400, 300), name, **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(UnreadablePhoto) as caught:
        open_photo(path)

    assert caught.value.path == path
    assert "damaged" in caught.value.reason or "not a picture" in caught.value.reason


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow also warns of damaged tags
@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"hello, I am a text", "not a picture"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\xd7\xcd\xc6\x9a\0\0", "WMF"),
        (b"SIMPLE  =                    T", "FITS"),
        (b"\xef\xbb\xbf <svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 40, "damaged"),
        (b"\x89PNG\r\n\x1a\n" + b"\xff" * 64, "damaged"),
        (b"GIF89a" + b"\xff" * 8, "damaged"),
        (b"II*\0" + b"\xff" * 64, "damaged"),
    ],
)
def test_other_content_is_refused_by_name(data: bytes, word: str) -> None:
    with pytest.raises(UnreadablePhoto) as caught:
        open_bytes(data, "thing.jpg")

    assert word in caught.value.reason or "not a picture" in caught.value.reason


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    ("size", "word"),
    [((60_000, 60_000), "megapixels"), ((10_100, 10_000), "megapixels"), ((31_000, 100), "30000")],
)
def test_bomb_is_refused_before_its_pixels_are_decoded(size: tuple[int, int], word: str) -> None:
    with pytest.raises(UnreadablePhoto, match=word):
        open_bytes(png_header(*size))


def test_file_over_the_byte_limit_is_refused_unread(
    save_photo: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_photo(quarters(96, 64), "big.png")
    monkeypatch.setattr(decode, "MOST_BYTES", 100)

    with pytest.raises(UnreadablePhoto, match="larger"):
        open_photo(path)


def test_things_that_are_not_files_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder.jpg"
    folder.mkdir()
    pipe = tmp_path / "pipe.jpg"
    if hasattr(os, "mkfifo"):
        os.mkfifo(pipe)

    for path in (folder, pipe, tmp_path / "gone.jpg"):
        with pytest.raises(UnreadablePhoto):
            open_photo(path)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow also warns of damaged tags
@pytest.mark.parametrize("seed", range(40))
def test_scrambled_bytes_end_in_pixels_or_in_a_reason(
    scene: Callable[..., Image.Image], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    kind = ("JPEG", "PNG", "GIF", "TIFF", "WEBP")[seed % 5]
    buffer = io.BytesIO()
    scene(96, 64, seed).save(buffer, kind)
    data = bytearray(buffer.getvalue())
    for place in rng.integers(0, min(len(data), 400), 6):
        data[place] = rng.integers(256)

    try:
        decoded = open_bytes(bytes(data))
    except UnreadablePhoto as error:
        assert error.reason
    else:
        assert decoded.image.mode == "RGB"


def test_every_practice_photo_opens() -> None:
    photos = [path for path in PRACTICE_PHOTOS.iterdir() if path.suffix != ".txt"]

    formats = {open_photo(path).format for path in photos}

    assert len(photos) >= 14
    assert formats == {"JPEG", "PNG", "WEBP", "HEIF"}
