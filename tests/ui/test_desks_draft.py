"""The draft: photos in order, captions, undo, findings, a plan that outlives the app."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.datasets import (
    MEASURED,
    FaceBox,
    Finding,
    Mend,
    Readiness,
    Severity,
)
from fluxlora_desktop.domain.dismissals import keys_about
from fluxlora_desktop.domain.edits import PLAIN, Box, Edits
from fluxlora_desktop.domain.errors import DatasetError, InputError, UnreadablePhoto
from fluxlora_desktop.domain.training import Preset, Quality, Visibility
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop
from fluxlora_desktop.ui.desks.draft import DraftDesk
from tests.ui.desk_bench import DeskBench, Heard


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[DeskBench]:
    with DeskBench(tmp_path) as made:
        yield made


class Table:
    """A draft desk on a bench, and the waiting that its tests need."""

    def __init__(self, bench: DeskBench, qtbot: QtBot) -> None:
        self.bench, self.qtbot = bench, qtbot
        self.open()

    def open(self) -> None:
        self.desk = DraftDesk(self.bench.tools, self.bench.jobs, self.bench.owner)
        self.refused = Heard(self.desk.refused)
        self.troubles = Heard(self.desk.failed)
        with self.qtbot.waitSignal(self.desk.changed):
            self.desk.load()

    def reopen(self) -> None:
        self.rest()
        self.bench.reopen()
        self.open()

    def rest(self) -> None:
        """Wait until nothing is under way: also what was typed is on disk then."""
        self.until(lambda: self.bench.jobs.live() == 0 and not self.desk.checking())

    def until(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition)

    def add(self, *paths: Path) -> None:
        self.desk.add_files(paths)
        self.rest()

    def names(self) -> list[str]:
        return [item.photo.name for item in self.desk.draft().dataset.photos]

    def captions(self) -> list[str]:
        return [item.caption for item in self.desk.draft().dataset.photos]

    def hashes(self) -> tuple[str, ...]:
        return self.desk.draft().dataset.hashes()

    def findings(self) -> set[str]:
        return {finding.what for finding in self.desk.draft().findings}


@pytest.fixture
def table(bench: DeskBench, qtbot: QtBot) -> Table:
    return Table(bench, qtbot)


def test_first_draft_is_empty_and_says_what_is_missing(table: Table) -> None:
    draft = table.desk.draft()
    assert draft.dataset.photos == ()
    assert draft.problem == "Add 5 more photos."
    assert draft.problem_field == "photos"


def test_one_missing_photo_is_one_photo(table: Table) -> None:
    table.add(*[table.bench.photo(f"{number}.png") for number in range(4)])
    assert table.desk.draft().problem == "Add 1 more photo."


def test_photos_keep_the_order_in_which_they_were_given(table: Table) -> None:
    names = [f"{letter}.png" for letter in "qwertyui"]
    table.add(*[table.bench.photo(name) for name in names])
    assert table.names() == names


def test_folder_is_taken_in_by_name_without_what_is_no_photo(table: Table) -> None:
    for name in ("b.png", "a.jpg", "c.webp"):
        table.bench.photo(name)
    (table.bench.inbox / "notes.md").write_text("not a photo")
    table.add(table.bench.inbox)
    assert table.names() == ["a.jpg", "b.png", "c.webp"]
    assert len(table.refused) == 0


def test_raw_files_in_a_folder_are_told_of_and_the_photos_come_in(table: Table) -> None:
    table.bench.photo("a.png")
    (table.bench.inbox / "b.cr2").write_bytes(b"raw")
    table.add(table.bench.inbox)
    assert table.names() == ["a.png"]
    assert [refused.error.reason for refused in table.refused.last] == [
        "1 file in it is of a kind that the app does not read: .cr2"
    ]


def test_arrivals_are_counted(table: Table) -> None:
    arriving = Heard(table.desk.arriving)
    table.add(*[table.bench.photo(f"{number}.png") for number in range(3)])
    assert (arriving.last.done, arriving.last.total) == (3, 3)


def test_caption_beside_a_photo_comes_with_it(table: Table) -> None:
    table.add(table.bench.photo("a.png", caption="TOK on a table,\nfrom above"))
    assert table.captions() == ["TOK on a table, from above"]
    table.reopen()
    assert table.captions() == ["TOK on a table, from above"]


def make_old(table: Table) -> None:
    """Leave the draft's photos as an older version of the measuring measured them."""
    store = table.bench.tools.stores.datasets
    for item in table.desk.draft().dataset.photos:
        old = replace(item.photo.facts, measured=0, noise=0.0, layout="")
        store.put_photo(replace(item.photo, facts=old))


def measured(table: Table) -> list[int]:
    return [item.photo.facts.measured for item in table.desk.draft().dataset.photos]


def test_photos_of_an_older_measuring_are_measured_again_as_their_draft_opens(
    table: Table,
) -> None:
    table.add(*[table.bench.photo(f"{number}.png") for number in range(3)])
    now = table.desk.draft().dataset.photos
    make_old(table)

    table.reopen()
    table.rest()

    assert measured(table) == [MEASURED] * 3
    assert table.desk.draft().dataset.photos == now
    table.desk.remove([now[0].photo.sha256])
    table.desk.undo_stack.undo()
    assert measured(table) == [MEASURED] * 3


def test_photo_that_cannot_be_measured_again_stays_and_nothing_is_said(table: Table) -> None:
    table.add(*[table.bench.photo(f"{number}.png") for number in range(2)])
    make_old(table)
    gone = table.desk.draft().dataset.photos[0].photo.sha256
    table.bench.tools.stores.files.original(gone).unlink()

    table.reopen()
    table.rest()

    assert measured(table) == [0, MEASURED]
    assert table.names() == ["0.png", "1.png"]
    assert len(table.troubles) == 0


class Sighted(PillowPhotoWorkshop):
    """A workshop whose detector finds a face in each photo, as soon as it is there."""

    def __init__(self) -> None:
        self.there, self.looked = False, 0

    def sees_faces(self) -> bool:
        return self.there

    def find_faces(self, working: Path) -> tuple[FaceBox, ...] | None:
        self.looked += 1
        return ((0.1, 0.2, 0.3, 0.6),) if self.there else None


def test_faces_are_looked_for_once_when_the_set_is_of_a_person(table: Table) -> None:
    sight = table.bench.photos = Sighted()
    table.reopen()
    table.add(*[table.bench.photo(f"{number}.png", size=(400, 300)) for number in range(2)])
    table.desk.set_edits(table.hashes()[1], Edits(crop=Box(0.0, 0.0, 0.5, 1.0)))
    table.rest()

    def faces() -> list[int | None]:
        shown = [item.seen.facts.faces for item in table.desk.draft().dataset.photos]
        return [found if found is None else len(found) for found in shown]

    sight.there = True
    assert (faces(), sight.looked) == ([None, None], 0), "nothing is a face of an object"

    table.desk.set_plan(preset=Preset.FACE)
    table.rest()
    assert (faces(), sight.looked) == ([1, 1], 3)  # two photos, one of them also with its edits

    table.add(table.bench.photo("2.png", size=(400, 300)))
    table.reopen()
    table.rest()
    assert (faces(), sight.looked) == ([1, 1, 1], 4)


def test_photos_from_before_the_detector_are_looked_at_as_their_draft_opens(table: Table) -> None:
    sight = table.bench.photos = Sighted()
    table.reopen()
    table.desk.set_plan(preset=Preset.FACE)
    table.add(table.bench.photo("0.png", size=(400, 300)))
    assert sight.looked == 0

    sight.there = True
    table.reopen()
    table.rest()

    assert sight.looked == 1


def test_other_preset_brings_other_findings(table: Table) -> None:
    table.add(*[table.bench.photo(f"{number}.png") for number in range(5)])
    table.until(lambda: "few" in table.findings())

    table.desk.set_plan(preset=Preset.QUICK)

    table.until(lambda: "few" not in table.findings())


def test_same_photo_twice_is_refused_in_words(table: Table) -> None:
    photo = table.bench.photo("a.png")
    copy = table.bench.inbox / "copy.png"
    copy.write_bytes(photo.read_bytes())
    table.add(photo, copy)
    assert len(table.names()) == 1
    (refused,) = table.refused.last
    assert refused.path in {photo, copy}
    assert isinstance(refused.error, DatasetError)
    assert "already" in refused.error.reason


def test_file_that_is_no_photo_is_refused_and_the_others_come(table: Table) -> None:
    broken = table.bench.inbox / "broken.jpg"
    broken.write_bytes(b"not a photo")
    table.add(table.bench.photo("a.png"), broken, table.bench.photo("b.png"))
    assert table.names() == ["a.png", "b.png"]
    (refused,) = table.refused.last
    assert refused.path == broken
    assert isinstance(refused.error, UnreadablePhoto)
    assert refused.error.reason
    assert len(table.troubles) == 0


def test_folder_without_photos_is_refused_in_words(table: Table) -> None:
    table.add(table.bench.inbox)
    (refused,) = table.refused.last
    assert "no photos" in refused.error.reason


def test_pasted_picture_is_a_photo(table: Table) -> None:
    data = table.bench.photo("a.png").read_bytes()
    table.desk.add_picture(data, "Pasted.png")
    table.rest()
    assert table.names() == ["Pasted.png"]


def test_photos_added_together_are_one_step_of_undo(table: Table) -> None:
    table.add(table.bench.photo("a.png"))
    table.add(*[table.bench.photo(f"{number}.png") for number in range(3)])
    table.desk.undo_stack.undo()
    assert table.names() == ["a.png"]
    table.desk.undo_stack.redo()
    assert table.names() == ["a.png", "0.png", "1.png", "2.png"]


def test_removed_photo_comes_back_with_its_caption(table: Table) -> None:
    table.add(table.bench.photo("a.png", caption="TOK left"), table.bench.photo("b.png"))
    table.desk.remove([table.hashes()[0]])
    assert table.names() == ["b.png"]
    table.desk.undo_stack.undo()
    assert table.names() == ["a.png", "b.png"]
    assert table.captions() == ["TOK left", ""]
    table.reopen()
    assert table.captions() == ["TOK left", ""]


def test_removing_nothing_is_no_step(table: Table) -> None:
    table.desk.remove(["f" * 64])
    assert not table.desk.undo_stack.canUndo()


@pytest.mark.parametrize(
    ("start", "to", "order"), [(0, 2, "bca"), (2, 0, "cab"), (1, 1, "abc"), (0, 9, "bca")]
)
def test_photo_is_moved_and_moved_back(table: Table, start: int, to: int, order: str) -> None:
    table.add(*[table.bench.photo(f"{letter}.png") for letter in "abc"])
    table.desk.move(table.hashes()[start], to)
    assert table.names() == [f"{letter}.png" for letter in order]
    table.reopen()
    assert table.names() == [f"{letter}.png" for letter in order]


def test_typing_in_one_caption_is_one_step_of_undo(table: Table) -> None:
    table.add(table.bench.photo("a.png"), table.bench.photo("b.png"))
    first, second = table.hashes()
    for text in ("T", "TO", "TOK"):
        table.desk.set_caption(first, text)
    for text in ("x", "xy"):
        table.desk.set_caption(second, text)
    table.desk.undo_stack.undo()
    assert table.captions() == ["TOK", ""]
    table.desk.undo_stack.undo()
    assert table.captions() == ["", ""]
    table.desk.undo_stack.redo()
    table.reopen()
    assert table.captions() == ["TOK", ""]


def test_trigger_word_is_put_into_every_written_caption_at_once(table: Table) -> None:
    table.add(
        table.bench.photo("a.png", caption="on a table"),
        table.bench.photo("b.png", caption="TOK on grass"),
        table.bench.photo("c.png"),
    )
    table.desk.add_trigger_to_all()
    assert table.captions() == ["TOK, on a table", "TOK on grass", ""]
    table.desk.undo_stack.undo()
    assert table.captions() == ["on a table", "TOK on grass", ""]


def test_new_trigger_word_takes_the_old_ones_place_in_captions(table: Table) -> None:
    table.add(table.bench.photo("a.png", caption="TOK on a TOKYO street"))
    table.desk.set_trigger("GLZ", in_captions=True)
    assert table.captions() == ["GLZ on a TOKYO street"]
    table.reopen()
    assert table.desk.draft().dataset.trigger_word == "GLZ"
    assert table.captions() == ["GLZ on a TOKYO street"]


def test_findings_arrive_after_photos_came(table: Table) -> None:
    table.add(table.bench.photo("a.png"))
    table.until(lambda: "too_few" in table.findings())
    assert table.desk.draft().readiness is Readiness.BLOCKED


def test_findings_go_when_their_reason_goes(table: Table) -> None:
    table.add(*[table.bench.photo(f"{number}.png") for number in range(4)])
    table.until(lambda: "too_few" in table.findings())
    table.add(table.bench.photo("last.png"))
    table.until(lambda: "too_few" not in table.findings())


def test_findings_mend_does_what_it_says(table: Table) -> None:
    table.add(*[table.bench.photo(f"{n}.png", caption=f"side {n}") for n in range(5)])
    table.until(lambda: "caption_trigger" in table.findings())
    finding = next(f for f in table.desk.draft().findings if f.what == "caption_trigger")
    table.desk.mend(finding)
    assert table.captions() == [f"TOK, side {n}" for n in range(5)]
    table.until(lambda: "caption_trigger" not in table.findings())


def test_dismissed_finding_stays_dismissed_after_the_app_is_opened_again(table: Table) -> None:
    table.add(*[table.bench.photo(f"{n}.png", caption=f"side {n}") for n in range(5)])

    def about_all() -> Finding | None:
        findings = table.desk.draft().findings
        return next(
            (f for f in findings if f.what == "caption_trigger" and len(f.photos) == 5), None
        )

    table.until(lambda: about_all() is not None)
    finding = about_all()
    assert finding is not None
    table.desk.dismiss(finding)
    assert "caption_trigger" not in table.findings()
    table.reopen()
    table.until(lambda: "few" in table.findings())
    assert "caption_trigger" not in table.findings()

    table.add(table.bench.photo("late.png", caption="a late one"))
    table.until(lambda: "caption_trigger" in table.findings())
    (again,) = [f for f in table.desk.draft().findings if f.what == "caption_trigger"]
    assert again.photos == (table.hashes()[5],)


def test_trigger_is_added_to_the_captions_that_a_finding_names_alone(table: Table) -> None:
    table.add(*[table.bench.photo(f"{n}.png", caption=f"side {n}") for n in range(3)])
    first, second, _third = table.hashes()
    pair = Finding("caption_trigger", Severity.NOTE, "", (first, second), Mend.ADD_TRIGGER)

    table.desk.mend(pair)

    assert table.captions() == ["TOK, side 0", "TOK, side 1", "side 2"]


def test_dismissed_findings_are_back_when_they_are_shown_again(table: Table) -> None:
    table.add(*[table.bench.photo(f"{n}.png", caption=f"side {n}") for n in range(5)])
    table.until(lambda: "caption_trigger" in table.findings())
    for finding in table.desk.draft().findings:
        table.desk.dismiss(finding)
    assert table.findings() == set()
    assert {f.what for f in table.desk.draft().dismissed} >= {"few", "caption_trigger"}
    table.reopen()
    table.until(lambda: bool(table.desk.draft().dismissed))

    table.desk.show_again({"few"})
    assert table.findings() == {"few"}
    table.desk.show_again(keys_about(table.desk.draft().dismissed))
    assert "caption_trigger" in table.findings()
    assert table.desk.draft().dismissed == ()
    table.reopen()
    assert table.desk.draft().dataset.dismissed == frozenset()


def test_every_choice_is_back_after_the_app_is_opened_again(table: Table) -> None:
    choices = {
        "name": "Fox",
        "preset": Preset.FACE,
        "quality": Quality.THOROUGH,
        "repo": "the-fox",
        "visibility": Visibility.PUBLIC,
        "publish": False,
        "rights_confirmed": True,
        "parameters": {"steps": 1500},
    }
    for name, value in choices.items():
        table.desk.set_plan(**{name: value})
        table.reopen()
        assert getattr(table.desk.draft().plan, name) == value
    plan = table.desk.draft().plan
    assert {name: getattr(plan, name) for name in choices} == choices


def test_choice_by_hand_is_named_as_such_and_moves_the_price(table: Table) -> None:
    before = table.desk.draft().estimate
    table.desk.set_plan(parameters={"steps": 6000})
    draft = table.desk.draft()
    (steps,) = [choice for choice in draft.choices if choice.name == "steps"]
    assert (steps.value, steps.why) == (6000, "Chosen by you.")
    assert draft.estimate.low_usd > before.low_usd


def test_value_out_of_range_is_the_problem_and_the_price_still_stands(table: Table) -> None:
    table.add(*[table.bench.photo(f"{number}.png") for number in range(5)])
    table.desk.set_plan(name="Fox", rights_confirmed=True, parameters={"steps": 1_000_000})
    draft = table.desk.draft()
    assert draft.problem_field == "steps"
    assert draft.estimate.low_usd > 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "狐"}, "repo"),
        ({"rights_confirmed": False}, "rights_confirmed"),
    ],
)
def test_what_is_missing_is_told_with_its_field(
    table: Table, change: dict[str, object], field: str
) -> None:
    table.add(*[table.bench.photo(f"{number}.png") for number in range(5)])
    table.desk.set_plan(name="Fox", rights_confirmed=True)
    table.desk.set_plan(**change)
    assert table.desk.draft().problem_field == field


TOKEN = "r8_" + "Qz7" * 12


@pytest.mark.parametrize(
    ("put", "field"),
    [
        (lambda desk, _sha: desk.set_plan(name=f"my {TOKEN}"), "name"),
        (lambda desk, _sha: desk.set_plan(repo=TOKEN), "repo"),
        (lambda desk, _sha: desk.set_plan(parameters={"trigger": TOKEN}), "trigger"),
        (lambda desk, _sha: desk.set_trigger(TOKEN), "trigger_word"),
        (lambda desk, sha: desk.set_caption(sha, f"a fox {TOKEN}"), "caption"),
    ],
)
def test_token_in_a_field_of_the_draft_is_not_kept_and_that_is_said(
    table: Table, put: Callable[[DraftDesk, str], None], field: str
) -> None:
    table.add(table.bench.photo("a.jpg"))
    put(table.desk, table.hashes()[0])
    table.rest()

    (error,) = table.troubles.all
    assert isinstance(error, InputError) and error.field == field
    assert TOKEN not in repr(table.desk.draft()) + str(error)
    library = b"".join(f.read_bytes() for f in table.bench.folder.rglob("library.db*"))
    assert TOKEN.encode() not in library


def test_token_in_a_caption_file_is_left_out(table: Table) -> None:
    table.add(table.bench.photo("a.jpg", caption=f"a fox {TOKEN}"))
    assert table.captions() == [""]


def test_new_draft_is_empty_and_the_old_one_is_forgotten(table: Table) -> None:
    table.add(table.bench.photo("a.png"))
    table.desk.begin_anew()
    table.until(lambda: table.names() == [])
    assert not table.desk.undo_stack.canUndo()
    table.reopen()
    assert table.names() == []
    assert len(table.bench.tools.stores.runs.drafts()) == 1


def test_photo_that_is_left_out_stays_in_the_set_and_is_not_counted(table: Table) -> None:
    table.add(*[table.bench.photo(f"{number}.png") for number in range(6)])
    first, second, *_ = table.hashes()

    table.desk.set_kept([first, second], False)
    table.rest()

    draft = table.desk.draft()
    assert [item.kept for item in draft.dataset.photos] == [False, False, *[True] * 4]
    assert draft.problem == "Add 1 more photo."
    assert len(table.hashes()) == 6
    table.reopen()
    assert len(table.desk.draft().dataset.kept) == 4
    table.desk.set_kept([first], True)
    assert table.desk.undo_stack.undoText() == "Keep 1 photo"
    table.desk.undo_stack.undo()
    assert len(table.desk.draft().dataset.kept) == 4


def test_edited_photo_gets_its_copies_and_can_be_undone_and_comes_back(table: Table) -> None:
    table.add(table.bench.photo("a.png"))
    (sha256,) = table.hashes()
    files = table.bench.tools.stores.files
    original = files.original(sha256).read_bytes()
    edits = Edits(turns=1, crop=Box(0.0, 0.1, 1.0, 1.0))

    table.desk.set_edits(sha256, edits)
    table.until(lambda: table.desk.draft().dataset.photos[0].edited is not None)

    assert files.working(sha256, edits).is_file()
    assert files.photo_thumb(sha256, edits).is_file()
    assert files.working(sha256, edits) != files.working(sha256)
    table.desk.undo_stack.undo()
    assert table.desk.draft().dataset.photos[0].edits == PLAIN
    table.desk.undo_stack.redo()
    table.reopen()
    (item,) = table.desk.draft().dataset.photos
    assert item.edits == edits
    assert item.edited is not None
    assert files.original(sha256).read_bytes() == original


def test_copies_of_an_edited_photo_that_were_lost_are_made_again(table: Table) -> None:
    table.add(table.bench.photo("a.png"))
    (sha256,) = table.hashes()
    edits = Edits(flip=True)
    store, files = table.bench.tools.stores.datasets, table.bench.tools.stores.files
    store.set_change(table.desk.draft().dataset.id, sha256, edits, kept=True)

    table.reopen()  # as after a kill between the choice and the copies
    table.rest()

    assert files.working(sha256, edits).is_file()
    assert table.desk.draft().dataset.photos[0].edited is not None


def test_bars_are_trimmed_by_one_click_inside_what_was_cropped_already(table: Table) -> None:
    table.add(table.bench.photo("a.png", size=(400, 300)))
    (sha256,) = table.hashes()
    first = Edits(crop=Box(0.0, 0.0, 0.5, 1.0))
    table.desk.set_edits(sha256, first)
    table.until(lambda: table.desk.draft().dataset.photos[0].edited is not None)
    (item,) = table.desk.draft().dataset.photos
    assert item.edited is not None
    barred = replace(item.edited, bars=(0.0, 0.1, 0.2, 0.1))
    table.desk._on_edited(sha256, first, barred)

    table.desk.mend(Finding("bars", Severity.WARN, "", (sha256,), Mend.TRIM))
    table.rest()

    crop = table.desk.draft().dataset.photos[0].edits.crop
    sides = (crop.left, crop.top, crop.right, crop.bottom)
    assert sides == pytest.approx((0.0, 0.1, 0.4, 0.9))
    table.desk.undo_stack.undo()
    assert table.desk.draft().dataset.photos[0].edits == first
