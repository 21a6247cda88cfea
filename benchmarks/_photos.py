"""The photos that the benchmarks work on."""

import shutil
from pathlib import Path

from PIL import Image

SIZE = (6000, 4000)


def make_photos(folder: Path, count: int) -> list[Path]:
    """Write `count` JPEGs of 24 megapixels, as noisy as those of a camera: about 9 MB each."""
    red, green, blue = (
        Image.effect_noise((SIZE[0] // 2, SIZE[1] // 2), sigma).resize(SIZE)
        for sigma in (40, 60, 80)
    )
    paths = [folder / f"photo_{number:02d}.jpg" for number in range(count)]
    Image.merge("RGB", (red, green, blue)).save(paths[0], quality=88)
    for path in paths[1:]:
        shutil.copyfile(paths[0], path)
    return paths
