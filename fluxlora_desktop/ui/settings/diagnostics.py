"""Diagnostics: shown whole before a person copies or saves them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QDialog, QFileDialog, QPlainTextEdit, QWidget

from fluxlora_desktop.domain.services import SERVICES
from fluxlora_desktop.domain.work import JobContext
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.system.diagnostics import Surface
from fluxlora_desktop.ui.desks.accounts import AccountDesk
from fluxlora_desktop.ui.theme import Theme
from fluxlora_desktop.ui.widgets import button, column, label, row, set_role

_SAFE = (
    "Safe to post: it holds no token and names no person, photo, prompt, repo or account. "
    "This is all of it; look it through before you pass it on."
)
_FILE = "fluxlora-diagnostics.txt"
SaveTo = Callable[[Callable[[Path], None]], None]


class DiagnosticsDialog(QDialog):
    """Gathers the text in the background, shows it, and copies or saves what it shows."""

    def __init__(
        self,
        *,
        jobs: JobRunner,
        gather: Callable[[JobContext], str],
        choose_file: SaveTo | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Diagnostics")
        self.setAccessibleName("Diagnostics")
        self.resize(720, 620)
        self._jobs = jobs
        self._choose_file = choose_file or self._ask_for_file
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setAccessibleName("Diagnostics text")
        self.text.setPlaceholderText("Gathering…")
        self.remark = label("", "caption", wrap=True)
        self.save_button = button("Save as…", self._on_save)
        self.copy_button = button("Copy", self._on_copy, role="primary")
        self.close_button = button("Close", self.accept)
        for made in (self.save_button, self.copy_button):
            made.setEnabled(False)
        self.setLayout(
            column(
                label("Diagnostics", "section"),
                label(_SAFE, "muted", wrap=True),
                self.text,
                self.remark,
                row(self.close_button, None, self.save_button, self.copy_button),
                spacing=10,
                margin=20,
            )
        )
        self.finished.connect(self.deleteLater)
        job = jobs.start("Gather diagnostics", gather, lane="details")
        job.succeeded.connect(self._show)
        job.failed.connect(self._on_failed)

    def _show(self, text: str) -> None:
        self.text.setPlainText(text)
        for made in (self.save_button, self.copy_button):
            made.setEnabled(True)
        self.copy_button.setDefault(True)
        self.copy_button.setFocus()

    def _on_failed(self, error: object) -> None:
        self.text.setPlaceholderText("")
        self._say(f"They could not be gathered: {type(error).__name__}.", "danger")

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())
        self._say("Copied.", "ok")

    def _on_save(self) -> None:
        self._choose_file(self._save)

    def _ask_for_file(self, take: Callable[[Path], None]) -> None:
        dialog = QFileDialog(self, "Save diagnostics", _FILE, "Text (*.txt)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("txt")
        dialog.fileSelected.connect(lambda name: take(Path(name)))
        dialog.open()

    def _save(self, path: Path) -> None:
        text = self.text.toPlainText()
        job = self._jobs.start(
            "Save diagnostics", lambda _ctx: path.write_text(text, "utf-8"), lane="disk"
        )
        job.succeeded.connect(lambda _count: self._say(f"Saved as {path.name}.", "ok"))
        job.failed.connect(lambda error: self._say(f"Not saved: {error}", "danger"))

    def _say(self, words: str, role: str) -> None:
        self.remark.setText(words)
        set_role(self.remark, role)


def surface(theme: Theme, accounts: AccountDesk | None) -> Surface:
    """Return what is shown where and how the accounts stand, without their names."""
    screens = tuple(
        f"screen {screen.size().width()} x {screen.size().height()}, "
        f"scale {screen.devicePixelRatio():g}, {screen.logicalDotsPerInch():.0f} dpi"
        for screen in QGuiApplication.screens()
    )
    stand = {f.key: str(accounts.state(f.key).status.value) for f in SERVICES} if accounts else {}
    look = "dark" if theme.dark else "light"
    return Surface(QGuiApplication.platformName(), screens, f"{theme.scheme}, {look}", stand)
