"""Strangers' files are read by a worker process: what it dies of never reaches the app."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from fluxlora_desktop.domain.errors import (
    DiskFull,
    JobCancelled,
    StorageError,
    UnexpectedReply,
    UnreadablePhoto,
)
from fluxlora_desktop.domain.services import SERVICES, variable_prefixes
from fluxlora_desktop.imaging.guarded import (
    GuardedPhotoWorkshop,
    PhotoWorkers,
    Program,
    WorkerEnded,
)
from fluxlora_desktop.imaging.guarded_pictures import GuardedPictureWorkshop
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop, PillowPictureWorkshop

from .test_metadata import TEXT, encoded

Scene = Callable[..., Image.Image]
Open = Callable[..., PhotoWorkers]
needs_limits = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="Linux alone holds these limits"
)
# The real worker, except that a photo whose name tells a trouble brings that trouble.
TROUBLED = """
import os, signal, sys, threading
from pathlib import Path
from fluxlora_desktop.domain.errors import DiskFull, UnreadablePhoto
from fluxlora_desktop.imaging import limits, worker
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop

def begin(working):
    working.with_name(working.name + ".part").write_bytes(b"half")

def spin():
    limits.allow_cpu(1)
    while True:
        pass

class Troubled(PillowPhotoWorkshop):
    def develop(self, original, *, working, thumb, edits):
        name = original.stem
        if name == "crash":
            begin(working)
            os.kill(os.getpid(), signal.SIGSEGV)
        elif name == "hang":
            begin(working)
            threading.Event().wait()
        elif name == "slow":
            threading.Event().wait(1)
        elif name == "leave":
            sys.exit(0)
        elif name == "spin":
            spin()
        elif name == "greedy":
            try:
                bytearray(3_000_000_000)
            except MemoryError as error:
                raise UnreadablePhoto(original, "there is not enough memory for it") from error
        elif name == "full":
            raise DiskFull(working)
        elif name == "chatty":
            os.write(1, b'{"facts": 1}\\n')
        elif name == "long":
            raise UnreadablePhoto(original, "x" * 5_000_000)
        elif name == "variables":
            raise UnreadablePhoto(original, " ".join(f"{k}={v}" for k, v in os.environ.items()))
        elif name == "core":
            import resource
            found = resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_AS)
            raise UnreadablePhoto(original, repr(found))
        return super().develop(original, working=working, thumb=thumb)

worker.PillowPhotoWorkshop = Troubled
if "--impatient" in sys.argv:
    worker.IDLE_S = 0.1
sys.exit(worker.main())
"""


@pytest.fixture
def open_workers() -> Iterator[Open]:
    """Return an opener of workers with troubles; they end with the test."""
    opened: list[PhotoWorkers] = []

    def open_one(*flags: str, wall_s: float = 30.0, most: int = 2) -> PhotoWorkers:
        program = Program((sys.executable, "-P", "-c", TROUBLED, *flags), wall_s=wall_s)
        opened.append(PhotoWorkers(most=most, program=program))
        return opened[-1]

    yield open_one
    for workers in opened:
        workers.close()


@pytest.fixture
def workers() -> Iterator[PhotoWorkers]:
    """Return the workers as the app has them."""
    made = PhotoWorkers()
    yield made
    made.close()


@pytest.fixture
def photo(tmp_path: Path, scene: Scene) -> Callable[[str], Path]:
    """Return a saver of one small photo under a name without suffix."""
    picture = scene(320, 240)

    def save(name: str) -> Path:
        path = tmp_path / f"{name}.png"
        picture.save(path)
        return path

    return save


def develop(workers: PhotoWorkers, original: Path) -> object:
    folder = original.parent / "out"
    return GuardedPhotoWorkshop(workers).develop(
        original, working=folder / f"{original.stem}.jpg", thumb=folder / f"{original.stem}.t.jpg"
    )


def refusal(workers: PhotoWorkers, original: Path) -> str:
    with pytest.raises(UnreadablePhoto) as caught:
        develop(workers, original)
    assert caught.value.path == original
    return caught.value.reason


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it never happened"
        threading.Event().wait(0.02)


def test_worker_makes_and_measures_what_the_app_itself_would(
    workers: PhotoWorkers, tmp_path: Path, scene: Scene
) -> None:
    original = tmp_path / "füchs \udcff\n.png"
    scene(2100, 1050).save(tmp_path / "plain.png")
    (tmp_path / "plain.png").rename(original)
    places = [(tmp_path / f"{who}.jpg", tmp_path / f"{who}-t.jpg") for who in ("own", "worker")]

    own = PillowPhotoWorkshop().develop(original, working=places[0][0], thumb=places[0][1])
    found = GuardedPhotoWorkshop(workers).develop(
        original, working=places[1][0], thumb=places[1][1]
    )

    assert found == own == GuardedPhotoWorkshop(workers).measure(original)
    for ours, theirs in zip(*places, strict=True):
        assert ours.read_bytes() == theirs.read_bytes()


def test_worker_says_why_a_file_is_no_photo(workers: PhotoWorkers, tmp_path: Path) -> None:
    path = tmp_path / "letter.jpg"
    path.write_bytes(b"%PDF-1.7")

    assert refusal(workers, path) == "PDF documents are not photos"
    assert workers.ended == 0


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("crash", "it could not be read safely"),
        ("leave", "it could not be read safely"),
        ("hang", "it could not be read safely: it took longer than 1 seconds"),
        ("long", "it could not be read safely"),
        pytest.param("spin", "it could not be read safely", marks=needs_limits),
        pytest.param("greedy", "there is not enough memory for it", marks=needs_limits),
    ],
)
def test_file_that_ends_its_worker_is_refused_and_the_next_one_comes_in(
    open_workers: Open, photo: Callable[[str], Path], name: str, says: str
) -> None:
    workers = open_workers(wall_s=1.0 if name == "hang" else 30.0)
    develop(workers, photo("before"))

    assert refusal(workers, photo(name)) == says

    develop(workers, photo("after"))
    out = photo("after").parent / "out"
    assert sorted(path.name for path in out.iterdir()) == [
        *("after.jpg", "after.t.jpg", "before.jpg", "before.t.jpg")
    ]
    assert len(workers.processes()) == 1


def test_worker_that_does_not_start_is_said(photo: Callable[[str], Path]) -> None:
    broken = Program((sys.executable, "-c", "raise SystemExit('no libraries')"))
    silent = Program((sys.executable, "-c", "input()"), start_s=0.2)

    assert refusal(PhotoWorkers(program=broken), photo("a")) == "it could not be read safely"
    assert "did not start" in refusal(PhotoWorkers(program=silent), photo("a"))


@pytest.mark.parametrize("answer", ["no JSON", "[1]", "{}", '{"facts": {"width": 3}}', ""])
def test_answer_that_is_none_is_not_believed(photo: Callable[[str], Path], answer: str) -> None:
    script = f"print('{{}}', flush=True); input(); print({answer!r}, flush=True)"
    workers = PhotoWorkers(program=Program((sys.executable, "-c", script)))

    assert refusal(workers, photo("a")) == "it could not be read safely"
    workers.close()


def test_what_a_library_prints_is_no_answer(
    open_workers: Open, photo: Callable[[str], Path]
) -> None:
    assert develop(open_workers(), photo("chatty"))


def test_trouble_with_the_disk_is_no_trouble_of_the_photo(
    open_workers: Open, workers: PhotoWorkers, photo: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("not a folder")

    with pytest.raises(DiskFull):
        develop(open_workers(), photo("full"))
    with pytest.raises(StorageError):
        GuardedPhotoWorkshop(workers).develop(
            photo("a"), working=tmp_path / "taken" / "w.jpg", thumb=tmp_path / "t.jpg"
        )


def test_worker_gets_no_token_with_its_variables(
    open_workers: Open, photo: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for facts in SERVICES for name in facts.token_variables]:
        monkeypatch.setenv(name, "canary-of-a-token")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-of-another")

    found = refusal(open_workers(), photo("variables"))

    assert "PATH=" in found and "canary" not in found
    assert not any(prefix in found for prefix in variable_prefixes())


@needs_limits
def test_worker_has_its_memory_bounded_and_leaves_no_core(
    open_workers: Open, photo: Callable[[str], Path]
) -> None:
    found = refusal(open_workers(), photo("core"))

    assert found == "((0, 0), (2000000000, 2000000000))"


def test_two_workers_at_most_serve_many_at_once_and_are_kept(
    workers: PhotoWorkers, photo: Callable[[str], Path]
) -> None:
    photos = [photo(f"photo {number}") for number in range(12)]
    seen: set[int] = set()

    def work(path: Path) -> None:
        develop(workers, path)
        seen.update(workers.processes())

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, photos))

    assert 1 <= len(seen) <= 2
    assert set(workers.processes()) <= seen


@needs_limits
def test_idle_worker_leaves_and_the_next_photo_gets_another(
    open_workers: Open, photo: Callable[[str], Path]
) -> None:
    workers = open_workers("--impatient")
    develop(workers, photo("first"))
    (first,) = workers.processes()
    wait_until(lambda: not lives(first))

    develop(workers, photo("second"))

    assert workers.processes() != (first,)
    assert workers.ended == 0


@needs_limits
def test_worker_is_not_idle_while_it_reads_a_photo(
    open_workers: Open, photo: Callable[[str], Path]
) -> None:
    workers = open_workers("--impatient")

    assert develop(workers, photo("slow"))
    assert workers.ended == 0


def test_closing_ends_workers_and_cancels_who_waits(
    open_workers: Open, photo: Callable[[str], Path]
) -> None:
    workers = open_workers()
    develop(workers, photo("a"))
    hang, found = photo("hang"), []
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(lambda: found.append(caught(workers, hang)))
        wait_until((hang.parent / "out" / "hang.jpg.part").exists)
        pids = workers.processes()

        workers.close()

        waiting.result(30)
    assert found == [JobCancelled]
    assert pids and not any(map(lives, pids))
    assert caught(workers, photo("a")) is JobCancelled


def caught(workers: PhotoWorkers, path: Path) -> type[BaseException] | None:
    try:
        develop(workers, path)
    except (JobCancelled, UnreadablePhoto) as error:
        return type(error)
    return None


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_worker_leaves_when_the_app_is_killed() -> None:
    app = """
import threading
from fluxlora_desktop.imaging.guarded import PhotoWorkers
workers = PhotoWorkers()
worker, _ = workers._take()
print(worker.process.pid, flush=True)
threading.Event().wait()
"""
    with subprocess.Popen([sys.executable, "-c", app], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert lives(pid)

        os.kill(process.pid, signal.SIGKILL)

        wait_until(lambda: not lives(pid))


def test_program_of_the_bundle_is_a_worker_when_its_flag_says_so() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "fluxlora_desktop", "--photo-worker"],
        input=b'{"do": "develop", "original": "/gone", "working": "/w", "thumb": "/t"}\n',
        capture_output=True,
        timeout=120,
        check=True,
    )

    ready, answer = map(json.loads, ended.stdout.splitlines())
    assert "ready" in ready
    assert answer == {"unreadable": "it is no longer there"}


def test_picture_of_a_service_is_finished_by_a_worker(
    workers: PhotoWorkers, tmp_path: Path
) -> None:
    own, target = tmp_path / "own.png", tmp_path / "deep" / "picture.png"
    PillowPictureWorkshop().finish(encoded(), TEXT, own, tmp_path / "own.jpg")

    digest = GuardedPictureWorkshop(workers).finish(
        encoded(), TEXT, target, tmp_path / "deep" / "thumb.jpg"
    )

    assert target.read_bytes() == own.read_bytes()
    assert len(digest) == 64
    assert sorted(path.name for path in target.parent.iterdir()) == ["picture.png", "thumb.jpg"]


@pytest.mark.parametrize("data", [b"", b"<html>", b"\x89PNG\r\n\x1a\n" + b"\xff" * 64])
def test_bytes_of_a_service_that_are_no_picture_are_refused(
    workers: PhotoWorkers, tmp_path: Path, data: bytes
) -> None:
    with pytest.raises(UnexpectedReply):
        GuardedPictureWorkshop(workers).finish(data, TEXT, tmp_path / "a.png", tmp_path / "t.jpg")

    assert list(tmp_path.iterdir()) == []


def test_picture_that_ends_its_worker_is_refused(tmp_path: Path) -> None:
    script = "import os; print('{}', flush=True); input(); os.abort()"
    workers = PhotoWorkers(program=Program((sys.executable, "-c", script)))

    with pytest.raises(UnexpectedReply, match="could not be read safely"):
        GuardedPictureWorkshop(workers).finish(
            encoded(), TEXT, tmp_path / "a.png", tmp_path / "t.jpg"
        )

    assert list(tmp_path.iterdir()) == []
    with pytest.raises(WorkerEnded):
        workers.ask({"do": "anything"})


def test_glimpse_of_a_jpeg_is_upright_and_small_and_nothing_else_has_one(tmp_path: Path) -> None:
    image = Image.new("RGB", (1600, 1200), "red")
    image.paste("blue", (0, 0, 800, 1200))
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned clockwise
    image.save(tmp_path / "a.jpg", exif=exif)
    image.save(tmp_path / "b.png")
    (tmp_path / "c.jpg").write_bytes(b"\xff\xd8\xff" + b"no photo" * 50)
    workers = PhotoWorkers()
    try:
        workshop = GuardedPhotoWorkshop(workers)
        assert workshop.glimpse(tmp_path / "a.jpg", tmp_path / "a.t.jpg")
        assert not workshop.glimpse(tmp_path / "b.png", tmp_path / "b.t.jpg")
        assert not (tmp_path / "b.t.jpg").exists()
        with pytest.raises(UnreadablePhoto):
            workshop.glimpse(tmp_path / "c.jpg", tmp_path / "c.t.jpg")
    finally:
        workers.close()
    with Image.open(tmp_path / "a.t.jpg") as thumb:
        assert thumb.size == (384, 512)
        assert thumb.getpixel((190, 10))[2] > 200  # blue was left, and is above now
        assert not thumb.getexif()
