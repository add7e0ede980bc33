"""The generated parts of the documentation's pages: found by their marks, and written anew.

    <!-- generated: fields ImageUploaded -->
    (what `blocks.rendered("fields ImageUploaded")` says)
    <!-- end -->

Everything outside of such marks is written by people and stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tools.reference import blocks

_MARKED: Final = re.compile(r"<!-- generated: (?P<what>[^\n]+?) -->\n.*?<!-- end -->", re.DOTALL)


def renewed(text: str) -> str:
    """The page with every generated part as the code has it now; raises `LookupError` for an unknown one."""
    return _MARKED.sub(lambda found: _marked(found["what"]), text)


def stale(folder: Path) -> Iterator[Path]:
    """The pages of `folder` that say something else than the code does."""
    for page in pages(folder):
        text = page.read_text(encoding="utf-8")
        if renewed(text) != text:
            yield page


def renew(folder: Path) -> Iterator[Path]:
    """Write every stale page anew, and say which."""
    for page in stale(folder):
        page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
        yield page


def pages(folder: Path) -> tuple[Path, ...]:
    """Every page below `folder`, or that page alone."""
    return (folder,) if folder.is_file() else tuple(sorted(folder.rglob("*.md")))


def _marked(what: str) -> str:
    return f"<!-- generated: {what} -->\n{blocks.rendered(what)}\n<!-- end -->"
