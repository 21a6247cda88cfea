from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import traceback
from dataclasses import dataclass

import pytest

from fluxlora_desktop.domain.secrets import Secret

_TOKEN = "r8_verySecretIndeed"


@dataclass(frozen=True)
class _Holder:
    token: Secret


def test_secret_reveals_itself_only_when_asked() -> None:
    secret = Secret(f"  {_TOKEN}\n")

    assert secret.reveal() == _TOKEN
    shown = (repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", repr([_Holder(secret)]))
    assert all(_TOKEN not in text for text in shown)


def test_secret_stays_hidden_in_logs_and_exceptions(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(_TOKEN)

    logging.getLogger("test").warning("token %s %r", secret, {"token": secret})
    error = ValueError(secret)
    told = traceback.TracebackException.from_exception(error, capture_locals=True)

    assert _TOKEN not in caplog.text
    assert _TOKEN not in "".join(told.format())


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_secret_does_not_leave_the_process(take: object) -> None:
    assert callable(take)

    with pytest.raises(TypeError):
        take(Secret(_TOKEN))


def test_secret_has_no_dict_to_look_into() -> None:
    assert not hasattr(Secret(_TOKEN), "__dict__")


def test_secrets_are_equal_by_token_and_empty_ones_are_false() -> None:
    assert Secret(_TOKEN) == Secret(_TOKEN)
    assert len({Secret(_TOKEN), Secret(_TOKEN)}) == 1
    assert Secret(_TOKEN) != _TOKEN
    assert not Secret("  ")


def test_secret_stays_hidden_when_it_is_formatted() -> None:
    assert f"{Secret(_TOKEN):>30}" == "Secret(hidden)".rjust(30)


@pytest.mark.parametrize(
    "take", [lambda s: dataclasses.asdict(_Holder(s)), json.dumps, lambda s: s.__getstate__()]
)
def test_secret_does_not_become_data(take: object) -> None:
    assert callable(take)

    with pytest.raises(TypeError):
        take(Secret(_TOKEN))


@pytest.mark.parametrize("pasted", ["r8_very Secret\nIndeed", "\ufeffr8_very\u200bSecretIndeed\t"])
def test_what_a_paste_brings_along_is_no_part_of_the_token(pasted: str) -> None:
    assert Secret(pasted).reveal() == _TOKEN


def test_token_with_odd_letters_cannot_be_sent() -> None:
    assert Secret(_TOKEN).sendable
    assert not Secret("r8_véry").sendable
    assert not Secret("r8_\x07").sendable
