"""CSV cells: what a spreadsheet would take for a formula is kept from being one, and reads back as it was.

A cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return gets an apostrophe in front of it, as
a person would type it there. `read` takes it off again: a file may go through a person's hands and back.
"""

from __future__ import annotations

import re
from typing import Final

_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")
"""With the apostrophes that such a cell may have of its own: `read` takes off one, and only one."""


def written(text: str) -> str:
    """The cell in which `text` is kept."""
    return f"'{text}" if _FORMULA.match(text) else text


def read(cell: str) -> str:
    """The text that `written` has put into `cell`; any other cell is what it says."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
