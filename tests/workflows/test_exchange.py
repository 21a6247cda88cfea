"""LoRAs and libraries carried to another installation, and what a damaged folder may not do."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest
from PIL import Image

from fluxlora_desktop.domain.errors import AppError, CorruptFile, InputError, JobCancelled
from fluxlora_desktop.domain.exchange import Arrived, ExportChoice
from fluxlora_desktop.domain.gallery import PictureQuery
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.money import Charge
from fluxlora_desktop.domain.runs import RunPlan, RunState
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop, PillowPictureWorkshop
from fluxlora_desktop.store.check import check_library
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.workflows.carry import carry_run
from fluxlora_desktop.workflows.collect import import_lora_file
from fluxlora_desktop.workflows.exchange_folder import is_export, read_export
from fluxlora_desktop.workflows.export_library import export_folder, luggage
from fluxlora_desktop.workflows.import_library import bring_in
from fluxlora_desktop.workflows.launch import start_run
from fluxlora_desktop.workflows.photos import take_in_photo
from fluxlora_desktop.workflows.publish import publish_lora
from fluxlora_desktop.workflows.tools import Tools
from tests.workflows.conftest import Bench, make_bench
from tests.workflows.fakes import Context
from tests.workflows.painted import paint

WHOLE = ExportChoice()


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A library with a training that is done, its published LoRA, pictures; nobody changes it."""
    with make_bench(tmp_path_factory.mktemp("full")) as made:
        yield fill(made)


@pytest.fixture
def own(bench: Bench) -> Bench:
    """Such a library that a test may change."""
    return fill(bench)


@pytest.fixture(scope="module")
def exported(full: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole library as a folder; nobody changes it."""
    return export(full, tmp_path_factory.mktemp("exported"))


@pytest.fixture
def folder(exported: Path, out: Path) -> Path:
    """A copy of that folder."""
    return Path(shutil.copytree(exported, out / exported.name))


def fill(bench: Bench) -> Bench:
    """Train, publish and paint."""
    photos, pictures = PillowPhotoWorkshop(), PillowPictureWorkshop()
    bench.tools = replace(bench.tools, photos=photos, pictures=pictures)
    stores = bench.tools.stores
    for number in range(6):
        shade = (number * 40, 90, 255 - number * 40)
        Image.new("RGB", (320, 240), shade).save(bench.folder / f"shade{number}.png")
    dataset = stores.datasets.create()
    hashes = [
        take_in_photo(path, bench.tools, bench.ctx).photo.sha256
        for path in sorted(bench.folder.glob("shade*.png"))
    ]
    stores.datasets.set_photos(dataset.id, hashes)
    stores.datasets.set_captions(dataset.id, {sha256: "a shade" for sha256 in hashes})
    plan = RunPlan(name="Shade", publish=False, rights_confirmed=True)
    run = start_run(stores.runs.create(dataset.id, plan).id, bench.tools)
    lora = stores.loras.get(carry_run(run.id, bench.tools, bench.ctx).lora_id)
    publish_lora(lora.id, "", Visibility.PRIVATE, bench.tools, bench.ctx)
    for name in ("den", "snow"):
        paint(bench, name, lora, tags=("kept",), rating=4)
    paint(bench, "plain", None)
    for name in ("den", "snow", "plain"):
        at = bench.clock.now()
        charge = Charge(f"picture-{name}", "g", "picture", Decimal("0.03"), at, picture_id=name)
        stores.ledger.add(charge)
    return bench


@dataclass
class Other:
    """Another installation."""

    tools: Tools
    data_dir: Path
    ctx: Context


@pytest.fixture
def other(full: Bench, tmp_path: Path) -> Iterator[Other]:
    library = open_library(tmp_path / "other", clock=full.clock)
    yield Other(replace(full.tools, stores=library.stores), library.data_dir, full.ctx)
    library.close()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "usb stick"
    folder.mkdir()
    return folder


class Stopped(Context):
    """A job that is stopped while the first file is copied."""

    def report(self, event: object) -> None:
        raise JobCancelled


def lora_of(bench: Bench) -> Lora:
    (lora,) = bench.tools.stores.loras.all()
    return lora


def export(bench: Bench, out: Path, choice: ExportChoice = WHOLE) -> Path:
    return export_folder(choice, out, bench.tools, bench.ctx).folder


def test_whole_library_is_the_same_at_another_installation(full, other, folder):
    arrived = bring_in(folder, other.tools, other.ctx)

    assert arrived == Arrived(loras=1, runs=arrived.runs, photos=6, pictures=3)
    here, there = full.tools.stores, other.tools.stores
    assert there.loras.all() == here.loras.all()
    assert there.pictures.page(there.pictures.ids()) == here.pictures.page(here.pictures.ids())
    assert there.ledger.charges() == here.ledger.charges()
    (run,) = there.runs.all()
    assert run == here.runs.get(run.id)
    assert there.datasets.version(run.version_id) == here.datasets.version(run.version_id)
    assert there.datasets.get(run.dataset_id) == here.datasets.get(run.dataset_id)
    assert [e.text for e in there.runs.events(run.id)] == [e.text for e in here.runs.events(run.id)]
    assert (there.runs.log(run.id), there.runs.losses(run.id)) == (
        here.runs.log(run.id),
        here.runs.losses(run.id),
    )
    for name in ("loras", "photos", "pictures"):
        mine = {p.name: p.read_bytes() for p in (full.library.data_dir / name).rglob("*.*")}
        theirs = {p.name: p.read_bytes() for p in (other.data_dir / name).rglob("*.*")}
        assert mine.keys() == theirs.keys()
    assert not [left for left in check_library(other.data_dir) if not left.harmless]


def test_what_came_in_can_be_found_by_its_words_and_comes_in_once(full, other, folder):
    bring_in(folder, other.tools, other.ctx)
    assert other.tools.stores.pictures.ids(PictureQuery(words="snow")) == ("snow",)

    again = bring_in(folder, other.tools, other.ctx)

    assert not again.anything
    assert again.known == 4
    assert len(other.tools.stores.pictures.ids()) == 3
    assert len(other.tools.stores.runs.events(other.tools.stores.runs.all()[0].id)) == len(
        full.tools.stores.runs.events(full.tools.stores.runs.all()[0].id)
    )


def test_lora_goes_alone_without_photos_pictures_money_and_the_drafts(full, other, out):
    choice = ExportChoice((lora_of(full).id,), photos=False, pictures=False)
    folder = export(full, out, choice)

    arrived = bring_in(folder, other.tools, other.ctx)

    assert arrived == Arrived(loras=1, runs=1)
    assert folder.name == "Shade (FluxLoRA)"
    assert not (folder / "photos").exists() and not (folder / "pictures").exists()
    stores = other.tools.stores
    assert stores.loras.all() == full.tools.stores.loras.all()
    assert (stores.pictures.ids(), stores.ledger.charges(), stores.runs.drafts()) == ((), (), ())
    assert stores.datasets.version(stores.runs.all()[0].version_id).photos == ()


def test_luggage_counts_what_each_choice_carries(full):
    lora = (lora_of(full).id,)
    load = luggage(ExportChoice(lora), full.tools)
    assert (load.loras, load.photos, load.pictures) == (1, 6, 2)
    light = luggage(ExportChoice(lora, photos=False, pictures=False), full.tools)
    assert (light.photos, light.pictures) == (0, 0)
    assert 0 < light.size_bytes < load.size_bytes


def test_what_is_here_already_stays_as_the_person_left_it(full, other, folder):
    bring_in(folder, other.tools, other.ctx)
    stores = other.tools.stores
    stores.loras.update(lora_of(full).id, name="My name for it")
    stores.pictures.update("den", rating=1)
    stores.pictures.trash(["snow"])
    other.tools.stores.files.resolve(stores.pictures.get("snow").file).unlink()

    arrived = bring_in(folder, other.tools, other.ctx)

    assert arrived.pictures == 1
    assert stores.loras.all()[0].name == "My name for it"
    assert stores.pictures.get("den").rating == 1
    back = stores.pictures.get("snow")
    assert back.trashed_at is None and stores.files.resolve(back.file).is_file()


def test_pictures_of_a_lora_that_is_here_under_another_id_belong_to_it(full, other, folder):
    weights = full.tools.stores.files.lora(lora_of(full).id)
    mine = import_lora_file(weights, "Mine", other.tools, other.ctx)
    assert mine.sha256 == lora_of(full).sha256

    bring_in(folder, other.tools, other.ctx)

    assert [lora.name for lora in other.tools.stores.loras.all()] == [mine.name]
    assert other.tools.stores.pictures.get("den").loras[0].lora_id == mine.id


def test_missing_and_changed_files_are_named_and_the_rest_goes(own, other, out):
    files, pictures = own.tools.stores.files, own.tools.stores.pictures
    files.resolve(pictures.get("den").file).unlink()
    files.resolve(pictures.get("snow").file).write_bytes(b"other bytes")

    made = export_folder(WHOLE, out, own.tools, own.ctx)

    assert sorted(made.left_out) == sorted([pictures.get("den").file, pictures.get("snow").file])
    assert bring_in(made.folder, other.tools, other.ctx).pictures == 1


def test_stopped_export_leaves_nothing_and_never_takes_the_place_of_another(full, out):
    first = export(full, out)
    with pytest.raises(JobCancelled):
        export_folder(WHOLE, out, full.tools, Stopped(full.clock))
    assert [path.name for path in out.iterdir()] == [first.name]
    assert export(full, out).name == f"{first.name} 2"


def test_empty_library_has_nothing_to_carry(other, out):
    with pytest.raises(InputError, match="nothing to carry"):
        export_folder(WHOLE, out, other.tools, other.ctx)
    assert list(out.iterdir()) == []


def change_row(table: str, **changes: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        lines = [json.loads(line) for line in (folder / "rows.jsonl").read_bytes().splitlines()]
        for line in lines:
            if line.get("table") == table:
                line["row"].update(changes)
        rewrite(folder, lines)

    return damage


def rewrite(folder: Path, lines: list[dict[str, object]]) -> None:
    """Write rows as an attacker would: with a manifest that fits."""
    data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    (folder / "rows.jsonl").write_bytes(data)
    about = json.loads((folder / "manifest.json").read_text())
    about["rows_sha256"] = hashlib.sha256(data).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(about))


def flip(pattern: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = next(folder.glob(pattern))
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(bytes(data))

    return damage


def link(folder: Path) -> None:
    path = next(folder.glob("pictures/*/*/*.png"))
    elsewhere = path.rename(folder.parent / "elsewhere.png")
    path.symlink_to(elsewhere)


def about(**changes: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        found = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(found | changes))

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(flip("loras/*/*.safetensors"), id="weights changed"),
        pytest.param(flip("photos/*"), id="photo changed"),
        pytest.param(flip("pictures/*/*/*.png"), id="picture changed"),
        pytest.param(flip("rows.jsonl"), id="rows changed"),
        pytest.param(link, id="a link"),
        pytest.param(lambda folder: next(folder.glob("photos/*")).unlink(), id="photo missing"),
        pytest.param(change_row("runs", state="training"), id="a run that would be followed"),
        pytest.param(change_row("runs", plan={"preset": "no"}), id="a plan that is none"),
        pytest.param(change_row("pictures", file="../../evil.png"), id="a name that leads out"),
        pytest.param(change_row("pictures", width="wide"), id="a width in words"),
        pytest.param(change_row("pictures", created_at="yesterday"), id="a time in words"),
        pytest.param(change_row("pictures", colour="red"), id="a column of its own"),
        pytest.param(change_row("loras", id="../x"), id="a LoRA whose id leads out"),
        pytest.param(change_row("charges", certainty="perhaps"), id="an unknown certainty"),
        pytest.param(change_row("dataset_version_photos", photo_sha256="0" * 64), id="no photo"),
        pytest.param(about(version=2), id="newer manifest"),
        pytest.param(about(form="9999"), id="newer rows"),
        pytest.param(about(format="other"), id="another format"),
        pytest.param(about(created_at=[]), id="manifest damaged"),
    ],
)
def test_damaged_or_hostile_folder_is_refused_and_leaves_nothing_behind(other, folder, damage):
    damage(folder)
    before = everything(other.data_dir)

    with pytest.raises(AppError) as refused:
        bring_in(folder, other.tools, other.ctx)

    assert isinstance(refused.value, (InputError, CorruptFile))
    assert everything(other.data_dir) == before
    assert other.tools.stores.loras.all() == ()
    assert other.tools.stores.pictures.ids() == ()
    assert other.tools.stores.ledger.charges() == ()


def everything(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("library.")
    }


def test_folder_says_what_it_holds_and_another_folder_is_none(full, folder, tmp_path):
    assert is_export(folder)
    read = read_export(folder, full.tools)
    assert (read.whole, read.loras) == (True, ("Shade",))
    assert not is_export(tmp_path)
    with pytest.raises(InputError, match="holds no exported library"):
        read_export(tmp_path, full.tools)


def test_no_run_under_way_is_carried(own, other, out):
    stores = own.tools.stores
    draft = stores.runs.create(stores.datasets.create().id, lora_run(own).plan)
    stores.runs.advance(draft.id, RunState.PACKAGING)

    bring_in(export(own, out), other.tools, other.ctx)

    assert [run.state for run in other.tools.stores.runs.all()] == [RunState.READY]


def lora_run(bench: Bench):
    return bench.tools.stores.runs.get(lora_of(bench).run_id)
