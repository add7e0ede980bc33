r"""Output encoding: what a terminal or a browser would obey instead of show is spelt out, as `\u001b`.

Keys, ids, labels, comments and file names are a stranger's. A control character among them moves the cursor,
renames the window or hides a line; a bidi control shows `gpj.exe` as `exe.jpg`. The spelling is JSON's, so
that a JSON document in which it stands is still the same document.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TextIO

_OBEYED: Final = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
"""C0 but tab and newline, DEL, C1, what turns the direction of writing, line separators, half characters."""

_TEXT: Final = re.compile(f"[{_OBEYED}]")
_LINE: Final = re.compile(f"[\t\n{_OBEYED}]")


def printable(text: str) -> str:
    """`text` with all spelt out that is obeyed and not shown; tabs and newlines stay."""
    return _TEXT.sub(_spelt, text)


def one_line(text: str) -> str:
    """The same with tabs and newlines spelt out, too: no name can pass for a line of its own."""
    return _LINE.sub(_spelt, text)


def _spelt(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


class PrintableStream:
    """Decorator of standard output or standard error: whoever writes, what is obeyed is spelt out."""

    def __init__(self, raw: TextIO) -> None:
        self.rich_proxied_file = raw
        """Rich's word for the stream below: a console of Rich's writes there, since its codes are its own."""

    def write(self, text: str) -> int:
        """See `io.TextIOBase.write`."""
        self.rich_proxied_file.write(printable(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """See `io.IOBase.writelines`."""
        for line in lines:
            self.write(line)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            return getattr(self.rich_proxied_file, name)


def raw(stream: TextIO) -> TextIO:
    """The stream below, for whoever writes codes of his own and has spelt out the rest."""
    return stream.rich_proxied_file if isinstance(stream, PrintableStream) else stream
