"""Templates of the pages and reports that people look at."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup

from schemas.printable import printable

_ISOLATED: Final = "\u2068{}\u2069"
"""A part with a direction of its own, in Unicode's terms: it serves in an attribute and in a title, too."""


def environment(*folders: Path) -> jinja2.Environment:
    """Where templates are looked for in `folders`, in that order.

    What files, labels and errors say is escaped, spelt out where a browser would obey it, and kept from
    turning round the words beside it where it is written from right to left; a misspelt name in a template
    raises, and leaves no gap.
    """
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        finalize=shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def shown(value: object) -> object:
    """What a template puts into a page for `value`; markup of our own stays as it is."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    text = printable(value)
    return _ISOLATED.format(text) if any(map(_turns, text)) else text


def _turns(character: str) -> bool:
    return unicodedata.bidirectional(character) in {"R", "AL"}
