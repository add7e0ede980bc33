"""Damage: what a decoder says of a file that it cannot decode, in plain words."""

from __future__ import annotations

import re
from typing import Final

from model.refusals import signatures

CUT = "it is cut short"
BROKEN = "its pixels cannot be decoded"
UNSUPPORTED = "it is compressed in a way that is not supported"

PLAIN: Final = (
    ("truncated", CUT),
    ("not enough", CUT),
    ("insufficient", CUT),
    ("premature end", CUT),
    ("end of file", CUT),
    ("too small", CUT),
    ("broken data stream", BROKEN),
    ("unrecognized data stream", BROKEN),
    ("cannot decode", BROKEN),
    ("decod", BROKEN),
    ("buffer overrun", BROKEN),
    ("corrupt", BROKEN),
    ("bad huffman", BROKEN),
    ("not been built in", UNSUPPORTED),
    ("unsupported", UNSUPPORTED),
    ("security limit", "it is made of more pieces than any photograph"),
    ("too large", "it unpacks to more than any photograph"),
    ("meta box", "its description is missing"),
    ("invalid progressive", BROKEN),
    ("-bit layers", "it has more bits a sample than are read"),
    ("cannot identify", "its header cannot be read"),
)
"""(words, sentence): decoders say the same in many ways, Pillow with the address of a buffer."""

WORDING: Final = re.compile(r"^(?:(?:Invalid input|Unspecified|Memory allocation error|Usage error): )+")
"""In front of what libheif says of a file."""


def told(error: Exception, data: bytes) -> str:
    """Why the file cannot be decoded, by what a decoder raised for it.

    What the product's own decoders raise is a `ValueError` in plain words. What Pillow itself raises and
    nobody has put into words yet is left out: it speaks of Pillow's inside, not of the file.
    """
    kind = signatures.begins_as(data)
    return f"damaged {kind} image: {_plainly(error)}" if kind else f"damaged image: {_plainly(error)}"


def _plainly(error: Exception) -> str:
    said = str(error)
    if type(error) in {ValueError, RuntimeError, EOFError} and said:
        own = WORDING.sub("", said)
        return next((plain for words, plain in PLAIN if words in said.lower()), own)
    return next((plain for words, plain in PLAIN if words in said.lower()), "it cannot be read")
