"""The base models that a LoRA can belong to, in one table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A base model: hub id, licence as the card names it, gating, and the width of its transformer.

    `notice` is the attribution that the licence wants beside derivatives; `permits` says in one
    sentence what a person may do with the LoRA. Sources: the licences of 2025-06-27 in
    black-forest-labs/flux, shapes measured with diffusers 0.42.1.
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

FLUX1_DEV = BaseModel(
    key="flux.1-dev",
    title="FLUX.1-dev",
    hub_id="black-forest-labs/FLUX.1-dev",
    licence="other",
    licence_name="flux-1-dev-non-commercial-license",
    licence_link="https://huggingface.co/black-forest-labs/FLUX.1-dev/blob/main/LICENSE.md",
    notice=_FLUX1_NOTICE,
    permits=(
        "The LoRA may be used and shared for non-commercial purposes; pictures made with it are "
        "yours, for any purpose that the licence does not prohibit."
    ),
    gated=True,
    hidden_width=3072,
    modelspec="flux-1-dev/lora",
)
FLUX2_DEV = BaseModel(
    key="flux.2-dev",
    title="FLUX.2-dev",
    hub_id="black-forest-labs/FLUX.2-dev",
    licence="other",
    licence_name="flux-dev-non-commercial-license",
    licence_link="https://huggingface.co/black-forest-labs/FLUX.2-dev/blob/main/LICENSE.txt",
    notice=_FLUX2_NOTICE,
    permits=(
        "The LoRA may be used and shared for non-commercial purposes; pictures made with it are "
        "yours, for any purpose that the licence does not prohibit."
    ),
    gated=True,
    hidden_width=6144,
    modelspec="flux-2-dev/lora",
)

BASES: tuple[BaseModel, ...] = (FLUX1_DEV, FLUX2_DEV)


def base_named(key: str) -> BaseModel | None:
    """Return the base with this key, or None for one that the app does not know."""
    return next((base for base in BASES if base.key == key), None)


def title_of(key: str) -> str:
    """Return how a base is called on screen; unknown keys are shown as they are."""
    base = base_named(key)
    return base.title if base else (key or "an unknown base")
