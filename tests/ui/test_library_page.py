"""The Library page over a real library, real desks and real jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from desk_fixtures import add_lora, add_run, nameless, publish
from fakes import FakeHub, FakeTrainer, FolderTrash, WallClock, make_tools, write_lora
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QApplication, QPushButton, QWidget
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.errors import NotFoundAtService
from fluxlora_desktop.domain.loras import HubStatus, Lora, PublicationStatus
from fluxlora_desktop.domain.ports import Stores
from fluxlora_desktop.domain.runs import RunState
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.pictures import RouteChoice
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.ui.library.model import LoraCard
from fluxlora_desktop.ui.library.page import LibraryPage
from fluxlora_desktop.ui.picklist import RowModel
from tests.ui.seen import seen

_HANDS = (Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)


@dataclass
class Bench:
    """Everything around the page; `picked` is the file that the file dialog answers."""

    stores: Stores
    hub: FakeHub
    runs: RunDesk
    loras: LoraDesk
    jobs: JobRunner
    qtbot: QtBot
    picked: str = ""
    asked_public: list[str] = field(default_factory=list)

    def show(self) -> LibraryPage:
        with self.qtbot.waitSignals([self.runs.listed, self.loras.listed]):
            self.loras.load()
            self.runs.load()
        page = LibraryPage(
            loras=self.loras,
            runs=self.runs,
            jobs=self.jobs,
            hub_owner=lambda: "tester",
            choose_file=self.choose,
            ask_public=self.ask_public,
        )
        self.qtbot.addWidget(page)
        page.resize(1000, 1400)
        page.show()
        page.shown()
        return page

    def ask_public(self, _parent: QWidget, name: str, then: Callable[[], None]) -> None:
        self.asked_public.append(name)
        then()

    def choose(self, _parent: QWidget, chosen: Callable[[str], None]) -> None:
        chosen(self.picked)

    def stored(self, lora_id: str) -> Lora:
        return self.stores.loras.get(lora_id)


@pytest.fixture
def bench(tmp_path: Path, qtbot: QtBot) -> Iterator[Bench]:
    library = open_library(tmp_path / "library", clock=WallClock())
    hub, jobs = FakeHub(), JobRunner()
    tools = make_tools(library.stores, trainer=FakeTrainer(), hub=hub)
    runs = RunDesk(tools, jobs)
    loras = LoraDesk(tools, jobs, FolderTrash(tmp_path / "trash"))
    yield Bench(library.stores, hub, runs, loras, jobs, qtbot)
    assert jobs.shutdown(30_000)
    for thing in (runs, loras, jobs):
        thing.deleteLater()
    library.close()


def click(qtbot: QtBot, widget: QAbstractButton) -> None:
    qtbot.waitUntil(lambda: not widget.visibleRegion().isEmpty())
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def buttons(page: QWidget) -> dict[str, QPushButton]:
    return {made.text(): made for made in seen(page, QPushButton)}


def dragged(files: tuple[Path, ...]) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file)) for file in files])
    return data


def drag(page: LibraryPage, *files: Path) -> bool:
    """Drag files over the page; tell whether it wants them."""
    data, place = dragged(files), page.rect().center()
    enter = QDragEnterEvent(place, Qt.DropAction.CopyAction, data, *_HANDS)
    QApplication.sendEvent(page, enter)
    return enter.isAccepted()


def drop(page: LibraryPage, *files: Path) -> bool:
    """Drag files onto the page and let go; tell whether the page wanted them."""
    if not drag(page, *files):
        return False
    data, place = dragged(files), QPointF(page.rect().center())
    QApplication.sendEvent(page, QDropEvent(place, Qt.DropAction.CopyAction, data, *_HANDS))
    return True


def test_page_offers_to_create_or_import_when_it_is_empty(bench: Bench, qtbot: QtBot) -> None:
    page = bench.show()

    with qtbot.waitSignal(page.go, check_params_cb=lambda place, what: place == "create"):
        click(qtbot, buttons(page)["Create a LoRA"])


def test_page_says_that_the_library_failed_when_it_cannot_be_read(
    bench: Bench, qtbot: QtBot
) -> None:
    page = LibraryPage(loras=bench.loras, runs=bench.runs, jobs=bench.jobs)
    qtbot.addWidget(page)
    page.show()

    bench.loras.failed.emit(OSError("no disk"))

    with qtbot.waitSignal(bench.loras.listed):
        click(qtbot, buttons(page)["Read the library again"])
    assert page.states.currentWidget() is page._empty


def test_card_says_name_word_base_and_place_when_published(bench: Bench) -> None:
    publish(bench.stores, add_lora(bench.stores, "fox", "Fox"), visibility=Visibility.PUBLIC)

    page = bench.show()

    index = page.grid.rows.index(0)
    said = index.data(Qt.ItemDataRole.AccessibleTextRole)
    assert said == "Fox, trigger word GLZFOX, FLUX.1-dev, Public"


def test_inspector_follows_the_arrow_keys(bench: Bench, qtbot: QtBot) -> None:
    add_lora(bench.stores, "older", "Older")
    add_lora(bench.stores, "newer", "Newer")
    page = bench.show()
    assert page.inspector.words.name.text() == "Newer"

    qtbot.keyClick(page.grid, Qt.Key.Key_Right)

    assert page.inspector.words.name.text() == "Older"


def test_arrive_selects_the_lora_that_another_page_names(bench: Bench) -> None:
    add_lora(bench.stores, "older", "Older")
    add_lora(bench.stores, "newer", "Newer")
    page = bench.show()

    page.arrive("older")

    assert page.grid.selected() == "older"


def test_names_and_strength_are_kept_when_edited(bench: Bench, qtbot: QtBot) -> None:
    add_lora(bench.stores, "fox", "Fox", source="file", trigger_word="")
    words = bench.show().inspector.words

    words.name.selectAll()
    qtbot.keyClicks(words.name, "Red fox")
    qtbot.keyClick(words.name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bench.stored("fox").name == "Red fox")
    qtbot.keyClicks(words.trigger, "REDFOX")
    qtbot.keyClick(words.trigger, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bench.stored("fox").trigger_word == "REDFOX")
    qtbot.keyClick(words.scale, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: bench.stored("fox").recommended_scale == 0.95)


def test_empty_name_is_not_taken(bench: Bench, qtbot: QtBot) -> None:
    add_lora(bench.stores, "fox", "Fox")
    words = bench.show().inspector.words

    words.name.clear()
    with qtbot.assertNotEmitted(words.renamed):
        qtbot.keyClick(words.name, Qt.Key.Key_Return)

    assert words.name.text() == "Fox"


def test_trigger_word_of_a_trained_lora_cannot_be_edited(bench: Bench) -> None:
    add_lora(bench.stores, "fox", "Fox")

    assert bench.show().inspector.words.trigger.isReadOnly()


def test_unknown_base_is_chosen_before_publishing(bench: Bench, qtbot: QtBot) -> None:
    add_lora(bench.stores, "fox", "Fox", base="", source="file")
    page = bench.show()
    assert not page.inspector.publication.publish.isEnabled()

    qtbot.keyClick(page.inspector.words.base, Qt.Key.Key_Down)

    qtbot.waitUntil(lambda: bench.stored("fox").base == "flux.1-dev")
    qtbot.waitUntil(page.inspector.publication.publish.isEnabled)


def test_hashes_are_copied_whole(bench: Bench, qtbot: QtBot) -> None:
    lora = add_lora(bench.stores, "fox", "Fox")
    page = bench.show()

    click(qtbot, page.inspector.sha256.copy)
    assert QGuiApplication.clipboard().text() == lora.sha256
    click(qtbot, page.inspector.auto_v3.copy)
    assert QGuiApplication.clipboard().text() == "a1b2c3d4e5f6"


def test_routes_say_where_it_works_and_why_not(bench: Bench) -> None:
    public = add_lora(bench.stores, "public", "Public fox")
    publish(bench.stores, public, visibility=Visibility.PUBLIC)
    add_lora(bench.stores, "home", "Home fox")
    page = bench.show()

    page.arrive("public")
    assert page.inspector.routes.texts() == ("Works at Replicate, FLUX.1-dev with a LoRA",)
    page.arrive("home")
    assert page.inspector.routes.texts() == (
        "Not at Replicate, FLUX.1-dev with a LoRA: Home fox is not published yet.",
    )


def test_route_that_works_leads_to_pictures_with_it(bench: Bench, qtbot: QtBot) -> None:
    public = add_lora(bench.stores, "public", "Public fox")
    publish(bench.stores, public, visibility=Visibility.PUBLIC)
    page = bench.show()
    page.arrive("public")
    wanted = ("gallery", RouteChoice("replicate", "flux-dev-lora", "public"))

    with qtbot.waitSignal(page.go, check_params_cb=lambda *said: said == wanted):
        click(qtbot, buttons(page)["Use"])


def test_private_lora_can_be_made_public_where_its_routes_are_listed(
    bench: Bench, qtbot: QtBot
) -> None:
    private = add_lora(bench.stores, "private", "Shy fox")
    publish(bench.stores, private, visibility=Visibility.PRIVATE)
    bench.hub.repos[bench.stored("private").publication.repo] = HubStatus(True, Visibility.PRIVATE)
    page = bench.show()
    page.arrive("private")
    assert page.inspector.routes.remedy.text() == "Make it public…"

    click(qtbot, page.inspector.routes.remedy)

    qtbot.waitUntil(lambda: page.inspector.routes.texts()[0].startswith("Works at Replicate"))
    assert bench.asked_public == ["Shy fox"]
    assert page.inspector.routes.remedy.isHidden()


def test_lora_is_published_privately_unless_public_is_chosen(bench: Bench, qtbot: QtBot) -> None:
    add_lora(bench.stores, "fox", "Red fox")
    part = bench.show().inspector.publication
    click(qtbot, part.publish)
    assert part.form.repo.text() == "Red-fox" or part.form.repo.text() == "red-fox"

    part.form.repo.selectAll()
    qtbot.keyClicks(part.form.repo, "my-fox")
    click(qtbot, part.form.send)

    qtbot.waitUntil(lambda: bench.stored("fox").publication is not None)
    assert bench.hub.repos["tester/my-fox"].visibility is Visibility.PRIVATE
    qtbot.waitUntil(lambda: part.repo.text() == "tester/my-fox")
    qtbot.waitUntil(lambda: part.status.text().startswith("Verified"))


def test_repo_that_is_gone_is_created_again_under_its_name(bench: Bench, qtbot: QtBot) -> None:
    publish(bench.stores, add_lora(bench.stores, "fox", "Fox"), status=PublicationStatus.MISSING)
    page = bench.show()

    click(qtbot, buttons(page)["Create again"])

    qtbot.waitUntil(lambda: bench.jobs.live() == 0)
    assert "tester/fox" in bench.hub.repos
    assert "Create again" not in buttons(page)
    assert bench.stored("fox").publication.status is PublicationStatus.VERIFIED


def test_publishing_shows_bytes_and_stops(bench: Bench, qtbot: QtBot) -> None:
    bench.hub.hold = True
    add_lora(bench.stores, "fox", "Fox")
    page = bench.show()
    part = page.inspector.publication
    click(qtbot, part.publish)
    click(qtbot, part.form.send)
    shown = "Fox: publishing: 57.3 MB of 172.0 MB"
    qtbot.waitUntil(lambda: shown in [line.words.text() for line in page.works._lines.values()])
    assert not part.publish.isEnabled()

    click(qtbot, page.works._lines["fox"].stop)

    qtbot.waitUntil(lambda: not page.works.isVisible())
    qtbot.waitUntil(part.publish.isEnabled)
    assert not any(held.weights_sha256 for held in bench.hub.repos.values())


def test_repo_is_made_public_and_private_again(bench: Bench, qtbot: QtBot) -> None:
    lora = add_lora(bench.stores, "fox", "Fox")
    publish(bench.stores, lora)
    bench.hub.repos["tester/fox"] = HubStatus(
        True, Visibility.PRIVATE, "c" * 40, lora.sha256, lora.size_bytes
    )
    part = bench.show().inspector.publication
    assert part.switch.text() == "Make it public"

    click(qtbot, part.switch)
    qtbot.waitUntil(lambda: part.switch.text() == "Make it private" and part.switch.isEnabled())
    click(qtbot, part.switch)

    qtbot.waitUntil(lambda: part.switch.text() == "Make it public")
    assert bench.hub.repos["tester/fox"].visibility is Visibility.PRIVATE


def test_check_says_that_the_repo_is_gone(bench: Bench, qtbot: QtBot) -> None:
    publish(bench.stores, add_lora(bench.stores, "fox", "Fox"))
    page = bench.show()

    click(qtbot, page.inspector.publication.check)

    qtbot.waitUntil(
        lambda: page.inspector.publication.status.text() == "The hub no longer has this repo."
    )
    assert page.grid.rows.row(0).place == "Look at the hub"


def test_repo_is_deleted_only_after_its_name_was_typed(bench: Bench, qtbot: QtBot) -> None:
    publish(bench.stores, add_lora(bench.stores, "fox", "Fox"))
    part = bench.show().inspector.publication
    click(qtbot, part.remove)
    assert not part.delete_form.delete.isEnabled()

    qtbot.keyClicks(part.delete_form.typed, "fo")
    assert not part.delete_form.delete.isEnabled()
    qtbot.keyClicks(part.delete_form.typed, "x")
    click(qtbot, part.delete_form.delete)

    qtbot.waitUntil(lambda: bench.stored("fox").publication is None)


def test_buttons_lead_to_pictures_run_file_and_hub(bench: Bench, qtbot: QtBot) -> None:
    run = add_run(bench.stores, "Fox", RunState.READY)
    publish(bench.stores, add_lora(bench.stores, "fox", "Fox", run_id=run.id))
    page = bench.show()
    gone: list[tuple[str, object]] = []
    page.go.connect(lambda place, what: gone.append((place, what)))

    click(qtbot, page.inspector.make)
    click(qtbot, page.inspector.run_link)
    with qtbot.waitSignal(page.reveal_requested) as revealed:
        click(qtbot, page.inspector.show_file)
    with qtbot.waitSignal(page.open_requested) as opened:
        click(qtbot, page.inspector.publication.open)

    assert gone == [("gallery", "fox"), ("runs", run)]
    assert revealed.args == [bench.loras.path("fox")]
    assert opened.args == ["https://huggingface.co/tester/fox"]


def test_lora_goes_to_the_trash_by_delete_and_comes_back(bench: Bench, qtbot: QtBot) -> None:
    add_lora(bench.stores, "fox", "Fox")
    write_lora(bench.loras.path("fox"))
    page = bench.show()

    with qtbot.waitSignal(bench.loras.undoable) as offered:
        qtbot.keyClick(page.grid, Qt.Key.Key_Delete)
    assert page.states.currentWidget() is page._empty
    assert not bench.loras.path("fox").exists()
    offered.args[0].undo()

    qtbot.waitUntil(lambda: page.grid.selected() == "fox")
    assert bench.loras.path("fox").exists()


def test_dropped_weights_are_imported_and_selected(
    bench: Bench, qtbot: QtBot, tmp_path: Path
) -> None:
    add_lora(bench.stores, "fox", "Fox")
    page = bench.show()

    assert drop(page, write_lora(tmp_path / "impression.safetensors"))

    qtbot.waitUntil(lambda: page.inspector.words.name.text() == "impression")
    assert page.inspector.words.trigger.text() == "GLZFOX"
    qtbot.waitUntil(lambda: not page.works.isVisible())


def test_empty_page_takes_a_drop_and_shows_that_it_would(
    bench: Bench, qtbot: QtBot, tmp_path: Path
) -> None:
    page = bench.show()
    file = write_lora(tmp_path / "first.safetensors")

    assert drag(page, file)
    assert page._empty.property("dropping") == "true"
    assert drop(page, file)
    assert page._empty.property("dropping") == "false"

    qtbot.waitUntil(lambda: page.states.currentWidget() is page._filled)


def test_other_files_are_not_taken(bench: Bench, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"photo")

    assert not drop(bench.show(), photo)


def test_file_that_was_picked_is_imported(bench: Bench, qtbot: QtBot, tmp_path: Path) -> None:
    bench.picked = str(write_lora(tmp_path / "picked.safetensors"))
    page = bench.show()

    click(qtbot, page.import_file)

    qtbot.waitUntil(lambda: [lora.name for lora in bench.loras.loras()] == ["picked"])
    assert page.states.currentWidget() is page._filled


def test_repo_is_imported_by_its_name(bench: Bench, qtbot: QtBot) -> None:
    bench.hub.weights = write_lora
    page = bench.show()
    click(qtbot, page.import_repo)

    qtbot.keyClicks(page.fetch_form.repo, "somebody")
    assert not page.fetch_form.fetch.isEnabled()
    qtbot.keyClicks(page.fetch_form.repo, "/watercolour")
    qtbot.keyClick(page.fetch_form.repo, Qt.Key.Key_Return)

    qtbot.waitUntil(lambda: page.inspector.words.name.text() == "watercolour")
    assert not page.fetch_form.isVisible()


def test_import_that_fails_leaves_no_line_behind(bench: Bench, qtbot: QtBot) -> None:
    bench.hub.trouble = [NotFoundAtService("huggingface", detail="Repo not found")]
    page = bench.show()

    with qtbot.waitSignal(bench.loras.failed):
        page.fetch_form.ordered.emit("somebody/gone")

    qtbot.waitUntil(lambda: not page.works.isVisible())


def test_different_weights_on_the_hub_are_said_on_the_card(bench: Bench) -> None:
    lora = add_lora(bench.stores, "fox", "Fox")
    publish(bench.stores, lora, status=PublicationStatus.DIFFERENT)

    page = bench.show()

    assert "other weights" in page.inspector.publication.status.text()
    assert page.grid.rows.row(0).symbol == "warning"


@pytest.mark.parametrize("published", [True, False])
def test_everything_that_takes_keys_has_a_name(bench: Bench, published: bool) -> None:
    lora = add_lora(bench.stores, "fox", "Fox", base="" if not published else "flux.1-dev")
    if published:
        publish(bench.stores, lora)
    page = bench.show()
    page.fetch_form.show()
    page.inspector.publication.form.show()
    page.inspector.publication.delete_form.show()

    assert nameless(page) == []


def test_lora_model_keeps_the_contract_of_qt(qtmodeltester: ModelTester, qtbot: QtBot) -> None:
    model = RowModel[LoraCard]()
    card = LoraCard("fox", "Fox", "GLZFOX", "FLUX.1-dev", "Private", "lock", None)
    model.show_rows([card, replace(card, id="other")])
    qtmodeltester.check(model)
    with qtbot.waitSignal(model.dataChanged):
        model.show_row(replace(card, place="Public"))
    model.show_rows([])
    qtmodeltester.check(model)
