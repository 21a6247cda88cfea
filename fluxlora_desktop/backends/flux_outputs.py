"""What the hosted FLUX models at fal answer, also where Hugging Face's router passes it on.

Shape: the models' pages of 2026, and what huggingface_hub 2.4.0 reads of it.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from fluxlora_desktop.backends.http.replies import Reply, Table, words


class Drawn(Reply):
    """What a model for pictures leaves."""

    images: tuple[Table, ...] = ()
    unsafe: Any = Field(None, alias="has_nsfw_concepts")

    @property
    def address(self) -> str:
        """Return the address of the first picture, or nothing."""
        return words(self.images[0].get("url")) if self.images else ""

    @property
    def blackened(self) -> bool:
        """Tell whether the safety checker blackened the first picture."""
        return isinstance(self.unsafe, list) and bool(self.unsafe) and self.unsafe[0] is True
