"""Where the optional detector of faces can be installed, the extra `test` brings it."""

from __future__ import annotations

import platform
import sys

import pytest

_BUILT = platform.machine() in {"x86_64", "AMD64"} and sys.version_info < (3, 14)
needs_detector = pytest.mark.skipif(
    not _BUILT, reason="the detector is not built for this computer"
)
