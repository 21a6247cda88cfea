"""The real app on a display with a library of many pictures: `gallery_target.py DATA_DIR COUNT`.

Prints a line of JSON about the gallery whenever it changes; a line on stdin is the name of a file
that a picture of the window is written to.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image, ImageDraw
from PySide6.QtCore import QSocketNotifier, QTimer

from fluxlora_desktop.app import App, Options, make_qt
from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.domain.store_ports import Stores
from fluxlora_desktop.system.redaction import Redactor

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
FILES = 40
LOOK_MS = 40


def add_pictures(stores: Stores, count: int) -> None:
    """Fill the library with rows that have real files, some of them shared by several."""
    root = stores.files.root
    (root / "pictures").mkdir(exist_ok=True)
    (root / "thumbs" / "pictures").mkdir(parents=True, exist_ok=True)
    for number in range(FILES):
        image = Image.new("RGB", (640, 640), (40 + number * 5, 200 - number * 4, 120))
        ImageDraw.Draw(image).ellipse((80 + number * 4, 100, 400, 420 + number), (240, 230, 90))
        image.save(root / "pictures" / f"{number:02d}.png")
    rows = []
    for number in range(count):
        name = f"{number:018d}"
        source = root / "pictures" / f"{number % FILES:02d}.png"
        (root / "pictures" / f"{name}.png").hardlink_to(source)
        (root / "thumbs" / "pictures" / f"{name}.png").hardlink_to(source)
        rows.append(
            Picture(
                id=name,
                order_id=name[:16],
                state=PictureState.DONE,
                generator="replicate",
                model="flux-dev",
                base="flux.1-dev",
                prompt=f"picture {number} of a {'zebra' if number % 500 == 7 else 'fox'} at dawn",
                loras=(),
                width=640,
                height=640,
                steps=28,
                guidance=3.0,
                seed=number,
                created_at=BEGAN + timedelta(minutes=number),
                file=f"pictures/{name}.png",
                thumb=f"thumbs/pictures/{name}.png",
            )
        )
    stores.pictures.add(rows)


class Target:
    """Shows the gallery and tells what a person would see in it."""

    def __init__(self, app: App, count: int) -> None:
        self.app, self.count, self.said = app, count, ""
        self.timer = QTimer(interval=LOOK_MS)
        self.timer.timeout.connect(self.tell)
        self.stdin = QSocketNotifier(0, QSocketNotifier.Type.Read)
        self.stdin.activated.connect(self.shoot)
        app.session.ready.connect(self.on_ready)

    def on_ready(self) -> None:
        session = self.app.session
        pictures = session.desks.pictures.tools.stores.pictures
        if not pictures.ids():
            add_pictures(session.desks.pictures.tools.stores, self.count)
        session.window.setGeometry(0, 0, 1280, 860)
        session.window.setWindowTitle("GalleryTarget")
        session.window.go_to("gallery")
        self.page = session.window.page("gallery")
        self.timer.start()

    def tell(self) -> None:
        """Print what is shown, when it is not what was printed last."""
        page, browser = self.page, self.page.browser
        grid, model = browser.grid, browser.model
        first, last = grid.rows_in_sight()
        seen = [model.picture(row) for row in range(first, last + 1)]
        side = browser._delegate.side
        inside = first + grid.columns() + 1
        middle = grid.viewport().mapToGlobal(grid.visualRect(model.index(inside)).center())
        search = browser.filters.words
        line = json.dumps(
            {
                "rows": model.rowCount(),
                "first": first,
                "last": last,
                "filled": all(p and browser._thumbs.has(p.thumb, side) for p in seen),
                "current": browser.row(),
                "selected": sorted({i.row() for i in grid.selectedIndexes()})[:20],
                "viewing": page.viewer.picture.seed if page.viewing else -1,
                "whole": bool(page.viewing and page.viewer.large.get(page.viewer.picture)),
                "full_screen": page.viewer.full_screen,
                "comparing": len(page.compare.panes),
                "undo": self.app.session.window.undo_bar.isVisible(),
                "inside": inside,
                "middle": middle.toTuple(),
                "search": search.mapToGlobal(search.rect().center()).toTuple(),
            }
        )
        if line != self.said:
            self.said = line
            print(line, flush=True)

    def shoot(self) -> None:
        """Write a picture of the window under the name that came in."""
        name = sys.stdin.readline().strip()
        if not name:
            self.stdin.setEnabled(False)
            return
        self.app.session.window.screen().grabWindow(0).save(name)
        print(json.dumps({"shot": name}), flush=True)


qt = make_qt(sys.argv[:1])
app = App(Options(data_dir=Path(sys.argv[1]), practice=True), qt, Redactor())
target = Target(app, int(sys.argv[2]))
QTimer.singleShot(90_000, qt.quit)
code = qt.exec()
app.close()
sys.exit(code)
