"""One window for each library: a second start hands over what it was given and leaves."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QLockFile, QObject, Signal, Slot
from PySide6.QtNetwork import QLocalServer, QLocalSocket

APP_ID = "fluxlora-desktop"
MAX_MESSAGE = 64 * 1024
_LENGTH = struct.Struct(">I")
_THANKS = b"ok"
_CONNECT_MS = 1_000
_ANSWER_MS = 3_000
_TURN_MS = 5_000


class SingleInstance(QObject):
    """Holds the one place for a data dir, or tells whoever holds it.

    `raise_requested` and `files_received` (a tuple of paths) come when another start was made.
    """

    raise_requested = Signal()
    files_received = Signal(object)

    def __init__(self, data_dir: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._data_dir = data_dir.absolute()
        digest = hashlib.sha256(str(self._data_dir.resolve()).encode()).hexdigest()
        self.name = f"{APP_ID}-{digest[:16]}"
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_connection)

    def claim(self, files: Sequence[Path] = ()) -> bool:
        """Become the one instance, or hand `files` to it (none: raise its window).

        False: another instance is there and this process should leave. Starts that happen at the
        same moment take turns.
        """
        with suppress(OSError):  # opening the library then says in words what is wrong
            self._data_dir.mkdir(parents=True, exist_ok=True)
        turn = QLockFile(str(self._data_dir / "start.lock"))
        turn.tryLock(_TURN_MS)
        try:
            if self._tell_other(files):
                return False
            QLocalServer.removeServer(self.name)
            # Without a socket the library's own lock still keeps two windows apart.
            self._server.listen(self.name)
            return True
        finally:
            turn.unlock()

    def release(self) -> None:
        """Give the place up."""
        self._server.close()

    def _tell_other(self, files: Sequence[Path]) -> bool:
        socket = QLocalSocket()
        socket.connectToServer(self.name)
        if not socket.waitForConnected(_CONNECT_MS):
            return False
        socket.write(_pack(files))
        if socket.waitForBytesWritten(_ANSWER_MS):
            socket.waitForReadyRead(_ANSWER_MS)
        socket.abort()
        return True

    @Slot()
    def _on_connection(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            visit = _Visit(socket, self)
            visit.said.connect(self._on_said)

    @Slot(object)
    def _on_said(self, files: tuple[Path, ...]) -> None:
        self.raise_requested.emit()
        if files:
            self.files_received.emit(files)


class _Visit(QObject):
    """One message from another start; ends with its socket."""

    said = Signal(object)

    def __init__(self, socket: QLocalSocket, parent: QObject) -> None:
        super().__init__(parent)
        self._socket = socket
        self._received = b""
        socket.setParent(self)
        socket.disconnected.connect(self.deleteLater)
        socket.readyRead.connect(self._on_ready)

    @Slot()
    def _on_ready(self) -> None:
        room = _LENGTH.size + MAX_MESSAGE + 1 - len(self._received)
        self._received += self._socket.read(room).data()
        try:
            files = _unpack(self._received)
        except ValueError:
            self._socket.abort()
            return
        if files is not None:
            self._socket.write(_THANKS)
            self._socket.flush()
            self.said.emit(files)


def _pack(files: Sequence[Path]) -> bytes:
    """Make a message; files that no longer fit are left out."""
    names = [str(path.absolute()) for path in files]
    while len(body := json.dumps(names).encode()) > MAX_MESSAGE:
        names = names[: len(names) // 2]
    return _LENGTH.pack(len(body)) + body


def _unpack(received: bytes) -> tuple[Path, ...] | None:
    """Return a message's files, None while it is incomplete; raises ValueError for a wrong one."""
    if len(received) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack_from(received)
    if length > MAX_MESSAGE:
        raise ValueError("message too long")
    body = received[_LENGTH.size :]
    if len(body) < length:
        return None
    names = json.loads(body[:length])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("not a list of paths")
    return tuple(Path(name) for name in names)
