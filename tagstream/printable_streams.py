"""Decorators around standard output and standard error, for what does not go through a console of ours."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from schemas.printable import PrintableStream


@contextmanager
def around_both() -> Iterator[None]:
    """Standard output and standard error without anything that a terminal obeys, while the block lasts."""
    before = sys.stdout, sys.stderr
    wrap()
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def wrap() -> None:
    """Put the decorator around both streams, where it is not there yet."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, PrintableStream):
            setattr(sys, name, PrintableStream(stream))
