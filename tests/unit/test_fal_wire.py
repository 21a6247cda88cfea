"""fal's replies at the border."""

import pytest

from fluxlora_desktop.backends.fal.wire import (
    Addresses,
    HistoryPage,
    PastRequest,
    Status,
    Submitted,
    Ticket,
    Trained,
    read,
    read_paid,
)
from fluxlora_desktop.backends.flux_outputs import Drawn
from fluxlora_desktop.domain.errors import OutcomeUnknown, UnexpectedReply


def test_request_needs_only_an_id() -> None:
    taken = read_paid(Submitted, {"request_id": "7a-1", "status_url": None, "queue_position": 2})

    assert taken.addresses == Addresses("", "", "")


@pytest.mark.parametrize("reply", [None, [], {}, {"request_id": ""}, {"request_id": "../x"}])
def test_answer_to_a_paid_request_that_cannot_be_read_leaves_a_doubt(reply: object) -> None:
    with pytest.raises(OutcomeUnknown):
        read_paid(Submitted, reply)


def test_addresses_survive_as_a_handle() -> None:
    told = Addresses("https://a/status", "https://a", "https://a/cancel")

    assert Addresses.from_text(told.as_text()) == told


@pytest.mark.parametrize("text", ["", "{", "[]", "[1]", "7", "null", '["a", "b", "c", "d"]'])
def test_handle_that_holds_no_addresses_is_none(text: str) -> None:
    assert Addresses.from_text(text) is None


def test_status_is_read_when_the_rest_is_not_what_was_told() -> None:
    status = read(
        Status,
        {"status": "IN_PROGRESS", "queue_position": True, "logs": [{"message": "a"}, "b", {}]},
    )

    assert (status.place, status.lines, status.error) == (None, ("a", "", ""), "")
    assert read(Status, {"status": "x", "logs": None}).lines == ()


def test_status_without_its_word_is_no_status() -> None:
    with pytest.raises(UnexpectedReply, match=r"Status\.status"):
        read(Status, {"logs": []})


@pytest.mark.parametrize("reply", [{}, {"diffusers_lora_file": None}, {"diffusers_lora_file": []}])
def test_training_without_weights_has_no_address(reply: object) -> None:
    assert read(Trained, reply).weights_address == ""


def test_first_picture_counts() -> None:
    drawn = read(Drawn, {"images": [{"url": "a"}, {"url": "b"}], "has_nsfw_concepts": [True]})

    assert (drawn.address, drawn.blackened) == ("a", True)
    assert read(Drawn, {}).address == ""
    assert not read(Drawn, {"has_nsfw_concepts": [False, True]}).blackened


def test_file_is_known_by_the_path_of_its_address() -> None:
    ticket = read(Ticket, {"upload_url": "u", "file_url": "https://v3.fal.media/files/b/x.zip"})

    assert ticket.file_id == "/files/b/x.zip"


def test_past_request_bears_the_nonce_or_the_file_of_its_launch() -> None:
    past = read(
        PastRequest,
        {"request_id": "a", "json_input": {"image_data_url": "https://h/files/b/x-N1.zip"}},
    )

    assert past.bears("N1", "")
    assert past.bears("N2", "/files/b/x-N1.zip")
    assert not past.bears("N2", "/files/b/y.zip")
    assert not past.bears("", "")


def test_history_is_refused_when_it_is_no_page() -> None:
    with pytest.raises(UnexpectedReply):
        read(HistoryPage, {"items": None})
