"""A header written anew: tensors byte for byte, other words kept, our own sentence exchanged."""

from __future__ import annotations

import hashlib
import io
import json
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxlora_desktop.domain.errors import WeightsError
from fluxlora_desktop.domain.weights import inspect_weights
from fluxlora_desktop.domain.weights_header import (
    COMMENT,
    HINT,
    copy_with_header,
    read_header,
    says_strength,
    strength_in,
    with_strength,
)
from tests.ui.fakes import write_lora


def rewritten(path: Path, scale: float) -> Path:
    target = path.with_name("new.safetensors")
    with target.open("wb") as stream:
        header = with_strength(path, read_header(path), scale)
        copy_with_header(path, stream, header, lambda: None)
    return target


def data_of(path: Path) -> bytes:
    raw = path.read_bytes()
    return raw[8 + struct.unpack("<Q", raw[:8])[0] :]


def test_tensors_stay_byte_for_byte_and_both_hashes_are_told(tmp_path: Path) -> None:
    path = write_lora(tmp_path / "lora.safetensors")
    before = inspect_weights(path)
    target = tmp_path / "new.safetensors"
    with target.open("wb") as stream:
        header = with_strength(path, read_header(path), 0.8)
        told = copy_with_header(path, stream, header, lambda: None)
    after = inspect_weights(target)
    assert data_of(target) == data_of(path)
    assert (told.old_sha256, told.sha256) == (before.sha256, after.sha256)
    assert told.tensor_hash == before.tensor_hash == after.tensor_hash
    assert told.size_bytes == after.size_bytes == target.stat().st_size
    assert len(header) % 8 == 0
    assert after.trigger_word == before.trigger_word == "GLZFOX"
    assert after.metadata[HINT] == after.metadata[COMMENT] == "Recommended strength: 0.8."
    assert strength_in(after.metadata) == 0.8
    assert says_strength(target, read_header(target), 0.8)
    assert not says_strength(target, read_header(target), 0.85)


_COMMENTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@settings(max_examples=30, deadline=None)
@given(_COMMENTS, st.lists(st.decimals(-1, 3, places=2).map(float), min_size=1, max_size=4))
def test_what_others_said_stays_however_often_the_strength_changes(
    comment: str, scales: list[float]
) -> None:
    words = comment.strip()
    here = Path("lora.safetensors")
    header = json.dumps({"__metadata__": {COMMENT: comment}, "a": {}}).encode()
    for scale in scales:
        header = with_strength(here, header, scale)
    said = json.loads(header)["__metadata__"]
    assert said[COMMENT].startswith(words)
    assert said[COMMENT].count("Recommended strength") == 1
    assert strength_in(said) == scales[-1]


def test_old_header_put_back_makes_the_old_file(tmp_path: Path) -> None:
    path = write_lora(tmp_path / "lora.safetensors")
    old = read_header(path)
    changed = rewritten(path, 1.2)
    back = io.BytesIO()
    with (tmp_path / "back.safetensors").open("w+b") as stream:
        copy_with_header(changed, stream, old, lambda: None)
        stream.seek(0)
        back.write(stream.read())
    assert hashlib.sha256(back.getvalue()).digest() == hashlib.sha256(path.read_bytes()).digest()


@pytest.mark.parametrize(
    "content",
    [b"", b"\x10", struct.pack("<Q", 40) + b"{}", struct.pack("<Q", 2**60), b"<html>" * 10],
    ids=["empty", "short", "cut", "huge", "page"],
)
def test_what_has_no_header_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "lora.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError):
        read_header(path)


@pytest.mark.parametrize(
    "header",
    [b"[1]", b'{"__metadata__": {"a": 1}}', b"{", b"\xff\xfe"],
    ids=["list", "number", "open", "bytes"],
)
def test_header_that_is_no_table_of_texts_is_refused(header: bytes) -> None:
    with pytest.raises(WeightsError):
        with_strength(Path("lora.safetensors"), header, 1.0)


@pytest.mark.parametrize(
    ("metadata", "scale"),
    [
        ({}, None),
        ({HINT: "Use it. Recommended strength: 0.65."}, 0.65),
        ({COMMENT: "Recommended strength: 1."}, 1.0),
        ({COMMENT: "recommended by many"}, None),
        ({HINT: "Recommended strength: 1e9."}, None),
    ],
    ids=["nothing", "hint", "comment", "other", "odd"],
)
def test_recommended_strength_is_read_back(metadata: dict[str, str], scale: float | None) -> None:
    assert strength_in(metadata) == scale
