"""Findings in words, each with what one click can do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QWidget

from fluxlora_desktop.domain.datasets import Finding, Mend, Readiness, Severity
from fluxlora_desktop.domain.dismissals import PAIRED, keys_about
from fluxlora_desktop.ui.create.pair_view import PairThumbs
from fluxlora_desktop.ui.widgets import Symbol, button, column, label, row
from fluxlora_desktop.ui.wording import plural

_SYMBOLS = {
    Severity.NOTE: ("info", "muted"),
    Severity.WARN: ("warning", "warn"),
    Severity.BLOCK: ("error", "danger"),
}
_MENDS = {
    Mend.REMOVE: "Remove it",
    Mend.KEEP_SHARPER: "Keep the sharper one",
    Mend.KEEP_ONE: "Keep one of them",
    Mend.ADD_PHOTOS: "Add photos",
    Mend.CHANGE_TRIGGER: "Change the trigger word",
    Mend.ADD_TRIGGER: "Add it to the captions",
    Mend.TRIM: "Trim the bars",
    Mend.CROP: "Crop it",
}
_LONG = frozenset({Mend.CHANGE_TRIGGER, Mend.ADD_TRIGGER, Mend.TRIM})
"""What is said in so many words that the card has no room for more buttons beside it."""
_INDENT, _INSET = 21, 5
"""Lets the words of link buttons, and pictures, begin where the sentence above begins."""
_VERDICTS = {
    Readiness.READY: ("check", "ok", "Ready"),
    Readiness.ATTENTION: ("warning", "warn", "Needs attention"),
    Readiness.BLOCKED: ("error", "danger", "Blocked"),
}


class Verdict(QWidget):
    """The sum of all findings: an icon, a word, and how many there are."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("photos_verdict")
        self._symbol = Symbol("check", "ok", 22)
        self.word = label("", "section")
        self._count = label("", "muted")
        self.setLayout(row(self._symbol, self.word, None, self._count, spacing=8))

    def show_verdict(self, readiness: Readiness, findings: tuple[Finding, ...]) -> None:
        """Show the verdict over findings."""
        symbol, tint, word = _VERDICTS[readiness]
        self._symbol.show_symbol(symbol, tint)
        self.word.setText(word)
        count = plural(len(findings), "remark") if findings else "Nothing to remark"
        self._count.setText(count)
        self.setAccessibleName(f"{word}. {count}")


class FindingCard(QFrame):
    """One finding; `mending`, `keeping` and `showing` carry it when its buttons are pressed.

    With the small photos of a pair it also offers to compare them: `comparing`.
    """

    mending = Signal(object)
    keeping = Signal(object)
    showing = Signal(object)
    comparing = Signal(object)

    def __init__(self, finding: Finding, pair: PairThumbs | None = None) -> None:
        super().__init__()
        self.finding = finding
        self.setProperty("role", "notice")
        self.setObjectName(f"finding_{finding.what}")
        mark = Symbol(*_SYMBOLS[finding.severity], 18)
        mark.setFixedSize(QSize(18, 20))
        self._says = label(finding.says, wrap=True)
        sentence = row(spacing=8)
        sentence.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        sentence.addWidget(self._says, 1)
        laid = column(sentence, spacing=4, margin=10)
        if pair is not None:
            laid.addLayout(self._make_pair(pair))
        for line in self._make_acts(beside_pair=pair is not None):
            laid.addLayout(line)
        self.setLayout(laid)

    def _make_pair(self, pair: PairThumbs) -> QHBoxLayout:
        pair.pressed.connect(self._on_compare)
        compare = self._link("compare", "Compare", self._on_compare)
        links = column(None, compare, self._make_show(), None, spacing=0)
        made = row(_INDENT + _INSET, pair, 4, links, None, spacing=0)
        made.setContentsMargins(0, 4, 0, 0)
        return made

    def _make_acts(self, *, beside_pair: bool) -> tuple[QHBoxLayout, ...]:
        """Return the lines of buttons: two where the first one's words are long."""
        finding = self.finding
        acts = rest = row(_INDENT, spacing=4)
        if finding.mend is not Mend.NONE:
            mend = button(_MENDS[finding.mend], self._on_mend, role="link")
            mend.setObjectName("mend")
            acts.addWidget(mend)
        if finding.mend in _LONG:
            acts.addStretch(1)
            rest = row(_INDENT, spacing=4)
        if finding.severity is not Severity.BLOCK:
            words = "Keep both" if finding.what in PAIRED else "Keep anyway"
            rest.addWidget(self._link("keep", words, self._on_keep))
        rest.addStretch(1)
        if finding.photos and not beside_pair:
            rest.addWidget(self._make_show())
        return (acts,) if rest is acts else (acts, rest)

    def _make_show(self) -> QPushButton:
        return self._link("show", "Show", self._on_show)

    def _link(self, name: str, words: str, clicked: Callable[[], object]) -> QPushButton:
        made = button(words, clicked, role="link")
        made.setObjectName(name)
        made.setAccessibleName(f"{words}: {self.finding.says}")
        return made

    def _on_compare(self) -> None:
        self.comparing.emit(self.finding)

    def holds_focus(self) -> bool:
        """Tell whether the keyboard is at one of the buttons."""
        here = self.focusWidget()
        return here is not None and here.hasFocus()

    def take_focus(self) -> None:
        """Bring the keyboard to the first button."""
        self.findChildren(QPushButton)[0].setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_mend(self) -> None:
        self.mending.emit(self.finding)

    def _on_keep(self) -> None:
        self.keeping.emit(self.finding)

    def _on_show(self) -> None:
        self.showing.emit(self.finding)


class DismissedLine(QWidget):
    """How many remarks are dismissed; `restoring` carries their keys when they shall come back."""

    restoring = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._keys: frozenset[str] = frozenset()
        self.says = label("", "muted")
        again = button("Show again", self._on_again, role="link")
        again.setObjectName("show_dismissed")
        again.setAccessibleName("Show dismissed remarks again")
        self.setLayout(row(self.says, again, None, spacing=4))

    def show_dismissed(self, findings: Sequence[Finding], sha256: str = "") -> None:
        """Count findings that are dismissed, of the set or of one photo; none hides the line."""
        self._keys = keys_about(findings, sha256)
        self.says.setText(f"{plural(len(findings), 'remark')} dismissed")
        self.setVisible(bool(findings))

    def _on_again(self) -> None:
        self.restoring.emit(self._keys)
