"""The archive of a trainer is read as a stranger's: one weights file, or a reason in words."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fluxlora_desktop.backends.replicate.weights import take_weights
from fluxlora_desktop.domain.errors import JobCancelled, WeightsError
from fluxlora_desktop.domain.ports import FetchedWeights

WEIGHTS = (40).to_bytes(8, "little") + b'{"a": 1}'.ljust(40) + bytes(range(256)) * 4000
OURS = "output/flux_train_replicate/lora.safetensors"
Member = tuple[str, bytes]


class Context:
    """Cancels at the given check."""

    def __init__(self, cancel_at: int = 1_000_000) -> None:
        self.left = cancel_at

    def report(self, event: object) -> None:
        """Nobody listens."""

    def check(self) -> None:
        self.left -= 1
        if not self.left:
            raise JobCancelled

    def pause(self, seconds: float) -> None:
        """Nothing waits."""


def special(name: str, kind: bytes, **more: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in more.items():
        setattr(info, key, value)
    return info


def write_tar(path: Path, *members: Member | tarfile.TarInfo, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "weights.tar"


def take(archive: Path, ctx: Context | None = None) -> FetchedWeights:
    return take_weights(archive, archive.parent / "lora.safetensors", ctx or Context())


def refusal(archive: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        take(archive)
    assert [path.name for path in archive.parent.iterdir()] == [archive.name]
    return caught.value.reason


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_weights_and_captions_come_out_of_an_archive_packed_or_not(
    archive: Path, mode: str
) -> None:
    folder = special("output/", tarfile.DIRTYPE, mode=0o755)
    members = [
        *((OURS, WEIGHTS), ("output/config.yaml", b"a: 1"), ("o/other.safetensors", b"x")),
        *(("output/captions/img_0.txt", b" TOK fox\n"), ("captions/long.txt", b"x" * 200_000)),
    ]

    found = take(write_tar(archive, folder, folder, *members, mode=mode))

    assert found.path.read_bytes() == WEIGHTS
    assert found.captions == (("img_0", "TOK fox"),)


@pytest.mark.parametrize("names", [("b/lora.safetensors", "a.safetensors"), ("w.safetensors",)])
@pytest.mark.parametrize("turned", [False, True])
def test_expected_name_goes_before_others(
    archive: Path, names: tuple[str, ...], turned: bool
) -> None:
    members = [(name, WEIGHTS if not place else b"no") for place, name in enumerate(names)]

    assert take(write_tar(archive, *members[:: -1 if turned else 1])).path.read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("member", "says"),
    [
        (special("a", tarfile.SYMTYPE, linkname="/etc/passwd"), "link"),
        (special("lora.safetensors", tarfile.LNKTYPE, linkname="a"), "link"),
        (special("a", tarfile.FIFOTYPE), "device"),
        (special("a", tarfile.CHRTYPE, devmajor=1, devminor=3), "device"),
        (special("a", tarfile.BLKTYPE), "device"),
        (("/etc/a", b""), "unsafe name"),
        (("../a", b""), "unsafe name"),
        (("a/../../b", b""), "unsafe name"),
        (("..\\a", b""), "unsafe name"),
        (("C:\\a", b""), "unsafe name"),
        (("\\\\host\\share\\a", b""), "unsafe name"),
        ((f"./{OURS}", WEIGHTS), "name twice"),
        ((OURS, WEIGHTS), "name twice"),
        (("second/lora.safetensors", WEIGHTS), "2 weights files"),
    ],
)
@pytest.mark.parametrize("first", [False, True])
def test_member_that_no_trainer_leaves_is_refused_in_words(
    archive: Path, member: Member | tarfile.TarInfo, says: str, first: bool
) -> None:
    members = [(OURS, WEIGHTS), member]

    write_tar(archive, *(reversed(members) if first else members))

    assert says in refusal(archive)


def test_name_of_a_refused_member_is_shown_without_its_tricks(archive: Path) -> None:
    reason = refusal(write_tar(archive, ("../\u202egpj\x1b[2J\n", b"")))

    assert reason == r"the archive holds an unsafe name: '../\u202egpj\x1b[2J\n'"


def test_sparse_member_is_refused(archive: Path) -> None:
    info = special("lora.safetensors", tarfile.GNUTYPE_SPARSE)
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[483:495] = b"00000000000\0"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    archive.write_bytes(bytes(block) + bytes(1024))

    assert "link, a device or the like" in refusal(archive)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html><title>gone</title>", "web page"),
        (b"\r\n <html>", "web page"),
        (b'{"detail": "not found"}' + b" " * 600, "cannot be read"),
        (b"\x80\x02}q\0.", "pickle"),
        (lzma.compress(b"x" * 2000), "packed in a way"),
        (gzip.compress(b"x" * 2000, mtime=0), "cannot be read"),
        (gzip.compress(b"x" * 2000, mtime=0)[:20], "cannot be read"),
        (b"\x1f\x8b" + b"\xff" * 600, "cannot be read"),
        (b"\0" * 5000, "0 weights files"),
        (b"\xff" * 5000, "cannot be read"),
    ],
)
def test_what_is_no_archive_is_named(archive: Path, data: bytes, says: str) -> None:
    archive.write_bytes(data)

    assert says in refusal(archive)


def test_zip_is_named_and_never_opened(archive: Path) -> None:
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("lora.safetensors", WEIGHTS)

    assert "pickle or zip" in refusal(archive)


@pytest.mark.parametrize("kept", [600, 700_000, -11_000])
def test_archive_that_is_cut_is_refused(archive: Path, kept: int) -> None:
    write_tar(archive, (OURS, WEIGHTS))
    archive.write_bytes(archive.read_bytes()[:kept])

    assert "cannot be read" in refusal(archive)


def test_bare_weights_are_copied(archive: Path) -> None:
    archive.write_bytes(WEIGHTS)

    assert take(archive).path.read_bytes() == WEIGHTS


def test_cancelled_reading_leaves_the_archive_alone(archive: Path) -> None:
    write_tar(archive, (OURS, WEIGHTS * 3))

    with pytest.raises(JobCancelled):
        take(archive, Context(cancel_at=3))

    assert [path.name for path in archive.parent.iterdir()] == [archive.name]


def many_members(path: Path) -> None:
    block = special("d", tarfile.DIRTYPE).tobuf()
    with gzip.open(path, "wb", compresslevel=1) as packed:
        for _ in range(100):
            packed.write(block * 10_000)


def header_of_a_gigabyte(path: Path) -> None:
    info = special("x", tarfile.XHDTYPE, size=1 << 30)
    with path.open("wb") as file:
        file.write(info.tobuf(tarfile.USTAR_FORMAT))
        file.truncate(1 << 30)


def header_of_a_gigabyte_behind_the_weights(path: Path) -> None:
    write_tar(path, (OURS, bytes(WEIGHTS) * 2))
    info = special("x", tarfile.XHDTYPE, size=1 << 30)
    with path.open("r+b") as file:
        file.seek(512 + -(-2 * len(WEIGHTS) // 512) * 512)
        file.write(info.tobuf(tarfile.USTAR_FORMAT))
        file.truncate(1 << 30)


def headers_without_end(path: Path) -> None:
    info = special("x", tarfile.XHDTYPE, size=512)
    path.write_bytes((info.tobuf(tarfile.USTAR_FORMAT) + b"12 a=bcdefg\n".ljust(512)) * 100_000)


def name_of_a_gigabyte(path: Path) -> None:
    info = special("././@LongLink", tarfile.GNUTYPE_LONGNAME, size=1 << 30)
    with path.open("wb") as file:
        file.write(info.tobuf(tarfile.USTAR_FORMAT))
        file.truncate(1 << 30)


def bomb(path: Path) -> None:
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        info = tarfile.TarInfo("lora.safetensors")
        info.size = 200_000_000
        tar.addfile(info, io.BytesIO(bytes(info.size)))


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "write",
    [
        *(many_members, header_of_a_gigabyte, header_of_a_gigabyte_behind_the_weights),
        *(headers_without_end, name_of_a_gigabyte, bomb),
    ],
)
def test_bomb_is_refused_with_little_memory(archive: Path, write: Callable[[Path], None]) -> None:
    write(archive)
    tracemalloc.start()
    try:
        reason = refusal(archive)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert "more than weights ever are" in reason or "damaged" in reason
    assert peak < 30_000_000
