"""The inspector of the Photos step: the verdict, the findings, the chosen photo."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from fluxlora_desktop.domain.datasets import Finding, Photo
from fluxlora_desktop.domain.names import shown_name
from fluxlora_desktop.domain.ports import Files
from fluxlora_desktop.ui import theme
from fluxlora_desktop.ui.create.findings import FindingCard, Verdict
from fluxlora_desktop.ui.create.photo_paint import PhotoView
from fluxlora_desktop.ui.desks.draft import Draft
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import Card, button, clear, column, label, line, row
from fluxlora_desktop.ui.wording import file_size

_PHOTO_SIDE = 288
_MARGIN = 16


class PhotoFactsView(QWidget):
    """One photo large, with its name, size, pixels, format and what was noted on the way in."""

    closing = Signal()

    def __init__(self, thumbs: ThumbLoader, files: Files) -> None:
        super().__init__()
        self._files = files
        self.picture = PhotoView(thumbs, _PHOTO_SIDE)
        self.name = label("", "strong", wrap=True)
        self.facts = label("", "muted", wrap=True)
        back = button("All remarks", self.closing.emit, role="link")
        back.setObjectName("show_all_remarks")
        head = row(self.name, back, spacing=8)
        head.setStretch(0, 1)
        self.setLayout(column(self.picture, 4, head, self.facts, 4, line(), spacing=4))

    def show_photo(self, photo: Photo) -> None:
        """Show a photo of the draft."""
        name = shown_name(photo.name)
        self.picture.show_photo(self._files.photo_thumb(photo.sha256), name)
        self.name.setText(name)
        facts = photo.facts
        inside = theme.INSPECTOR_WIDTH - 2 * _MARGIN
        self.picture.setFixedHeight(min(_PHOTO_SIDE, round(inside * facts.height / facts.width)))
        parts = [
            f"{facts.width:,} x {facts.height:,} pixels",
            facts.format,
            file_size(photo.size_bytes),
        ]
        self.facts.setText("\n".join([" · ".join(parts), *map(_sentence, facts.notes)]))


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:]}" + ("" if note.endswith(".") else ".")


class PhotoInspector(Card):
    """What stands at the right of the grid.

    `mending`, `keeping` and `showing` carry a finding; `closing` asks to let go of the selection.
    """

    mending = Signal(object)
    keeping = Signal(object)
    showing = Signal(object)
    closing = Signal()

    def __init__(self, thumbs: ThumbLoader, files: Files) -> None:
        super().__init__(margin=0, spacing=0)
        self.setFixedWidth(theme.INSPECTOR_WIDTH)
        self._shown: tuple[Finding, ...] | None = None
        self.verdict = Verdict()
        self.photo = PhotoFactsView(thumbs, files)
        self.photo.closing.connect(self.closing)
        self.photo.hide()
        self._nothing = label("", "muted", wrap=True)
        self._list = QVBoxLayout()
        self._list.setSpacing(8)
        inside = QWidget()
        inside.setLayout(
            column(
                self.verdict,
                self.photo,
                self._nothing,
                self._list,
                None,
                spacing=12,
                margin=_MARGIN,
            )
        )
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(inside)
        self.body.addWidget(scroll)

    def show_draft(self, draft: Draft, chosen: tuple[str, ...]) -> None:
        """Show the verdict, and the remarks about the one chosen photo or about all."""
        self.verdict.show_verdict(draft.readiness, draft.findings)
        photo = _the_one(draft, chosen)
        self.photo.setVisible(photo is not None)
        findings = draft.findings
        if photo is not None:
            self.photo.show_photo(photo)
            findings = tuple(f for f in findings if photo.sha256 in f.photos)
        self._nothing.setVisible(not findings)
        self._nothing.setText(_praise(draft, photo))
        self.verdict.setVisible(bool(draft.dataset.photos))
        if findings != self._shown:
            self._shown = findings
            self._show_findings(findings)

    def _show_findings(self, findings: tuple[Finding, ...]) -> None:
        clear(self._list)
        for finding in findings:
            card = FindingCard(finding)
            card.mending.connect(self.mending)
            card.keeping.connect(self.keeping)
            card.showing.connect(self.showing)
            self._list.addWidget(card)


def _praise(draft: Draft, photo: Photo | None) -> str:
    if photo is not None:
        return "Nothing speaks against this photo."
    if not draft.dataset.photos:
        return "Photos are checked as they arrive."
    return "The photos are sharp, large enough and different from each other."


def _the_one(draft: Draft, chosen: tuple[str, ...]) -> Photo | None:
    if len(chosen) != 1:
        return None
    return next((i.photo for i in draft.dataset.photos if i.photo.sha256 == chosen[0]), None)
