"""The guards of the window's tests hold here too."""

from tests.ui.conftest import _collect_in_gui_thread_only, _leaves_nothing_behind

__all__ = ["_collect_in_gui_thread_only", "_leaves_nothing_behind"]
