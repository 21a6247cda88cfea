from __future__ import annotations

import copy
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
