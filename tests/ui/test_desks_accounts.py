"""Accounts: checked before they are kept, forgotten, imported; what was spent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.errors import TokenRejected
from fluxlora_desktop.domain.loras import HubAccount
from fluxlora_desktop.domain.ports import SecretStore
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.system.secret_store import KeyringSecrets, MemorySecrets
from fluxlora_desktop.ui.desks.accounts import AccountDesk, AccountStatus
from tests.ui.desk_bench import BAD, GOOD, OTHER, DeskBench, Doorman, Heard
from tests.workflows.conftest import write_lora
from tests.workflows.fakes import FakeHub


class ReadOnlyHub(FakeHub):
    """A hub whose token may not write."""

    def whoami(self) -> HubAccount:
        return HubAccount("reader", "read", can_write=False, can_infer=False)


class Drawer(KeyringBackend):
    """A password store that may be locked, or lose what it is given."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, str] = {}
        self.locked = self.loses = False

    def get_password(self, service: str, username: str) -> str | None:
        self._look()
        return self.kept.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._look()
        if not self.loses:
            self.kept[username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._look()
        self.kept.pop(username, None)

    def _look(self) -> None:
        if self.locked:
            raise KeyringLocked("the prompt was dismissed")


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[DeskBench]:
    secrets = MemorySecrets()
    backend = Doorman(weights=write_lora, secrets=secrets)
    with DeskBench(tmp_path, backend=backend, secrets=secrets) as made:
        yield made


class Desk:
    """An accounts desk on a bench, and what it said."""

    def __init__(self, bench: DeskBench, qtbot: QtBot, secrets: SecretStore | None = None) -> None:
        self.bench, self.qtbot = bench, qtbot
        self.secrets = secrets or bench.secrets
        self.desk = AccountDesk(bench.tools, bench.jobs, self.secrets, bench.owner)
        self.changed, self.troubles = Heard(self.desk.changed), Heard(self.desk.failed)

    def connect(self, secret: Secret, service: str = "replicate") -> AccountStatus:
        self.desk.connect_account(service, secret)
        return self.rest(service)

    def rest(self, service: str = "replicate") -> AccountStatus:
        self.qtbot.waitUntil(lambda: self.bench.jobs.live() == 0)
        return self.desk.state(service).status


@pytest.fixture
def desk(bench: DeskBench, qtbot: QtBot) -> Desk:
    return Desk(bench, qtbot)


def test_nothing_is_known_before_it_was_asked(desk: Desk) -> None:
    assert desk.desk.state("replicate").status is AccountStatus.UNKNOWN
    assert not desk.desk.any_connected()


def test_accepted_token_is_kept_and_named(desk: Desk) -> None:
    assert desk.connect(GOOD) is AccountStatus.CONNECTED
    state = desk.desk.state("replicate")
    assert (state.name, state.note) == ("tester", "pays by card")
    assert desk.secrets.get("replicate") == GOOD
    assert desk.desk.any_connected()
    assert [s.status for s in desk.changed.all] == [
        AccountStatus.CHECKING,
        AccountStatus.CONNECTED,
    ]


def test_rejected_token_is_not_kept(desk: Desk) -> None:
    assert desk.connect(BAD) is AccountStatus.REJECTED
    assert desk.secrets.get("replicate") is None
    assert isinstance(desk.troubles.last, TokenRejected)


def test_rejected_token_leaves_the_one_that_worked(desk: Desk) -> None:
    desk.connect(GOOD)
    assert desk.connect(BAD) is AccountStatus.REJECTED
    assert desk.secrets.get("replicate") == GOOD


def test_token_is_kept_when_the_service_cannot_be_asked(desk: Desk) -> None:
    desk.bench.backend.down = True
    assert desk.connect(GOOD) is AccountStatus.UNREACHABLE
    assert desk.secrets.get("replicate") == GOOD


@pytest.fixture
def drawer() -> Drawer:
    return Drawer()


@pytest.fixture
def stored(bench: DeskBench, qtbot: QtBot, drawer: Drawer) -> Desk:
    """A desk over a real store's class, whose service knows the tokens that it keeps."""
    secrets = KeyringSecrets(drawer)
    bench.backend.secrets = secrets
    return Desk(bench, qtbot, secrets)


def test_token_that_the_store_loses_is_kept_for_this_session_and_that_is_said(
    stored: Desk, drawer: Drawer
) -> None:
    drawer.loses = True
    assert stored.connect(GOOD) is AccountStatus.CONNECTED
    state = stored.desk.state("replicate")
    assert not state.lasting
    assert "did not keep the token" in state.note
    assert stored.secrets.get("replicate") == GOOD


def test_token_typed_while_the_store_is_locked_is_stored_at_the_next_check(
    stored: Desk, drawer: Drawer
) -> None:
    drawer.locked = True
    assert stored.connect(GOOD) is AccountStatus.CONNECTED
    assert "Unlock your keyring" in stored.desk.state("replicate").note
    assert not stored.desk.state("replicate").lasting
    assert len(stored.troubles) == 0

    drawer.locked = False
    stored.desk.check("replicate")
    assert stored.rest() is AccountStatus.CONNECTED
    assert stored.desk.state("replicate").lasting
    assert drawer.kept == {"replicate": GOOD.reveal()}


def test_locked_store_is_no_trouble_and_is_asked_again(stored: Desk, drawer: Drawer) -> None:
    drawer.kept["replicate"] = GOOD.reveal()
    drawer.locked = True
    stored.desk.check("replicate")
    assert stored.rest() is AccountStatus.LOCKED
    assert "Unlock your keyring" in stored.desk.state("replicate").note
    assert len(stored.troubles) == 0

    drawer.locked = False
    stored.desk.check("replicate")
    assert stored.rest() is AccountStatus.CONNECTED


def test_rejected_token_is_told_as_rejected_even_when_the_store_is_locked(
    stored: Desk, drawer: Drawer
) -> None:
    drawer.locked = True
    assert stored.connect(BAD) is AccountStatus.REJECTED
    assert isinstance(stored.troubles.last, TokenRejected)


def test_empty_token_asks_nobody(desk: Desk) -> None:
    desk.connect(Secret("   "))
    assert len(desk.changed) == 0


def test_forgotten_token_is_gone(desk: Desk) -> None:
    desk.connect(GOOD)
    desk.desk.forget("replicate")
    assert desk.rest() is AccountStatus.NONE
    assert desk.secrets.get("replicate") is None


def test_services_without_a_token_are_not_asked_at_start(desk: Desk) -> None:
    desk.secrets.put("replicate", GOOD)
    desk.desk.check_all()
    assert desk.rest() is AccountStatus.CONNECTED
    assert desk.desk.state("huggingface").status is AccountStatus.NONE
    assert desk.desk.state("together").status is AccountStatus.NONE
    assert desk.desk.state("fal").status is AccountStatus.NONE
    assert len(desk.troubles) == 0


def test_token_of_a_service_that_nothing_here_speaks_to_is_not_kept(desk: Desk) -> None:
    assert desk.connect(Secret("id:secret"), "fal") is AccountStatus.REJECTED
    assert desk.secrets.get("fal") is None


def test_hub_token_that_cannot_write_is_named_as_such(qtbot: QtBot, tmp_path: Path) -> None:
    with DeskBench(tmp_path, hub=ReadOnlyHub()) as bench:
        desk = Desk(bench, qtbot)
        assert desk.connect(Secret("hf_read"), "huggingface") is AccountStatus.CONNECTED
        assert "write access" in desk.desk.state("huggingface").note


def test_imported_tokens_are_checked_one_by_one(desk: Desk) -> None:
    desk.desk.import_tokens({"replicate": BAD, "huggingface": OTHER, "unknown": OTHER})
    assert desk.rest() is AccountStatus.REJECTED
    assert desk.desk.state("huggingface").status is AccountStatus.CONNECTED
    assert desk.secrets.get("unknown") is None


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ("hf_" + "q" * 34, "This is a token of Hugging Face, not of Replicate."),
        ("r8_goöd", "This holds characters that no token has."),
    ],
)
def test_token_in_the_wrong_field_is_sent_to_nobody(desk: Desk, token: str, says: str) -> None:
    assert desk.connect(Secret(token)) is AccountStatus.REJECTED
    assert desk.desk.state("replicate").note == f"{says} It was not sent and not kept."
    assert desk.secrets.get("replicate") is None
    assert len(desk.changed) == 1


def test_import_tells_what_was_kept_for_good(desk: Desk) -> None:
    desk.secrets.persistent = True
    kept: list[str] = []
    desk.desk.import_tokens({"replicate": BAD, "huggingface": OTHER}, kept.append)
    desk.rest()
    assert kept == ["huggingface"]


def test_what_is_kept_in_memory_only_is_not_told_as_kept(desk: Desk) -> None:
    kept: list[str] = []
    desk.desk.import_tokens({"huggingface": OTHER}, kept.append)
    desk.rest()
    assert kept == []


def test_memory_is_said_not_to_last(desk: Desk) -> None:
    desk.connect(GOOD)
    assert not desk.desk.lasting
    assert not desk.desk.state("replicate").lasting


def test_no_state_or_trouble_shows_the_token(desk: Desk) -> None:
    desk.connect(GOOD)
    desk.connect(BAD)
    told = repr([*desk.changed.all, *desk.troubles.all])
    assert GOOD.reveal() not in told
    assert BAD.reveal() not in told
