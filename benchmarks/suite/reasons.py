"""Reason for which something was not measured, in one line: what failed, and the last word on why."""

from __future__ import annotations

import textwrap
from typing import Final

MOST: Final = 300
"""Characters; what is beyond is cut between two words."""


def in_a_line(error: Exception) -> str:
    """What the error says; where a log follows, the line that it ends with."""
    lines = [" ".join(each.split()) for each in str(error).splitlines() if each.strip()]
    said = " ".join(dict.fromkeys((lines[0], lines[-1]))) if lines else type(error).__name__
    return textwrap.shorten(said, MOST, placeholder=" ...")
