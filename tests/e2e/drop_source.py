"""A window that one can drag files out of: `drop_source.py FILE...`, for the drop test."""

from __future__ import annotations

import sys

from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QDrag, QMouseEvent
from PySide6.QtWidgets import QApplication, QLabel


class Source(QLabel):
    """Starts a drag of the files when the mouse is pressed."""

    def mousePressEvent(self, event: QMouseEvent) -> None:
        drag = QDrag(self)
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(path) for path in sys.argv[1:]])
        drag.setMimeData(data)
        drag.exec(Qt.DropAction.CopyAction)


app = QApplication(sys.argv[:1])
source = Source("Drag me")
source.setWindowTitle("DragSource")
source.setGeometry(20, 60, 200, 200)
source.show()
sys.exit(app.exec())
