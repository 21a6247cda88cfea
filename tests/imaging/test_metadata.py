"""Pictures carry their words exactly, and other programs can read them."""

from __future__ import annotations

import hashlib
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fluxlora_desktop.domain.errors import UnexpectedReply
from fluxlora_desktop.domain.pictures import PictureLora, PictureText
from fluxlora_desktop.imaging.a1111 import read_parameters, tag_name, write_parameters
from fluxlora_desktop.imaging.metadata import parse_own, write_own
from fluxlora_desktop.imaging.workshop import PillowPictureWorkshop

FOX = PictureLora("lora-1", "My TOK lora", 0.9, "9FFA1F31C2A8deadbeef")
TEXT = PictureText(
    prompt="a photo of TOK person, cafe",
    model_title="FLUX.1-dev",
    base="flux1-dev",
    generator="replicate",
    loras=(FOX,),
    width=1024,
    height=768,
    steps=28,
    guidance=3.5,
    seed=42,
    app_version="FluxLoRA Desktop 0.1",
    extra=(("Lora repo", "anna/fox@abc"),),
)
PROMPTS = [
    "a photo of TOK person, cafe",
    'multi\nline: prompt, with "quotes"',
    "日本の茶碗 — für TOK",
    "Steps: are tricky in a prompt",
    "prompt with Negative prompt: inside",
]
TAG = "<lora:My_TOK_lora:0.9>"


def encoded(kind: str = "PNG") -> bytes:
    """Return a small picture as a service would send it."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(buffer, kind)
    return buffer.getvalue()


def split_as_stability_matrix(text: str) -> str:
    """Read the prompt by StabilityMatrix's rule."""
    *lines, last = text.split("\n")
    assert last.startswith("Steps:")
    return "\n".join(lines).partition("Negative prompt: ")[0].strip()


def split_as_civitai(text: str) -> str:
    """Read the prompt by Civitai's rule."""
    lines = [line for line in text.split("\n") if line.strip()]
    settings = next(place for place, line in enumerate(lines) if line.startswith("Steps: "))
    return "\n".join(lines[:settings]).split("Negative prompt:")[0].strip()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_words_come_back_exactly_from_every_container(
    tmp_path: Path, prompt: str, suffix: str
) -> None:
    text = replace(TEXT, prompt=prompt)
    target = tmp_path / f"picture{suffix}"

    digest = PillowPictureWorkshop().finish(encoded(), text, target, tmp_path / "thumb.jpg")

    assert PillowPictureWorkshop().read_text(target) == text
    assert digest == hashlib.sha256(target.read_bytes()).hexdigest()
    with Image.open(tmp_path / "thumb.jpg") as thumb:
        assert thumb.format == "JPEG"


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a1111_reads_prompt_and_settings(prompt: str) -> None:
    found = read_parameters(write_parameters(replace(TEXT, prompt=prompt)))

    assert found.prompt == f"{prompt} {TAG}"
    assert found.negative == ""
    assert found.values["Steps"] == "28"
    assert found.values["Distilled CFG Scale"] == "3.5"
    assert found.values["Size"] == "1024x768"
    assert found.values["Lora hashes"] == "My_TOK_lora: 9ffa1f31c2a8"
    assert found.values["Lora repo"] == "anna/fox@abc"
    assert list(found.values)[-1] == "Version"


@pytest.mark.parametrize("prompt", PROMPTS[:4])
def test_stability_matrix_reads_the_prompt(prompt: str) -> None:
    written = write_parameters(replace(TEXT, prompt=prompt))

    assert split_as_stability_matrix(written) == f"{prompt} {TAG}"


@pytest.mark.parametrize("prompt", PROMPTS[:3])
def test_civitai_reads_the_prompt_and_its_tags(prompt: str) -> None:
    prompt_part = split_as_civitai(write_parameters(replace(TEXT, prompt=prompt)))

    assert prompt_part == f"{prompt} {TAG}"
    assert re.findall(r"<(lora|hypernet):([a-zA-Z0-9_\.\-]+):([0-9.]+)>", prompt_part)


@pytest.mark.parametrize(("prompt", "chunk"), [(PROMPTS[0], b"tEXt"), (PROMPTS[2], b"iTXt")])
def test_png_chunk_follows_the_letters(tmp_path: Path, prompt: str, chunk: bytes) -> None:
    target = tmp_path / "a.png"

    PillowPictureWorkshop().finish(
        encoded(), replace(TEXT, prompt=prompt), target, tmp_path / "t.jpg"
    )

    assert chunk + b"parameters\0" in target.read_bytes()


def test_civitai_finds_the_text_in_a_jpeg(tmp_path: Path) -> None:
    target = tmp_path / "a.jpg"

    PillowPictureWorkshop().finish(encoded("WEBP"), TEXT, target, tmp_path / "t.jpg")

    with Image.open(target) as image:
        comment = image.getexif().get_ifd(0x8769)[0x9286]
    assert comment[:8] == b"UNICODE\0"
    assert comment[8:].decode("utf-16-be") == write_parameters(TEXT)


def test_two_loras_are_listed_and_negative_strength_makes_no_tag() -> None:
    second = PictureLora("lora-2", "b", -0.5, "9ffa1f31c2a8")

    written = write_parameters(replace(TEXT, loras=(FOX, second)))

    assert 'Lora hashes: "My_TOK_lora: 9ffa1f31c2a8, b: 9ffa1f31c2a8"' in written
    assert "<lora:b" not in written


def test_own_json_is_read_before_a1111_text(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    chunks = PngInfo()
    chunks.add_text("parameters", write_parameters(replace(TEXT, prompt="another")))
    chunks.add_text("fluxlora", write_own(TEXT))
    Image.new("RGB", (8, 8)).save(target, pnginfo=chunks)

    assert PillowPictureWorkshop().read_text(target) == TEXT


def test_text_of_another_program_is_understood(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    chunks = PngInfo()
    chunks.add_text(
        "parameters",
        "a fox <lora:fox_v1:0.8>\nNegative prompt: blurry\nSteps: 20, Sampler: Euler, "
        'CFG scale: 1, Seed: 7, Size: 512x640, Model: flux1-dev, Lora hashes: "fox_v1: abc"',
    )
    Image.new("RGB", (8, 8)).save(target, pnginfo=chunks)

    text = PillowPictureWorkshop().read_text(target)

    assert text is not None
    assert (text.prompt, text.seed, text.width, text.height) == ("a fox", 7, 512, 640)
    assert text.loras == (PictureLora("", "fox_v1", 0.8, "abc"),)


@pytest.mark.parametrize(
    "words", ["", "just a comment", '{"sui_image_params": {}}', "Steps: 4, Size: x"]
)
def test_words_without_settings_mean_nothing(tmp_path: Path, words: str) -> None:
    target = tmp_path / "a.png"
    chunks = PngInfo()
    chunks.add_text("parameters", words)
    Image.new("RGB", (8, 8)).save(target, pnginfo=chunks)

    assert PillowPictureWorkshop().read_text(target) is None


@pytest.mark.parametrize(
    "own", ["", "[]", "{}", "null", '{"schema": 2}', '{"schema": 1, "loras": 3}', "[" * 100_000]
)
def test_foreign_own_json_is_refused(own: str) -> None:
    assert parse_own(own) is None


def test_file_that_is_no_picture_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")

    assert PillowPictureWorkshop().read_text(tmp_path / "a.png") is None
    assert PillowPictureWorkshop().read_text(tmp_path / "gone.png") is None


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_clean_copy_holds_the_pixels_and_no_words(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "a.png", tmp_path / f"clean{suffix}"
    PillowPictureWorkshop().finish(encoded(), TEXT, source, tmp_path / "t.jpg")

    PillowPictureWorkshop().without_text(source, target)

    data = target.read_bytes()
    assert PillowPictureWorkshop().read_text(target) is None
    assert b"TOK" not in data and b"fluxlora" not in data and b"Exif" not in data
    with Image.open(source) as before, Image.open(target) as after:
        assert before.size == after.size
        assert suffix != ".png" or before.tobytes() == after.tobytes()


@pytest.mark.parametrize("data", [b"", b"<html>busy</html>", encoded()[:100]])
def test_reply_that_is_no_picture_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UnexpectedReply) as caught:
        PillowPictureWorkshop().finish(data, TEXT, tmp_path / "a.png", tmp_path / "t.jpg")

    assert caught.value.service == "replicate"
    assert list(tmp_path.iterdir()) == []


@given(prompt=st.text(), value=st.text(min_size=1), seed=st.integers(0, 2**63))
def test_own_json_gives_back_every_text(prompt: str, value: str, seed: int) -> None:
    text = replace(TEXT, prompt=prompt, seed=seed, extra=(("Key", value),))

    assert parse_own(write_own(text)) == text
    assert json.loads(write_own(text))["schema"] == 1


@given(st.text())
def test_tag_names_hold_only_what_civitai_finds(name: str) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_.\-]*", tag_name(name))


def test_sent_picture_may_be_of_any_type(tmp_path: Path) -> None:
    for kind in ("PNG", "JPEG", "WEBP"):
        target = tmp_path / f"{kind}.png"

        PillowPictureWorkshop().finish(encoded(kind), TEXT, target, tmp_path / "t.jpg")

        with Image.open(target) as image:
            assert (image.format, image.size) == ("PNG", (256, 256))
