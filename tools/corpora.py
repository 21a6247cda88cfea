"""Take every file of the open collections of odd pictures into a library; count what came of it.

Run from the repository root: ``python tools/corpora.py --work DIR [FOLDER ...]``. Downloads the
sources of Pillow and pillow-heif with pip into DIR, for the pictures of their tests; further
folders are taken as they are. Each file goes the app's own way: copied into a library in a
temporary folder, decoded by a worker. With ``--strings FILE`` (JSON, such as blns.json) each text
becomes a photo's name, a caption and a picture's prompt, is read back, and is shown. Exits with 1
when anything was not as it should be. Nothing that is downloaded belongs into the repository.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fluxlora_desktop.domain.datasets import Photo, PhotoFacts  # noqa: E402
from fluxlora_desktop.domain.errors import StorageError, UnreadablePhoto  # noqa: E402
from fluxlora_desktop.domain.names import kept_name, shown_name  # noqa: E402
from fluxlora_desktop.domain.pictures import Picture, PictureState  # noqa: E402
from fluxlora_desktop.domain.ports import Services  # noqa: E402
from fluxlora_desktop.imaging.guarded import (  # noqa: E402
    GuardedPhotoWorkshop,
    PhotoWorkers,
)
from fluxlora_desktop.imaging.guarded_pictures import GuardedPictureWorkshop  # noqa: E402
from fluxlora_desktop.imaging.metadata import parse_own, write_own  # noqa: E402
from fluxlora_desktop.store.library import open_library  # noqa: E402
from fluxlora_desktop.system.clock import SystemClock  # noqa: E402
from fluxlora_desktop.workflows.photos import take_in_photo  # noqa: E402
from fluxlora_desktop.workflows.pictures import text_of  # noqa: E402
from fluxlora_desktop.workflows.tools import Tools  # noqa: E402

SOURCES: Final = (("pillow", "13.0.0"), ("pillow-heif", "1.8.1"))
LONGEST_S: Final = 10.0
MOST_BYTES: Final = 1_000_000_000
NO_FACTS: Final = PhotoFacts("JPEG", 1, 1, "0" * 64, 0, 0.0, 0.0, 0.0)


class Unhurried:
    """A context that nobody cancels."""

    def report(self, event: object) -> None:
        """Nobody listens."""

    def check(self) -> None:
        """Nobody stops."""

    def pause(self, seconds: float) -> None:
        """Nothing here waits."""


@dataclasses.dataclass(slots=True)
class Count:
    """What came of one folder."""

    name: str
    files: int = 0
    accepted: int = 0
    refused: Counter[str] = dataclasses.field(default_factory=Counter)
    crashes: list[str] = dataclasses.field(default_factory=list)
    hangs: int = 0
    ended: int = 0
    longest: tuple[float, str] = (0.0, "")
    memory: tuple[int, str] = (0, "")

    def is_well(self) -> bool:
        """Say whether the app held: no crash, no hang, within time and memory."""
        held = self.longest[0] <= LONGEST_S and self.memory[0] <= MOST_BYTES
        return held and not self.crashes and not self.hangs and self.files > 0


def download(work: Path) -> list[Path]:
    """Fetch the sources that are not there yet; return the folders of their pictures."""
    wanted = [f"{name}=={version}" for name, version in SOURCES]
    archives = work / "archives"
    have = {path.name.replace("_", "-") for path in archives.glob("*.tar.gz")}
    if not have >= {f"{name}-{version}.tar.gz" for name, version in SOURCES}:
        names = ",".join(name for name, _ in SOURCES)
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", names]
        subprocess.run([*pip, "--dest", str(archives), *wanted], check=True)
    for archive in archives.glob("*.tar.gz"):
        with tarfile.open(archive) as tar:
            tar.extractall(work / "sources", filter="data")
    return [path for path in (work / "sources").glob("*/[Tt]ests/images") if path.is_dir()]


@contextmanager
def open_tools(folder: Path) -> Iterator[tuple[Tools, PhotoWorkers]]:
    """Join a real library and the workers, as the app does."""
    clock, workers = SystemClock(), PhotoWorkers(most=1)
    library = open_library(folder, clock=clock)
    try:
        tools = Tools(
            stores=library.stores,
            services=Services((), (), None),  # type: ignore[arg-type]  # none is asked
            photos=GuardedPhotoWorkshop(workers),
            pictures=GuardedPictureWorkshop(workers),
            clock=clock,
        )
        yield tools, workers
    finally:
        workers.close()
        library.close()


def take_all(folder: Path) -> Count:
    """Take each file of a folder into a new library."""
    count = Count(folder.parent.parent.name if folder.name == "images" else folder.name)
    with (
        tempfile.TemporaryDirectory() as home,
        open_tools(Path(home)) as (tools, workers),
    ):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            count.files += 1
            began = time.perf_counter()
            try:
                take_in_photo(path, tools, Unhurried())
                count.accepted += 1
            except UnreadablePhoto as error:
                count.refused[re.sub(r"\d[\d x]*", "N ", error.reason)] += 1
                count.hangs += "took longer" in error.reason
            except StorageError as error:
                count.refused[f"storage: {error.detail[:60]}"] += 1
            except Exception as error:  # noqa: BLE001  what nobody expects is looked for
                count.crashes.append(f"{path.name}: {error!r}")
            seconds = time.perf_counter() - began
            count.longest = max(count.longest, (seconds, path.name))
            count.memory = max(count.memory, (peak_memory(workers), path.name))
        count.ended = workers.ended
    return count


def peak_memory(workers: PhotoWorkers) -> int:
    """Return the most bytes that a living worker ever held; Linux alone tells."""
    peaks = [0]
    for pid in workers.processes():
        try:
            status = Path(f"/proc/{pid}/status").read_text("utf-8")
        except OSError:
            continue
        peaks += [int(found) * 1024 for found in re.findall(r"VmHWM:\s+(\d+) kB", status)]
    return max(peaks)


def show(count: Count) -> None:
    """Print one folder's lines."""
    print(
        f"{count.name[:28]:28} {count.files:6} {count.accepted:9} {sum(count.refused.values()):8}"
        f" {len(count.crashes):8} {count.hangs:6} {count.ended:6}"
        f" {count.longest[0]:8.2f} {count.memory[0] / 1e6:7.0f}  {count.longest[1]}",
        flush=True,
    )
    for reason, times in count.refused.most_common():
        print(f"{'':30}{times:6}  {reason}")
    for crash in count.crashes:
        print(f"{'':30}CRASH  {crash!a}")


def check_strings(file: Path) -> list[str]:
    """Return which texts did not come back as they were, or reach the screen with controls."""
    texts: list[str] = json.loads(file.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as home, open_tools(Path(home)) as (tools, _):
        wrong = [text for place, text in enumerate(texts) if not all(come_back(text, place, tools))]
    print(f"{file.name}: {len(texts)} texts as names, captions and prompts, {len(wrong)} wrong")
    return wrong


def come_back(text: str, place: int, tools: Tools) -> Iterator[bool]:
    """Yield whether a text survives as a name, a caption, a prompt, and on the screen."""
    datasets, sha256 = tools.stores.datasets, f"{place:064x}"
    datasets.put_photo(Photo(sha256, kept_name(text), 1, NO_FACTS))
    dataset = datasets.create()
    datasets.set_photos(dataset.id, [sha256])
    datasets.set_caption(dataset.id, sha256, text)
    item = datasets.get(dataset.id).photos[0]
    yield item.photo.name == kept_name(text)
    yield item.caption == text
    picture = make_picture(sha256[-16:], text)
    tools.stores.pictures.add([picture])
    yield tools.stores.pictures.get(picture.id).prompt == text
    words = text_of(picture, "FLUX")
    yield parse_own(write_own(words)) == words
    hidden = {"Cc", "Cs", "Zl", "Zp"}
    yield not any(unicodedata.category(char) in hidden for char in shown_name(text))


def make_picture(key: str, prompt: str) -> Picture:
    """Return a picture that waits, with a prompt."""
    return Picture(
        id=key,
        order_id=key,
        state=PictureState.DONE,
        generator="",
        model="",
        base="",
        prompt=prompt,
        loras=(),
        width=64,
        height=64,
        steps=1,
        guidance=1.0,
        seed=1,
        created_at=datetime.now(UTC),
    )


def main() -> int:
    """Run all that was asked for; 1 when anything was not as it should be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for what is downloaded")
    parser.add_argument("--strings", type=Path, help="JSON list of texts")
    parser.add_argument("folders", nargs="*", type=Path, help="further folders of pictures")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    folders = [*download(asked.work), *asked.folders]
    print(
        f"{'folder':28} {'files':>6} {'accepted':>9} {'refused':>8} {'crashes':>8} {'hangs':>6}"
        f" {'ended':>6} {'longest':>8} {'MB':>7}"
    )
    counts = []
    for folder in folders:
        counts.append(take_all(folder))
        show(counts[-1])
    wrong = check_strings(asked.strings) if asked.strings else []
    for text in wrong:
        print(f"  {ascii(text)[:120]}")
    return 0 if all(count.is_well() for count in counts) and not wrong else 1


if __name__ == "__main__":
    raise SystemExit(main())
