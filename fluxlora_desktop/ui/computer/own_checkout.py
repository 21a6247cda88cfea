"""The card of the ai-toolkit that a person has already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QFileDialog, QGridLayout, QLineEdit, QPushButton, QWidget

from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.ui.desks.checkout import CheckoutDesk
from fluxlora_desktop.ui.exchange.dialog import ChooseFolder, choose_folder
from fluxlora_desktop.ui.widgets import Card, button, label, row, set_role

_SAYS = (
    "If you have ai-toolkit on this computer, the app can train with it: it writes the "
    "configuration, shows progress, samples and checkpoints, and takes the LoRA into your "
    "library. Nothing in its folder is changed."
)
_LOOKING = "Looking at it. The first look can take a minute."
_EMPTY = "Choose the folder that holds its run.py."


def choose_program(parent: QWidget, title: str, then: Callable[[Path], None]) -> None:
    """Open the system's dialog for a program."""
    dialog = QFileDialog(parent, title)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.fileSelected.connect(lambda chosen: then(Path(chosen)))
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()


class OwnCheckoutCard(Card):
    """Folder and Python of the checkout; what was found stands below, also what is wrong."""

    def __init__(
        self,
        *,
        desk: CheckoutDesk,
        choose: ChooseFolder = choose_folder,
        choose_python: ChooseFolder = choose_program,
    ) -> None:
        super().__init__()
        self.setObjectName("own_checkout")
        self._desk, self._choose, self._choose_python = desk, choose, choose_python
        self.folder = _field("Folder of ai-toolkit", "Where its run.py lies")
        self.python = _field("Python of ai-toolkit", "The one in its venv")
        self.pick_folder = button("Choose…", self._on_pick_folder)
        self.pick_folder.setAccessibleName("Choose the folder of ai-toolkit")
        self.pick_python = button("Choose…", self._on_pick_python)
        self.pick_python.setAccessibleName("Choose the Python of ai-toolkit")
        self.check = button("Check", self._on_check)
        self.stop = button("Stop", desk.stop)
        self.forget = button("Forget it", desk.forget, role="quiet")
        self.remark = label("", "muted", wrap=True)
        self._lay_out()
        for field in (self.folder, self.python):
            field.returnPressed.connect(self._on_check)
            field.textChanged.connect(self._on_typed)
        desk.looking.connect(self._on_looking)
        desk.changed.connect(self.show_checkout)
        desk.refused.connect(self._on_refused)
        self.show_checkout()

    def _lay_out(self) -> None:
        self.body.addWidget(label("Your own ai-toolkit", "section"))
        self.body.addWidget(label(_SAYS, "muted", wrap=True))
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        lines: tuple[tuple[str, QLineEdit, QPushButton], ...] = (
            ("Folder", self.folder, self.pick_folder),
            ("Python", self.python, self.pick_python),
        )
        for place, (words, field, pick) in enumerate(lines):
            name = label(words, "strong")
            name.setBuddy(field)
            grid.addWidget(name, place, 0)
            grid.addWidget(field, place, 1)
            grid.addWidget(pick, place, 2)
        self.body.addLayout(grid)
        below = row(self.remark, self.forget, self.stop, self.check, spacing=12)
        below.setStretch(0, 1)
        self.body.addLayout(below)

    @Slot()
    def show_checkout(self) -> None:
        """Show the checkout that counts."""
        found = self._desk.checkout
        self.folder.setText(str(found.folder) if found else "")
        self.python.setText(str(found.python) if found else "")
        self.forget.setVisible(found is not None)
        self._say_found()
        self._on_looking(False)

    @Slot(bool)
    def _on_looking(self, looks: bool) -> None:
        for part in (self.folder, self.python, self.pick_folder, self.pick_python, self.forget):
            part.setEnabled(not looks)
        self.stop.setVisible(looks)
        self.check.setVisible(not looks)
        if looks:
            self._say(_LOOKING)
        elif self.remark.text() == _LOOKING:  # it was stopped
            self._say_found()
        self._on_typed()

    @Slot()
    def _on_typed(self) -> None:
        self.check.setEnabled(bool(self.folder.text().strip()))

    @Slot()
    def _on_check(self) -> None:
        if self.folder.text().strip():
            self._desk.look(self.folder.text(), self.python.text())

    @Slot(object)
    def _on_refused(self, error: InputError) -> None:
        self._say(error.reason, "danger")
        self._on_looking(False)
        field = self.python if error.field == "python" else self.folder
        field.setFocus()
        field.selectAll()

    def _on_pick_folder(self) -> None:
        self._choose(self, "Choose the folder of ai-toolkit", self._on_folder)

    def _on_folder(self, folder: Path) -> None:
        """Take a folder, and look at it at once; another one has a Python of its own."""
        self.folder.setText(str(folder))
        self.python.clear()
        self._on_check()

    def _on_pick_python(self) -> None:
        self._choose_python(self, "Choose the Python of ai-toolkit", self._on_python)

    def _on_python(self, python: Path) -> None:
        self.python.setText(str(python))
        self._on_check()

    def _say_found(self) -> None:
        found = self._desk.checkout
        self._say(found.says if found else _EMPTY, "ok" if found else "muted")

    def _say(self, words: str, role: str = "muted") -> None:
        self.remark.setText(words)
        set_role(self.remark, role)


def _field(name: str, placeholder: str) -> QLineEdit:
    field = QLineEdit()
    field.setAccessibleName(name)
    field.setPlaceholderText(placeholder)
    return field
