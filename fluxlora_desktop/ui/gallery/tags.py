"""Change the tags of several pictures: those that all bear, that some do, and new ones."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QCompleter,
    QDialog,
    QFrame,
    QLineEdit,
    QScrollArea,
    QWidget,
)

from fluxlora_desktop.domain.gallery import LONGEST_TAG, clean_tag
from fluxlora_desktop.ui.desks.gallery import GalleryDesk
from fluxlora_desktop.ui.widgets import button, column, label, row
from fluxlora_desktop.ui.wording import plural
from fluxlora_desktop.workflows.marks import TagSheet

_WIDTH, _HEIGHT = 380, 420
_State = Qt.CheckState


class TagDialog(QDialog):
    """Asks which tags pictures shall have; a tag that only some bear stays so unless clicked.

    `chosen(tuple, tuple)` gives the tags to add and those to take away.
    """

    chosen = Signal(object, object)

    def __init__(self, sheet: TagSheet, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("tag_dialog")
        count = len(sheet.ids)
        self.setWindowTitle(f"Tags of {plural(count, 'picture')}")
        self.setAccessibleName(self.windowTitle())
        self.resize(_WIDTH, _HEIGHT)
        self._count, self._known = count, sheet.known
        self.boxes: dict[str, QCheckBox] = {}
        self._before: dict[str, Qt.CheckState] = {}
        self.field = QLineEdit()
        self.field.setPlaceholderText("Add a tag, then press Enter")
        self.field.setAccessibleName("Add a tag")
        self.field.setMaxLength(10 * LONGEST_TAG)
        self.completer = QCompleter(list(sheet.known), self)
        self.completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.field.setCompleter(self.completer)
        self._none = label("No tags yet. A tag is a word of your own to find pictures by.", "muted")
        self._none.setWordWrap(True)
        self.save = button("Save", self._on_save, role="primary")
        self.save.setAutoDefault(False)
        self._build()
        for name, bearers in sorted(sheet.used.items(), key=lambda item: (-item[1], item[0])):
            state = _State.Checked if bearers == count else _State.PartiallyChecked
            self._add_box(name, state, bearers)
        self.field.returnPressed.connect(self._on_enter)
        self.completer.activated.connect(self._on_completed, Qt.ConnectionType.QueuedConnection)
        self.field.setFocus()

    def _build(self) -> None:
        self._list = column(self._none, spacing=8)
        inside = QWidget()
        inside.setLayout(column(self._list, None, margin=2))
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(inside)
        area.setAccessibleName("Tags")
        cancel = button("Cancel", self.reject)
        cancel.setAutoDefault(False)
        self.setLayout(
            column(self.field, area, row(None, cancel, self.save), spacing=12, margin=20)
        )

    def _add_box(self, name: str, state: Qt.CheckState, bearers: int = 0) -> None:
        some = state is _State.PartiallyChecked
        box = QCheckBox(f"{name}  ({bearers:,} of {self._count:,})" if some else name)
        box.setTristate(some)
        box.setCheckState(state)
        box.setAccessibleName(f"{name}, on {bearers:,} of {self._count:,}" if some else name)
        self.boxes[name] = box
        self._before[name] = state if bearers else _State.Unchecked
        self._list.addWidget(box)
        self._none.hide()

    def _take(self, text: str) -> None:
        """Tick what was written, several tags with commas between; case follows a known tag."""
        known = {name.casefold(): name for name in (*self._known, *self.boxes)}
        for part in text.split(","):
            name = clean_tag(part)
            name = known.get(name.casefold(), name)
            if name in self.boxes:
                self.boxes[name].setTristate(False)
                self.boxes[name].setChecked(True)
            elif name:
                self._add_box(name, _State.Checked)
        self.field.clear()

    @Slot()
    def _on_enter(self) -> None:
        popup = self.completer.popup()
        if popup is not None and popup.isVisible():
            if popup.currentIndex().isValid():
                return  # what is pointed at in the list comes by itself
            popup.hide()
        if self.field.text().strip():
            self._take(self.field.text())
        else:
            self._on_save()

    def _on_completed(self, text: str) -> None:
        self._take(text)

    @Slot()
    def _on_save(self) -> None:
        if self.field.text().strip():
            self._take(self.field.text())
        now = {name: box.checkState() for name, box in self.boxes.items()}
        new = {name: state for name, state in now.items() if state is not self._before[name]}
        add = tuple(name for name, state in new.items() if state is _State.Checked)
        remove = tuple(name for name, state in new.items() if state is _State.Unchecked)
        if add or remove:
            self.chosen.emit(add, remove)
        self.accept()


class TagEditing(QObject):
    """Reads the tags of pictures, asks, and lets the desk change them."""

    def __init__(self, place: QWidget, gallery: GalleryDesk) -> None:
        super().__init__(place)
        self._place, self._gallery = place, gallery
        self._asked: tuple[str, ...] = ()
        gallery.tags_read.connect(self._on_read)

    def begin(self, ids: tuple[str, ...]) -> None:
        """Ask for the tags of these pictures."""
        if ids:
            self._asked = ids
            self._gallery.read_tags(ids)

    @Slot(object)
    def _on_read(self, sheet: TagSheet) -> None:
        if not self._asked or sheet.ids != self._asked:
            return
        self._asked = ()
        dialog = TagDialog(sheet, self._place)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.chosen.connect(partial(self._gallery.change_tags, sheet.ids))
        dialog.open()
