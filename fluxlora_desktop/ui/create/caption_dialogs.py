"""The tools' dialogs: what to change above, what will come of it below, then Apply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QLineEdit,
    QPushButton,
    QWidget,
)

from fluxlora_desktop.domain.caption_edits import (
    LONGEST_FIND,
    AddText,
    Edit,
    FindReplace,
    OrderTags,
    Preview,
    RemoveTag,
    TagOrder,
    tag_counts,
)
from fluxlora_desktop.domain.caption_files import ReadCaptions
from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.names import shown_name
from fluxlora_desktop.ui.create.caption_preview import PreviewList
from fluxlora_desktop.ui.create.segments import Segments
from fluxlora_desktop.ui.desks.captions import CaptionDesk
from fluxlora_desktop.ui.notices import notice_for
from fluxlora_desktop.ui.units import plural
from fluxlora_desktop.ui.widgets import Card, button, column, label, row, set_role

_PAUSE_MS = 200
_MOST_NAMES = 5
_LONGEST_TAG = 60


class ChangeDialog(QDialog):
    """Shows what a change would do; Enter makes it, Esc leaves everything as it is.

    `form` takes the inputs of a kind of change. Nothing is changed before `apply`.
    """

    def __init__(self, title: str, desk: CaptionDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.desk, self.shown = desk, Preview()
        self._title = title
        self._names = {
            item.photo.sha256: shown_name(item.photo.name) for item in desk.dataset().photos
        }
        self.setWindowTitle(title)
        self.setAccessibleName(title)
        self.resize(640, 560)
        self.form = QFormLayout()
        self.form.setContentsMargins(0, 0, 0, 0)
        self.form.setHorizontalSpacing(12)
        self.form.setVerticalSpacing(8)
        self.count = label("", "muted", wrap=True)
        self.count.setObjectName("caption_change_count")
        self.list = PreviewList()
        self.cancel_button = button("Cancel", self.reject)
        self.apply_button = button("Apply", self.apply, role="primary")
        self.apply_button.setDefault(True)
        card = Card(margin=4)
        card.body.addWidget(self.list)
        foot = row(None, self.cancel_button, self.apply_button)
        layout = column(
            label(title, "section"), self.form, self.count, card, foot, spacing=12, margin=20
        )
        layout.setStretch(3, 1)
        self.setLayout(layout)
        self.apply_button.setEnabled(False)

    def show_preview(self, preview: Preview) -> None:
        """Show what would change, and offer to change it."""
        self.shown = preview
        number = len(preview.changes)
        self.list.changes.show_changes(preview.changes, self._names)
        self._say(self.words(preview))
        self.apply_button.setText(f"Change {plural(number, 'caption')}" if number else "Apply")
        self.apply_button.setEnabled(number > 0)

    def words(self, preview: Preview) -> str:
        """Return the sentence over the list."""
        if not preview.changes:
            return "No caption changes."
        number = len(preview.changes)
        return f"{number} of {plural(preview.total, 'caption')} {_verb(number)}."

    def _say(self, words: str, *, trouble: bool = False) -> None:
        set_role(self.count, "danger" if trouble else "muted")
        self.count.setText(words)

    @Slot()
    def apply(self) -> None:
        """Make the change that is shown, and close."""
        if self.shown.changes:
            self.accept()
            self.desk.apply(self.title(), self.shown)

    def title(self) -> str:
        """Return the words for the step of undo."""
        return self._title


def _verb(number: int) -> str:
    return "changes" if number == 1 else "change"


class EditDialog(ChangeDialog):
    """A change that is worked out anew a moment after each key.

    Enter before that moment is over waits for it: only what was shown is made.
    """

    def __init__(self, title: str, desk: CaptionDesk, parent: QWidget | None = None) -> None:
        super().__init__(title, desk, parent)
        self._soon = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._soon.timeout.connect(self._ask)
        self._asked: Edit | None = None
        self._answered: Edit | None = None
        self._applying = False
        self._say("Nothing changes before you apply it.")

    def edit(self) -> Edit:
        """Return what is asked for in the form."""
        raise NotImplementedError

    def field(self, says: str, objectName: str = "") -> QLineEdit:  # noqa: N803 - as Qt says it
        """Add a line to write in."""
        made = QLineEdit()
        made.setMaxLength(LONGEST_FIND)
        made.setObjectName(objectName)
        made.textChanged.connect(self.changed)
        name = label(says)
        name.setBuddy(made)
        made.setAccessibleName(says)
        self.form.addRow(name, made)
        return made

    def box(self, says: str, *, ticked: bool = False) -> QCheckBox:
        """Return a box to tick."""
        made = QCheckBox(says)
        made.setChecked(ticked)
        made.toggled.connect(self.changed)
        return made

    @Slot()
    def changed(self) -> None:
        """Work the change out once the typing pauses."""
        self._applying = False
        self.apply_button.setEnabled(True)
        self._soon.start()

    @Slot()
    def _ask(self) -> None:
        if self._asked is None:
            edit = self._asked = self.edit()
            self.desk.preview(edit, self._on_preview, self._on_trouble)

    def _on_preview(self, preview: Preview) -> None:
        if self._is_fresh():
            self.show_preview(preview)
            if self._applying:
                self.apply()

    def _on_trouble(self, error: Exception) -> None:
        if not self._is_fresh():
            return
        self._applying = False
        self.show_preview(Preview(total=len(self._names)))
        words = error.reason if isinstance(error, InputError) else notice_for(error).title
        self._say(words, trouble=True)

    def _is_fresh(self) -> bool:
        """Tell whether the answer is about what is asked now; asks again where it is not."""
        self._answered, self._asked = self._asked, None
        fresh = self._answered == self.edit()
        if not fresh and self.isVisible():
            self._ask()
        return fresh

    @Slot()
    def apply(self) -> None:
        """Make what is asked for; where that is not worked out yet, as soon as it is."""
        if self._answered == self.edit() and self._asked is None:
            super().apply()
            return
        self._applying = True
        self._soon.stop()
        self._ask()

    def title(self) -> str:
        """Return the edit's words for the step of undo."""
        return self.edit().title

    def showEvent(self, event: QShowEvent) -> None:
        """Begin in the first input."""
        super().showEvent(event)
        first = self.form.itemAt(0, QFormLayout.ItemRole.FieldRole)
        field = first.widget() if first else None
        if field is not None:
            field.setFocus(Qt.FocusReason.OtherFocusReason)

    def done(self, result: int) -> None:
        """Leave; an answer that is still on its way changes nothing."""
        self._soon.stop()
        self._applying = False
        super().done(result)


class FindReplaceDialog(EditDialog):
    """Find and replace in all captions."""

    def __init__(self, desk: CaptionDesk, parent: QWidget | None = None) -> None:
        super().__init__("Find and replace", desk, parent)
        self.words_to_find = self.field("Find", "caption_find")
        self.words_instead = self.field("Replace with", "caption_replace")
        self.whole = self.box("&Whole words")
        self.case = self.box("Match &case")
        self.expression = self.box("&Regular expression")
        self.expression.setToolTip(r"Groups ( ) are \1, \2 … in the replacement")
        self.form.addRow("", row(self.whole, self.case, self.expression, None, spacing=16))

    def edit(self) -> Edit:
        """Return what is asked for."""
        return FindReplace(
            self.words_to_find.text(),
            self.words_instead.text(),
            whole_words=self.whole.isChecked(),
            match_case=self.case.isChecked(),
            expression=self.expression.isChecked(),
        )


class AddTextDialog(EditDialog):
    """Add a text before or after all captions."""

    def __init__(self, desk: CaptionDesk, *, before: bool, parent: QWidget | None = None) -> None:
        super().__init__(f"Add {'before' if before else 'after'} captions", desk, parent)
        self._before = before
        self.text = self.field("Text", "caption_added")
        self.as_tag = self.box("Set off by a &comma", ticked=True)
        self.form.addRow("", self.as_tag)
        self.form.addRow("", label("Empty captions stay empty.", "caption"))

    def edit(self) -> Edit:
        """Return what is asked for."""
        return AddText(self.text.text(), before=self._before, as_tag=self.as_tag.isChecked())


class TagDialog(EditDialog):
    """A change to tags, chosen from those that the captions have."""

    def __init__(self, title: str, desk: CaptionDesk, parent: QWidget | None = None) -> None:
        super().__init__(title, desk, parent)
        self.tag = QComboBox()
        self.tag.setEditable(True)
        self.tag.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.tag.setObjectName("caption_tag")
        self.tag.setAccessibleName("Tag")
        written = self.tag.lineEdit()
        assert written is not None, "the box is editable"
        written.setAccessibleName("Tag")
        self.tag.setMaxVisibleItems(12)
        self.tag.setMinimumContentsLength(20)
        policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.tag.setSizeAdjustPolicy(policy)
        for tag, times in tag_counts(desk.captions()).items():
            if len(tag) > _LONGEST_TAG:  # a sentence rather than a tag
                continue
            self.tag.addItem(tag)
            says = f"in {plural(times, 'caption')}"
            self.tag.setItemData(self.tag.count() - 1, says, Qt.ItemDataRole.ToolTipRole)
        self.tag.setCurrentIndex(-1)
        self.tag.editTextChanged.connect(self.changed)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Let Enter apply also while a tag is written."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.apply_button.click()
        else:
            super().keyPressEvent(event)


class RemoveTagDialog(TagDialog):
    """Take a tag out of all captions."""

    def __init__(self, desk: CaptionDesk, parent: QWidget | None = None) -> None:
        super().__init__("Remove tag", desk, parent)
        self.form.addRow(_named("Tag", self.tag), self.tag)

    def edit(self) -> Edit:
        """Return what is asked for."""
        return RemoveTag(self.tag.currentText())


class OrderTagsDialog(TagDialog):
    """Put the tags of all captions in order."""

    def __init__(self, desk: CaptionDesk, parent: QWidget | None = None) -> None:
        super().__init__("Order tags", desk, parent)
        self.how = QComboBox()
        self.how.setAccessibleName("How")
        for how, says in (
            (TagOrder.FRONT, "Move one tag to the front"),
            (TagOrder.BACK, "Move one tag to the back"),
            (TagOrder.FREQUENCY, "Tags that most captions share first"),
        ):
            self.how.addItem(says, how.value)
        self.how.currentIndexChanged.connect(self._on_how)
        self.form.addRow(_named("How", self.how), self.how)
        self.form.addRow(_named("Tag", self.tag), self.tag)

    def edit(self) -> Edit:
        """Return what is asked for."""
        return OrderTags(TagOrder(self.how.currentData()), self.tag.currentText())

    def _on_how(self) -> None:
        self.tag.setEnabled(self.how.currentData() != TagOrder.FREQUENCY.value)
        self.changed()


class ImportDialog(ChangeDialog):
    """Shows what captions that were read from files would change."""

    def __init__(
        self, desk: CaptionDesk, read: ReadCaptions, parent: QWidget | None = None
    ) -> None:
        super().__init__("Import captions", desk, parent)
        self._read = read
        self.show_preview(desk.preview_read(read))

    def words(self, preview: Preview) -> str:
        """Say what changes, and what was read and changes nothing."""
        said = [super().words(preview)]
        if self._read.empty:
            said.append(f"Empty in the file, so left as they are here: {self._read.empty}.")
        if self._read.unknown:
            said.append(f"Of no photo here: {_listed(self._read.unknown)}.")
        return " ".join(said)


class WrittenDialog(ChangeDialog):
    """Shows what captions that a trainer wrote would change, for the photos that are chosen."""

    TITLE = "Use the trainer's captions"
    _MISSING, _ALL = "missing", "all"

    def __init__(
        self, desk: CaptionDesk, written: Mapping[str, str], parent: QWidget | None = None
    ) -> None:
        super().__init__(self.TITLE, desk, parent)
        self._written = written
        which = {self._MISSING: "Only those without a caption", self._ALL: "All of them"}
        self.which = Segments("written_for", "Photos", which)
        for made in self.which.findChildren(QPushButton):
            made.setAutoDefault(False)  # Enter applies wherever the keyboard is
        self.which.chosen.connect(self._on_which)
        self.form.addRow("Photos", self.which)
        bare = bool(desk.preview_written(written, missing=True).changes)
        first = self._MISSING if bare else self._ALL
        self.which.choice(self._MISSING).setEnabled(bare)
        self.which.show_choice(first)
        self._on_which(first)
        self.which.choice(first).setFocus()

    def words(self, preview: Preview) -> str:
        """Say what changes, and how many captions go for it."""
        gone = sum(bool(change.before.strip()) for change in preview.changes)
        return f"{super().words(preview)} {_goes(gone)}"

    def _on_which(self, which: str) -> None:
        missing = which == self._MISSING
        self.show_preview(self.desk.preview_written(self._written, missing=missing))


def _goes(gone: int) -> str:
    if not gone:
        return "None that is there goes away."
    return f"{plural(gone, 'caption')} that you have now {'goes' if gone == 1 else 'go'} away."


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(shown_name(name) or "a row without a name" for name in names[:_MOST_NAMES])
    rest = len(names) - _MOST_NAMES
    return f"{shown} and {plural(rest, 'more', 'more')}" if rest > 0 else shown


def _named(says: str, field: QWidget) -> QWidget:
    made = label(says)
    made.setBuddy(field)
    return made
