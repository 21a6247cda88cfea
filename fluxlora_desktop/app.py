"""The composition root: the one place where everything is joined.

Before the first paint only Qt and the standard library are imported. What is slow (SQLAlchemy,
Alembic, the services' clients, NumPy, the keyring) is imported by the job that opens the library.
"""

from __future__ import annotations

import importlib
import logging
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from fluxlora_desktop import __version__
from fluxlora_desktop.domain.errors import AppError
from fluxlora_desktop.domain.library import Remark, RemarkKind, TakenIn
from fluxlora_desktop.domain.work import Clock, JobContext
from fluxlora_desktop.jobs.gc_guard import GcGuard
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.system.clock import SystemClock
from fluxlora_desktop.system.guard import Guard
from fluxlora_desktop.system.places import find_places, resource
from fluxlora_desktop.system.redaction import Redactor
from fluxlora_desktop.system.settings import Settings
from fluxlora_desktop.system.settings import Theme as KeptTheme
from fluxlora_desktop.ui.remarks import tell_opening, words_of
from fluxlora_desktop.ui.reopening import Reopening
from fluxlora_desktop.ui.theme import Scheme, Theme
from fluxlora_desktop.ui.window import MainWindow

PRACTICE_SPEED = 30.0
_SHUTDOWN_MS = 8000
_SWITCH_MS = 2000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for."""

    data_dir: Path | None = None
    practice: bool = False
    photos: Path | None = None
    out: Path | None = None
    route: str | None = None
    exit_after_first_paint: bool = False
    files: tuple[Path, ...] = ()
    practice_speed: float = PRACTICE_SPEED
    lying_about: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables with tokens that the app was started with, for the offer to import them."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What the opening job brings: the tools, the tokens' place, and how to close.

    `remarks` is what there is to tell of the library, `taken` what came back after a repair.
    """

    tools: Any
    secrets: Any
    token_place: str
    any_token: bool
    close: Callable[[], None]
    remarks: tuple[Remark, ...] = ()
    taken: TakenIn | None = None


def make_qt(arguments: list[str]) -> QApplication:
    """Make the one QApplication, named as the folders and the desktop know it."""
    app = QApplication(arguments)
    app.setOrganizationName("FluxLoRA")
    app.setApplicationName("FluxLoRA Desktop")
    app.setApplicationVersion(__version__)
    app.setDesktopFileName("fluxlora-desktop")
    icon = resource("app-icon.png")
    if icon.exists():
        app.setWindowIcon(QIcon(str(icon)))
    return app


class Session(QObject):
    """One library with its window, in practice or with real services.

    `ready()` when the pages are there, `failed(error)` when the library could not be opened,
    `mode_requested(bool)` when a person wants practice mode, or out of it.
    """

    ready = Signal()
    failed = Signal(object)
    mode_requested = Signal(bool)

    def __init__(
        self,
        options: Options,
        theme: Theme,
        redactor: Redactor,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.options = options
        self.places = find_places(options.data_dir, practice=options.practice)
        self.settings = Settings(file=self.places.settings_file)
        self._redactor = redactor
        self._guard = Guard()
        self.clock: Clock = SystemClock()
        self.jobs = JobRunner(parent=self)
        self.theme = theme
        self.opened: Opened | None = None
        self.desks: Any = None
        self.practice_addresses: dict[str, str] = {}
        self._caption_choices: Any = None
        self._own_server: Any = None
        self._checkout: Any = None
        self._failed_desk: Any = None
        self._saving: Any = None
        self._engine: Any = None
        self._awake: Any = None
        self._awake_watch: Any = None
        theme.apply(Scheme(self.settings.theme.value))
        self.window = MainWindow(theme=theme, practice=options.practice, redact=redactor.redact)
        self.window.closing.connect(self._on_closing)
        self.window.leave_practice_requested.connect(partial(self.mode_requested.emit, False))
        self.window.reveal_requested.connect(self.reveal)
        self.window.retry_requested.connect(self._retry)
        self.window.diagnostics_requested.connect(self.show_diagnostics)
        self._reopening = Reopening(
            window=self.window,
            jobs=self.jobs,
            care=self._care,
            folder=self.places.data_dir,
            reopen=self.open,
        )
        if not self.settings.geometry.isEmpty():
            self.window.restoreGeometry(self.settings.geometry)

    def open(self) -> None:
        """Open the library in the background; the window may be shown meanwhile."""
        job = self.jobs.start("Open library", self._open, lane="library")
        job.progressed.connect(self._on_opening)
        job.succeeded.connect(self._on_opened)
        job.failed.connect(self._on_open_failed)

    def _on_opening(self, event: object) -> None:
        words = words_of(event)
        if words:
            self.window.say_opening(words)

    def _open(self, ctx: JobContext) -> Opened:
        """Import what is slow and join it; runs in the background."""
        from fluxlora_desktop.imaging.guarded import (
            GuardedPhotoWorkshop,
            PhotoWorkers,
        )
        from fluxlora_desktop.imaging.guarded_pictures import GuardedPictureWorkshop
        from fluxlora_desktop.store.library import open_library
        from fluxlora_desktop.workflows.budget import Budget
        from fluxlora_desktop.workflows.clean_copies import remove_clean_copies
        from fluxlora_desktop.workflows.tools import Patience, Tools

        importlib.import_module("fluxlora_desktop.ui.pages")  # here, so that the window need not
        library = open_library(self.places.data_dir, clock=self.clock, device=platform.node())
        workers = PhotoWorkers()
        try:
            services, secrets, token_place = self._services(ctx)
            patience = Patience.for_practice() if self.options.practice else Patience()
            tools = Tools(
                stores=library.stores,
                services=services,
                photos=GuardedPhotoWorkshop(workers),
                pictures=GuardedPictureWorkshop(workers),
                clock=self.clock,
                patience=patience,
                budget=Budget(self.settings.monthly_limit, keep=self.settings.keep_monthly_limit),
            )
            any_token = self.options.practice or _any_token(secrets)
            taken = _take_in_what_lies_there(library, tools, ctx)
        except BaseException:
            library.close()
            raise

        def close() -> None:
            workers.close()
            remove_clean_copies(library.stores.files)
            library.close()

        return Opened(tools, secrets, token_place, any_token, close, library.remarks, taken)

    def _services(self, ctx: JobContext) -> tuple[Any, Any, str]:
        from fluxlora_desktop.backends.registry import (
            DEFAULT_ADDRESSES,
            MODEL_CHOICES,
            build_services,
            default_addresses,
        )

        if self.options.practice:
            secrets, addresses = self._practice(ctx)
            place = "memory: practice tokens are not worth keeping"
        else:
            from fluxlora_desktop.system.secret_store import choose_secret_store

            secrets = choose_secret_store(learn=self._redactor.learn, guard=self._guard)
            place = "this computer's password store"
            addresses = default_addresses(os.environ)
            given = ((key, self.settings.address(key)) for key in DEFAULT_ADDRESSES)
            addresses |= {key: address for key, address in given if address}
        from fluxlora_desktop.ui.create.caption_choices import CaptionChoices

        choices = CaptionChoices(self.settings.captions, self.settings.set_captions)
        self._caption_choices = choices
        own = None if self.options.practice else lambda: choices.address
        if not self.options.practice:
            from fluxlora_desktop.ui.settings.preferences import OwnServerChoice

            self._own_server = OwnServerChoice(self.settings.pictures, self.settings.set_pictures)
            self._checkout = self._own_checkout()
        server = self._own_server
        model_ids = {base: self.settings.model_id(base) for _key, base, _own in MODEL_CHOICES}
        services = build_services(
            addresses=addresses,
            secret_for=secrets.get,
            model_ids=model_ids,
            own_captioner=own,
            own_pictures=None if server is None else lambda: server.server,
            local=None if self.options.practice else self._local_parts(),
        )
        return services, secrets, place

    def _own_engine(self) -> Any:
        """Return the engine of this computer; None in practice, where servers train."""
        if self.options.practice or self._engine is not None:
            return self._engine
        from fluxlora_desktop.backends.local.engine import LocalEngine, trainer_folder
        from fluxlora_desktop.system.environment import without_tokens

        self._engine = LocalEngine(
            folder=self.places.data_dir / "engine",
            trainer=trainer_folder(),
            environ=lambda: without_tokens(os.environ),
        )
        return self._engine

    def _local_parts(self) -> Any:
        """Return what the backends of this computer work with."""
        from fluxlora_desktop.backends.local.engine import trainer_folder
        from fluxlora_desktop.backends.local.parts import LocalParts
        from fluxlora_desktop.backends.local.ready import ReadyEngine
        from fluxlora_desktop.system.environment import without_tokens

        engine = self._own_engine()
        return LocalParts(
            folder=self.places.data_dir / "engine",
            trainer=trainer_folder(),
            engine=ReadyEngine(engine),
            environment=lambda: without_tokens(os.environ),
            model_folder=engine.own_folder,
            checkout=lambda: self._checkout.choice.checkout,
            ask_before=engine.ask_before,
        )

    def _own_checkout(self) -> Any:
        """Return who looks at an ai-toolkit of one's own, and where it is kept."""
        from fluxlora_desktop.backends.aitoolkit.checkout import OwnCheckoutFinder
        from fluxlora_desktop.system.environment import without_tokens
        from fluxlora_desktop.ui.pages import OwnCheckout
        from fluxlora_desktop.ui.settings.preferences import CheckoutChoice

        choice = CheckoutChoice(lambda: self.settings.checkout, self.settings.keep_checkout)
        return OwnCheckout(OwnCheckoutFinder(lambda: without_tokens(os.environ)), choice)

    def _practice(self, ctx: JobContext) -> tuple[Any, dict[str, str]]:
        """Start or find the practice services, a process of their own."""
        from fluxlora_desktop.system.practice_process import PracticeProcess
        from fluxlora_desktop.system.secret_store import MemorySecrets

        process = PracticeProcess(
            state_dir=self.places.practice_services, speed=self.options.practice_speed
        )
        connections = process.start(ctx)
        secrets = MemorySecrets(learn=self._redactor.learn)
        for key, connection in connections.items():
            secrets.put(key, connection.token)
        self.practice_addresses = {key: found.url for key, found in connections.items()}
        return secrets, dict(self.practice_addresses)

    def _on_opened(self, opened: Opened) -> None:
        from fluxlora_desktop.system.awake import KeepAwake
        from fluxlora_desktop.ui.awake import AwakeWatch
        from fluxlora_desktop.ui.pages import Desks, make_pages
        from fluxlora_desktop.ui.run_watch import RunWatch
        from fluxlora_desktop.ui.saving import SavingWatch

        self.opened = opened
        self.desks = Desks.make(
            tools=opened.tools,
            jobs=self.jobs,
            secrets=opened.secrets,
            parent=self,
            engine=self._own_engine(),
            own_checkout=self._checkout,
        )
        makers = make_pages(self.desks, self._surroundings(opened))
        self._saving = SavingWatch(
            desks=self.desks.all(),
            files=opened.tools.stores.files,
            jobs=self.jobs,
            bar=self.window.save_bar,
            parent=self,
        )
        self.window.save_bar.reveal_requested.connect(partial(self.reveal, self.places.data_dir))
        for desk in self.desks.all():
            desk.failed.connect(partial(self._on_desk_failed, desk))
            desk.undoable.connect(self.window.undo_bar.offer)
            desk.said.connect(self.window.notices.say)
        first = self.settings.last_page or "create"
        if not opened.any_token:
            first = "welcome"
        self.desks.draft.load()
        RunWatch(runs=self.desks.runs, window=self.window)
        self._awake = KeepAwake()
        self._awake_watch = AwakeWatch(
            runs=self.desks.runs,
            jobs=self.jobs,
            awake=self._awake,
            allowed=lambda: self.settings.keep_awake,
            parent=self,
        )
        self.window.fill(makers, first)
        self.desks.recover.begin()
        self.desks.runs.load()
        self.desks.loras.load()
        self.desks.grids.load()
        self.desks.gallery.begin()
        elsewhere = any(remark.kind is RemarkKind.OTHER_DEVICE for remark in opened.remarks)
        self.desks.pictures.resume(elsewhere=elsewhere)
        if not elsewhere:
            self.desks.grids.resume()  # else the other computer may have sent them
        self.desks.accounts.check_all()
        tell_opening(self.window.notices, self.settings, opened.remarks, opened.taken)
        if self.options.files:
            self.desks.draft.add_files(self.options.files)
        self.ready.emit()

    def _on_awake(self) -> None:
        self._awake_watch.look()

    def _on_desk_failed(self, desk: Any, error: object) -> None:
        self._failed_desk = desk
        if not self._saving.takes(error):
            self.window.notices.show_error(error)

    def _retry(self) -> None:
        if self._failed_desk is not None:
            self._failed_desk.retry()

    def _surroundings(self, opened: Opened) -> Any:
        from fluxlora_desktop.backends.registry import DEFAULT_ADDRESSES, MODEL_CHOICES
        from fluxlora_desktop.store.check import check_library
        from fluxlora_desktop.system.environment import blank_tokens, tokens_in, tokens_in_file
        from fluxlora_desktop.ui.pages import Surroundings
        from fluxlora_desktop.ui.settings.preferences import Computer
        from fluxlora_desktop.workflows.photos import list_photos

        computer = Computer(
            data_dir=self.places.data_dir,
            logs_dir=self.places.logs,
            version=__version__,
            practice=self.options.practice,
            lasting_tokens=opened.secrets.persistent,
            token_place=opened.token_place,
        )
        return Surroundings(
            window=self.window,
            jobs=self.jobs,
            preferences=_Preferences(
                self.settings, self.theme, DEFAULT_ADDRESSES, MODEL_CHOICES, self._on_awake
            ),
            computer=computer,
            tokens_here=lambda: tokens_in({**os.environ, **self.options.lying_about}),
            tokens_in_file=tokens_in_file,
            blank_file=blank_tokens,
            reveal=self.reveal,
            practise=partial(self.mode_requested.emit, True),
            samples=list_photos([resource("practice-photos")]),
            check=lambda ctx: check_library(self.places.data_dir, ctx.check),
            caption_choices=self._caption_choices,
            own_server=self._own_server,
        )

    def _on_open_failed(self, error: object) -> None:
        self._reopening.show(error)
        self.failed.emit(error)

    def _care(self) -> Any:
        """Return what can be done for a library that is not open; imports what is slow."""
        from fluxlora_desktop.store.repair import FolderCare

        return FolderCare(data_dir=self.places.data_dir, clock=self.clock)

    def reveal(self, path: Path) -> None:
        """Show a file or folder in the system's file manager."""
        from fluxlora_desktop.system.reveal import reveal

        self.jobs.start("Show in file manager", lambda _ctx: reveal(path), lane="disk")

    def show_diagnostics(self) -> None:
        """Show a text about the app that is safe to post; also when the library did not open."""
        from fluxlora_desktop.store.report import read_report
        from fluxlora_desktop.system.diagnostics import Subject, diagnose
        from fluxlora_desktop.ui.settings.diagnostics import DiagnosticsDialog, surface

        places, usual = self.places, find_places(practice=self.options.practice)
        subject = Subject(
            version=__version__,
            practice=self.options.practice,
            data_dir=places.data_dir,
            usual_dir=usual.data_dir,
            logs_dir=places.logs,
            tokens=self._token_kind(),
        )
        seen = surface(self.theme, self.desks.accounts if self.desks is not None else None)
        library = partial(read_report, places.data_dir / "library.db")
        dialog = DiagnosticsDialog(
            jobs=self.jobs,
            gather=lambda _ctx: self._redactor.redact(diagnose(subject, seen, library)),
            parent=self.window,
        )
        dialog.open()

    def _token_kind(self) -> str:
        if self.opened is None:
            return "not asked"
        return "password store" if self.opened.secrets.persistent else "memory"

    def _on_closing(self) -> None:
        state = self.window.state()
        self.settings.geometry = state.geometry
        if state.place and state.place != "welcome":
            self.settings.last_page = state.place
        self.settings.save()

    def close(self, ms: int = _SHUTDOWN_MS) -> bool:
        """Stop background work and close the library; trainings go on at their service.

        Returns False when some work would not stop: the process may then only leave by `os._exit`.
        """
        self._guard.close()
        if self.opened is not None:
            for end in self.opened.tools.services.at_close:
                end()
        stopped = self.jobs.shutdown(ms)
        if self._awake is not None:
            self._awake.close()
        if self.opened is not None:
            self._finish_saving()
            self.opened.close()
        return stopped

    def _finish_saving(self) -> None:
        """Write the last words: what was typed as the window closed found no job to save it."""
        for desk in self.desks.all():
            try:
                desk.finish_saving()
            except AppError:
                _log.exception("what was changed last could not be saved")


class _Preferences:
    """Joins the Settings page to what is kept and to the look in force."""

    def __init__(
        self,
        settings: Settings,
        theme: Theme,
        defaults: Mapping[str, str],
        models: tuple[tuple[str, str, str], ...],
        on_awake: Callable[[], object],
    ) -> None:
        self._settings, self._theme, self._on_awake = settings, theme, on_awake
        self._defaults, self._models = defaults, models

    def scheme(self) -> Scheme:
        return Scheme(self._settings.theme.value)

    def set_scheme(self, scheme: Scheme) -> None:
        self._settings.theme = KeptTheme(scheme.value)
        self._theme.apply(scheme)

    def address(self, service: str) -> str:
        return self._settings.address(service)

    def set_address(self, service: str, address: str) -> None:
        self._settings.set_address(service, address)

    def model_ids(self) -> tuple[Any, ...]:
        from fluxlora_desktop.ui.settings.preferences import ModelChoice

        return tuple(
            ModelChoice(service, base, self._settings.model_id(base), own)
            for service, base, own in self._models
        )

    def set_model_id(self, base: str, model: str) -> None:
        self._settings.set_model_id(base, model)

    def default_address(self, service: str) -> str:
        return self._defaults[service]

    def keep_awake(self) -> bool:
        return self._settings.keep_awake

    def set_keep_awake(self, awake: bool) -> None:
        self._settings.keep_awake = awake
        self._on_awake()


def _take_in_what_lies_there(library: Any, tools: Any, ctx: JobContext) -> TakenIn | None:
    """After a repair, bring files on the disk back into rows; without room, at the next start."""
    from fluxlora_desktop.domain.errors import StorageError
    from fluxlora_desktop.store.repair import forget_to_look, is_to_look
    from fluxlora_desktop.workflows.take_in import take_in_files

    if not is_to_look(library.data_dir):
        return None
    try:
        taken = take_in_files(tools, ctx)
        forget_to_look(library.data_dir)
    except StorageError:
        _log.exception("what lies on the disk could not be taken in")
        return None
    return taken


def _any_token(secrets: Any) -> bool:
    from fluxlora_desktop.domain.errors import SecretStoreError, SecretStoreLocked
    from fluxlora_desktop.domain.services import SERVICES

    try:
        return any(secrets.get(facts.key) for facts in SERVICES)
    except SecretStoreLocked:
        _log.info("the password store is locked")
        return True  # nobody locks an empty one: the accounts say what to do
    except SecretStoreError:
        _log.info("the password store could not be read at start")
        return False


class App(QObject):
    """The running program: one session at a time, practice or real."""

    def __init__(self, options: Options, qt: QApplication, redactor: Redactor) -> None:
        super().__init__(qt)
        self._options = options
        self._redactor = redactor
        self.theme = Theme(qt)
        self.guard = GcGuard(self)
        self._lingering: list[Session] = []
        self.session = self._begin(options)

    def _begin(self, options: Options) -> Session:
        session = Session(options, self.theme, self._redactor, self)
        session.mode_requested.connect(self._on_mode)
        session.window.show()
        _after_first_paint(session.window, session.open)
        return session

    def _on_mode(self, practice: bool) -> None:
        """Change between practice and real services, each with a library of its own."""
        old = self.session
        self.session = self._begin(replace(self._options, practice=practice, files=()))
        self.session.window.setGeometry(old.window.geometry())
        old.window.hide()
        if old.close(_SWITCH_MS):
            old.window.deleteLater()
            old.deleteLater()
            QTimer.singleShot(0, self, self.guard.collect_now)
        else:
            self._lingering.append(old)  # some work would not stop; its threads need their owners

    def add_files(self, files: tuple[Path, ...]) -> None:
        """Take photos into the draft, such as those that a second start was given."""
        if self.session.desks is not None:
            self.session.desks.draft.add_files(files)

    def raise_window(self) -> None:
        """Bring the window to the front, as a second start asks for."""
        window = self.session.window
        if window.isMinimized():
            window.showNormal()
        window.raise_()
        window.activateWindow()

    def show_crash(self, report: str) -> None:
        """Tell a person of a bug; what was saved is safe, and the app goes on."""
        self.session.window.notices.show_error(AppFault(report))

    def close(self) -> bool:
        """Close the session; see `Session.close`."""
        return self.session.close() and not self._lingering


def _after_first_paint(window: MainWindow, then: Callable[[], None]) -> None:
    _PaintWatcher(window, then)


class _PaintWatcher(QObject):
    """Calls a function in the turn after a window was painted for the first time."""

    def __init__(self, window: MainWindow, then: Callable[[], None]) -> None:
        super().__init__(window)
        self._window, self._then = window, then
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Watch for the first paint."""
        if event.type() is QEvent.Type.Paint:
            self._window.removeEventFilter(self)
            QTimer.singleShot(0, self, self._then)
        return super().eventFilter(watched, event)


def run(options: Options) -> int:
    """Show the window and stay until it is closed; return the exit code."""
    qt = make_qt(sys.argv[:1])
    redactor = Redactor()
    if options.exit_after_first_paint:
        window = Session(options, Theme(qt), redactor).window
        _after_first_paint(window, _tell_and_quit)
        window.show()
        return qt.exec()
    from fluxlora_desktop.system.crash import CrashReporter
    from fluxlora_desktop.system.environment import take_tokens_out
    from fluxlora_desktop.system.logs import set_up_logging
    from fluxlora_desktop.system.single import SingleInstance

    places = find_places(options.data_dir, practice=options.practice)
    single = SingleInstance(places.data_dir)
    if not single.claim(options.files):
        return 0
    with suppress(OSError):  # a folder that may not be written to: the window says so
        set_up_logging(places.logs, redactor)
    crashes = CrashReporter(redactor)
    crashes.install(places.logs)
    options = replace(options, lying_about=take_tokens_out(os.environ))
    app = App(options, qt, redactor)
    crashes.crashed.connect(app.show_crash)
    crashes.crashed.connect(crashes.shown)
    single.raise_requested.connect(app.raise_window)
    single.files_received.connect(app.add_files)
    code = qt.exec()
    stopped = app.close()
    single.release()
    if not stopped:
        logging.shutdown()
        os._exit(code)
    crashes.uninstall()
    return code


def _tell_and_quit() -> None:
    """Print the milliseconds since STARTED (monotonic seconds) for the benchmark, and leave."""
    if os.environ.get("FLUXLORA_PRINT_FIRST_PAINT"):
        print((time.monotonic() - float(os.environ["STARTED"])) * 1000, flush=True)
    QApplication.quit()


class AppFault(Exception):
    """A bug of the app; the report, without secrets, is in the log."""
