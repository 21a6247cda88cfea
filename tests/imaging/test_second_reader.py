"""Photos of every format look as they were painted, in the eyes of libvips and not of Pillow.

The app's copies are read by libvips alone. They are held against the colours that the test painted,
and against what libvips makes of the photo itself. Its build on PyPI reads neither HEIC (patents)
nor BMP and animated AVIF: there the painted colours are the only judge. Differences are in steps of
8-bit colours.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image

from fluxlora_desktop.domain.datasets import PhotoFacts
from fluxlora_desktop.domain.edits import Backdrop, Edits
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop

from . import originals as of
from .traces import BEHIND, FORMS, after_start, gps_exif, jpeg, segment

Seen = NDArray[np.float64]
Painted = NDArray[np.generic]

pyvips.cache_set_max(0)  # else a second file with the same name shows the first one's pixels

GREY, PAINTED = of.to_grey(of.paint()), of.paint()
CLEAR = of.see_through()
BACKDROPS = {
    Backdrop.WHITE: (255, 255, 255),
    Backdrop.GREY: (128, 128, 128),
    Backdrop.BLACK: (0, 0, 0),
}
SWAPPED = (of.SRGB[1], of.SRGB[0], of.SRGB[2])
"""Red and green exchanged: who ignores this profile is seen at once."""


# --- the second reader ----------------------------------------------------------------------------


def look(data: Path | bytes, backdrop: tuple[int, int, int] = (255, 255, 255)) -> Seen:
    """Return what libvips shows of a picture: upright, as sRGB, in front of one colour.

    Inks without a profile stand for plain colours here; libvips itself would guess a press.
    """
    image = load(data).autorot()
    if "icc-profile-data" in image.get_fields():
        image = image.icc_transform("srgb", embedded=True, intent="perceptual", depth=8)
    elif image.interpretation == "cmyk":
        inks = image.numpy().astype(float) / (257 if image.format == "ushort" else 1)
        return (255 - inks[..., :3]) * (255 - inks[..., 3:]) / 255
    else:
        image = image.colourspace("srgb")
    if image.hasalpha():
        image = image.flatten(background=list(backdrop))
    return in_colour(image.cast("uchar").numpy())


def load(data: Path | bytes) -> pyvips.Image:
    if isinstance(data, bytes):
        return pyvips.Image.new_from_buffer(data, "")
    return pyvips.Image.new_from_file(str(data))


def in_colour(pixels: Painted) -> Seen:
    """Return three bands of 8 bits for grey, colour and 16 bits."""
    values = pixels.astype(float) / (257 if pixels.dtype == np.uint16 else 1)
    values = values[..., None] if values.ndim == 2 else values
    return np.repeat(values, 3, axis=2) if values.shape[2] == 1 else values


def vips(samples: of.Pixels | of.Deep, space: str = "srgb") -> pyvips.Image:
    """Return samples as libvips holds them."""
    return pyvips.Image.new_from_array(samples).copy(interpretation=space)


def apart(one: Painted, other: Painted) -> float:
    """Return the greatest difference of any pixel in any colour."""
    one, other = in_colour(one), in_colour(other)
    assert one.shape == other.shape
    return float(np.abs(one - other).max())


def develop(
    data: bytes, folder: Path, backdrop: Backdrop = Backdrop.WHITE, suffix: str = "png"
) -> tuple[Path, Path, PhotoFacts]:
    """Let the app make its two copies; a PNG keeps every pixel of the first."""
    original = folder / "photo.dat"
    original.write_bytes(data)
    working, thumb = folder / f"w.{suffix}", folder / "t.jpg"
    edits = Edits(backdrop=backdrop)
    facts = PillowPhotoWorkshop().develop(original, working=working, thumb=thumb, edits=edits)
    return working, thumb, facts


# --- every format ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """A photo, what was painted on it, and how far from both judges the copy may be.

    `within` is for the painted colours, `of_vips` for what libvips sees in the photo, None where it
    cannot read it.
    """

    format: str
    write: Callable[[], bytes]
    painted: Painted
    within: float = 0.6
    of_vips: float | None = 1.0
    says: str = ""


def inked(kind: str, **options: object) -> bytes:
    return of.encode(of.print_colours(PAINTED)[0], kind, "CMYK", **options)


INKS, PLAIN = of.print_colours(PAINTED)
DEEP_GREY, DEEP = of.ramp(), of.three_ramps()
STRIPES = np.tile(np.arange(160, dtype=np.uint8) // 4, (112, 1))
PALETTE = np.random.default_rng(5).integers(0, 255, (40, 3), dtype=np.uint8)
COLOURED = PALETTE[STRIPES]
FADING = np.linspace(0, 255, 40).round().astype(np.uint8)
ON_WHITE = of.lay(PAINTED, CLEAR, (255, 255, 255))
GREY_ON_WHITE = of.lay(np.dstack([GREY] * 3), CLEAR, (255, 255, 255))
ODD = np.where(DEEP_GREY < 12_000, np.uint16(4321), DEEP_GREY)
"""16-bit grey in which one odd value is to be seen through."""
HOLE = (0x8000, 0x8001, 0x8001)
HOLED = np.where(np.arange(1024)[None, :, None] // 40 == 5, np.array(HOLE, np.uint16), DEEP)
"""The same in 16-bit colour; its lower bytes are those of other colours."""
FEW, PRINT, FADED = "first of its pictures", "print colours", "transparent parts were laid on white"


def plte() -> bytes:
    return of.chunk(b"PLTE", PALETTE.tobytes())


def gif(**options: object) -> bytes:
    image, buffer = Image.fromarray(STRIPES), io.BytesIO()
    image.putpalette(PALETTE.tobytes())
    image.save(buffer, "GIF", **options)
    return buffer.getvalue()


def moving(kind: str, **options: object) -> bytes:
    more = [Image.new("RGB", (160, 112), colour) for colour in ("black", "blue")]
    return of.encode(PAINTED, kind, save_all=True, append_images=more, **options)


def heic_of_many() -> bytes:
    file, buffer = pillow_heif.from_pillow(Image.fromarray(PAINTED)), io.BytesIO()
    file.add_from_pillow(Image.new("RGB", (160, 112)))
    file.save(buffer, quality=95, chroma=444)
    return buffer.getvalue()


def heic_of_ten_bits() -> bytes:
    samples, buffer = PAINTED.astype(np.uint16) * 257, io.BytesIO()
    file = pillow_heif.from_bytes("RGB;16", (160, 112), samples.tobytes())
    file.save(buffer, quality=95, chroma=444)
    return buffer.getvalue()


def clear_of(number: int) -> tuple[int, int, bytes]:
    """Return the tag of a TIFF that names its last band: 1 is premultiplied alpha, 2 is alpha."""
    return 338, 3, struct.pack("<H", number)


def tiff_by_vips(samples: of.Pixels | of.Deep, space: str = "srgb", **options: object) -> bytes:
    return bytes(vips(samples, space).tiffsave_buffer(**options))


FORMATS: dict[str, Case] = {
    "jpeg": Case("JPEG", lambda: of.encode(PAINTED, "JPEG", quality=95, subsampling=0), PAINTED, 4),
    "jpeg, half colour": Case("JPEG", lambda: of.encode(PAINTED, "JPEG", quality=90), PAINTED, 6),
    "jpeg, progressive": Case(
        "JPEG", lambda: of.encode(PAINTED, "JPEG", quality=95, progressive=True), PAINTED, 5
    ),
    "jpeg, grey": Case("JPEG", lambda: of.encode(GREY, "JPEG", quality=95), GREY, 2),
    "jpeg, inks of Adobe": Case(
        "JPEG", lambda: inked("JPEG", quality=95, subsampling=0), PLAIN, 4, says=PRINT
    ),
    "jpeg, inks by libvips": Case(
        "JPEG",
        lambda: vips(INKS, "cmyk").jpegsave_buffer(Q=95, subsample_mode="off"),
        *(PLAIN, 4, 1, PRINT),
    ),
    "png": Case("PNG", lambda: of.png(PAINTED), PAINTED),
    "png, grey": Case("PNG", lambda: of.png(GREY), GREY),
    "png, 16-bit grey": Case("PNG", lambda: of.png(DEEP_GREY), DEEP_GREY, says="16"),
    "png, 16-bit colour": Case("PNG", lambda: of.png(DEEP), DEEP, 1),
    "png, interlaced": Case("PNG", lambda: vips(PAINTED).pngsave_buffer(interlace=True), PAINTED),
    "png, palette": Case("PNG", lambda: of.png(STRIPES, plte(), kind=3), COLOURED),
    "png, fading palette": Case(
        "PNG",
        lambda: of.png(STRIPES, plte(), of.chunk(b"tRNS", FADING.tobytes()), kind=3),
        *(of.lay(COLOURED, FADING[STRIPES], (255, 255, 255)), 0.6, 1, FADED),
    ),
    "png, alpha": Case("PNG", lambda: of.png(np.dstack([PAINTED, CLEAR])), ON_WHITE, says=FADED),
    "png, grey and alpha": Case(
        "PNG", lambda: of.png(np.dstack([GREY, CLEAR])), GREY_ON_WHITE, says=FADED
    ),
    "png, 16-bit colour and alpha": Case(
        "PNG",
        lambda: of.png(np.dstack([PAINTED, CLEAR]).astype(np.uint16) * 257),
        *(ON_WHITE, 0.6, 1, FADED),
    ),
    "png, 16-bit grey and alpha": Case(
        "PNG",
        lambda: of.png(np.dstack([GREY, CLEAR]).astype(np.uint16) * 257),
        *(GREY_ON_WHITE, 0.6, 1, FADED),
    ),
    "png, one clear grey": Case(
        "PNG",
        lambda: of.png(GREY, of.chunk(b"tRNS", struct.pack(">H", 100))),
        *(np.where(GREY == 100, 255, GREY), 0.6, 1, FADED),
    ),
    "png, one clear colour": Case(
        "PNG",
        lambda: of.png(COLOURED, of.chunk(b"tRNS", struct.pack(">3H", *PALETTE[7]))),
        *(np.where((STRIPES == 7)[..., None], 255, COLOURED), 0.6, 1, FADED),
    ),
    "png, one clear 16-bit grey": Case(
        "PNG",
        lambda: of.png(ODD, of.chunk(b"tRNS", struct.pack(">H", 4321))),
        *(np.where(ODD == 4321, np.uint16(65535), ODD), 0.6, 1, FADED),
    ),
    "png, one clear 16-bit colour": Case(
        "PNG",
        lambda: of.png(HOLED, of.chunk(b"tRNS", struct.pack(">3H", *HOLE))),
        *(np.where((HOLED == HOLE).all(2, keepdims=True), np.uint16(65535), HOLED), 1, 1, FADED),
    ),
    "png, says that it is sRGB": Case(
        "PNG",
        lambda: of.png(
            PAINTED,
            of.chunk(b"gAMA", struct.pack(">I", 45455)),
            of.chunk(
                b"cHRM",
                struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
            ),
        ),
        PAINTED,
    ),
    "png, moving": Case("PNG", lambda: moving("PNG"), PAINTED, says=FEW),
    "webp": Case("WEBP", lambda: of.encode(PAINTED, "WEBP", quality=95), PAINTED, 8),
    "webp, lossless": Case("WEBP", lambda: of.encode(PAINTED, "WEBP", lossless=True), PAINTED),
    "webp, alpha": Case(
        "WEBP",
        lambda: of.encode(np.dstack([PAINTED, CLEAR]), "WEBP", lossless=True),
        *(ON_WHITE, 0.6, 1, FADED),
    ),
    "webp, moving": Case("WEBP", lambda: moving("WEBP", lossless=True), PAINTED, says=FEW),
    "heic": Case(
        "HEIF", lambda: of.encode(PAINTED, "HEIF", quality=95, chroma=444), PAINTED, 5, None
    ),
    "heic, 10 bits": Case("HEIF", heic_of_ten_bits, PAINTED, 5, None),
    "heic, alpha": Case(
        "HEIF",
        lambda: of.encode(np.dstack([PAINTED, CLEAR]), "HEIF", quality=95, chroma=444),
        *(ON_WHITE, 6, None, FADED),
    ),
    "heic, several": Case("HEIF", heic_of_many, PAINTED, 5, None, FEW),
    "avif": Case(
        "AVIF",
        lambda: of.encode(PAINTED, "AVIF", quality=95, subsampling="4:4:4", speed=10),
        *(PAINTED, 6, 2),
    ),
    "avif, 10 bits": Case(
        "AVIF",
        lambda: vips(PAINTED.astype(np.uint16) * 257, "rgb16").heifsave_buffer(
            Q=95, bitdepth=10, compression="av1", subsample_mode="off", effort=0
        ),
        *(PAINTED, 6, 3),
    ),
    "avif, alpha": Case(
        "AVIF",
        lambda: of.encode(
            np.dstack([PAINTED, CLEAR]), "AVIF", quality=95, subsampling="4:4:4", speed=10
        ),
        *(ON_WHITE, 6, 3, FADED),
    ),
    "avif, moving": Case(
        "AVIF", lambda: moving("AVIF", quality=95, speed=10), PAINTED, 8, None, FEW
    ),
    "tiff": Case("TIFF", lambda: of.tiff(PAINTED, 2), PAINTED),
    "tiff, big-endian": Case("TIFF", lambda: of.tiff(PAINTED, 2, order=">"), PAINTED),
    "tiff, white is zero": Case("TIFF", lambda: of.tiff(255 - GREY, 0), GREY),
    "tiff, 16-bit grey": Case("TIFF", lambda: of.tiff(DEEP_GREY, 1), DEEP_GREY, says="16"),
    "tiff, 16-bit grey, big-endian": Case(
        "TIFF", lambda: of.tiff(DEEP_GREY, 1, order=">"), DEEP_GREY, says="16"
    ),
    "tiff, 16-bit grey, white is zero": Case(
        "TIFF", lambda: of.tiff(65535 - DEEP_GREY, 0), DEEP_GREY, says="16"
    ),
    "tiff, 16-bit grey, LZW": Case(
        "TIFF",
        lambda: tiff_by_vips(DEEP_GREY, "grey16", compression="lzw", predictor="horizontal"),
        *(DEEP_GREY, 0.6, 1, "16"),
    ),
    "tiff, 16-bit colour": Case("TIFF", lambda: of.tiff(DEEP, 2), DEEP, 1),
    "tiff, 16-bit colour, LZW": Case(
        "TIFF",
        lambda: tiff_by_vips(DEEP, "rgb16", compression="lzw", predictor="horizontal"),
        *(DEEP, 1),
    ),
    "tiff, inks": Case("TIFF", lambda: of.tiff(INKS, 5), PLAIN, says=PRINT),
    "tiff, 16-bit inks": Case(
        "TIFF", lambda: of.tiff(INKS.astype(np.uint16) * 257, 5), PLAIN, says=PRINT
    ),
    "tiff, LZW": Case(
        "TIFF", lambda: tiff_by_vips(PAINTED, compression="lzw", predictor="horizontal"), PAINTED
    ),
    "tiff, deflate in tiles": Case(
        "TIFF",
        lambda: tiff_by_vips(
            PAINTED, compression="deflate", tile=True, tile_width=64, tile_height=64
        ),
        PAINTED,
    ),
    "tiff, jpeg": Case("TIFF", lambda: tiff_by_vips(PAINTED, compression="jpeg", Q=95), PAINTED, 3),
    "tiff, big": Case("TIFF", lambda: tiff_by_vips(PAINTED, bigtiff=True), PAINTED),
    "tiff, alpha": Case(
        "TIFF",
        lambda: of.tiff(np.dstack([PAINTED, CLEAR]), 2, clear_of(2)),
        *(ON_WHITE, 0.6, 1, FADED),
    ),
    "tiff, premultiplied alpha": Case(
        "TIFF",
        lambda: of.tiff(
            np.dstack([of.lay(PAINTED, CLEAR, (0, 0, 0)).round().astype(np.uint8), CLEAR]),
            *(2, clear_of(1)),
        ),
        *(ON_WHITE, 2, 1, FADED),
    ),
    "tiff, pages": Case("TIFF", lambda: moving("TIFF"), PAINTED, says=FEW),
    "bmp": Case("BMP", lambda: of.bmp(PAINTED), PAINTED, of_vips=None),
    "bmp, grey": Case("BMP", lambda: of.encode(GREY, "BMP"), GREY, of_vips=None),
    "gif": Case("GIF", gif, COLOURED),
    "gif, transparent": Case(
        "GIF",
        lambda: gif(transparency=3),
        *(np.where((STRIPES == 3)[..., None], 255, COLOURED), 0.6, 1, FADED),
    ),
    "gif, moving": Case(
        "GIF",
        lambda: gif(save_all=True, append_images=[Image.new("P", (160, 112), 1)]),
        *(COLOURED, 0.6, 1, FEW),
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_photo_of_every_format_looks_as_it_was_painted(tmp_path: Path, name: str) -> None:
    case = FORMATS[name]
    data = case.write()

    working, _, facts = develop(data, tmp_path)

    ours = look(working)
    assert facts.format == case.format
    assert apart(ours, case.painted) <= case.within
    if case.of_vips is not None:
        assert apart(ours, look(data)) <= case.of_vips
    assert any(case.says in note for note in facts.notes) if case.says else not facts.notes


@pytest.mark.parametrize("name", ["jpeg", "png, 16-bit colour", "heic", "tiff, inks", "webp"])
def test_copies_as_jpeg_are_near_the_painted_colours(tmp_path: Path, name: str) -> None:
    case = FORMATS[name]

    working, thumb, _ = develop(case.write(), tmp_path, suffix="jpg")

    for copy in (working, thumb):
        seen = look(copy)
        painted = in_colour(case.painted)
        if seen.shape != painted.shape:  # the thumbnail of a wide one is smaller
            painted = in_colour(shrink(painted, seen.shape[1]))
        assert np.abs(seen - painted).mean() <= 3


def shrink(pixels: Painted, width: int) -> Seen:
    """Return pixels as libvips makes them smaller."""
    image = vips(np.rint(pixels).astype(np.uint8))
    return image.resize(width / image.width).numpy().astype(float)


# --- 16 bits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [name for name, case in FORMATS.items() if case.painted is DEEP_GREY]
)
def test_16_bit_grey_gradient_stays_a_gradient(tmp_path: Path, name: str) -> None:
    seen = look(develop(FORMATS[name].write(), tmp_path)[0])

    assert np.ptp(seen, axis=2).max() == 0, "it is grey"
    assert_gradient(seen[40, :, 0])


@pytest.mark.parametrize("name", [name for name, case in FORMATS.items() if case.painted is DEEP])
def test_16_bit_colour_gradients_stay_gradients(tmp_path: Path, name: str) -> None:
    seen = look(develop(FORMATS[name].write(), tmp_path)[0])

    red, green, blue = seen[40].T
    assert_gradient(red)
    assert_gradient(green[::-1])
    assert set(np.diff(blue[:512])) <= {0, 1} and set(np.diff(blue[512:])) <= {0, -1}


def assert_gradient(line: NDArray[np.float64]) -> None:
    """Hold 1,024 values that rise from black to white against 256 steps of 8 bits."""
    assert set(line) == set(range(256)), "every step is there"
    assert set(np.diff(line)) == {0, 1}, "in order, and none is jumped over"
    assert np.unique(line, return_counts=True)[1].max() <= 6, "nor is an end clipped"


# --- turned by the camera -------------------------------------------------------------------------


def exif_of(orientation: int) -> bytes:
    return b"Exif\0\0" + of.exif_turned(orientation)


LYING: dict[str, tuple[Callable[[of.Pixels, int], bytes], float, bool]] = {
    "jpeg": (
        lambda stored, turn: of.encode(
            stored, "JPEG", quality=95, subsampling=0, exif=exif_of(turn)
        ),
        *(4, True),
    ),
    "png": (
        lambda stored, turn: of.png(stored, of.chunk(b"eXIf", of.exif_turned(turn))),
        0.6,
        True,
    ),
    "webp": (
        lambda stored, turn: of.encode(stored, "WEBP", lossless=True, exif=exif_of(turn)),
        *(0.6, True),
    ),
    "tiff": (lambda stored, turn: of.tiff(stored, 2, (274, 3, struct.pack("<H", turn))), 0.6, True),
    "tiff, LZW": (
        lambda stored, turn: of.encode(
            stored, "TIFF", compression="tiff_lzw", tiffinfo={274: turn}
        ),
        *(0.6, True),
    ),
    "heic": (
        lambda stored, turn: of.encode(stored, "HEIF", quality=95, chroma=444, exif=exif_of(turn)),
        *(5, False),
    ),
    "avif": (
        lambda stored, turn: of.encode(
            stored, "AVIF", quality=95, subsampling="4:4:4", speed=10, exif=exif_of(turn)
        ),
        *(6, True),
    ),
}
"""How a photo that lies in one of eight ways is written, how near its copy must be, and whether
libvips can read it."""


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", LYING)
def test_photo_that_lies_in_any_of_eight_ways_is_upright(
    tmp_path: Path, kind: str, turn: int
) -> None:
    write, within, readable = LYING[kind]
    data = write(of.lie(PAINTED, turn), turn)

    working, thumb, facts = develop(data, tmp_path)

    assert (facts.width, facts.height) == (160, 112)
    assert apart(look(working), PAINTED) <= within
    assert np.abs(look(thumb) - PAINTED).mean() <= 4
    if readable:
        assert apart(look(working), look(data)) <= 2


# --- colour profiles ------------------------------------------------------------------------------


WIDE: dict[str, tuple[of.Pixels, bytes]] = {
    "Display P3": (of.in_space(PAINTED, of.DISPLAY_P3), of.profile(of.DISPLAY_P3)),
    "Adobe RGB": (
        of.in_space(PAINTED, of.ADOBE_RGB, of.ADOBE_GAMMA),
        of.profile(of.ADOBE_RGB, of.ADOBE_GAMMA),
    ),
    "swapped": (np.ascontiguousarray(PAINTED[..., [1, 0, 2]]), of.profile(SWAPPED)),
}
"""The values that show the painted colours in a space, and its profile."""
PROFILED: dict[str, tuple[Callable[[of.Pixels, bytes], bytes], float, bool]] = {
    "jpeg": (
        lambda values, icc: of.encode(values, "JPEG", quality=97, subsampling=0, icc_profile=icc),
        *(10, True),
    ),
    "png": (lambda values, icc: of.png(values, of.iccp(icc)), 3, True),
    "png, 16 bits": (
        lambda values, icc: of.png(values.astype(np.uint16) * 257, of.iccp(icc)),
        *(3, True),
    ),
    "png, alpha": (
        lambda values, icc: of.png(np.dstack([values, np.full_like(GREY, 254)]), of.iccp(icc)),
        *(4, True),
    ),
    "webp": (
        lambda values, icc: of.encode(values, "WEBP", lossless=True, icc_profile=icc),
        *(3, True),
    ),
    "tiff": (lambda values, icc: of.tiff(values, 2, (34675, 7, icc)), 3, True),
    "heic": (
        lambda values, icc: of.encode(values, "HEIF", quality=97, chroma=444, icc_profile=icc),
        *(11, False),
    ),
    "avif": (
        lambda values, icc: of.encode(
            values, "AVIF", quality=97, subsampling="4:4:4", speed=10, icc_profile=icc
        ),
        *(11, True),
    ),
}


@pytest.mark.parametrize("space", WIDE)
@pytest.mark.parametrize("kind", PROFILED)
def test_colours_of_a_profile_come_out_as_srgb(tmp_path: Path, kind: str, space: str) -> None:
    values, icc = WIDE[space]
    write, within, readable = PROFILED[kind]
    assert apart(values, PAINTED) > 1.5 * within, "who ignores the profile must be seen"
    data = write(values, icc)

    working, thumb, _ = develop(data, tmp_path)

    assert apart(look(working), PAINTED) <= within
    assert np.abs(look(thumb) - PAINTED).mean() <= 4
    if readable:
        assert apart(look(working), look(data)) <= 4


DARK = of.encoded(GREY / 255.0) * 255
"""What the grey picture shows where its values are light itself (gamma 1)."""


@pytest.mark.parametrize(
    ("data", "painted"),
    [
        (lambda icc: of.png(GREY, of.iccp(icc)), DARK),
        (lambda icc: of.png(GREY.astype(np.uint16) * 257, of.iccp(icc)), DARK),
        (lambda icc: of.encode(GREY, "JPEG", quality=98, icc_profile=icc), DARK),
        (
            lambda icc: of.png(np.dstack([GREY, CLEAR]), of.iccp(icc)),
            of.lay(np.dstack([DARK] * 3), CLEAR, (255, 255, 255)),
        ),
        (
            lambda icc: of.png(GREY, of.iccp(icc), of.chunk(b"tRNS", struct.pack(">H", 100))),
            np.where(GREY == 100, 255.0, DARK),
        ),
    ],
    ids=["png", "png, 16 bits", "jpeg", "png, alpha", "png, one clear grey"],
)
def test_grey_of_a_profile_comes_out_as_srgb(
    tmp_path: Path, data: Callable[[bytes], bytes], painted: Painted
) -> None:
    photo = data(of.grey_profile(1.0))

    ours = look(develop(photo, tmp_path)[0])

    assert apart(ours, painted) <= 4
    assert apart(ours, look(photo)) <= 2


def test_palette_of_a_profile_comes_out_as_srgb(tmp_path: Path) -> None:
    photo = of.png(STRIPES, of.iccp(of.profile(SWAPPED)), plte(), kind=3)

    ours = look(develop(photo, tmp_path)[0])

    assert apart(ours, COLOURED[..., [1, 0, 2]]) <= 1
    assert apart(ours, look(photo)) <= 1


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_inks_of_a_press_come_out_as_libvips_shows_them(tmp_path: Path, kind: str) -> None:
    press = vips(PAINTED).icc_transform("cmyk")  # libvips brings the profile of a press along
    photo = press.jpegsave_buffer(Q=95) if kind == "JPEG" else press.tiffsave_buffer()

    ours = look(develop(photo, tmp_path)[0])

    assert apart(ours, look(photo)) <= 2
    assert np.abs(ours - PAINTED).mean() <= 12, "a press has fewer colours"


# --- transparent parts ----------------------------------------------------------------------------


def loud() -> of.Pixels:
    """Return the painted picture with noise wherever nothing of it is to be seen."""
    noise = np.random.default_rng(3).integers(0, 255, PAINTED.shape, dtype=np.uint8)
    return np.dstack([np.where(CLEAR[..., None] == 0, noise, PAINTED), CLEAR])


def palette_of_alpha() -> bytes:
    return of.png(STRIPES, plte(), of.chunk(b"tRNS", bytes(40)), kind=3)


SEE_THROUGH: dict[str, tuple[Callable[[], bytes], float]] = {
    "png": (lambda: of.png(loud()), 1),
    "png, 16 bits": (lambda: of.png(loud().astype(np.uint16) * 257), 1),
    "png, swapped profile": (
        lambda: of.png(loud()[..., [1, 0, 2, 3]], of.iccp(of.profile(SWAPPED))),
        1.5,
    ),
    "webp": (lambda: of.encode(loud(), "WEBP", lossless=True, exact=True), 1),
    "tiff": (lambda: of.tiff(loud(), 2, clear_of(2)), 1),
    "heic": (lambda: of.encode(loud(), "HEIF", quality=-1, chroma=444), 5),
    "avif": (
        lambda: of.encode(loud(), "AVIF", quality=100, subsampling="4:4:4", speed=10),
        5,
    ),
}


@pytest.mark.parametrize("backdrop", Backdrop)
@pytest.mark.parametrize("kind", SEE_THROUGH)
def test_transparent_parts_are_laid_on_the_chosen_colour_without_a_fringe(
    tmp_path: Path, kind: str, backdrop: Backdrop
) -> None:
    write, within = SEE_THROUGH[kind]
    data, colour = write(), BACKDROPS[backdrop]

    working, thumb, facts = develop(data, tmp_path, backdrop)

    ours = look(working)
    # Where the noise begins, encoders that lose something smear it under what is seen.
    edge = int(np.flatnonzero(CLEAR[:, 0])[0])
    smeared = slice(edge, edge + (0 if within < 2 else 8))
    painted = of.lay(PAINTED, CLEAR, colour)
    painted[smeared], ours[smeared] = 0, 0
    assert apart(ours, painted) <= within
    assert (ours[:edge] == colour).all(), "nothing of what was hidden is there"
    assert np.abs(look(thumb)[: edge - 8] - colour).max() <= 2
    assert f"Its transparent parts were laid on {backdrop.value}." in facts.notes
    if kind != "heic" and within < 2:
        assert apart(look(working), look(data, colour)) <= 2


def test_wholly_transparent_palette_shows_the_colour_behind_it_alone(tmp_path: Path) -> None:
    working, thumb, _ = develop(palette_of_alpha(), tmp_path, Backdrop.BLACK)

    assert look(working).max() == 0
    assert look(thumb).max() == 0


# --- large photos, which may be decoded at a smaller scale ----------------------------------------


def test_large_jpeg_is_upright_srgb_and_silent(tmp_path: Path) -> None:
    upright = of.paint(800, 4400)
    stored = Image.fromarray(of.lie(upright[..., [1, 0, 2]], 6))
    data = after_start(
        jpeg(stored, exif=gps_exif(6), icc_profile=of.profile(SWAPPED), comment=BEHIND),
        segment(0xEB, b"X\0" + BEHIND),
    )
    data += BEHIND

    working, thumb, facts = develop(data, tmp_path, suffix="jpg")

    assert (facts.format, facts.width, facts.height) == ("JPEG", 800, 4400)
    theirs = load(data).autorot().icc_transform("srgb", embedded=True, depth=8)
    for copy, size in ((working, (2048, 372)), (thumb, (512, 93))):
        ours = look(copy)
        assert ours.shape == (*size, 3)
        small = theirs.thumbnail_image(size[1], height=size[0], size="force").numpy()
        assert np.abs(ours - small).max() <= 10
        assert np.abs(ours - small).mean() <= 2
        assert np.abs(ours - of.paint(size[1], size[0])).mean() <= 2
        assert not [form for form in FORMS if form in copy.read_bytes()]
