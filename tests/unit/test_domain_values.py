"""Small values of the domain: what they refuse, at which edge, and in which words."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fluxlora_desktop.domain.buckets import bucket_for, histogram, resolutions_of
from fluxlora_desktop.domain.caption_counts import estimate_tokens, length_of
from fluxlora_desktop.domain.caption_edits import Change, Part, pieces_of
from fluxlora_desktop.domain.captions import class_in, replace_trigger
from fluxlora_desktop.domain.edits import Box, Edits, crop_to_shape, edits_from
from fluxlora_desktop.domain.errors import (
    AppError,
    CredentialError,
    IllegalMove,
    InputError,
    LoraNotUsable,
    ServiceBusy,
    ServiceError,
    ServiceUnreachable,
    UnexpectedReply,
    WeightsError,
)
from fluxlora_desktop.domain.recovery import Origin, UnknownTraining, told_apart
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.services import service_title
from fluxlora_desktop.domain.training import (
    ListedTraining,
    Parameter,
    ParameterKind,
    PriceRule,
    RemoteRun,
    RemoteState,
    Trainer,
)

STEPS = Parameter("steps", "Steps", ParameterKind.WHOLE, 1000, "steps", low=10, high=4000)
RATE = Parameter("rate", "Rate", ParameterKind.NUMBER, 0.1, low=0.0, high=1.0)
TENS = replace(STEPS, name="tens", multiple=10)
EVENS = replace(STEPS, name="evens", multiple=2)
KIND = Parameter("kind", "Kind", ParameterKind.CHOICE, "a", choices=("a", "b"))
RULE = PriceRule(start_seconds=0, seconds_per_step=1, spread=0, basis="")
TRAINER = Trainer("t", "The trainer", "flux.1-dev", "", (STEPS, RATE, TENS, KIND), RULE)


@pytest.mark.parametrize(
    ("parameter", "value", "found"),
    [
        (STEPS, 10, 10),
        (STEPS, 4000, 4000),
        (STEPS, "250", 250),
        (STEPS, 250.9, 250),
        (RATE, 0, 0.0),
        (RATE, 1, 1.0),
        (RATE, "0.5", 0.5),
        (TENS, 30, 30),
        (EVENS, 12, 12),
        (KIND, "b", "b"),
    ],
)
def test_value_in_range_is_taken_in_the_parameters_type(
    parameter: Parameter, value: float | str, found: object
) -> None:
    checked = parameter.checked(value)
    assert (checked, type(checked)) == (found, type(found))


@pytest.mark.parametrize(
    ("parameter", "value", "reason"),
    [
        (STEPS, 9, "at least 10"),
        (STEPS, 4001, "at most 4000"),
        (STEPS, "many", "many is not a number"),
        (RATE, -0.01, "at least 0"),
        (RATE, 1.01, "at most 1"),
        (TENS, 35, "a multiple of 10"),
        (EVENS, 13, "a multiple of 2"),
        (KIND, "c", "c is not one of a, b"),
    ],
)
def test_value_out_of_range_is_refused_by_name_and_reason(
    parameter: Parameter, value: float | str, reason: str
) -> None:
    with pytest.raises(InputError) as caught:
        parameter.checked(value)
    assert (caught.value.field, caught.value.reason) == (parameter.name, reason)


@pytest.mark.parametrize(
    ("parameter", "wish", "found"),
    [
        (TENS, 34, 30),
        (TENS, 36, 40),
        (EVENS, 12.9, 12),
        (STEPS, 12.5, 12.5),
        (STEPS, 1, 10),
        (STEPS, 9999, 4000),
        (replace(STEPS, low=None, high=None), 1, 1),
    ],
)
def test_wish_is_brought_to_the_nearest_number_that_may_be(
    parameter: Parameter, wish: float, found: float
) -> None:
    assert parameter.nearest(wish) == found


def test_trainer_without_a_parameter_says_so() -> None:
    with pytest.raises(InputError) as caught:
        TRAINER.parameter("colour")
    assert (caught.value.field, caught.value.reason) == (
        "colour",
        "The trainer has no such parameter",
    )


@pytest.mark.parametrize(
    ("parameters", "writes", "describes"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"auto": False}, True, False),
        ({"style": True}, True, False),
        ({"style": False, "auto": True}, True, True),
    ],
)
def test_trainer_describes_photos_unless_it_is_told_not_to(
    parameters: dict[str, bool], writes: bool, describes: bool
) -> None:
    flags = (
        Parameter("auto", "", ParameterKind.FLAG, True, "autocaption"),
        Parameter("style", "", ParameterKind.FLAG, False, "is_style"),
    )
    trainer = replace(TRAINER, parameters=flags, writes_captions=writes)
    assert trainer.describes_photos(parameters) is describes
    assert replace(trainer, parameters=()).describes_photos({}) is writes


def test_unknown_training_is_the_one_that_was_listed() -> None:
    listed = ListedTraining(
        RemoteRun("replicate", "1", "t"), RemoteState.SUCCEEDED, datetime(2026, 11, 23, tzinfo=UTC)
    )
    own = replace(listed, mark="fluxlora-0a1b2c3d-0123456789ab")
    assert told_apart(listed, "0a1b2c3d", []) == UnknownTraining(listed, Origin.ELSEWHERE)
    assert told_apart(own, "0a1b2c3d", []) == UnknownTraining(own, Origin.FORGOTTEN)
    assert told_apart(own, "ffffffff", []) == UnknownTraining(own, Origin.OTHER_LIBRARY)


def test_services_are_called_by_their_titles_and_others_by_their_key() -> None:
    assert service_title("huggingface") == "Hugging Face"
    assert service_title("somewhere") == "somewhere"


def test_errors_carry_what_they_are_about() -> None:
    unfit = LoraNotUsable("replicate", "no", ("fal",))
    assert (unfit.generator, unfit.reason, unfit.routes, str(unfit)) == (
        *("replicate", "no", ("fal",)),
        "no",
    )
    weights = WeightsError(Path("lora.safetensors"), "cut off")
    assert (weights.path, weights.reason) == (Path("lora.safetensors"), "cut off")
    assert str(IllegalMove("run", "queued", "draft")) == "run cannot go from queued to draft"


def test_secret_is_told_apart_and_does_not_leave_the_process() -> None:
    secret = Secret("r8_" + "A" * 37)
    assert bool(secret)
    assert not Secret("")
    assert len({secret, Secret("r8_" + "A" * 37), Secret("other")}) == 2
    assert hash(secret) != hash(Secret("other"))
    with pytest.raises(TypeError, match=r"^a Secret does not leave the process$"):
        pickle.dumps(secret)


def test_mirrored_edits_lean_and_crop_the_other_way() -> None:
    edits = Edits(flip=False, straighten=2.0, crop=Box(0.25, 0.5, 1.0, 1.0))
    assert edits.flipped() == Edits(flip=True, straighten=-2.0, crop=Box(0.0, 0.5, 0.75, 1.0))


@pytest.mark.parametrize(
    ("size", "shape", "box"),
    [
        ((200, 100), 1.0, Box(left=0.25, right=0.75)),
        ((100, 200), 1.0, Box(top=0.25, bottom=0.75)),
        ((300, 100), 3.0, Box()),
        ((4000, 100), 1.0, Box(left=0.475, right=0.525)),
    ],
)
def test_crop_to_a_shape_is_in_the_middle(size: tuple[int, int], shape: float, box: Box) -> None:
    found = crop_to_shape(*size, shape)
    sides = ("left", "top", "right", "bottom")
    assert [getattr(found, side) for side in sides] == pytest.approx(
        [getattr(box, side) for side in sides]
    )


def test_resolutions_from_64_to_4096_are_taken() -> None:
    assert resolutions_of("63,64,4096,4097") == (64, 4096)


def test_buckets_of_the_same_count_come_by_name() -> None:
    wide, tall, square = ((1400, 900), (900, 1400), (900, 900))
    buckets = [bucket_for(*size, 1024) for size in (tall, wide, square, square)]
    assert [title for title, _ in histogram(buckets)] == [
        buckets[2].title,
        *sorted(bucket.title for bucket in buckets[:2]),
    ]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a", 3),
        ("mug", 3),
        ("TOK", 3),
        ("TOKX", 4),
        ("TOKXYZTOKXY", 7),
        ("redmugs", 3),
        ("abcdefghijabcdefghij", 5),
        ("größe", 6),
        ("🦊🦊", 6),
    ],
)
def test_tokens_are_estimated_by_the_rule_of_each_kind_of_word(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


def test_length_names_the_limit_that_is_passed_and_not_before() -> None:
    def flux1(words: int) -> tuple[int, str]:
        found = length_of(" ".join(["mug"] * words), "flux.1-dev")
        return found.tokens, found.cut

    assert flux1(75) == (77, "")
    assert flux1(76) == (78, "CLIP reads only the first 77, T5 all of it.")
    other = length_of(" ".join(["mug"] * 20), "flux.2-dev")
    assert (other.words, other.tokens, other.limit, other.cut) == (20, 26, 512, "")
    long = [length_of(" ".join(["mug"] * words), "flux.2-dev") for words in (425, 426)]
    assert [(one.tokens, one.cut) for one in long] == [
        (512, ""),
        (514, "The rest after 512 is cut off."),
    ]
    both = [length_of(" ".join(["mug"] * words), "flux.1-dev").cut for words in (425, 426)]
    assert both == [
        "CLIP reads only the first 77, T5 all of it.",
        "CLIP reads only the first 77, T5 the first 512.",
    ]


def test_long_change_is_told_by_what_is_alike_at_both_ends() -> None:
    before = "red " + "x " * 3000 + "mug"
    after = "blue " + "x " * 3000 + "cup"
    pieces = pieces_of(Change("a" * 64, before, after))
    assert {piece.part for piece in pieces} == {Part.GONE, Part.NEW}
    kept = pieces_of(Change("a" * 64, f"same {before} end", f"same {after} end"))
    assert [(piece.part, piece.text[:5]) for piece in kept] == [
        (Part.SAME, "same "),
        (Part.GONE, "red x"),
        (Part.NEW, "blue "),
        (Part.SAME, " end"),
    ]


def test_class_word_needs_two_captions_that_agree() -> None:
    assert class_in(["TOK fox on a shelf", "TOK fox, alone"], "TOK") == "fox"
    assert class_in(["TOK fox on a shelf"], "TOK") == ""
    assert class_in([], "TOK") == ""
    assert class_in(["TOK running on grass", "TOK running in snow"], "TOK") == ""
    assert class_in(["TOK king on a throne", "TOK king in snow"], "TOK") == ""


def test_trigger_word_is_exchanged_only_where_there_is_one() -> None:
    assert replace_trigger("TOK here", "TOK", "GLZ") == "GLZ here"
    assert replace_trigger("TOK here", "", "GLZ") == "TOK here"
    assert replace_trigger("TOK here", "TOK", "TOK") == "TOK here"


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (AppError(), {"detail": ""}),
        (AppError("no"), {"detail": "no"}),
        (CredentialError("fal"), {"service": "fal", "detail": "fal"}),
        (CredentialError("fal", "no"), {"service": "fal", "detail": "no"}),
        (
            ServiceError("fal"),
            {"service": "fal", "detail": "fal", "status": None, "request_id": ""},
        ),
        (
            ServiceError("fal", "no", status=500, request_id="r"),
            {"service": "fal", "detail": "no", "status": 500, "request_id": "r"},
        ),
        (ServiceUnreachable("fal"), {"service": "fal", "detail": "fal", "kind": "connect"}),
        (
            ServiceUnreachable("fal", "no", kind="dns"),
            {"service": "fal", "detail": "no", "kind": "dns"},
        ),
        (
            ServiceBusy("fal"),
            {"service": "fal", "detail": "fal", "retry_after": 10.0, "status": 429},
        ),
        (
            ServiceBusy("fal", "no", retry_after=3, status=503),
            {"service": "fal", "detail": "no", "retry_after": 3, "status": 503},
        ),
        (
            UnexpectedReply("fal", "id", "nothing", status=200),
            {
                **{"service": "fal", "detail": "id: nothing", "status": 200},
                **{"where": "id", "got": "nothing"},
            },
        ),
    ],
)
def test_error_says_whose_it_is_and_what_it_was(error: AppError, fields: dict[str, object]) -> None:
    assert {name: getattr(error, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("found", "edits"),
    [
        ({}, Edits()),
        ({"turns": 1}, Edits(turns=1)),
        ({"flip": True}, Edits(flip=True)),
        ({"crop": [0, 0, 0.5, 1]}, Edits(crop=Box(right=0.5))),
    ],
)
def test_what_edits_do_not_say_is_not_changed(found: dict[str, object], edits: Edits) -> None:
    assert edits_from(found) == edits
    assert edits_from(found).flip in {True, False}
    with pytest.raises(ValueError, match="are no edits"):
        edits_from({"crop": 7})
