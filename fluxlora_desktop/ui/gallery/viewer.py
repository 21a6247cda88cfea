"""One picture large, in the window: zoom, neighbours, settings, the same actions as in the grid."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

from PySide6.QtCore import QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QKeyEvent, QPixmap
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.gallery import GalleryDesk
from fluxlora_desktop.ui.desks.pictures import PictureDesk
from fluxlora_desktop.ui.gallery.canvas import Canvas
from fluxlora_desktop.ui.gallery.commands import PictureCommands
from fluxlora_desktop.ui.gallery.dialogs import ChooseFolder, ChooseTarget
from fluxlora_desktop.ui.gallery.images import decode
from fluxlora_desktop.ui.gallery.inspector import CommandButtons
from fluxlora_desktop.ui.gallery.words import LOST, STATE_WORDS, facts_of
from fluxlora_desktop.ui.shortcuts import Group, Keys
from fluxlora_desktop.ui.widgets import Card, button, clear, column, icon_button, label, row

_FACTS_WIDTH = 264
_KEPT = 6


class Viewer(QWidget):
    """Shows one picture; `step_wanted(int)` asks for a neighbour, `closed()` for the grid."""

    KEYS = (
        Keys(Group.LARGE, "Left, Right", "The picture before, the next one"),
        Keys(Group.LARGE, "0, 1, Space", "The whole picture, full size, one or the other"),
        Keys(Group.LARGE, "+, -", "Larger, smaller"),
        Keys(Group.LARGE, "I", "Show its settings, or not"),
        Keys(Group.LARGE, "Esc", "Back to the grid"),
    )
    step_wanted = Signal(int)
    closed = Signal()

    def __init__(
        self,
        *,
        pictures: PictureDesk,
        gallery: GalleryDesk,
        jobs: JobRunner,
        choose_target: ChooseTarget,
        choose_folder: ChooseFolder,
    ) -> None:
        super().__init__()
        self.setObjectName("gallery_viewer")
        self._pictures, self._jobs = pictures, jobs
        self._picture: Picture | None = None
        self._kept: OrderedDict[str, QPixmap] = OrderedDict()
        self._loading: set[str] = set()
        self.commands = PictureCommands(
            self,
            pictures=pictures,
            gallery=gallery,
            jobs=jobs,
            choose_target=choose_target,
            choose_folder=choose_folder,
            rating_keys="Alt+",
        )
        self.canvas = Canvas()
        self.words = label("", "section", wrap=True)
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.words.hide()
        self.back = button(
            "Back to the grid", self.closed.emit, role="quiet", symbol="chevron-left"
        )
        self.back.setToolTip("Esc")
        self.place = label("", "muted")
        self.previous = icon_button("chevron-left", "Previous picture (Left)", self._on_previous)
        self.next = icon_button("chevron-right", "Next picture (Right)", self._on_next)
        self.zoom = label("", "muted")
        self.fit = button("Fit", self.canvas.fit, role="quiet")
        self.fit.setToolTip("Show the whole picture (0)")
        self.full = button("100 %", self._on_full, role="quiet")
        self.full.setToolTip("One picture pixel for each screen pixel (1)")
        self.info = icon_button("info", "Show the settings (I)")
        self.info.setCheckable(True)
        self.info.setChecked(True)
        self._build()
        self.info.toggled.connect(self.facts.setVisible)
        gallery.marked.connect(self._on_marked)
        self.canvas.zoomed.connect(self._on_zoomed)
        self.canvas.toggled.connect(self._on_toggled)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._on_menu)

    def _build(self) -> None:
        self._facts_body = column(spacing=10)
        inner = QWidget()
        inner.setLayout(column(self._facts_body, None, margin=16))
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inner)
        area.setAccessibleName("Settings of the picture")
        self.facts = Card(margin=0)
        self.facts.setFixedWidth(_FACTS_WIDTH)
        self.facts.body.addWidget(area)
        head = row(
            self.back,
            self.place,
            None,
            self.zoom,
            self.fit,
            self.full,
            self.info,
            spacing=8,
        )
        middle = column(self.canvas, self.words, spacing=8)
        middle.setStretch(0, 1)
        body = row(self.previous, middle, self.next, self.facts, spacing=8)
        body.setStretch(1, 1)
        self.buttons = CommandButtons(self.commands)
        whole = column(head, body, self.buttons, spacing=8)
        whole.setStretch(1, 1)
        self.setLayout(whole)

    @property
    def picture(self) -> Picture | None:
        """Return what is shown."""
        return self._picture

    def show_picture(self, picture: Picture, thumb: QPixmap | None) -> None:
        """Show a picture; its thumbnail stands for it until it is decoded."""
        anew = self._picture is None or self._picture.id != picture.id
        self._picture = picture
        self.commands.show((picture,))
        self.canvas.setAccessibleName(f"{STATE_WORDS[picture.state]}: {picture.prompt}")
        self._show_facts(picture)
        done = picture.state is PictureState.DONE
        self.words.setVisible(not done)
        trouble = f". {picture.error}" if picture.state in LOST and picture.error else ""
        self.words.setText(f"{STATE_WORDS[picture.state]}{trouble}")
        large = self._kept.get(picture.id)
        pixmap = (large or thumb) if done else None
        size = large.size() if large else QSize(picture.width, picture.height)
        self.canvas.show_picture(pixmap, size, anew=anew)
        if done and large is None:
            self._load(picture)

    def show_again(self, words: str) -> None:
        """Say what the button that makes a lost picture again says, price included."""
        self.buttons.again.setText(words)

    def show_place(self, row_number: int, count: int) -> None:
        """Say which of how many it is; there is no way past the ends."""
        self.place.setText(f"{row_number + 1:,} of {count:,}")
        self.previous.setEnabled(row_number > 0)
        self.next.setEnabled(row_number < count - 1)

    def leave(self) -> None:
        """Forget what was shown."""
        self._picture = None
        self.commands.show(())

    def _load(self, picture: Picture) -> None:
        path = self._pictures.file(picture)
        if path is None or picture.id in self._loading:
            return
        self._loading.add(picture.id)
        job = self._jobs.start("Open picture", partial(decode, path), lane="thumbs")
        job.succeeded.connect(partial(self._on_loaded, picture.id))
        job.finished.connect(partial(self._loading.discard, picture.id))

    def _on_loaded(self, picture_id: str, image: QImage) -> None:
        shown = self._picture
        if image.isNull():
            if shown is not None and shown.id == picture_id:
                gone = "The file of this picture cannot be read. It may be gone."
                in_trash = "It is in the trash. Restore it to see it large."
                self.words.setText(in_trash if shown.trashed_at is not None else gone)
                self.words.show()
            return
        self._kept[picture_id] = QPixmap.fromImage(image)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        if shown is not None and shown.id == picture_id:
            self.canvas.show_picture(self._kept[picture_id], image.size(), anew=False)

    def _show_facts(self, picture: Picture) -> None:
        clear(self._facts_body)
        prompt = label(picture.prompt, wrap=True)
        prompt.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._facts_body.addLayout(column(label("Prompt", "caption"), prompt, spacing=2))
        for fact in facts_of(picture):
            value = label(fact.value, wrap=True)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._facts_body.addLayout(column(label(fact.title, "caption"), value, spacing=2))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Step, zoom, show the settings, or go back."""
        key = event.key()
        if key in {Qt.Key.Key_Left, Qt.Key.Key_PageUp}:
            self._on_previous()
        elif key in {Qt.Key.Key_Right, Qt.Key.Key_PageDown}:
            self._on_next()
        elif key in {Qt.Key.Key_Escape, Qt.Key.Key_Backspace}:
            self.closed.emit()
        elif key == Qt.Key.Key_I:
            self.info.toggle()
        elif key == Qt.Key.Key_0:
            self.canvas.fit()
        elif key == Qt.Key.Key_1:
            self._on_full()
        elif key in {Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus}:
            self.canvas.zoom_by(-1 if key == Qt.Key.Key_Minus else 1)
        elif key in {Qt.Key.Key_Space, Qt.Key.Key_Return}:
            self._on_toggled()
        else:
            super().keyPressEvent(event)

    def _on_previous(self) -> None:
        self.step_wanted.emit(-1)

    def _on_next(self) -> None:
        self.step_wanted.emit(1)

    def _on_full(self) -> None:
        self.canvas.zoom_to(1.0)

    @Slot()
    def _on_toggled(self) -> None:
        if self.canvas.fitted:
            self._on_full()
        else:
            self.canvas.fit()

    @Slot(object)
    def _on_marked(self, pictures: tuple[Picture, ...]) -> None:
        """Show the marks of the picture that is shown, also when it left the list."""
        shown = self._picture
        for picture in pictures:
            if shown is not None and picture.id == shown.id:
                self._picture = picture
                self.commands.show((picture,))
                self._show_facts(picture)

    @Slot(float)
    def _on_zoomed(self, scale: float) -> None:
        self.zoom.setText(f"{round(scale * 100)} %")

    @Slot(QPoint)
    def _on_menu(self, point: QPoint) -> None:
        self.commands.menu(self).popup(self.mapToGlobal(point))
