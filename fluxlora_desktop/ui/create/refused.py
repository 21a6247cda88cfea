"""Files that were left out, in words, until the person closes the list."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame

from fluxlora_desktop.domain.errors import DatasetError
from fluxlora_desktop.domain.names import shown_name
from fluxlora_desktop.ui.desks.photo_intake import Refused
from fluxlora_desktop.ui.notices import notice_for
from fluxlora_desktop.ui.widgets import Symbol, column, icon_button, label, row
from fluxlora_desktop.ui.wording import plural

_MOST_LINES = 6


class RefusedList(QFrame):
    """Names each file that was left out and why; more come on top of what is there."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("refused_files")
        self.setProperty("role", "notice")
        self.setProperty("tone", "warn")
        self._refused: list[Refused] = []
        self._title = label("", "strong")
        self._lines = label("", wrap=True)
        close = icon_button("close", "Close this list", self.dismiss)
        close.setObjectName("close_refused")
        top = Qt.AlignmentFlag.AlignTop
        layout = row(spacing=8, margin=10)
        layout.addWidget(Symbol("warning", "warn", 18), 0, top)
        layout.addLayout(column(self._title, self._lines, spacing=2), 1)
        layout.addWidget(close, 0, top)
        self.setLayout(layout)
        self.hide()

    @property
    def text(self) -> str:
        """Return the words that are shown."""
        return self._lines.text()

    def add(self, refused: Sequence[Refused]) -> None:
        """Show files that were left out."""
        self._refused += refused
        lines = [_words(one) for one in self._refused[:_MOST_LINES]]
        rest = len(self._refused) - len(lines)
        if rest:
            lines.append(f"and {plural(rest, 'more', 'more')}")
        count = plural(len(self._refused), "file was", "files were")
        self._title.setText(f"{count} left out")
        self._lines.setText("\n".join(lines))
        self.setAccessibleName(f"{count} left out. {'. '.join(lines)}")
        self.show()

    def dismiss(self) -> None:
        """Close the list and forget it."""
        self._refused.clear()
        self.hide()


def _words(one: Refused) -> str:
    name = shown_name(one.path.name or str(one.path))
    if isinstance(one.error, DatasetError):
        return f"{name}: {one.error.reason}"
    return f"{name}: {notice_for(one.error).title}"
