"""After a restore, nothing goes on by itself that may have been paid for since the backup."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from fluxlora_desktop.domain.money import Certainty
from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.domain.runs import RunState
from fluxlora_desktop.store.errors import translate_storage_errors

# Plain SQL over columns that every revision has: a backup may be older than this app's schema.
_RUNS = """
    UPDATE runs SET failed_at = state, state = :failed, error = :says, error_kind = 'AppError',
        attention = '', finished_at = :now, updated_at = :now
    WHERE state IN ('packaging', 'uploading', 'launching') AND NOT EXISTS (
        SELECT 1 FROM effects WHERE kind = 'training' AND subject = runs.id
        AND effects.state IN ('in_flight', 'unknown', 'confirmed'))
"""
_EVENTS = """
    INSERT INTO run_events (run_id, at, kind, text)
    SELECT id, :now, 'state', :failed FROM runs WHERE error = :says AND finished_at = :now
"""
_CHARGES = """
    INSERT OR IGNORE INTO charges
        (id, service, kind, amount_usd, at, certainty, run_id, picture_id, note)
    SELECT 'picture-' || p.id, p.generator, 'picture',
        coalesce((SELECT max(e.price_usd) FROM effects e
                  WHERE e.kind = 'picture' AND e.subject = p.id), 0),
        :now, :maybe, NULL, p.id, substr(p.prompt, 1, 80)
    FROM pictures p WHERE p.state IN ('waiting', 'making')
"""
_PICTURES = """
    UPDATE pictures SET state = :maybe_charged, error = :says WHERE state IN ('waiting', 'making')
"""


def hold_what_may_have_gone_on(path: Path, backed_up: datetime, now: datetime) -> None:
    """Stop the runs and pictures of a restored database that were about to be sent.

    The backup does not know what was sent after it was made, so a run that was on its way to its
    launch waits for a person's click, and a picture counts as one that may have been charged. A
    launch that the journal knows as sent stays: the service is asked for its mark.
    """
    at = f"{backed_up:%Y-%m-%d %H:%M} UTC"
    words = {
        "now": now.isoformat(timespec="microseconds"),
        "failed": RunState.FAILED.value,
        "maybe": Certainty.MAYBE.value,
        "maybe_charged": PictureState.MAYBE_CHARGED.value,
    }
    run_says = (
        f"The library was restored from its backup of {at}. This training may have been started "
        "since; the app looks for it at the service. Nothing is sent again by itself."
    )
    picture_says = (
        f"The library was restored from its backup of {at}. This picture may have been made and "
        "charged since; it is not sent again."
    )
    with translate_storage_errors(path), closing(sqlite3.connect(path)) as raw, raw:
        if not raw.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone():
            return
        raw.execute(_RUNS, words | {"says": run_says})
        raw.execute(_EVENTS, words | {"says": run_says})
        raw.execute(_CHARGES, words)
        raw.execute(_PICTURES, words | {"says": picture_says})
