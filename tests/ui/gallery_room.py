"""A Gallery page over a real library and real jobs, with services that paint at once or wait."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from fakes import FakeGenerator, FolderTrash, WallClock, make_tools
from PIL import Image
from PySide6.QtWidgets import QWidget

from fluxlora_desktop.domain.loras import Lora, Publication, PublicationStatus
from fluxlora_desktop.domain.pictures import GeneratedImage, GeneratorModel, PictureRequest
from fluxlora_desktop.domain.ports import JobContext, Stores
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.imaging.workshop import PillowPictureWorkshop
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.ui.desks.gallery import GalleryDesk
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.picture_imports import PictureImportDesk
from fluxlora_desktop.ui.desks.pictures import PictureDesk
from fluxlora_desktop.ui.desks.prompts import PromptDesk
from fluxlora_desktop.ui.gallery.page import GalleryPage
from fluxlora_desktop.ui.undoable import Undoable

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PLAIN = GeneratorModel(
    "flux-dev", "FLUX.1-dev without a LoRA", "flux.1-dev", usd_per_picture=Decimal("0.025")
)
WITH_LORA = GeneratorModel(
    "flux-dev-lora",
    "FLUX.1-dev with a published LoRA",
    "flux.1-dev",
    max_loras=2,
    needs_lora=True,
    usd_per_picture=Decimal("0.05"),
)
QUICK = GeneratorModel(
    "quick",
    "Quick model",
    "",
    steps=(1, 12),
    default_steps=4,
    guidance=(0.0, 5.0),
    usd_per_picture=Decimal("0.003"),
)


@dataclass
class Painter(FakeGenerator):
    """Paints the seed as a colour; `hold` keeps orders waiting, `trouble` is raised once each."""

    models: tuple[GeneratorModel, ...] = (PLAIN, WITH_LORA, QUICK)
    hold: bool = False
    trouble: list[Exception] = field(default_factory=list)

    def generate(self, request: PictureRequest, ctx: JobContext) -> GeneratedImage:
        self.asked.append(request)
        while self.hold:
            ctx.pause(0.01)
        if self.trouble:
            raise self.trouble.pop(0)
        data = io.BytesIO()
        color = (request.seed % 256, 120, 200)
        Image.new("RGB", (request.width // 8, request.height // 8), color).save(data, "PNG")
        return GeneratedImage(data.getvalue(), "image/png", request.seed, "remote")


class Room:
    """The page and everything under it; `target` and `folder` are what dialogs answer."""

    def __init__(self, folder: Path, *more: FakeGenerator) -> None:
        """Open a library in a folder; `more` generators stand behind the painter."""
        self.library = open_library(folder / "library", clock=WallClock())
        self.painter = Painter()
        self.jobs = JobRunner()
        self.trash = FolderTrash(folder / "trash")
        self.target = folder / "saved.png"
        self.folder = folder
        self.names: list[str] = []
        self.undoables: list[Undoable] = []
        self.troubles: list[object] = []
        self.asked_public: list[str] = []
        tools = make_tools(self.stores, generators=(self.painter, *more))
        self.loras = LoraDesk(tools, self.jobs, self.trash)
        self.pictures = PictureDesk(tools, self.jobs)
        self.gallery = GalleryDesk(tools, self.jobs, self.trash)
        self.prompts = PromptDesk(tools, self.jobs)
        for desk in (self.gallery, self.prompts):
            desk.undoable.connect(self.undoables.append)
        for desk in (self.pictures, self.gallery, self.prompts):
            desk.failed.connect(self.troubles.append)
        real = replace(tools, pictures=PillowPictureWorkshop())
        self.imports = PictureImportDesk(real, self.jobs, self.gallery.delete)
        self.imports.undoable.connect(self.undoables.append)
        self.imports.failed.connect(self.troubles.append)
        self.said: list[str] = []
        self.imports.said.connect(self.said.append)
        self.chosen: tuple[Path, ...] = ()
        self.page = GalleryPage(
            pictures=self.pictures,
            gallery=self.gallery,
            loras=self.loras,
            prompts=self.prompts,
            jobs=self.jobs,
            choose_target=self._choose_target,
            choose_folder=self._choose_folder,
            ask_public=self._ask_public,
            imports=self.imports,
            choose_pictures=lambda _parent, take: take(self.chosen),
        )

    @property
    def stores(self) -> Stores:
        return self.library.stores

    def _choose_target(self, _parent: QWidget, name: str, then: Callable[[Path], None]) -> None:
        self.names.append(name)
        then(self.target)

    def _choose_folder(self, _parent: QWidget, then: Callable[[Path], None]) -> None:
        then(self.folder)

    def _ask_public(self, _parent: QWidget, name: str, then: Callable[[], None]) -> None:
        self.asked_public.append(name)
        then()

    def add_lora(
        self, lora_id: str, name: str, word: str, *, published: bool = True, public: bool = True
    ) -> None:
        """Put a LoRA for FLUX.1-dev into the library."""
        self.stores.loras.add(
            Lora(
                lora_id,
                name,
                "flux.1-dev",
                word,
                sha256=lora_id.ljust(64, "0"),
                tensor_hash=lora_id.ljust(64, "1"),
                size_bytes=19_300_000,
                rank=16,
                created_at=NOW,
                recommended_scale=0.8,
            )
        )
        if published:
            page = f"https://huggingface.co/tester/{lora_id}"
            self.stores.loras.publish(
                Publication(
                    lora_id,
                    "huggingface",
                    f"tester/{lora_id}",
                    "c" * 40,
                    Visibility.PUBLIC if public else Visibility.PRIVATE,
                    PublicationStatus.VERIFIED,
                    lora_id.ljust(64, "0"),
                    page,
                    f"{page}/resolve/main/lora.safetensors",
                    NOW,
                )
            )

    def close(self) -> None:
        """End the jobs and close the library."""
        self.painter.hold = False
        assert self.jobs.shutdown(30_000)
        desks = (self.loras, self.pictures, self.gallery, self.prompts, self.imports)
        for thing in (self.jobs, *desks):
            thing.deleteLater()
        self.library.close()
