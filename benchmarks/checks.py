"""The dataset check on real photographs, and on copies that are spoilt on purpose.

`--photos` names folders, or single files, of real photographs. Each photo is spoilt in every way
that a check is for. Prints for each check how many of its spoilt copies it remarks (hits) and how
many of the untouched photos (false alarms), in per cent; with `--names` also which ones. The aim:
hits at least 95 %, false alarms at most 5 %.

Without `--photos` it takes what is photographed, and not drawn, of the Debian packages
mate-backgrounds and plasma-workspace-wallpapers, where they are installed. Drawings have flat
fields without grain and edges without rolloff, so figures from them mean little.
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from fluxlora_desktop.domain.datasets import Photo
from fluxlora_desktop.imaging.checks import find_problems
from fluxlora_desktop.imaging.decode import open_photo
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop
from fluxlora_desktop.workflows.photos import list_photos

SIDE = 2048
"""Photos are brought to the trainer's size first, so that each is spoilt as strongly."""
QUALITY, POOR = 92, 50
GROUP, GROUPS = 8, 40
DEBIAN = (
    "backgrounds/mate/nature/*.jpg",
    *(
        f"wallpapers/{name}/contents/images/2560x1600.jpg"
        for name in (
            *("Autumn", "BytheWater", "ColdRipple", "ColorfulCups", "DarkestHour", "EveningGlow"),
            *("FallenLeaf", "Grey", "Kite", "OneStandsOut", "Path", "summer_1am"),
        )
    ),
)
Spoil = Callable[[Image.Image], Image.Image]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to spoil a photo: what it is called, the finding that is due, and the work."""

    name: str
    what: str
    spoil: Spoil
    quality: int = QUALITY


def blur(image: Image.Image) -> Image.Image:
    """Put the whole photo out of focus: 3 px at 1024."""
    return image.filter(ImageFilter.GaussianBlur(3 * max(image.size) / 1024))


def enlarge(image: Image.Image, shorter: int) -> Image.Image:
    """Enlarge the photo from so many pixels on the shorter side, or from half its size."""
    share = min(shorter / min(image.size), 0.5)
    small = image.resize((round(image.width * share), round(image.height * share)))
    return small.resize(image.size, Image.Resampling.BICUBIC)


def expose(image: Image.Image, stops: float) -> Image.Image:
    """Expose the photo by so many stops more, in linear light; what is too bright is lost."""
    levels = [min(1.0, (level / 255) ** 2.2 * 2**stops) ** (1 / 2.2) for level in range(256)]
    return image.point([round(255 * level) for level in levels] * 3)


def add_noise(image: Image.Image, sigma: float = 30.0) -> Image.Image:
    """Add noise to the brightness at 1280 px, as of a night photo made with a small sensor."""
    small = image.copy()
    small.thumbnail((1280, 1280), Image.Resampling.LANCZOS)
    noise = np.random.default_rng(7).normal(0, sigma, (small.height, small.width, 1))
    return Image.fromarray((np.asarray(small) + noise).clip(0, 255).astype(np.uint8))


def flatten(image: Image.Image) -> Image.Image:
    """Leave an eighth of the contrast."""
    return ImageEnhance.Contrast(image).enhance(0.125)


def add_bars(image: Image.Image, *, aside: bool) -> Image.Image:
    """Put black bars above and below, or at both sides, over a fifth of the frame."""
    wide, high = image.size
    size = (round(wide * 1.25), high) if aside else (wide, round(high * 1.25))
    framed = Image.new("RGB", size)
    framed.paste(image, ((size[0] - wide) // 2, (size[1] - high) // 2))
    return framed


def shrink(image: Image.Image, shorter: int) -> Image.Image:
    """Bring the shorter side to so many pixels."""
    share = shorter / min(image.size)
    return image.resize((round(image.width * share), round(image.height * share)))


def crop(image: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    """Cut these shares off."""
    wide, high = image.size
    box = (wide * left, high * top, wide * (1 - right), high * (1 - bottom))
    return image.crop(tuple(map(round, box)))


def brighten(image: Image.Image, share: float) -> Image.Image:
    """Multiply the brightness."""
    return ImageEnhance.Brightness(image).enhance(share)


def cut_strip(image: Image.Image) -> Image.Image:
    """Keep a strip that is seven times as long as high."""
    return image.crop((0, 0, image.width, image.width // 7))


def keep(image: Image.Image) -> Image.Image:
    """Change nothing."""
    return image


WAYS = (
    Way("blurred", "blurred", blur),
    Way("enlarged from 512 px", "enlarged", partial(enlarge, shorter=512)),
    Way("4 stops too dark", "exposure", partial(expose, stops=-4)),
    Way("3 stops too bright", "exposure", partial(expose, stops=3)),
    Way("noise", "noisy", add_noise),
    Way("flattened", "flat", flatten),
    Way("bars above and below", "black_bars", partial(add_bars, aside=False)),
    Way("bars at the sides", "black_bars", partial(add_bars, aside=True)),
    Way("700 px", "small", partial(shrink, shorter=700)),
    Way("400 px", "very_small", partial(shrink, shorter=400)),
    Way("strip of 7 to 1", "crop_loss", cut_strip),
    Way("saved as a poor JPEG", "near_duplicate", keep, POOR),
    Way("a fifth brighter", "near_duplicate", partial(brighten, share=1.2)),
    Way("a fifth darker", "near_duplicate", partial(brighten, share=0.8)),
    Way(
        "3 % cut off all around",
        "near_duplicate",
        partial(crop, left=0.03, top=0.03, right=0.03, bottom=0.03),
    ),
)


class Bench:
    """Measures photos from files, as the app does, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._workshop = PillowPhotoWorkshop()

    def original(self, path: Path) -> Photo:
        """Measure a photo as it is."""
        return Photo(str(path), path.name, 0, self._workshop.measure(path))

    def copy(self, image: Image.Image, name: str, quality: int) -> Photo:
        """Save a picture as a JPEG and measure that."""
        target = self._folder / f"{name}.jpg"
        image.save(target, "JPEG", quality=quality)
        facts = self._workshop.measure(target)
        target.unlink()
        return Photo(name, name, 0, facts)

    def spoilt(self, path: Path) -> dict[str, Photo]:
        """Return the copies of a photo, by the way each was spoilt."""
        image = open_photo(path).image
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
        found = {}
        for way in WAYS:
            name = f"{path.stem} ({way.name})"
            found[way.name] = self.copy(way.spoil(image), name.replace("/", " of "), way.quality)
        return found

    def alike(self, path: Path) -> list[Photo]:
        """Return a set of photos that all show three quarters of one, from somewhere else."""
        image = open_photo(path).image
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
        dice, made = random.Random(path.name), []
        for number in range(GROUP):
            left, top = dice.uniform(0, 0.14), dice.uniform(0, 0.14)
            part = brighten(crop(image, left, top, 0.14 - left, 0.14 - top), dice.uniform(0.9, 1.1))
            made.append(self.copy(part, f"{path.stem} {number}", QUALITY))
        return made


def remarks_about(photo: Photo, photos: Iterable[Photo]) -> set[str]:
    """Return what is found about one photo among others."""
    found = find_problems([*photos, photo])
    return {finding.what for finding in found if photo.sha256 in finding.photos}


def is_alike(photos: Sequence[Photo]) -> bool:
    """Tell whether a set is remarked for being much alike."""
    return "variety" in {finding.what for finding in find_problems(photos)}


def report(what: str, name: str, hit: Mapping[str, bool], *, names: bool, missed: bool) -> None:
    """Print one line of figures, and who is behind them where that is wanted."""
    share = sum(hit.values()) / len(hit) if hit else math.nan
    kind = "hits" if missed else "false alarms"
    print(f"checks: {what:15} {kind:13} {share:6.1%} of {len(hit):3}  {name}")
    wrong = [who for who, flagged in hit.items() if flagged is not missed]
    if names and wrong:
        print(f"checks: {'':15} {'missed' if missed else 'remarked'}: {', '.join(wrong)}")


def judge(originals: Mapping[Path, Photo], bench: Bench, *, names: bool) -> None:
    """Print hits and false alarms of every check."""
    photos = list(originals.values())
    spoilt = {path: bench.spoilt(path) for path in originals}
    alike = {path: bench.alike(path) for path in originals}
    for way in WAYS:
        hit = {
            path.stem: way.what in remarks_about(copies[way.name], photos)
            for path, copies in spoilt.items()
        }
        report(way.what, way.name, hit, names=names, missed=True)
    twice = {
        path.stem: "duplicate" in remarks_about(replace(photo, sha256="copy"), photos)
        for path, photo in originals.items()
    }
    report("duplicate", "exact copy", twice, names=names, missed=True)
    same = {path.stem: is_alike(found) for path, found in alike.items()}
    report("variety", f"{GROUP} parts of one photo", same, names=names, missed=True)
    found = find_problems(photos)
    for what in dict.fromkeys([*(way.what for way in WAYS), "duplicate"]):
        about = {sha256 for finding in found if finding.what == what for sha256 in finding.photos}
        untouched = {path.stem: photo.sha256 in about for path, photo in originals.items()}
        report(what, "untouched", untouched, names=names, missed=False)
    dice = random.Random(1)
    groups = {f"set {number}": dice.sample(photos, GROUP) for number in range(GROUPS)}
    mixed = {name: is_alike(group) for name, group in groups.items()}
    report("variety", f"sets of {GROUP} photos", mixed, names=names, missed=False)


def debian_photos() -> list[Path]:
    """Return the photographs of the Debian packages, as far as they are installed."""
    return [path for pattern in DEBIAN for path in sorted(Path("/usr/share").glob(pattern))]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, nargs="+", default=(), metavar="DIR")
    parser.add_argument("--names", action="store_true", help="say which were missed or remarked")
    asked = parser.parse_args()
    paths = list_photos(asked.photos) if asked.photos else debian_photos()
    if len(paths) < GROUP:
        print(f"checks: needs {GROUP} photographs or more; name a folder of them: --photos DIR")
        return
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        originals = {path: bench.original(path) for path in paths}
        print(f"checks: {len(originals)} photographs")
        judge(originals, bench, names=asked.names)


if __name__ == "__main__":
    main()
