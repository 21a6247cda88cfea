"""The dialog that shows one line: photos, training, LoRA, pictures, each a way to its page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QDialog, QWidget

from fluxlora_desktop.domain.bases import title_of
from fluxlora_desktop.domain.gallery import PictureFilter, PictureQuery
from fluxlora_desktop.domain.lineage import Lineage
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.ports import Files
from fluxlora_desktop.domain.runs import Run
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui import theme
from fluxlora_desktop.ui.create.photo_paint import paint_cover, prepare
from fluxlora_desktop.ui.desks.lineage import Lines
from fluxlora_desktop.ui.scrolling import scrolling
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import Symbol, button, clear, column, label, line, row
from fluxlora_desktop.ui.wording import plural, when

_THUMB = 56
_SHOWN = 8
_IMPORTED = "It was imported: what it was trained on is not known here."
_RECOVERED = "It was found at its service: its photos are not there."
_GONE = "It is not in the library any more."


@dataclass(frozen=True, slots=True)
class Way:
    """A button that leads on: its words, the page, and what the page shall show."""

    says: str
    page: str
    what: object


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop of the line, in words and small pictures."""

    symbol: str
    title: str
    facts: tuple[str, ...]
    thumbs: tuple[Path, ...] = ()
    more: int = 0
    ways: tuple[Way, ...] = ()


class LineageDialog(QDialog):
    """Shows lines; `went(str, object)` names a page and what it shall show.

    `compare_requested(Run)` asks to compare a run, `train_requested(Lineage)` to train again with
    changes.
    """

    went = Signal(str, object)
    compare_requested = Signal(object)
    train_requested = Signal(object)

    def __init__(
        self, lines: Lines, *, files: Files, jobs: JobRunner, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(lines.title)
        self.setObjectName("lineage")
        self.resize(620, 660)
        self._lines, self._files = lines.lines, files
        self.thumbs = ThumbLoader(jobs, self)
        self.choice = QComboBox()
        self.choice.setAccessibleName("Which LoRA")
        for one in lines.lines:
            self.choice.addItem(_choice_words(one))
        self.choice.setVisible(len(lines.lines) > 1)
        self.choice.activated.connect(self._show)
        self._stops = column(spacing=0)
        self.compare = button("Compare with another training…", self._on_compare)
        self.train = button("Train again with changes", self._on_train, role="primary")
        close = button("Close", self.accept)
        self.nothing = label(lines.nothing, "muted", wrap=True)
        self.nothing.setVisible(not lines.lines)
        inside = column(self._stops, None)
        area = scrolling(inside, lines.title)
        foot = row(self.compare, None, close, self.train)
        self.setLayout(column(self.choice, self.nothing, area, foot, spacing=12, margin=16))
        self._show()

    def line(self) -> Lineage | None:
        """Return the line that is shown."""
        place = self.choice.currentIndex()
        return self._lines[place] if 0 <= place < len(self._lines) else None

    @Slot()
    def _show(self) -> None:
        clear(self._stops)
        shown = self.line()
        run = shown.run if shown else None
        versioned = shown is not None and shown.version is not None
        self.compare.setVisible(versioned)
        self.train.setVisible(shown is not None and (run is not None or shown.lora is not None))
        if shown is None:
            return
        stops = stops_of(shown, self._files)
        for number, stop in enumerate(stops):
            if number:
                self._stops.addWidget(line())
            self._stops.addWidget(_StopView(stop, self.thumbs, self._go))

    def _go(self, way: Way) -> None:
        self.accept()
        self.went.emit(way.page, way.what)

    def _on_compare(self) -> None:
        shown = self.line()
        if shown is not None and shown.run is not None:
            self.compare_requested.emit(shown.run)

    def _on_train(self) -> None:
        shown = self.line()
        if shown is not None:
            self.accept()
            self.train_requested.emit(shown)


def stops_of(shown: Lineage, files: Files) -> tuple[Stop, ...]:
    """Return the stops of a line from photos to pictures."""
    return (
        _photos_stop(shown, files),
        *([_run_stop(shown.run, shown)] if shown.run is not None else []),
        _lora_stop(shown),
        _pictures_stop(shown, files),
    )


def _photos_stop(shown: Lineage, files: Files) -> Stop:
    version = shown.version
    if version is None:
        recovered = shown.run is not None and shown.run.recovered
        known = shown.lora is not None or shown.run is not None
        why = _RECOVERED if recovered else _IMPORTED if known else _GONE
        return Stop("photos", "Photos", (why,))
    kept = version.kept
    captioned = sum(bool(item.caption.strip()) for item in kept)
    frozen = version.created_at
    at = f", as they were on {when(frozen)}" if frozen is not None else ""
    facts = f"{plural(len(kept), 'photo')}, {captioned} with a caption{at}"
    trigger = f"Trigger word {version.trigger_word}" if version.trigger_word else ""
    thumbs = tuple(files.photo_thumb(item.sha256, item.edits) for item in kept[:_SHOWN])
    words = tuple(part for part in (facts, trigger) if part)
    return Stop("photos", "Photos", words, thumbs, len(kept) - len(thumbs))


def _run_stop(run: Run, shown: Lineage) -> Stop:
    values = ", ".join(f"{name} {value}" for name, value in shown.parameters[1:])
    facts = [shown.trained_with, values]
    if run.trainer_version:
        facts.append(f"Trainer version {run.trainer_version[:12]}")
    if run.external_training_id:
        facts.append(f"Training {run.external_training_id}")
    ways = () if run.hidden else (Way("Show the training", "runs", run),)
    return Stop("runs", f"Training: {run.plan.name}", tuple(filter(None, facts)), ways=ways)


def _lora_stop(shown: Lineage) -> Stop:
    lora = shown.lora
    if lora is None:
        facts = [f"AutoV3 {shown.tensor_hash[:12]}"] if shown.tensor_hash else []
        none = "There is no LoRA of it." if shown.run is not None else _GONE
        return Stop("library", f"LoRA: {shown.name}", (none, *facts))
    gone = lora.trashed_at is not None
    ways = () if gone else (Way("Show in library", "library", lora.id),)
    return Stop("library", f"LoRA: {lora.name}", _lora_facts(lora), ways=ways)


def _lora_facts(lora: Lora) -> tuple[str, ...]:
    base = f"{title_of(lora.base)}, " if lora.base else ""
    facts = [f"{base}strength {lora.recommended_scale:g}"]
    if lora.trashed_at is not None:
        facts.append("It lies in the trash.")
    facts.append(f"AutoV3 {lora.short_hash}, SHA-256 {lora.sha256[:16]}…")
    if lora.publication is not None:
        facts.append(f"{lora.publication.repo}@{lora.publication.commit[:12]}")
    return tuple(facts)


def _pictures_stop(shown: Lineage, files: Files) -> Stop:
    count = shown.picture_count
    if not count:
        return Stop("gallery", "Pictures", ("None was made with it yet.",))
    thumbs = tuple(files.resolve(p.thumb) for p in shown.pictures if p.thumb)
    ways: tuple[Way, ...] = ()
    if shown.lora is not None:
        them = PictureFilter(PictureQuery(lora_id=shown.lora.id))
        ways = (Way("Show them in the gallery", "gallery", them),)
    made = f"{plural(count, 'picture')} made with it"
    return Stop("gallery", "Pictures", (made,), thumbs, count - len(thumbs), ways)


def _choice_words(one: Lineage) -> str:
    if one.run is not None:
        return f"{one.name}, trained {when(one.run.created_at)}"
    return one.name


class _StopView(QWidget):
    """Shows one stop."""

    def __init__(self, stop: Stop, thumbs: ThumbLoader, go: Callable[[Way], None]) -> None:
        super().__init__()
        self.setAccessibleName(f"{stop.title}. {' '.join(stop.facts)}")
        says = [label(stop.title, "section")]
        says += [label(fact, "muted", wrap=True) for fact in stop.facts]
        parts: list[QWidget] = list(says)
        if stop.thumbs:
            parts.append(_Strip(stop.thumbs, stop.more, thumbs))
        words = column(*parts, spacing=4)
        for way in stop.ways:
            words.addLayout(row(button(way.says, partial(go, way), role="link"), None))
        symbol = Symbol(stop.symbol, "accent_text", 20)
        laid = row(symbol, words, spacing=12, margin=12)
        laid.setAlignment(symbol, Qt.AlignmentFlag.AlignTop)
        laid.setStretch(1, 1)
        self.setLayout(laid)


class _Strip(QWidget):
    """Some small pictures in a row, and how many more there are."""

    def __init__(self, paths: Sequence[Path], more: int, thumbs: ThumbLoader) -> None:
        super().__init__()
        self._paths, self._thumbs = {str(path) for path in paths}, thumbs
        self._order, self._more = tuple(paths), more
        self.setFixedHeight(_THUMB)
        thumbs.ready.connect(self._on_ready)

    def sizeHint(self) -> QSize:
        """Return the room for all of them."""
        return QSize(len(self._order) * (_THUMB + 6) + 60, _THUMB)

    @Slot(str)
    def _on_ready(self, path: str) -> None:
        if path in self._paths:
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint as many as fit, the rest as a number."""
        painter = QPainter(self)
        prepare(painter)
        room = max(1, (self.width() - 50) // (_THUMB + 6))
        shown = self._order[:room]
        for place, path in enumerate(shown):
            box = QRectF(place * (_THUMB + 6), 0, _THUMB, _THUMB)
            picture = self._thumbs.get(path, _THUMB, fill=True)
            paint_cover(painter, box, picture, theme.THUMB_RADIUS)
        more = self._more + len(self._order) - len(shown)
        if more:
            painter.setPen(theme.color("muted"))
            painter.setFont(theme.font(theme.BODY))
            box = QRectF(len(shown) * (_THUMB + 6) + 4, 0, 60, _THUMB)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, f"+{more:,}")
        painter.end()
