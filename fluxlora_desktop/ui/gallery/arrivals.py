"""Pictures of other programs on their way into the gallery: dropped, pasted or chosen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Slot
from PySide6.QtGui import QDragMoveEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from fluxlora_desktop.ui.create.intake import offers_photos
from fluxlora_desktop.ui.desks.picture_imports import PictureImportDesk
from fluxlora_desktop.ui.widgets import ProgressLine, button, column, label, row, set_mark
from fluxlora_desktop.ui.wording import plural
from fluxlora_desktop.workflows.events import PicturesLookedAt

TakePaths = Callable[[tuple[Path, ...]], None]
ChoosePictures = Callable[[QWidget, TakePaths], None]
"""Asks for picture files and calls back with them, or never."""
_FILTER = "Pictures (*.png *.jpg *.jpeg *.jfif *.webp)"
_NO_FILE = (
    "Save the picture to a folder first and drop its file here: what made it is in the file alone."
)
_NOTHING = "There is no picture file on the clipboard. Copy one in your file manager, then paste."


def choose_pictures(parent: QWidget, take: TakePaths) -> None:
    """Let the person choose pictures."""
    dialog = QFileDialog(parent, "Import pictures", "", _FILTER)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.filesSelected.connect(lambda names: take(tuple(Path(name) for name in names)))
    dialog.open()


class PictureDrops(QObject):
    """Lets files and folders be dropped and pasted on a part of the window.

    `card` is marked while something to take in hangs over it.
    """

    def __init__(self, place: QWidget, card: QWidget, imports: PictureImportDesk) -> None:
        super().__init__(place)
        self._card, self._imports = card, imports
        place.setAcceptDrops(True)
        place.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take part in drags over the place; its own pictures on their way out are left alone."""
        if isinstance(event, QDropEvent) and event.type() is QEvent.Type.Drop:
            self._show(False)
            return self._welcome(event) and self._take(event)
        if isinstance(event, QDragMoveEvent):  # it comes over the place, or goes on there
            self._show(self._welcome(event))
            return True
        if event.type() is QEvent.Type.DragLeave:
            self._show(False)
        return super().eventFilter(watched, event)

    def _welcome(self, event: QDropEvent) -> bool:
        """Say to whoever drags whether it is taken; it is always a copy."""
        welcome = event.source() is None and offers_photos(event.mimeData())
        if welcome:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
        else:
            event.ignore()
        return welcome

    def _take(self, event: QDropEvent) -> bool:
        paths = tuple(
            Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()
        )
        if paths:
            self._imports.bring(paths)
        else:
            self._imports.said.emit(_NO_FILE)
        return True

    @Slot()
    def paste(self) -> None:
        """Bring in the files that were copied in a file manager."""
        mime = QGuiApplication.clipboard().mimeData()
        urls = mime.urls() if mime is not None else []
        paths = tuple(Path(url.toLocalFile()) for url in urls if url.isLocalFile())
        if paths:
            self._imports.bring(paths)
        else:
            self._imports.said.emit(_NOTHING)

    def _show(self, dropping: bool) -> None:
        set_mark(self._card, "dropping", "true" if dropping else "false")


class ArrivalsLine(QWidget):
    """How far the pictures on their way have come, and a button that stops it; hidden otherwise."""

    def __init__(self, imports: PictureImportDesk) -> None:
        super().__init__()
        self._imports = imports
        self.words = label("", "muted")
        self.stop = button("Stop", self._on_stop, role="quiet", symbol="stop")
        self.progress = ProgressLine("Pictures looked at of the ones to import")
        self.setLayout(column(row(self.words, None, self.stop), self.progress, spacing=4))
        imports.looking.connect(self._on_looking)
        imports.over.connect(self.hide)
        self.hide()

    def minimumSizeHint(self) -> QSize:
        """Ask for little width: the words may be cut off in a narrow window."""
        return QSize(120, super().minimumSizeHint().height())

    @Slot(object)
    def _on_looking(self, event: PicturesLookedAt) -> None:
        self.words.setText(f"Importing: {event.done:,} of {plural(event.total, 'file')} looked at")
        self.progress.show_share(event.done / event.total if event.total else None)
        if self.isHidden():
            self.stop.setEnabled(True)
        self.show()

    @Slot()
    def _on_stop(self) -> None:
        self.stop.setEnabled(False)
        self.words.setText("Stopping; what came in stays")
        self._imports.stop()
