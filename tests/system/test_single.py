from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtNetwork import QLocalSocket

from fluxlora_desktop.system.single import MAX_MESSAGE, SingleInstance, _pack, _unpack

SECOND = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from fluxlora_desktop.system.single import SingleInstance
app = QCoreApplication([])
first = SingleInstance(Path(sys.argv[1])).claim([Path(p) for p in sys.argv[2:]])
sys.exit(3 if first else 0)
"""
HOLD = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from fluxlora_desktop.system.single import SingleInstance
app = QCoreApplication([])
one = SingleInstance(Path(sys.argv[1]))
print(one.claim(), flush=True)
app.exec()
"""


class Heard:
    def __init__(self, instance: SingleInstance) -> None:
        self.raised = 0
        self.files: list[tuple[Path, ...]] = []
        instance.raise_requested.connect(self._raise)
        instance.files_received.connect(self.files.append)

    def _raise(self) -> None:
        self.raised += 1


@pytest.fixture
def first(qtbot, tmp_path):
    instance = SingleInstance(tmp_path)
    assert instance.claim()
    yield instance
    instance.release()


def start_second(data_dir: Path, *files: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SECOND, str(data_dir), *files])


def test_second_start_raises_the_first_window_and_leaves(qtbot, first, tmp_path):
    heard = Heard(first)
    with start_second(tmp_path) as second:
        qtbot.waitUntil(lambda: heard.raised == 1)
        assert second.wait(20) == 0

    assert heard.files == []


def test_second_start_hands_its_files_over(qtbot, first, tmp_path):
    heard = Heard(first)
    with start_second(tmp_path, "/a/one photo.jpg", "/b/ü.png") as second:
        qtbot.waitUntil(lambda: heard.raised == 1)
        assert second.wait(20) == 0

    assert heard.files == [(Path("/a/one photo.jpg"), Path("/b/ü.png"))]


def test_another_library_has_a_window_of_its_own(qtbot, first, tmp_path):
    with start_second(tmp_path / "other") as second:
        assert second.wait(20) == 3


def test_place_of_a_killed_window_is_free(qtbot, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"True"
        holder.kill()
        holder.wait(20)

    instance = SingleInstance(tmp_path)
    heard = Heard(instance)
    assert instance.claim()
    with start_second(tmp_path) as second:
        qtbot.waitUntil(lambda: heard.raised == 1)
        assert second.wait(20) == 0
    instance.release()


@pytest.mark.parametrize(
    "message", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x02{}", b"\x00\x00\x00\x01x"]
)
def test_wrong_message_is_dropped(qtbot, first, message):
    heard = Heard(first)
    socket = QLocalSocket()
    socket.connectToServer(first.name)
    assert socket.waitForConnected(5_000)
    with qtbot.waitSignal(socket.disconnected):
        socket.write(message)

    assert heard.raised == 0


def test_message_in_pieces_is_read_when_complete():
    message = _pack([Path("/a")])

    assert [_unpack(message[:n]) for n in range(len(message))] == [None] * len(message)
    assert _unpack(message) == (Path("/a"),)


def test_more_files_than_fit_are_left_out():
    message = _pack([Path("/photos") / ("x" * 100 + str(n)) for n in range(5_000)])

    assert len(message) <= MAX_MESSAGE + 4
    assert _unpack(message)
