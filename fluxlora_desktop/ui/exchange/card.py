"""Settings: export the library, import an exported folder."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot

from fluxlora_desktop.domain.exchange import ExportChoice
from fluxlora_desktop.ui.desks.exchange import ExchangeDesk
from fluxlora_desktop.ui.desks.loras import LoraWork
from fluxlora_desktop.ui.exchange.dialog import ChooseFolder, ExportDialog, choose_folder
from fluxlora_desktop.ui.library.works import WorkLines
from fluxlora_desktop.ui.widgets import Card, button, label, row
from fluxlora_desktop.workflows.export_library import Exported

_SAYS = (
    "A folder with everything, to move to another computer or to keep in a safe place. It comes "
    "back with Import; what is here already stays as it is."
)


class ExchangeCard(Card):
    """Starts exports and imports; `reveal_requested(Path)` shows an exported folder."""

    reveal_requested = Signal(object)

    def __init__(self, *, desk: ExchangeDesk, choose: ChooseFolder = choose_folder) -> None:
        super().__init__()
        self.setObjectName("exchange")
        self._desk, self._choose = desk, choose
        self._made: Path | None = None
        self.export = button("Export the library…", self._on_export, symbol="upload")
        self.bring_in = button("Import a folder…", self._on_import, symbol="download")
        self.show_folder = button("Show the folder", self._on_show, role="link", symbol="folder")
        self.show_folder.hide()
        self.works = WorkLines()
        self.body.addWidget(label("Export and import", "section"))
        self.body.addWidget(label(_SAYS, "muted", wrap=True))
        self.body.addWidget(self.works)
        self.body.addLayout(row(self.export, self.bring_in, self.show_folder, None))
        self.works.stop_requested.connect(desk.stop)
        desk.working.connect(self._on_working)
        desk.rested.connect(self._on_rested)
        desk.exported.connect(self._on_exported)

    @Slot(object)
    def _on_working(self, work: LoraWork) -> None:
        self.works.show_work("", work)
        self._show_ready()

    @Slot(str)
    def _on_rested(self, key: str) -> None:
        self.works.forget(key)
        self._show_ready()

    def _show_ready(self) -> None:
        for control in (self.export, self.bring_in):
            control.setEnabled(not self._desk.busy())

    @Slot(object)
    def _on_exported(self, exported: Exported) -> None:
        self._made = exported.folder
        self.show_folder.show()

    def _on_export(self) -> None:
        dialog = ExportDialog(self._desk, ExportChoice(), choose=self._choose, parent=self)
        dialog.decided.connect(self._desk.export)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _on_import(self) -> None:
        self._choose(self, "Choose an exported folder", self._desk.bring_in)

    def _on_show(self) -> None:
        if self._made is not None:
            self.reveal_requested.emit(self._made)
