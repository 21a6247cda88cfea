"""What is learnt from: photos and captions, read, checked, encoded once, and kept encoded.

The encoders are gone before the transformer is loaded. What they made is kept in `out/cache.pt`, so
that a resumed training needs them no more and learns from the very same numbers.
"""

from __future__ import annotations

import gc
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy
import torch
from PIL import Image, ImageOps

from .buckets import Entry, entries_for, mixed
from .exits import BadInput, is_out_of_memory
from .families.base import Family, Text
from .files import sha256_of, write_whole
from .job import Job

LONGEST_CAPTION = 20_000
MOST_PIXELS = 200_000_000
Size = tuple[int, int]
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo of the job: its file, its size in pixels, its caption, and the hashes of both."""

    path: Path
    size: Size
    caption: str
    sha256: str
    caption_sha256: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """What training and samples need, on the CPU: latents by photo and size, texts by words."""

    latents: dict[tuple[int, int, int], torch.Tensor]
    texts: dict[str, Text]

    def has(self, entry: Entry) -> bool:
        """Tell whether a photo was encoded at this size."""
        return (entry.photo, entry.width, entry.height) in self.latents

    def latents_of(self, entry: Entry) -> torch.Tensor:
        """Return the latents of one entry, in a batch of one."""
        return self.latents[entry.photo, entry.width, entry.height]


def read_photos(folder: Path, job: Job) -> list[Photo]:
    """Read the sizes and captions of a job's photos; raises `BadInput` that names the file."""
    return [_photo(folder / "images" / image.file, image) for image in job.images]


def _photo(path: Path, image: Any) -> Photo:
    try:
        sha256 = sha256_of(path)
        raw = _caption_bytes(path.with_suffix(".txt"))
        caption = raw.decode("utf-8").strip()
        with Image.open(path) as opened:
            size = ImageOps.exif_transpose(opened).size if _is_turned(opened) else opened.size
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise BadInput(f"{path.name} or its caption cannot be read: {error}.", _AGAIN) from error
    if size[0] * size[1] > MOST_PIXELS or min(size) < 16:
        raise BadInput(f"{path.name} has {size[0]} x {size[1]} pixels.", _AGAIN)
    caption_sha256 = hashlib.sha256(raw).hexdigest()
    if image.sha256 not in ("", sha256) or image.caption_sha256 not in ("", caption_sha256):
        what = "caption of " if image.sha256 in ("", sha256) else ""
        raise BadInput(f"The {what}{path.name} is not what job.json says.", _AGAIN)
    return Photo(path, size, caption, sha256, caption_sha256)


_AGAIN = "Start the training anew from the photos."


def _is_turned(opened: Any) -> bool:
    return opened.getexif().get(0x0112, 1) != 1


def _caption_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        raw = file.read(LONGEST_CAPTION + 1)
    if len(raw) > LONGEST_CAPTION:
        raise ValueError("the caption is longer than any")
    return raw


def pixels_of(photo: Photo, size: Size) -> torch.Tensor:
    """Return a photo scaled and cropped in the middle: [1, 3, height, width] from -1 to 1."""
    try:
        with Image.open(photo.path) as opened:
            upright = ImageOps.exif_transpose(opened).convert("RGB")
        fitted = ImageOps.fit(upright, size, Image.Resampling.LANCZOS)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise BadInput(f"{photo.path.name} cannot be read: {error}.", _AGAIN) from error
    grid = torch.from_numpy(numpy.asarray(fitted, dtype=numpy.float32))
    return (grid / 127.5 - 1).permute(2, 0, 1)[None]


def encode(
    family: Family,
    folder: Path,
    job: Job,
    photos: Sequence[Photo],
    *,
    resolutions: Sequence[int],
    device: torch.device,
    text_device: torch.device,
    text_precision: str,
    tell: Callable[..., None],
    check: Callable[[], None],
) -> Encoded:
    """Encode captions, sample prompts and photos; the encoders are freed again."""
    tell("stage", name="text", says="Reading the captions")
    words = list(dict.fromkeys([*(p.caption for p in photos), "", *job.sample_prompts]))
    texts = _texts(family, folder, words, text_device, text_precision, check)
    tell("stage", name="latents", says="Reading the photos")
    entries = entries_for([photo.size for photo in photos], resolutions)
    latents = _latents(family, folder, job.seed, photos, entries, device, check)
    return Encoded(latents, texts)


def _texts(
    family: Family,
    folder: Path,
    words: list[str],
    device: torch.device,
    precision: str,
    check: Callable[[], None],
) -> dict[str, Text]:
    def encoded(on: torch.device) -> dict[str, Text]:
        small = precision if on.type == "cuda" else ""
        encoder = family.text_encoder(folder, on, _half(), small)
        found = {}
        for prompt in words:
            check()
            (found[prompt],) = encoder([prompt])
        return found

    found = _or_on_processor(encoded, device)
    free(device)
    return found


def _or_on_processor(make: Callable[[torch.device], Made], device: torch.device) -> Made:
    """Return what is made on a device, or on the processor where that has no room for it."""
    try:
        return make(device)
    except Exception as error:
        if device.type == "cpu" or not is_out_of_memory(error):
            raise
    # Only here is the traceback gone, which holds what filled the memory.
    free(device)
    return make(torch.device("cpu"))


def add_latents(
    encoded: Encoded,
    family: Family,
    folder: Path,
    seed: int,
    photos: Sequence[Photo],
    *,
    entries: Sequence[Entry],
    device: torch.device,
    check: Callable[[], None],
) -> None:
    """Encode photos at sizes that a smaller plan brings; the base may leave no room for it."""

    def made(on: torch.device) -> dict[tuple[int, int, int], torch.Tensor]:
        return _latents(family, folder, seed, photos, entries, on, check)

    encoded.latents.update(_or_on_processor(made, device))


def _latents(
    family: Family,
    folder: Path,
    seed: int,
    photos: Sequence[Photo],
    entries: Sequence[Entry],
    device: torch.device,
    check: Callable[[], None],
) -> dict[tuple[int, int, int], torch.Tensor]:
    vae = family.vae(folder, device, torch.float32)
    found: dict[tuple[int, int, int], torch.Tensor] = {}
    for entry in entries:
        check()
        key = (entry.photo, entry.width, entry.height)
        if key in found:
            continue
        photo = photos[entry.photo]
        # A seed of its own: neither the order nor the device changes what a photo is encoded to.
        generator = torch.Generator().manual_seed(mixed(seed, "latents", photo.sha256, *key[1:]))
        pixels = pixels_of(photo, (entry.width, entry.height))
        found[key] = family.encode_image(vae, pixels, generator).float().cpu()
    del vae
    free(device)
    return found


def _half() -> torch.dtype:
    """Return bf16 where there is a GPU: a T5 in fp32 would need 19 GB."""
    return torch.bfloat16 if torch.cuda.is_available() else torch.float32


def free(device: torch.device) -> None:
    """Give memory that nothing uses any more back."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def cache_key(job: Job, photos: Sequence[Photo], base: str, resolutions: Sequence[int]) -> str:
    """Return what tells whether encoded photos and texts are those of a job."""
    parts = [base, job.base, job.seed, list(resolutions), list(job.sample_prompts)]
    parts += [[photo.sha256, photo.caption_sha256] for photo in photos]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def save_encoded(path: Path, key: str, encoded: Encoded) -> None:
    """Keep what was encoded; raises `DiskFull`."""
    buffer = io.BytesIO()
    torch.save({"key": key, "latents": encoded.latents, "texts": encoded.texts}, buffer)
    write_whole(path, buffer.getbuffer())


def load_encoded(path: Path, key: str) -> Encoded | None:
    """Return what was kept for this very job, or None."""
    try:
        found = torch.load(path, weights_only=True, map_location="cpu")
        if found["key"] != key:
            return None
        return Encoded(found["latents"], found["texts"])
    except Exception:  # noqa: BLE001 - a torn file raises whatever it likes, and is made anew
        return None
