"""The gallery as it is first written: a list widget with an item for each row, searched by LIKE."""

import sqlite3
from contextlib import closing
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import QListWidget, QListWidgetItem

SIDE = 188
_ROWS = "SELECT id, prompt, thumb FROM pictures WHERE trashed_at IS NULL"
_ORDER = " ORDER BY created_at DESC, seq DESC"


class NaiveGallery(QListWidget):
    """Shows all rows of a library; its icons are shared and decoded before it is asked."""

    def __init__(self, database: Path, thumbs: list[Path]) -> None:
        super().__init__()
        self._database = database
        self.setViewMode(QListWidget.ViewMode.IconMode)
        self.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.setIconSize(QSize(SIDE, SIDE))
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        keep, smooth = (
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        self._icons = [
            QIcon(QPixmap(str(path)).scaled(SIDE, SIDE, keep, smooth)) for path in thumbs
        ]

    def read(self, word: str = "") -> None:
        """Fill the list with every row, or with those whose prompt holds a word."""
        self.clear()
        for number, (_picture_id, prompt, _thumb) in enumerate(self.rows(word)):
            item = QListWidgetItem(self._icons[number % len(self._icons)], "")
            item.setToolTip(prompt)
            self.addItem(item)

    def rows(self, word: str = "") -> list[tuple[str, str, str]]:
        """Return the rows."""
        wanted = " AND prompt LIKE ?" if word else ""
        given = (f"%{word}%",) if word else ()
        with closing(sqlite3.connect(self._database)) as database:
            return database.execute(_ROWS + wanted + _ORDER, given).fetchall()

    def add_on_top(self) -> None:
        """Put one more picture first."""
        self.insertItem(0, QListWidgetItem(self._icons[0], ""))


def _icon(path: Path) -> QIcon:
    keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    return QIcon(QPixmap(str(path)).scaled(SIDE, SIDE, keep, smooth))
