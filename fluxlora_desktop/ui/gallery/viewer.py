"""One picture large, in the window or on the whole screen, with the same actions as in the grid."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QKeyEvent, QPixmap
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui import theme
from fluxlora_desktop.ui.desks.gallery import GalleryDesk
from fluxlora_desktop.ui.desks.pictures import PictureDesk
from fluxlora_desktop.ui.gallery.canvas import Canvas
from fluxlora_desktop.ui.gallery.commands import PictureCommands
from fluxlora_desktop.ui.gallery.dialogs import ChooseFolder, ChooseTarget
from fluxlora_desktop.ui.gallery.full_screen import FullScreen, Overlay
from fluxlora_desktop.ui.gallery.inspector import CommandButtons
from fluxlora_desktop.ui.gallery.large import LargePictures
from fluxlora_desktop.ui.gallery.words import LOST, STATE_WORDS, facts_of
from fluxlora_desktop.ui.shortcuts import Group, Keys
from fluxlora_desktop.ui.widgets import Card, button, clear, column, icon_button, label, row

_FACTS_WIDTH = 264


class Viewer(QWidget):
    """Shows one picture; `step_wanted(int)` asks for a neighbour, `closed()` for the grid."""

    KEYS = (
        Keys(Group.LARGE, "Left, Right", "The picture before, the next one"),
        Keys(Group.LARGE, "F11", "On the whole screen, or in the window"),
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
        self._picture: Picture | None = None
        self._screen: FullScreen | None = None
        self.large = LargePictures(pictures=pictures, jobs=jobs, parent=self)
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
        self.overlay = Overlay(self.canvas)
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
        self.full.setToolTip("One picture pixel for each screen pixel (1 or Z)")
        self.whole_screen = icon_button("full-screen", "Whole screen (F11)", self._on_whole_screen)
        self.info = icon_button("info", "Show the settings (I)")
        self.info.setCheckable(True)
        self.info.setChecked(True)
        self._build()
        self.info.toggled.connect(self._show_info)
        gallery.marked.connect(self._on_marked)
        self.large.ready.connect(self._on_ready)
        self.large.failed.connect(self._on_unreadable)
        self.canvas.zoomed.connect(self._on_zoomed)
        self.canvas.resized.connect(self.overlay.lie_down)
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
        self.head = QWidget()
        head = row(
            self.back,
            self.place,
            None,
            self.zoom,
            self.fit,
            self.full,
            self.whole_screen,
            self.info,
            spacing=8,
        )
        self.head.setLayout(head)
        middle = column(self.canvas, self.words, spacing=8)
        middle.setStretch(0, 1)
        body = row(self.previous, middle, self.next, self.facts, spacing=8)
        body.setStretch(1, 1)
        self.buttons = CommandButtons(self.commands)
        whole = column(self.head, body, self.buttons, spacing=8)
        whole.setStretch(1, 1)
        self._stage = QWidget()
        self._stage.setLayout(whole)
        self._outer = column(self._stage, spacing=0)
        self.setLayout(self._outer)
        self._body, self._whole = body, whole

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
        large = self.large.get(picture)
        pixmap = (large.pixmap if large else thumb) if done else None
        size = large.size if large else QSize(picture.width, picture.height)
        self.canvas.show_picture(pixmap, size, anew=anew)
        self.overlay.show_picture(picture)
        self.large.show((picture,), self.canvas.room())

    def prepare(self, neighbours: Iterable[Picture | None]) -> None:
        """Decode the pictures that the next key may ask for."""
        self.large.prepare(neighbours, self.canvas.room())

    def show_again(self, words: str) -> None:
        """Say what the button that makes a lost picture again says, price included."""
        self.buttons.again.setText(words)

    def show_place(self, row_number: int, count: int) -> None:
        """Say which of how many it is; there is no way past the ends."""
        self.place.setText(f"{row_number + 1:,} of {count:,}")
        self.overlay.place.setText(self.place.text())
        self.previous.setEnabled(row_number > 0)
        self.next.setEnabled(row_number < count - 1)

    def leave(self) -> None:
        """Forget what was shown."""
        self.leave_full_screen()
        self._picture = None
        self.commands.show(())

    @Slot(str)
    def _on_ready(self, picture_id: str) -> None:
        shown = self._picture
        if shown is None or shown.id != picture_id:
            return
        large = self.large.get(shown)
        assert large is not None
        self.canvas.show_picture(large.pixmap, large.size, anew=False)

    @Slot(str)
    def _on_unreadable(self, picture_id: str) -> None:
        if self._picture is not None and self._picture.id == picture_id:
            gone = "The file of this picture cannot be read. It may be gone."
            in_trash = "It is in the trash. Restore it to see it large."
            trashed = self._picture.trashed_at is not None
            self.words.setText(in_trash if trashed else gone)
            self.words.show()

    @property
    def full_screen(self) -> bool:
        """Tell whether the picture covers the screen."""
        return self._screen is not None

    @Slot()
    def leave_full_screen(self) -> None:
        """Show the picture in the window again, with everything around it."""
        if self._screen is None:
            return
        screen, self._screen = self._screen, None
        self._dress(full=False)
        self._outer.addWidget(self._stage)
        self._stage.show()
        screen.hide()
        screen.deleteLater()
        self.canvas.setFocus()

    def _enter_full_screen(self) -> None:
        self._screen = FullScreen(self, self._stage, self.keyPressEvent)
        self._screen.left.connect(self.leave_full_screen)
        self._dress(full=True)
        self._screen.showFullScreen()
        self.canvas.setFocus()

    def _dress(self, *, full: bool) -> None:
        """Show nothing but the picture, and its settings over it when asked; or everything."""
        for part in (self.head, self.previous, self.next, self.buttons):
            part.setVisible(not full)
        self._body.setSpacing(0 if full else 8)
        self._whole.setSpacing(0 if full else 8)
        self.canvas.ground = QColor(theme.DARK.window) if full else None
        self.info.setChecked(not full)
        self._show_info(self.info.isChecked())

    @Slot(bool)
    def _show_info(self, shown: bool) -> None:
        self.facts.setVisible(shown and not self.full_screen)
        self.overlay.setVisible(shown and self.full_screen)
        self.overlay.lie_down()

    def _on_whole_screen(self) -> None:
        if self.full_screen:
            self.leave_full_screen()
        else:
            self._enter_full_screen()

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
        elif key == Qt.Key.Key_F11 or (key == Qt.Key.Key_Escape and self.full_screen):
            self._on_whole_screen()
        elif key in {Qt.Key.Key_Escape, Qt.Key.Key_Backspace}:
            self.closed.emit()
        elif key == Qt.Key.Key_I:
            self.info.toggle()
        elif key == Qt.Key.Key_0:
            self.canvas.fit()
        elif key in {Qt.Key.Key_1, Qt.Key.Key_Z}:
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
