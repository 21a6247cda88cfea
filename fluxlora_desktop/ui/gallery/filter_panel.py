"""The panel that the Filter button opens: everything that pictures can be chosen by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from PySide6.QtCore import QDate, QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QDateEdit, QFrame, QGridLayout, QWidget

from fluxlora_desktop.domain.bases import title_of
from fluxlora_desktop.domain.gallery import EVERYTHING, Period, PictureFilter, PictureUses
from fluxlora_desktop.domain.services import service_title
from fluxlora_desktop.ui.gallery.filter_words import IMPORTED, MADE_HERE, PERIODS, RATINGS
from fluxlora_desktop.ui.widgets import button, column, inset, label, row

_WIDTH = 356
_HERE, _ELSEWHERE = "\0here", "\0imported"


class FilterPanel(QFrame):
    """Asks for a filter; each choice is told at once by `changed(PictureFilter)`."""

    changed = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("gallery_filter_panel")
        self.setProperty("role", "popup")
        self.setAccessibleName("Filter")
        self.setFixedWidth(_WIDTH)
        self._chosen = PictureFilter()
        self._names: dict[str, str] = {}
        self.lora = _combo("LoRA")
        self.base = _combo("Base model")
        self.generator = _combo("Made by")
        self.source = _combo("Came from")
        self.tag = _combo("Tag")
        self.rating = _combo("Rating")
        self.period = _combo("Made")
        self.first, self.last = _day_field("First day"), _day_field("Last day")
        self.favourite = QCheckBox("Only starred pictures")
        self.trashed = QCheckBox("Pictures in the trash")
        self.clear_all = button("Clear the filter", self._on_clear, role="link")
        self.done = button("Done", self.close)
        self._build()
        self.offer({}, PictureUses(), ())
        for combo in (self.lora, self.base, self.generator, self.source, self.tag):
            combo.activated.connect(self._tell)
        self.rating.addItems(RATINGS)
        for period, words in PERIODS.items():
            self.period.addItem(words, period)
        for choice in (self.rating, self.period):
            choice.activated.connect(self._tell)
        for box in (self.favourite, self.trashed):
            box.clicked.connect(self._tell)
        for day in (self.first, self.last):
            day.dateChanged.connect(self._tell)
        self.show_filter(self._chosen, date.today())

    def _build(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        self._days = QWidget()
        days = row(self.first, label("to", "muted"), self.last, spacing=8)
        days.setStretch(0, 1)
        days.setStretch(2, 1)
        self._days.setLayout(days)
        lines: tuple[tuple[str, QWidget], ...] = (
            ("LoRA", self.lora),
            ("Base model", self.base),
            ("Made by", self.generator),
            ("Made", self.period),
            ("Rating", self.rating),
            ("Tag", self.tag),
            ("Came from", self.source),
        )
        for place, (words, field) in enumerate(lines):
            name = label(words, "muted")
            name.setBuddy(field)
            grid.addWidget(name, 2 * place, 0)
            grid.addWidget(field, 2 * place, 1)
            if field is self.period:
                grid.addWidget(self._days, 2 * place + 1, 0, 1, 2)
        whole = column(
            grid,
            column(self.favourite, self.trashed, spacing=8),
            row(self.clear_all, None, self.done),
            spacing=14,
            margin=16,
        )
        self.setLayout(whole)

    def offer(
        self, loras: Mapping[str, str], uses: PictureUses, tags: Sequence[tuple[str, int]]
    ) -> None:
        """Offer what pictures were made with; `loras` are names by id, of the library."""
        self._names = {**dict(uses.loras), **loras}
        by_name = sorted(self._names.items(), key=lambda pair: pair[1].casefold())
        _fill(self.lora, "Any LoRA", [(name, key) for key, name in by_name])
        _fill(self.base, "Any base model", [(title_of(key), key) for key in uses.bases])
        made = [(service_title(key), key) for key in uses.generators]
        _fill(self.generator, "Any service", made)
        _fill(self.tag, "Any tag", [(f"{tag}  ({count:,})", tag) for tag, count in tags])
        programs = [(program, program) for program in uses.sources]
        _fill(
            self.source,
            "Anywhere",
            [(MADE_HERE, _HERE), *([(IMPORTED, _ELSEWHERE)] if programs else []), *programs],
        )

    def names(self) -> Mapping[str, str]:
        """Return the names of LoRAs by id, also of those that are gone."""
        return self._names

    def show_filter(self, chosen: PictureFilter, today: date) -> None:
        """Show what is asked for."""
        self._chosen = chosen
        query = chosen.query
        source = query.source
        if query.imported is not None:
            source = _ELSEWHERE if query.imported else _HERE
        for combo, value, words in (
            (self.lora, query.lora_id, self._names.get(query.lora_id, "A deleted LoRA")),
            (self.base, query.base, title_of(query.base) if query.base else ""),
            (self.generator, query.generator, service_title(query.generator)),
            (self.source, source, IMPORTED if source == _ELSEWHERE else source),
            (self.tag, query.tag, query.tag),
        ):
            if combo.findData(value) < 0:
                combo.addItem(words, value)
            combo.setCurrentIndex(combo.findData(value))
        self.rating.setCurrentIndex(query.rating)
        self.period.setCurrentIndex(self.period.findData(chosen.period))
        self._days.setVisible(chosen.period is Period.RANGE)
        for field, day in (
            (self.first, chosen.first or today - timedelta(days=6)),
            (self.last, chosen.last or today),
        ):
            with QSignalBlocker(field):
                field.setDate(QDate(day.year, day.month, day.day))
        self.favourite.setChecked(query.favourite)
        self.trashed.setChecked(query.trashed)
        self.clear_all.setEnabled(chosen != PictureFilter())
        self.adjustSize()

    @Slot()
    def _tell(self) -> None:
        source = self.source.currentData() or ""
        imported = {_HERE: False, _ELSEWHERE: True}.get(source)
        query = replace(
            self._chosen.query,
            lora_id=self.lora.currentData() or "",
            base=self.base.currentData() or "",
            generator=self.generator.currentData() or "",
            tag=self.tag.currentData() or "",
            source="" if imported is not None else source,
            imported=imported,
            rating=self.rating.currentIndex(),
            favourite=self.favourite.isChecked(),
            trashed=self.trashed.isChecked(),
        )
        period = Period(self.period.currentData())
        first = last = None
        if period is Period.RANGE:
            first, last = sorted((_date(self.first), _date(self.last)))
        self.changed.emit(PictureFilter(query, period, first, last))

    def _on_clear(self) -> None:
        sort = self._chosen.query.sort
        self.changed.emit(PictureFilter(replace(EVERYTHING, sort=sort)))


def _combo(says: str) -> QComboBox:
    made = QComboBox()
    made.setAccessibleName(says)
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(6)
    return made


def _day_field(says: str) -> QDateEdit:
    made = QDateEdit()
    made.setAccessibleName(says)
    made.setDisplayFormat("yyyy-MM-dd")
    made.setCalendarPopup(True)
    inset(made)
    return made


def _date(field: QDateEdit) -> date:
    day = field.date()
    return date(day.year(), day.month(), day.day())


def _fill(combo: QComboBox, everything: str, items: Sequence[tuple[str, str]]) -> None:
    kept = (combo.currentText(), combo.currentData() or "")
    combo.clear()
    combo.addItem(everything, "")
    for title, key in items:
        combo.addItem(title, key)
    if combo.findData(kept[1]) < 0:
        combo.addItem(*kept)
    combo.setCurrentIndex(combo.findData(kept[1]))
