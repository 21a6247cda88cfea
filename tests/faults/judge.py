"""What must hold after any fault, judged by what the services, the disk and the diary say.

The invariants are those of the promise that nothing is paid twice and nothing is lost:

I1 at most one training, or picture, for each click      by the services' ledger
I2 every training that was taken is known to the app      by the ledger against the library
I4 weights of a training that succeeded are at home       by SHA-256 against the hub's
I5 a file of the library is whole or not there            by reading all of them
I6 nothing leaves but what was shown                      by requests, and by what was uploaded
I7 the app starts and shows the true state                by the seconds that opening took
I8 no state without exit                                  by the way, which went to its end
I9 what was spent is shown, or more                       by the ledger's amounts
I10 photos, captions and prompts are never lost           by the diary
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from PIL import Image

from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.domain.ports import Stores
from fluxlora_desktop.domain.runs import RunState
from fluxlora_desktop.store.library import open_library
from tests.faults.canaries import find_canaries
from tests.faults.person import PICTURES, Scene, SystemClock, read_diary
from tests.faults.photos import PLACE
from tests.faults.services import Cloud

LONGEST_START_S = 5.0
_HARMLESS_TAGS = frozenset({"SourceFile", "ExifTool", "File", "System", "JFIF", "Composite"})


@dataclass(frozen=True, slots=True)
class Broken:
    """One invariant that did not hold: its number, and what was seen."""

    invariant: str
    seen: str


def judge(scene: Scene, cloud: Cloud, *, whole: bool = True) -> tuple[Broken, ...]:
    """Return what does not hold after a way; `whole` when it went to its end."""
    with closing(open_library(scene.data_dir, clock=SystemClock())) as library:
        stores = library.stores
        found = [
            *_paid_once(scene, cloud),
            *_known(scene, cloud, stores),
            *_ordered(scene, cloud, stores),
            *_spent(scene, cloud, stores),
            *_kept(scene, stores),
            *_files(stores),
            *_started(scene),
        ]
        if whole:
            found += [*_at_home(scene, cloud, stores), *_to_the_end(scene, stores)]
    found += _from_outside(scene)
    tokens = {name: told["token"] for name, told in scene.connections.items()}
    found += [Broken("I6", str(hit)) for hit in find_canaries([scene.data_dir], tokens)]
    return tuple(found)


def _from_outside(scene: Scene) -> Iterator[Broken]:
    """Ask SQLite's own command, which shares no code with the app."""
    shell = shutil.which("sqlite3")
    if shell is None:
        return
    database = scene.data_dir / "library.db"
    done = subprocess.run(
        [shell, "-readonly", str(database), "PRAGMA integrity_check; PRAGMA foreign_key_check;"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.stdout.strip() != "ok":
        yield Broken("I5", f"sqlite3 says {done.stdout.strip()[:200]} {done.stderr.strip()[:100]}")


def trainings_of(scene: Scene, cloud: Cloud) -> list[dict[str, Any]]:
    """Return the ledger's lines about the trainings that were taken for a scene."""
    return [
        entry["facts"]
        for entry in cloud.entries("training_created")
        if entry["service"] == "replicate" and scene.name in entry["facts"]["destination"]
    ]


def pictures_of(scene: Scene, cloud: Cloud) -> list[dict[str, Any]]:
    """Return the ledger's lines about the pictures that were taken for a scene."""
    return [
        entry["facts"]
        for entry in cloud.entries("prediction_created")
        if entry["facts"].get("prompt", "").startswith(f"{scene.name} ")
    ]


def charged(cloud: Cloud, ids: set[str]) -> Decimal:
    """Return what the service took for these trainings and pictures."""
    sums = (
        Decimal(str(entry["charged_usd"]))
        for entry in cloud.entries()
        if entry["facts"].get("id") in ids
    )
    return sum(sums, Decimal(0))


def _paid_once(scene: Scene, cloud: Cloud) -> Iterator[Broken]:
    taken = len(trainings_of(scene, cloud))
    clicks = len(read_diary(scene, "start"))
    if taken > clicks:
        yield Broken("I1", f"{taken} trainings for {clicks} clicks")
    orders = [facts["prompt"] for facts in pictures_of(scene, cloud)]
    twice = {prompt for prompt in orders if orders.count(prompt) > 1}
    if twice:
        yield Broken("I1", f"made twice: {', '.join(sorted(twice))}")
    clicked = {told["prompt"] for told in read_diary(scene, "picture")}
    if unasked := set(orders) - clicked:
        yield Broken("I1", f"nobody asked for {', '.join(sorted(unasked))}")


def _known(scene: Scene, cloud: Cloud, stores: Stores) -> Iterator[Broken]:
    mine = {run.external_training_id for run in stores.runs.all()}
    for facts in trainings_of(scene, cloud):
        if facts["id"] not in mine and not _in_doubt(stores):
            yield Broken("I2", f"training {facts['id']} is not in the library")


def _in_doubt(stores: Stores) -> bool:
    return any(run.state is RunState.UNKNOWN for run in stores.runs.all())


def _spent(scene: Scene, cloud: Cloud, stores: Stores) -> Iterator[Broken]:
    ids = {facts["id"] for facts in (*trainings_of(scene, cloud), *pictures_of(scene, cloud))}
    taken, shown = charged(cloud, ids), stores.ledger.sum().worst
    still_running = any(run.open for run in stores.runs.all())
    if shown + Decimal("0.0001") < taken and not still_running:
        yield Broken("I9", f"{taken} dollars were taken and {shown} are shown")


def _kept(scene: Scene, stores: Stores) -> Iterator[Broken]:
    runs = (*stores.runs.all(), *stores.runs.drafts())
    items = [item for run in runs for item in stores.datasets.get(run.dataset_id).photos]
    held = {item.photo.sha256 for item in items}
    captions = {(item.photo.sha256, item.caption) for item in items}
    for told in read_diary(scene, "photo"):
        if told["sha256"] not in held:
            yield Broken("I10", f"photo {told['sha256'][:8]} is gone")
        elif _sha256(stores.files.original(told["sha256"])) != told["sha256"]:
            yield Broken("I10", f"photo {told['sha256'][:8]} has other bytes")
    for told in read_diary(scene, "caption"):
        if (told["sha256"], told["text"]) not in captions:
            yield Broken("I10", f"the caption {told['text']!r} is gone")


def _ordered(scene: Scene, cloud: Cloud, stores: Stores) -> Iterator[Broken]:
    prompts = {picture.prompt for picture in _all_pictures(stores)}
    for facts in pictures_of(scene, cloud):
        if facts["prompt"] not in prompts:
            yield Broken("I2", f"the library does not know of {facts['prompt']!r}")


def _all_pictures(stores: Stores) -> Any:
    return stores.pictures.page(stores.pictures.ids())


def _files(stores: Stores) -> Iterator[Broken]:
    for lora in stores.loras.all():
        path = stores.files.lora(lora.id)
        if not path.is_file() or _sha256(path) != lora.sha256:
            yield Broken("I5", f"the weights of {lora.name} are not whole")
    for picture in _all_pictures(stores):
        if picture.state is not PictureState.DONE:
            continue
        path = stores.files.resolve(picture.file)
        if not path.is_file() or _sha256(path) != picture.sha256:
            yield Broken("I5", f"the file of picture {picture.id} is not whole")
        elif not _opens(path):
            yield Broken("I5", f"picture {picture.id} does not open")


def _opens(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            image.load()
    except OSError:
        return False
    return True


def _started(scene: Scene) -> Iterator[Broken]:
    for told in read_diary(scene, "opened"):
        if told["seconds"] > LONGEST_START_S:
            yield Broken("I7", f"the library took {told['seconds']:.1f} s to open")


def _at_home(scene: Scene, cloud: Cloud, stores: Stores) -> Iterator[Broken]:
    uploads = {entry["facts"]["oid"] for entry in cloud.entries("lfs_upload")}
    loras = stores.loras.all()
    if len(loras) != 1:
        yield Broken("I4", f"{len(loras)} Loras after {scene.name}")
    for lora in loras:
        if lora.publication is None:
            yield Broken("I4", f"{lora.name} is not published")
        elif lora.sha256 != lora.publication.sha256 or lora.sha256 not in uploads:
            yield Broken("I4", f"the hub holds other bytes of {lora.name}")


def _to_the_end(scene: Scene, stores: Stores) -> Iterator[Broken]:
    done = [it for it in _all_pictures(stores) if it.state is PictureState.DONE]
    if len(done) < PICTURES:
        yield Broken("I8", f"{len(done)} pictures are done")
    for run in stores.runs.all():
        if run.open:
            yield Broken("I8", f"run {run.id} still is {run.state}")
    del scene


def leaks(cloud: Cloud, *, archives: int = 1) -> tuple[Broken, ...]:
    """Return what left that should not: tokens to a second host, words inside uploaded photos."""
    found: list[Broken] = []
    for service in cloud.connections:
        for facts in cloud.requests(service):
            if facts["port"] != "main" and facts["authorization"]:
                found.append(Broken("I6", f"a token went to the delivery host: {facts['path']}"))
    uploads = sorted((cloud.folder / "replicate").rglob("*"), key=lambda path: path.name)
    zips = [path for path in uploads if path.is_file() and zipfile.is_zipfile(path)]
    for path in zips[-archives:] if archives else ():
        found += _tags_in(path)
    return tuple(found)


def _tags_in(archive: Path) -> Iterator[Broken]:
    raw = archive.read_bytes()
    if PLACE.encode() in raw:
        yield Broken("I6", f"the name of a photo stands in {archive.name}")
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(io.BytesIO(raw)) as members:
            for place, name in enumerate(members.namelist()):
                if name.endswith(".jpg"):
                    (Path(folder) / f"{place}.jpg").write_bytes(members.read(name))
        photos = sorted(Path(folder).iterdir())
        if any(PLACE.encode() in photo.read_bytes() for photo in photos):
            yield Broken("I6", f"words of a photo's owner stand in {archive.name}")
        if foreign := _foreign_tags(photos):
            yield Broken("I6", f"tags in {archive.name}: {', '.join(sorted(foreign))}")


def _foreign_tags(photos: list[Path]) -> set[str]:
    """Return the groups of tags in photos that are not those of their pixels, by exiftool."""
    tool = shutil.which("exiftool")
    if tool is None:
        harmless = {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        return {key for photo in photos for key in _info(photo)} - harmless
    command = [tool, "-a", "-G1", "-ee", "-j", *map(str, photos)]
    done = subprocess.run(command, capture_output=True, check=True)
    return {
        name.split(":")[0] for tags in json.loads(done.stdout) for name in tags
    } - _HARMLESS_TAGS


def _info(photo: Path) -> set[str]:
    with Image.open(photo) as image:
        return set(image.info)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
