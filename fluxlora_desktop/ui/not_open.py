"""The page in the window's middle when the library did not open: what is safe, what can be done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QWidget

from fluxlora_desktop.domain import errors as e
from fluxlora_desktop.domain.library import Backup
from fluxlora_desktop.ui.notices import notice_for
from fluxlora_desktop.ui.units import file_size
from fluxlora_desktop.ui.widgets import Card, Symbol, button, column, label, retint, row

_WIDEST = 680
_SAFE = "Photos, LoRA weights and pictures lie in files of their own. They are not touched."
_SINCE = (
    "Trainings that were started since are looked for at their service once the library is open. "
    "Nothing is sent or paid for again by itself."
)


class Way(StrEnum):
    """What the page's main button does."""

    RETRY = "retry"
    RESTORE = "restore"
    ANEW = "anew"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What the page says: `facts` are lines with a symbol and its tint, `details` can be copied."""

    title: str
    says: str
    facts: tuple[tuple[str, str, str], ...]
    way: Way
    button: str
    folder: Path
    details: str


class NotOpenPage(QWidget):
    """Shows one trouble.

    `chosen(Way)` for the main button, `reveal_requested(Path)` for the folder.
    """

    chosen = Signal(object)
    reveal_requested = Signal(object)

    def __init__(self, trouble: Trouble) -> None:
        super().__init__()
        self.setObjectName("not_open_page")
        self.setAccessibleName(trouble.title)
        self._trouble = trouble
        self.act = button(trouble.button, self._on_act, role="primary")
        self.act.setObjectName("not_open_act")
        self.open_folder = button("Open the folder", self._on_folder, symbol="folder")
        self.copy = button("Copy details", self._copy, role="quiet", symbol="copy")
        card = Card(margin=24, spacing=16)
        card.setMaximumWidth(_WIDEST)
        card.body.addLayout(self._head())
        card.body.addLayout(self._facts())
        card.body.addSpacing(8)
        card.body.addLayout(row(self.copy, None, self.open_folder, self.act, spacing=8))
        middle = row(None, card, None, spacing=0)
        middle.setStretch(1, 10)
        self.setLayout(column(None, middle, None, spacing=0, margin=24))

    def _head(self) -> QGridLayout:
        grid = _grid()
        top = Qt.AlignmentFlag.AlignTop
        grid.addWidget(Symbol("warning", "warn", 24), 0, 0, top)
        grid.addWidget(label(self._trouble.title, "title", wrap=True), 0, 1)
        says = label(self._trouble.says, "muted", wrap=True)
        grid.addWidget(says, 1, 1)
        return grid

    def _facts(self) -> QGridLayout:
        grid = _grid()
        top = Qt.AlignmentFlag.AlignTop
        for place, (symbol, tint, words) in enumerate(self._trouble.facts):
            line = label(words, wrap=True)
            line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(Symbol(symbol, tint, 18), place, 0, top | Qt.AlignmentFlag.AlignHCenter)
            grid.addWidget(line, place, 1)
        return grid

    def say_working(self, words: str) -> None:
        """Let the buttons rest while something is done."""
        self.act.setText(words)
        self.act.setEnabled(False)

    def rest(self) -> None:
        """Offer the buttons again: what was tried did not work."""
        self.act.setText(self._trouble.button)
        self.act.setEnabled(True)

    def on_theme_changed(self) -> None:
        """Draw what depends on the look again."""
        retint(self)

    def _on_act(self) -> None:
        self.chosen.emit(self._trouble.way)

    def _on_folder(self) -> None:
        self.reveal_requested.emit(self._trouble.folder)

    def _copy(self) -> None:
        facts = "\n".join(words for _symbol, _tint, words in self._trouble.facts)
        text = f"{self._trouble.title} {self._trouble.says}\n{facts}\n{self._trouble.details}"
        QGuiApplication.clipboard().setText(text)


def _grid() -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(12)
    grid.setVerticalSpacing(8)
    grid.setColumnMinimumWidth(0, 24)
    grid.setColumnStretch(1, 1)
    return grid


def trouble_for(error: e.AppError, folder: Path, backup: Backup | None = None) -> Trouble:
    """Return what to say of a library that did not open; `backup` is the newest that is whole."""
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words(error, folder, backup)
    notice = notice_for(error)
    return _retry(error, folder, notice.title, notice.body, ())


def _damaged(error: e.AppError, folder: Path, backup: Backup | None) -> Trouble:
    missing = "missing" in error.detail
    title = "Your library's database is missing." if missing else "Your library is damaged."
    says = (
        "The list of your photos, runs, LoRAs and pictures is gone from its folder."
        if missing
        else "The list of your photos, runs and pictures cannot be read. Nothing was deleted."
    )
    facts = [("check", "ok", _SAFE)]
    if backup is not None:
        at = _when(backup.at)
        restored = (
            f"The newest good backup is of {at}. Captions, names and plans written since are not "
            "in it; files that were made since are taken in again."
        )
        facts += [("clock", "muted", restored), ("search", "muted", _SINCE)]
    else:
        anew = (
            "There is no good backup. A new library takes in the weights, pictures and photos "
            "that lie in the folder; captions, names of LoRAs and runs are not in those files."
        )
        facts += [("info", "muted", anew), ("search", "muted", _SINCE)]
    if not missing:
        kept = "The damaged database is put aside under a new name. It stays in the folder."
        facts.append(("folder", "muted", kept))
    way = Way.ANEW if backup is None else Way.RESTORE
    does = f"Restore the backup of {_when(backup.at)}" if backup else "Start a new library"
    return Trouble(title, says, tuple(facts), way, does, folder, _details(error, folder, backup))


def _newer(error: e.AppError, folder: Path, _backup: Backup | None) -> Trouble:
    notice = notice_for(error)
    facts = (
        ("check", "ok", "Nothing in it was changed."),
        ("refresh", "muted", "Update the app; it then opens as it was."),
        ("folder", "muted", "Or open another library: start the app with --data-dir FOLDER."),
    )
    says = notice.body.split(" Nothing was touched")[0]
    return _retry(error, folder, notice.title, says, facts)


def _denied(error: e.AppError, folder: Path, _backup: Backup | None) -> Trouble:
    facts = (
        ("check", "ok", "Nothing was written, and nothing was lost."),
        ("folder", "muted", str(folder)),
        (
            "key",
            "muted",
            "Give yourself the right to write there, or move the folder to a disk "
            "that may be written to. A disk that found errors in itself is often set to read only.",
        ),
    )
    return _retry(
        error,
        folder,
        "The app may not write to your library.",
        "Without that it cannot keep what it sends and what it pays for, so it does not open.",
        facts,
    )


def _full(error: e.AppError, folder: Path, _backup: Backup | None) -> Trouble:
    assert isinstance(error, e.DiskFull)
    room = f"{file_size(error.free)} are free." if error.free else "Nothing is free."
    if error.needed:
        room = f"{file_size(error.needed)} are needed, {file_size(error.free)} are free."
    facts = (
        ("check", "ok", "Nothing was lost, and nothing was changed."),
        ("save", "muted", f"{room} Make room on the disk, then try again."),
        ("folder", "muted", str(folder)),
    )
    return _retry(
        error,
        folder,
        "The disk is full.",
        "The app needs some room before it can open your library safely.",
        facts,
    )


def _busy(error: e.AppError, folder: Path, _backup: Backup | None) -> Trouble:
    facts = (
        ("check", "ok", "Nothing was changed."),
        (
            "lock",
            "muted",
            "One program at a time may work with it, so that nothing is paid for "
            "twice. Close the other window, or use that one.",
        ),
        ("folder", "muted", str(folder)),
    )
    title = "Another program has this library open."
    return _retry(error, folder, title, "It may be a second window of this app.", facts)


def _retry(
    error: e.AppError,
    folder: Path,
    title: str,
    says: str,
    facts: tuple[tuple[str, str, str], ...],
) -> Trouble:
    return Trouble(
        title, says, facts, Way.RETRY, "Try again", folder, _details(error, folder, None)
    )


def _details(error: e.AppError, folder: Path, backup: Backup | None) -> str:
    kept = f" · newest backup {backup.path.name}" if backup else ""
    return f"{type(error).__name__} · {error} · {folder}{kept}"


def _when(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


_Words = Callable[[e.AppError, Path, Backup | None], Trouble]
_WORDS: tuple[tuple[type[e.AppError], _Words], ...] = (
    (e.DamagedLibrary, _damaged),
    (e.NewerLibrary, _newer),
    (e.AccessDenied, _denied),
    (e.DiskFull, _full),
    (e.LibraryBusy, _busy),
)
