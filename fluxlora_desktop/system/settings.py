"""Preferences and window state: never secrets, never the library's data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QSettings

LAYOUT = 1
"""Raise it when windows or splitters change so that kept states no longer fit."""


class Theme(StrEnum):
    """How the window looks."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Settings:
    """Typed access to one ini file; changes are written by Qt in the background.

    An ini file read by another process has only strings, so every value is asked for by its type
    and lists are kept as JSON. A value that cannot be read is its default.
    """

    def __init__(self, *, file: Path) -> None:
        with suppress(OSError):  # where nothing can be kept, every value is its default
            file.parent.mkdir(parents=True, exist_ok=True)
        self._ini = QSettings(str(file), QSettings.Format.IniFormat)

    def save(self) -> None:
        """Write changes now."""
        self._ini.sync()

    @property
    def theme(self) -> Theme:
        """Light, dark, or as the system."""
        try:
            return Theme(self._text("theme"))
        except ValueError:
            return Theme.SYSTEM

    @theme.setter
    def theme(self, theme: Theme) -> None:
        self._ini.setValue("theme", Theme(theme).value)

    @property
    def last_page(self) -> str:
        """The name of the page that was shown last, or ""."""
        return self._text("last_page")

    @last_page.setter
    def last_page(self, page: str) -> None:
        self._ini.setValue("last_page", page)

    @property
    def geometry(self) -> QByteArray:
        """The window's place and size as Qt gave it; empty at first."""
        return self._bytes("geometry")

    @geometry.setter
    def geometry(self, state: QByteArray) -> None:
        self._ini.setValue(_layout_key("geometry"), state)

    @property
    def window_state(self) -> QByteArray:
        """The main window's docks and bars as Qt gave them; empty at first."""
        return self._bytes("window_state")

    @window_state.setter
    def window_state(self, state: QByteArray) -> None:
        self._ini.setValue(_layout_key("window_state"), state)

    def splitter(self, name: str) -> QByteArray:
        """Return a splitter's or header's state; empty at first."""
        return self._bytes(f"splitters/{name}")

    def set_splitter(self, name: str, state: QByteArray) -> None:
        """Keep a splitter's or header's state."""
        self._ini.setValue(_layout_key(f"splitters/{name}"), state)

    def address(self, service: str) -> str:
        """Return the address the person set for a service, or "" for the usual one."""
        return self._text(f"addresses/{service}")

    def set_address(self, service: str, url: str) -> None:
        """Keep an address for a service; "" goes back to the usual one."""
        self._ini.setValue(f"addresses/{service}", url.strip().rstrip("/"))

    def model_id(self, base: str) -> str:
        """The id of the model for a base that the person chose, or ""."""
        return self._text(f"models/{base}")

    def set_model_id(self, base: str, model: str) -> None:
        """Keep the id of a model for a base; "" goes back to the app's own."""
        self._ini.setValue(f"models/{base}", model.strip())

    def captions(self, name: str) -> str:
        """Return a choice about automatic captions, such as a prompt; "" for the app's own.

        Never a key: that lies in the password store.
        """
        return self._text(f"captions/{name}")

    def set_captions(self, name: str, value: str) -> None:
        """Keep a choice about automatic captions; "" goes back to the app's own."""
        self._ini.setValue(f"captions/{name}", value)

    def pictures(self, name: str) -> str:
        """Return a choice about a server of one's own for pictures; "" when none was made.

        Never a key: that lies in the password store.
        """
        return self._text(f"pictures/{name}")

    def set_pictures(self, name: str, value: str) -> None:
        """Keep a choice about a server of one's own for pictures."""
        self._ini.setValue(f"pictures/{name}", value)

    @property
    def checkout(self) -> str:
        """What was found of the ai-toolkit that a person has, as text; "" while there is none."""
        return self._text("training/checkout")

    def keep_checkout(self, text: str) -> None:
        """Keep what was found of it; "" when it is forgotten."""
        self._ini.setValue("training/checkout", text)

    @property
    def monthly_limit(self) -> Decimal | None:
        """How many US dollars may be spent in a month before the app asks; None for no limit."""
        try:
            limit = Decimal(self._text("money/monthly_limit"))
        except InvalidOperation:
            return None
        return limit if limit.is_finite() and limit >= 0 else None

    def keep_monthly_limit(self, limit: Decimal | None) -> None:
        """Keep a limit; None for none."""
        self._ini.setValue("money/monthly_limit", "" if limit is None else f"{limit:f}")

    @property
    def private_by_default(self) -> bool:
        """Whether a new repo is private unless the person says otherwise."""
        return self._flag("privacy/private_by_default", default=True)

    @private_by_default.setter
    def private_by_default(self, private: bool) -> None:
        self._ini.setValue("privacy/private_by_default", private)

    @property
    def write_parameters(self) -> bool:
        """Whether picture files carry the prompt and all else that made them."""
        return self._flag("privacy/write_parameters", default=True)

    @write_parameters.setter
    def write_parameters(self, write: bool) -> None:
        self._ini.setValue("privacy/write_parameters", write)

    @property
    def keep_awake(self) -> bool:
        """Whether the computer is kept awake while it trains."""
        return self._flag("local/keep_awake", default=True)

    @keep_awake.setter
    def keep_awake(self, awake: bool) -> None:
        self._ini.setValue("local/keep_awake", awake)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a choice of a screen, such as whether advanced fields are shown."""
        return self._flag(f"flags/{name}", default=default)

    def set_flag(self, name: str, value: bool) -> None:
        """Keep a choice of a screen."""
        self._ini.setValue(f"flags/{name}", value)

    def words(self, name: str) -> tuple[str, ...]:
        """Return a list of words, such as columns shown or searches made."""
        try:
            found = json.loads(self._text(f"lists/{name}") or "[]")
        except ValueError:
            return ()
        return tuple(it for it in found if isinstance(it, str)) if isinstance(found, list) else ()

    def set_words(self, name: str, words: Sequence[str]) -> None:
        """Keep a list of words."""
        self._ini.setValue(f"lists/{name}", json.dumps(list(words)))

    def _text(self, key: str) -> str:
        value: Any = self._ini.value(key, "")
        return value if isinstance(value, str) else ""

    def _flag(self, key: str, *, default: bool) -> bool:
        value: Any = self._ini.value(key, default)
        if isinstance(value, bool):
            return value
        return {"true": True, "false": False}.get(str(value).lower(), default)

    def _bytes(self, name: str) -> QByteArray:
        value: Any = self._ini.value(_layout_key(name))
        return value if isinstance(value, QByteArray) else QByteArray()


def _layout_key(name: str) -> str:
    return f"layout{LAYOUT}/{name}"
