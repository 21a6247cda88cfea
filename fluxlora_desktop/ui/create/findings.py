"""Findings in words, each with what one click can do about it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QWidget

from fluxlora_desktop.domain.datasets import Finding, Mend, Readiness, Severity
from fluxlora_desktop.domain.dismissals import keys_about
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
    Mend.ADD_PHOTOS: "Add photos",
    Mend.CHANGE_TRIGGER: "Change the trigger word",
    Mend.ADD_TRIGGER: "Add it to the captions",
    Mend.TRIM: "Trim the bars",
}
_INDENT = 21
"""Lets the words of link buttons begin where the sentence above begins."""
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
    """One finding; `mending`, `keeping` and `showing` carry it when its buttons are pressed."""

    mending = Signal(object)
    keeping = Signal(object)
    showing = Signal(object)

    def __init__(self, finding: Finding) -> None:
        super().__init__()
        self.finding = finding
        self.setProperty("role", "notice")
        self.setObjectName(f"finding_{finding.what}")
        mark = Symbol(*_SYMBOLS[finding.severity], 18)
        mark.setFixedSize(QSize(18, 20))
        self._says = label(finding.says, wrap=True)
        acts = row(_INDENT, spacing=4)
        if finding.mend is not Mend.NONE:
            mend = button(_MENDS[finding.mend], self._on_mend, role="link")
            mend.setObjectName("mend")
            acts.addWidget(mend)
        if finding.severity is not Severity.BLOCK:
            keep = button("Keep anyway", self._on_keep, role="link")
            keep.setObjectName("keep")
            keep.setAccessibleName(f"Keep anyway: {finding.says}")
            acts.addWidget(keep)
        acts.addStretch(1)
        if finding.photos:
            show = button("Show", self._on_show, role="link")
            show.setObjectName("show")
            show.setAccessibleName(f"Show: {finding.says}")
            acts.addWidget(show)
        sentence = row(spacing=8)
        sentence.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        sentence.addWidget(self._says, 1)
        self.setLayout(column(sentence, acts, spacing=4, margin=10))

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
