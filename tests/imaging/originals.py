"""Photos of every format, written by the tests: what a person should see in them is known.

Containers that Pillow cannot write, or where the judge must not hang on what Pillow writes, are
written here byte by byte (PNG, TIFF, BMP, ICC profiles) or by libvips.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Deep = NDArray[np.uint16]
Primaries = tuple[tuple[float, float], ...]

CORNERS: Final = ((200, 40, 50), (40, 170, 60), (40, 60, 200), (230, 210, 70))
"""Colours of the corners: upper left, upper right, lower left, lower right."""
# Chromaticities (x, y) of red, green and blue, all with the white of daylight (D65):
# IEC 61966-2-1, SMPTE EG 432-1 with that white, Adobe RGB (1998).
SRGB: Final = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
DISPLAY_P3: Final = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
ADOBE_RGB: Final = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
ADOBE_GAMMA: Final = 563 / 256
_D65: Final = (0.3127, 0.3290)
_D50: Final = (0.9642, 1.0, 0.8249)
_BRADFORD: Final = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


def blend(width: int = 160, height: int = 112) -> NDArray[np.float64]:
    """Return a picture from 0 to 1 whose corners differ, so that every turn and flip shows."""
    right, down = np.linspace(0, 1, width)[None, :, None], np.linspace(0, 1, height)[:, None, None]
    one, two, three, four = (np.array(colour) / 255 for colour in CORNERS)
    return (one * (1 - right) + two * right) * (1 - down) + (
        three * (1 - right) + four * right
    ) * down


def paint(width: int = 160, height: int = 112) -> Pixels:
    """Return `blend` in 8 bits."""
    return np.rint(blend(width, height) * 255).astype(np.uint8)


def ramp(width: int = 1024, height: int = 72) -> Deep:
    """Return grey from black to white in 16 bits, all columns different."""
    return np.tile(np.linspace(0, 65535, width).round().astype(np.uint16), (height, 1))


def three_ramps(width: int = 1024, height: int = 72) -> Deep:
    """Return 16-bit colours whose red rises, whose green falls and whose blue does both."""
    rising = ramp(width, height)
    there_and_back = 65535 - np.abs(rising.astype(np.int64) * 2 - 65535)
    return np.stack([rising, 65535 - rising, there_and_back.astype(np.uint16)], axis=2)


def to_grey(pixels: Pixels) -> Pixels:
    """Return the green of a picture: any grey picture whose corners differ will do."""
    return np.ascontiguousarray(pixels[..., 1])


def see_through(height: int = 112, width: int = 160) -> Pixels:
    """Return an alpha that is nothing above, whole below, and everything between."""
    down = np.clip(np.linspace(-0.3, 1.3, height), 0, 1)
    return np.tile(np.rint(down * 255).astype(np.uint8)[:, None], (1, width))


def lay(pixels: Pixels, alpha: Pixels, backdrop: tuple[int, int, int]) -> NDArray[np.float64]:
    """Return what is seen of `pixels` in front of one colour."""
    share = alpha[..., None] / 255
    return pixels * share + np.array(backdrop) * (1 - share)


def print_colours(pixels: Pixels) -> tuple[Pixels, NDArray[np.float64]]:
    """Return inks (CMYK) for a picture, and the plain colours that those inks stand for."""
    plain = pixels / 255
    black = plain.max(axis=2, keepdims=True)
    inks = 1 - np.concatenate([plain / black, black], axis=2)
    inks = np.rint(inks * 255).astype(np.uint8)
    return inks, (255.0 - inks[..., :3]) * (255.0 - inks[..., 3:]) / 255


def lie(upright: Pixels, orientation: int) -> Pixels:
    """Return how a picture lies in a file that has this EXIF orientation (TIFF 6.0, page 36)."""
    across = upright.transpose(1, 0, 2)
    lying = {
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: across,
        6: across[::-1],
        7: across[::-1, ::-1],
        8: across[:, ::-1],
    }.get(orientation, upright)
    return np.ascontiguousarray(lying)


def exif_turned(orientation: int) -> bytes:
    """Return EXIF that says how the picture lies, and nothing else."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)


# --- containers -----------------------------------------------------------------------------------


def encode(pixels: Pixels, kind: str, mode: str | None = None, **options: object) -> bytes:
    """Return what Pillow writes."""
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    if mode == "CMYK":
        image = Image.frombytes("CMYK", image.size, pixels.tobytes())
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return one chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    samples: Pixels | Deep, *chunks: bytes, kind: int | None = None, behind: bytes = b""
) -> bytes:
    """Return a PNG of 8 or 16 bits; `kind` 3 is a palette, whose colours are in a chunk.

    `behind` stands between the pixels and the end.
    """
    height, width, *rest = samples.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[rest[0] if rest else 1] if kind is None else kind
    rows = samples.astype(samples.dtype.newbyteorder(">")).reshape(height, -1)
    plain = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", width, height, samples.dtype.itemsize * 8, kind, 0, 0, 0)
    body = chunk(b"IHDR", head) + b"".join(chunks) + chunk(b"IDAT", zlib.compress(plain, 6))
    return b"\x89PNG\r\n\x1a\n" + body + behind + chunk(b"IEND", b"")


def iccp(profile: bytes, name: bytes = b"a") -> bytes:
    """Return the chunk of a PNG that holds a colour profile."""
    return chunk(b"iCCP", name + b"\0\0" + zlib.compress(profile))


def tiff(
    samples: Pixels | Deep, photometric: int, *extra: tuple[int, int, bytes], order: str = "<"
) -> bytes:
    """Return a TIFF without compression; `extra` are more tags: number, type and value."""
    height, width, *rest = samples.shape
    bands = rest[0] if rest else 1
    body = samples.astype(samples.dtype.newbyteorder(order)).tobytes()

    def shorts(*values: int) -> bytes:
        return struct.pack(f"{order}{len(values)}H", *values)

    tags: list[tuple[int, int, bytes]] = [
        *((256, 3, shorts(width)), (257, 3, shorts(height))),
        (258, 3, shorts(*[samples.dtype.itemsize * 8] * bands)),
        *((259, 3, shorts(1)), (262, 3, shorts(photometric))),
        (273, 4, struct.pack(f"{order}I", 8)),
        *((277, 3, shorts(bands)), (278, 3, shorts(height))),
        (279, 4, struct.pack(f"{order}I", len(body))),
        *extra,
    ]
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8 + len(body))
    return head + body + _folder(sorted(tags), 8 + len(body), order)


def _folder(tags: list[tuple[int, int, bytes]], start: int, order: str) -> bytes:
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 7: 1}
    entries, values = struct.pack(f"{order}H", len(tags)), b""
    place = start + 2 + 12 * len(tags) + 4
    for tag, kind, value in tags:
        entries += struct.pack(f"{order}HHI", tag, kind, len(value) // sizes[kind])
        if len(value) <= 4:
            entries += value.ljust(4, b"\0")
        else:
            entries += struct.pack(f"{order}I", place + len(values))
            values += value + b"\0" * (len(value) % 2)
    return entries + bytes(4) + values


def bmp(pixels: Pixels, gap: bytes = b"") -> bytes:
    """Return a BMP of 24 bits, its lowest row first; `gap` lies between head and pixels."""
    height, width, _ = pixels.shape
    padding = bytes(-width * 3 % 4)
    rows = b"".join(row[:, ::-1].tobytes() + padding for row in pixels[::-1])
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(rows), 2835, 2835, 0, 0)
    start = 14 + len(head) + len(gap)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + head + gap + rows


# --- colours --------------------------------------------------------------------------------------


def linear(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return light from sRGB values, both from 0 to 1 (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encoded(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sRGB values from light."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def _xyz(x: float, y: float) -> NDArray[np.float64]:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def to_xyz(primaries: Primaries) -> NDArray[np.float64]:
    """Return the matrix from light of these primaries to XYZ under D50, as profiles want it."""
    white = _xyz(*_D65)
    columns = np.stack([_xyz(*primary) for primary in primaries], axis=1)
    columns = columns * np.linalg.solve(columns, white)
    cone = np.array(_BRADFORD)
    scale = np.diag((cone @ np.array(_D50)) / (cone @ white))
    return np.linalg.inv(cone) @ scale @ cone @ columns


def in_space(pixels: Pixels, primaries: Primaries, gamma: float | None = None) -> Pixels:
    """Return the values that show the same colours in another space; no gamma: sRGB's curve."""
    light = linear(pixels / 255) @ (np.linalg.inv(to_xyz(primaries)) @ to_xyz(SRGB)).T
    values = encoded(light) if gamma is None else np.clip(light, 0, 1) ** (1 / gamma)
    return np.rint(values * 255).astype(np.uint8)


def profile(primaries: Primaries, gamma: float | None = None, name: str = "test") -> bytes:
    """Return an ICC profile (version 2.1) with these primaries, in the order red, green, blue."""
    columns = to_xyz(primaries).T
    tags = {
        **dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(_xyz_tag, columns), strict=True)),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma)),
    }
    return _profile(b"RGB ", tags, name)


def grey_profile(gamma: float) -> bytes:
    """Return an ICC profile of a grey with this gamma."""
    return _profile(b"GRAY", {b"kTRC": _curve(gamma)}, "test")


def _profile(space: bytes, tags: dict[bytes, bytes], name: str) -> bytes:
    text = name.encode() + b"\0"
    described = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)
    tags = {
        b"desc": described,
        b"cprt": b"text" + bytes(4) + text,
        b"wtpt": _xyz_tag(np.array(_D50)),
        **tags,
    }
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = bytes(4) + bytes(4) + b"\x02\x10\0\0" + b"mntr" + space + b"XYZ "
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += struct.pack(">3i", *(round(value * 65536) for value in _D50))
    whole = head.ljust(128, b"\0") + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


def _xyz_tag(values: NDArray[np.float64]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(v) * 65536) for v in values))


def _curve(gamma: float | None) -> bytes:
    if gamma is not None:
        return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    table = np.rint(linear(np.linspace(0, 1, 1024)) * 65535).astype(">u2")
    return b"curv" + bytes(4) + struct.pack(">I", len(table)) + table.tobytes()
