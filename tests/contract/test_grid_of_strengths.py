"""The strength finder over real HTTP: one seed, six strengths, and the base beside them."""

from __future__ import annotations

import itertools
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from patient_context import PatientContext
from PIL import Image, ImageChops, ImageStat
from shelf import Shelf

from fluxlora_desktop.backends.huggingface.hub import HuggingFaceHub
from fluxlora_desktop.backends.replicate.pictures import ReplicatePictures
from fluxlora_desktop.domain.grids import USUAL_SCALES, Axis, AxisKind, BaseLora, GridBase, GridSpec
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.domain.ports import Services
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop, PillowPictureWorkshop
from fluxlora_desktop.practice.services import PracticeServices
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.workflows.grids import export_grid, make_grid, open_grid, order_grid
from fluxlora_desktop.workflows.tools import Patience, Tools


@dataclass
class WallClock:
    """The computer's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return datetime.now(UTC).timestamp()


def difference(first: Path, second: Path) -> float:
    """Return how far two pictures are apart, on average, from 0 to 255."""
    with Image.open(first) as one, Image.open(second) as other:
        apart = ImageChops.difference(one.convert("RGB"), other.convert("RGB"))
        return sum(ImageStat.Stat(apart).mean) / 3


def test_each_strength_makes_a_picture_of_its_own_and_nought_is_the_base_alone(
    cloud: PracticeServices, shelf: Shelf, ctx: PatientContext, tmp_path: Path
) -> None:
    use = shelf.flux1
    token, hub_token = Secret(cloud.replicate.token), Secret(cloud.huggingface.token)
    generator = ReplicatePictures(address=cloud.replicate.url, token=lambda: token)
    hub = HuggingFaceHub(address=cloud.huggingface.url, token=lambda: hub_token)
    with closing(open_library(tmp_path / "library", clock=WallClock())) as library:
        stores = library.stores
        lora = Lora(
            id=use.lora_id,
            name=use.name,
            base=use.base,
            trigger_word=use.trigger_word,
            sha256="0" * 64,
            tensor_hash="1" * 64,
            size_bytes=1,
            rank=16,
            created_at=datetime.now(UTC) - timedelta(hours=1),
            output_version=use.trained_version,
            output_service="replicate",
        )
        stores.loras.add(lora)
        tools = Tools(
            stores=stores,
            services=Services((), (generator,), hub),
            photos=PillowPhotoWorkshop(),
            pictures=PillowPictureWorkshop(),
            clock=WallClock(),
            patience=Patience.for_practice(),
        )
        base = GridBase(
            "replicate",
            "trained-version",
            "TOK on a beach",
            (BaseLora(lora.id, lora.name, 1.0),),
            width=256,
            height=256,
        )
        spec = GridSpec(base, Axis(AxisKind.SEED, (11,)), Axis(AxisKind.SCALE, USUAL_SCALES))
        grid = order_grid("Strength", lora.id, spec, tools).grid
        make_grid(grid.id, tools, ctx)
        there = open_grid(grid.id, tools)
        assert [picture.state for picture in there.pictures.values()] == [PictureState.DONE] * 6
        files = [stores.files.resolve(there.pictures[cell].file) for cell in range(6)]
        apart = [difference(files[0], file) for file in files]
        assert apart[0] == 0
        assert all(less < more for less, more in itertools.pairwise(apart)), apart
        export_grid(grid.id, tmp_path / "grid.png", tools, ctx)
        with Image.open(tmp_path / "grid.png") as sheet:
            assert sheet.width > 6 * 256
