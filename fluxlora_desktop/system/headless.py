"""Whether there is a screen to show a window on."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping


def has_display(environ: Mapping[str, str] | None = None, *, platform: str = sys.platform) -> bool:
    """Say whether a window would be seen: X11 or Wayland on Linux, always elsewhere."""
    if platform in ("win32", "darwin"):
        return True
    variables = os.environ if environ is None else environ
    return bool(variables.get("DISPLAY") or variables.get("WAYLAND_DISPLAY"))
