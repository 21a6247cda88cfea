"""The trainer's log: the last line always, the whole of it on demand, searched and copied."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import (
    QFontDatabase,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QShortcut,
    QTextCharFormat,
    QTextCursor,
)
from PySide6.QtWidgets import QCheckBox, QLineEdit, QPlainTextEdit, QTextEdit, QWidget

from fluxlora_desktop.ui.theme import CAPTION, color
from fluxlora_desktop.ui.widgets import button, column, icon_button, label, row

_MARKED = 400
"""So many matches are tinted at once; all of them are counted and can be visited."""


def plain_lines(text: str) -> str:
    """Return a log with one kind of line end; a progress bar's rewrites become lines."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def last_line(text: str) -> str:
    """Return the last line that says something."""
    tail = plain_lines(text[-4000:]).rstrip().rsplit("\n", 1)[-1]
    return tail.strip()


def find_all(text: str, words: str) -> tuple[int, ...]:
    """Return where the words begin, in UTF-16 units as Qt counts, whatever their case."""
    if not words:
        return ()
    folded, wanted, found = _folded(text), _folded(words), []
    at = folded.find(wanted)
    while at >= 0:
        found.append(at)
        at = folded.find(wanted, at + len(wanted))
    if text.isascii():
        return tuple(found)
    units, before, places = 0, 0, []
    for place in found:
        units += len(text[before:place].encode("utf-16-le", "surrogatepass")) // 2
        before = place
        places.append(units)
    return tuple(places)


def _folded(text: str) -> str:
    """Return the text in small letters, as long as it was: places in it stay true."""
    if text.isascii():
        return text.lower()
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


class SearchField(QLineEdit):
    """A search field: Enter goes to the next match, Shift and Enter to the one before."""

    def __init__(self, forward: QWidget, backward: QWidget) -> None:
        super().__init__()
        self._forward, self._backward = forward, backward
        self.setPlaceholderText("Search the log")
        self.setAccessibleName("Search the log")
        self.setClearButtonEnabled(True)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Turn Enter into a step to another match, and Escape into an empty search."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            back = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            chosen = self._backward if back else self._forward
            chosen.click()  # type: ignore[attr-defined]  # both are tool buttons
        elif event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        else:
            super().keyPressEvent(event)


class LogViewer(QWidget):
    """The whole log. Text that grows is appended; the view follows its end while asked to."""

    def __init__(self) -> None:
        super().__init__()
        self._raw = ""
        self._found: tuple[int, ...] = ()
        self._current = -1
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setUndoRedoEnabled(False)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName("Log of the training")
        self.text.setMinimumHeight(240)
        fixed = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        fixed.setPixelSize(CAPTION)
        self.text.setFont(fixed)
        self.backward = icon_button("chevron-left", "Previous match", self._go_back)
        self.forward = icon_button("chevron-right", "Next match", self._go_on)
        self.search = SearchField(self.forward, self.backward)
        self.count = label("", "caption")
        self.follow = QCheckBox("Follow the end")
        self.follow.setChecked(True)
        self.copy = button("Copy all", self._copy_all, role="quiet", symbol="copy")
        head = row(self.search, self.count, self.backward, self.forward)
        head.setStretch(0, 1)
        foot = row(self.follow, None, self.copy)
        self.setLayout(column(head, self.text, foot, spacing=6))
        self.search.textChanged.connect(self._on_search)
        self.follow.toggled.connect(self._on_follow)
        self.text.verticalScrollBar().actionTriggered.connect(self._on_scrolled)
        find = QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self)
        find.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        find.activated.connect(self._on_find)
        self._show_count()

    def show_log(self, log: str) -> None:
        """Show a log; when it continues what is shown, only what is new is added."""
        if log == self._raw:
            return
        if self._raw and log.startswith(self._raw):
            added = log[len(self._raw) :]
            if self._raw.endswith("\r") and added.startswith("\n"):
                added = added[1:]
            cursor = QTextCursor(self.text.document())
            cursor.movePosition(QTextCursor.MoveOperation.End)
            cursor.insertText(plain_lines(added))
        else:
            self.text.setPlainText(plain_lines(log))
        self._raw = log
        if self.search.text():
            self._search(keep=True)
        self._follow_end()

    def _follow_end(self) -> None:
        if self.follow.isChecked():
            bar = self.text.verticalScrollBar()
            bar.setValue(bar.maximum())

    @Slot(bool)
    def _on_follow(self, _on: bool) -> None:
        self._follow_end()

    @Slot(int)
    def _on_scrolled(self, _action: int) -> None:
        bar = self.text.verticalScrollBar()
        self.follow.setChecked(bar.sliderPosition() >= bar.maximum())

    @Slot()
    def _on_find(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    @Slot(str)
    def _on_search(self, _words: str) -> None:
        self._search(keep=False)
        if self._found:
            self._visit(0)

    def _search(self, *, keep: bool) -> None:
        self._found = find_all(self.text.toPlainText(), self.search.text())
        if not keep or self._current >= len(self._found):
            self._current = -1
        self._tint()
        self._show_count()

    def _go_on(self) -> None:
        self._visit(self._current + 1)

    def _go_back(self) -> None:
        self._visit(self._current - 1)

    def _visit(self, place: int) -> None:
        if not self._found:
            return
        self._current = place % len(self._found)
        self.follow.setChecked(False)
        self.text.setTextCursor(self._cursor(self._found[self._current]))
        self.text.ensureCursorVisible()
        self._tint()
        self._show_count()

    def _cursor(self, place: int) -> QTextCursor:
        cursor = QTextCursor(self.text.document())
        length = len(self.search.text().encode("utf-16-le", "surrogatepass")) // 2
        cursor.setPosition(place)
        cursor.setPosition(place + length, QTextCursor.MoveMode.KeepAnchor)
        return cursor

    def _tint(self) -> None:
        first = max(0, self._current - _MARKED // 2)
        tinted = []
        for place in self._found[first : first + _MARKED]:
            mark = QTextEdit.ExtraSelection()
            look = QTextCharFormat()
            look.setBackground(color("warn_soft"))
            mark.cursor = self._cursor(place)
            mark.format = look
            tinted.append(mark)
        self.text.setExtraSelections(tinted)

    def _show_count(self) -> None:
        if not self.search.text():
            self.count.setText("")
        elif not self._found:
            self.count.setText("Not found")
        else:
            self.count.setText(f"{self._current + 1:,} of {len(self._found):,}")
        self.forward.setEnabled(bool(self._found))
        self.backward.setEnabled(bool(self._found))

    def _copy_all(self) -> None:
        QGuiApplication.clipboard().setText(self._raw)


class LogPart(QWidget):
    """The log in a run's detail: its last line, and a button that unfolds the rest."""

    def __init__(self) -> None:
        super().__init__()
        self._log = ""
        self.last = label("", "caption", wrap=True)
        self.last.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.toggle = button("Show log", self._on_toggle, role="quiet")
        self.toggle.setCheckable(True)
        self.viewer = LogViewer()
        self.viewer.hide()
        head = row(label("Log", "section"), None, self.toggle)
        self.setLayout(column(head, self.last, self.viewer, spacing=6))

    def show_log(self, log: str) -> None:
        """Show a run's log as it is known so far."""
        self._log = log
        self.last.setText(last_line(log) or "The service has not written a log yet.")
        self.toggle.setEnabled(bool(log))
        if self.toggle.isChecked():
            self.viewer.show_log(log)

    def _on_toggle(self) -> None:
        unfolded = self.toggle.isChecked()
        self.toggle.setText("Hide log" if unfolded else "Show log")
        self.last.setVisible(not unfolded)
        self.viewer.setVisible(unfolded)
        if unfolded:
            self.viewer.show_log(self._log)
