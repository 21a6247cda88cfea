"""What was changed last is there at the next start, however fast the app was closed."""

from __future__ import annotations

from pathlib import Path

from pytestqt.qtbot import QtBot

from fluxlora_desktop.ui.desks.draft import DraftDesk
from tests.ui.desk_bench import CopyingPhotos, DeskBench


def test_caption_typed_as_the_window_closes_is_kept(qtbot: QtBot, tmp_path: Path) -> None:
    with DeskBench(tmp_path, photos=CopyingPhotos()) as bench:
        bench.draft()
        desk = DraftDesk(bench.tools, bench.jobs, bench.owner)
        with qtbot.waitSignal(desk.changed):
            desk.load()
        first = desk.draft().dataset.photos[0].photo.sha256

        desk.set_caption(first, "a fox")
        desk.set_caption(first, "a fox in the snow")
        assert bench.jobs.shutdown(30_000)
        desk.finish_saving()

        kept = bench.tools.stores.datasets.get(desk.draft().dataset.id)
        assert kept.photos[0].caption == "a fox in the snow"


def test_what_was_saved_is_not_saved_again_at_the_end(qtbot: QtBot, tmp_path: Path) -> None:
    with DeskBench(tmp_path, photos=CopyingPhotos()) as bench:
        bench.draft()
        desk = DraftDesk(bench.tools, bench.jobs, bench.owner)
        with qtbot.waitSignal(desk.changed):
            desk.load()
        dataset = desk.draft().dataset
        first, store = dataset.photos[0].photo.sha256, bench.tools.stores.datasets
        desk.set_caption(first, "a fox")
        qtbot.waitUntil(lambda: bench.jobs.live() == 0)

        store.set_caption(dataset.id, first, "changed meanwhile")
        desk.finish_saving()

        assert store.get(dataset.id).photos[0].caption == "changed meanwhile"
