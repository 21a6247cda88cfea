"""The training archive of 20 photos: the app's way against two floors.

The first floor encodes the same JPEGs with Pillow and nothing else; the second only copies the
working copies into a zip. What lies between the first and ours is what promises cost: upright and
in sRGB, rebuilt without metadata, read again to prove it, hashed, synced to disk.
"""

import io
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from _photos import make_photos
from PIL import Image

from fluxlora_desktop.domain.datasets import PackItem
from fluxlora_desktop.imaging.package import LONGEST_SIDE, QUALITY
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop
from fluxlora_desktop.jobs.context import CancellableContext

COUNT = 20


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long this takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def make_working_copies(folder: Path) -> list[Path]:
    """Develop one photo as the app does on its arrival, and copy that for all."""
    (photo,) = make_photos(folder, 1)
    copies = [folder / f"working_{number:02d}.jpg" for number in range(COUNT)]
    PillowPhotoWorkshop().develop(photo, working=copies[0], thumb=folder / "thumb.jpg")
    for path in copies[1:]:
        path.write_bytes(copies[0].read_bytes())
    return copies


def encode_alone(copies: list[Path], target: Path) -> None:
    """Write the archive that bare Pillow makes of them."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in copies:
            with Image.open(path) as image:
                image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
                buffer = io.BytesIO()
                image.save(buffer, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
            archive.writestr(path.name, buffer.getvalue())


def copy_alone(copies: list[Path], target: Path) -> None:
    """Write the archive of the files as they are."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in copies:
            archive.write(path, path.name)


def main() -> None:
    """Measure the three and print them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copies = make_working_copies(folder)
        items = [PackItem(path.stem, path, "a photo of TOK") for path in copies]
        workshop, context = PillowPhotoWorkshop(), CancellableContext(lambda event: None)
        ours = seconds_of(lambda: workshop.package(items, "{:03d}", folder / "ours.zip", context))
        encode = seconds_of(lambda: encode_alone(copies, folder / "encoded.zip"))
        copy = seconds_of(lambda: copy_alone(copies, folder / "copied.zip"))
    print(f"package: {COUNT} photos in {ours:.2f} s ({COUNT / ours:.1f}/s)")
    print(f"package: ratio {ours / encode:.2f} to bare encoding ({encode:.2f} s)")
    print(f"package: ratio {ours / copy:.0f} to a plain copy ({copy:.3f} s)")


if __name__ == "__main__":
    main()
