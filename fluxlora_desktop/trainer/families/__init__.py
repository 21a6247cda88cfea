"""The bases that LoRAs are trained for, a module for each family of them.

A family is named by the base's key. Its module is imported when it is asked for, since it brings
torch and diffusers.
"""

from __future__ import annotations

from importlib import import_module

from .base import Family

MODULES = {
    "flux.1-dev": "flux1",
    "flux.2-dev": "flux2",
    "flux.2-klein-4b": "flux2",
    "flux.2-klein-9b": "flux2",
}
"""Base key -> module here; each module has `FAMILIES`, a table of its families by key."""


def family_of(base: str) -> Family:
    """Return the family of a base.

    Raises KeyError for a base that nobody knows, ImportError where the installed libraries lack it.
    """
    families: dict[str, Family] = import_module(f".{MODULES[base]}", __package__).FAMILIES
    return families[base]
