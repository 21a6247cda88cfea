"""What a person chose for automatic captions; `app.py` joins it to the settings."""

from __future__ import annotations

from collections.abc import Callable

from fluxlora_desktop.domain.captioning import CAPTION_PROMPTS
from fluxlora_desktop.domain.training import Preset

_ADDRESS, _CAPTIONER = "address", "captioner"


class CaptionChoices:
    """Choices that outlive the app through `read(name)` and `keep(name, value)`.

    The address is held in memory as well: it is read by background work at each request.
    """

    def __init__(
        self,
        read: Callable[[str], str] | None = None,
        keep: Callable[[str, str], object] | None = None,
    ) -> None:
        self._memory: dict[str, str] = {}
        self._read = read or (lambda name: self._memory.get(name, ""))
        self._keep = keep or self._memory.__setitem__
        self._address = self._read(_ADDRESS)

    @property
    def address(self) -> str:
        """The address of a server of one's own, or ""."""
        return self._address

    def set_address(self, address: str) -> None:
        """Keep the address, which was checked before."""
        self._address = address
        self._keep(_ADDRESS, address)

    @property
    def captioner(self) -> str:
        """The key of who wrote captions last, or ""."""
        return self._read(_CAPTIONER)

    def set_captioner(self, key: str) -> None:
        """Keep who writes captions."""
        self._keep(_CAPTIONER, key)

    def model(self, captioner: str) -> str:
        """Return the model chosen last at a captioner, or ""."""
        return self._read(f"model/{captioner}")

    def set_model(self, captioner: str, model: str) -> None:
        """Keep the model chosen at a captioner."""
        self._keep(f"model/{captioner}", model)

    def prompt(self, preset: Preset) -> str:
        """Return what is asked for a preset: the person's words, else the app's."""
        return self._read(f"prompt/{preset}") or CAPTION_PROMPTS[preset]

    def set_prompt(self, preset: Preset, prompt: str) -> None:
        """Keep the words for a preset; the app's own, or none, go back to the app's own."""
        own = not prompt.strip() or prompt.strip() == CAPTION_PROMPTS[preset]
        self._keep(f"prompt/{preset}", "" if own else prompt.strip())
