"""The search for canaries finds each one that is planted, and nothing where there is none."""

from __future__ import annotations

import base64
import gzip
import io
import os
import re
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image, PngImagePlugin

from fluxlora_desktop.domain.services import SERVICES, owner_of_token
from tests.faults.canaries import (
    canary_for,
    family_of,
    find_canaries,
    find_in_memory,
    find_in_processes,
)

CANARY = canary_for("replicate")
CANARIES = {facts.key: canary_for(facts.key) for facts in SERVICES}


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.txt", data)
    return file.getvalue()


def png_with(text: str) -> bytes:
    file, info = io.BytesIO(), PngImagePlugin.PngInfo()
    info.add_itxt("parameters", text, zip=True)
    Image.new("RGB", (4, 4)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


@pytest.mark.parametrize("facts", SERVICES, ids=lambda facts: facts.key)
def test_canary_has_the_true_shape_and_one_for_each_seed(facts) -> None:
    assert owner_of_token(canary_for(facts.key)) == facts.key
    assert canary_for(facts.key) == canary_for(facts.key) != canary_for(facts.key, "other")


@pytest.mark.parametrize(
    "plant",
    [
        lambda it: it.encode(),
        lambda it: f"2026 INFO app: sent {it} away".encode(),
        lambda it: quote(it, safe="").encode(),
        lambda it: it.encode("utf-16-le"),
        lambda it: base64.b64encode(f"a:{it}".encode()),
        lambda it: base64.urlsafe_b64encode(f"ab:{it}:c".encode()),
        lambda it: base64.b64encode(f"x{it}".encode("utf-16-le")),
        lambda it: it.encode().hex().encode(),
        lambda it: gzip.compress(it.encode()),
        lambda it: zipped(it.encode()),
        lambda it: zipped(gzip.compress(it.encode())),
        png_with,
    ],
)
@pytest.mark.parametrize("service", CANARIES)
def test_planted_canary_is_found(
    tmp_path: Path, plant: Callable[[str], bytes], service: str
) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(plant(CANARIES[service]))

    assert {hit.canary for hit in find_canaries([tmp_path], CANARIES)} == {service}


def test_canary_in_a_name_is_found(tmp_path: Path) -> None:
    (tmp_path / f"{CANARY}.txt").touch()

    assert [hit.canary for hit in find_canaries([tmp_path], CANARIES)] == ["replicate"]


def test_deleted_row_and_row_over_many_pages_are_found(tmp_path: Path) -> None:
    for name, text, forget in (("a", CANARY, True), ("b", "x" * 4000 + CANARY + "y" * 9000, False)):
        with closing(sqlite3.connect(tmp_path / f"{name}.db")) as connection:
            connection.execute("PRAGMA secure_delete=OFF")
            connection.execute("CREATE TABLE t (x)")
            connection.execute("INSERT INTO t VALUES (?)", (text,))
            connection.commit()
            if forget:
                connection.execute("DELETE FROM t")
                connection.commit()

    places = {
        re.split(r"[ .]", Path(hit.place).name)[0] for hit in find_canaries([tmp_path], CANARIES)
    }
    assert places == {"a", "b"}


def test_clean_folder_has_none(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("r8_ hf_ tgp_v1_ and all that")
    (tmp_path / "picture.png").write_bytes(png_with("a fox"))

    assert find_canaries([tmp_path], CANARIES) == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_processes_are_looked_into() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; held = sys.stdin.readline(); print(); input()", CANARY],
        env=os.environ | {"LEAKS": CANARIES["fal"]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(CANARIES["together"] + "\n")
    child.stdin.flush()
    child.stdout.readline()
    try:
        seen = {
            (hit.place.split()[-1], hit.canary) for hit in find_in_processes([child.pid], CANARIES)
        }
        assert seen == {("cmdline", "replicate"), ("environ", "fal")}
        assert "together" in {hit.canary for hit in find_in_memory(child.pid, CANARIES)}
        assert child.pid in family_of(os.getpid())
    finally:
        child.communicate("\n", timeout=20)
