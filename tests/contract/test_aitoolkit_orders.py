"""What is found of a checkout of ai-toolkit, and the configuration that is written for it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from patient_context import PatientContext

from fluxlora_desktop.backends.aitoolkit.checkout import OwnCheckoutFinder
from fluxlora_desktop.backends.aitoolkit.config import as_text, config_of, without_options
from fluxlora_desktop.backends.aitoolkit.trainers import TRAINERS, Recipe
from fluxlora_desktop.domain.checkout import Checkout
from fluxlora_desktop.domain.errors import InputError
from tests.local.standin import COMMIT
from tests.local.standin_job import FLUX1, FLUX2, Room, spec_for

# What ai-toolkit 27a03a9 reads of each part: toolkit/config_modules.py and the processes' own.
READ = {
    "process": {
        *("type", "training_folder", "sqlite_db_path", "device", "trigger_word", "network"),
        *("save", "datasets", "train", "model", "sample"),
    },
    "network": {"type", "linear", "linear_alpha"},
    "save": {"dtype", "save_every", "max_step_saves_to_keep", "push_to_hub"},
    "dataset": {
        *("folder_path", "caption_ext", "default_caption", "caption_dropout_rate"),
        *("shuffle_tokens", "cache_latents_to_disk", "resolution"),
    },
    "train": {
        *("batch_size", "steps", "gradient_accumulation", "train_unet", "train_text_encoder"),
        *("gradient_checkpointing", "noise_scheduler", "timestep_type", "optimizer", "lr"),
        *("lr_scheduler", "ema_config", "cache_text_embeddings", "skip_first_sample"),
        *("disable_sampling", "dtype"),
    },
    "ema_config": {"use_ema", "ema_decay"},
    "model": {
        *("name_or_path", "arch", "is_flux", "quantize", "quantize_te", "low_vram"),
        "model_kwargs",
    },
    "sample": {
        *("sampler", "sample_every", "width", "height", "prompts", "neg", "seed", "walk_seed"),
        *("guidance_scale", "sample_steps"),
    },
}


def _environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": "/nowhere", "PYTHONHOME": "/nowhere"}


class _AsAiToolkit(yaml.SafeLoader):
    """PyYAML with ai-toolkit's own rule for numbers with an exponent."""


_AsAiToolkit.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?$"),
    list("-+0123456789."),
)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.quiet()


class TestCheckout:
    def test_checkout_is_found_with_its_version_commit_gpu_and_bases(
        self, room: Room, ctx: PatientContext
    ) -> None:
        stand_in = room.checkout

        found = OwnCheckoutFinder(_environ).look(stand_in.folder, stand_in.python, ctx)

        assert (found.version, found.commit, found.torch) == ("0.12.26", COMMIT, "2.13.0+cu130")
        assert found.bases == ("flux.1-dev", "flux.2-dev")
        assert found.reports
        assert "0.12.26 (27a03a9)" in found.says
        assert "RTX 4090, 24 GB" in found.says
        assert Checkout.from_text(found.as_text()) == found

    def test_python_of_the_folder_is_taken_where_none_is_named(
        self, room: Room, ctx: PatientContext
    ) -> None:
        finder = OwnCheckoutFinder(_environ)
        with pytest.raises(InputError, match="no venv"):
            finder.look(room.checkout.folder, None, ctx)
        inside = room.checkout.folder / ".venv/bin/python"
        room.checkout.write_python(inside)

        assert finder.look(room.checkout.folder, None, ctx).python == inside

    @pytest.mark.parametrize(
        ("gone", "field", "says"),
        [
            ("run.py", "folder", "no run.py"),
            ("toolkit/config_modules.py", "folder", "not that of ai-toolkit"),
        ],
    )
    def test_folder_that_is_no_checkout_is_refused_in_words(
        self, room: Room, ctx: PatientContext, gone: str, field: str, says: str
    ) -> None:
        (room.checkout.folder / gone).unlink()

        with pytest.raises(InputError, match=says) as caught:
            OwnCheckoutFinder(_environ).look(room.checkout.folder, room.checkout.python, ctx)

        assert caught.value.field == field

    def test_python_that_cannot_run_it_is_refused_in_words(
        self, room: Room, ctx: PatientContext, tmp_path: Path
    ) -> None:
        finder, folder = OwnCheckoutFinder(_environ), room.checkout.folder
        (room.checkout.modules / "oyaml.py").unlink()
        with pytest.raises(InputError, match="lacks oyaml"):
            finder.look(folder, room.checkout.python, ctx)
        (room.checkout.modules / "oyaml.py").write_text("")
        (room.checkout.modules / "torch.py").write_text("raise OSError('libcudart is missing')")
        with pytest.raises(InputError, match="libcudart is missing"):
            finder.look(folder, room.checkout.python, ctx)
        with pytest.raises(InputError, match="is not there"):
            finder.look(folder, tmp_path / "python", ctx)
        with pytest.raises(InputError, match="does not answer as a Python does"):
            finder.look(folder, Path("/bin/true"), ctx)
        with pytest.raises(InputError, match="does not start"):
            finder.look(folder, room.job / "job.json", ctx)

    @pytest.mark.parametrize(
        ("files", "commit"),
        [
            ({".git/HEAD": COMMIT}, COMMIT),
            ({".git/refs/heads/main": "", ".git/packed-refs": f"# x\n{COMMIT} refs/heads/main\n"},
             COMMIT),
            ({".git/HEAD": "ref: ../../../etc/passwd"}, ""),
            ({".git/HEAD": "ref: refs/heads/../../../../etc/passwd"}, ""),
            ({".git/HEAD": ""}, ""),
        ],
        ids=["detached", "packed", "outside", "dots", "empty"],
    )  # fmt: skip
    def test_commit_is_read_without_git(
        self, room: Room, ctx: PatientContext, files: dict[str, str], commit: str
    ) -> None:
        for name, text in files.items():
            room.checkout.write(name, text)
        stand_in = room.checkout

        found = OwnCheckoutFinder(_environ).look(stand_in.folder, stand_in.python, ctx)

        assert found.commit == commit

    @pytest.mark.parametrize(
        "text",
        ["", "{", "[]", '{"folder": 1, "python": "p"}', '{"folder": "f"}', "[" * 10_000],
        ids=["empty", "cut", "list", "number", "half", "deep"],
    )
    def test_kept_text_that_says_nothing_is_as_none(self, text: str) -> None:
        assert Checkout.from_text(text) is None


class TestConfig:
    @pytest.mark.parametrize("recipe", TRAINERS, ids=lambda recipe: recipe.arch)
    def test_configuration_is_what_ai_toolkit_reads_and_yaml_as_well(
        self, recipe: Recipe, tmp_path: Path
    ) -> None:
        defaults = {item.name: item.default for item in recipe.trainer.parameters}

        config = config_of(spec_for(recipe, **defaults), recipe, tmp_path, ["p"], reports=True)

        text = as_text(config)
        assert yaml.load(text, Loader=_AsAiToolkit) == json.loads(text) == config
        (process,) = config["config"]["process"]
        parts = {name: process[name] for name in ("network", "save", "train", "model", "sample")}
        parts |= {"process": process, "dataset": process["datasets"][0]}
        parts["ema_config"] = process["train"]["ema_config"]
        for name, part in parts.items():
            assert set(part) <= READ[name], name
        assert process["network"]["linear"] == process["network"]["linear_alpha"] == 16
        assert process["train"]["lr"] == 1e-4
        assert (process["model"]["arch"], process["model"]["name_or_path"]) == (
            recipe.arch,
            recipe.hub_id,
        )
        assert config["meta"]["name"] == "my-cat"

    def test_texts_of_a_person_arrive_as_they_are(self, room: Room) -> None:
        words = 'ein "TOK" für ${HOME} $5 \\ {a|b} 狐'
        config = config_of(spec_for(FLUX1, words), FLUX1, room.job, [words], reports=True)
        path = room.job / "odd.json"
        path.write_text(as_text(config), encoding="ascii")
        sys_path = str(room.checkout.folder)
        read = f"import sys, json; sys.path.insert(0, {sys_path!r}); from run import get_config;"
        read += f"print(json.dumps(get_config({str(path)!r})))"

        told = subprocess.run([sys.executable, "-c", read], capture_output=True, check=True)

        process = json.loads(told.stdout)["config"]["process"][0]
        assert process["trigger_word"] == words
        assert process["sample"]["prompts"] == [words]

    def test_prompts_of_samples_carry_no_options(self) -> None:
        assert without_options(["TOK  cat\n--w 64 ---seed 1", "b-c"]) == [
            "TOK cat –w 64 –seed 1",
            "b-c",
        ]

    def test_no_samples_and_no_smoothing_where_a_person_wants_none(self, tmp_path: Path) -> None:
        spec = spec_for(FLUX2, sample_every=0, ema_decay=0)

        (process,) = config_of(spec, FLUX2, tmp_path, ["p"], reports=False)["config"]["process"]

        assert process["type"] == "sd_trainer"
        assert process["train"]["disable_sampling"]
        assert not process["train"]["ema_config"]["use_ema"]

    @pytest.mark.parametrize("text", ["", "large", "512,", "4096"])
    def test_sizes_that_cannot_be_trained_are_refused(self, text: str, tmp_path: Path) -> None:
        with pytest.raises(InputError):
            config_of(spec_for(FLUX1, resolution=text), FLUX1, tmp_path, [], reports=True)
