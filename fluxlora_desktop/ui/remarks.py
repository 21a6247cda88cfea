"""What there is to tell once the library is open: where it lies, its backup, what came back."""

from __future__ import annotations

from collections.abc import Sequence

from fluxlora_desktop.domain.library import FilesLookedAt, Remark, RemarkKind, TakenIn
from fluxlora_desktop.system.settings import Settings
from fluxlora_desktop.ui.bars import NoticeBar
from fluxlora_desktop.ui.notices import Notice, Tone
from fluxlora_desktop.ui.units import plural


def words_of(event: object) -> str:
    """Return what to say while the library opens, "" for an event that says nothing."""
    if isinstance(event, FilesLookedAt):
        return f"Taking in what lies on the disk: {event.done:,} of {event.total:,}"
    return ""


def tell_opening(
    bar: NoticeBar, settings: Settings, remarks: Sequence[Remark], taken: TakenIn | None
) -> None:
    """Show the gravest thing there is to tell; where the library lies is told once."""
    notices = [] if taken is None else [notice_of_taken(taken)]
    for remark in remarks:
        if remark.kind is RemarkKind.OTHER_DEVICE:
            notices.append(notice_of(remark))
        elif remark.kind is RemarkKind.BACKUP_FAILED:
            notices.insert(0, notice_of(remark))
        elif not settings.flag(_flag(remark)):
            settings.set_flag(_flag(remark), True)
            notices.append(notice_of(remark))
    if notices:
        first = notices[0]
        more = " ".join(f"{notice.title} {notice.body}" for notice in notices[1:])
        body = f"{first.body} {more}".strip()
        bar.show_notice(Notice(first.title, body, first.tone, details=first.details))


def _flag(remark: Remark) -> str:
    return f"told_{remark.kind.value}_{remark.detail}".replace(" ", "_").replace("/", "_")


def notice_of(remark: Remark) -> Notice:
    """Return a remark in words."""
    if remark.kind is RemarkKind.BACKUP_FAILED:
        return Notice(
            "Today's backup of your library was not made.",
            "Your library is open and whole. The backup is tried again at the next start; make "
            "room on the disk if it is full.",
            Tone.WARN,
            details=remark.detail,
        )
    if remark.kind is RemarkKind.SYNCED:
        return Notice(
            f"Your library lies in a folder that {remark.detail} copies.",
            "A copy made in the middle of a change can be damaged, and two computers at once would "
            "overwrite each other's. A folder that is not synced is safer.",
            Tone.WARN,
            details=remark.detail,
        )
    if remark.kind is RemarkKind.OTHER_DEVICE:
        return Notice(
            f"This library was last open on {remark.detail}.",
            "Your services were asked what became of its trainings before anything goes on. Use it "
            "on one computer at a time.",
            Tone.INFO,
        )
    return Notice(
        "Your library lies on a network drive.",
        "It works, more slowly, and a broken connection can damage it. A disk of this computer is "
        "safer.",
        Tone.WARN,
        details=remark.detail,
    )


def notice_of_taken(taken: TakenIn) -> Notice:
    """Return in words what came back from the disk."""
    counts = (
        (taken.loras, "LoRA"),
        (taken.pictures, "picture"),
        (taken.photos, "photo"),
    )
    found = ", ".join(plural(count, noun) for count, noun in counts if count)
    were = "was" if sum(count for count, _noun in counts) == 1 else "were"
    body = f"{found} {were} taken in from the folder." if found else "Every file was known to it."
    if taken.left_out:
        body += f" {plural(len(taken.left_out), 'file')} could not be used and stayed there."
    details = "\n".join(taken.left_out)
    return Notice("Your library is open again.", body, Tone.OK, details=details)
