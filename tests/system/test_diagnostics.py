"""Diagnostics hold what helps, and nothing that names a person, a thing of theirs, or a token."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from fluxlora_desktop.domain.datasets import Photo, PhotoFacts
from fluxlora_desktop.domain.diagnosis import LibraryReport
from fluxlora_desktop.domain.errors import ServiceRefused
from fluxlora_desktop.domain.money import Certainty, Charge
from fluxlora_desktop.domain.ports import Stores
from fluxlora_desktop.domain.runs import RunPlan, RunState
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.store.report import read_report
from fluxlora_desktop.system.clock import SystemClock
from fluxlora_desktop.system.diagnostics import Subject, Surface, diagnose
from fluxlora_desktop.system.logs import FILE_NAME, set_up_logging, take_down_logging
from fluxlora_desktop.system.public_log import failure
from fluxlora_desktop.system.redaction import Redactor

CANARIES = {
    "token": "r8_" + "Canary9" * 5 + "QQ",
    "user": "zelda.quux",
    "photo": "Wanda_Fjordling_passport.jpg",
    "prompt": "a velvet okapi juggling",
    "caption": "Wanda beside her quokka",
    "trigger": "WFJRDLG",
    "run": "Fjordling portrait",
    "repo": "fjordling-portrait-repo",
    "account": "wanda-f-1987",
    "mail": "wanda@fjordling.example",
    "address": "203.0.113.77",
    "address 6": "2001:db8::dead:77",
    "remote": "tr4ining1d0fwanda",
}


@dataclass
class Someone:
    """A person's home with a library and logs, all of it full of canaries."""

    home: Path
    subject: Subject
    library: Path
    logs: Path

    def text(self, surface: Surface | None = None, report: LibraryReport | None = None) -> str:
        return diagnose(
            self.subject,
            surface or Surface("offscreen", ("screen 800 x 600, scale 2",), "system, dark"),
            lambda: report or read_report(self.library / "library.db"),
        )


def fill(stores: Stores) -> None:
    """Keep a run whose every word is a canary."""
    facts = PhotoFacts("JPEG", 1024, 768, CANARIES["photo"], 0, 100.0, 0.0, 0.5)
    stores.datasets.put_photo(Photo("ab" * 32, CANARIES["photo"], 10, facts))
    dataset = stores.datasets.create()
    stores.datasets.set_photos(dataset.id, ["ab" * 32])
    stores.datasets.set_caption(dataset.id, "ab" * 32, CANARIES["caption"])
    stores.datasets.set_trigger(dataset.id, CANARIES["trigger"])
    run = stores.runs.create(dataset.id, RunPlan(name=CANARIES["run"], repo=CANARIES["repo"]))
    stores.runs.advance(run.id, RunState.PACKAGING, external_training_id=CANARIES["remote"])
    stores.runs.advance(
        run.id,
        RunState.FAILED,
        error=f"{CANARIES['mail']} says no",
        error_kind="ServiceRefused",
        huggingface_repo=f"{CANARIES['account']}/{CANARIES['repo']}",
    )
    charge = Charge(
        "c1", "replicate", "picture", Decimal("0.03"), datetime.now(UTC), Certainty.CHARGED
    )
    stores.ledger.add(replace(charge, note=CANARIES["prompt"]))


def refuse(said: str) -> None:
    """Raise an error with a cause, both of which quote what was said."""
    try:
        {}[said]
    except KeyError as error:
        raise ServiceRefused("replicate", f"{said} is refused") from error


def write_logs() -> None:
    """Log every canary in every way that code could."""
    ours, theirs = logging.getLogger("fluxlora_desktop.ui.x"), logging.getLogger("PIL.Image")
    for name, canary in CANARIES.items():
        ours.warning("the %s is %s after %d tries, %r", name, canary, 3, {name: canary})
        theirs.warning("sees %s", canary)
        theirs.warning(f"has {canary}")
        logging.getLogger(f"{canary} logger").warning("odd")
        try:
            refuse(canary)
        except ServiceRefused as error:
            ours.exception("trouble with %s", canary)
            ours.info("told of %s", type(error).__name__, extra=failure(error, None))


@pytest.fixture
def someone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Someone]:
    home = tmp_path / "home" / CANARIES["user"]
    library = home / "Wanda Fjordling" / "library"
    logs = library / "logs"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USER", CANARIES["user"])
    opened = open_library(library, clock=SystemClock())
    fill(opened.stores)
    opened.close()
    redactor = Redactor(home=home)
    redactor.learn(Secret(CANARIES["token"]))
    level = logging.getLogger().level
    handler = set_up_logging(logs, redactor)
    write_logs()
    subject = Subject("0.3", False, library, home / ".local/share/FluxLoRA Desktop", logs, "memory")
    yield Someone(home, subject, library, logs)
    take_down_logging(handler)
    logging.getLogger().setLevel(level)


def test_nothing_that_names_somebody_or_something_is_in_it(someone: Someone) -> None:
    text = someone.text().casefold()

    leaks = [name for name, canary in CANARIES.items() if canary.casefold() in text]
    assert leaks == []
    for word in ("wanda", "fjord", "quokka", "okapi", "zelda", str(someone.home).casefold()):
        assert word not in text, word


def test_the_same_search_finds_the_canaries_where_they_are(someone: Someone) -> None:
    log = (someone.logs / FILE_NAME).read_text("utf-8")
    library = (someone.library / "library.db").read_bytes()

    assert [name for name, canary in CANARIES.items() if canary not in log] == ["token"]
    held = {name for name, canary in CANARIES.items() if canary.encode() in library}
    assert {"photo", "caption", "trigger", "run", "repo", "account", "mail", "prompt"} <= held


def test_what_helps_is_in_it(someone: Someone) -> None:
    surface = Surface("xcb", ("screen 800 x 600, scale 2",), "dark", {"fal": "connected"})
    text = someone.text(surface)

    assert "version 0.3, from source, real services" in text
    assert "library in a folder that was chosen, below ~" in text
    assert "journal delete, revision 00" in text or "journal wal, revision 00" in text
    assert "runs: 1 failed" in text
    assert "errors of runs: 1 ServiceRefused" in text
    assert "fal: connected" in text
    assert "screen 800 x 600, scale 2" in text
    assert "26 KeyError" in text and "26 ServiceRefused" in text
    assert "Last 50 lines of the log" in text
    assert "the […] is […] after 3 tries, […]" in someone.logs.joinpath("public.log").read_text()
    assert "test_diagnostics.py:" in text and " in write_logs" in text


def test_library_that_cannot_be_read_is_told_by_class(someone: Someone) -> None:
    (someone.library / "library.db").write_bytes(b"no database at all" * 100)

    assert "it could not be read: DatabaseError" in someone.text()


def test_words_that_a_damaged_library_holds_for_states_are_left_out(someone: Someone) -> None:
    report = LibraryReport(counts={"runs": {CANARIES["mail"]: 2, "ready": 1}})

    assert "runs: 2 other, 1 ready" in someone.text(report=report)


def test_app_without_a_log_says_so(someone: Someone, tmp_path: Path) -> None:
    someone.subject = replace(someone.subject, logs_dir=tmp_path / "none")

    assert "not read: FileNotFoundError" in someone.text()
