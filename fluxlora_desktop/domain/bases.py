"""The base models that a LoRA can belong to, in one table."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A base model: hub id, licence as the card names it, gating, and the width of its transformer.

    `notice` is the attribution that belongs beside derivatives; `permits` says in one sentence what
    a person may do with the LoRA. `licence` is the hub's word for it, "other" where it has none;
    only then does a card name `licence_name` too. `company_grants` tells whether the licence wants
    it said that Black Forest Labs grants the rights to a derivative (s.3a of the FLUX licences).
    `pipeline` is the class in diffusers. `trains_on` is the hub id that a LoRA is trained on where
    that is another one: FLUX.2 klein is distilled, and its makers train on the undistilled one of
    the same shapes. Sources: the licences of 2025-06-27 in black-forest-labs/flux, the table of
    models in black-forest-labs/flux2, shapes measured with diffusers 0.42.1.
    """

    key: str
    title: str
    hub_id: str
    licence: str
    licence_name: str
    licence_link: str
    notice: str
    permits: str
    gated: bool
    hidden_width: int
    modelspec: str
    pipeline: str
    company_grants: bool = True
    trains_on: str = ""

    @property
    def training_hub_id(self) -> str:
        """Return the hub id of the weights that a LoRA of this base is trained on."""
        return self.trains_on or self.hub_id


_FLUX1_NOTICE = (
    "The FLUX.1 [dev] Model is licensed by Black Forest Labs Inc. under the FLUX.1 [dev] "
    "Non-Commercial License. Copyright Black Forest Labs Inc.\n"
    "IN NO EVENT SHALL BLACK FOREST LABS INC. BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, "
    "WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION "
    "WITH USE OF THIS MODEL."
)
_FLUX2_NOTICE = (
    "This FLUX Model is licensed by Black Forest Labs Inc. under the FLUX Non-Commercial License. "
    "Copyright Black Forest Labs Inc.\n"
    "IN NO EVENT SHALL BLACK FOREST LABS INC. BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, "
    "WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION "
    "WITH USE OF THIS MODEL."
)
_NON_COMMERCIAL = (
    "The LoRA may be used and shared for non-commercial purposes; pictures made with it are "
    "yours, for any purpose that the licence does not prohibit."
)

FLUX1_DEV = BaseModel(
    key="flux.1-dev",
    title="FLUX.1-dev",
    hub_id="black-forest-labs/FLUX.1-dev",
    licence="other",
    licence_name="flux-1-dev-non-commercial-license",
    licence_link="https://huggingface.co/black-forest-labs/FLUX.1-dev/blob/main/LICENSE.md",
    notice=_FLUX1_NOTICE,
    permits=_NON_COMMERCIAL,
    gated=True,
    hidden_width=3072,
    modelspec="flux-1-dev/lora",
    pipeline="FluxPipeline",
)
FLUX2_DEV = BaseModel(
    key="flux.2-dev",
    title="FLUX.2-dev",
    hub_id="black-forest-labs/FLUX.2-dev",
    licence="other",
    licence_name="flux-dev-non-commercial-license",
    licence_link="https://huggingface.co/black-forest-labs/FLUX.2-dev/blob/main/LICENSE.txt",
    notice=_FLUX2_NOTICE,
    permits=_NON_COMMERCIAL,
    gated=True,
    hidden_width=6144,
    modelspec="flux-2-dev/lora",
    pipeline="Flux2Pipeline",
)
FLUX2_KLEIN_4B = BaseModel(
    key="flux.2-klein-4b",
    title="FLUX.2-klein-4B",
    hub_id="black-forest-labs/FLUX.2-klein-4B",
    licence="apache-2.0",
    licence_name="Apache-2.0",
    licence_link="https://www.apache.org/licenses/LICENSE-2.0",
    notice=(
        "FLUX.2 [klein] 4B by Black Forest Labs Inc. is licensed under the Apache License, "
        "Version 2.0.\nhttps://www.apache.org/licenses/LICENSE-2.0"
    ),
    permits=(
        "The LoRA may be used and shared for any purpose, commercial ones included; pictures made "
        "with it are yours."
    ),
    gated=False,
    hidden_width=3072,
    modelspec="flux-2-klein-4b/lora",
    pipeline="Flux2KleinPipeline",
    company_grants=False,
    trains_on="black-forest-labs/FLUX.2-klein-base-4B",
)
FLUX2_KLEIN_9B = BaseModel(
    key="flux.2-klein-9b",
    title="FLUX.2-klein-9B",
    hub_id="black-forest-labs/FLUX.2-klein-9B",
    licence="other",
    licence_name="flux-non-commercial-license",
    licence_link="https://huggingface.co/black-forest-labs/FLUX.2-klein-9B/blob/main/LICENSE.md",
    notice=_FLUX2_NOTICE,
    permits=_NON_COMMERCIAL,
    gated=True,
    hidden_width=4096,
    modelspec="flux-2-klein-9b/lora",
    pipeline="Flux2KleinPipeline",
    trains_on="black-forest-labs/FLUX.2-klein-base-9B",
)

BASES: tuple[BaseModel, ...] = (FLUX1_DEV, FLUX2_DEV, FLUX2_KLEIN_4B, FLUX2_KLEIN_9B)


def base_named(key: str) -> BaseModel | None:
    """Return the base with this key, or None for one that the app does not know."""
    return next((base for base in BASES if base.key == key), None)


def base_in(name: str) -> str:
    """Return the key of the base that a model's name tells, such as flux1-dev-fp8, or ""."""
    plain = _letters(name).replace("kleinbase", "klein")
    return next((base.key for base in BASES if _letters(base.key) in plain), "")


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def title_of(key: str) -> str:
    """Return how a base is called on screen; unknown keys are shown as they are."""
    base = base_named(key)
    return base.title if base else (key or "an unknown base")
