"""Pictures for other apps: the clipboard, dragging, files elsewhere; with or without metadata."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QMimeData, QObject, Qt, QUrl
from PySide6.QtGui import QDrag, QGuiApplication, QImage, QPixmap
from PySide6.QtWidgets import QWidget

from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.gallery import GalleryDesk
from fluxlora_desktop.ui.desks.pictures import PictureDesk
from fluxlora_desktop.ui.gallery.dialogs import ChooseFolder, ChooseTarget
from fluxlora_desktop.ui.gallery.images import decode
from fluxlora_desktop.ui.gallery.words import file_name, parameters_text
from fluxlora_desktop.ui.wording import plural
from fluxlora_desktop.workflows.clean_copies import clean_name

Pictures = tuple[Picture, ...]


class Sharing(QObject):
    """Hands pictures of one place (the grid, the viewer) over to other apps."""

    def __init__(
        self,
        place: QWidget,
        *,
        pictures: PictureDesk,
        gallery: GalleryDesk,
        jobs: JobRunner,
        choose_target: ChooseTarget,
        choose_folder: ChooseFolder,
    ) -> None:
        super().__init__(place)
        self._place, self._pictures, self._gallery, self._jobs = place, pictures, gallery, jobs
        self._choose_target, self._choose_folder = choose_target, choose_folder

    def mime(self, pictures: Pictures) -> QMimeData | None:
        """Return the files for another app, None when none of them is made yet."""
        return _mime_of([p for p in map(self._pictures.file, pictures) if p is not None])

    def copy(self, pictures: Pictures) -> None:
        """Put one picture with its settings, or the files of several, on the clipboard."""
        text = "\n\n".join(map(parameters_text, pictures))
        done = done_of(pictures)
        mime = self.mime(done)
        if len(done) == 1 and len(pictures) == 1:
            path = self._pictures.file(done[0])
            assert path is not None
            job = self._jobs.start("Copy picture", partial(decode, path), lane="thumbs")
            job.succeeded.connect(partial(_put_picture, text))
        elif mime is not None:
            mime.setText(text)
            QGuiApplication.clipboard().setMimeData(mime)
        else:
            QGuiApplication.clipboard().setText(text)

    def copy_prompts(self, pictures: Pictures) -> None:
        """Put the prompts on the clipboard, each once."""
        prompts = dict.fromkeys(picture.prompt for picture in pictures)
        QGuiApplication.clipboard().setText("\n\n".join(prompts))

    def copy_settings(self, pictures: Pictures) -> None:
        """Put prompts and settings on the clipboard, as text."""
        QGuiApplication.clipboard().setText("\n\n".join(map(parameters_text, pictures)))

    def copy_clean(self, pictures: Pictures) -> None:
        """Put copies that say nothing on the clipboard, as files and pixels."""
        self._gallery.clean_copies(done_of(pictures), self._put_clean)

    def _put_clean(self, paths: tuple[Path, ...]) -> None:
        job = self._jobs.start("Copy picture", partial(decode, paths[0]), lane="thumbs")
        job.succeeded.connect(partial(self._on_clean, paths))

    def _on_clean(self, paths: tuple[Path, ...], first: QImage) -> None:
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        if len(paths) == 1 and not first.isNull():
            mime.setImageData(first)
        QGuiApplication.clipboard().setMimeData(mime)
        is_on = "is" if len(paths) == 1 else "are"
        words = f"{plural(len(paths), 'copy', 'copies')} without metadata {is_on} on the clipboard."
        self._gallery.said.emit(words)

    def drag(self, pictures: Pictures, cover: QPixmap | None, *, clean: bool) -> None:
        """Let pictures be pulled into another app, under a small picture.

        Copies without metadata are made first; the pull begins when they are there, if the button
        of the mouse is still held.
        """
        done = done_of(pictures)
        if clean and done:
            self._gallery.clean_copies(done, partial(self._drag_clean, cover))
        else:
            self._pull(self.mime(done), cover)

    def _drag_clean(self, cover: QPixmap | None, paths: tuple[Path, ...]) -> None:
        if QGuiApplication.mouseButtons() & Qt.MouseButton.LeftButton:
            self._pull(_mime_of(list(paths)), cover)

    def _pull(self, mime: QMimeData | None, cover: QPixmap | None) -> None:
        if mime is None:
            return
        pull = QDrag(self._place)
        pull.setMimeData(mime)
        if cover is not None:
            pull.setPixmap(cover)
        pull.exec(Qt.DropAction.CopyAction)

    def save(self, pictures: Pictures, *, clean: bool) -> None:
        """Ask where to, and save files there; a copy that says nothing has a name that does not."""
        done = done_of(pictures)
        if len(done) == 1:
            name = clean_name() if clean else file_name(done[0])
            self._choose_target(self._place, name, partial(self._save_one, done[0], clean))
        elif done:
            self._choose_folder(self._place, partial(self._save_many, done, clean))

    def save_unsaved(self, picture: Picture) -> None:
        """Ask where a picture shall go that the library could not take."""
        place = self._pictures.spilled(picture)
        if place is not None:
            name = f"{Path(file_name(picture)).stem}{place.suffix}"
            self._choose_target(self._place, name, partial(self._save_one, picture, False))

    def _save_one(self, picture: Picture, clean: bool, target: Path) -> None:
        self._pictures.save_as(picture, target, clean=clean)

    def _save_many(self, pictures: Pictures, clean: bool, folder: Path) -> None:
        for picture in pictures:
            name = Path(clean_name() if clean else file_name(picture))
            target = folder / f"{name.stem}-{picture.id[-8:]}{name.suffix}"
            self._pictures.save_as(picture, target, clean=clean)


def done_of(pictures: Pictures) -> Pictures:
    """Return those that are made and not thrown away: they have files here."""
    done = PictureState.DONE
    return tuple(p for p in pictures if p.state is done and p.trashed_at is None)


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


def _mime_of(files: list[Path]) -> QMimeData | None:
    if not files:
        return None
    mime = PictureMime(files[0]) if len(files) == 1 else QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in files])
    return mime


def _put_picture(text: str, image: QImage) -> None:
    mime = QMimeData()
    mime.setText(text)
    if not image.isNull():
        mime.setImageData(image)
    QGuiApplication.clipboard().setMimeData(mime)
