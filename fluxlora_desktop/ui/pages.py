"""Desks and pages, joined: which page takes which desk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject

from fluxlora_desktop.domain.checkout import CheckoutFinder
from fluxlora_desktop.domain.library import Inconsistency
from fluxlora_desktop.domain.lineage import Lineage
from fluxlora_desktop.domain.ports import Engine, JobContext, SecretStore
from fluxlora_desktop.domain.runs import AT_SERVICE, Run
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.system.environment import ImportedTokens
from fluxlora_desktop.system.trash import erase, find_in_trash, move_to_trash, restore
from fluxlora_desktop.ui.computer.own_checkout import OwnCheckoutCard
from fluxlora_desktop.ui.computer.page import ComputerPage
from fluxlora_desktop.ui.create.accounts import AccountsCard
from fluxlora_desktop.ui.create.caption_choices import CaptionChoices
from fluxlora_desktop.ui.create.page import CreatePage
from fluxlora_desktop.ui.create.steps import Step
from fluxlora_desktop.ui.desks.accounts import AccountDesk
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.ui.desks.captioning import CaptioningDesk
from fluxlora_desktop.ui.desks.checkout import CheckoutDesk
from fluxlora_desktop.ui.desks.computer import ComputerDesk
from fluxlora_desktop.ui.desks.draft import DraftDesk
from fluxlora_desktop.ui.desks.exchange import ExchangeDesk
from fluxlora_desktop.ui.desks.gallery import GalleryDesk
from fluxlora_desktop.ui.desks.grids import GridDesk
from fluxlora_desktop.ui.desks.lineage import LineageDesk, Lines
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.money import MoneyDesk
from fluxlora_desktop.ui.desks.own_server import OwnServerDesk
from fluxlora_desktop.ui.desks.picture_imports import PictureImportDesk
from fluxlora_desktop.ui.desks.pictures import PictureDesk
from fluxlora_desktop.ui.desks.prompts import PromptDesk
from fluxlora_desktop.ui.desks.recover import RecoverDesk
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.ui.exchange.card import ExchangeCard
from fluxlora_desktop.ui.gallery.page import GalleryPage
from fluxlora_desktop.ui.grids.page import GridsPage
from fluxlora_desktop.ui.import_tokens import Import, ImportTokensDialog
from fluxlora_desktop.ui.library.page import LibraryPage
from fluxlora_desktop.ui.lineage.dialog import LineageDialog
from fluxlora_desktop.ui.money.page import SpendingPage
from fluxlora_desktop.ui.money.question import LimitAsker
from fluxlora_desktop.ui.page import Page
from fluxlora_desktop.ui.recover.page import RecoverPage
from fluxlora_desktop.ui.runs.compare import CompareDialog
from fluxlora_desktop.ui.runs.page import RunsPage
from fluxlora_desktop.ui.sample_row import SampleRow
from fluxlora_desktop.ui.settings.library_check import LibraryCheckCard
from fluxlora_desktop.ui.settings.own_server import OwnServerCard
from fluxlora_desktop.ui.settings.page import SettingsPage
from fluxlora_desktop.ui.settings.preferences import (
    CheckoutChoice,
    Computer,
    OwnServerChoice,
    Preferences,
)
from fluxlora_desktop.ui.welcome import WelcomePage
from fluxlora_desktop.ui.widgets import button
from fluxlora_desktop.ui.window import MainWindow
from fluxlora_desktop.workflows.take_in import take_in_files
from fluxlora_desktop.workflows.tools import Tools

_SAMPLES_SHOWN = 6  # every second of these, for variety


class ComputersTrash:
    """Fills the port `Trash` with the computer's own."""

    def put(self, path: Path) -> Path | None:
        """Move a file to the trash."""
        return move_to_trash(path)

    def find(self, original: Path, remembered: Path | None) -> Path | None:
        """Return where a file lies in the trash."""
        return find_in_trash(original, remembered)

    def restore(self, trashed: Path, original: Path) -> None:
        """Bring a file back."""
        restore(trashed, original)

    def erase(self, trashed: Path) -> None:
        """Delete a file of the trash for good."""
        erase(trashed)


@dataclass(frozen=True, slots=True)
class OwnCheckout:
    """What is needed to ask for an ai-toolkit of one's own: who looks at it, where it is kept."""

    finder: CheckoutFinder
    choice: CheckoutChoice


@dataclass(frozen=True, slots=True)
class Desks:
    """Every desk of a session."""

    draft: DraftDesk
    runs: RunDesk
    loras: LoraDesk
    pictures: PictureDesk
    gallery: GalleryDesk
    accounts: AccountDesk
    recover: RecoverDesk
    captioning: CaptioningDesk
    exchange: ExchangeDesk
    lineage: LineageDesk
    money: MoneyDesk
    grids: GridDesk
    prompts: PromptDesk
    own_server: OwnServerDesk
    imports: PictureImportDesk
    computer: ComputerDesk
    checkout: CheckoutDesk | None = None

    @classmethod
    def make(
        cls,
        *,
        tools: Tools,
        jobs: JobRunner,
        secrets: SecretStore,
        parent: QObject,
        engine: Engine | None = None,
        own_checkout: OwnCheckout | None = None,
    ) -> Desks:
        """Make the desks; `parent` owns them, `engine` is this computer's, None in practice.

        Without `own_checkout` none is asked for.
        """
        trash = ComputersTrash()
        runs = RunDesk(tools, jobs, parent)
        loras = LoraDesk(tools, jobs, trash, parent)
        runs.changed.connect(lambda run: loras.load() if run.lora_id else None)
        accounts = AccountDesk(tools, jobs, secrets, parent)
        recover = RecoverDesk(tools, jobs, runs, parent)
        accounts.changed.connect(recover.account_changed)
        draft = DraftDesk(tools, jobs, parent)
        exchange = ExchangeDesk(tools, jobs, parent)
        exchange.arrived.connect(loras.load)
        exchange.arrived.connect(runs.load)
        pictures = PictureDesk(tools, jobs, parent)
        grids = GridDesk(tools, jobs, parent)
        grids.ordered.connect(pictures.ordered)  # the gallery shows cells as any other picture
        grids.changed.connect(pictures.changed)
        grids.advanced.connect(pictures.advanced)
        runs.changed.connect(partial(_on_run_changed, pictures, grids))
        exchange.arrived.connect(grids.load)
        gallery = GalleryDesk(tools, jobs, trash, parent)
        exchange.arrived.connect(gallery.tell_anew)
        own_server = OwnServerDesk(tools, jobs, secrets, parent)
        own_server.changed.connect(pictures.offers_changed)
        computer = ComputerDesk(tools, jobs, engine, parent, secrets=secrets)
        computer.changed.connect(pictures.refresh_offers)
        computer.changed.connect(draft.tell_anew)
        computer.rested.connect(pictures.card_freed)  # what waited for the engine goes on
        computer.rested.connect(grids.card_freed)
        checkout = None
        if own_checkout is not None:
            finder, choice = own_checkout.finder, own_checkout.choice
            checkout = CheckoutDesk(tools, jobs, finder, choice, parent)
            checkout.changed.connect(draft.tell_anew)
        return cls(
            draft=draft,
            runs=runs,
            loras=loras,
            pictures=pictures,
            gallery=gallery,
            accounts=accounts,
            recover=recover,
            captioning=CaptioningDesk(tools, jobs, draft, secrets, parent),
            exchange=exchange,
            lineage=LineageDesk(tools, jobs, parent),
            money=MoneyDesk(tools, jobs, parent),
            grids=grids,
            prompts=PromptDesk(tools, jobs, parent),
            own_server=own_server,
            imports=PictureImportDesk(tools, jobs, gallery.delete, parent),
            computer=computer,
            checkout=checkout,
        )

    def all(self) -> Iterator[Desk]:
        """Yield every desk."""
        yield from (self.draft, self.runs, self.loras, self.pictures, self.accounts)
        yield from (self.recover, self.captioning, self.exchange, self.grids, self.gallery)
        yield from (self.lineage, self.money, self.prompts, self.own_server, self.imports)
        yield self.computer
        if self.checkout is not None:
            yield self.checkout


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What pages need beside desks."""

    window: MainWindow
    jobs: JobRunner
    preferences: Preferences
    computer: Computer
    tokens_here: Callable[[], ImportedTokens]
    tokens_in_file: Callable[[Path], ImportedTokens]
    blank_file: Callable[[Path, Collection[str]], None]
    reveal: Callable[[Path], None]
    practise: Callable[[], object]
    samples: tuple[Path, ...] = ()
    check: Callable[[JobContext], tuple[Inconsistency, ...]] | None = None
    caption_choices: CaptionChoices = field(default_factory=CaptionChoices)
    own_server: OwnServerChoice | None = None


def _on_run_changed(pictures: PictureDesk, grids: GridDesk, run: Run) -> None:
    """A training that is over or rests has let the graphics card go: what waited is made."""
    if run.state not in AT_SERVICE or run.paused:
        pictures.card_freed()
        grids.card_freed()


class SampleOffer(QObject):
    """In practice mode, offers the sample photos for as long as the draft has none."""

    def __init__(self, *, page: Page, draft: DraftDesk, samples: tuple[Path, ...]) -> None:
        super().__init__(page)
        self._draft, self._samples = draft, samples
        self.button = button("Use the sample photos", self._take, symbol="photos")
        self.button.setObjectName("use_samples")
        page.header.insertWidget(0, self.button)
        draft.changed.connect(self._on_changed)
        self._on_changed()

    def _take(self) -> None:
        self._draft.add_files(self._samples)

    def _on_changed(self, _draft: object = None) -> None:
        empty = self._draft.loaded and not self._draft.draft().dataset.photos
        self.button.setVisible(empty)


def make_pages(desks: Desks, around: Surroundings) -> Mapping[str, Callable[[], Page]]:
    """Return, by name, how each page is made when it is first shown.

    What would pass the monthly limit is asked about over whichever page is in front.
    """
    desks.lineage.found.connect(partial(_show_lineage, desks, around))
    LimitAsker(desks=desks.all(), money=desks.money, window=around.window)
    return {
        "welcome": partial(_welcome, desks, around),
        "create": partial(_create, desks, around),
        "runs": partial(_runs, desks, around),
        "recover": partial(_recover, desks),
        "library": partial(_library, desks, around),
        "gallery": partial(_gallery, desks, around),
        "grids": partial(_grids, desks, around),
        "settings": partial(_settings, desks, around),
        "spending": partial(_spending, desks, around),
        "computer": partial(_computer, desks, around),
    }


def _welcome(desks: Desks, around: Surroundings) -> Page:
    shown = [path for path in around.samples if path.suffix == ".jpg"][:_SAMPLES_SHOWN:2]
    samples = SampleRow(photos=tuple(shown), jobs=around.jobs)
    page = WelcomePage(accounts=desks.accounts, picture=samples)
    page.practise_requested.connect(around.practise)
    page.import_requested.connect(partial(_import_tokens, desks, around))
    page.open_requested.connect(around.window.open_web_page)
    return page


def _create(desks: Desks, around: Surroundings) -> Page:
    page = CreatePage(
        draft=desks.draft,
        runs=desks.runs,
        jobs=around.jobs,
        captioning=desks.captioning,
        caption_choices=around.caption_choices,
    )
    assert page.captions.writing is not None
    page.captions.writing.page_wanted.connect(around.window.open_web_page)
    accounts = AccountsCard(accounts=desks.accounts, draft=desks.draft)
    accounts.connect_requested.connect(partial(page.go.emit, "settings", None))
    page.destination.right.addWidget(accounts)
    page.step_shown.connect(partial(_on_step_shown, desks))
    page.photos.inspector.photo.tracing.connect(desks.lineage.of_photo)
    desks.pictures.offers_changed.connect(desks.draft.tell_anew)
    if around.computer.practice and around.samples:
        SampleOffer(page=page, draft=desks.draft, samples=around.samples)
    return page


def _on_step_shown(desks: Desks, step: Step) -> None:
    """Ask what the services offer now before somebody plans with it."""
    if step is Step.RECIPE:
        desks.pictures.refresh_offers_once()


def _runs(desks: Desks, around: Surroundings) -> Page:
    page = RunsPage(
        runs=desks.runs,
        loras=desks.loras,
        jobs=around.jobs,
        recover=desks.recover,
        money=desks.money,
    )
    page.open_requested.connect(around.window.open_web_page)
    page.lineage_requested.connect(lambda run: desks.lineage.of_run(run.id, run.plan.name))
    return page


def _recover(desks: Desks) -> Page:
    return RecoverPage(recover=desks.recover)


def _library(desks: Desks, around: Surroundings) -> Page:
    page = LibraryPage(
        loras=desks.loras,
        runs=desks.runs,
        jobs=around.jobs,
        hub_owner=partial(_hub_owner, desks),
        exchange=desks.exchange,
        money=desks.money,
    )
    page.open_requested.connect(around.window.open_web_page)
    page.reveal_requested.connect(around.reveal)
    page.lineage_requested.connect(lambda lora: desks.lineage.of_lora(lora.id, lora.name))
    return page


def _show_lineage(desks: Desks, around: Surroundings, lines: Lines) -> None:
    """Show a line over the window; its stops lead to their pages."""
    window = around.window
    dialog = LineageDialog(
        lines,
        files=desks.lineage.tools.stores.files,
        jobs=around.jobs,
        parent=window,
    )
    dialog.went.connect(window.go_to)
    dialog.train_requested.connect(partial(_train_again, window))
    dialog.compare_requested.connect(partial(_compare_run, desks, dialog))
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()


def _train_again(window: MainWindow, line: Lineage) -> None:
    window.go_to("create", line.run if line.version is not None else line.lora)


def _compare_run(desks: Desks, above: LineageDialog, run: Run) -> None:
    dialog = CompareDialog(run, desks.runs, above.thumbs, above)
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()


def _hub_owner(desks: Desks) -> str:
    accounts = desks.accounts
    return accounts.state(accounts.tools.services.hub.key).name


def _gallery(desks: Desks, around: Surroundings) -> Page:
    page = GalleryPage(
        pictures=desks.pictures,
        gallery=desks.gallery,
        loras=desks.loras,
        prompts=desks.prompts,
        jobs=around.jobs,
        imports=desks.imports,
    )
    page.reveal_requested.connect(around.reveal)
    page.grid_requested.connect(partial(page.go.emit, "grids"))
    page.lineage_requested.connect(desks.lineage.of_picture)
    return page


def _grids(desks: Desks, around: Surroundings) -> Page:
    page = GridsPage(
        grids=desks.grids,
        pictures=desks.pictures,
        gallery=desks.gallery,
        loras=desks.loras,
        jobs=around.jobs,
    )
    page.reveal_requested.connect(around.reveal)
    return page


def _settings(desks: Desks, around: Surroundings) -> Page:
    check = None
    if around.check is not None:
        take_in = partial(take_in_files, desks.accounts.tools)
        check = LibraryCheckCard(jobs=around.jobs, check=around.check, take_in=take_in)
        check.taken.connect(desks.loras.load)
    own = around.own_server
    page = SettingsPage(
        accounts=desks.accounts,
        money=desks.money,
        preferences=around.preferences,
        computer=around.computer,
        check=check,
        exchange=ExchangeCard(desk=desks.exchange),
        own_server=OwnServerCard(desk=desks.own_server, choice=own) if own else None,
        own_checkout=OwnCheckoutCard(desk=desks.checkout) if desks.checkout else None,
    )
    page.open_requested.connect(around.window.open_web_page)
    page.reveal_requested.connect(around.reveal)
    page.import_requested.connect(partial(_import_tokens, desks, around))
    page.practice_requested.connect(around.practise)
    page.diagnostics_requested.connect(around.window.diagnostics_requested)
    return page


def _spending(desks: Desks, around: Surroundings) -> Page:
    page = SpendingPage(money=desks.money, runs=desks.runs, loras=desks.loras)
    page.open_requested.connect(around.window.open_web_page)
    return page


def _computer(desks: Desks, around: Surroundings) -> Page:
    page = ComputerPage(computer=desks.computer, accounts=desks.accounts)
    page.open_requested.connect(around.window.open_web_page)
    page.reveal_requested.connect(around.reveal)
    page.leave_practice_requested.connect(around.window.leave_practice_requested)
    return page


def _import_tokens(desks: Desks, around: Surroundings) -> None:
    dialog = ImportTokensDialog(
        found=around.tokens_here(), read_file=around.tokens_in_file, parent=around.window
    )
    dialog.chosen.connect(partial(_on_import_chosen, desks, around))
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()


def _on_import_chosen(desks: Desks, around: Surroundings, chosen: Import) -> None:
    kept = None if chosen.blank is None else partial(_blank, around, chosen.blank)
    desks.accounts.import_tokens(chosen.tokens, kept)


def _blank(around: Surroundings, path: Path, service: str) -> None:
    """Empty the file of a token that is kept now; one after another, for it is the same file."""
    job = around.jobs.start(
        "Empty the token's line", lambda _ctx: around.blank_file(path, {service}), lane="details"
    )
    job.failed.connect(around.window.notices.show_error)
