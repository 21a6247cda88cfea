"""A base that stays loaded: what becomes of it when memory runs out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_flux2 import build_dev


class Tight:
    """The real family on a GPU that has no room for a base unless it is stored as one kind."""

    def __init__(self, family: Any, fits: str) -> None:
        self._family, self._fits = family, fits
        self.tried: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._family, name)

    def picture(self, pipeline: Any, *args: Any, **kwargs: Any) -> Any:
        kind = type(pipeline.transformer.transformer_blocks[0].attn.to_q).__name__
        self.tried.append(kind)
        if kind != self._fits:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB.\nSecond line")
        return self._family.picture(pipeline, *args, **kwargs)


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_dev(tmp_path_factory.mktemp("dev"))


def studio_for(fits: str) -> tuple[Any, Tight]:
    """Return a studio on a processor, and the family that it uses."""
    from fluxlora_desktop.trainer.families import family_of
    from fluxlora_desktop.trainer.warm import Studio

    tight = Tight(family_of("flux.2-dev"), fits)
    return Studio("cpu", lambda _base: tight), tight  # type: ignore[arg-type, return-value]


def order_of(dev: Path, out: Path, **changes: Any) -> Any:
    from fluxlora_desktop.trainer.order import parse_order

    least = {"id": "one", "base": "flux.2-dev", "model": str(dev), "prompt": "a TOK mug"}
    small = {"width": 64, "height": 64, "steps": 2, "precision": "int8", "out": str(out)}
    return parse_order({**least, **small, **changes})


def test_memory_that_runs_out_is_answered_by_a_smaller_way_which_is_kept(
    dev: Path, tmp_path: Path
) -> None:
    studio, tight = studio_for("Linear4bit")
    told: list[str] = []

    def tell(event: str, **values: Any) -> None:
        told.append(str(values.get("name", event)))

    studio.make(order_of(dev, tmp_path / "one.png"), tell, lambda: None)
    first, told[:] = list(told), []
    studio.make(order_of(dev, tmp_path / "two.png", seed=2), tell, lambda: None)

    assert tight.tried == ["Int8Linear", "Int8Linear", "Linear4bit", "Linear4bit"]
    assert first.count("loading") == 3
    assert first.count("text") == 1
    assert told == ["sampling", "progress", "progress", "saving"]
    assert (tmp_path / "one.png").read_bytes() != (tmp_path / "two.png").read_bytes()


def test_memory_that_is_never_enough_is_told_in_words_and_a_later_order_is_tried(
    dev: Path, tmp_path: Path
) -> None:
    from fluxlora_desktop.trainer.exits import OutOfMemory

    studio, tight = studio_for("nothing")
    order = order_of(dev, tmp_path / "one.png")

    for _ in range(2):
        with pytest.raises(OutOfMemory) as caught:
            studio.make(order, lambda *_args, **_values: None, lambda: None)

    says = "The memory is not enough for this picture: CUDA out of memory."
    assert caught.value.code == 11
    assert caught.value.says.startswith(says)
    assert len(tight.tried) > 3
    assert not (tmp_path / "one.png").exists()
