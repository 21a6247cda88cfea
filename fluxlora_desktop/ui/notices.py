"""Every expected trouble in words: what did not happen, what it cost, what to do, one button.

One table from error classes to words; a test walks all subclasses of `AppError` through it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fluxlora_desktop.domain import errors as e
from fluxlora_desktop.domain.names import shown_name
from fluxlora_desktop.domain.services import SERVICES, service_title
from fluxlora_desktop.ui.units import clock, file_size, plural

BILLING_PAGES = {facts.key: facts.billing_page for facts in SERVICES}
STATUS_PAGES = {facts.key: facts.status_page for facts in SERVICES}
SPENDING = "spending"
"""What Settings brings into view for the monthly limit."""
_STORAGE_PAGES = {facts.key: facts.storage_page or facts.billing_page for facts in SERVICES}


class Tone(StrEnum):
    """How a notice looks."""

    INFO = "info"
    OK = "ok"
    WARN = "warn"
    DANGER = "danger"


class Action(StrEnum):
    """What a notice's button does; the window knows how."""

    NONE = ""
    SETTINGS = "settings"
    BILLING = "billing"
    RETRY = "retry"
    DATA_FOLDER = "data_folder"
    RUNS = "runs"
    STATUS_PAGE = "status_page"
    WEB_PAGE = "web_page"
    ROUTE = "route"
    COMPUTER = "computer"


@dataclass(frozen=True, slots=True)
class Notice:
    """What the notice bar says; `details` can be copied, `target` is what the action is about.

    `is_bug` tells trouble of the app itself, whose makers may want to see diagnostics.
    With `wait_seconds` the button is for the end of that wait, which `waiting_title` tells of.
    `route` is what the button of `Action.ROUTE` makes pictures with instead.
    """

    title: str
    body: str
    tone: Tone = Tone.DANGER
    action: Action = Action.NONE
    button: str = ""
    target: str = ""
    details: str = ""
    is_bug: bool = False
    wait_seconds: float = 0.0
    route: e.NextRoute | None = None


_MOST_ROUTES = 3
_CHARGED = {
    e.Charged.NO: "Nothing was charged.",
    e.Charged.MAYBE: "It may have been charged.",
    e.Charged.YES: "The training was charged; nothing more is.",
}


def notice_for(error: BaseException) -> Notice:
    """Return the notice for an error; one that is no `AppError` is a bug and says so."""
    if not isinstance(error, e.AppError):
        return Notice(
            "Something went wrong in the app itself.",
            "Nothing of yours was lost. The details are in the log.",
            details=f"{type(error).__name__}: {error}",
            is_bug=True,
        )
    for kind in type(error).__mro__:
        words = _WORDS.get(kind)
        if words is not None:
            return words(error)
    raise AssertionError(f"no words for {type(error).__name__}")


def _plain(title: str, body: str, **more: Any) -> Callable[[Any], Notice]:
    def words(error: e.AppError) -> Notice:
        return Notice(title, body, details=_details(error), **more)

    return words


def _details(error: e.AppError) -> str:
    parts = [type(error).__name__, str(error)]
    if isinstance(error, e.ServiceError):
        parts += [f"service {error.service}"]
        if error.status:
            parts.append(f"status {error.status}")
        if error.request_id:
            parts.append(f"request {error.request_id}")
    if isinstance(error, e.EngineStopped) and error.log_tail:
        parts.append(error.log_tail)
    return " · ".join(parts)


def _input(error: e.InputError) -> Notice:
    reason = error.reason if error.reason.endswith(".") else f"{error.reason}."
    return Notice(f"{error.field.replace('_', ' ').capitalize()}: {reason}", "", Tone.WARN)


def _dataset(error: e.DatasetError) -> Notice:
    reason = error.reason.rstrip(".")
    if not error.path.name:
        return Notice(f"The photos cannot be used: {reason}.", "", Tone.WARN)
    return Notice(
        f"{shown_name(error.path.name)} cannot be used: {reason}.",
        "The other photos are fine.",
        Tone.WARN,
    )


def _left_out(error: e.PicturesLeftOut) -> Notice:
    name, reason = error.files[0]
    first = f"{shown_name(name)}: {reason}."
    more = len(error.files) - 1
    rest = f" The details name {plural(more, 'other')}." if more else ""
    return Notice(
        "Not every picture came in.",
        f"{first}{rest}",
        Tone.WARN,
        details="\n".join(f"{name}: {reason}" for name, reason in error.files),
    )


def _only_address(error: e.OnlyAddress) -> Notice:
    one = error.count == 1
    title = "Only the address of a picture came, not the picture."
    if error.others or not one:
        what = "the address" if one else "the addresses"
        title = f"Of {plural(error.count, 'picture')} only {what} came."
    it, file = ("it", "the file") if one else ("them", "the files")
    return Notice(
        title,
        f"The app opens no web pages. Save {it} in the browser and drop {file} here, or copy "
        "the picture itself there and paste it here.",
        Tone.WARN,
    )


def _few(error: e.TooFewPhotos) -> Notice:
    missing = plural(error.need - error.have, "more photo")
    return Notice(f"Add {missing}.", f"A training needs {error.need}.", Tone.WARN)


def _token_missing(error: e.TokenMissing) -> Notice:
    title = service_title(error.service)
    return Notice(
        f"{title} is not connected.",
        "Connect the account, then try again. Nothing was charged.",
        Tone.WARN,
        Action.SETTINGS,
        f"Connect {title}",
        error.service,
        _details(error),
    )


def _token_rejected(error: e.TokenRejected) -> Notice:
    title = service_title(error.service)
    return Notice(
        f"{title} does not accept the token.",
        "It was revoked or mistyped. Trainings that run there continue. Nothing was charged.",
        Tone.DANGER,
        Action.SETTINGS,
        "Replace the token",
        error.service,
        _details(error),
    )


def _scope(error: e.ScopeMissing) -> Notice:
    title = service_title(error.service)
    return Notice(
        f"The {title} token lacks a right: {error.scope}.",
        "Make a token with this right and put it in. Nothing was changed or charged.",
        Tone.DANGER,
        Action.SETTINGS,
        "Replace the token",
        error.service,
        _details(error),
    )


def _secret_store(error: e.SecretStoreError) -> Notice:
    return Notice(
        "The token was not saved.",
        f"The password store ({error.backend}) refused. It stays in memory until the app closes.",
        Tone.WARN,
        details=_details(error),
    )


def _unreachable(error: e.ServiceUnreachable) -> Notice:
    title = service_title(error.service)
    why = {
        "dns": "Its address was not found",
        "proxy": "This network's proxy did not let the connection through",
        "tls": "No protected connection came about",
        "timeout": "It did not answer in time",
        "offline": "This computer is offline",
    }.get(error.kind, "No connection was made")
    return Notice(
        f"{title} cannot be reached.",
        f"{why}. Nothing was sent and nothing was charged.",
        Tone.WARN,
        Action.RETRY,
        "Try again",
        error.service,
        _details(error),
    )


def _untrusted(error: e.UntrustedConnection) -> Notice:
    title = service_title(error.service)
    return Notice(
        f"The connection to {title} is not trustworthy.",
        f"{_sentence(error.reason)} Nothing was sent and nothing was charged. "
        "Try another network, or ask who runs this one.",
        Tone.DANGER,
        Action.RETRY,
        "Try again",
        error.service,
        _details(error),
    )


def _sign_in(error: e.SignInRequired) -> Notice:
    title = service_title(error.service)
    return Notice(
        "This network asks for a sign-in first.",
        f"A web page came in place of an answer from {title}. Sign in with a browser, then try "
        "again. Nothing was charged.",
        Tone.WARN,
        Action.RETRY,
        "Try again",
        error.service,
        _details(error),
    )


def _interrupted(error: e.ServiceInterrupted) -> Notice:
    return Notice(
        f"The connection to {service_title(error.service)} broke.",
        "What was done so far is kept. Nothing was charged.",
        Tone.WARN,
        Action.RETRY,
        "Try again",
        error.service,
        _details(error),
    )


def _failing(error: e.ServiceFailing) -> Notice:
    title = service_title(error.service)
    return Notice(
        f"{title} has trouble of its own.",
        "It answered with an error that is not yours. Nothing was charged. Its status page tells "
        "more; try again later.",
        Tone.WARN,
        details=_details(error),
        **_page(Action.STATUS_PAGE, "Open the status page", error.service, STATUS_PAGES),
    )


def waiting_title(service: str, seconds: float) -> str:
    """Return the title of a wait with so many seconds left; 0 when it is over."""
    title = service_title(service)
    if seconds <= 0:
        return f"{title} can be asked again."
    return f"{title} asks to wait {clock(seconds)}."


def _engine(error: e.EngineError) -> Notice:
    return Notice(
        error.says,
        f"{error.mend} Nothing was charged.".strip(),
        Tone.WARN if isinstance(error, e.EngineAbsent | e.EngineBusy) else Tone.DANGER,
        Action.COMPUTER,
        "This computer",
        details=_details(error),
    )


def _busy(error: e.ServiceBusy) -> Notice:
    return Notice(
        waiting_title(error.service, error.retry_after),
        "Too many requests for now. Nothing was charged.",
        Tone.WARN,
        Action.RETRY,
        "Try again",
        error.service,
        _details(error),
        wait_seconds=error.retry_after,
    )


def _payment(error: e.PaymentRequired) -> Notice:
    title = service_title(error.service)
    return Notice(
        f"{title} says the account has no credit.",
        "Nothing was started and nothing was charged. After a top-up it takes some minutes.",
        Tone.DANGER,
        details=_details(error),
        **_page(Action.BILLING, "Open billing", error.service, BILLING_PAGES),
    )


def _page(action: Action, words: str, service: str, pages: Mapping[str, str]) -> dict[str, Any]:
    """Return the button that opens a service's page; a server of one's own has none."""
    return {"action": action, "button": words, "target": service} if service in pages else {}


def _refused(error: e.ServiceRefused) -> Notice:
    title = service_title(error.service)
    return Notice(
        f"{title} refused.",
        f"It says: {error.detail.rstrip('.')}. {_CHARGED[error.charged]}",
        Tone.DANGER,
        details=_details(error),
    )


def _gated(error: e.AccessGated) -> Notice:
    page = error.page if error.page.startswith(("https://", "http://127.0.0.1")) else ""
    return Notice(
        f"{service_title(error.service)} asks you to accept the terms of this repo first.",
        "Its owner lets in only who has accepted them, on the repo's page. Then try again. "
        "Nothing was charged.",
        Tone.WARN,
        Action.WEB_PAGE if page else Action.NONE,
        "Open the repo's page" if page else "",
        page,
        _details(error),
    )


def _quota(error: e.QuotaReached) -> Notice:
    title = service_title(error.service)
    page = _STORAGE_PAGES.get(error.service, "")
    return Notice(
        f"{title} has no room left for this account.",
        f"Delete what you do not need there, or make the repo public. Your file stays on this "
        f"computer. {_CHARGED[error.charged]}",
        Tone.DANGER,
        Action.WEB_PAGE if page else Action.NONE,
        "Look at the storage" if page else "",
        page,
        _details(error),
    )


def _conflict(error: e.ServiceConflict) -> Notice:
    return Notice(
        f"{service_title(error.service)} holds something else there by now.",
        f"It says: {error.detail.rstrip('.')}. What is there was left as it is. "
        f"{_CHARGED[error.charged]}",
        Tone.WARN,
        Action.RETRY,
        "Try again",
        error.service,
        _details(error),
    )


def _too_large(error: e.TooLargeForService) -> Notice:
    return Notice(
        f"This is more than {service_title(error.service)} takes at once.",
        f"Use fewer or smaller photos, then try again. It says: {error.detail.rstrip('.')}. "
        f"{_CHARGED[error.charged]}",
        Tone.WARN,
        details=_details(error),
    )


def _format(error: e.FormatRefused) -> Notice:
    return Notice(
        f"{service_title(error.service)} does not take this kind of file.",
        f"It says: {error.detail.rstrip('.')}. {_CHARGED[error.charged]}",
        Tone.WARN,
        details=_details(error),
    )


def _not_found(error: e.NotFoundAtService) -> Notice:
    return Notice(
        f"{service_title(error.service)} does not have it.",
        f"It says: {error.detail.rstrip('.')}. Nothing was charged.",
        Tone.WARN,
        details=_details(error),
    )


def _unexpected(error: e.UnexpectedReply) -> Notice:
    return Notice(
        f"{service_title(error.service)} answered in a form that the app does not know.",
        f"{_CHARGED[error.charged]} Copy the details if you report it.",
        Tone.DANGER,
        details=_details(error),
    )


def _garbled(error: e.GarbledReply) -> Notice:
    return Notice(
        f"The answer of {service_title(error.service)} cannot be read.",
        f"It may have been cut or changed on the way. {_CHARGED[error.charged]}",
        Tone.WARN,
        Action.RETRY,
        "Try again",
        error.service,
        _details(error),
    )


def _damaged(error: e.DamagedDownload) -> Notice:
    return Notice(
        "The file arrived damaged, twice.",
        f"Its bytes are not those that {service_title(error.service)} names. Both copies are kept "
        f"in the folder. {_CHARGED[error.charged]}",
        Tone.DANGER,
        Action.DATA_FOLDER,
        "Open the folder",
        str(error.path),
        _details(error),
    )


def _sentence(words: str) -> str:
    plain = words.strip().rstrip(".")
    return f"{plain[:1].upper()}{plain[1:]}."


def _unknown(error: e.OutcomeUnknown) -> Notice:
    title = service_title(error.service)
    return Notice(
        f"We cannot tell whether {title} did what was ordered.",
        f"{_sentence(error.detail)} It may have been charged. Nothing is sent again by itself.",
        Tone.WARN,
        Action.RUNS,
        "Look at the runs",
        error.service,
        _details(error),
    )


def _withdrawn(error: e.ModelWithdrawn) -> Notice:
    routes = f" It works at: {_some(error.routes)}." if error.routes else ""
    return Notice(
        f"{service_title(error.service)} no longer serves this model.",
        f"{error.model} was withdrawn. Nothing was charged.{routes}",
        Tone.WARN,
        details=_details(error),
        **_use(error.instead),
    )


def _lora_not_usable(error: e.LoraNotUsable) -> Notice:
    routes = _some(error.routes)
    more = f" It works at: {routes}." if routes else " No connected service can use it now."
    return Notice(
        "This LoRA cannot be used there.",
        f"{error.reason.rstrip('.')}.{more} Nothing was sent.",
        Tone.WARN,
        details=_details(error),
        **_use(error.instead),
    )


def _some(routes: tuple[str, ...]) -> str:
    """Return the first routes, and how many more there are."""
    more = len(routes) - _MOST_ROUTES
    return ", ".join(routes[:_MOST_ROUTES]) + (f" and {more} more" if more > 0 else "")


def _use(route: e.NextRoute | None) -> dict[str, Any]:
    """Return the button that fills the prompt panel with the next route."""
    if route is None:
        return {}
    return {"action": Action.ROUTE, "button": f"Use {route.generator_title}", "route": route}


def _run_failed(error: e.RunFailed) -> Notice:
    return Notice(
        "The training failed.",
        f"The service says: {error.service_message.rstrip('.')}. {_CHARGED[error.charged]}",
        Tone.DANGER,
        Action.RUNS,
        "Look at the run",
        error.run_id,
        _details(error),
    )


def _weights(error: e.WeightsError) -> Notice:
    return Notice(
        f"{shown_name(error.path.name)} is not a LoRA that the app can use.",
        f"The check found that {error.reason}. The file is kept as it is.",
        Tone.DANGER,
        Action.DATA_FOLDER,
        "Open the folder",
        str(error.path),
        _details(error),
    )


def _disk_full(error: e.DiskFull) -> Notice:
    sizes = (
        f" {file_size(error.needed)} needed, {file_size(error.free)} free." if error.needed else ""
    )
    return Notice(
        "The disk is full.",
        f"Nothing was lost, and nothing was saved.{sizes} Make room, then try again.",
        Tone.DANGER,
        Action.DATA_FOLDER,
        "Open the folder",
        str(error.path),
        _details(error),
    )


def _storage(title: str, body: str) -> Callable[[Any], Notice]:
    def words(error: e.StorageError) -> Notice:
        return Notice(
            title,
            body,
            Tone.DANGER,
            Action.DATA_FOLDER,
            "Open the folder",
            str(error.path),
            _details(error),
        )

    return words


def _newer(error: e.NewerLibrary) -> Notice:
    return Notice(
        "This library was made by a newer version of the app.",
        f"It has revision {error.found}; this app knows {error.known}. Nothing was touched. "
        "Update the app, or open another library.",
        Tone.DANGER,
        details=_details(error),
    )


def _not_in_trash(error: e.NotInTrash) -> Notice:
    one = error.count == 1
    return Notice(
        f"Could not bring back {plural(error.count, 'picture')}.",
        f"{'Its file is' if one else 'Their files are'} no longer in this computer's trash, which "
        f"may have been emptied. {'It stays' if one else 'They stay'} in the gallery's trash with "
        f"the settings to make {'it' if one else 'them'} again.",
        Tone.WARN,
        details=_details(error),
    )


def _unsettled(error: e.UnsettledRequests) -> Notice:
    waiting = plural(error.count, "paid request waits", "paid requests wait")
    return Notice(
        "This library cannot be brought to the app's new form yet.",
        f"Nothing was touched. Here {waiting} for an answer from a service, and the new form would "
        "change how that is kept. Open it with the version of the app that you had, let it settle "
        "them, then update.",
        Tone.DANGER,
        Action.DATA_FOLDER,
        "Open the folder",
        str(error.path),
        _details(error),
    )


def _name_taken(error: e.NameTaken) -> Notice:
    return Notice(
        f"The name is taken at {service_title(error.service)}.",
        f"{_sentence(error.detail)} Nothing was changed or charged.",
        Tone.WARN,
        details=_details(error),
    )


def _changed_there(error: e.ChangedAtService) -> Notice:
    return Notice(
        f"It was changed at {service_title(error.service)} since it was published.",
        "What is there is kept as it is. Nothing was changed or charged.",
        Tone.WARN,
        details=_details(error),
    )


def _price_changed(error: e.PriceChanged) -> Notice:
    return Notice(
        "The price rose since you agreed to it.",
        f"It is ${error.low:.2f} to ${error.high:.2f} now. Nothing was sent or charged.",
        Tone.WARN,
        details=_details(error),
    )


def _limit_reached(error: e.LimitReached) -> Notice:
    return Notice(
        "This would pass your monthly limit.",
        f"It would bring {error.month} to about ${error.reach:,.2f}; your limit is "
        f"${error.limit:,.2f}. Nothing was sent or charged.",
        Tone.WARN,
        Action.SETTINGS,
        "Change the limit",
        SPENDING,
        _details(error),
    )


_WORDS: dict[type, Callable[[Any], Notice]] = {
    e.AppError: _plain("That did not work.", "Nothing was charged."),
    e.InputError: _input,
    e.DatasetError: _dataset,
    e.PicturesLeftOut: _left_out,
    e.OnlyAddress: _only_address,
    e.TooFewPhotos: _few,
    e.CredentialError: _token_rejected,
    e.TokenMissing: _token_missing,
    e.ScopeMissing: _scope,
    e.SecretStoreError: _secret_store,
    e.SecretStoreLocked: _plain(
        "The password store is locked.",
        "Unlock your keyring, then try again. The token stays in memory until then.",
        tone=Tone.WARN,
        action=Action.RETRY,
        button="Try again",
    ),
    e.SecretStoreUnavailable: _plain(
        "This computer has no password store.",
        "Tokens are kept in memory until the app closes; nothing is written to disk.",
        tone=Tone.WARN,
    ),
    e.ServiceError: _refused,
    e.ServiceUnreachable: _unreachable,
    e.UntrustedConnection: _untrusted,
    e.SignInRequired: _sign_in,
    e.ServiceInterrupted: _interrupted,
    e.ServiceFailing: _failing,
    e.ServiceBusy: _busy,
    e.PaymentRequired: _payment,
    e.NotFoundAtService: _not_found,
    e.AccessGated: _gated,
    e.QuotaReached: _quota,
    e.ServiceConflict: _conflict,
    e.TooLargeForService: _too_large,
    e.FormatRefused: _format,
    e.NameTaken: _name_taken,
    e.ChangedAtService: _changed_there,
    e.OutOfGpuMemory: _plain(
        "The graphics card has too little memory for this.",
        "Close other programs that use it, or choose smaller settings. Nothing was lost.",
        tone=Tone.WARN,
    ),
    e.PriceChanged: _price_changed,
    e.LimitReached: _limit_reached,
    e.UnexpectedReply: _unexpected,
    e.GarbledReply: _garbled,
    e.DamagedDownload: _damaged,
    e.OutcomeUnknown: _unknown,
    e.ModelWithdrawn: _withdrawn,
    e.LoraNotUsable: _lora_not_usable,
    e.RunFailed: _run_failed,
    e.WeightsError: _weights,
    e.StorageError: _storage("The disk did not do what was asked.", "Nothing was lost."),
    e.DiskFull: _disk_full,
    e.AccessDenied: _storage(
        "The app may not write there.", "Nothing was changed. Look at the folder's permissions."
    ),
    e.CorruptFile: _storage(
        "A file of the library is damaged.", "The file is kept as it is; nothing was deleted."
    ),
    e.DamagedLibrary: _storage(
        "Your library's database is damaged.",
        "Nothing was deleted. Photos, weights and pictures lie in files of their own.",
    ),
    e.NotInTrash: _not_in_trash,
    e.UnsettledRequests: _unsettled,
    e.LibraryBusy: _storage(
        "Another window has this library open.", "Close it first, or use that window."
    ),
    e.NewerLibrary: _newer,
    e.EngineError: _engine,
    e.IllegalMove: _plain(
        "That cannot be done any more.",
        "The run has moved on. Nothing was charged.",
        tone=Tone.WARN,
    ),
}
