"""Settings of a server of one's own that makes pictures without a LoRA."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLineEdit, QWidget

from fluxlora_desktop.domain.addresses import own_address
from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.pictures import GeneratorAbilities, OwnServer
from fluxlora_desktop.domain.services import NOT_A_TOKEN_FIELD, holds_token
from fluxlora_desktop.ui.desks.own_server import OwnServerDesk
from fluxlora_desktop.ui.settings.preferences import OwnServerChoice
from fluxlora_desktop.ui.widgets import Card, button, label, row, set_role

_SAYS = (
    "A server that speaks the OpenAI images protocol, such as LocalAI, vLLM or "
    "stable-diffusion.cpp. It is offered in the Gallery for pictures without a LoRA."
)
_EXTRAS = "It takes a seed, steps and guidance"
_PLAIN = "Untick it where the server refuses them. Then the same seed gives another picture."


class OwnServerCard(Card):
    """Address, model and key; each counts as soon as it is kept."""

    def __init__(self, *, desk: OwnServerDesk, choice: OwnServerChoice) -> None:
        super().__init__()
        self._desk, self._choice = desk, choice
        server = choice.server
        self.body.addWidget(label("Pictures from your own address", "section"))
        self.body.addWidget(label(_SAYS, "muted", wrap=True))
        self.address = QLineEdit(server.address)
        self.address.setPlaceholderText("http://127.0.0.1:8080/v1")
        self.address.setAccessibleName("Address of your server for pictures")
        self.model = QLineEdit(server.model)
        self.model.setPlaceholderText("Its name for the model")
        self.model.setAccessibleName("Model of your server for pictures")
        self.key = QLineEdit()
        self.key.setEchoMode(QLineEdit.EchoMode.Password)
        self.key.setMaxLength(512)
        self.key.setPlaceholderText("Only if your server asks for one")
        self.key.setAccessibleName("Key of your server for pictures")
        self.keep_key = button("Keep key", self._on_key)
        self.extras = QCheckBox(_EXTRAS)
        self.extras.setToolTip(_PLAIN)
        self.extras.setChecked(server.extras)
        self.ask = button("Ask the server", self._on_ask)
        self.remark = label("", "caption", wrap=True)
        self._lay_out()
        self._connect()
        self._say("")

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        lines: tuple[tuple[str, QLineEdit, QWidget | None], ...] = (
            ("Address", self.address, None),
            ("Model", self.model, None),
            ("Key", self.key, self.keep_key),
        )
        for place, (words, field, side) in enumerate(lines):
            name = label(words, "strong")
            name.setBuddy(field)
            grid.addWidget(name, place, 0)
            grid.addWidget(field, place, 1, 1, 1 if side else 2)
            if side is not None:
                grid.addWidget(side, place, 2)
        grid.addWidget(self.extras, grid.rowCount(), 1, 1, 2)
        self.body.addLayout(grid)
        below = row(self.remark, self.ask, spacing=12)
        below.setStretch(0, 1)
        self.body.addLayout(below)

    def _connect(self) -> None:
        self.address.editingFinished.connect(self._on_address)
        self.model.editingFinished.connect(self._on_model)
        self.key.returnPressed.connect(self._on_key)
        self.key.textChanged.connect(self._on_key_typed)
        self.extras.toggled.connect(self._on_extras)
        self._desk.answered.connect(self._on_answered)
        self._desk.silent.connect(self._on_silent)
        self._on_key_typed("")

    def _keep(self, server: OwnServer) -> None:
        if server != self._choice.server:
            self._choice.set_server(server)
            self._desk.changed.emit()
            self._say("Kept." if server.address and server.model else "")

    @Slot()
    def _on_address(self) -> None:
        text = self.address.text().strip()
        try:
            address = own_address(text) if text else ""
        except InputError as error:
            self.address.setText(self._choice.server.address)
            self._say(f"{error.reason} It was not kept.", "danger")
            return
        self.address.setText(address)
        self._keep(replace(self._choice.server, address=address))

    @Slot()
    def _on_model(self) -> None:
        text = self.model.text().strip()
        if holds_token(text):
            self.model.setText(self._choice.server.model)
            self._say(NOT_A_TOKEN_FIELD, "danger")
            return
        self._keep(replace(self._choice.server, model=text))

    @Slot(bool)
    def _on_extras(self, ticked: bool) -> None:
        self._keep(replace(self._choice.server, extras=ticked))

    @Slot(str)
    def _on_key_typed(self, text: str) -> None:
        self.keep_key.setText("Keep key" if text.strip() else "Forget key")

    @Slot()
    def _on_key(self) -> None:
        text = self.key.text()
        self.key.clear()
        self._desk.keep_key(text)

    @Slot()
    def _on_ask(self) -> None:
        self._say("Asking…")
        self.ask.setEnabled(False)
        self._desk.ask()

    @Slot(object)
    def _on_answered(self, abilities: GeneratorAbilities) -> None:
        model = next(iter(abilities.models), None)
        if model is not None and model.available:
            self._say("The server answers, and nothing speaks against the model.", "ok")
        else:
            self._say("The server answers and does not list this model.", "danger")

    @Slot()
    def _on_silent(self) -> None:
        self._say("The server could not be asked.", "danger")

    def _say(self, words: str, role: str = "caption") -> None:
        server = self._choice.server
        complete = bool(server.address and server.model)
        self.ask.setEnabled(complete)
        self.remark.setText(words or ("" if complete else "Give an address and a model."))
        set_role(self.remark, role)
