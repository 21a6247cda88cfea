"""Photos with names of every kind: taken in, kept, and shown without their tricks."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from create_ground import Ground, open_ground
from PIL import Image
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.errors import UnreadablePhoto
from fluxlora_desktop.domain.names import kept_name, shown_name
from fluxlora_desktop.ui.notices import notice_for

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="other systems refuse most of these names"
)
NAMES = (
    *("photo\u202egpj.exe.jpg", "zero\u200bwidth.jpg", "two\nlines.jpg", "-rf.jpg", "CON.jpg"),
    *(
        "CON",
        "trailing dot.",
        " space .jpg",
        "👨\u200d👩\u200d👧.jpg",
        "צילום.jpg",
        "<b>bold<b>.jpg",
    ),
    *("é.jpg", "e\u0301.jpg", "'; DROP TABLE photos; --.jpg", "%s%n.jpg", "$(reboot).jpg"),
    *("a" * 251 + ".jpg", os.fsdecode(b"caf\xe9 \xff.jpg"), "\x1b[31mred.jpg", "..jpg", "a&b.jpg"),
)


@pytest.fixture
def ground(qtbot: QtBot, tmp_path: Path) -> Iterator[Ground]:
    with open_ground(qtbot, tmp_path) as made:
        yield made


def photo(folder: Path, name: str, shade: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (96, 64), (shade, 40, 90)).save(folder / "plain.jpg", quality=95)
    return (folder / "plain.jpg").rename(folder / name)


def test_every_name_is_kept_as_data_and_shown_plainly(ground: Ground) -> None:
    paths = [photo(ground.folder / "n", name, 5 * place) for place, name in enumerate(NAMES)]

    ground.draft.add_files(paths)
    ground.wait(lambda: len(ground.names()) == len(NAMES))
    ground.settle()

    kept = ground.stores.datasets.get(ground.now().dataset.id)
    assert [item.photo.name for item in kept.photos] == [kept_name(name) for name in NAMES]
    model = ground.page.photos.model
    for place, name in enumerate(NAMES):
        tip = model.index(place, 0).data(Qt.ItemDataRole.ToolTipRole)
        says = model.index(place, 0).data(Qt.ItemDataRole.AccessibleTextRole)
        assert shown_name(kept_name(name)) in says
        for text in (tip, says):
            assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in text)
            assert "\u202e" not in text
        assert "<" not in tip or (tip.startswith("<span>") and "<b>" not in tip)
    ours = [path for path in ground.stores.files.root.rglob("*") if path.is_file()]
    stems = {path.name for path in ours if path.parent.name in {"photos", "working"}}
    assert stems and all(set(name.partition(".")[0]) <= set("0123456789abcdef") for name in stems)


def test_refused_name_is_shown_plainly(ground: Ground) -> None:
    folder = ground.folder / "n"
    folder.mkdir(parents=True)
    (folder / "no\u202egpj\n.jpg").write_bytes(b"")
    (folder / os.fsdecode(b"\xff.jpg")).write_bytes(b"")

    ground.draft.add_files(sorted(folder.iterdir()))
    refused = ground.page.photos.refused
    ground.wait(lambda: refused.text.count("\n") == 1)

    assert r"no\u202egpj\n.jpg: it is empty" in refused.text
    assert r"\udcff.jpg: it is empty" in refused.text


def test_notice_shows_a_name_plainly() -> None:
    error = UnreadablePhoto("a\u202eb\udcff\n.jpg", "it is damaged")

    assert notice_for(error).title == r"a\u202eb\udcff\n.jpg cannot be used: it is damaged."
