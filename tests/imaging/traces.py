"""Photos that tell on their owner, in every place where a format can hide words.

The words are always the same canary, so that a search through bytes finds what is left of them.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Final

import numpy as np
import pillow_heif
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from . import originals

Maker = Callable[[Image.Image], bytes]

CANARY: Final = "Canary Anna"
FORMS: Final = (
    CANARY.encode(),
    *(CANARY.encode("utf-16-le"), CANARY.encode("utf-16-be")),
    *(CANARY.encode().hex().encode(), CANARY.encode().hex().upper().encode()),
)
"""The canary in every form that a format would write it in."""
XMP: Final = (
    "<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>"
    "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description "
    "xmlns:exif='http://ns.adobe.com/exif/1.0/' xmlns:dc='http://purl.org/dc/elements/1.1/' "
    f"exif:GPSLatitude='46,30.0N' exif:GPSLongitude='7,30.0E' dc:source='{CANARY}'/>"
    "</rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
).encode()


def save(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return what Pillow writes."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(image: Image.Image, **options: object) -> bytes:
    return save(image, "JPEG", quality=90, **options)


def gps_exif(orientation: int | None = None) -> Image.Exif:
    """Return EXIF with a canary and a place, and with how the picture lies if that is given."""
    exif = Image.Exif()
    exif[0x010E] = CANARY
    exif.get_ifd(0x8825).update({1: "N", 2: (46.0, 30.0, 0.0), 3: "E", 4: (7.0, 30.0, 0.0)})
    if orientation is not None:
        exif[0x0112] = orientation
    return exif


def maker_note() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "Canon"
    exif.get_ifd(0x8769)[0x927C] = f"{CANARY} maker note".encode()
    return exif


def segment(marker: int, body: bytes) -> bytes:
    """Return one segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def after_start(data: bytes, *segments: bytes) -> bytes:
    """Return a JPEG with more segments at its start."""
    return data[:2] + b"".join(segments) + data[2:]


def iptc() -> bytes:
    """Return one record of IPTC that names a person."""
    text = CANARY.encode()
    record = b"\x1c\x02\x50" + struct.pack(">H", len(text)) + text
    return record + b"\0" * (len(record) % 2)


def photoshop() -> bytes:
    """Return a Photoshop block that holds IPTC."""
    record = iptc()
    return b"8BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record


def thumbnail_of_the_whole(image: Image.Image) -> bytes:
    """Return an EXIF segment whose second folder holds a picture of what was cut away."""
    inner = jpeg(image.resize((160, 120)), comment=CANARY.encode())
    entries = (
        *((0x0103, 3, 1, 6), (0x0201, 4, 1, 8 + 2 + 4 + 2 + 36 + 4), (0x0202, 4, 1, len(inner))),
    )
    second = struct.pack("<H", len(entries))
    second += b"".join(struct.pack("<HHII", *entry) for entry in entries) + struct.pack("<I", 0)
    first = struct.pack("<HI", 0, 8 + 2 + 4)
    return segment(0xE1, b"Exif\0\0" + b"II*\0" + struct.pack("<I", 8) + first + second + inner)


def two_pictures(image: Image.Image) -> bytes:
    """Return a multi-picture JPEG whose second picture alone knows the place."""
    second = jpeg(image.resize((320, 240)), exif=gps_exif())
    whole = save(image, "MPO", save_all=True, append_images=[image.resize((320, 240))])
    start = whole.rindex(b"\xff\xd8\xff", 100)
    place = whole.find(b"MPF\0")
    assert place > 0
    table = bytearray(whole[:start])
    spot = table.index(struct.pack("<I", len(whole) - start), place)
    table[spot : spot + 4] = struct.pack("<I", len(second))
    return bytes(table) + second


def named_profile() -> bytes:
    """Return sRGB whose description is a person's name."""
    return originals.profile(originals.SRGB, name=CANARY)


def png(image: Image.Image, *chunks: bytes, behind: bytes = b"") -> bytes:
    return originals.png(np.asarray(image), *chunks, behind=behind)


def texts() -> PngInfo:
    """Return words in the three kinds of text that a PNG knows."""
    chunks = PngInfo()
    chunks.add_text("Author", CANARY)
    chunks.add_text("Comment", CANARY, zip=True)
    chunks.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return chunks


def raw_profile() -> bytes:
    """Return EXIF as ImageMagick writes it, as hex in a text chunk."""
    hexed = f"\nexif\n{len(CANARY):8}\n{CANARY.encode().hex()}\n".encode()
    return originals.chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(hexed))


def unknown_in_webp(image: Image.Image) -> bytes:
    """Return a WebP with a chunk that no reader knows."""
    data, body = save(image, "WEBP", lossless=True), CANARY.encode() + b"."
    data += b"CNRY" + struct.pack("<I", len(body)) + body
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


def free_box() -> bytes:
    """Return a box for the end of a HEIC or AVIF that every reader skips."""
    return struct.pack(">I", 8 + len(CANARY)) + b"free" + CANARY.encode()


def two_in_heic(image: Image.Image) -> bytes:
    """Return a HEIC whose second picture alone knows the place."""
    file, buffer = pillow_heif.from_pillow(image), io.BytesIO()
    file.add_from_pillow(image.resize((320, 240)))
    file[1].info.update(exif=gps_exif().tobytes(), xmp=XMP)
    file.save(buffer)
    return buffer.getvalue()


def xmp_in_gif(image: Image.Image) -> bytes:
    """Return a GIF with XMP, whose end is what makes its bytes read as blocks (XMP part 3)."""
    magic = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    return save(image, "GIF")[:-1] + b"!\xff\x0bXMP DataXMP" + XMP + magic + b";"


def tags_of_tiff(image: Image.Image) -> bytes:
    """Return a TIFF with words in all its usual places and in one of no known meaning."""
    words = CANARY.encode() + b"\0"
    named = [(number, 2, words) for number in (269, 270, 271, 305, 315, 316, 33432)]
    opaque = [(700, 1, XMP), (33723, 7, iptc()), (34377, 1, photoshop()), (65000, 7, words)]
    return originals.tiff(np.asarray(image), 2, *named, *opaque, (34675, 7, named_profile()))


def two_pages(image: Image.Image) -> bytes:
    """Return a TIFF whose second page alone names a person."""
    second = image.resize((320, 240))
    second.encoderinfo = {"tiffinfo": {315: CANARY}}
    return save(image, "TIFF", save_all=True, append_images=[second])


BEHIND: Final = CANARY.encode()
CASES: Final[dict[str, Maker]] = {
    "exif gps.jpg": lambda image: jpeg(image, exif=gps_exif()),
    "gps only in xmp.jpg": lambda image: jpeg(image, xmp=XMP),
    "iptc.jpg": lambda image: after_start(
        jpeg(image), segment(0xED, b"Photoshop 3.0\0" + photoshop())
    ),
    "comment.jpg": lambda image: jpeg(image, comment=BEHIND),
    "maker note.jpg": lambda image: jpeg(image, exif=maker_note()),
    "thumbnail.jpg": lambda image: after_start(jpeg(image), thumbnail_of_the_whole(image)),
    "two pictures.jpg": two_pictures,
    "profile.jpg": lambda image: jpeg(image, icc_profile=named_profile()),
    "behind the end.jpg": lambda image: jpeg(image) + jpeg(image, exif=gps_exif()) + BEHIND,
    "unknown segment.jpg": lambda image: after_start(
        jpeg(image), segment(0xEB, f"X\0{CANARY}".encode())
    ),
    "texts and exif.png": lambda image: save(image, "PNG", exif=gps_exif(), pnginfo=texts()),
    "texts behind the pixels.png": lambda image: png(
        image, behind=originals.chunk(b"tEXt", b"Author\0" + BEHIND) + raw_profile()
    ),
    "exif behind the pixels.png": lambda image: png(
        image, behind=originals.chunk(b"eXIf", gps_exif().tobytes()[6:])
    ),
    "time and unknown.png": lambda image: png(
        image,
        originals.chunk(b"tIME", struct.pack(">HBBBBB", 2026, 1, 2, 3, 4, 5)),
        originals.chunk(b"caNa", BEHIND),
    ),
    "profile.png": lambda image: png(image, originals.iccp(named_profile(), BEHIND)),
    "behind the end.png": lambda image: png(image) + BEHIND,
    "exif and xmp.webp": lambda image: save(image, "WEBP", exif=gps_exif(), xmp=XMP),
    "profile.webp": lambda image: save(image, "WEBP", icc_profile=named_profile()),
    "unknown chunk.webp": unknown_in_webp,
    "behind the end.webp": lambda image: save(image, "WEBP") + BEHIND,
    "exif and xmp.heic": lambda image: save(image, "HEIF", exif=gps_exif().tobytes(), xmp=XMP),
    "profile.heic": lambda image: save(image, "HEIF", icc_profile=named_profile()),
    "two pictures.heic": two_in_heic,
    "behind the end.heic": lambda image: save(image, "HEIF") + free_box(),
    "exif and xmp.avif": lambda image: save(image, "AVIF", exif=gps_exif(), xmp=XMP, speed=10),
    "profile.avif": lambda image: save(image, "AVIF", icc_profile=named_profile(), speed=10),
    "behind the end.avif": lambda image: save(image, "AVIF", speed=10) + free_box(),
    "exif gps.tif": lambda image: save(image, "TIFF", exif=gps_exif()),
    "tags.tif": tags_of_tiff,
    "two pages.tif": two_pages,
    "behind the end.tif": lambda image: save(image, "TIFF") + BEHIND,
    "gap.bmp": lambda image: originals.bmp(np.asarray(image), gap=BEHIND.ljust(16)),
    "behind the end.bmp": lambda image: originals.bmp(np.asarray(image)) + BEHIND,
    "comment.gif": lambda image: save(image, "GIF", comment=BEHIND),
    "xmp.gif": xmp_in_gif,
    "behind the end.gif": lambda image: save(image, "GIF") + BEHIND,
}
"""How a picture is written so that it tells something, by the name of the file."""
