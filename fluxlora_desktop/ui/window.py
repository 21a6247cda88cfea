"""The main window: the sidebar, the page in front, the bars, the menus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QByteArray, Qt, QUrl, Signal
from PySide6.QtGui import QAction, QCloseEvent, QDesktopServices, QKeySequence
from PySide6.QtWidgets import QMainWindow, QStackedWidget, QWidget

from fluxlora_desktop.ui.bars import NoticeBar, UndoBar
from fluxlora_desktop.ui.help import HelpDialog
from fluxlora_desktop.ui.notices import BILLING_PAGES, STATUS_PAGES, Action, Notice
from fluxlora_desktop.ui.page import Page
from fluxlora_desktop.ui.save_bar import SaveBar, ask_close_unsaved
from fluxlora_desktop.ui.shortcuts import ShortcutSheet, groups_of
from fluxlora_desktop.ui.sidebar import PLACES, Sidebar
from fluxlora_desktop.ui.theme import Theme
from fluxlora_desktop.ui.widgets import column, label, retint, row

SMALLEST = (960, 640)
FIRST_SIZE = (1280, 820)


@dataclass(frozen=True, slots=True)
class WindowState:
    """What is restored at the next start."""

    geometry: QByteArray
    place: str


class MainWindow(QMainWindow):
    """The frame comes first and empty; `fill` brings the pages when the library is open.

    `closing()` before the window goes, `reveal_requested(Path)`, `leave_practice_requested()`,
    `retry_requested()` for what failed last, `diagnostics_requested()`.
    `redact` takes tokens out of notices.
    """

    closing = Signal()
    reveal_requested = Signal(object)
    leave_practice_requested = Signal()
    retry_requested = Signal()
    diagnostics_requested = Signal()

    def __init__(
        self,
        *,
        theme: Theme,
        practice: bool,
        open_page: Callable[[str], object] | None = None,
        redact: Callable[[str], str] | None = None,
    ) -> None:
        super().__init__()
        self.setObjectName("main_window")
        self.setWindowTitle("FluxLoRA Desktop – Practice" if practice else "FluxLoRA Desktop")
        self.setMinimumSize(*SMALLEST)
        self.resize(*FIRST_SIZE)
        self._theme = theme
        self._open_page = open_page or (lambda url: QDesktopServices.openUrl(QUrl(url)))
        self._makers: Mapping[str, Callable[[], Page]] = {}
        self._pages: dict[str, Page] = {}
        self._place = ""
        self.sidebar = Sidebar(practice=practice)
        self.sidebar.chosen.connect(self.go_to)
        self.sidebar.leave_practice_requested.connect(self.leave_practice_requested)
        self.stack = QStackedWidget()
        self._loading = label("Opening your library…", "muted")
        self._loading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.stack.addWidget(self._loading)
        self.notices = NoticeBar(redact=redact)
        self.notices.acted.connect(self._on_acted)
        self.notices.diagnostics_requested.connect(self.diagnostics_requested)
        self.undo_bar = UndoBar()
        self.save_bar = SaveBar()
        self._closes_unsaved = False
        bars = column(self.save_bar, self.notices, self.undo_bar, spacing=8)
        bars.setContentsMargins(24, 0, 24, 12)
        right = column(self.stack, bars, spacing=0)
        right.setStretch(0, 1)
        inside = row(self.sidebar, right, spacing=0)
        inside.setStretch(1, 1)
        middle = QWidget()
        middle.setLayout(inside)
        self.setCentralWidget(middle)
        self._make_menu()
        theme.changed.connect(self._on_theme_changed)

    def _make_menu(self) -> None:
        bar = self.menuBar()
        bar.setNativeMenuBar(True)
        edit = bar.addMenu("&Edit")
        self.undo_action = QAction("Undo", self)
        self.undo_action.setShortcuts(QKeySequence.StandardKey.Undo)
        self.undo_action.triggered.connect(self._undo)
        self.redo_action = QAction("Redo", self)
        self.redo_action.setShortcuts(QKeySequence.StandardKey.Redo)
        self.redo_action.triggered.connect(self._redo)
        edit.addActions([self.undo_action, self.redo_action])
        go = bar.addMenu("&Go")
        for name, words, _symbol in PLACES:
            action = QAction(words, self)
            action.triggered.connect(partial(self.go_to, name))
            go.addAction(action)
        app = bar.addMenu("&Window")
        self.close_action = QAction("Close", self)
        self.close_action.setShortcuts(QKeySequence.StandardKey.Close)
        self.close_action.triggered.connect(self.close)
        app.addAction(self.close_action)
        self.help_action = QAction("Help", self)
        self.help_action.setShortcut(QKeySequence(Qt.Key.Key_F1))
        self.help_action.triggered.connect(self.show_help)
        self.diagnostics_action = QAction("Diagnostics…", self)
        self.diagnostics_action.triggered.connect(self.diagnostics_requested)
        self.keys_action = QAction("Keyboard shortcuts", self)
        self.keys_action.setShortcut(QKeySequence("?"))
        self.keys_action.triggered.connect(self.show_shortcuts)
        help_menu = bar.addMenu("&Help")
        help_menu.addActions([self.help_action, self.keys_action, self.diagnostics_action])

    def fill(self, makers: Mapping[str, Callable[[], Page]], first: str) -> None:
        """Take the pages, each made when it is first shown, and show the first."""
        self._makers = makers
        self.go_to(first if first in makers else next(iter(makers)))

    def say_opening(self, words: str = "Opening your library…") -> None:
        """Say in the middle what is being done; the pages come when the library is open."""
        self._loading.setText(words)
        self._show_middle(self._loading)

    def show_in_the_middle(self, page: QWidget) -> None:
        """Show a page in place of all places, such as why the library is not open."""
        self.stack.addWidget(page)
        self._show_middle(page)

    def _show_middle(self, page: QWidget) -> None:
        before = self.stack.currentWidget()
        self.stack.setCurrentWidget(page)
        if before is not None and before not in {page, self._loading}:
            self.stack.removeWidget(before)
            before.deleteLater()

    def say_not_open(self) -> None:
        """Say in the middle that the library is not open; the notice below says why."""
        self._loading.setText("Your library is not open.")

    def page(self, name: str) -> Page:
        """Return a page, making it if it was not shown yet."""
        if name not in self._pages:
            page = self._makers[name]()
            page.go.connect(self.go_to)
            self._pages[name] = page
            self.stack.addWidget(page)
        return self._pages[name]

    def place(self) -> str:
        """Return the name of the page in front."""
        return self._place

    def go_to(self, name: str, what: object = None) -> None:
        """Bring a page to the front, with what it shall show."""
        if name not in self._makers:
            return
        page = self.page(name)
        self._place = name
        self.stack.setCurrentWidget(page)
        self.sidebar.show_place(page.under or name)
        page.shown()
        page.setFocus(Qt.FocusReason.OtherFocusReason)  # Tab then enters the page at its first part
        if what is not None and not isinstance(what, bool):
            page.arrive(what)

    def forget_page(self, name: str) -> None:
        """Let a page go, so that it is made anew when it is shown again."""
        page = self._pages.pop(name, None)
        if page is not None:
            self.stack.removeWidget(page)
            page.deleteLater()

    def show_help(self) -> None:
        """Show the help over the window."""
        dialog = HelpDialog(self)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def show_shortcuts(self) -> None:
        """Show what the keys of the page in front do; the help where it names none itself."""
        page = self._pages.get(self._place)
        groups = groups_of(page) if page is not None else ()
        if page is None or not groups:
            self.show_help()
            return
        sheet = ShortcutSheet(page.title.text(), groups, self)
        sheet.finished.connect(sheet.deleteLater)
        sheet.open()

    def open_web_page(self, url: str) -> None:
        """Open a web page in the person's browser."""
        if url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            self._open_page(url)

    def _on_acted(self, notice: Notice) -> None:
        if notice.action is Action.SETTINGS:
            self.go_to("settings", notice.target)
        elif notice.action is Action.BILLING:
            self.open_web_page(BILLING_PAGES[notice.target])
        elif notice.action is Action.STATUS_PAGE:
            self.open_web_page(STATUS_PAGES[notice.target])
        elif notice.action is Action.WEB_PAGE:
            self.open_web_page(notice.target)
        elif notice.action is Action.RUNS:
            self.go_to("runs", notice.target or None)
        elif notice.action is Action.DATA_FOLDER:
            self.reveal_requested.emit(Path(notice.target))
        elif notice.action is Action.COMPUTER:
            self.go_to("computer")
        elif notice.action is Action.RETRY:
            self.retry_requested.emit()
        elif notice.action is Action.ROUTE and notice.route is not None:
            self.go_to("gallery", notice.route)

    def _undo(self) -> None:
        page = self._pages.get(self._place)
        stack = page.undo_stack if page is not None else None
        if stack is not None and stack.canUndo():
            stack.undo()
        else:
            self.undo_bar.undo()

    def _redo(self) -> None:
        page = self._pages.get(self._place)
        stack = page.undo_stack if page is not None else None
        if stack is not None:
            stack.redo()

    def _on_theme_changed(self) -> None:
        self.sidebar.retint()
        retint(self)
        for page in self._pages.values():
            page.on_theme_changed()

    def state(self) -> WindowState:
        """Return what to restore at the next start."""
        page = self._pages.get(self._place)
        place = page.under if page is not None and page.under else self._place
        return WindowState(self.saveGeometry(), place)

    def _close_unsaved(self) -> None:
        self._closes_unsaved = True
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Say that the window goes; with changes that the disk does not take, ask first."""
        if self.save_bar.waiting and not self._closes_unsaved:
            event.ignore()
            ask_close_unsaved(self, self.save_bar.waiting, self._close_unsaved)
            return
        self.closing.emit()
        super().closeEvent(event)
