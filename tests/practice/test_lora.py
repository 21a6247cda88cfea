"""The LoRA files of the practice trainer: valid, recognisable, and they know what they saw."""

import io
import json
import random
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from safetensors import safe_open

from fluxlora_desktop.domain.weights import inspect_weights
from fluxlora_desktop.practice.lora import (
    NotALora,
    read_subject,
    write_flux1_lora,
    write_flux2_lora,
)

BALL = (210, 40, 50)


def photo(seed: int) -> bytes:
    """A red ball somewhere near the middle, each time before another colour."""
    chance = random.Random(seed)
    picture = Image.new("RGB", (320, 240), tuple(chance.randrange(60, 240) for _ in range(3)))
    x, y = 160 + chance.randrange(-30, 30), 120 + chance.randrange(-20, 20)
    ImageDraw.Draw(picture).ellipse((x - 55, y - 55, x + 55, y + 55), fill=BALL)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92)
    return out.getvalue()


PHOTOS = [photo(n) for n in range(9)]


def written(target: Path, *, photos: list[bytes] = PHOTOS, rank: int = 16) -> Path:
    write_flux1_lora(
        target,
        photos=photos,
        captions={"a": "TOK ball", "b": "  "},
        trigger_word="TOK",
        rank=rank,
        steps=1000,
    )
    return target


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("lora") / "lora.safetensors")


def test_flux1_lora_passes_the_check_of_the_app(lora: Path) -> None:
    facts = inspect_weights(lora)

    assert (facts.base, facts.rank, facts.key_style) == ("flux.1-dev", 4, "peft")
    assert facts.trigger_word == "TOK"
    assert 1_000_000 < facts.size_bytes < 3_000_000


def test_flux2_lora_passes_the_check_of_the_app(tmp_path: Path) -> None:
    target = tmp_path / "lora.safetensors"

    write_flux2_lora(target, photos=PHOTOS[:2], captions={}, trigger_word="TOK", rank=2, steps=10)

    facts = inspect_weights(target)
    assert (facts.base, facts.rank) == ("flux.2-dev", 2)
    assert read_subject(target).base == "flux.2-dev"


def test_fused_flux2_lora_has_the_shapes_of_the_original_model(tmp_path: Path) -> None:
    target = tmp_path / "lora.safetensors"

    write_flux2_lora(
        target,
        photos=PHOTOS[:2],
        captions={},
        trigger_word="TOK",
        rank=2,
        steps=10,
        writer="diffusers",
        naming="comfyui",
    )

    with safe_open(target, "np") as file:
        shapes = {name: file.get_tensor(name).shape for name in file.keys()}  # noqa: SIM118
        assert set(file.metadata()) == {"format", "practice_subject"}
    assert inspect_weights(target).base == "flux.2-dev"
    ends = {name.partition("_blocks.")[2].partition(".")[2]: it for name, it in shapes.items()}
    assert ends == {
        "img_attn.qkv.lora_A.weight": (2, 6144),
        "img_attn.qkv.lora_B.weight": (18432, 2),
        "img_attn.proj.lora_A.weight": (2, 6144),
        "img_attn.proj.lora_B.weight": (6144, 2),
        "linear1.lora_A.weight": (2, 6144),
        "linear1.lora_B.weight": (55296, 2),
        "linear2.lora_A.weight": (2, 24576),
        "linear2.lora_B.weight": (6144, 2),
    }


def test_weights_are_finite_and_never_zero_for_the_real_reader(lora: Path) -> None:
    with safe_open(lora, "np") as file:
        tensors = [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118 - not a dict

    assert len(tensors) == 50
    assert all(abs(t).min() > 0 and abs(t).max() < 0.1 for t in tensors)


def test_metadata_are_those_of_the_real_trainer_with_its_traps(lora: Path) -> None:
    metadata = inspect_weights(lora).metadata

    assert metadata["ss_base_model_version"] == "sd_1.5"
    assert metadata["ss_output_name"] == "flux_train_replicate"
    assert json.loads(metadata["ss_tag_frequency"]) == {"1_TOK": {"TOK": 1}}
    assert metadata["sshs_model_hash"] == inspect_weights(lora).tensor_hash
    assert json.loads(metadata["training_info"])["step"] == 1000


def test_same_photos_give_the_same_bytes_and_others_do_not(lora: Path, tmp_path: Path) -> None:
    again = written(tmp_path / "again.safetensors")
    other = written(tmp_path / "other.safetensors", photos=PHOTOS[1:])

    assert again.read_bytes() == lora.read_bytes()
    assert other.read_bytes()[-1000:] != lora.read_bytes()[-1000:]


def test_subject_holds_the_colour_of_what_the_photos_share(lora: Path) -> None:
    subject = read_subject(lora.read_bytes())

    assert all(abs(a - b) < 24 for a, b in zip(subject.palette[0], BALL, strict=True))
    assert (len(subject.palette), subject.captions) == (5, 1)
    assert 3 <= len(subject.views) <= 6


def test_views_are_small_and_cropped_to_the_subject(lora: Path) -> None:
    for view in read_subject(lora).views:
        picture = Image.open(io.BytesIO(view.picture))
        matte = Image.open(io.BytesIO(view.matte))

        assert max(picture.size) <= 96 and picture.size == matte.size
        assert matte.getpixel((matte.width // 2, matte.height // 2)) == 255
        assert matte.getpixel((0, 0)) < 64


def test_photos_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    target = written(tmp_path / "odd.safetensors", photos=[b"no picture", PHOTOS[0][:300]])

    assert read_subject(target).views == ()
    assert inspect_weights(target).base == "flux.1-dev"


def test_lora_of_another_tool_is_read_without_a_subject(lora: Path) -> None:
    data = lora.read_bytes().replace(b'"practice_subject"', b'"practice_subjecX"')

    subject = read_subject(data)

    assert (subject.base, subject.trigger_word, subject.views) == ("flux.1-dev", "TOK", ())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: b"<!doctype html><title>no</title>" * 9,
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: data.replace(b".lora_", b".lord_"),
        lambda data: data[:8] + b"[" + data[9:],
    ],
)
def test_other_files_are_refused(lora: Path, spoil) -> None:
    with pytest.raises(NotALora):
        read_subject(spoil(lora.read_bytes()))
