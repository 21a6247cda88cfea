"""The captions left of the editor: a filter, a menu of tools, and the list itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QInputDialog,
    QLineEdit,
    QListView,
    QMenu,
    QPushButton,
    QToolButton,
    QWidget,
)

from fluxlora_desktop.domain.caption_filter import CaptionFilter
from fluxlora_desktop.domain.datasets import Finding
from fluxlora_desktop.domain.ports import Files
from fluxlora_desktop.ui import theme
from fluxlora_desktop.ui.create.photo_model import PhotoModel, PhotoRow, PhotoRows
from fluxlora_desktop.ui.create.photo_paint import LineDelegate
from fluxlora_desktop.ui.desks.draft import Draft
from fluxlora_desktop.ui.icons import icon
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.units import plural
from fluxlora_desktop.ui.widgets import Card, button, icon_button, label, row

_PAUSE_MS = 150
_SHORT, _LONG = 8, 40
_MOST_WORDS = 999
AskNumber = Callable[[QWidget, str, int, Callable[[int], None]], None]


class CaptionRows(QListView):
    """The list itself; `editing()` by Enter."""

    editing = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ask for the editor by Enter."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and not event.modifiers():
            self.editing.emit()
        else:
            super().keyPressEvent(event)


class CaptionList(Card):
    """Lists the captions that the filter shows; `chosen(str)` when the person goes to another.

    `editing()` when Enter is pressed on the one that is chosen.

    The photo in the editor stays chosen, and stays in the list until the person leaves it, also
    when what is written there no longer fits the filter. `ask_number` asks for a number of words.
    """

    chosen = Signal(str)
    selected_changed = Signal()
    editing = Signal()

    def __init__(self, thumbs: ThumbLoader, files: Files, tools: QMenu) -> None:
        super().__init__(margin=8, spacing=8)
        self.setFixedWidth(theme.INSPECTOR_WIDTH)
        self._rows = PhotoRows(files)
        self._draft: Draft | None = None
        self._current = ""
        self._placing = self._choosing = False
        self.ask_number: AskNumber = ask_number
        self.filter = CaptionFilter()
        self.model = PhotoModel(self)
        self.list = self._make_list(thumbs)
        self.words = self._make_field()
        self.filter_menu = QMenu(self)
        self.filter_menu.aboutToShow.connect(self._fill_menu)
        self.filter_button = icon_button("filter", "Filter captions")
        self.filter_button.setMenu(self.filter_menu)
        self.filter_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.tools_button = QPushButton("Tools")
        self.tools_button.setObjectName("caption_tools")
        self.tools_button.setAccessibleName("Tools for all captions")
        self.tools_button.setMenu(tools)
        self.shown_words = label("", "caption")
        self.shown_words.setObjectName("caption_filter_says")
        self.clear_button = button("Show all", self.clear_filter, role="link")
        self.clear_button.setObjectName("caption_filter_clear")
        self._standing = QWidget()
        self._standing.setLayout(row(self.shown_words, None, self.clear_button, spacing=4))
        bar = row(self.words, self.filter_button, self.tools_button, spacing=4)
        bar.setStretch(0, 1)
        self.body.addLayout(bar)
        self.body.addWidget(self._standing)
        self.body.addWidget(self.list, 1)
        self._soon = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._soon.timeout.connect(self._on_words)
        self._tidy = QTimer(self, singleShot=True, interval=0)
        self._tidy.timeout.connect(self._show)
        QShortcut(QKeySequence.StandardKey.Find, self, self._on_find)
        self._escape = QShortcut(Qt.Key.Key_Escape, self, self.clear_filter)
        self._say()

    def _make_list(self, thumbs: ThumbLoader) -> QListView:
        made = CaptionRows()
        made.setObjectName("caption_list")
        made.setAccessibleName("Photos and their captions")
        made.setItemDelegate(LineDelegate(thumbs, made))
        made.setUniformItemSizes(True)
        made.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
        made.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        made.setModel(self.model)
        made.selectionModel().currentChanged.connect(self._on_current)
        made.selectionModel().selectionChanged.connect(self._on_selected)
        thumbs.ready.connect(self._on_thumb)
        made.editing.connect(self.editing)
        return made

    def _make_field(self) -> QLineEdit:
        made = QLineEdit()
        made.setObjectName("caption_filter")
        made.setPlaceholderText("Filter captions")
        made.setAccessibleName("Filter captions by words")
        made.setClearButtonEnabled(True)
        self._glass = made.addAction(
            icon("search", "muted"), QLineEdit.ActionPosition.LeadingPosition
        )
        made.textChanged.connect(self._on_typed)
        made.returnPressed.connect(self.list.setFocus)
        return made

    def show_draft(self, draft: Draft) -> None:
        """Show the captions as they stand now."""
        self._draft = draft
        self._show()

    def select(self, sha256: str) -> None:
        """Mark the photo that is in the editor, and bring it into sight where it is listed."""
        self._current = sha256
        self._mark()

    def selected(self) -> tuple[str, ...]:
        """Return the hashes of the photos that are selected in the list."""
        rows = (self.model.row(index) for index in self.list.selectionModel().selectedIndexes())
        return tuple(one.sha256 for one in rows if one is not None)

    def _on_selected(self, *_changes: object) -> None:
        self.selected_changed.emit()

    def place(self) -> int:
        """Return the row of the photo in the editor, or -1."""
        return self.model.place_of(self._current)

    def set_filter(self, wanted: CaptionFilter) -> None:
        """Show only what fits."""
        self.filter = wanted
        self._show(anew=True)

    def clear_filter(self) -> None:
        """Show all captions again, with the keyboard where it was, or in the list."""
        self._soon.stop()
        with QSignalBlocker(self.words):
            self.words.clear()
        if self.words.hasFocus():
            self.list.setFocus(Qt.FocusReason.OtherFocusReason)
        self.set_filter(CaptionFilter())

    def _show(self, *, anew: bool = False) -> None:
        if self._draft is None:
            return
        rows = self._rows.of(self._draft)
        listed = {one.sha256 for one in self.model.rows()}
        kept = set() if anew else listed if self._choosing else listed & {self._current}
        items = zip(self._draft.dataset.photos, rows, strict=True)
        self._place(
            [
                one
                for item, one in items
                if one.sha256 in kept or self.filter.shows(item, self._draft.findings)
            ]
        )
        self._say()

    def _place(self, rows: list[PhotoRow]) -> None:
        self._placing = True
        self.model.show_rows(rows)
        self._placing = False
        self._mark()

    def _mark(self) -> None:
        place, choice = self.place(), self.list.selectionModel()
        self._placing = True
        if place < 0:
            choice.clear()
        elif choice.currentIndex().row() != place or not choice.hasSelection():
            flag = QItemSelectionModel.SelectionFlag.ClearAndSelect
            choice.setCurrentIndex(self.model.index(place), flag)
        self._placing = False

    def _on_current(self, index: QModelIndex, _before: QModelIndex) -> None:
        found = self.model.row(index)
        if self._placing or found is None or found.sha256 == self._current:
            return
        self._current = found.sha256
        self._choosing = True  # rows do not go while the list is at work on one
        self.chosen.emit(self._current)
        self._choosing = False
        if self.filter:
            self._tidy.start()

    def _say(self) -> None:
        total = len(self._draft.dataset.photos) if self._draft else 0
        shown = self.model.rowCount()
        self._standing.setVisible(bool(self.filter))
        self._escape.setEnabled(bool(self.filter))
        said = ", ".join(filter(None, (f"{shown} of {plural(total, 'photo')}", self._asks())))
        self.shown_words.setText(said)
        self.list.setAccessibleDescription(said if self.filter else "")

    def _asks(self) -> str:
        """Return what the menu's filter is, in words."""
        wanted = self.filter
        if wanted.missing:
            return "no caption"
        if wanted.shorter is not None:
            return f"under {plural(wanted.shorter, 'word')}"
        if wanted.longer is not None:
            return f"over {plural(wanted.longer, 'word')}"
        return "with a finding" if wanted.finding else ""

    def _on_typed(self) -> None:
        self._soon.start()

    def _on_words(self) -> None:
        self.set_filter(replace(self.filter, words=self.words.text()))

    def _on_find(self) -> None:
        self.words.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.words.selectAll()

    def _fill_menu(self) -> None:
        menu, wanted = self.filter_menu, self.filter
        menu.clear()
        group = QActionGroup(menu)
        everything = CaptionFilter(words=wanted.words)
        self._offer(group, "&All captions", everything)
        self._offer(group, "&No caption", replace(everything, missing=True))
        short = wanted.shorter if wanted.shorter is not None else _SHORT
        shorter = menu.addAction("&Shorter than…", partial(self._ask, "shorter", short))
        long = wanted.longer if wanted.longer is not None else _LONG
        longer = menu.addAction("&Longer than…", partial(self._ask, "longer", long))
        for action, on in ((shorter, wanted.shorter), (longer, wanted.longer)):
            action.setCheckable(True)
            action.setChecked(on is not None)
        menu.addSeparator()
        for finding in self._findings():
            says = finding.says.split(". ")[0].rstrip(".").replace("&", "&&")
            self._offer(group, says, replace(everything, finding=finding.what))

    def _offer(self, group: QActionGroup, says: str, wanted: CaptionFilter) -> QAction:
        action = self.filter_menu.addAction(says, partial(self.set_filter, wanted))
        action.setCheckable(True)
        action.setChecked(self.filter == wanted)
        group.addAction(action)
        return action

    def _findings(self) -> tuple[Finding, ...]:
        found = self._draft.findings if self._draft else ()
        return tuple({one.what: one for one in found if one.photos}.values())

    def _ask(self, which: str, number: int) -> None:
        question = "Captions shorter than" if which == "shorter" else "Captions longer than"
        self.ask_number(self, question, number, partial(self._on_number, which))

    def _on_number(self, which: str, number: int) -> None:
        wanted = CaptionFilter(words=self.filter.words)
        short = which == "shorter"
        self.set_filter(
            replace(wanted, shorter=number) if short else replace(wanted, longer=number)
        )

    def _on_thumb(self, _path: str) -> None:
        self.list.viewport().update()

    def on_theme_changed(self) -> None:
        """Draw the icon in the field again."""
        self._glass.setIcon(icon("search", "muted"))


def ask_number(parent: QWidget, question: str, number: int, take: Callable[[int], None]) -> None:
    """Ask for a number of words; `take` gets it, or nothing is called."""
    dialog = QInputDialog(parent)
    dialog.setWindowTitle("Filter captions")
    dialog.setLabelText(f"{question} so many words")
    dialog.setInputMode(QInputDialog.InputMode.IntInput)
    dialog.setIntRange(0, _MOST_WORDS)
    dialog.setIntValue(number)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.intValueSelected.connect(take)
    dialog.open()
