"""Photos: which files are taken, what lies beside them, what is found about a set."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from fluxlora_desktop.domain.datasets import MEASURED, Finding, Severity
from fluxlora_desktop.domain.dismissals import dismissal_keys
from fluxlora_desktop.domain.edits import PLAIN, Box, Edits
from fluxlora_desktop.domain.errors import DiskFull, UnreadablePhoto
from fluxlora_desktop.domain.runs import RunState
from fluxlora_desktop.domain.training import Preset
from fluxlora_desktop.store.files import remove_leftovers
from fluxlora_desktop.workflows.carry import carry_run
from fluxlora_desktop.workflows.launch import start_run
from fluxlora_desktop.workflows.photos import (
    PHOTO_SUFFIXES,
    check_dataset,
    edit_photo,
    glimpse_photo,
    is_dated,
    list_photos,
    measure_again,
    passed_over,
    take_in_bytes,
    take_in_photo,
)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def names(folder: Path, found) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in found]


def test_folder_is_walked_by_name_and_in_depth(tmp_path):
    touch(tmp_path, "b.jpg", "a.PNG", "sub/c.heic", "sub/deep/d.webp")
    assert names(tmp_path, list_photos([tmp_path])) == [
        *("a.PNG", "b.jpg", "sub/c.heic", "sub/deep/d.webp")
    ]


def test_what_is_hidden_or_no_photo_is_left_out_of_folders(tmp_path):
    touch(tmp_path, "a.jpg", ".b.jpg", ".thumbs/c.jpg", "__MACOSX/d.jpg", "notes.txt", "e.psd")
    assert names(tmp_path, list_photos([tmp_path])) == ["a.jpg"]


def test_folder_below_a_hidden_one_is_walked_when_it_was_given(tmp_path):
    touch(tmp_path, ".camera/roll/a.jpg")
    assert len(list_photos([tmp_path / ".camera" / "roll"])) == 1


def test_folder_that_is_named_like_a_photo_is_no_photo(tmp_path):
    touch(tmp_path, "album.jpg/a.png")
    assert names(tmp_path, list_photos([tmp_path])) == ["album.jpg/a.png"]


def test_file_given_by_itself_is_kept_whatever_its_suffix(tmp_path):
    touch(tmp_path, "photo.dat", ".hidden.jpg")
    given = [tmp_path / "photo.dat", tmp_path / ".hidden.jpg"]
    assert list_photos(given) == tuple(given)


def test_captions_dropped_along_are_no_photos(tmp_path):
    touch(tmp_path, "a.jpg", "a.txt", "B.TXT")
    assert names(tmp_path, list_photos(sorted(tmp_path.iterdir()))) == ["a.jpg"]


def test_same_path_twice_is_one_photo_in_the_first_place(tmp_path):
    touch(tmp_path, "a.jpg", "b.jpg")
    found = list_photos([tmp_path / "b.jpg", tmp_path, tmp_path / "a.jpg"])
    assert names(tmp_path, found) == ["b.jpg", "a.jpg"]


@pytest.mark.parametrize("suffix", sorted(PHOTO_SUFFIXES))
def test_every_known_kind_is_taken_from_a_folder(tmp_path, suffix):
    touch(tmp_path, f"a{suffix}", f"b{suffix.upper()}")
    assert len(list_photos([tmp_path])) == 2


def take(bench, name="a.jpg", data=b"photo"):
    path = bench.folder / name
    path.write_bytes(data)
    return take_in_photo(path, bench.tools, bench.ctx)


@pytest.mark.parametrize(
    ("raw", "caption"),
    [
        (b"TOK on a table", "TOK on a table"),
        (b"\xef\xbb\xbfTOK,\r\n on a table\r\n", "TOK, on a table"),
        (b"gr\xfcn", "gr\N{REPLACEMENT CHARACTER}n"),
        (b"  \n\n ", ""),
    ],
)
def test_caption_beside_a_photo_is_read_as_one_line(bench, raw, caption):
    (bench.folder / "a.txt").write_bytes(raw)
    assert take(bench).caption == caption


def test_photo_without_a_caption_has_none(bench):
    assert take(bench).caption == ""


def test_huge_file_beside_a_photo_is_cut(bench):
    (bench.folder / "a.txt").write_bytes(b"x" * 1_000_000)
    assert len(take(bench).caption) == 20_000


def test_photo_is_kept_byte_for_byte_and_its_source_stays(bench):
    photo = take(bench).photo
    assert bench.tools.stores.files.original(photo.sha256).read_bytes() == b"photo"
    assert (bench.folder / "a.jpg").read_bytes() == b"photo"
    assert (photo.name, photo.size_bytes) == ("a.jpg", 5)


def test_known_photo_is_not_developed_again(bench):
    first = take(bench).photo
    bench.tools.photos.develop = None  # calling it would fail
    assert take(bench, "copy.jpg").photo == first


def age(bench, photo):
    """Make a photo one that an older version of the measuring measured."""
    old = replace(photo, facts=replace(photo.facts, measured=0, sharpness=1.0))
    bench.tools.stores.datasets.put_photo(old)
    return old


def test_photo_that_an_older_version_measured_is_measured_again_when_it_comes_back(bench):
    first = take(bench).photo
    age(bench, first)
    bench.tools.photos.develop = None  # its copies are good: calling it would fail
    assert take(bench).photo == replace(
        first, facts=replace(first.facts, pixel_sha256=first.sha256)
    )
    assert bench.tools.stores.datasets.photo(first.sha256).facts.measured == MEASURED


@pytest.mark.parametrize(
    "trouble", [UnreadablePhoto(Path("a.jpg"), "it is cut off"), DiskFull(Path("a.jpg"))]
)
def test_photo_that_cannot_be_measured_again_stays_as_it_was(bench, trouble):
    old = age(bench, take(bench).photo)

    def fail(original):
        raise trouble

    bench.tools.photos.measure = fail
    assert measure_again(old, bench.tools) == old
    assert bench.tools.stores.datasets.photo(old.sha256) == old


def test_photo_that_was_measured_lately_is_not_measured_again(bench):
    photo = take(bench).photo
    bench.tools.photos.measure = None  # calling it would fail
    assert measure_again(photo, bench.tools) is photo


def test_preset_decides_what_is_found(bench):
    run = bench.draft(photos=11)
    datasets = bench.tools.stores.datasets
    dataset = datasets.get(run.dataset_id)
    datasets.set_caption(run.dataset_id, dataset.hashes()[0], "TOK with blue eyes at the sea today")
    dataset = datasets.get(run.dataset_id)
    face, thing = (
        {finding.what for finding in check_dataset(dataset, bench.tools, preset)}
        for preset in (Preset.FACE, Preset.OBJECT)
    )
    assert {"few", "caption_identity"} <= face
    assert {"few", "caption_identity"} & thing == set()


def test_working_copy_that_is_gone_is_made_again(bench):
    photo = take(bench).photo
    working = bench.tools.stores.files.working(photo.sha256)
    working.unlink()
    take(bench)
    assert working.is_file()


def refuse(original, *, working, thumb):
    raise UnreadablePhoto(original, "it is cut off")


def test_unreadable_file_is_named_as_the_person_knows_it_and_not_kept(bench):
    bench.tools.photos.develop = refuse
    with pytest.raises(UnreadablePhoto) as refused:
        take(bench, "broken.jpg")
    assert refused.value.path.name == "broken.jpg"
    assert refused.value.reason == "it is cut off"
    kept = bench.tools.stores.files.root / "photos"
    assert [path for path in kept.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["gone.jpg", "."])
def test_what_is_no_file_is_refused(bench, name):
    with pytest.raises(UnreadablePhoto):
        take_in_photo(bench.folder / name, bench.tools, bench.ctx)


def test_pasted_picture_is_kept_under_the_name_given(bench):
    taken = take_in_bytes(b"pasted", "Pasted.png", bench.tools)
    assert (taken.photo.name, taken.caption) == ("Pasted.png", "")


def test_same_photo_at_the_same_time_is_developed_once(bench):
    develop, begun = bench.tools.photos.develop, []

    def slow(original, *, working, thumb):
        begun.append(original)
        entered.set()
        go_on.wait(10)
        return develop(original, working=working, thumb=thumb)

    entered, go_on, taken = threading.Event(), threading.Event(), []
    bench.tools.photos.develop = slow
    for name in ("a.jpg", "b.jpg"):
        (bench.folder / name).write_bytes(b"photo")
    threads = [
        threading.Thread(
            target=lambda n=name: taken.append(
                take_in_photo(bench.folder / n, bench.tools, bench.ctx)
            )
        )
        for name in ("a.jpg", "b.jpg")
    ]
    for thread in threads:
        thread.start()
    assert entered.wait(10)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert len(begun) == 1
    assert len({photo.photo.sha256 for photo in taken}) == 1


def test_findings_come_gravest_first_and_dismissed_ones_not_at_all(bench):
    note = Finding("note_thing", Severity.NOTE, "A note.")
    warn = Finding("warn_thing", Severity.WARN, "A warning.", ("a", "b"))
    bench.tools.photos.find_problems = lambda photos: (note, warn)
    run = bench.draft(photos=3)
    datasets = bench.tools.stores.datasets
    found = [f.what for f in check_dataset(datasets.get(run.dataset_id), bench.tools)]
    assert found[0] == "too_few"
    assert found.index("warn_thing") < found.index("note_thing")
    datasets.dismiss(run.dataset_id, *dismissal_keys(warn))
    found = [f.what for f in check_dataset(datasets.get(run.dataset_id), bench.tools)]
    assert "warn_thing" not in found


def test_photo_that_came_later_is_remarked_alone(bench):
    draft = bench.draft()
    datasets = bench.tools.stores.datasets

    def bare():
        found = check_dataset(datasets.get(draft.dataset_id), bench.tools)
        return [(f.says[:9], f.photos) for f in found if f.what == "caption_trigger"]

    first, *rest = datasets.get(draft.dataset_id).hashes()
    datasets.set_photos(draft.dataset_id, rest)
    ((says, photos),) = bare()
    assert (says, photos) == ("5 caption", tuple(rest))

    finding = Finding("caption_trigger", Severity.NOTE, "", photos)
    datasets.dismiss(draft.dataset_id, *dismissal_keys(finding))
    assert bare() == []
    datasets.set_photos(draft.dataset_id, rest[1:])
    assert bare() == []
    datasets.set_photos(draft.dataset_id, [*rest, first])
    assert bare() == [("1 caption", (first,))]


def test_run_records_what_was_dismissed_and_what_still_stood(bench):
    draft = bench.draft()
    datasets = bench.tools.stores.datasets
    first, *rest = datasets.get(draft.dataset_id).hashes()
    for sha256 in rest:
        datasets.set_caption(draft.dataset_id, sha256, "TOK on a table beside the window today")
    datasets.dismiss(draft.dataset_id, "few", f"caption_short:{first}")

    run = start_run(draft.id, bench.tools)

    findings = datasets.version(run.version_id).findings
    assert findings[:2] == (f"caption_short:{first}", "few")
    assert f"caption_trigger:{first}" in findings[2:]
    assert not {"few", f"caption_short:{first}"} & set(findings[2:])


def test_training_gets_the_edited_copies_of_the_kept_photos_alone(bench, monkeypatch):
    packed = []
    package = bench.tools.photos.package

    def watch(items, *rest):
        packed.extend(items)
        return package(items, *rest)

    monkeypatch.setattr(bench.tools.photos, "package", watch)
    draft = bench.draft()
    datasets, files = bench.tools.stores.datasets, bench.tools.stores.files
    first, second, *rest = datasets.get(draft.dataset_id).hashes()
    edits = Edits(turns=1, crop=Box(0.1, 0.1, 0.9, 0.9))
    datasets.set_change(draft.dataset_id, first, edits, kept=True)
    datasets.set_change(draft.dataset_id, second, PLAIN, kept=False)

    run = carry_run(start_run(draft.id, bench.tools).id, bench.tools, bench.ctx)

    assert run.state is RunState.READY
    assert [item.photo_sha256 for item in packed] == [first, *rest]
    assert packed[0].working_copy == files.working(first, edits)
    assert files.working(first, edits).is_file()
    assert packed[1].working_copy == files.working(rest[0])
    assert bench.tools.stores.datasets.edited(first, edits) is not None


def test_glimpse_is_a_file_of_its_own_and_says_nothing_of_trouble(bench, monkeypatch):
    touch(bench.folder, "a.jpg", "b.jpg")
    seen = []

    def glimpse(original, thumb):
        seen.append(original.name)
        if original.name != "a.jpg":
            raise UnreadablePhoto(original, "it is damaged")
        return True

    monkeypatch.setattr(bench.tools.photos, "glimpse", glimpse, raising=False)

    first = glimpse_photo(bench.folder / "a.jpg", bench.tools, bench.ctx)
    again = glimpse_photo(bench.folder / "a.jpg", bench.tools, bench.ctx)

    assert first != again
    assert glimpse_photo(bench.folder / "b.jpg", bench.tools, bench.ctx) is None
    assert glimpse_photo(bench.folder / "gone.jpg", bench.tools, bench.ctx) is None
    assert not list((bench.tools.stores.files.root / "photos").glob("*")), "nothing is copied yet"


def test_first_thumbnails_that_a_killed_app_left_are_removed_at_the_next_start(bench):
    left = bench.tools.stores.files.first_thumb()
    left.parent.mkdir(parents=True)
    left.write_bytes(b"small")

    remove_leftovers(bench.tools.stores.files.root)

    assert not left.exists()


def test_photos_and_films_of_other_kinds_in_a_folder_are_named(tmp_path):
    touch(tmp_path, "a.jpg", "raw.CR2", "clip.mov", "b.nef", "notes.md", "a.txt", ".hidden.cr2")

    (error,) = passed_over([tmp_path, tmp_path / "a.jpg"])

    assert error.path == tmp_path
    assert error.reason == (
        "3 files in it are of a kind that the app does not read: .cr2, .mov, .nef"
    )
    assert passed_over([tmp_path / "raw.CR2"]) == (), "a file given by itself is judged by itself"


FACE = ((0.1, 0.2, 0.3, 0.6),)


def blind(bench, photo):
    """Make a photo one that was measured while no detector of faces was there."""
    old = replace(photo, facts=replace(photo.facts, faces=None))
    bench.tools.stores.datasets.put_photo(old)
    return old


def test_faces_are_looked_for_once_and_only_when_they_are_asked_for(bench):
    bench.tools.photos.faces = FACE
    photo = take(bench).photo
    assert (photo.facts.faces, bench.tools.photos.looked) == (None, 0)
    assert measure_again(photo, bench.tools) is photo

    seen = measure_again(photo, bench.tools, faces=True)

    assert seen.facts.faces == FACE
    assert bench.tools.stores.datasets.photo(photo.sha256) == seen
    assert measure_again(seen, bench.tools, faces=True) is seen
    assert bench.tools.photos.looked == 1


def test_photo_from_before_the_detector_is_looked_at_once_there_is_one(bench):
    old = blind(bench, take(bench).photo)
    assert not is_dated(old.facts, bench.tools, faces=True)
    assert measure_again(old, bench.tools, faces=True) is old
    assert bench.tools.photos.looked == 0

    bench.tools.photos.faces = ()
    bench.tools.photos.measure = None  # the rest is known: calling it would fail
    assert is_dated(old.facts, bench.tools, faces=True)
    now = measure_again(old, bench.tools, faces=True)
    assert now == replace(old, facts=replace(old.facts, faces=()))
    assert bench.tools.stores.datasets.photo(old.sha256) == now
    assert not is_dated(now.facts, bench.tools, faces=True)


def test_faces_that_are_known_outlast_a_new_measuring_and_a_detector_that_is_gone(bench):
    bench.tools.photos.faces = FACE
    old = age(bench, measure_again(take(bench).photo, bench.tools, faces=True))
    bench.tools.photos.faces = None
    now = measure_again(old, bench.tools, faces=True)
    assert (now.facts.measured, now.facts.faces) == (MEASURED, FACE)


def test_edited_photo_is_looked_at_as_it_is_after_its_edits_and_later_if_need_be(bench):
    sha256, crop = take(bench).photo.sha256, Edits(crop=Box(0, 0, 0.5, 0.5))
    assert edit_photo(sha256, crop, bench.tools, faces=True).faces is None

    bench.tools.photos.faces = FACE
    bench.tools.photos.develop = None  # its copies are good: calling it would fail
    seen = edit_photo(sha256, crop, bench.tools, faces=True)
    assert seen.faces == FACE
    assert bench.tools.stores.datasets.edited(sha256, crop) == seen
    assert edit_photo(sha256, crop, bench.tools, faces=True) == seen
    assert bench.tools.photos.looked == 1


def test_faces_matter_to_the_preset_of_a_person_alone(bench):
    bench.tools.photos.faces = ()
    run = bench.draft(photos=11)
    dataset = bench.tools.stores.datasets.get(run.dataset_id)
    for item in dataset.photos:
        measure_again(item.photo, bench.tools, faces=True)
    dataset = bench.tools.stores.datasets.get(run.dataset_id)
    told = {
        preset: "face_none" in {found.what for found in check_dataset(dataset, bench.tools, preset)}
        for preset in Preset
    }
    assert told == {preset: preset is Preset.FACE for preset in Preset}
