"""Every expected trouble has words: what did not happen, what it cost, what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain import errors as e
from fluxlora_desktop.domain.services import SERVICES, ServiceFacts
from fluxlora_desktop.ui.bars import NoticeBar
from fluxlora_desktop.ui.notices import (
    BILLING_PAGES,
    STATUS_PAGES,
    Action,
    Notice,
    Tone,
    notice_for,
)

FILE = Path("folder/photo.jpg")
TOKEN = "hf_" + "Ab3" * 12

SAMPLES: dict[type[e.AppError], Callable[[], e.AppError]] = {
    e.AppError: lambda: e.AppError("no reason is known"),
    e.InputError: lambda: e.InputError("trigger_word", "Give the LoRA a trigger word."),
    e.DatasetError: lambda: e.DatasetError(FILE, "it is in the set already"),
    e.PicturesLeftOut: lambda: e.PicturesLeftOut(((FILE.name, "it is empty"),)),
    e.OnlyAddress: e.OnlyAddress,
    e.UnreadablePhoto: lambda: e.UnreadablePhoto(FILE, "it is cut off"),
    e.TooFewPhotos: lambda: e.TooFewPhotos(3, 5),
    e.CredentialError: lambda: e.CredentialError("replicate"),
    e.TokenMissing: lambda: e.TokenMissing("replicate"),
    e.TokenRejected: lambda: e.TokenRejected("together", "Unauthenticated"),
    e.ScopeMissing: lambda: e.ScopeMissing("huggingface", "repo.write"),
    e.SecretStoreError: lambda: e.SecretStoreError("SecretService"),
    e.SecretStoreLocked: lambda: e.SecretStoreLocked("SecretService"),
    e.SecretStoreUnavailable: lambda: e.SecretStoreUnavailable("none"),
    e.ServiceError: lambda: e.ServiceError("replicate", "something", status=500, request_id="q1"),
    e.ServiceUnreachable: lambda: e.ServiceUnreachable("replicate", kind="dns"),
    e.UntrustedConnection: lambda: e.UntrustedConnection("fal", "its certificate has expired"),
    e.SignInRequired: lambda: e.SignInRequired("replicate", "a web page instead of an answer"),
    e.ServiceInterrupted: lambda: e.ServiceInterrupted("huggingface", "cut"),
    e.ServiceFailing: lambda: e.ServiceFailing("replicate", "Bad gateway", status=502),
    e.ServiceBusy: lambda: e.ServiceBusy("together", retry_after=20),
    e.PaymentRequired: lambda: e.PaymentRequired("replicate", "no credit", status=402),
    e.ServiceRefused: lambda: e.ServiceRefused("replicate", "Version is wrong.", status=422),
    e.NotFoundAtService: lambda: e.NotFoundAtService("huggingface", "Repo not found", status=404),
    e.AccessGated: lambda: e.AccessGated("huggingface", page="https://huggingface.co/a/b"),
    e.QuotaReached: lambda: e.QuotaReached("huggingface", "storage limit reached", status=403),
    e.ServiceConflict: lambda: e.ServiceConflict("huggingface", "The head moved.", status=412),
    e.TooLargeForService: lambda: e.TooLargeForService("fal", "100 MB at most", status=413),
    e.FormatRefused: lambda: e.FormatRefused("replicate", "a zip is needed", status=415),
    e.ArrivedDamaged: lambda: e.ArrivedDamaged("replicate", "the photos arrived damaged"),
    e.NameTaken: lambda: e.NameTaken("huggingface", "you/fox holds something else already."),
    e.ChangedAtService: lambda: e.ChangedAtService("huggingface", "", status=412),
    e.LimitReached: lambda: e.LimitReached(
        "November", limit=Decimal(20), reach=Decimal("21.4"), price=Decimal(2)
    ),
    e.OutOfGpuMemory: lambda: e.OutOfGpuMemory("too little memory"),
    e.PriceChanged: lambda: e.PriceChanged(Decimal("2.5"), Decimal(4)),
    e.UnexpectedReply: lambda: e.UnexpectedReply("together", "data.0", "null"),
    e.GarbledReply: lambda: e.GarbledReply("together", "models", "text/plain"),
    e.DamagedDownload: lambda: e.DamagedDownload("huggingface", FILE, "its SHA-256 differs"),
    e.ReplyTooLong: lambda: e.ReplyTooLong("together", "models", "over 5000000 bytes"),
    e.OutcomeUnknown: lambda: e.OutcomeUnknown("replicate", "cut"),
    e.ModelWithdrawn: lambda: e.ModelWithdrawn("together", "FLUX.1-dev-lora", ("Replicate",)),
    e.LoraNotUsable: lambda: e.LoraNotUsable("together", "It is of another base", ("Replicate",)),
    e.RunFailed: lambda: e.RunFailed("r1", "CUDA out of memory", "log"),
    e.WeightsError: lambda: e.WeightsError(FILE, "it has no layers"),
    e.StorageError: lambda: e.StorageError(FILE),
    e.DiskFull: lambda: e.DiskFull(FILE, needed=2_000_000, free=1000),
    e.AccessDenied: lambda: e.AccessDenied(FILE),
    e.CorruptFile: lambda: e.CorruptFile(FILE),
    e.DamagedLibrary: lambda: e.DamagedLibrary(FILE, "database disk image is malformed"),
    e.NotInTrash: lambda: e.NotInTrash(FILE, 2),
    e.UnsettledRequests: lambda: e.UnsettledRequests(FILE, 1),
    e.LibraryBusy: lambda: e.LibraryBusy(FILE),
    e.NewerLibrary: lambda: e.NewerLibrary(FILE, found="0009", known="0001"),
    e.EngineError: lambda: e.EngineError("The engine was not made.", "Try again."),
    e.EngineAbsent: lambda: e.EngineAbsent("The engine is not set up.", "Set it up first."),
    e.EngineBusy: lambda: e.EngineBusy("The engine is being made.", "Wait until it is done."),
    e.EngineStopped: lambda: e.EngineStopped("The engine stopped.", "Try again.", log_tail="CUDA"),
    e.IllegalMove: lambda: e.IllegalMove("r1", "ready", "training"),
}
MONEY = (e.CredentialError, e.ServiceError, e.RunFailed)
every_error = pytest.mark.parametrize("kind", SAMPLES, ids=lambda kind: kind.__name__)


def below(kind: type[e.AppError]) -> Iterator[type[e.AppError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from below(child)


def test_samples_hold_every_class_of_trouble() -> None:
    ours = {kind for kind in below(e.AppError) if kind.__module__ == e.__name__}
    assert ours == set(SAMPLES)


@every_error
def test_notice_is_made_of_whole_calm_sentences(kind: type[e.AppError]) -> None:
    notice = notice_for(SAMPLES[kind]())
    assert notice.title
    for words in filter(None, (notice.title, notice.body)):
        assert words[0].isupper() or words.startswith(FILE.name)
        assert words.endswith(".")
        assert ".." not in words
        assert "!" not in words
        assert "  " not in words


@every_error
def test_notice_has_a_button_exactly_when_there_is_something_to_do(kind: type[e.AppError]) -> None:
    notice = notice_for(SAMPLES[kind]())
    assert bool(notice.button) == (notice.action is not Action.NONE)
    assert not notice.button.endswith(".")
    if notice.action is Action.BILLING:
        assert notice.target in BILLING_PAGES
    if notice.action is Action.STATUS_PAGE:
        assert STATUS_PAGES[notice.target].startswith("https://")
    if notice.action is Action.WEB_PAGE:
        assert notice.target.startswith("https://")


@pytest.mark.parametrize(
    "kind", [k for k in SAMPLES if issubclass(k, MONEY)], ids=lambda kind: kind.__name__
)
def test_notice_says_whether_anything_was_charged_when_money_is_possible(
    kind: type[e.AppError],
) -> None:
    error = SAMPLES[kind]()
    body = notice_for(error).body
    assert "charged" in body
    may_have = "may have been charged" in body
    assert may_have == (error.charged is e.Charged.MAYBE)


@every_error
def test_trouble_never_looks_like_success(kind: type[e.AppError]) -> None:
    assert notice_for(SAMPLES[kind]()).tone in {Tone.WARN, Tone.DANGER}


def test_subclass_without_words_of_its_own_takes_its_parents() -> None:
    class Newest(e.PaymentRequired):
        pass

    assert notice_for(Newest("replicate")).action is Action.BILLING


@pytest.mark.parametrize("facts", SERVICES, ids=lambda facts: facts.key)
def test_every_service_is_called_by_its_title_and_has_its_billing_page(facts: ServiceFacts) -> None:
    missing, empty = (notice_for(kind(facts.key)) for kind in (e.TokenMissing, e.PaymentRequired))
    assert missing.title == f"{facts.title} is not connected."
    assert missing.button == f"Connect {facts.title}"
    assert empty.title == f"{facts.title} says the account has no credit."
    assert BILLING_PAGES[empty.target] == facts.billing_page


BUTTONS = {
    e.TokenRejected: "Replace the token",
    e.PaymentRequired: "Open billing",
    e.AccessGated: "Open the repo's page",
    e.QuotaReached: "Look at the storage",
    e.ServiceFailing: "Open the status page",
    e.DamagedDownload: "Open the folder",
    e.WeightsError: "Open the folder",
    e.ServiceUnreachable: "Try again",
    e.SignInRequired: "Try again",
    e.OutcomeUnknown: "Look at the runs",
    e.EngineAbsent: "This computer",
}


@pytest.mark.parametrize("kind", BUTTONS, ids=lambda kind: kind.__name__)
def test_notice_offers_the_button_that_helps(kind: type[e.AppError]) -> None:
    assert notice_for(SAMPLES[kind]()).button == BUTTONS[kind]


def test_end_of_the_engines_own_words_can_be_copied() -> None:
    assert "CUDA" in notice_for(SAMPLES[e.EngineStopped]()).details


def test_no_notice_offers_to_go_on_over_an_untrusted_connection() -> None:
    notice = notice_for(SAMPLES[e.UntrustedConnection]())
    assert notice.title == "The connection to fal is not trustworthy."
    assert "certificate has expired" in notice.body
    assert "anyway" not in f"{notice.body} {notice.button}"


def test_page_of_a_gated_repo_is_opened_only_when_it_is_a_web_page() -> None:
    notice = notice_for(e.AccessGated("huggingface", page="file:///etc/passwd"))
    assert (notice.action, notice.target) == (Action.NONE, "")


class SteppedTime:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_wait_is_counted_down_and_then_the_button_comes(qtbot: QtBot) -> None:
    now = SteppedTime()
    bar = NoticeBar(now=now)
    qtbot.addWidget(bar)
    bar.show_error(e.ServiceBusy("replicate", retry_after=28))
    seen = [bar.title.text()]
    assert not bar.act.isVisibleTo(bar)

    for step in (9, 18.4, 0.5, 0.2):
        now.seconds += step
        tick(bar)
        seen.append(bar.title.text())

    assert seen == [
        "Replicate asks to wait 0:28.",
        "Replicate asks to wait 0:19.",
        "Replicate asks to wait 0:01.",
        "Replicate asks to wait 0:01.",
        "Replicate can be asked again.",
    ]
    assert bar.act.isVisibleTo(bar)
    assert bar.act.text() == "Try again"
    assert "can be asked again" in bar.accessibleName()
    assert not ticking(bar)


def test_countdown_ends_with_its_notice(qtbot: QtBot) -> None:
    bar = NoticeBar()
    qtbot.addWidget(bar)
    bar.show_error(e.ServiceBusy("replicate", retry_after=28))
    assert ticking(bar)
    bar.show_notice(Notice("That was all.", ""))
    assert not ticking(bar)
    bar.show_error(e.ServiceBusy("replicate", retry_after=28))
    bar.clear()
    assert not ticking(bar)


def ticking(bar: NoticeBar) -> list[QTimer]:
    """Return the timers that repeat and run."""
    timers = bar.findChildren(QTimer)
    return [timer for timer in timers if timer.isActive() and not timer.isSingleShot()]


def tick(bar: NoticeBar) -> None:
    for timer in ticking(bar):
        timer.timeout.emit()


def test_one_missing_photo_is_one_photo() -> None:
    assert notice_for(e.TooFewPhotos(4, 5)).title == "Add 1 more photo."


def test_trouble_with_the_whole_set_promises_nothing_of_other_photos() -> None:
    notice = notice_for(e.DatasetError("", "the set is empty"))
    assert notice.title == "The photos cannot be used: the set is empty."
    assert "other photos" not in notice.body


def test_what_is_not_expected_is_told_as_a_bug() -> None:
    notice = notice_for(ZeroDivisionError("division by zero"))
    assert "in the app itself" in notice.title
    assert notice.details == "ZeroDivisionError: division by zero"


def test_details_name_service_status_and_request() -> None:
    details = notice_for(SAMPLES[e.ServiceError]()).details
    assert "service replicate" in details
    assert "status 500" in details
    assert "request q1" in details


@pytest.mark.parametrize(
    "error",
    [
        e.ServiceRefused("huggingface", f"Bearer {TOKEN} was refused"),
        e.RunFailed("r1", f"login with {TOKEN} failed"),
        ValueError(f"bad header {TOKEN}"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_token_is_shown_or_copied_when_a_service_quotes_it(
    qtbot: QtBot, error: Exception
) -> None:
    bar = NoticeBar()
    qtbot.addWidget(bar)
    bar.show_error(error)
    bar.copy.click()
    shown = f"{bar.title.text()} {bar.body.text()} {bar.accessibleName()}"
    assert TOKEN not in shown
    assert TOKEN not in QGuiApplication.clipboard().text()
    assert "[hidden]" in QGuiApplication.clipboard().text()


def test_live_token_of_any_form_is_hidden_when_the_bar_knows_it(qtbot: QtBot) -> None:
    def hide(text: str) -> str:
        return text.replace("plain-looking-key", "[hidden]")

    bar = NoticeBar(redact=hide)
    qtbot.addWidget(bar)
    bar.show_error(e.ServiceRefused("together", "key plain-looking-key is wrong"))
    assert "[hidden]" in bar.body.text()
    assert bar.notice is not None
    assert "plain-looking-key" not in bar.notice.details


def test_diagnostics_are_offered_where_the_app_itself_broke(qtbot: QtBot) -> None:
    bar = NoticeBar()
    qtbot.addWidget(bar)
    bar.show_error(e.ServiceRefused("together", "no"))
    assert not bar.diagnose.isVisibleTo(bar)
    bar.show_error(ValueError("odd"))
    assert bar.diagnose.isVisibleTo(bar)
    with qtbot.waitSignal(bar.diagnostics_requested):
        bar.diagnose.click()


def test_word_of_success_never_covers_trouble(qtbot: QtBot) -> None:
    bar = NoticeBar()
    qtbot.addWidget(bar)
    bar.show_error(SAMPLES[e.PaymentRequired]())
    bar.say("Imported.")
    assert "no credit" in bar.title.text()


def test_word_of_success_goes_away_by_itself_and_trouble_stays(qtbot: QtBot) -> None:
    bar = NoticeBar()
    qtbot.addWidget(bar)
    bar.say("Imported.")
    assert bar.isVisible()
    timer = next(timer for timer in bar.findChildren(QTimer) if timer.isSingleShot())
    timer.timeout.emit()
    assert not bar.isVisible()
    bar.say("Imported.")
    bar.show_notice(Notice("The disk is full.", "Make room."))
    assert not timer.isActive()
    bar.clear()


def test_new_notice_takes_the_place_of_the_old_one_whole(qtbot: QtBot) -> None:
    bar = NoticeBar()
    qtbot.addWidget(bar)
    bar.show_error(SAMPLES[e.TokenMissing]())
    assert bar.act.isVisibleTo(bar)
    bar.show_notice(Notice("That was all.", ""))
    assert not bar.act.isVisibleTo(bar)
    assert not bar.body.isVisibleTo(bar)
    assert not bar.copy.isVisibleTo(bar)
