"""What a picture's file says about itself: the app's own JSON first, A1111 text for the others.

PNG holds both as text chunks (`fluxlora`, `parameters`). JPEG and WebP hold the A1111 text in the
EXIF UserComment, where Civitai reads it, and the JSON in the MakerNote. The JSON is exact; A1111
text cannot be, because a prompt may itself contain `Steps: ` or `Negative prompt:`.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, BinaryIO, Final

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fluxlora_desktop.domain.pictures import PictureLora, PictureText
from fluxlora_desktop.imaging.a1111 import to_picture_text, write_parameters
from fluxlora_desktop.imaging.decode import FORMATS

SCHEMA: Final = 1
_OWN_KEY: Final = "fluxlora"
_COMMON_KEY: Final = "parameters"
_EXIF_FOLDER: Final = 0x8769
_USER_COMMENT: Final = 0x9286
_MAKER_NOTE: Final = 0x927C
_UTF16: Final = b"UNICODE\0"
_OWN_MARK: Final = b"fluxlora\0"
_MOST_CHARACTERS: Final = 1_000_000

_PNG_LEVEL = 3
"""A picture of 1024 x 1024 pixels is written in 40 % of the time of the usual 6, 17 % larger."""


def write_picture(
    image: Image.Image, text: PictureText | None, stream: BinaryIO, *, suffix: str
) -> None:
    """Encode a picture by its suffix (.png, .jpg, .jpeg, .webp), with its words or without any."""
    match suffix.lower():
        case ".jpg" | ".jpeg":
            exif = _exif(text) if text else b""
            image.save(stream, "JPEG", quality=95, subsampling=0, exif=exif)
        case ".webp":
            exif = _exif(text) if text else b""
            image.save(stream, "WEBP", quality=95, method=4, exif=exif)
        case ".png":
            chunks = _chunks(text) if text else None
            image.save(stream, "PNG", compress_level=_PNG_LEVEL, pnginfo=chunks)
        case _:
            raise ValueError(f"pictures are not written as {suffix}")


def read_picture_text(path: Path) -> PictureText | None:
    """Return what the file says, or None when it says nothing that can be understood."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            own, common = _read_chunks(image) if image.format == "PNG" else _read_exif(image)
    except (OSError, ValueError, SyntaxError, TypeError, LookupError):
        return None
    if own and (text := parse_own(own)):
        return text
    if common.lstrip().startswith("{"):
        return None
    return to_picture_text(common)


def write_own(text: PictureText) -> str:
    """Return the app's own JSON of a picture."""
    return json.dumps({"schema": SCHEMA, **dataclasses.asdict(text)})


def parse_own(text: str) -> PictureText | None:
    """Return what the app's own JSON says, or None when it is not of a known schema."""
    try:
        values: Any = json.loads(text)
        if values["schema"] != SCHEMA:
            return None
        return PictureText(
            prompt=str(values["prompt"]),
            model_title=str(values["model_title"]),
            base=str(values["base"]),
            generator=str(values["generator"]),
            loras=tuple(_parse_lora(lora) for lora in values["loras"]),
            width=int(values["width"]),
            height=int(values["height"]),
            steps=int(values["steps"]),
            guidance=float(values["guidance"]),
            seed=int(values["seed"]),
            app_version=str(values["app_version"]),
            extra=tuple((str(key), str(value)) for key, value in values["extra"]),
        )
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return None


def _parse_lora(values: Any) -> PictureLora:
    return PictureLora(
        lora_id=str(values["lora_id"]),
        name=str(values["name"]),
        scale=float(values["scale"]),
        tensor_hash=str(values["tensor_hash"]),
    )


def _chunks(text: PictureText) -> PngInfo:
    chunks = PngInfo()
    chunks.add_text(_COMMON_KEY, write_parameters(text))
    chunks.add_text(_OWN_KEY, write_own(text))
    return chunks


def _exif(text: PictureText) -> bytes:
    exif = Image.Exif()
    folder = exif.get_ifd(_EXIF_FOLDER)
    folder[_USER_COMMENT] = _UTF16 + write_parameters(text).encode("utf-16-be", "replace")
    folder[_MAKER_NOTE] = _OWN_MARK + write_own(text).encode()
    return exif.tobytes()


def _read_chunks(image: Image.Image) -> tuple[str, str]:
    found = [image.info.get(key, "") for key in (_OWN_KEY, _COMMON_KEY)]
    own, common = (str(text)[:_MOST_CHARACTERS] for text in found)
    return own, common


def _read_exif(image: Image.Image) -> tuple[str, str]:
    folder = image.getexif().get_ifd(_EXIF_FOLDER)
    note, comment = folder.get(_MAKER_NOTE, b""), folder.get(_USER_COMMENT, b"")
    own = common = ""
    if isinstance(note, bytes) and note.startswith(_OWN_MARK):
        own = note.removeprefix(_OWN_MARK)[:_MOST_CHARACTERS].decode()
    if isinstance(comment, bytes) and comment.startswith(_UTF16):
        body = comment.removeprefix(_UTF16)[: 2 * _MOST_CHARACTERS]
        common = body.decode("utf-16-be", "replace")
    return own, common
