"""Pictures of services and of other programs, read by a worker process as photos are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fluxlora_desktop.domain.errors import UnexpectedReply, UnreadablePhoto
from fluxlora_desktop.domain.pictures import (
    ArrivedPicture,
    PictureLora,
    PictureText,
    PictureWords,
)
from fluxlora_desktop.imaging.decode import MOST_BYTES
from fluxlora_desktop.imaging.files import write_file
from fluxlora_desktop.imaging.guarded import (
    UNSAFE,
    PhotoWorkers,
    WorkerEnded,
    raise_storage,
    sweep,
    write_all,
)
from fluxlora_desktop.imaging.metadata import parse_own, write_own
from fluxlora_desktop.imaging.workshop import PillowPictureWorkshop


class GuardedPictureWorkshop(PillowPictureWorkshop):
    """Pictures that a service sent are decoded by a worker (`PictureWorkshop`)."""

    def __init__(self, workers: PhotoWorkers) -> None:
        self._workers = workers

    def finish(self, data: bytes, text: PictureText, target: Path, thumb: Path) -> str:
        """Write the picture with its words and its thumbnail; return the file's SHA-256.

        Raises `UnexpectedReply` when the bytes are not a picture, `StorageError`.
        """
        if len(data) > MOST_BYTES:
            too_large = f"it is larger than {MOST_BYTES // 1_000_000} MB"
            raise UnexpectedReply(text.generator, "picture", too_large)
        given = target.with_name(f"{target.name}.given").absolute()
        question = {
            "do": "finish",
            "given": str(given),
            "text": write_own(text),
            "target": str(target.absolute()),
            "thumb": str(thumb.absolute()),
        }
        write_file(given, lambda stream: write_all(stream, data))
        try:
            answer = self._workers.ask(question)
            if "unreadable" in answer:
                raise UnexpectedReply(text.generator, "picture", str(answer["unreadable"]))
            raise_storage(answer)
            return str(answer["sha256"])
        except WorkerEnded as error:
            sweep(target, thumb)
            raise UnexpectedReply(text.generator, "picture", error.why) from error
        finally:
            given.unlink(missing_ok=True)

    def take_in(self, source: Path, thumb: Path) -> ArrivedPicture:
        """Decode a picture of any program, write its thumbnail, and read what it says of itself.

        Raises `UnreadablePhoto`, also when the worker did not survive the file; `StorageError`.
        """
        answer = self._ask("take_in", source, thumb=thumb)
        try:
            return _arrived(answer["arrived"])
        except (LookupError, TypeError, ValueError) as error:
            raise UnreadablePhoto(source, UNSAFE) from error

    def read_text(self, path: Path) -> PictureText | None:
        """Return what a picture's metadata say, or None when they say nothing."""
        try:
            return parse_own(str(self._ask("read_text", path).get("text", "")))
        except UnreadablePhoto:
            return None

    def without_text(self, source: Path, target: Path) -> None:
        """Write a copy of the pixels alone, in sRGB, in the format of the target's name.

        Raises `UnreadablePhoto`, also when the worker did not survive the file; `StorageError`.
        """
        self._ask("without_text", source, target=target)

    def thumbnail(self, source: Path, thumb: Path) -> None:
        """Write a picture's thumbnail again; raises `UnreadablePhoto`."""
        self._ask("thumbnail", source, thumb=thumb)

    def _ask(self, do: str, source: Path, **targets: Path) -> dict[str, Any]:
        """Let a worker read a file and write others."""
        written = {name: path.absolute() for name, path in targets.items()}
        places = {name: str(path) for name, path in written.items()}
        try:
            answer = self._workers.ask({"do": do, "source": str(source.absolute()), **places})
        except WorkerEnded as error:
            sweep(*written.values())
            raise UnreadablePhoto(source, error.why) from error
        if "unreadable" in answer:
            raise UnreadablePhoto(source, str(answer["unreadable"]))
        raise_storage(answer)
        return answer


def _arrived(found: Mapping[str, Any]) -> ArrivedPicture:
    """Return what a worker tells of a picture; raises `LookupError`, `TypeError`, `ValueError`."""
    said = found["words"]
    return ArrivedPicture(
        str(found["format"]),
        int(found["width"]),
        int(found["height"]),
        PictureWords(
            program=str(said["program"]),
            prompt=str(said["prompt"]),
            negative_prompt=str(said["negative_prompt"]),
            model=str(said["model"]),
            loras=tuple(
                PictureLora("", str(use["name"]), float(use["scale"]), str(use["tensor_hash"]))
                for use in said["loras"]
            ),
            width=int(said["width"]),
            height=int(said["height"]),
            steps=int(said["steps"]),
            guidance=float(said["guidance"]),
            seed=int(said["seed"]),
            made_at=str(said["made_at"]),
            facts=tuple((str(name), str(value)) for name, value in said["facts"]),
        ),
    )
