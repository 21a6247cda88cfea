"""Trainers' logs as they are kept: plain, and without what looks like a token."""

from __future__ import annotations

import pytest

from fluxlora_desktop.backends.http.logs import clean_log

TOKEN = "r8_" + "Qz7" * 12


@pytest.mark.parametrize(
    "said",
    [
        f"Authorization: Bearer {TOKEN}",
        f"GET /f?signature={TOKEN}&expiry=9",
        f"hf_{'a' * 34} was given",
        "Authorization: Bearer 0123456789abcdef",
    ],
)
def test_token_in_a_log_is_starred(said: str) -> None:
    kept = clean_log(f"step 1\n{said}\nstep 2")

    assert TOKEN not in kept and "hf_" not in kept and "0123456789abcdef" not in kept
    assert "***" in kept
    assert kept.splitlines()[0] == "step 1" and kept.splitlines()[2] == "step 2"


def test_longer_log_begins_with_the_shorter_one() -> None:
    log = f"step 1\nBearer {TOKEN}\nstep 2"
    line = log.index("step 2")

    assert clean_log(log).startswith(clean_log(log[:line]))
    assert len(clean_log(log)) == len(log)
