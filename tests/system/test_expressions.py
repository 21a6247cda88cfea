"""Expressions that people write are tried in a process that ends, whatever they wrote."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from fluxlora_desktop.domain.caption_edits import FindReplace, preview_edit
from fluxlora_desktop.domain.errors import InputError, JobCancelled
from fluxlora_desktop.system.expressions import TOO_SLOW, WORKER_FLAG, preview_expression

CAPTIONS = {"one": "a red fox, “in” snow\nat night", "two": "a dog", "three": ""}


def nothing() -> None:
    return


def test_process_previews_what_the_rules_say() -> None:
    edit = FindReplace(r"(\w+) fox", r"fox of \1", expression=True)
    assert preview_expression(edit, CAPTIONS, nothing) == preview_edit(edit, CAPTIONS)


def test_trouble_with_an_expression_comes_back_in_words() -> None:
    with pytest.raises(InputError) as told:
        preview_expression(FindReplace("(", expression=True), CAPTIONS, nothing)
    assert (told.value.field, told.value.reason[:25]) == ("find", "A bracket ( is not closed")


def test_expression_that_backtracks_without_end_is_given_up() -> None:
    edit = FindReplace("(a+)+b", expression=True)
    with pytest.raises(InputError) as told:
        preview_expression(edit, {"one": "a" * 40}, nothing)
    assert told.value.reason == TOO_SLOW


def test_search_ends_when_its_owner_leaves() -> None:
    asked = 0

    def leave() -> None:
        nonlocal asked
        asked += 1
        if asked > 2:
            raise JobCancelled

    with pytest.raises(JobCancelled):
        preview_expression(FindReplace("(a+)+b", expression=True), {"one": "a" * 40}, leave)


def test_program_of_the_bundle_takes_the_same_question() -> None:
    edit = {"find": "dog", "replace": "cat", "expression": True}
    done = subprocess.run(
        [sys.executable, "-m", "fluxlora_desktop", WORKER_FLAG],
        input=json.dumps({"edit": edit, "captions": CAPTIONS}).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    assert json.loads(done.stdout) == {"changes": [["two", "a dog", "a cat"]], "total": 3}
