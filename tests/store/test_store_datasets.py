from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from fluxlora_desktop.domain.edits import PLAIN, Box, Edits
from tests.store.conftest import Shelf, photo


def test_photo_keeps_its_facts_with_an_unsigned_64_bit_hash(shelf: Shelf) -> None:
    kept = photo("a", dhash=2**64 - 1)
    shelf.stores.datasets.put_photo(kept)
    shelf.stores.datasets.put_photo(kept)

    assert shelf.reopen().datasets.photo("a" * 64) == kept
    assert shelf.stores.datasets.photo("b" * 64) is None


def test_photo_keeps_everything_that_was_measured(shelf: Shelf) -> None:
    told = photo("a")
    measures = dict(measured=1, focus=0.4, detail=0.6, contrast=31.5, noise=2.5, brightest=250.0)
    bars = (0.0, 0.1, 0.0, 0.12)
    facts = replace(told.facts, **measures, blown=0.02, bars=bars, layout="0a" * 48)
    facts = replace(facts, faces=((0.1, 0.2, 0.3, 0.4), (0.0, 0.5, 0.25, 1.0)))
    shelf.stores.datasets.put_photo(replace(told, facts=facts))

    kept = shelf.reopen().datasets.photo("a" * 64)

    assert kept == replace(told, facts=facts)


@pytest.mark.parametrize("faces", [None, (), ((0.1, 0.2, 0.3, 0.4),)])
def test_faces_not_looked_for_none_found_and_some_found_are_told_apart(
    shelf: Shelf, faces: tuple[tuple[float, float, float, float], ...] | None
) -> None:
    crop, plain = Edits(crop=Box(0.0, 0.0, 0.5, 0.5)), photo("a")
    facts = replace(plain.facts, faces=faces)
    shelf.stores.datasets.put_photo(replace(plain, facts=facts))
    shelf.stores.datasets.put_edited("a" * 64, crop, facts)

    datasets = shelf.reopen().datasets

    assert datasets.photo("a" * 64) == replace(plain, facts=facts)
    assert datasets.edited("a" * 64, crop) == facts


def test_dataset_keeps_order_captions_trigger_and_dismissals(shelf: Shelf) -> None:
    datasets = shelf.stores.datasets
    made = datasets.create()
    assert datasets.get(made.id) == made
    for letter in "abc":
        datasets.put_photo(photo(letter))
    datasets.set_photos(made.id, ["c" * 64, "a" * 64, "b" * 64, "a" * 64])
    datasets.set_caption(made.id, "a" * 64, "a fox")
    datasets.set_trigger(made.id, "F0X")
    datasets.dismiss(made.id, "few")
    datasets.dismiss(made.id, "few")
    datasets.dismiss(made.id, "blurry:x", "blurry:y", "blurry:z")
    datasets.dismiss(made.id, "blurry:x", "blurry:y", dismissed=False)

    dataset = shelf.reopen().datasets.get(made.id)

    assert dataset.hashes() == ("c" * 64, "a" * 64, "b" * 64)
    assert [item.caption for item in dataset.photos] == ["", "a fox", ""]
    assert (dataset.trigger_word, dataset.dismissed) == ("F0X", {"few", "blurry:z"})


def test_caption_survives_its_photo_leaving_the_set(shelf: Shelf) -> None:
    datasets = shelf.stores.datasets
    made = datasets.create()
    datasets.put_photo(photo("a"))
    datasets.set_photos(made.id, ["a" * 64])
    datasets.set_caption(made.id, "a" * 64, "a fox")

    datasets.set_photos(made.id, [])
    assert datasets.get(made.id).photos == ()

    datasets.set_photos(made.id, ["a" * 64])
    assert datasets.get(made.id).photos[0].caption == "a fox"


def test_captions_of_one_dataset_are_not_those_of_another(shelf: Shelf) -> None:
    datasets = shelf.stores.datasets
    first, second = datasets.create(), datasets.create()
    datasets.put_photo(photo("a"))
    for made in (first, second):
        datasets.set_photos(made.id, ["a" * 64])

    datasets.set_caption(first.id, "a" * 64, "mine")

    assert datasets.get(second.id).photos[0].caption == ""


def test_set_stays_as_it_was_when_a_photo_is_not_in_the_library(shelf: Shelf) -> None:
    datasets = shelf.stores.datasets
    made = datasets.create()
    datasets.put_photo(photo("a"))
    datasets.set_photos(made.id, ["a" * 64])

    with pytest.raises(IntegrityError):
        datasets.set_photos(made.id, ["b" * 64])

    assert datasets.get(made.id).hashes() == ("a" * 64,)


def test_captions_of_a_set_are_kept_all_or_none(shelf: Shelf) -> None:
    datasets = shelf.stores.datasets
    made = datasets.create()
    for letter in "ab":
        datasets.put_photo(photo(letter))
    datasets.set_photos(made.id, ["a" * 64, "b" * 64])
    datasets.set_captions(made.id, {"a" * 64: "a fox", "b" * 64: "a dog"})

    with pytest.raises(IntegrityError):
        datasets.set_captions(made.id, {"a" * 64: "changed", "c" * 64: "unknown"})

    kept = shelf.reopen().datasets.get(made.id).photos
    assert [item.caption for item in kept] == ["a fox", "a dog"]


def test_frozen_version_does_not_change_with_its_dataset(shelf: Shelf) -> None:
    datasets = shelf.stores.datasets
    made = datasets.create()
    for letter in "ab":
        datasets.put_photo(photo(letter))
    datasets.set_photos(made.id, ["b" * 64, "a" * 64])
    datasets.set_caption(made.id, "b" * 64, "then")
    frozen = datasets.freeze(made.id, ["few", "blurry:b"])

    datasets.set_caption(made.id, "b" * 64, "now")
    datasets.set_photos(made.id, ["a" * 64])
    datasets.set_trigger(made.id, "OTHER")

    again = shelf.reopen().datasets.version(frozen.id)
    assert again == frozen
    assert [(item.photo.name, item.caption) for item in again.photos] == [
        ("b.jpg", "then"),
        ("a.jpg", ""),
    ]
    assert (again.trigger_word, again.findings) == ("TOK", ("few", "blurry:b"))


def test_unknown_datasets_and_versions_raise_key_error(shelf: Shelf) -> None:
    datasets = shelf.stores.datasets

    for ask in (datasets.get, datasets.version, lambda x: datasets.set_trigger(x, "T")):
        with pytest.raises(KeyError):
            ask("nobody")


def test_changes_to_a_photo_stay_and_are_frozen_with_the_kept_ones(shelf: Shelf) -> None:
    datasets = shelf.stores.datasets
    for letter in "abc":
        datasets.put_photo(photo(letter))
    made = datasets.create()
    datasets.set_photos(made.id, [letter * 64 for letter in "abc"])
    edits = Edits(turns=1, straighten=-2.5, crop=Box(0.1, 0, 1, 0.75))
    facts = replace(photo("a").facts, width=300, notes=("cropped",))
    datasets.set_change(made.id, "a" * 64, edits, kept=True)
    datasets.set_change(made.id, "b" * 64, PLAIN, kept=False)
    datasets.put_edited("a" * 64, edits, facts)

    found = shelf.reopen().datasets.get(made.id)
    version = shelf.stores.datasets.freeze(made.id, ())

    first, second, third = found.photos
    assert (first.edits, first.kept, first.edited) == (edits, True, facts)
    assert first.seen.facts.width == 300
    assert (second.edits, second.kept) == (PLAIN, False)
    assert (third.edits, third.kept, third.edited) == (PLAIN, True, None)
    assert found.kept == (first, third) == version.photos
    shelf.stores.datasets.set_change(made.id, "a" * 64, PLAIN, kept=False)
    assert shelf.stores.datasets.version(version.id).photos == (first, third)


def test_changes_survive_that_their_photo_leaves_the_set(shelf: Shelf) -> None:
    datasets = shelf.stores.datasets
    datasets.put_photo(photo("a"))
    made = datasets.create()
    datasets.set_photos(made.id, ["a" * 64])
    datasets.set_change(made.id, "a" * 64, Edits(flip=True), kept=False)
    datasets.set_photos(made.id, [])
    datasets.set_photos(made.id, ["a" * 64])

    (again,) = datasets.get(made.id).photos
    assert (again.edits, again.kept) == (Edits(flip=True), False)
