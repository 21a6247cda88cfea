"""A service's words reach the screen without the tokens that it quotes."""

from __future__ import annotations

import pytest

from fluxlora_desktop.backends.http.errors import scrub

FAL_KEY = "0e6b5d3a-12cd-4e0f-9a7b-0123456789ab:" + "0F" * 16


@pytest.mark.parametrize(
    ("says", "shown"),
    [
        (f"{FAL_KEY} is revoked", "[hidden] is revoked"),
        (f"got 'Key {FAL_KEY}'", "got '[hidden]'"),
        ("got Key plain-secret-of-2026", "got [hidden]"),
        ("got Bearer abc.def", "got [hidden]"),
        (f"r8_{'S' * 37} and tgp_v1_{'s' * 30}", "[hidden] and [hidden]"),
    ],
)
def test_token_that_a_service_quotes_is_hidden(says: str, shown: str) -> None:
    assert scrub(says) == shown


@pytest.mark.parametrize(
    "says",
    [
        "Your API key is invalid.",
        "Key authentication failed, see https://fal.ai/dashboard/keys",
        "The key id must be a UUID such as 0e6b5d3a-12cd-4e0f-9a7b-0123456789ab",
    ],
)
def test_plain_sentence_about_keys_stays_whole(says: str) -> None:
    assert scrub(says) == says
