"""Bring files that lie in the library's folders, and that no row knows, back into rows.

After an older database was restored, or an empty one begun, the files on the disk know more than
the rows do: weights say what they are by their shapes, pictures carry their words, and photos are
named by their hash. Nothing is moved, sent or deleted.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from fluxlora_desktop.domain.datasets import Photo
from fluxlora_desktop.domain.errors import (
    DatasetError,
    UnexpectedReply,
    WeightsError,
)
from fluxlora_desktop.domain.library import FilesLookedAt, TakenIn
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.money import NOTHING, Certainty, Charge
from fluxlora_desktop.domain.pictures import Picture, PictureState, PictureText, PictureWords
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.runs import RunPlan
from fluxlora_desktop.domain.weights import WeightsFacts, inspect_weights
from fluxlora_desktop.domain.weights_header import strength_in
from fluxlora_desktop.workflows.collect import lora_of
from fluxlora_desktop.workflows.import_pictures import (
    IMPORTED,
    SUFFIX_OF,
    imported_picture,
    time_of,
)
from fluxlora_desktop.workflows.tools import Tools, storage_trouble

_HASH = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_CHUNK = 1 << 20
_NAMES = ("modelspec.title", "ss_output_name")


@dataclass(frozen=True, slots=True)
class _Found:
    """A file to look at, and what takes it in: True when that was needed, or an error."""

    path: Path
    take: Callable[[Path], bool]
    kind: str


def take_in_files(tools: Tools, ctx: JobContext) -> TakenIn:
    """Take in what lies on the disk, and make missing thumbnails and working copies again.

    Doing it twice changes nothing more. Files that cannot be used are left where they are and
    named. Raises `DiskFull` and its kin; what was taken in until then stays.
    """
    work = _Taking(tools, ctx)
    taken = {"photos": 0, "loras": 0, "pictures": 0}
    left_out: list[str] = []
    files = tuple(work.files())
    for done, found in enumerate(files):
        ctx.check()
        ctx.report(FilesLookedAt(done, len(files)))
        try:
            taken[found.kind] += found.take(found.path)
        except (DatasetError, WeightsError, UnexpectedReply):
            left_out.append(tools.stores.files.relative(found.path))
        except OSError as error:
            raise storage_trouble(found.path, error) from error
    work.offer_photos()
    return TakenIn(**taken, left_out=tuple(left_out))


class _Taking:
    """One pass over the folders."""

    def __init__(self, tools: Tools, ctx: JobContext) -> None:
        self._tools, self._ctx = tools, ctx
        self._stores = tools.stores
        self._photos: list[str] = []
        self._charges = {charge.id: charge for charge in tools.stores.ledger.charges()}

    def files(self) -> Iterable[_Found]:
        """Yield every file that may be a photo, weights or a picture, by name."""
        root = self._stores.files.root
        for path in _sorted(root / "photos", "*"):
            if _HASH.fullmatch(path.name):
                yield _Found(path, self._photo, "photos")
        for path in _sorted(root / "loras", "*/lora.safetensors"):
            if _ID.fullmatch(path.parent.name):
                yield _Found(path, self._lora, "loras")
        for path in _sorted(root / "pictures", "*/*/*"):
            imported = path.stem.startswith(IMPORTED)
            known = path.suffix in SUFFIX_OF.values() if imported else path.suffix == ".png"
            if known and _ID.fullmatch(path.stem):
                take = self._imported if imported else self._picture
                yield _Found(path, take, "pictures")

    def _photo(self, path: Path) -> bool:
        sha256, files = path.name, self._stores.files
        known = self._stores.datasets.photo(sha256)
        working, thumb = files.working(sha256), files.photo_thumb(sha256)
        if known and working.is_file() and thumb.is_file():
            return False
        if self._hash(path) != sha256:
            raise DatasetError(path, "its bytes are not those that its name says")
        facts = self._tools.photos.develop(path, working=working, thumb=thumb)
        if known:
            return False
        self._stores.datasets.put_photo(Photo(sha256, sha256[:8], path.stat().st_size, facts))
        self._photos.append(sha256)
        return True

    def offer_photos(self) -> None:
        """Put the photos that came back into a draft, unless there is one that they would hide."""
        if not self._photos or self._stores.runs.drafts():
            return
        dataset = self._stores.datasets.create()
        self._stores.datasets.set_photos(dataset.id, self._photos)
        self._stores.runs.create(dataset.id, RunPlan())

    def _lora(self, path: Path) -> bool:
        lora_id = path.parent.name
        try:
            self._stores.loras.get(lora_id)
        except KeyError:
            facts = inspect_weights(path, self._ctx.check)
            loras = self._stores.loras
            if loras.with_sha256(facts.sha256) or loras.with_tensors(facts.tensor_hash):
                return False
            self._stores.loras.add(self._made_lora(lora_id, facts, path))
            return True
        return False

    def _made_lora(self, lora_id: str, facts: WeightsFacts, path: Path) -> Lora:
        try:
            run = self._stores.runs.get(lora_id)
        except KeyError:
            named = (facts.metadata.get(key, "").strip() for key in _NAMES)
            name = next(filter(None, named), "") or facts.trigger_word or "Found LoRA"
            return Lora(
                id=lora_id,
                name=name[:80],
                base=facts.base,
                trigger_word=facts.trigger_word,
                sha256=facts.sha256,
                tensor_hash=facts.tensor_hash,
                size_bytes=facts.size_bytes,
                rank=facts.rank,
                created_at=_changed(path),
                recommended_scale=strength_in(facts.metadata) or 1.0,
                source="found",
                key_style=facts.key_style,
            )
        service = run.external_training_service or run.plan.backend
        lora = lora_of(run, facts, service, self._tools)
        scale = strength_in(facts.metadata) or lora.recommended_scale
        return replace(lora, created_at=_changed(path), recommended_scale=scale)

    def _picture(self, path: Path) -> bool:
        picture_id, files = path.stem, self._stores.files
        known = next(iter(self._stores.pictures.page([picture_id])), None)
        thumb = files.picture_thumb(picture_id)
        if known and (known.trashed_at or (known.file and thumb.is_file())):
            return False
        text = self._tools.pictures.read_text(path)
        if text is None:
            raise DatasetError(path, "it does not say what made it")
        self._tools.pictures.thumbnail(path, thumb)
        if known and known.file:
            self._stores.pictures.update(picture_id, thumb=files.relative(thumb))
            return False
        made = self._made_picture(path, thumb, text)
        if known is None:
            self._stores.pictures.add([made])
        else:
            self._stores.pictures.update(
                picture_id,
                **{name: getattr(made, name) for name in ("state", "file", "thumb", "sha256")},
                seed=made.seed,
                cost_usd=made.cost_usd,
                error="",
            )
        self._charge(made)
        return True

    def _imported(self, path: Path) -> bool:
        """Take in a picture of another program again: it costs nothing and may say nothing."""
        picture_id, files = path.stem, self._stores.files
        known = next(iter(self._stores.pictures.page([picture_id])), None)
        thumb = files.picture_thumb(picture_id)
        if known and (known.trashed_at or thumb.is_file()):
            return False
        arrived = self._tools.pictures.take_in(path, thumb)
        if known:
            self._stores.pictures.update(picture_id, thumb=files.relative(thumb))
            return False
        made = imported_picture(picture_id, arrived, self._stores.loras.all())
        found = replace(
            made,
            order_id=picture_id.rpartition("-")[0] or picture_id,
            created_at=time_of(arrived.words, path, self._tools.clock.now()),
            file=files.relative(path),
            thumb=files.relative(thumb),
            sha256=self._hash(path),
        )
        self._stores.pictures.add([found])
        return True

    def _made_picture(self, path: Path, thumb: Path, text: PictureText) -> Picture:
        generator, _, model = text.generator.partition("/")
        price = self._price(generator, model, text, f"picture-{path.stem}")
        now = self._tools.clock.now()
        return Picture(
            id=path.stem,
            order_id=dict(text.extra).get("order", path.stem),
            state=PictureState.DONE,
            generator=generator,
            model=model,
            base=text.base,
            prompt=text.prompt,
            loras=text.loras,
            width=text.width,
            height=text.height,
            steps=text.steps,
            guidance=text.guidance,
            seed=text.seed,
            created_at=time_of(PictureWords(made_at=text.made_at), path, now),
            file=self._stores.files.relative(path),
            thumb=self._stores.files.relative(thumb),
            sha256=self._hash(path),
            cost_usd=price,
            negative_prompt=text.negative_prompt,
            remote_id=text.request_id,
        )

    def _price(self, generator: str, model: str, text: PictureText, charge: str) -> Decimal:
        """Return what the ledger says a picture cost, else its file, else what it costs now."""
        if charge in self._charges:
            return self._charges[charge].amount_usd
        with suppress(InvalidOperation):
            said = Decimal(text.cost_usd)
            if said.is_finite() and said >= NOTHING:
                return said
        try:
            offered = self._tools.services.generator(generator).abilities().model(model)
        except KeyError:
            return NOTHING
        return offered.estimate(text.width, text.height, text.steps).low_usd if offered else NOTHING

    def _charge(self, picture: Picture) -> None:
        self._stores.ledger.add(
            Charge(
                id=f"picture-{picture.id}",
                service=picture.generator,
                kind="picture",
                amount_usd=picture.cost_usd or NOTHING,
                at=picture.created_at,
                certainty=Certainty.CHARGED,
                picture_id=picture.id,
                note=picture.prompt[:80],
            )
        )

    def _hash(self, path: Path) -> str:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                self._ctx.check()
                digest.update(chunk)
        return digest.hexdigest()


def _sorted(folder: Path, pattern: str) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.glob(pattern) if path.is_file())


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
