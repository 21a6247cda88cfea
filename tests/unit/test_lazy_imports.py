"""Before the first paint only Qt and the standard library are imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

SLOW = (
    *("sqlalchemy", "alembic", "replicate", "huggingface_hub", "keyring", "numpy", "pyqtgraph"),
    *("PIL", "pillow_heif", "httpx", "httpcore", "httpx2", "pydantic", "stamina"),
    *("starlette", "uvicorn"),
)
PROGRAM = """
import sys
{first}
from PySide6.QtWidgets import QApplication
import fluxlora_desktop.app as app

def look():
    print("painted")
    print("slow:", *sorted(set({slow!r}) & set(sys.modules)))
    QApplication.quit()

app._tell_and_quit = look
code = app.run(app.Options(practice={practice}, exit_after_first_paint=True))
sys.exit(code)
"""


def slow_at_first_paint(*, practice: bool, first: str = "") -> set[str]:
    """Show the window in a process of its own; return which slow modules were there by then."""
    program = PROGRAM.format(first=first, slow=SLOW, practice=practice)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    painted, slow = ended.stdout.splitlines()
    assert painted == "painted"
    return set(slow.split()[1:])


@pytest.mark.parametrize("practice", [False, True], ids=["real", "practice"])
def test_window_is_painted_before_anything_slow_is_imported(practice: bool) -> None:
    assert slow_at_first_paint(practice=practice) == set()


def test_slow_import_would_be_seen() -> None:
    assert slow_at_first_paint(practice=False, first="import PIL") == {"PIL"}
