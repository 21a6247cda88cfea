"""Expected trouble, as data: the branch tells the reaction, the leaf the cause.

No sentence for people stands here: `ui/notices.py` words every class, and a test holds that none
is missing. Whatever is not an `AppError` is a bug.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class NextRoute:
    """A model of a generator to use in place of one that cannot: its keys, and both titles."""

    generator: str
    model: str
    generator_title: str
    model_title: str


class Charged(StrEnum):
    """Whether the failed request may have cost money."""

    NO = "no"
    MAYBE = "maybe"
    YES = "yes"


class AppError(Exception):
    """Trouble that the app expects and can explain."""

    charged: Charged = Charged.NO

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail


class InputError(AppError):
    """A value that a person typed cannot be used: `field` names it, `reason` says why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class DatasetError(AppError):
    """The photos cannot be used as they are."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = Path(path)
        self.reason = reason


class UnreadablePhoto(DatasetError):
    """One file is not a photo that the app can read; the others are fine."""


class PicturesLeftOut(AppError):
    """Files that were to come into the gallery could not be read: name and reason of each."""

    def __init__(self, files: tuple[tuple[str, str], ...]) -> None:
        super().__init__(f"{len(files)} files could not be read")
        self.files = files


class OnlyAddress(AppError):
    """Of `count` pictures only the web address was given, which the app does not open.

    `others` tells whether other pictures came in beside them.
    """

    def __init__(self, count: int = 1, *, others: bool = False) -> None:
        super().__init__(f"{count} web addresses in place of pictures")
        self.count = count
        self.others = others


class TooFewPhotos(DatasetError):
    """A training needs more photos than the dataset has."""

    def __init__(self, have: int, need: int) -> None:
        super().__init__("", f"{have} photos, at least {need} needed")
        self.have = have
        self.need = need


class CredentialError(AppError):
    """A token is the trouble; `service` is the key of the service."""

    def __init__(self, service: str, detail: str = "") -> None:
        super().__init__(detail or service)
        self.service = service


class TokenMissing(CredentialError):
    """No token is stored for the service."""


class TokenRejected(CredentialError):
    """The service does not accept the token (401)."""


class ScopeMissing(CredentialError):
    """The token is valid and lacks a right; `scope` names it as the service does."""

    def __init__(self, service: str, scope: str) -> None:
        super().__init__(service, f"{service}: the token lacks {scope}")
        self.scope = scope


class SecretStoreError(AppError):
    """The computer's password store did not do what was asked; `backend` names it."""

    def __init__(self, backend: str, detail: str = "") -> None:
        super().__init__(detail or backend)
        self.backend = backend


class SecretStoreLocked(SecretStoreError):
    """The password store is locked, or its prompt was dismissed."""


class SecretStoreUnavailable(SecretStoreError):
    """There is no password store: tokens live in memory until the app closes."""


class ServiceError(AppError):
    """A remote service is the trouble; `status` is the HTTP status where there was one."""

    def __init__(
        self, service: str, detail: str = "", *, status: int | None = None, request_id: str = ""
    ) -> None:
        super().__init__(detail or service)
        self.service = service
        self.status = status
        self.request_id = request_id


class ServiceUnreachable(ServiceError):
    """No connection was made, so nothing was sent: safe to try again.

    `kind` is one of dns, connect, proxy, tls, certificate, portal, timeout, offline.
    """

    def __init__(self, service: str, detail: str = "", *, kind: str = "connect") -> None:
        super().__init__(service, detail)
        self.kind = kind


class UntrustedConnection(ServiceUnreachable):
    """The other end did not prove to be the service; trying again by itself changes nothing."""

    def __init__(self, service: str, reason: str, detail: str = "") -> None:
        super().__init__(service, detail or reason, kind="certificate")
        self.reason = reason


class SignInRequired(ServiceUnreachable):
    """The network answered in the service's place, as one that asks for a sign-in does."""

    def __init__(self, service: str, detail: str = "") -> None:
        super().__init__(service, detail, kind="portal")


class ServiceInterrupted(ServiceError):
    """The connection broke after the first byte of a request that costs nothing."""


class ArrivedDamaged(ServiceInterrupted):
    """What the service says it got is not what was sent; nothing was started with it."""


class ServiceFailing(ServiceInterrupted):
    """The service says that it is in trouble itself (5xx)."""


class ServiceBusy(ServiceError):
    """The service asks to wait (429, 503); `retry_after` is in seconds."""

    def __init__(
        self, service: str, detail: str = "", *, retry_after: float = 10.0, status: int = 429
    ) -> None:
        super().__init__(service, detail, status=status)
        self.retry_after = retry_after


class PaymentRequired(ServiceError):
    """The account has no credit (402); nothing was started."""


class ServiceRefused(ServiceError):
    """The service said no in its own words (other 4xx); nothing was started."""


class NotFoundAtService(ServiceRefused):
    """The thing asked for is not there, or not visible to this token (404)."""


class AccessGated(ServiceRefused):
    """The repo's terms must be accepted on its `page` first; "" where it is not known."""

    def __init__(
        self, service: str, detail: str = "", *, page: str = "", status: int | None = 403
    ) -> None:
        super().__init__(service, detail, status=status)
        self.page = page


class QuotaReached(ServiceRefused):
    """The account has no room left at the service."""


class ServiceConflict(ServiceRefused):
    """What is there is not what the request expected (409, 412): a name taken, a change made."""


class TooLargeForService(ServiceRefused):
    """The service does not take that much at once (413)."""


class FormatRefused(ServiceRefused):
    """The service does not take this kind of file or text (415)."""


class NameTaken(ServiceConflict):
    """What is at the service under this name belongs to something else; it is left alone."""


class ChangedAtService(ServiceConflict):
    """What was published was changed at the service since; theirs is kept."""


class UnexpectedReply(ServiceError):
    """The reply does not have the agreed form; `where` names the place in it."""

    def __init__(self, service: str, where: str, got: str, *, status: int | None = None) -> None:
        super().__init__(service, f"{where}: {got}", status=status)
        self.where = where
        self.got = got


class ReplyTooLong(UnexpectedReply):
    """A reply to a read is larger than the app takes in; a smaller question may be answered."""


class GarbledReply(UnexpectedReply):
    """The reply to a read cannot be read at all; the next one may be whole."""


class DamagedDownload(UnexpectedReply):
    """A file came twice with other bytes than the service names; both are kept by `path`."""

    def __init__(self, service: str, path: Path | str, reason: str) -> None:
        super().__init__(service, str(path), reason)
        self.path = Path(path)


class OutcomeUnknown(ServiceError):
    """A request that may cost money was sent and no clear answer came; never sent again."""

    charged = Charged.MAYBE


class ModelWithdrawn(ServiceError):
    """The service no longer serves the model; `routes` names what works, `instead` is the next."""

    def __init__(
        self,
        service: str,
        model: str,
        routes: tuple[str, ...] = (),
        instead: NextRoute | None = None,
    ) -> None:
        super().__init__(service, f"{model} is no longer served")
        self.model = model
        self.routes = routes
        self.instead = instead


class LoraNotUsable(AppError):
    """A Lora does not fit a generator, found before anything was sent.

    `routes` names what works, `instead` is the next route.
    """

    def __init__(
        self,
        generator: str,
        reason: str,
        routes: tuple[str, ...] = (),
        instead: NextRoute | None = None,
    ) -> None:
        super().__init__(reason)
        self.generator = generator
        self.reason = reason
        self.routes = routes
        self.instead = instead


class RunFailed(AppError):
    """The training ended without weights; the service's own words and the log's end."""

    charged = Charged.MAYBE

    def __init__(self, run_id: str, service_message: str, log_tail: str = "") -> None:
        super().__init__(service_message)
        self.run_id = run_id
        self.service_message = service_message
        self.log_tail = log_tail


class OutOfGpuMemory(AppError):
    """The graphics card has too little memory, also for the smallest plan; nothing is lost."""


class PriceChanged(AppError):
    """The price rose above what a person agreed to; nothing was sent. In US dollars."""

    def __init__(self, low: Decimal, high: Decimal) -> None:
        super().__init__(f"the price is now {low} to {high}")
        self.low = low
        self.high = high


class LimitReached(AppError):
    """What was asked for would pass the monthly limit; nothing was sent. In US dollars.

    `month` is the name of the month, `reach` what it could come to at most, `price` the most that
    the thing itself costs.
    """

    def __init__(self, month: str, *, limit: Decimal, reach: Decimal, price: Decimal) -> None:
        super().__init__(
            f"This would bring {month} to about ${reach:,.2f}; your limit is ${limit:,.2f}. "
            "Nothing was sent."
        )
        self.month = month
        self.limit = limit
        self.reach = reach
        self.price = price


class WeightsError(AppError):
    """Weights arrived and cannot be used; the file is kept at `path`."""

    charged = Charged.YES

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = Path(path)
        self.reason = reason


class StorageError(AppError):
    """The disk is the trouble."""

    def __init__(self, path: Path | str, detail: str = "") -> None:
        super().__init__(detail or str(path))
        self.path = Path(path)


class DiskFull(StorageError):
    """There is no room; sizes are in bytes."""

    def __init__(self, path: Path | str, *, needed: int = 0, free: int = 0) -> None:
        super().__init__(path, f"disk full: {needed} bytes needed, {free} free")
        self.needed = needed
        self.free = free


class AccessDenied(StorageError):
    """The system does not let the app read or write there."""


class CorruptFile(StorageError):
    """A file of the library is not what its row says."""


class DamagedLibrary(CorruptFile):
    """The library's database cannot be used as it is; nothing was deleted or changed."""


class NotInTrash(StorageError):
    """Files of pictures that shall come back are no longer in the computer's trash.

    `count` says how many; the first of them was at `path`. The others came back.
    """

    def __init__(self, path: Path | str, count: int) -> None:
        super().__init__(path, f"{path} is not in the trash")
        self.count = count


class UnsettledRequests(StorageError):
    """The database may not change its form while paid requests wait for their outcome.

    `count` says how many do.
    """

    def __init__(self, path: Path | str, count: int) -> None:
        super().__init__(path, f"{count} paid requests have no known outcome yet")
        self.count = count


class LibraryBusy(StorageError):
    """Another process holds the library."""


class NewerLibrary(StorageError):
    """The library was made by a newer app; nothing was touched."""

    def __init__(self, path: Path | str, *, found: str, known: str) -> None:
        super().__init__(path, f"library revision {found}, this app knows {known}")
        self.found = found
        self.known = known


class EngineError(AppError):
    """Trouble with the engine on this computer: `says` what, `mend` what to do, both in words.

    `log` is the file that says more, where there is one.
    """

    def __init__(self, says: str, mend: str = "", *, log: Path | None = None) -> None:
        super().__init__(f"{says} {mend}".strip())
        self.says = says
        self.mend = mend
        self.log = log


class EngineAbsent(EngineError):
    """The engine is not set up on this computer."""


class EngineBusy(EngineError):
    """The engine is being made, updated or removed, or a training uses it."""


class EngineStopped(EngineError):
    """Its program ended, or answered nothing that makes sense: what it did may be tried again.

    `log_tail` is the end of what it wrote; `lasting` tells that it would surely stop again.
    """

    def __init__(
        self, says: str, mend: str = "", *, log_tail: str = "", lasting: bool = False
    ) -> None:
        super().__init__(says, mend)
        self.log_tail = log_tail
        self.lasting = lasting


class IllegalMove(AppError):
    """A run, or a row of the journal, was asked to go where its state does not lead."""

    def __init__(self, run_id: str, state: str, to: str) -> None:
        super().__init__(f"{run_id} cannot go from {state} to {to}")
        self.run_id = run_id
        self.state = state
        self.to = to


class JobCancelled(Exception):
    """The owner of a piece of background work asked it to stop: no trouble, never shown."""
