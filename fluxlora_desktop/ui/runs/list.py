"""The list of runs at the left: newest first, by mouse and by keyboard."""

from __future__ import annotations

from PySide6.QtCore import Qt

from fluxlora_desktop.ui.picklist import PickList
from fluxlora_desktop.ui.runs.delegate import RunDelegate
from fluxlora_desktop.ui.runs.model import RunRow
from fluxlora_desktop.ui.thumbs import ThumbLoader


class RunList(PickList[RunRow]):
    """Shows runs; Delete asks to take a finished one off the list."""

    def __init__(self, thumbs: ThumbLoader) -> None:
        super().__init__(RunDelegate(thumbs), thumbs)
        self.setAccessibleName("Trainings, newest first")
        self.setObjectName("run_list")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
