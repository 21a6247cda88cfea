"""Loras: published and verified, public or private, imported, trashed and brought back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.errors import (
    PaymentRequired,
    ServiceRefused,
    UnexpectedReply,
    WeightsError,
)
from fluxlora_desktop.domain.loras import (
    Lora,
    PublicationBundle,
    PublicationStatus,
    PublishedCommit,
)
from fluxlora_desktop.domain.ports import FetchedWeights, JobContext, Transferred
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.domain.weights import inspect_weights
from fluxlora_desktop.domain.weights_header import strength_in
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.undoable import Undoable
from tests.ui.desk_bench import DeskBench, Heard
from tests.workflows.conftest import write_lora
from tests.workflows.fakes import FakeHub


@dataclass
class Hub(FakeHub):
    """A hub that tells of its bytes, waits while `hold` is set, and has a repo to fetch."""

    hold: bool = False

    def publish(self, bundle: PublicationBundle, ctx: JobContext) -> PublishedCommit:
        ctx.report(Transferred("weights", 10, 100))
        while self.hold:
            ctx.pause(0.01)
        return super().publish(bundle, ctx)

    def fetch(self, repo: str, folder: Path, ctx: JobContext) -> FetchedWeights:
        folder.mkdir(parents=True, exist_ok=True)
        write_lora(folder / "fetched.safetensors")
        return FetchedWeights(folder / "fetched.safetensors")


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[DeskBench]:
    with DeskBench(tmp_path, hub=Hub()) as made:
        yield made


class Shelf:
    """A Lora desk on a bench with one Lora on it, and what the desk said."""

    def __init__(self, bench: DeskBench, qtbot: QtBot) -> None:
        self.bench, self.qtbot = bench, qtbot
        self.open()
        file = bench.folder / "fox.safetensors"
        write_lora(file)
        self.desk.import_file(file)
        self.rest()
        self.file = file

    @property
    def hub(self) -> Hub:
        assert isinstance(self.bench.hub, Hub)
        return self.bench.hub

    def open(self) -> None:
        self.desk = LoraDesk(self.bench.tools, self.bench.jobs, self.bench.trash, self.bench.owner)
        self.said, self.troubles = Heard(self.desk.said), Heard(self.desk.failed)
        self.working, self.rested = Heard(self.desk.working), Heard(self.desk.rested)
        self.undoables = Heard(self.desk.undoable)
        with self.qtbot.waitSignal(self.desk.listed):
            self.desk.load()

    def reopen(self) -> None:
        self.rest()
        self.bench.reopen()
        self.open()

    def rest(self) -> None:
        self.qtbot.waitUntil(lambda: self.bench.jobs.live() == 0)

    @property
    def lora(self) -> Lora:
        (lora,) = self.desk.loras()
        return lora

    def publish(self, visibility: Visibility = Visibility.PRIVATE) -> Lora:
        self.desk.publish(self.lora.id, "fox", visibility)
        self.rest()
        return self.lora


@pytest.fixture
def shelf(bench: DeskBench, qtbot: QtBot) -> Shelf:
    return Shelf(bench, qtbot)


def test_imported_file_is_in_the_library_with_its_base_and_stays_where_it_was(
    shelf: Shelf,
) -> None:
    assert (shelf.lora.name, shelf.lora.base) == ("fox", "flux.1-dev")
    assert shelf.desk.path(shelf.lora.id).read_bytes() == shelf.file.read_bytes()
    assert shelf.said.all == ["fox: Imported."]
    assert shelf.working.all[0].says == "Importing fox.safetensors"
    assert len(shelf.rested) == 1


def test_same_weights_twice_are_one_lora(shelf: Shelf) -> None:
    shelf.desk.import_file(shelf.file)
    shelf.rest()
    assert len(shelf.desk.loras()) == 1


def test_file_that_is_no_lora_is_refused(shelf: Shelf) -> None:
    broken = shelf.bench.folder / "broken.safetensors"
    broken.write_bytes(b"\x00" * 100)
    shelf.desk.import_file(broken)
    shelf.rest()
    assert isinstance(shelf.troubles.last, WeightsError)
    assert len(shelf.desk.loras()) == 1


def test_repo_of_the_hub_is_imported_under_its_name(bench: DeskBench, qtbot: QtBot) -> None:
    desk = LoraDesk(bench.tools, bench.jobs, bench.trash, bench.owner)
    desk.import_repo("somebody/their-fox")
    qtbot.waitUntil(lambda: bench.jobs.live() == 0)
    (lora,) = desk.loras()
    assert (lora.name, lora.source) == ("their-fox", "somebody/their-fox")


def test_published_lora_is_verified_and_private_unless_asked(shelf: Shelf) -> None:
    publication = shelf.publish().publication
    assert publication is not None
    assert publication.repo == "tester/fox"
    assert publication.status is PublicationStatus.VERIFIED
    assert publication.visibility is Visibility.PRIVATE
    assert publication.sha256 == shelf.lora.sha256
    assert shelf.said.last == "fox: Published and verified."
    assert any(work.transfer and work.transfer.total == 100 for work in shelf.working.all)
    shelf.reopen()
    assert shelf.lora.publication == publication


def test_hub_that_holds_other_bytes_is_not_called_published(shelf: Shelf) -> None:
    shelf.hub.corrupt = True
    assert shelf.publish().publication is None
    assert isinstance(shelf.troubles.last, UnexpectedReply)


def test_refused_publication_is_told_and_leaves_the_lora(shelf: Shelf) -> None:
    shelf.hub.trouble = [PaymentRequired("huggingface", "no room")]
    assert shelf.publish().publication is None
    assert isinstance(shelf.troubles.last, PaymentRequired)
    assert not shelf.desk.busy(shelf.lora.id)


def test_publishing_can_be_stopped(shelf: Shelf) -> None:
    shelf.hub.hold = True
    shelf.desk.publish(shelf.lora.id, "fox", Visibility.PRIVATE)
    shelf.qtbot.waitUntil(lambda: any(work.transfer for work in shelf.working.all))
    assert shelf.desk.busy(shelf.lora.id)
    shelf.desk.stop(shelf.lora.id)
    shelf.rest()
    assert not shelf.desk.busy(shelf.lora.id)
    assert not any(status.weights_sha256 for status in shelf.hub.repos.values())
    assert len(shelf.troubles) == 0


def test_second_click_on_publish_sends_nothing_more(shelf: Shelf) -> None:
    begun = len(shelf.working)
    shelf.hub.hold = True
    shelf.desk.publish(shelf.lora.id, "fox", Visibility.PRIVATE)
    shelf.desk.publish(shelf.lora.id, "other", Visibility.PUBLIC)
    shelf.hub.hold = False
    shelf.rest()
    assert set(shelf.hub.repos) == {"tester/fox"}
    assert len([work for work in shelf.working.all[begun:] if work.transfer is None]) == 1


@pytest.mark.parametrize(
    ("visibility", "words"),
    [(Visibility.PUBLIC, "fox: Public now."), (Visibility.PRIVATE, "fox: Private now.")],
)
def test_published_lora_can_be_made_public_or_private(
    shelf: Shelf, visibility: Visibility, words: str
) -> None:
    shelf.publish()
    shelf.desk.set_visibility(shelf.lora.id, visibility)
    shelf.rest()
    assert shelf.hub.repos["tester/fox"].visibility is visibility
    assert shelf.lora.publication is not None
    assert shelf.lora.publication.visibility is visibility
    assert shelf.said.last == words


def test_repo_that_was_deleted_elsewhere_is_found_missing(shelf: Shelf) -> None:
    shelf.publish()
    shelf.hub.repos.clear()
    shelf.desk.look(shelf.lora.id)
    shelf.rest()
    assert shelf.lora.publication is not None
    assert shelf.lora.publication.status is PublicationStatus.MISSING


def test_withdrawn_lora_stays_here(shelf: Shelf) -> None:
    shelf.publish()
    shelf.desk.withdraw(shelf.lora.id)
    shelf.rest()
    assert shelf.hub.repos == {}
    assert shelf.lora.publication is None
    assert shelf.desk.path(shelf.lora.id).is_file()


def test_what_is_changed_by_hand_is_kept(shelf: Shelf) -> None:
    lora_id = shelf.lora.id
    shelf.desk.rename(lora_id, " Red fox ")
    shelf.desk.rename(lora_id, "  ")
    shelf.desk.set_trigger(lora_id, " GLZ ")
    shelf.desk.set_scale(lora_id, 0.8)
    shelf.desk.set_base(lora_id, "flux.2-dev")
    shelf.reopen()
    lora = shelf.lora
    assert (lora.name, lora.trigger_word, lora.recommended_scale) == ("Red fox", "GLZ", 0.8)
    assert lora.base == "flux.2-dev"


def test_strength_changed_in_haste_or_while_publishing_ends_in_row_and_weights(
    shelf: Shelf,
) -> None:
    lora_id, hub = shelf.lora.id, shelf.hub
    hub.hold = True
    shelf.desk.publish(lora_id, "fox", Visibility.PUBLIC)
    shelf.qtbot.waitUntil(lambda: shelf.desk.busy(lora_id))
    for scale in (0.5, 0.6, 0.7):
        shelf.desk.set_scale(lora_id, scale)
    shelf.qtbot.waitUntil(lambda: shelf.lora.recommended_scale == 0.7)
    assert strength_in(inspect_weights(shelf.desk.path(lora_id)).metadata) is None
    hub.hold = False
    shelf.rest()
    facts, lora = inspect_weights(shelf.desk.path(lora_id)), shelf.lora
    assert strength_in(facts.metadata) == 0.7
    assert (lora.sha256, lora.hub_is_behind) == (facts.sha256, True)
    assert len(shelf.undoables) == 0
    shelf.desk.update_on_hub(lora_id)
    shelf.rest()
    assert not shelf.lora.hub_is_behind


def test_deleted_lora_lies_in_the_trash_and_comes_back(shelf: Shelf) -> None:
    lora, path = shelf.lora, shelf.desk.path(shelf.lora.id)
    listed = Heard(shelf.desk.listed)
    shelf.desk.delete(lora.id)
    assert shelf.desk.loras() == ()
    assert len(listed) == 1
    shelf.rest()
    assert not path.exists()
    undoable = shelf.undoables.last
    assert isinstance(undoable, Undoable)
    assert undoable.says == "fox was moved to the trash."
    undoable.undo()
    shelf.rest()
    assert shelf.lora.id == lora.id
    assert path.read_bytes() == shelf.file.read_bytes()


def test_deleted_lora_stays_away_after_a_restart(shelf: Shelf) -> None:
    shelf.desk.delete(shelf.lora.id)
    shelf.reopen()
    assert shelf.desk.loras() == ()


def test_deleted_lora_can_be_imported_anew(shelf: Shelf) -> None:
    lora = shelf.lora
    shelf.desk.delete(lora.id)
    shelf.rest()
    shelf.desk.import_file(shelf.file)
    shelf.rest()
    assert shelf.lora.id == lora.id
    assert shelf.desk.path(lora.id).read_bytes() == shelf.file.read_bytes()


def test_hub_that_refuses_a_change_of_visibility_is_told(shelf: Shelf) -> None:
    shelf.publish()

    def refuse(repo: str, visibility: Visibility) -> None:
        raise ServiceRefused("huggingface", f"{repo} is locked")

    shelf.hub.set_visibility = refuse
    shelf.desk.set_visibility(shelf.lora.id, Visibility.PUBLIC)
    shelf.rest()
    assert isinstance(shelf.troubles.last, ServiceRefused)
    assert shelf.lora.publication is not None
    assert shelf.lora.publication.visibility is Visibility.PRIVATE
