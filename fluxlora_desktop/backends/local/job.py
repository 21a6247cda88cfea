"""The job folder: photos with captions, and `job.json`, as the trainer wants them."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fluxlora_desktop.backends.local.files import hash_file, write_bytes
from fluxlora_desktop.domain.captions import one_line, with_trigger
from fluxlora_desktop.domain.errors import ArrivedDamaged, InputError
from fluxlora_desktop.domain.services import LOCAL
from fluxlora_desktop.domain.training import ParameterValue, TrainingSpec

SERVICE = LOCAL
IMAGES, JOB = "images", "job.json"
_PHOTOS = {".jpg", ".jpeg", ".png", ".webp"}
_LARGEST_PHOTO = 80_000_000
_LARGEST_CAPTION = 20_000
_MOST_MEMBERS = 2000
_MOST_PHOTOS = 500
_BLOCK = 1 << 20
_NONCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_SAMPLES, _MOST_PROMPTS, _LONGEST_PROMPT = 2, 8, 1000
"""How many captions are painted as samples, and how many prompts of a person at most."""


@dataclass(frozen=True, slots=True)
class Image:
    """One photo of a job: its name in `images/`, its hash, its caption."""

    file: str
    sha256: str
    caption: str


def safe_name(nonce: str) -> str:
    """Return a mark that can be a folder's name; raises `InputError` for another."""
    if not _NONCE.fullmatch(nonce):
        raise InputError("nonce", f"{nonce[:80]!r} cannot be the name of a folder")
    return nonce


def unpack(archive: Path, folder: Path, each: Callable[[int], None]) -> int:
    """Write the photos of an archive into `folder` as 0001.jpg and so on, captions beside them.

    Names in the archive are never used as paths, sizes are bounded, and whatever is neither photo
    nor caption is left out. `each` is told how many bytes were written so far. Returns how many
    photos there are. Raises `ArrivedDamaged` for what is no such archive, and `OSError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            return _unpack(opened, folder, each)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise ArrivedDamaged(SERVICE, f"the photos could not be unpacked: {error}") from error


def _unpack(opened: zipfile.ZipFile, folder: Path, each: Callable[[int], None]) -> int:
    members = [item for item in opened.infolist() if not item.is_dir()]
    if len(members) > _MOST_MEMBERS:
        raise ArrivedDamaged(SERVICE, "the archive holds too many files")
    by_stem = {PurePosixPath(item.filename).with_suffix("").as_posix(): item for item in members
               if item.filename.endswith(".txt")}  # fmt: skip
    photos = [item for item in members if PurePosixPath(item.filename).suffix.lower() in _PHOTOS]
    done = 0
    for place, item in enumerate(photos[:_MOST_PHOTOS], 1):
        if item.file_size > _LARGEST_PHOTO:
            raise ArrivedDamaged(SERVICE, f"{item.filename[:80]} is too large")
        suffix = PurePosixPath(item.filename).suffix.lower().replace(".jpeg", ".jpg")
        name = f"{place:04d}"
        done = _write_member(opened, item, folder / f"{name}{suffix}", done, each)
        text = by_stem.get(PurePosixPath(item.filename).with_suffix("").as_posix())
        if text is not None:
            with opened.open(text) as stream:
                words = stream.read(_LARGEST_CAPTION).decode("utf-8", "replace")
            write_bytes(folder / f"{name}.txt", words.encode())
    return min(len(photos), _MOST_PHOTOS)


def _write_member(
    opened: zipfile.ZipFile,
    item: zipfile.ZipInfo,
    target: Path,
    done: int,
    each: Callable[[int], None],
) -> int:
    left = _LARGEST_PHOTO
    with opened.open(item) as stream, target.open("wb") as file:
        while block := stream.read(min(_BLOCK, left + 1)):
            left -= len(block)
            if left < 0:  # more than its header says
                raise ArrivedDamaged(SERVICE, f"{item.filename[:80]} is too large")
            file.write(block)
            done += len(block)
            each(done)
    return done


def caption_photos(folder: Path, trigger: str, default: str) -> tuple[Image, ...]:
    """Give every photo a caption with the trigger word in it, and return them in order.

    `default` is for photos that have none of their own.
    """
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix not in _PHOTOS:
            continue
        beside = path.with_suffix(".txt")
        own = one_line(beside.read_text("utf-8")) if beside.is_file() else ""
        caption = with_trigger(own or one_line(default) or trigger, trigger)
        write_bytes(beside, caption.encode())
        found.append(Image(path.name, hash_file(path), caption))
    return tuple(found)


def job_for(
    spec: TrainingSpec, images: Sequence[Image], *, nonce: str, model: str, trainer_sha256: str
) -> dict[str, object]:
    """Return what `job.json` says of a training; see the trainer's own `job.py`."""
    chosen = spec.parameters

    def of(name: str, otherwise: ParameterValue) -> ParameterValue:
        return chosen.get(name, otherwise)

    return {
        "v": 1,
        "id": spec.run_id,
        "mark": nonce,
        "base": spec.base,
        "model": model,
        "revision": "",
        "trigger_word": spec.trigger_word,
        "images": [
            {
                "file": image.file,
                "sha256": image.sha256,
                "caption_sha256": hashlib.sha256(image.caption.encode()).hexdigest(),
            }
            for image in images
        ],
        **{
            name: of(name, otherwise)
            for name, otherwise in (
                ("rank", 16),
                ("steps", 1000),
                ("learning_rate", 1e-4),
                ("schedule", "constant"),
                ("optimizer", "adamw8bit"),
                ("batch_size", 1),
                ("resolution", "512,768,1024"),
                ("caption_dropout", 0.05),
                ("ema", 0.0),
                ("seed", 0),
                ("layers", "all"),
                ("precision", "auto"),
                ("sample_every", 250),
                ("checkpoint_every", 250),
            )
        },
        "sample_prompts": list(sample_prompts(spec, images)),
        "device": "auto",
        "trainer_sha256": trainer_sha256,
    }


def sample_prompts(spec: TrainingSpec, images: Sequence[Image]) -> tuple[str, ...]:
    """Return what is painted as samples: a person's prompts, else some captions of the photos.

    Prompts stand in one line with | between them.
    """
    if not spec.parameters.get("sample_every", 250):
        return ()
    asked = str(spec.parameters.get("sample_prompts", ""))
    own = [with_trigger(one_line(text), spec.trigger_word) for text in asked.split("|")
           if text.strip()]  # fmt: skip
    if own:
        return tuple(text[:_LONGEST_PROMPT] for text in dict.fromkeys(own))[:_MOST_PROMPTS]
    captions = dict.fromkeys(image.caption for image in images)
    return tuple(text[:_LONGEST_PROMPT] for text in captions)[:_SAMPLES]


def hash_of_program(folder: Path) -> str:
    """Return one SHA-256 over the trainer's source files, so that a job tells what made it."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
