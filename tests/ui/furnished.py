"""The whole window over a real library that holds something on every page."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image
from PySide6.QtCore import QCoreApplication, QEvent
from pytestqt.qtbot import QtBot

from fluxlora_desktop.backends.aitoolkit.checkout import OwnCheckoutFinder
from fluxlora_desktop.domain.checkout import Checkout
from fluxlora_desktop.domain.errors import PaymentRequired, ServiceRefused
from fluxlora_desktop.domain.grids import Axis, AxisKind, GridBase, GridSpec
from fluxlora_desktop.domain.pictures import GeneratedImage, PictureRequest
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.runs import RunState
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.training import (
    ListedTraining,
    RemoteRun,
    RemoteState,
    Visibility,
)
from fluxlora_desktop.imaging.workshop import PillowPictureWorkshop
from fluxlora_desktop.system.environment import ImportedTokens
from fluxlora_desktop.ui.create.page import CreatePage
from fluxlora_desktop.ui.create.steps import Step
from fluxlora_desktop.ui.page import Page
from fluxlora_desktop.ui.pages import Desks, OwnCheckout, Surroundings, make_pages
from fluxlora_desktop.ui.run_watch import RunWatch
from fluxlora_desktop.ui.settings.preferences import CheckoutChoice, Computer, ModelChoice
from fluxlora_desktop.ui.theme import Scheme, Theme
from fluxlora_desktop.ui.window import MainWindow
from tests.engine.kit import World
from tests.ui.desk_bench import DeskBench
from tests.workflows.conftest import write_lora
from tests.workflows.fakes import TRAINER, FakeBackend, FakeGenerator, training

SCREENS = (
    "welcome",
    *(f"create {step.name.lower()}" for step in Step),
    *("runs", "recover", "library", "gallery", "grids", "settings", "spending", "computer"),
)
ORDER = PictureRequest("replicate", "base", "TOK fox on a beach at sunset", seed=7, count=3)

GRID = GridSpec(
    GridBase("replicate", "base", "TOK fox in the snow"),
    Axis(AxisKind.SEED, (1, 2)),
    Axis(AxisKind.STEPS, (10, 20)),
)


FOUND = Checkout(
    Path("/home/ada/ai-toolkit"),
    Path("/home/ada/ai-toolkit/venv/bin/python"),
    "0.12.26",
    "27a03a91f23eb1b757d5ec2e80ee3e129cfcc350",
    "3.12.4",
    "2.13.0+cu130",
    "NVIDIA GeForce RTX 4090",
    25_757_220_864,
    ("flux.1-dev", "flux.2-dev"),
    reports=True,
)


class Painter(FakeGenerator):
    """Makes real pictures of one colour."""

    def generate(self, request: PictureRequest, ctx: JobContext) -> GeneratedImage:
        super().generate(request, ctx)
        file = io.BytesIO()
        Image.new("RGB", (256, 256), (200, 120, 40 + request.seed)).save(file, "PNG")
        return GeneratedImage(file.getvalue(), "image/png", request.seed, "remote")


class Preferences:
    """Preferences in memory that change the look in force."""

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        self.awake = True

    def scheme(self) -> Scheme:
        return self._theme.scheme

    def set_scheme(self, scheme: Scheme) -> None:
        self._theme.apply(scheme)

    def address(self, service: str) -> str:
        return ""

    def set_address(self, service: str, address: str) -> None:
        return

    def model_ids(self) -> tuple[ModelChoice, ...]:
        return (ModelChoice("together", "flux.2-dev", "", "black-forest-labs/FLUX.2-dev"),)

    def keep_awake(self) -> bool:
        return self.awake

    def set_keep_awake(self, awake: bool) -> None:
        self.awake = awake

    def set_model_id(self, base: str, model: str) -> None:
        raise AssertionError("nobody asked for another model")

    def default_address(self, service: str) -> str:
        return f"https://{service}.example"


def make_bench(folder: Path) -> DeskBench:
    """Return a bench whose services can play a whole way."""
    backend = FakeBackend(weights=write_lora)
    backend.submits = [PaymentRequired("replicate", "Insufficient credit.")]
    backend.polls = [training(step) for step in range(10, 100, 10)]
    return DeskBench(folder, backend=backend, generator=Painter(), pictures=PillowPictureWorkshop())


@dataclass
class House:
    """A window with pages that hold something; `show` brings a screen to the front."""

    bench: DeskBench
    window: MainWindow
    desks: Desks
    theme: Theme
    qtbot: QtBot

    @classmethod
    def build(cls, bench: DeskBench, qtbot: QtBot, theme: Theme, *, empty: bool = False) -> House:
        for service in ("replicate", "huggingface"):
            bench.secrets.put(service, Secret(f"{service}-token"))
        kept = "" if empty else FOUND.as_text()
        desks = Desks.make(
            tools=bench.tools,
            jobs=bench.jobs,
            secrets=bench.secrets,
            parent=bench.owner,
            engine=World(bench.folder / "computer").engine(),
            own_checkout=OwnCheckout(OwnCheckoutFinder(dict), CheckoutChoice(lambda: kept)),
        )
        window = MainWindow(theme=theme, practice=False, open_page=str)
        qtbot.addWidget(window)
        house = cls(bench, window, desks, theme, qtbot)
        house._load()
        if not empty:
            house._furnish()
        window.fill(make_pages(desks, house._surroundings()), "welcome")
        window.resize(1280, 800)
        window.show()
        house.rest()
        return house

    def _surroundings(self) -> Surroundings:
        computer = Computer(
            data_dir=self.bench.folder / "library",
            logs_dir=self.bench.folder / "logs",
            version="0.1",
            practice=False,
            lasting_tokens=True,
            token_place="this computer's password store",
        )
        return Surroundings(
            window=self.window,
            jobs=self.bench.jobs,
            preferences=Preferences(self.theme),
            computer=computer,
            tokens_here=ImportedTokens,
            tokens_in_file=lambda path: ImportedTokens(),
            blank_file=lambda path, services: None,
            reveal=str,
            practise=bool,
        )

    def _load(self) -> None:
        RunWatch(runs=self.desks.runs, window=self.window)
        with self.qtbot.waitSignals([self.desks.draft.changed, self.desks.runs.listed]):
            self.desks.draft.load()
            self.desks.runs.load()
        self.desks.loras.load()
        self.desks.accounts.check_all()
        self.rest()

    def _furnish(self) -> None:
        failed = self._train("A mug that never was")
        assert failed.state is RunState.FAILED
        ready = self._train("Red fox")
        assert ready.state is RunState.READY, ready.error
        self.bench.generator.replies = [ServiceRefused("replicate", "NSFW content detected")]
        self.desks.pictures.make(ORDER)
        self.rest()
        self.desks.grids.make("Steps and seeds", "", GRID)
        self.rest()
        self.desks.draft.set_plan(name="Second fox", rights_confirmed=True)
        self.bench.backend.listed = [
            ListedTraining(
                RemoteRun("replicate", f"lost-{place}", TRAINER.key, steps=1000),
                RemoteState.SUCCEEDED,
                created_at=datetime.now(UTC) - timedelta(days=3),
                base="flux.1-dev",
                trigger_word="GLZFOX",
                destination="grey-fox",
                has_weights=place == 1,
            )
            for place in (1, 2)
        ]

    def _train(self, name: str) -> object:
        photos = [
            self.bench.photo(f"{name} {n}.jpg", caption=f"TOK, side {n}", size=(800, 640))
            for n in range(6)
        ]
        draft, runs = self.desks.draft, self.desks.runs
        draft.add_files(photos)
        self.rest()
        draft.set_plan(name=name, rights_confirmed=True, visibility=Visibility.PUBLIC)
        run_id = draft.draft().run.id
        runs.start(run_id)
        self.qtbot.waitUntil(lambda: runs.run(run_id) is not None and not runs.run(run_id).open)
        self.rest()
        if name == "Red fox":
            return runs.run(run_id)
        draft.load_next()
        self.qtbot.waitUntil(lambda: draft.draft().run.id != run_id)
        return runs.run(run_id)

    def rest(self) -> None:
        """Wait until no job runs and what was asked of layouts is done."""
        self.qtbot.waitUntil(lambda: self.bench.jobs.live() == 0)
        QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)

    def show(self, screen: str) -> Page:
        """Bring a screen to the front and wait until it holds what it has."""
        place, _, step = screen.partition(" ")
        self.window.go_to(place)
        page = self.window.page(place)
        if step:
            assert isinstance(page, CreatePage)
            page.go_to(Step[step.upper()])
        self.rest()
        return page
