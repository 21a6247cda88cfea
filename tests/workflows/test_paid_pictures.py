"""A picture that is paid for is kept somewhere, and nothing is paid for that nobody wants."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fluxlora_desktop.domain.errors import DiskFull, OutcomeUnknown, SecretStoreLocked
from fluxlora_desktop.domain.journal import Answered
from fluxlora_desktop.domain.money import Certainty
from fluxlora_desktop.domain.pictures import PictureRequest, PictureState
from fluxlora_desktop.workflows.pictures import (
    make_pictures,
    order_pictures,
    save_picture,
    unsaved_file,
)
from tests.workflows.conftest import Bench

ORDER = PictureRequest("replicate", "base", "a fox on grass", seed=7, count=3)
ONE = replace(ORDER, count=1)


def make(bench: Bench, request: PictureRequest = ORDER):
    return make_pictures(order_pictures(request, bench.tools), request, bench.tools, bench.ctx)


def refuse(*_arguments, **_changes):
    raise DiskFull("library.db")


def test_paid_picture_that_the_library_cannot_take_lies_elsewhere_and_ends_the_order(
    bench, monkeypatch
):
    monkeypatch.setattr(bench.tools.pictures, "finish", refuse)

    first, *rest = make(bench)

    place = Path(first.error.rpartition(" lies at ")[2].removesuffix("."))
    assert place.read_bytes() == b"image"
    assert first.state is PictureState.FAILED
    assert [charge.certainty for charge in bench.tools.stores.ledger.charges()] == [
        Certainty.CHARGED
    ]
    assert [picture.state for picture in rest] == [PictureState.FAILED] * 2
    assert len(bench.generator.asked) == 1


def test_paid_picture_is_kept_in_the_temporary_folder_when_the_library_takes_nothing(
    bench, monkeypatch, tmp_path
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(bench.tools.pictures, "finish", refuse)
    monkeypatch.setattr(type(bench.tools.stores.files), "run_folder", refuse)
    monkeypatch.setattr(bench.tools.stores.ledger, "add", refuse)

    (picture,) = make(bench, ONE)

    assert (tmp_path / f"{picture.id}.png").read_bytes() == b"image"
    assert str(tmp_path) in picture.error


def test_picture_that_lies_elsewhere_is_found_also_where_its_charge_is_in_doubt(
    bench, monkeypatch, tmp_path
):
    with monkeypatch.context() as patched:
        patched.setattr(bench.tools.pictures, "finish", refuse)
        (picture,) = make(bench, ONE)

    for state in (PictureState.FAILED, PictureState.MAYBE_CHARGED):
        place = unsaved_file(replace(picture, state=state), bench.tools)
        assert place is not None
        assert place.read_bytes() == b"image"
    assert unsaved_file(replace(picture, state=PictureState.DONE), bench.tools) is None
    save_picture(picture, tmp_path / "fox.png", bench.tools)
    assert (tmp_path / "fox.png").read_bytes() == b"image"


def test_paid_picture_is_kept_when_its_journal_cannot_be_written(bench, monkeypatch):
    runs = bench.tools.stores.runs
    record = runs.record_effect

    def recording(effect_id, event):
        return refuse() if isinstance(event, Answered) else record(effect_id, event)

    monkeypatch.setattr(runs, "record_effect", recording)

    (picture,) = make(bench, ONE)

    assert picture.state is PictureState.DONE


@pytest.mark.parametrize("trouble", [SecretStoreLocked("keyring"), DiskFull("library.db")])
def test_trouble_on_this_computer_ends_the_order(bench, trouble):
    bench.generator.replies = [trouble]

    assert [picture.state for picture in make(bench)] == [PictureState.FAILED] * 3
    assert len(bench.generator.asked) == 1


def test_order_made_twice_sends_nothing_more_and_harms_nothing(bench):
    pictures = order_pictures(ORDER, bench.tools)
    made = make_pictures(pictures, ORDER, bench.tools, bench.ctx)

    assert make_pictures(pictures, ORDER, bench.tools, bench.ctx) == made
    assert len(bench.generator.asked) == 3
    assert [bench.tools.stores.pictures.get(p.id).state for p in made] == [PictureState.DONE] * 3


def test_waiting_picture_that_was_deleted_is_not_sent(bench):
    first, second, third = order_pictures(ORDER, bench.tools)
    bench.tools.stores.pictures.trash([second.id])

    make_pictures([first, second, third], ORDER, bench.tools, bench.ctx)

    assert [asked.seed for asked in bench.generator.asked] == [7, 9]
    assert bench.tools.stores.pictures.get(second.id).state is PictureState.FAILED


def test_lost_answer_that_the_disk_cannot_count_ends_the_order_and_is_counted_later(
    bench, monkeypatch
):
    bench.generator.replies = [OutcomeUnknown("replicate", "cut")]
    with monkeypatch.context() as patched:
        patched.setattr(bench.tools.stores.ledger, "add", lambda _charge: refuse())
        first, *rest = make(bench)

    assert first.state is PictureState.MAYBE_CHARGED
    assert [picture.state for picture in rest] == [PictureState.FAILED] * 2
    assert len(bench.generator.asked) == 1
    kept = bench.tools.stores.pictures.get(first.id)
    assert kept.state is PictureState.MAKING  # the next start settles it by its journal
