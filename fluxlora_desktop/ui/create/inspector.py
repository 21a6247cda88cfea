"""The inspector of the Photos step: the verdict, the findings, the chosen photo."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QScrollArea, QWidget

from fluxlora_desktop.domain.datasets import Dataset, DatasetPhoto, Finding
from fluxlora_desktop.domain.dismissals import keys_about
from fluxlora_desktop.domain.names import shown_name
from fluxlora_desktop.domain.pairs import pairs_of
from fluxlora_desktop.domain.ports import Files
from fluxlora_desktop.ui import theme
from fluxlora_desktop.ui.create.finding_list import FindingList
from fluxlora_desktop.ui.create.findings import DismissedLine, Verdict
from fluxlora_desktop.ui.create.photo_model import thumb_of
from fluxlora_desktop.ui.create.photo_paint import PhotoView
from fluxlora_desktop.ui.create.trainer_view import CropChoice, SizesView
from fluxlora_desktop.ui.desks.draft import Draft
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import (
    Card,
    button,
    column,
    follow,
    label,
    line,
    row,
    takers,
)
from fluxlora_desktop.ui.wording import file_size

_KEPT = "Nothing speaks against this photo."
_LEFT_OUT = "This photo is left out: it stays in the set and is not trained."
_PHOTO_SIDE = 288
_MARGIN = 16


class PhotoFactsView(QWidget):
    """One photo large, with what the trainer keeps of it, its name, size, pixels and format.

    `editing(hash)`, `keeping(hash, bool)` and `tracing(hash, name)`, which asks what the photo was
    used for, when its buttons are pressed.
    """

    closing = Signal()
    editing = Signal(str)
    keeping = Signal(str, bool)
    tracing = Signal(str, str)

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
        self._item: DatasetPhoto | None = None
        self.edit = button("Crop and turn", self._on_edit)
        self.edit.setObjectName("edit_photo")
        self.edit.setToolTip("Crop, straighten, turn or mirror this photo (E)")
        self.keep = button("Leave out", self._on_keep, role="quiet")
        self.keep.setObjectName("keep_photo")
        self.crop = CropChoice()
        self.crop.shown.connect(self.picture.show_kept)
        self.trace = button("What it was used for", self._on_trace, role="link")
        self.trace.setObjectName("trace_photo")
        self.trace.setToolTip("Which trainings and LoRAs this photo is in")
        acts = row(self.edit, self.keep, None, spacing=8)
        more = row(self.trace, None)
        parts = (self.picture, 4, head, self.facts, 4, acts, more, 4, self.crop, 4, line())
        self.setLayout(column(*parts, spacing=4))

    def _on_edit(self) -> None:
        if self._item is not None:
            self.editing.emit(self._item.sha256)

    def _on_keep(self) -> None:
        if self._item is not None:
            self.keeping.emit(self._item.sha256, not self._item.kept)

    def _on_trace(self) -> None:
        if self._item is not None:
            self.tracing.emit(self._item.sha256, shown_name(self._item.photo.name))

    def show_photo(self, item: DatasetPhoto, draft: Draft) -> None:
        """Show a photo of the draft."""
        self._item = item
        photo = item.seen
        name = shown_name(photo.name)
        self.picture.show_photo(thumb_of(item, self._files), name)
        self.name.setText(name)
        self.keep.setText("Leave out" if item.kept else "Keep it")
        self.keep.setToolTip(
            "Not trained, but still in the set (X)" if item.kept else "Train it (K)"
        )
        self.crop.show_photo(item, draft)
        follow(self.trace, self.crop)
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

    `mending`, `keeping`, `showing` and `comparing` carry a finding, `restoring` the keys of
    dismissed ones; `closing` asks to let go of the selection, `exporting` for the whole set as a
    folder; what is asked about the one photo comes from `photo`.
    `leaving()` when the keyboard was at the last remark, and there is none left.
    """

    mending = Signal(object)
    keeping = Signal(object)
    showing = Signal(object)
    comparing = Signal(object)
    restoring = Signal(object)
    closing = Signal()
    exporting = Signal()
    leaving = Signal()

    def __init__(self, thumbs: ThumbLoader, files: Files) -> None:
        super().__init__(margin=0, spacing=0)
        self.setFixedWidth(theme.INSPECTOR_WIDTH)
        self._files = files
        self.verdict = Verdict()
        self.photo = PhotoFactsView(thumbs, files)
        self.photo.closing.connect(self.closing)
        self.photo.hide()
        self._nothing = label("", "muted", wrap=True)
        self.list = FindingList(thumbs, after=takers(self.photo)[-1])
        self.list.leaving.connect(self.leaving)
        for mine, its in (
            (self.mending, self.list.mending),
            (self.keeping, self.list.keeping),
            (self.showing, self.list.showing),
            (self.comparing, self.list.comparing),
        ):
            its.connect(mine)
        self.dismissed = DismissedLine()
        self.dismissed.restoring.connect(self.restoring)
        self.sizes = SizesView()
        self.export = button("Export as a folder", self.exporting.emit, role="link")
        self.export.setObjectName("export_photos")
        self.export.setToolTip("Photos and captions as other trainers read them; it can come back")
        inside = QWidget()
        inside.setLayout(
            column(
                self.verdict,
                self.photo,
                self._nothing,
                self.list,
                self.dismissed,
                self.sizes,
                row(self.export, None),
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
        item = _the_one(draft, chosen)
        self.photo.setVisible(item is not None)
        findings, dismissed = draft.findings, draft.dismissed
        if item is not None:
            self.photo.show_photo(item, draft)
            findings = tuple(f for f in findings if item.sha256 in f.photos)
            dismissed = tuple(f for f in dismissed if keys_about([f], item.sha256))
        self.dismissed.show_dismissed(dismissed, item.sha256 if item is not None else "")
        self._nothing.setVisible(not (findings or dismissed))
        self._nothing.setText(_praise(draft, item))
        whole = item is None and bool(draft.dataset.kept)
        self.sizes.setVisible(whole)
        self.export.setVisible(whole)
        self.sizes.show_draft(draft)
        self.verdict.setVisible(bool(draft.dataset.photos))
        self._show_findings(findings, draft.dataset)

    def _show_findings(self, findings: tuple[Finding, ...], dataset: Dataset) -> None:
        pairs = {
            pair.finding: tuple(thumb_of(item, self._files) for item in pair.photos)
            for pair in pairs_of(findings, dataset)
        }
        self.list.show_remarks([(finding, pairs.get(finding, ())) for finding in findings])


def _praise(draft: Draft, item: DatasetPhoto | None) -> str:
    if item is not None:
        return _KEPT if item.kept else _LEFT_OUT
    if not draft.dataset.photos:
        return "Photos are checked as they arrive."
    if not draft.dataset.kept:
        return "All photos are left out: keep at least five."
    return "The photos are sharp, large enough and different from each other."


def _the_one(draft: Draft, chosen: tuple[str, ...]) -> DatasetPhoto | None:
    if len(chosen) != 1:
        return None
    return next((item for item in draft.dataset.photos if item.sha256 == chosen[0]), None)
