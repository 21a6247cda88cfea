"""What differs between two states of a dataset."""

from __future__ import annotations

from dataclasses import dataclass

from fluxlora_desktop.domain.datasets import Dataset, DatasetPhoto, DatasetVersion


@dataclass(frozen=True, slots=True)
class CaptionChange:
    """A caption before and after; "" for none."""

    photo: DatasetPhoto
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class DatasetDiff:
    """How one state of a dataset became another; photos in the order of the state they are in.

    `trigger` is the trigger word before and after, None where it stayed.
    """

    added: tuple[DatasetPhoto, ...] = ()
    removed: tuple[DatasetPhoto, ...] = ()
    captions: tuple[CaptionChange, ...] = ()
    edited: tuple[DatasetPhoto, ...] = ()
    reordered: bool = False
    trigger: tuple[str, str] | None = None

    @property
    def empty(self) -> bool:
        """Tell whether nothing differs."""
        return self == DatasetDiff()


def compare(before: Dataset | DatasetVersion, after: Dataset | DatasetVersion) -> DatasetDiff:
    """Return what differs between the kept photos of two states."""
    old = {item.sha256: item for item in before.kept}
    new = {item.sha256: item for item in after.kept}
    both = [sha256 for sha256 in new if sha256 in old]
    words = (before.trigger_word.strip(), after.trigger_word.strip())
    return DatasetDiff(
        added=tuple(item for sha256, item in new.items() if sha256 not in old),
        removed=tuple(item for sha256, item in old.items() if sha256 not in new),
        captions=tuple(
            CaptionChange(new[sha256], old[sha256].caption, new[sha256].caption)
            for sha256 in both
            if old[sha256].caption.strip() != new[sha256].caption.strip()
        ),
        edited=tuple(new[sha256] for sha256 in both if old[sha256].edits != new[sha256].edits),
        reordered=both != [sha256 for sha256 in old if sha256 in new],
        trigger=words if words[0] != words[1] else None,
    )
