"""Cells of CSV tables that a spreadsheet must not run.

Spreadsheets take a cell that begins with =, +, - or @ as a formula, and OWASP counts a tab and a
line break among these starts (https://owasp.org/www-community/attacks/CSV_Injection). Such cells
get an apostrophe in front, which reading takes away again.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def guarded(cell: str) -> str:
    """Return a cell's text as a spreadsheet takes it for text."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """Return the text that `guarded` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
