"""What can be done with the chosen pictures: one set of actions for keys, menus and buttons."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QMimeData, QObject, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QAction, QDrag, QGuiApplication, QImage, QPixmap
from PySide6.QtWidgets import QMenu, QWidget

from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.pictures import PictureDesk
from fluxlora_desktop.ui.gallery.dialogs import ChooseFolder, ChooseTarget
from fluxlora_desktop.ui.gallery.images import decode
from fluxlora_desktop.ui.gallery.words import LOST, ON_ITS_WAY, file_name, parameters_text
from fluxlora_desktop.ui.icons import icon
from fluxlora_desktop.ui.wording import plural


class PictureCommands(QObject):
    """Holds the actions of one place (the grid, the viewer) and the pictures they are about.

    `reuse_requested(Picture)`, `again_requested(Picture)`, `reveal_requested(Path)`. Keys work
    while the place or a part of it has the focus.
    """

    reuse_requested = Signal(object)
    again_requested = Signal(object)
    reveal_requested = Signal(object)

    def __init__(
        self,
        place: QWidget,
        *,
        pictures: PictureDesk,
        jobs: JobRunner,
        choose_target: ChooseTarget,
        choose_folder: ChooseFolder,
    ) -> None:
        super().__init__(place)
        self._place, self._pictures, self._jobs = place, pictures, jobs
        self._choose_target, self._choose_folder = choose_target, choose_folder
        self.chosen: tuple[Picture, ...] = ()
        self.reuse = self._action("Reuse settings", "refresh", "R", self._on_reuse)
        self.again = self._action("Make it again", "refresh", "", self._on_again)
        self.copy = self._action("Copy", "copy", "Ctrl+C", self._on_copy)
        self.save = self._action("Save as…", "save", "Ctrl+S", self._on_save)
        self.save_clean = self._action(
            "Save without metadata…", "download", "Ctrl+Shift+S", self._on_save_clean
        )
        self.save_elsewhere = self._action("Save elsewhere…", "save", "", self._on_save_elsewhere)
        self.show_file = self._action("Show the file", "folder", "", self._on_show_file)
        self.trash = self._action("Move to trash", "trash", "Del", self._on_trash)
        self.stop = self._action("Stop this order", "stop", "", self._on_stop)
        self.show(())

    def _action(self, text: str, symbol: str, keys: str, slot: object) -> QAction:
        made = QAction(icon(symbol), text, self)
        made.setProperty("symbol", symbol)
        if keys:
            made.setShortcut(keys)
            made.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        made.triggered.connect(slot)
        self._place.addAction(made)
        return made

    def show(self, chosen: tuple[Picture, ...]) -> None:
        """Be about these pictures from now on."""
        self.chosen = chosen
        one = chosen[0] if len(chosen) == 1 else None
        done = [picture for picture in chosen if picture.state is PictureState.DONE]
        self.reuse.setEnabled(one is not None)
        self.again.setVisible(one is not None and one.state in LOST)
        unsaved = one is not None and self._pictures.spilled(one) is not None
        self.save_elsewhere.setVisible(unsaved)
        self.copy.setEnabled(one is not None)
        self.save.setEnabled(bool(done))
        self.save_clean.setEnabled(bool(done))
        self.show_file.setEnabled(bool(done))
        self.trash.setEnabled(any(picture.state not in ON_ITS_WAY for picture in chosen))
        self.stop.setVisible(any(picture.state in ON_ITS_WAY for picture in chosen))
        noun = "" if len(chosen) < 2 else f" ({plural(len(chosen), 'picture')})"
        self.trash.setText(f"Move to trash{noun}")

    def on_theme_changed(self) -> None:
        """Draw the icons of the menu again."""
        for action in self._place.actions():
            action.setIcon(icon(action.property("symbol")))

    def menu(self, parent: QWidget) -> QMenu:
        """Return a menu of everything that can be done; it goes when it is closed."""
        made = QMenu(parent)
        made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        made.addActions([self.again, self.reuse, self.copy])
        made.addSeparator()
        made.addActions([self.save_elsewhere, self.save, self.save_clean, self.show_file])
        made.addSeparator()
        made.addActions([self.stop, self.trash])
        return made

    def mime(self) -> QMimeData | None:
        """Return the chosen files for another app, None when none of them is made yet."""
        files = [path for path in map(self._pictures.file, self._done()) if path is not None]
        if not files:
            return None
        mime = PictureMime(files[0]) if len(files) == 1 else QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path)) for path in files])
        return mime

    def drag(self, cover: QPixmap | None) -> None:
        """Let the chosen pictures be pulled into another app, under a small picture."""
        mime = self.mime()
        if mime is None:
            return
        pull = QDrag(self._place)
        pull.setMimeData(mime)
        if cover is not None:
            pull.setPixmap(cover)
        pull.exec(Qt.DropAction.CopyAction)

    def _done(self) -> tuple[Picture, ...]:
        return tuple(p for p in self.chosen if p.state is PictureState.DONE)

    @Slot()
    def _on_reuse(self) -> None:
        self.reuse_requested.emit(self.chosen[0])

    @Slot()
    def _on_again(self) -> None:
        self.again_requested.emit(self.chosen[0])

    @Slot()
    def _on_copy(self) -> None:
        picture = self.chosen[0]
        path = self._pictures.file(picture)
        text = parameters_text(picture)
        if picture.state is not PictureState.DONE or path is None:
            QGuiApplication.clipboard().setText(text)
            return
        job = self._jobs.start("Copy picture", partial(decode, path), lane="thumbs")
        job.succeeded.connect(partial(_put_on_clipboard, text))

    @Slot()
    def _on_save(self) -> None:
        self._save(clean=False)

    @Slot()
    def _on_save_clean(self) -> None:
        self._save(clean=True)

    @Slot()
    def _on_save_elsewhere(self) -> None:
        picture = self.chosen[0]
        place = self._pictures.spilled(picture)
        if place is not None:
            name = f"{Path(file_name(picture)).stem}{place.suffix}"
            self._choose_target(self._place, name, partial(self._save_one, picture, False))

    def _save(self, *, clean: bool) -> None:
        done = self._done()
        if len(done) == 1:
            then = partial(self._save_one, done[0], clean)
            self._choose_target(self._place, file_name(done[0]), then)
        else:
            self._choose_folder(self._place, partial(self._save_many, done, clean))

    def _save_one(self, picture: Picture, clean: bool, target: Path) -> None:
        self._pictures.save_as(picture, target, clean=clean)

    def _save_many(self, pictures: tuple[Picture, ...], clean: bool, folder: Path) -> None:
        for picture in pictures:
            name = Path(file_name(picture))
            target = folder / f"{name.stem}-{picture.id[-8:]}{name.suffix}"
            self._pictures.save_as(picture, target, clean=clean)

    @Slot()
    def _on_show_file(self) -> None:
        path = self._pictures.file(self._done()[0])
        if path is not None:
            self.reveal_requested.emit(path)

    @Slot()
    def _on_trash(self) -> None:
        self._pictures.delete([p for p in self.chosen if p.state not in ON_ITS_WAY])

    @Slot()
    def _on_stop(self) -> None:
        for order_id in {p.order_id for p in self.chosen if p.state in ON_ITS_WAY}:
            self._pictures.stop(order_id)


class PictureMime(QMimeData):
    """A file that gives its pixels too, read only when the other app asks for them."""

    _FORMAT = "application/x-qt-image"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def formats(self) -> list[str]:
        """Name what can be asked for."""
        return [*super().formats(), self._FORMAT]

    def hasFormat(self, mime_type: str) -> bool:
        """Tell whether it can be asked for."""
        return mime_type == self._FORMAT or super().hasFormat(mime_type)

    def retrieveData(self, mime_type: str, preferred: object) -> object:
        """Read the pixels at the moment of the drop, which must be answered at once."""
        if mime_type == self._FORMAT:
            return QImage(str(self._path))
        return super().retrieveData(mime_type, preferred)  # type: ignore[arg-type]  # a QMetaType


def _put_on_clipboard(text: str, image: QImage) -> None:
    mime = QMimeData()
    mime.setText(text)
    if not image.isNull():
        mime.setImageData(image)
    QGuiApplication.clipboard().setMimeData(mime)
