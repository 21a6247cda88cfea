"""Nothing but pixels leaves the computer: an outside judge reads every byte of the archive."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from fluxlora_desktop.domain.datasets import PackItem
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop

from .conftest import RecordingContext

pytestmark = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool is not installed"
)
Scene = Callable[..., Image.Image]
Maker = Callable[[Image.Image, Path], None]
CANARY = "Canary Anna"
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
XMP = (
    "<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>"
    "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description "
    "xmlns:exif='http://ns.adobe.com/exif/1.0/' xmlns:dc='http://purl.org/dc/elements/1.1/' "
    f"exif:GPSLatitude='46,30.0N' exif:GPSLongitude='7,30.0E' dc:source='{CANARY}'/>"
    "</rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
).encode()


def gps_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = CANARY
    exif.get_ifd(0x8825).update({1: "N", 2: (46.0, 30.0, 0.0), 3: "E", 4: (7.0, 30.0, 0.0)})
    return exif


def maker_note() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "Canon"
    exif.get_ifd(0x8769)[0x927C] = f"{CANARY} maker note".encode()
    return exif


def jpeg(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, **options)
    return buffer.getvalue()


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def after_start(data: bytes, *segments: bytes) -> bytes:
    return data[:2] + b"".join(segments) + data[2:]


def iptc() -> bytes:
    text = CANARY.encode()
    record = b"\x1c\x02\x50" + struct.pack(">H", len(text)) + text
    record += b"\0" * (len(record) % 2)
    block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record
    return segment(0xED, b"Photoshop 3.0\0" + block)


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
    buffer = io.BytesIO()
    image.save(buffer, "MPO", save_all=True, append_images=[image.resize((320, 240))])
    with Image.open(io.BytesIO(buffer.getvalue())) as opened:
        opened.seek(1)
        start = buffer.getvalue().rindex(b"\xff\xd8\xff", 100)
        place = buffer.getvalue().find(b"MPF\0")
        assert place > 0
    table = bytearray(buffer.getvalue()[:start])
    old = struct.pack("<I", len(buffer.getvalue()) - start)
    spot = table.index(old, place)
    table[spot : spot + 4] = struct.pack("<I", len(second))
    return bytes(table) + second


def named_profile() -> bytes:
    """Return sRGB whose description is a person's name."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    text = "sRGB built-in".encode("utf-16-be")
    name = CANARY.ljust(13).encode("utf-16-be")[: len(text)]
    assert text in profile
    return bytes(profile).replace(text, name)


def png_with(image: Image.Image, path: Path) -> None:
    chunks = PngInfo()
    chunks.add_text("Author", CANARY)
    chunks.add_text("Comment", CANARY, zip=True)
    chunks.add_itxt("XML:com.adobe.xmp", XMP.decode())
    image.save(path, "PNG", exif=gps_exif(), pnginfo=chunks)


def png_with_raw_profile(image: Image.Image, path: Path) -> None:
    """Write EXIF as ImageMagick does, as hex in a text chunk behind the pixels."""
    image.save(path, "PNG")
    body = b"Raw profile type exif\0\0" + zlib.compress(
        f"\nexif\n{len(CANARY):8}\n{CANARY.encode().hex()}\n".encode()
    )
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body
    chunk += struct.pack(">I", zlib.crc32(b"zTXt" + body))
    data = path.read_bytes()
    path.write_bytes(data[:-12] + chunk + data[-12:])


CASES: dict[str, Maker] = {
    "exif gps.jpg": lambda image, path: image.save(path, exif=gps_exif()),
    "gps only in xmp.jpg": lambda image, path: image.save(path, xmp=XMP),
    "iptc.jpg": lambda image, path: path.write_bytes(after_start(jpeg(image), iptc())) and None,
    "comment.jpg": lambda image, path: image.save(path, comment=CANARY.encode()),
    "maker note.jpg": lambda image, path: image.save(path, exif=maker_note()),
    "thumbnail.jpg": lambda image, path: (
        path.write_bytes(after_start(jpeg(image), thumbnail_of_the_whole(image))) and None
    ),
    "two pictures.jpg": lambda image, path: path.write_bytes(two_pictures(image)) and None,
    "chunks.png": png_with,
    "raw profile.png": png_with_raw_profile,
    "exif and xmp.webp": lambda image, path: image.save(path, exif=gps_exif(), xmp=XMP),
    "phone.heic": lambda image, path: image.save(
        path, format="HEIF", exif=gps_exif().tobytes(), xmp=XMP
    ),
    "phone.avif": lambda image, path: image.save(path, exif=gps_exif(), xmp=XMP, speed=10),
    "tags.tif": lambda image, path: image.save(path, exif=gps_exif(), tiffinfo={315: CANARY}),
    "profile.jpg": lambda image, path: image.save(path, icc_profile=named_profile()),
    "profile.png": lambda image, path: image.save(path, icc_profile=named_profile()),
    "behind the end.jpg": lambda image, path: (
        path.write_bytes(jpeg(image) + jpeg(image, exif=gps_exif()) + CANARY.encode()) and None
    ),
    "comment.gif": lambda image, path: image.save(path, comment=CANARY.encode()),
    "unknown segment.jpg": lambda image, path: (
        path.write_bytes(after_start(jpeg(image), segment(0xEB, f"X\0{CANARY}".encode()))) and None
    ),
}


def judge(path: Path) -> dict[str, object]:
    """Return every tag that exiftool finds, those of embedded pictures too."""
    done = subprocess.run(
        ["exiftool", "-a", "-u", "-G1", "-ee", "-j", str(path)], capture_output=True, check=True
    )
    return dict(json.loads(done.stdout)[0])


@pytest.mark.parametrize("name", CASES)
def test_archive_holds_pixels_alone_whatever_the_photo_told(
    tmp_path: Path, scene: Scene, context: RecordingContext, name: str
) -> None:
    given = tmp_path / f"{CANARY} {name}"
    CASES[name](scene(640, 480), given)
    told = set(judge(given)) - ALLOWED
    assert told or CANARY.encode() in given.read_bytes(), "the photo must tell something"
    working, thumb = tmp_path / "w.jpg", tmp_path / "t.jpg"
    workshop = PillowPhotoWorkshop()
    workshop.develop(given, working=working, thumb=thumb)

    # The photo itself is sent, too: not only our working copy must come out clean.
    items = [PackItem("a", working, "TOK fox"), PackItem("b", given, "")]
    workshop.package(items, "img_{:03d}", tmp_path / "set.zip", context)

    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        assert archive.namelist() == ["img_000.jpg", "img_000.txt", "img_001.jpg"]
        assert archive.comment == b""
        for info in archive.infolist():
            assert (info.extra, info.comment) == (b"", b"")
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
        assert archive.read("img_000.txt") == b"TOK fox"
        sent = [archive.read(f"img_00{place}.jpg") for place in range(2)]
    assert CANARY.encode() not in (tmp_path / "set.zip").read_bytes()
    for place, data in enumerate([*sent, working.read_bytes(), thumb.read_bytes()]):
        one = tmp_path / f"sent{place}.jpg"
        one.write_bytes(data)
        assert set(judge(one)) <= ALLOWED
        assert data.endswith(b"\xff\xd9") and data.count(b"\xff\xd8\xff") == 1


def test_judge_would_see_what_a_plain_save_leaves(tmp_path: Path, scene: Scene) -> None:
    given = tmp_path / "a.jpg"
    scene(320, 240).save(given, exif=gps_exif(), comment=b"x")
    with Image.open(given) as image:
        image.save(tmp_path / "b.jpg", exif=image.getexif())

    found = set(judge(tmp_path / "b.jpg")) - ALLOWED

    assert {"GPS:GPSLatitude", "File:Comment"} <= found
