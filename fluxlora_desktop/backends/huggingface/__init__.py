"""Hugging Face: where LoRAs are published. Imported after the first paint, for it is slow.

huggingface_hub reads its switches once, at import; whatever a person has set stays. Without them
it would report to the hub which program runs, use a token that lies on the disk, draw progress
bars on stderr, and upload by Xet, which neither reports progress nor can be stopped.
"""

from __future__ import annotations

import os

_SWITCHES = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_XET": "1",
}

for _name, _value in _SWITCHES.items():
    os.environ.setdefault(_name, _value)
