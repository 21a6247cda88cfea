"""Render resources/app-icon.svg into the PNG, ICO and ICNS files that the systems ask for.

Run from anywhere: ``python tools/render_app_icons.py [--sheet FILE]``. The sheet shows every icon
of resources/icons at 20 and 40 pixels, tinted for the light and the dark theme.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Final

from PIL import Image
from PySide6.QtCore import QBuffer, QIODevice, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

RESOURCES: Final = Path(__file__).resolve().parent.parent / "resources"
ICO_SIZES: Final = (16, 24, 32, 48, 64, 128, 256)
ICNS_SIZES: Final = (16, 32, 64, 128, 256, 512, 1024)
COLUMNS: Final = 9
THEMES: Final = (("#F9F9F8", "#21201C"), ("#111113", "#EDEEF0"))


def draw(svg: Path, side: int, tint: str | None = None) -> Image.Image:
    """Draw an SVG as a square of ``side`` pixels, optionally in one colour."""
    picture = QImage(side, side, QImage.Format.Format_ARGB32_Premultiplied)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(str(svg)).render(painter)
    painter.end()
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    picture.save(buffer, "PNG")
    image = Image.open(io.BytesIO(bytes(buffer.data().data()))).convert("RGBA")
    if tint:
        coloured = Image.new("RGBA", image.size, tint)
        coloured.putalpha(image.getchannel("A"))
        return coloured
    return image


def write_app_icons() -> None:
    """Write app-icon.png (256 pixels), app-icon.ico and app-icon.icns."""
    svg = RESOURCES / "app-icon.svg"
    drawn = {side: draw(svg, side) for side in {*ICO_SIZES, *ICNS_SIZES}}
    drawn[256].save(RESOURCES / "app-icon.png", optimize=True)
    drawn[256].save(
        RESOURCES / "app-icon.ico",
        sizes=[(side, side) for side in ICO_SIZES],
        append_images=[drawn[side] for side in ICO_SIZES[:-1]],
    )
    drawn[1024].save(
        RESOURCES / "app-icon.icns", append_images=[drawn[side] for side in ICNS_SIZES[:-1]]
    )


def write_sheet(target: Path) -> None:
    """Write a contact sheet of all icons in both themes."""
    icons = sorted((RESOURCES / "icons").glob("*.svg"))
    rows = -(-len(icons) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * 96, rows * 56 * len(THEMES)), "white")
    for theme, (ground, ink) in enumerate(THEMES):
        top = theme * rows * 56
        sheet.paste(Image.new("RGB", (sheet.width, rows * 56), ground), (0, top))
        for index, svg in enumerate(icons):
            x, y = index % COLUMNS * 96, top + index // COLUMNS * 56
            for side, left in ((20, 8), (40, 40)):
                icon = draw(svg, side, ink)
                sheet.paste(icon, (x + left, y + 28 - side // 2), icon)
    sheet.save(target)


def main() -> None:
    """Render the app icons, and the sheet when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    application = QGuiApplication([])
    write_app_icons()
    if options.sheet:
        write_sheet(options.sheet)
    application.quit()


if __name__ == "__main__":
    main()
