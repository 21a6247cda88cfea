"""Which captions a list shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fluxlora_desktop.domain.caption_counts import count_words
from fluxlora_desktop.domain.datasets import DatasetPhoto, Finding


@dataclass(frozen=True, slots=True)
class CaptionFilter:
    """What a caption must be like to be shown; everything that is set must hold.

    `words` are all in the caption or the photo's name, `shorter` and `longer` are numbers of words
    that it has less or more than, `finding` is a check (`Finding.what`) that names the photo.
    """

    words: str = ""
    missing: bool = False
    shorter: int | None = None
    longer: int | None = None
    finding: str = ""

    def __bool__(self) -> bool:
        return self != CaptionFilter()

    def shows(self, item: DatasetPhoto, findings: Iterable[Finding] = ()) -> bool:
        """Tell whether a photo's caption is shown."""
        if not self:
            return True
        text = f"{item.caption}\n{item.photo.name}".casefold()
        count = count_words(item.caption)
        sha256 = item.photo.sha256
        return (
            all(word in text for word in self.words.casefold().split())
            and not (self.missing and item.caption.strip())
            and (self.shorter is None or count < self.shorter)
            and (self.longer is None or count > self.longer)
            and (not self.finding or any(self._names(one, sha256) for one in findings))
        )

    def _names(self, finding: Finding, sha256: str) -> bool:
        return finding.what == self.finding and sha256 in finding.photos
