"""The captioning desk: who can write captions, and the one order that is being written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from PySide6.QtCore import QObject, Signal, Slot

from fluxlora_desktop.domain.captioning import CaptionerAbilities, CaptionOrder, fill_prompt
from fluxlora_desktop.domain.errors import AppError, InputError, LimitReached
from fluxlora_desktop.domain.ports import Captioner, JobContext, SecretStore
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.spending import Agreement
from fluxlora_desktop.jobs.runner import Job, JobRunner
from fluxlora_desktop.ui.desks.accounts import trouble_with
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.ui.desks.draft import DraftDesk
from fluxlora_desktop.ui.desks.own_server import keep_own_key
from fluxlora_desktop.workflows.captioning import (
    CaptionReport,
    doubtful_photos,
    order_captions,
    trainer_captions,
    write_captions,
)
from fluxlora_desktop.workflows.events import (
    CaptionBegun,
    CaptionFailed,
    CaptionWaits,
    CaptionWritten,
)
from fluxlora_desktop.workflows.tools import Tools


@dataclass(frozen=True, slots=True)
class CaptionOffer:
    """One who can write captions; `trouble` says why not now, None while nothing speaks against it.

    `asking` while it is being asked which models it has.
    """

    key: str
    title: str
    abilities: CaptionerAbilities
    trouble: AppError | None = None
    asking: bool = False


@dataclass(frozen=True, slots=True)
class Writing:
    """How the order stands: photo `place` of `total`, what was written, what failed and why.

    `yours` are photos where a person wrote words of their own meanwhile. `waits_s` is a wait that
    the service asked for. `over` when nothing more comes: all done, `stopped`, or ended by `error`,
    with `not_sent` photos left.
    """

    order: CaptionOrder
    place: int = 0
    current: str = ""
    written: int = 0
    failed: tuple[CaptionFailed, ...] = ()
    yours: int = 0
    waits_s: float = 0.0
    over: bool = False
    stopped: bool = False
    not_sent: int = 0
    error: object = None

    @property
    def total(self) -> int:
        """Return how many photos the order is for."""
        return len(self.order.captions)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is known of the draft's photos from before.

    `lost` are those without a caption whose answer was lost, so that it may have been charged;
    `trainer` are captions that a trainer wrote in an earlier run.
    """

    lost: frozenset[str] = frozenset()
    trainer: tuple[tuple[str, str], ...] = ()


class CaptioningDesk(Desk):
    """Lets models write captions for the draft, one order at a time.

    `offers_changed()` when a captioner said what it offers or why it cannot, `changed(Writing)` for
    each step of the order, `earlier_found(Earlier)` answers `look_back`.
    """

    offers_changed = Signal()
    changed = Signal(object)
    earlier_found = Signal(object)

    def __init__(
        self,
        tools: Tools,
        jobs: JobRunner,
        draft: DraftDesk,
        secrets: SecretStore,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(tools, jobs, parent)
        self._draft, self._secrets = draft, secrets
        self._trouble: dict[str, AppError] = {}
        self._asking: set[str] = set()
        self._job: Job | None = None
        self.writing: Writing | None = None

    def offers(self) -> tuple[CaptionOffer, ...]:
        """Return who can write captions, in the order in which they are offered."""
        return tuple(
            CaptionOffer(
                captioner.key,
                captioner.title,
                captioner.abilities(),
                self._trouble.get(captioner.key),
                captioner.key in self._asking,
            )
            for captioner in self.tools.services.captioners
        )

    def refresh(self, key: str = "") -> None:
        """Ask every captioner, or one, which models it has; trouble is shown with its offer."""
        for captioner in self.tools.services.captioners:
            if key in {"", captioner.key}:
                self._asking.add(captioner.key)
                self._run(
                    f"Ask {captioner.title} for models",
                    partial(_refresh, captioner),
                    lane="network",
                    done=partial(self._on_asked, captioner.key, None),
                    failed=partial(self._on_ask_failed, captioner.key),
                )
        self.offers_changed.emit()

    def _on_ask_failed(self, key: str, error: object) -> None:
        if isinstance(error, AppError):
            self._on_asked(key, error)
        else:
            self._on_asked(key, None)
            self._tell_only(error)

    def _on_asked(self, key: str, error: AppError | None, _abilities: object = None) -> None:
        self._asking.discard(key)
        self._trouble.pop(key, None)
        if error is not None:
            self._trouble[key] = error
        self.offers_changed.emit()

    def keep_key(self, captioner: str, text: str) -> None:
        """Keep the key of a server of one's own in the password store, or forget it for ""."""
        secret = Secret(text)
        trouble = trouble_with(captioner, secret)
        if trouble:
            self._tell_only(InputError("key", f"{trouble} It was not sent and not kept."))
            return
        self._run(
            "Keep key",
            partial(keep_own_key, self._secrets, captioner, secret),
            lane="network",
            done=partial(self._on_key_kept, captioner),
            failed=self._tell_only,
        )

    def _on_key_kept(self, captioner: str, words: str) -> None:
        self.said.emit(words)
        self.refresh(captioner)

    def look_back(self) -> None:
        """Look what is known of the draft's photos from before."""
        if self._draft.loaded:
            self._run("Look for captions", self._look_back, lane="details", done=self._on_looked)

    def _look_back(self, _ctx: JobContext) -> Earlier:
        dataset = self._draft.draft().dataset
        lost = doubtful_photos(dataset, self.tools)
        return Earlier(lost, tuple(trainer_captions(dataset, self.tools).items()))

    @Slot(object)
    def _on_looked(self, earlier: Earlier) -> None:
        self.earlier_found.emit(earlier)

    @property
    def busy(self) -> bool:
        """Tell whether an order is being written."""
        return self._job is not None

    def write(
        self,
        captions: Mapping[str, str],
        captioner: str,
        model: str,
        prompt: str,
        agreed: Agreement | None = None,
    ) -> None:
        """Let a model describe these photos: the click that may cost money.

        `captions` holds the caption that each has now; `prompt` may hold {trigger} and {class}.
        """
        if self.busy or not self._may_launch():
            return
        draft = self._draft.draft()
        try:
            order = order_captions(
                draft.dataset.id,
                captions,
                captioner=captioner,
                model=model,
                prompt=fill_prompt(prompt, draft.dataset, draft.plan.preset),
                trigger=draft.dataset.trigger_word,
            )
        except InputError as error:
            self._tell_only(error)
            return
        self._tell(Writing(order))
        self._job = self._run(
            "Write captions",
            partial(self._write, order, agreed),
            lane="captions",
            done=self._on_done,
            failed=partial(
                self._on_broken, partial(self.write, captions, captioner, model, prompt)
            ),
            progress=self._on_progress,
        )
        self._job.cancelled.connect(self._on_stopped)

    def _write(
        self, order: CaptionOrder, agreed: Agreement | None, ctx: JobContext
    ) -> CaptionReport:
        return write_captions(order, self.tools, ctx, agreed)

    def stop(self) -> None:
        """Stop after the photo that is at the service; what is written stays."""
        if self._job is not None:
            self._job.cancel()

    def _tell(self, writing: Writing) -> None:
        self.writing = writing
        self.changed.emit(writing)

    @Slot(object)
    def _on_progress(self, event: object) -> None:
        assert self.writing is not None
        now = self.writing
        match event:
            case CaptionBegun(sha256, place):
                self._tell(replace(now, place=place, current=sha256))
            case CaptionWritten(sha256, text, kept):
                kept = self._draft.take_written(now.order, sha256, text) and kept
                written, yours = now.written + kept, now.yours + (not kept)
                self._tell(replace(now, written=written, yours=yours))
            case CaptionFailed():
                self._tell(replace(now, failed=(*now.failed, event)))
            case CaptionWaits(seconds):
                self._tell(replace(now, waits_s=seconds))

    @Slot(object)
    def _on_done(self, report: CaptionReport) -> None:
        self._end(not_sent=report.not_sent, error=report.ended)

    @Slot()
    def _on_stopped(self) -> None:
        assert self.writing is not None
        now = self.writing
        done = now.written + now.yours + len(now.failed)
        self._end(stopped=True, not_sent=now.total - done)

    def _on_broken(self, go_on: Callable[[Agreement | None], object], error: object) -> None:
        """Tell of a fault of the app; never to be done again by a click on the bar.

        Where the monthly limit keeps the order from being sent, a person is asked.
        """
        assert self.writing is not None
        not_sent = self.writing.total if isinstance(error, LimitReached) else 0
        self._end(not_sent=not_sent, error=error)
        self._on_maybe_over_limit(go_on, "", self._tell_only, error)

    def _end(self, *, stopped: bool = False, not_sent: int = 0, error: object = None) -> None:
        assert self.writing is not None
        self._job = None
        self._tell(
            replace(
                self.writing,
                over=True,
                waits_s=0.0,
                stopped=stopped,
                not_sent=not_sent,
                error=error,
            )
        )


def _refresh(captioner: Captioner, _ctx: JobContext) -> CaptionerAbilities:
    return captioner.refresh()
