"""What was dismissed stays dismissed, and nothing else does."""

from __future__ import annotations

import pytest

from fluxlora_desktop.domain.captions import caption_findings
from fluxlora_desktop.domain.datasets import Dataset, DatasetPhoto, Finding, Photo, Severity
from fluxlora_desktop.domain.dismissals import (
    dismissal_keys,
    is_dismissed,
    keys_about,
    sort_out,
    to_forget,
)
from fluxlora_desktop.domain.training import Preset
from tests.unit.test_domain_findings import FACTS, LONG


def finding(what: str, *photos: str) -> Finding:
    return Finding(what, Severity.WARN, "Something.", photos)


def dismissing(*findings: Finding) -> frozenset[str]:
    """Return what a library holds after these were dismissed."""
    return frozenset(key for one in findings for key in dismissal_keys(one))


def dataset(captions: dict[str, str], dismissed: frozenset[str] = frozenset()) -> Dataset:
    photos = tuple(
        DatasetPhoto(Photo(name, f"{name}.jpg", 5, FACTS), text) for name, text in captions.items()
    )
    return Dataset("d", photos, dismissed=dismissed)


def test_list_of_photos_is_dismissed_photo_by_photo() -> None:
    kept = dismissing(finding("blurred", "a"), finding("blurred", "b"))

    assert kept == {"blurred:a", "blurred:b"} == dismissing(finding("blurred", "a", "b"))
    assert is_dismissed(finding("blurred", "a", "b"), kept)
    assert is_dismissed(finding("blurred", "b"), kept)
    assert not is_dismissed(finding("blurred", "a", "b", "c"), kept)
    assert not is_dismissed(finding("noisy", "a"), kept)


@pytest.mark.parametrize("what", ["duplicate", "near_duplicate"])
def test_pair_is_dismissed_in_either_order_and_neither_of_its_photos_alone(what: str) -> None:
    kept = dismissing(finding(what, "b", "a"), finding(what, "b", "c"))

    assert is_dismissed(finding(what, "a", "b"), kept)
    assert is_dismissed(finding(what, "b", "a"), kept)
    assert not is_dismissed(finding(what, "a", "c"), kept)


@pytest.mark.parametrize("what", ["few", "variety", "trigger_common"])
def test_remark_about_the_whole_set_is_dismissed_by_its_check(what: str) -> None:
    assert dismissing(finding(what)) == {what}
    assert is_dismissed(finding(what), frozenset({what}))


def test_identical_captions_are_a_matter_of_the_whole_set() -> None:
    kept = dismissing(finding("caption_identical", "a", "b", "c"))

    assert is_dismissed(finding("caption_identical", "b", "c", "d"), kept)


@pytest.mark.parametrize(
    ("old", "still"),
    [
        ("caption_missing:a:b:c", finding("caption_missing", "a", "b", "c")),
        ("caption_missing:a:b:c", finding("caption_missing", "b")),
        ("caption_identical:a:b", finding("caption_identical", "a", "b", "c")),
        ("near_duplicate:b:a", finding("near_duplicate", "a", "b")),
        ("near_duplicate:b:a", finding("near_duplicate", "b", "a")),
        ("small:a", finding("small", "a")),
        ("few", finding("few")),
    ],
)
def test_dismissals_of_older_libraries_hold(old: str, still: Finding) -> None:
    assert is_dismissed(still, frozenset({old}))
    assert to_forget(frozenset({old, "other:z"}), dismissal_keys(still)) == {old}


def test_older_dismissal_of_a_list_says_nothing_about_other_photos_or_pairs() -> None:
    kept = frozenset({"caption_missing:a:b", "near_duplicate:a:b"})

    assert not is_dismissed(finding("caption_missing", "a", "c"), kept)
    assert not is_dismissed(finding("near_duplicate", "a", "c"), kept)


def test_findings_are_sorted_out_in_their_order() -> None:
    found = (finding("small", "a"), finding("few"), finding("small", "b"), finding("noisy", "a"))

    standing, gone = sort_out(found, frozenset({"small:a", "noisy:a"}))

    assert standing == (found[1], found[2])
    assert gone == (found[0], found[3])


def test_keys_about_one_photo_leave_out_the_other_photos_and_the_set() -> None:
    found = (finding("small", "a", "b"), finding("near_duplicate", "c", "a"), finding("few"))

    assert keys_about(found) == {"small:a", "small:b", "near_duplicate:a:c", "few"}
    assert keys_about(found, "a") == {"small:a", "near_duplicate:a:c"}


@pytest.mark.parametrize(
    ("what", "text", "fine", "one"),
    [
        ("caption_missing", "", LONG, "1 photo has no caption."),
        ("caption_trigger", LONG.replace("TOK", "fox"), LONG, "1 caption does not name TOK."),
        ("caption_short", "TOK on a shelf", LONG, "1 caption has fewer than"),
        ("caption_identity", f"{LONG}, blue eyes", LONG, "1 caption describes the face"),
    ],
)
def test_only_the_caption_that_came_later_is_remarked(
    what: str, text: str, fine: str, one: str
) -> None:
    def found(set_: Dataset) -> list[tuple[str, tuple[str, ...]]]:
        standing, _ = sort_out(caption_findings(set_, Preset.FACE), set_.dismissed)
        return [(f.says[: len(one)], f.photos) for f in standing if f.what == what]

    two = {"a": text, "b": text, "fine": fine}
    ((_, photos),) = found(dataset(two))
    assert photos == ("a", "b")
    dismissed = dismissing(Finding(what, Severity.NOTE, "", photos))
    assert found(dataset(two, dismissed)) == []
    assert found(dataset({"a": text, "fine": fine}, dismissed)) == []
    assert found(dataset({**two, "late": text}, dismissed)) == [(one, ("late",))]


def test_example_of_a_face_word_is_from_a_caption_that_is_not_dismissed() -> None:
    captions = {"a": f"{LONG}, green eyes", "b": f"{LONG}, freckles", "fine": LONG}
    set_ = dataset(captions, frozenset({"caption_identity:a"}))

    standing, _ = sort_out(caption_findings(set_, Preset.FACE), set_.dismissed)

    (said,) = [f.says for f in standing if f.what == "caption_identity"]
    assert "freckles" in said
