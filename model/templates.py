"""Templates of the pages and reports that people look at."""

from __future__ import annotations

from pathlib import Path

import jinja2


def environment(*folders: Path) -> jinja2.Environment:
    """Where templates are looked for in `folders`, in that order.

    What files, labels and errors say is escaped; a misspelt name in a template raises, and leaves no gap.
    """
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
