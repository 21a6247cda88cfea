"""The practice painter: the subject shows only out of a LoRA, more of it the higher the scale."""

import io
import itertools
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from fluxlora_desktop.practice.lora import read_subject, write_flux1_lora
from fluxlora_desktop.practice.painter import PaintLora, paint
from fluxlora_desktop.practice.subject import Subject

PHOTOS = Path(__file__).parents[2] / "resources" / "practice-photos"
PROMPT = "TOK fox on a beach at sunset"
SNOW = "TOK in a snow landscape, bright day"


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    target = tmp_path_factory.mktemp("lora") / "lora.safetensors"
    write_flux1_lora(
        target,
        photos=[path.read_bytes() for path in sorted(PHOTOS.glob("*.jpg"))[:6]],
        captions={},
        trigger_word="TOK",
        rank=4,
        steps=100,
    )
    return read_subject(target)


def painted(*loras: PaintLora, prompt: str = PROMPT, seed: int = 3) -> Image.Image:
    data = paint(prompt, seed=seed, width=384, height=384, loras=loras)
    return Image.open(io.BytesIO(data)).convert("RGB")


def apart(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two pictures, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


def orange(picture: Image.Image) -> int:
    """How many pixels are as orange as the fox."""
    hue, saturation, _ = picture.convert("HSV").split()
    warm = hue.point(lambda v: 255 if 10 < v < 30 else 0)
    vivid = saturation.point(lambda v: 255 if v > 150 else 0)
    return ImageChops.multiply(warm, vivid).histogram()[255]


@pytest.mark.parametrize("size", [(256, 256), (1344, 768), (768, 1344), (1920, 256), (264, 1000)])
def test_picture_is_a_png_of_the_size_asked_for(size: tuple[int, int]) -> None:
    picture = Image.open(io.BytesIO(paint("a hill", seed=1, width=size[0], height=size[1])))

    assert (picture.format, picture.size, picture.mode) == ("PNG", size, "RGB")


def test_picture_is_the_same_for_the_same_order(subject: Subject) -> None:
    first, again = (
        paint(PROMPT, seed=5, width=256, height=256, loras=[PaintLora(subject, 0.8)])
        for _ in range(2)
    )

    assert first == again


def test_seed_and_prompt_change_the_picture() -> None:
    here = painted()

    assert apart(here, painted(seed=4)) > 4
    assert apart(here, painted(prompt="TOK fox on a beach at sunset, again")) > 4


@pytest.mark.parametrize("words", ["night", "sunset", "misty", "bright day"])
@pytest.mark.parametrize(
    "place",
    ["beach", "forest", "mountains", "snow", "city", "room", "studio", "space", "desert", "meadow"],
)
def test_every_place_can_be_painted_in_every_light(place: str, words: str) -> None:
    picture = painted(prompt=f"{place} {words}")

    assert all(deviation > 4 for deviation in ImageStat.Stat(picture).stddev)


def test_night_is_darker_than_day() -> None:
    night, day = (
        ImageStat.Stat(painted(prompt=f"a city in the {light}").convert("L")).mean[0]
        for light in ("night", "morning")
    )

    assert night < day * 0.7


def test_scale_zero_is_the_picture_without_the_lora(subject: Subject) -> None:
    assert apart(painted(), painted(PaintLora(subject, 0.0))) == 0
    assert apart(painted(), painted(PaintLora(subject, -1.0))) == 0


def test_subject_shows_the_more_the_higher_the_scale(subject: Subject) -> None:
    without = painted()

    differences = [
        apart(without, painted(PaintLora(subject, scale))) for scale in (0.2, 0.4, 0.8, 1.0, 1.4)
    ]

    assert all(low + 1 < high for low, high in itertools.pairwise(differences))


def test_orange_of_the_fox_is_in_the_picture_only_with_the_lora(subject: Subject) -> None:
    assert orange(painted(prompt=SNOW)) < 100
    assert orange(painted(PaintLora(subject, 1.0), prompt=SNOW)) > 2000


def test_subject_is_faint_without_its_trigger_word(subject: Subject) -> None:
    prompt = PROMPT.replace("TOK", "the")

    without_word = apart(painted(prompt=prompt), painted(PaintLora(subject, 1.0), prompt=prompt))

    assert 0 < without_word < 0.6 * apart(painted(), painted(PaintLora(subject, 1.0)))


def test_overcooked_picture_is_far_more_vivid(subject: Subject) -> None:
    clear, burnt = (
        ImageStat.Stat(painted(PaintLora(subject, scale)).convert("HSV")).mean[1]
        for scale in (1.0, 1.4)
    )

    assert burnt > clear * 1.3


def test_two_subjects_stand_side_by_side(subject: Subject) -> None:
    both = painted(PaintLora(subject, 1.0), PaintLora(subject, 1.0), prompt=SNOW)

    left, middle, right = (
        orange(both.crop((start, 0, start + 64, 384))) for start in (80, 160, 240)
    )
    assert left > 800 < right and middle < min(left, right) / 3


def test_lora_without_views_still_lends_its_colours() -> None:
    blank = Subject(base="flux.1-dev", trigger_word="TOK", palette=((220, 30, 40),))

    assert apart(painted(), painted(PaintLora(blank, 1.0))) > 3
