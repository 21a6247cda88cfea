"""Words survive every container, whatever they are; other readers agree on what is there."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fluxlora_desktop.domain.pictures import LoraOrigin, PictureLora, PictureText
from fluxlora_desktop.imaging.a1111 import read_parameters, write_parameters
from fluxlora_desktop.imaging.containers import read_texts
from fluxlora_desktop.imaging.metadata import (
    parse_own,
    read_picture_text,
    write_own,
    write_picture,
)
from fluxlora_desktop.imaging.workshop import PillowPictureWorkshop

from . import originals as painted
from .test_metadata import TEXT

needs_exiftool = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool is not installed"
)
SUFFIXES = (".png", ".jpg", ".webp")
SMALL = Image.new("RGB", (8, 8), (200, 120, 40))
WHOLE = replace(
    TEXT,
    prompt='multi\nline: prompt, with "quotes" — 日本 🦊',
    negative_prompt="blurry, Steps: 3",
    origins=(LoraOrigin("lora-1", "run-1", "anna/fox@abc"),),
    request_id="rq-1",
    cost_usd="0.025",
    made_at="2026-11-23T12:00:00+00:00",
)

# --- what the three readers of section 2 of the reference would read ------------------------------

PAIR = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')


def as_a1111(text: str) -> tuple[str, str, dict[str, str]]:
    """Return prompt, negative prompt and settings by A1111's rule."""
    *lines, last = text.strip().split("\n")
    if len(PAIR.findall(last)) < 3:
        lines, last = [*lines, last], ""
    parts: list[list[str]] = [[], []]
    at = 0
    for line in map(str.strip, lines):
        if line.startswith("Negative prompt:"):
            at = 1
            parts[1].append(line[16:].strip())
        else:
            parts[at].append(line)
    values = {k: json.loads(v) if v[:1] == '"' == v[-1:] else v for k, v in PAIR.findall(last)}
    return "\n".join(parts[0]), "\n".join(parts[1]).strip(), values


def as_stability_matrix(text: str) -> tuple[str, str]:
    """Return prompt and negative prompt by StabilityMatrix's rule; refuse what it refuses."""
    *lines, last = text.split("\n")
    assert last.startswith("Steps:")
    rest = "\n".join(lines)
    rest = f"{rest} " if rest.endswith("Negative prompt:") else rest
    prompt, found, negative = rest.partition("Negative prompt: ")
    assert found
    return prompt.strip(), negative.strip()


def as_civitai(text: str) -> tuple[str, str, str]:
    """Return prompt, negative prompt and the settings line by Civitai's rule."""
    assert "Steps: " in text
    lines = [line for line in text.split("\n") if line.strip()]
    at = next(place for place, line in enumerate(lines) if line.startswith("Steps: "))
    prompt, *negative = "\n".join(lines[:at]).split("Negative prompt:")
    return prompt.strip(), " ".join(negative).strip(), lines[at]


def squeezed(text: str) -> str:
    """Return lines as a reader of lines has them: stripped, in their order."""
    return "\n".join(line.strip() for line in text.replace("\r\n", "\n").split("\n")).strip()


prompts = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('\n"\\,:{}<>ü狐🦊'), max_size=120
)
tricky = st.lists(
    st.sampled_from(["Steps: 4", "Negative prompt: no", "a fox", '"', "x: y", "\n", ", ", "{a|b}"]),
    max_size=6,
).map("".join)
words = prompts | tricky


@settings(max_examples=150, deadline=None)
@given(prompt=words, negative=words, note=prompts)
def test_a1111_reads_everything_back_that_starts_no_negative_line(
    prompt: str, negative: str, note: str
) -> None:
    text = write_parameters(
        replace(TEXT, prompt=prompt, negative_prompt=negative, loras=(), extra=(("Note", note),))
    )

    found, unwanted, values = as_a1111(text)

    ours = read_parameters(text)
    assert (ours.prompt, ours.negative, ours.values) == (found, unwanted, values)
    assert (values["Seed"], values["Size"]) == ("42", "1024x768")
    if note and not note.isspace() and note == note.strip():
        assert values["Note"] == note
    plain = squeezed(prompt.replace("\0", ""))
    wanted = squeezed(negative.replace("\0", ""))
    if "\nNegative prompt:" not in f"\n{plain}\n{wanted}":
        assert (squeezed(found), squeezed(unwanted)) == (plain, wanted)


@settings(max_examples=100, deadline=None)
@given(prompt=words, negative=words)
def test_stability_matrix_and_civitai_read_prompts_without_their_own_marks(
    prompt: str, negative: str
) -> None:
    text = write_parameters(replace(TEXT, prompt=prompt, negative_prompt=negative))

    both = f"{prompt}\n{negative}"
    matrix = as_stability_matrix(text)  # never refused
    if "Negative prompt:" in both:
        return
    assert squeezed(matrix[0]).endswith("<lora:My_TOK_lora:0.9>")
    if not any(line.startswith("Steps: ") for line in both.split("\n")):
        found, _negative, settings_line = as_civitai(text)
        assert "Seed: 42" in settings_line
        assert "<lora:My_TOK_lora:0.9>" in found


# --- containers -----------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    prompt=words,
    negative=words,
    value=st.text(min_size=1, max_size=50),
    seed=st.integers(0, 2**63),
    suffix=st.sampled_from(SUFFIXES),
)
def test_every_container_gives_back_every_text(
    tmp_path_factory: pytest.TempPathFactory,
    prompt: str,
    negative: str,
    value: str,
    seed: int,
    suffix: str,
) -> None:
    text = replace(
        WHOLE, prompt=prompt, negative_prompt=negative, seed=seed, extra=(("Key", value),)
    )
    target = tmp_path_factory.getbasetemp() / f"round{suffix}"
    with target.open("wb") as stream:
        write_picture(SMALL, text, stream, suffix=suffix)

    assert read_picture_text(target) == text
    texts = read_texts(target)
    common = texts.chunks["parameters"] if suffix == ".png" else texts.comment
    assert common == write_parameters(text)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_prompt_that_is_longer_than_a_segment_comes_back(tmp_path: Path, suffix: str) -> None:
    long = " ".join(f"狐 number {number}" for number in range(4000))
    text, target = replace(WHOLE, prompt=long), tmp_path / f"a{suffix}"

    with target.open("wb") as stream:
        write_picture(SMALL, text, stream, suffix=suffix)

    assert read_picture_text(target) == text


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_lone_halves_of_letters_are_no_reason_to_lose_a_picture(
    tmp_path: Path, suffix: str
) -> None:
    text, target = replace(TEXT, prompt="a \ud83e fox"), tmp_path / f"a{suffix}"

    with target.open("wb") as stream:
        write_picture(SMALL, text, stream, suffix=suffix)

    assert read_picture_text(target) == text


def exiftool(path: Path) -> dict[str, Any]:
    """Return what exiftool finds in a file, by group and name."""
    command = ["exiftool", "-j", "-a", "-u", "-ee", "-G1", "-charset", "utf8", str(path)]
    told = subprocess.run(command, check=True, capture_output=True).stdout
    (found,) = json.loads(told)
    assert isinstance(found, dict)
    return found


@needs_exiftool
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_exiftool_reads_the_same_words(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"a{suffix}"
    with target.open("wb") as stream:
        write_picture(SMALL, WHOLE, stream, suffix=suffix)

    found = exiftool(target)

    common = found["PNG:Parameters"] if suffix == ".png" else found["ExifIFD:UserComment"]
    assert squeezed(str(common)) == squeezed(write_parameters(WHOLE))
    trouble = {found[name] for name in found if "Warning" in name or "Error" in name}
    assert trouble <= {"[minor] Unrecognized MakerNotes"}, "our JSON is no camera's"
    if suffix == ".png":
        assert found["PNG:Fluxlora"] == json.loads(write_own(WHOLE)) or (
            json.loads(str(found["PNG:Fluxlora"])) == json.loads(write_own(WHOLE))
        )


# --- the app's own JSON through its versions ------------------------------------------------------


def test_json_names_all_that_is_known() -> None:
    said = json.loads(write_own(WHOLE))

    assert said["schema"] == 1
    assert said["negative_prompt"] == "blurry, Steps: 3"
    assert said["origins"] == [{"lora_id": "lora-1", "run_id": "run-1", "repo": "anna/fox@abc"}]
    assert (said["request_id"], said["cost_usd"]) == ("rq-1", "0.025")
    assert said["generator"] == "replicate"
    assert said["made_at"] == "2026-11-23T12:00:00+00:00"


def test_json_of_the_first_version_is_still_read() -> None:
    said = json.loads(write_own(WHOLE))
    for name in ("negative_prompt", "origins", "request_id", "cost_usd", "made_at"):
        del said[name]

    assert parse_own(json.dumps(said)) == replace(
        WHOLE, negative_prompt="", origins=(), request_id="", cost_usd="", made_at=""
    )


def test_json_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    said = json.loads(write_own(WHOLE)) | {"schema": 7, "mood": {"warm": 1}}
    said["loras"][0]["colour"] = "red"

    assert parse_own(json.dumps(said)) == WHOLE


# --- shared without metadata ----------------------------------------------------------------------

HARMLESS = re.compile(r"SourceFile|System:|File:|ExifTool:|Composite:|PNG:|RIFF:|JFIF:|VP8")
SAYS = re.compile(r"(?i)parameters|comment|fluxlora|exif(?!tool)|icc|xmp|text|description|software")


def with_profile() -> tuple[bytes, painted.Pixels]:
    """Return a JPEG in another colour space, full of metadata, and what it shows in sRGB."""
    seen = painted.paint(96, 64)
    values = painted.in_space(seen, painted.DISPLAY_P3)
    exif = Image.Exif()
    exif[0x010E] = "Anna at home"
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0secret"
    data = painted.encode(
        values,
        "JPEG",
        quality=97,
        subsampling=0,
        icc_profile=painted.profile(painted.DISPLAY_P3),
        exif=exif.tobytes(),
        comment=b"secret",
    )
    return data, seen


def moving() -> bytes:
    """Return a WebP of two frames with EXIF data and a profile."""
    held = io.BytesIO()
    exif = Image.Exif()
    exif[0x0110] = 'prompt:{"secret": 1}'
    SMALL.resize((64, 48)).save(
        held,
        "WEBP",
        save_all=True,
        lossless=True,
        append_images=[Image.new("RGB", (64, 48), (0, 0, 250))],
        exif=exif.tobytes(),
        xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>secret</x:xmpmeta>",
    )
    return held.getvalue()


@needs_exiftool
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", ["profile", "moving", "ours"])
def test_clean_copy_shows_the_same_and_tells_exiftool_nothing(
    tmp_path: Path, kind: str, suffix: str
) -> None:
    source, target = tmp_path / "given", tmp_path / f"clean{suffix}"
    seen = np.asarray(SMALL.resize((64, 48)))
    if kind == "profile":
        data, seen = with_profile()
        source.write_bytes(data)
    elif kind == "moving":
        source.write_bytes(moving())
    else:
        with source.open("wb") as stream:
            write_picture(Image.fromarray(seen), WHOLE, stream, suffix=suffix)

    PillowPictureWorkshop().without_text(source, target)

    found = exiftool(target)
    left = [name for name in found if not HARMLESS.match(name) or SAYS.search(name)]
    assert left == [], "nothing but what the pixels need"
    assert b"secret" not in target.read_bytes()
    with Image.open(target) as clean:
        assert "icc_profile" not in clean.info
        assert getattr(clean, "n_frames", 1) == 1
        shown = np.asarray(clean.convert("RGB")).astype(int)
    assert np.abs(shown - seen).mean() <= 4, "colours of a profile come out as sRGB"


def test_the_lora_of_a_picture_is_named_as_it_is(tmp_path: Path) -> None:
    lora = PictureLora("lora-9", "Füchse: 2", 0.00001, "ab" * 32)
    text: PictureText = replace(TEXT, loras=(lora,))

    written = write_parameters(text)

    assert "<lora:F_chse_2:0.00001>" in written
    assert re.findall(r"<(lora|hypernet):([a-zA-Z0-9_\.\-]+):([0-9.]+)>", written)
