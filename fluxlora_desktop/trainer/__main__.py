"""The program: `PYTHON /…/trainer JOBDIR`, or one of the words in `commands.USAGE`.

Started as a folder, it makes itself the package `trainer` and takes its folder off the path, so
that neither its modules nor anything of the app can be taken for someone else's.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

NAME = "trainer"


def become_package() -> str:
    """Make this folder a package and return its name."""
    if __package__:
        return __package__
    folder = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != folder]
    spec = spec_from_file_location(
        NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)
    return NAME


if __name__ == "__main__":
    sys.exit(import_module(f"{become_package()}.commands").main(sys.argv[1:]))
