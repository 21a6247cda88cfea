"""Pictures of other programs are read for what they say, and hostile ones harm nobody."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fluxlora_desktop.domain.errors import UnreadablePhoto
from fluxlora_desktop.domain.pictures import PictureLora, PictureWords
from fluxlora_desktop.imaging.containers import Texts, read_texts
from fluxlora_desktop.imaging.guarded import PhotoWorkers
from fluxlora_desktop.imaging.guarded_pictures import GuardedPictureWorkshop
from fluxlora_desktop.imaging.programs import read_words, words_in
from fluxlora_desktop.imaging.workshop import PillowPictureWorkshop

from . import pictures_of as of
from .test_metadata import TEXT, encoded


def words_of(data: bytes, folder: Path) -> PictureWords:
    path = folder / "picture"
    path.write_bytes(data)
    return read_words(path)


def lora(name: str, scale: float, tensor_hash: str = "") -> PictureLora:
    return PictureLora("", name, scale, tensor_hash)


FOX = PictureWords(
    program="A1111",
    prompt="a fox on a beach, (golden hour:1.2)",
    negative_prompt="blurry, low quality",
    model="v1-5-pruned",
    loras=(lora("fox_v1", 0.8, "9ffa1f31c2a8"),),
    width=512,
    height=640,
    steps=20,
    guidance=7.0,
    seed=1234567890,
    facts=(
        ("Sampler", "Euler a"),
        ("Schedule type", "Karras"),
        ("Model hash", "6ce0161689"),
        ("VAE", "vae-ft-mse"),
        ("Version", "v1.10.1"),
    ),
)
FORGE = PictureWords(
    program="Forge",
    prompt="a fox",
    model="flux1-dev-bnb-nf4-v2",
    loras=(lora("fox_v1", 1.0, "9ffa1f31c2a8"),),
    width=896,
    height=1152,
    steps=20,
    guidance=3.5,
    seed=42,
    facts=(
        ("Sampler", "Euler"),
        ("Schedule type", "Simple"),
        ("CFG scale", "1"),
        ("Model hash", "6ce0161689"),
        ("Module 1", "ae"),
        ("Module 2", "clip_l"),
        ("Version", "f2.0.1v1.10.1-previous-659-gc055f2d4"),
    ),
)
CIVITAI = PictureWords(
    program="Civitai",
    prompt="a fox in the snow",
    negative_prompt="blurry",
    model="FLUX Dev",
    loras=(lora("Fox, the animal", 0.8),),
    width=832,
    height=1216,
    steps=28,
    guidance=3.5,
    seed=7,
    made_at="2024-11-23T12:09:41.100Z",
    facts=(("Sampler", "Undefined"),),
)
SWARM = PictureWords(
    program="SwarmUI",
    prompt="a fox, “wild” — 狐",
    negative_prompt="blurry",
    model="Flux/flux1-dev-fp8",
    loras=(lora("styles/fox_v1", 0.8, "0x9ffa1f31c2a8dead"),),
    width=1024,
    height=1024,
    steps=25,
    guidance=3.5,
    seed=305223794,
    made_at="2024-08-07",
    facts=(
        ("Sampler", "euler"),
        ("Scheduler", "normal"),
        ("CFG scale", "1"),
        ("Version", "0.9.6.2"),
    ),
)
INVOKE = PictureWords(
    program="InvokeAI",
    prompt="a fox\nin the snow",
    model="FLUX Dev (Quantized)",
    loras=(lora("fox v1", 0.75, "blake3:ff"),),
    width=1024,
    height=768,
    steps=30,
    guidance=4.0,
    seed=2**40,
    facts=(
        ("Scheduler", "euler"),
        ("CFG scale", "1"),
        ("Mode", "flux_txt2img"),
        ("Model hash", "blake3:0123abcd"),
        ("Version", "5.4.2"),
    ),
)
COMFY_SD = PictureWords(
    program="ComfyUI",
    prompt="a fox",
    negative_prompt="blurry",
    model="sd15.safetensors",
    loras=(lora("fox_v1", 0.8),),
    steps=20,
    guidance=8.0,
    seed=156680208700286,
    facts=(("Sampler", "euler"), ("Scheduler", "normal"), ("Denoise", "1")),
)
COMFY_FLUX = PictureWords(
    program="ComfyUI",
    prompt="a fox, at dusk",
    model="flux1-dev.safetensors",
    loras=(lora("first", 0.6), lora("second", 1.0)),
    steps=24,
    guidance=3.5,
    facts=(
        ("Seed", str(2**64 - 1)),
        ("Sampler", "euler"),
        ("Scheduler", "simple"),
        ("Denoise", "1"),
    ),
)
COMFY_DRAWN = PictureWords(
    program="ComfyUI",
    prompt="a drawn fox",
    negative_prompt="blurry",
    model="flux1-dev.safetensors",
    steps=12,
    guidance=1.0,
    seed=99,
    facts=(("Sampler", "euler"), ("Scheduler", "simple"), ("Denoise", "1")),
)
UTF16 = b"UNICODE\0"
CASES: dict[str, tuple[Callable[[], bytes], PictureWords]] = {
    "A1111, png": (lambda: of.png(parameters=of.A1111), FOX),
    "A1111, jpeg": (
        lambda: of.exif("JPEG", comment=UTF16 + of.A1111.encode("utf-16-be"), order=">"),
        FOX,
    ),
    "A1111, webp, low byte first": (
        lambda: of.exif("WEBP", comment=UTF16 + of.A1111.encode("utf-16-le")),
        FOX,
    ),
    "A1111, jpeg, ascii": (
        lambda: of.exif("JPEG", comment=b"ASCII\0\0\0" + of.A1111.encode()),
        FOX,
    ),
    "Forge, png": (lambda: of.png(parameters=of.FORGE), FORGE),
    "Civitai, jpeg": (
        lambda: of.exif("JPEG", comment=UTF16 + of.CIVITAI.encode("utf-16-be")),
        CIVITAI,
    ),
    "SwarmUI, png": (lambda: of.png(parameters=json.dumps(of.SWARM)), SWARM),
    "SwarmUI, jpeg": (of.swarm_jpeg, SWARM),
    "InvokeAI, png": (lambda: of.png(invokeai_metadata=json.dumps(of.INVOKE)), INVOKE),
    "ComfyUI, png": (lambda: of.png(prompt=json.dumps(of.COMFY_SD), workflow="{}"), COMFY_SD),
    "ComfyUI, FLUX": (lambda: of.png(prompt=json.dumps(of.COMFY_FLUX)), COMFY_FLUX),
    "ComfyUI, webp": (
        lambda: of.exif("WEBP", tags={0x0110: "prompt:" + json.dumps(of.COMFY_SD)}),
        COMFY_SD,
    ),
    "ComfyUI, drawn alone": (
        lambda: of.png(workflow=json.dumps(of.COMFY_DRAWN)),
        COMFY_DRAWN,
    ),
    "nothing, png": (of.png, PictureWords()),
    "nothing, jpeg": (lambda: of.exif("JPEG"), PictureWords()),
}


@pytest.mark.parametrize("case", CASES)
def test_picture_says_what_its_program_wrote(tmp_path: Path, case: str) -> None:
    write, words = CASES[case]

    assert words_of(write(), tmp_path) == words


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_picture_of_the_app_is_read_like_any_other(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"a{suffix}"
    PillowPictureWorkshop().finish(encoded(), TEXT, target, tmp_path / "t.jpg")

    words = read_words(target)

    assert (words.program, words.prompt) == ("FluxLoRA Desktop", TEXT.prompt)
    assert (words.seed, words.steps, words.guidance) == (42, 28, 3.5)
    assert words.loras == (lora("My TOK lora", 0.9, "9FFA1F31C2A8deadbeef"),)
    assert ("Made by", "replicate") in words.facts


def test_program_that_writes_its_own_keys_beside_the_common_text_is_named(tmp_path: Path) -> None:
    matrix = of.png(parameters=of.A1111, parameters__json="{}")
    comfy = of.png(parameters=of.A1111, prompt="{}", workflow="{}")

    assert words_of(matrix, tmp_path).program == "StabilityMatrix"
    assert words_of(comfy, tmp_path).program == "ComfyUI"


def test_line_that_an_extension_wrote_below_the_settings_hides_nothing(tmp_path: Path) -> None:
    words = words_of(of.png(parameters=of.A1111 + "\nTemplate: a {fox|cat}"), tmp_path)

    assert (words.seed, words.prompt) == (FOX.seed, FOX.prompt)


def test_short_hashes_of_civitai_are_kept_with_their_lora(tmp_path: Path) -> None:
    text = (
        "a fox <lora:Fox Style:0.7:0.5>\nSteps: 20, Seed: 3, Size: 64x64, "
        'Hashes: {"lora:Fox Style":"0123456789","model":"6ce0161689"}'
    )

    assert words_of(of.png(parameters=text), tmp_path).loras == (
        lora("Fox Style", 0.7, "0123456789"),
    )


def test_emptied_condition_says_no_negative_prompt(tmp_path: Path) -> None:
    graph = json.loads(json.dumps(of.COMFY_SD))
    graph["7"] = {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["6", 0]}}

    words = words_of(of.png(prompt=json.dumps(graph)), tmp_path)

    assert (words.prompt, words.negative_prompt) == ("a fox", "")


def test_sampler_nearest_to_the_saved_picture_counts(tmp_path: Path) -> None:
    graph = json.loads(json.dumps(of.COMFY_SD))
    second = dict(graph["3"]["inputs"], seed=5, steps=9, latent_image=["3", 0])
    graph["30"] = {"class_type": "KSampler", "inputs": second}
    graph["8"]["inputs"]["samples"] = ["30", 0]

    words = words_of(of.png(prompt=json.dumps(graph)), tmp_path)

    assert (words.seed, words.steps) == (5, 9)


def test_words_behind_the_pixels_of_a_png_are_found(tmp_path: Path) -> None:
    data = of.with_chunks(of.chunk(b"tEXt", b"parameters\0" + of.A1111.encode()), behind=True)

    assert words_of(data, tmp_path) == FOX


@pytest.mark.parametrize(
    "packed",
    [
        of.chunk(b"zTXt", b"parameters\0\0" + zlib.compress(of.A1111.encode())),
        of.chunk(b"iTXt", b"parameters\0\1\0\0\0" + zlib.compress(of.A1111.encode())),
    ],
    ids=["zTXt", "iTXt"],
)
def test_packed_words_are_found(tmp_path: Path, packed: bytes) -> None:
    assert words_of(of.with_chunks(packed), tmp_path) == FOX


BOMB = zlib.compress(bytes(200_000_000), 9)
DEEP = "[" * 100_000
RING = {
    **of.COMFY_SD,
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["61", 0], "clip": ["6", 0]}},
    "61": {"class_type": "Text", "inputs": {"text": ["62", 0]}},
    "62": {"class_type": "Text", "inputs": {"text": ["61", 0]}},
}
FAN = {
    "3": of.COMFY_SD["3"],
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["100", 0], "clip": ["1", 0]}},
    **{
        str(number): {
            "class_type": "Text",
            "inputs": {
                name: [str(number + 1), 0] for name in ("text", "string", "value", "prompt")
            },
        }
        for number in range(100, 140)
    },
}
HOSTILE: dict[str, Callable[[], bytes]] = {
    "text that unpacks to 200 MB": lambda: of.with_chunks(
        of.chunk(b"zTXt", b"parameters\0\0" + BOMB),
        of.chunk(b"iTXt", b"prompt\0\1\0\0\0" + BOMB),
    ),
    "20 MB of text": lambda: of.with_chunks(of.chunk(b"tEXt", b"parameters\0" + b"a" * 20_000_000)),
    "deep JSON": lambda: of.png(parameters=f'{{"sui_image_params": {DEEP}', prompt=DEEP),
    "wrong types": lambda: of.png(
        parameters='{"sui_image_params": []}',
        invokeai_metadata='{"loras": 3, "model": [], "seed": {}}',
        prompt='{"3": 4, "5": {"class_type": [], "inputs": 3}}',
        workflow='{"nodes": [[], {"id": {}, "type": 3, "inputs": 5}], "links": [3, []]}',
    ),
    "a ring of nodes": lambda: of.png(prompt=json.dumps(RING)),
    "nodes that fan out": lambda: of.png(prompt=json.dumps(FAN)),
    "a line without end": lambda: of.png(parameters="a: b, c: d, e: f, " + "x " * 400_000),
    "a broken chunk": lambda: of.png()[:33] + b"\xff\xff\xff\xfftEXt" + of.png()[33:],
    "damaged EXIF": lambda: of.exif("JPEG", comment=b"x" * 50).replace(b"\x00\x87", b"\xff\xff"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_words_are_passed_over_in_time(tmp_path: Path, name: str) -> None:
    words = words_of(HOSTILE[name](), tmp_path)

    assert len(words.prompt) <= 100_000
    texts = read_texts(tmp_path / "picture")
    assert sum(map(len, (*texts.chunks.values(), texts.comment))) <= 24_000_000
    assert words.program in ("", "ComfyUI", "A1111", "InvokeAI")


@pytest.mark.parametrize("letters", ["NUL \0 inside", "lone \ud800 half", "bell \a", "a\r\nb"])
def test_letters_that_no_library_holds_are_left_out(tmp_path: Path, letters: str) -> None:
    said = dict(of.INVOKE, positive_prompt=letters, scheduler=letters)

    words = words_of(of.png(invokeai_metadata=json.dumps(said)), tmp_path)

    for text in (words.prompt, dict(words.facts)["Scheduler"]):
        assert text
        text.encode()
        assert not set(text) & set("\0\a\r")


ODD: list[Any] = [
    *(None, True, -1, 2**70, 1e308, float("nan"), "", "x" * 300, "12e400", "\0"),
    *([], {}, [[]], [None], {"text": []}, ["3", 0], ["15", 0], [2**70, 0], [{}, 0], "9" * 5000),
]


def mutated(original: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Give a program's JSON with some of its values, at the top or one below, exchanged."""

    def exchange(changes: list[tuple[int, int, Any]]) -> dict[str, Any]:
        fresh: dict[str, Any] = json.loads(json.dumps(original))
        for first, second, value in changes:
            group = fresh
            key = list(group)[first % len(group)]
            inner = group[key]
            if isinstance(inner, dict) and inner and second % 3:
                group, key = inner, list(inner)[second % len(inner)]
            group[key] = deepcopy(value)  # else the next change may be one of ODD itself
        return fresh

    some = st.tuples(st.integers(0, 50), st.integers(0, 50), st.sampled_from(ODD))
    return st.lists(some, min_size=1, max_size=5).map(exchange)


@settings(max_examples=40, deadline=None)
@given(
    swarm=mutated(of.SWARM),
    invoke=mutated(of.INVOKE),
    comfy=mutated(of.COMFY_FLUX),
    drawn=mutated(of.COMFY_DRAWN),
)
def test_words_of_any_shape_are_read_without_a_fault(
    swarm: dict[str, Any], invoke: dict[str, Any], comfy: dict[str, Any], drawn: dict[str, Any]
) -> None:
    for chunks in (
        {"parameters": json.dumps(swarm)},
        {"invokeai_metadata": json.dumps(invoke)},
        {"prompt": json.dumps(comfy), "workflow": json.dumps(drawn)},
        {"workflow": json.dumps(drawn)},
    ):
        words = words_in(Texts(chunks))
        assert all(isinstance(value, str) for _name, value in words.facts)
        assert 0 <= words.seed < 2**63 and 0 <= words.steps < 2**31


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=400))
def test_any_text_in_place_of_settings_is_read_without_a_fault(text: str) -> None:
    words_in(Texts(comment=text))
    words = words_in(Texts({"parameters": f"{text}\nSteps: 3, Seed: 4, Size: 5x5"}))

    assert (words.seed, words.steps) == (4, 3)


def test_picture_is_looked_at_by_a_worker(tmp_path: Path) -> None:
    source, thumb = tmp_path / "given", tmp_path / "thumb.jpg"
    source.write_bytes(of.swarm_jpeg())
    workers = PhotoWorkers()
    try:
        shop = GuardedPictureWorkshop(workers)

        arrived = shop.take_in(source, thumb)

        assert arrived == PillowPictureWorkshop().take_in(source, tmp_path / "other.jpg")
        assert (arrived.format, arrived.width, arrived.height) == ("JPEG", 64, 48)
        assert arrived.words == SWARM
        with Image.open(thumb) as small:
            assert small.format == "JPEG"
        made = tmp_path / "made.png"
        shop.finish(encoded(), TEXT, made, thumb)
        assert shop.read_text(made) == TEXT
        shop.without_text(made, tmp_path / "clean.png")
        assert shop.read_text(tmp_path / "clean.png") is None
        shop.thumbnail(made, tmp_path / "again.jpg")
        assert (tmp_path / "again.jpg").is_file()
        (tmp_path / "broken").write_bytes(of.png()[:60])
        for call in (shop.take_in, shop.without_text, shop.thumbnail):
            with pytest.raises(UnreadablePhoto):
                call(tmp_path / "broken", tmp_path / "x.png")
    finally:
        workers.close()


def test_only_formats_of_pictures_come_in(tmp_path: Path) -> None:
    held = io.BytesIO()
    of.SCENE.save(held, "GIF")
    (tmp_path / "a.png").write_bytes(held.getvalue())

    with pytest.raises(UnreadablePhoto, match="PNG, JPEG or WebP"):
        PillowPictureWorkshop().take_in(tmp_path / "a.png", tmp_path / "t.jpg")
