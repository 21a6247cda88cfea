"""Addresses and model ids, for those who use a proxy, a server or a model of their own."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

from PySide6.QtWidgets import QGridLayout, QLineEdit

from fluxlora_desktop.domain.bases import title_of
from fluxlora_desktop.domain.services import (
    NOT_A_TOKEN_FIELD,
    SERVICES,
    holds_token,
    router_key,
    service_title,
)
from fluxlora_desktop.ui.settings.preferences import Preferences
from fluxlora_desktop.ui.widgets import Card, label

_NOT_KEPT = "It was not kept."
_PLACES = tuple(
    place
    for facts in SERVICES
    for place in (
        (facts.key, facts.title),
        *([(router_key(facts.key), f"{facts.title}, pictures")] if facts.router else []),
    )
)
"""(key, title) of each address that may be given: the services', and their routers'."""


class AddressesCard(Card):
    """A field for each service; an empty field means the service's own address."""

    def __init__(self, *, preferences: Preferences) -> None:
        super().__init__()
        self._preferences = preferences
        self.body.addWidget(label("Addresses and models", "section"))
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        self.fields: dict[str, QLineEdit] = {}
        for place, (key, title) in enumerate(_PLACES):
            name = label(title, "strong")
            field = QLineEdit(preferences.address(key))
            field.setPlaceholderText(preferences.default_address(key))
            field.setAccessibleName(f"Address of {title}")
            field.editingFinished.connect(partial(self._keep, key))
            name.setBuddy(field)
            grid.addWidget(name, place, 0)
            grid.addWidget(field, place, 1)
            self.fields[key] = field
        self.models: dict[str, QLineEdit] = {}
        for choice in preferences.model_ids():
            service, base = service_title(choice.service), title_of(choice.base)
            name = label(f"{base} at {service}", "strong")
            field = QLineEdit(choice.given)
            field.setPlaceholderText(choice.own)
            field.setAccessibleName(f"{service}'s model for LoRAs of {base}")
            field.editingFinished.connect(partial(self._keep_model, choice.base))
            name.setBuddy(field)
            grid.addWidget(name, grid.rowCount(), 0)
            grid.addWidget(field, grid.rowCount() - 1, 1)
            self.models[choice.base] = field
        self.body.addLayout(grid)
        self.remark = label("", "caption", wrap=True)
        self.body.addWidget(self.remark)
        self._say()

    def _keep(self, service: str) -> None:
        text = self.fields[service].text().strip()
        if _bears_secret(text):
            self.fields[service].setText(self._preferences.address(service))
            self._say(f"An address never holds a token or a password. {_NOT_KEPT}", "danger")
            return
        if text and not _is_address(text):
            self._say(f"“{text}” is no web address. {_NOT_KEPT}", "danger")
            return
        if text != self._preferences.address(service):
            self._preferences.set_address(service, text)
            self._say("Kept. The new address counts from the next start.", "ok")

    def _keep_model(self, base: str) -> None:
        text = self.models[base].text().strip()
        if holds_token(text):
            self.models[base].clear()
            self._say(NOT_A_TOKEN_FIELD, "danger")
            return
        kept = {choice.base: choice.given for choice in self._preferences.model_ids()}
        if text != kept[base]:
            self._preferences.set_model_id(base, text)
            self._say("Kept. The new model counts from the next start.", "ok")

    def _say(self, words: str = "", role: str = "caption") -> None:
        self.remark.setText(
            words or "Leave empty for the service's own address and the app's own choice of model."
        )
        self.remark.setProperty("role", role)
        self.remark.style().polish(self.remark)


def _bears_secret(text: str) -> bool:
    """Tell whether an address names a user, has a query, or holds what looks like a token.

    Addresses go to the settings file and into errors, so no secret may stand in one.
    """
    parts = urlsplit(text)
    return holds_token(text) or "@" in parts.netloc or bool(parts.query)


def _is_address(text: str) -> bool:
    parts = urlsplit(text)
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and local))
