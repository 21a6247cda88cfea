"""What a picture's file says about itself: the app's own JSON first, A1111 text for the others.

PNG holds both as text chunks (`fluxlora`, `parameters`). JPEG and WebP hold the A1111 text in the
EXIF UserComment, where Civitai reads it, and the JSON in the MakerNote. The JSON is exact; A1111
text cannot be, because a prompt may itself contain `Steps: ` or `Negative prompt:`.
"""

from __future__ import annotations

import dataclasses
import json
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Final

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fluxlora_desktop.domain.pictures import LoraOrigin, PictureLora, PictureText
from fluxlora_desktop.imaging.a1111 import to_picture_text, write_parameters
from fluxlora_desktop.imaging.bounded import group_in, json_in
from fluxlora_desktop.imaging.containers import Texts, read_texts, unpack

SCHEMA: Final = 1
_OWN_KEY: Final = "fluxlora"
_COMMON_KEY: Final = "parameters"
_EXIF_FOLDER: Final = 0x8769
_USER_COMMENT: Final = 0x9286
_MAKER_NOTE: Final = 0x927C
_UTF16: Final = b"UNICODE\0"
_OWN_MARK: Final = b"fluxlora\0"
_PACKED_MARK: Final = b"fluxloraz\0"
_MOST_IN_JPEG: Final = 65_500
"""What an APP1 segment holds, whose length has 16 bits, less what stands before the data."""

_PNG_LEVEL = 3
"""A picture of 1024 x 1024 pixels is written in 40 % of the time of the usual 6, 17 % larger."""


def write_picture(
    image: Image.Image, text: PictureText | None, stream: BinaryIO, *, suffix: str
) -> None:
    """Encode a picture by its suffix (.png, .jpg, .jpeg, .webp), with its words or without any."""
    match suffix.lower():
        case ".jpg" | ".jpeg":
            exif = _exif(text, _MOST_IN_JPEG) if text else b""
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
        texts = read_texts(path)
    except OSError:
        return None
    own, common = own_json(texts), common_text(texts)
    if own and (text := parse_own(own)):
        return text
    return None if json_group(common) else to_picture_text(common)


def own_json(texts: Texts) -> str:
    """Return the app's own JSON among the words of a file, or ""."""
    if _OWN_KEY in texts.chunks:
        return texts.chunks[_OWN_KEY]
    if texts.note.startswith(_OWN_MARK):
        return texts.note.removeprefix(_OWN_MARK).decode("utf-8", "replace")
    if texts.note.startswith(_PACKED_MARK):
        return unpack(texts.note.removeprefix(_PACKED_MARK)).decode("utf-8", "replace")
    return ""


def common_text(texts: Texts) -> str:
    """Return what most programs write, A1111's text or JSON in its place, or ""."""
    return texts.chunks.get(_COMMON_KEY, "") or texts.comment


def json_group(common: str) -> dict[str, Any]:
    """Return what stands as JSON in the place of A1111's text; a prompt may begin with { too."""
    return group_in(json_in(common)) if common.lstrip().startswith("{") else {}


def write_own(text: PictureText) -> str:
    """Return the app's own JSON of a picture."""
    return json.dumps({"schema": SCHEMA, **dataclasses.asdict(text)})


def parse_own(text: str) -> PictureText | None:
    """Return what the app's own JSON says, or None when it is not that.

    What a later version adds is passed over, what an earlier one did not write is empty: the
    number of the schema grows only when a key comes to mean something else.
    """
    try:
        values: Any = json.loads(text)
        if int(values["schema"]) < SCHEMA:
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
            negative_prompt=str(values.get("negative_prompt", "")),
            origins=tuple(_parse_origin(origin) for origin in values.get("origins", ())),
            request_id=str(values.get("request_id", "")),
            cost_usd=str(values.get("cost_usd", "")),
            made_at=str(values.get("made_at", "")),
        )
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError, AttributeError):
        return None


def _parse_lora(values: Any) -> PictureLora:
    return PictureLora(
        lora_id=str(values["lora_id"]),
        name=str(values["name"]),
        scale=float(values["scale"]),
        tensor_hash=str(values["tensor_hash"]),
    )


def _parse_origin(values: Any) -> LoraOrigin:
    return LoraOrigin(
        lora_id=str(values["lora_id"]),
        run_id=str(values.get("run_id", "")),
        repo=str(values.get("repo", "")),
    )


def _chunks(text: PictureText) -> PngInfo:
    chunks = PngInfo()
    chunks.add_text(_COMMON_KEY, _encodable(write_parameters(text)))
    chunks.add_text(_OWN_KEY, write_own(text))
    return chunks


def _exif(text: PictureText, most: int | None = None) -> bytes:
    """Return EXIF data of at most so many bytes.

    Where there is too little room, the JSON is packed, and A1111's text goes before it does:
    that one is exact.
    """
    own, common = write_own(text).encode(), write_parameters(text)
    comment = _UTF16 + _encodable(common).encode("utf-16-be")
    packed = _PACKED_MARK + zlib.compress(own, 9)
    for said, note in ((comment, _OWN_MARK + own), (comment, packed), (b"", packed)):
        exif = Image.Exif()
        folder = exif.get_ifd(_EXIF_FOLDER)
        if said:
            folder[_USER_COMMENT] = said
        folder[_MAKER_NOTE] = note
        data = exif.tobytes()
        if most is None or len(data) <= most:
            return data
    raise ValueError("the words of this picture are too long for a JPEG")


def _encodable(text: str) -> str:
    """Replace lone surrogates, which no encoding has; the JSON writes them as escapes."""
    return text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")
