"""The one edge to the terminal: every console of every command, on which no data is obeyed.

Of what a renderable holds all that a terminal obeys is spelt out; nothing is taken for markup or an emoji,
and nothing becomes a link. What is not of Rich (`typer.echo`, tracebacks, a library's line) goes through
`tagstream.printable_streams`, which `tagstream.cli.main` puts around both streams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import IO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import PaddingDimensions
from rich.segment import Segment
from rich.style import StyleType
from rich.table import Column, Table
from rich.text import Span, Text

from schemas.printable import one_line, printable


class PrintableConsole(Console):
    """A console on which data is only ever shown."""

    def __init__(  # noqa: PLR0913 - one parameter an option
        self,
        *,
        stderr: bool = False,
        file: IO[str] | None = None,
        width: int | None = None,
        quiet: bool = False,
        soft_wrap: bool = False,
        force_terminal: bool | None = None,
    ) -> None:
        super().__init__(
            stderr=stderr,
            file=file,
            width=width,
            quiet=quiet,
            soft_wrap=soft_wrap,
            force_terminal=force_terminal,
            highlight=False,
            markup=False,
            emoji=False,
        )

    @property
    def file(self) -> IO[str]:
        """See `Console.file`: the stream below all proxies.

        Rich looks one deep. While a bar is shown one of Rich's own lies between two of ours, and would give
        back to this console all that it writes, for ever.
        """
        found = super().file
        while (below := getattr(found, "rich_proxied_file", None)) is not None:
            found = below
        return found

    @file.setter
    def file(self, new_file: IO[str]) -> None:
        self._file = new_file

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """See `Console.render`. A text is spelt out before it is laid out, the rest afterwards."""
        laid_out = _spelt_out(renderable) if isinstance(renderable, Text) else renderable
        for segment in super().render(laid_out, options):
            yield segment if segment.control else _shown(segment)

    def print_line(self, text: Text | str) -> None:
        """Print it as one line, however long: no name in it can begin a line that looks like ours."""
        self.print(in_one_line(text if isinstance(text, Text) else Text(text)), soft_wrap=True)


def in_one_line(text: Text) -> Text:
    """The same, with newlines spelt out, too."""
    return _spelt_out(text, one_line)


def _shown(segment: Segment) -> Segment:
    style = segment.style.update_link(None) if segment.style and segment.style.link else segment.style
    return Segment(printable(segment.text), style)


def _spelt_out(text: Text, spell: Callable[[str], str] = printable) -> Text:
    plain = text.plain
    if plain == spell(plain):
        return text

    def moved(place: int) -> int:
        return len(spell(plain[:place]))

    made = text.blank_copy(spell(plain))
    made.spans = [Span(moved(span.start), moved(span.end), span.style) for span in text.spans]
    return made


class PrintableTable(Table):
    """A table whose columns are as wide as what is shown in them."""

    @classmethod
    def grid(  # noqa: D102 - see `Table.grid`
        cls,
        *headers: Column | str,
        padding: PaddingDimensions = 0,
        collapse_padding: bool = True,
        pad_edge: bool = False,
        expand: bool = False,
    ) -> PrintableTable:
        return cls(
            *headers,
            box=None,
            padding=padding,
            collapse_padding=collapse_padding,
            show_header=False,
            show_footer=False,
            show_edge=False,
            pad_edge=pad_edge,
            expand=expand,
        )

    def add_row(
        self, *renderables: RenderableType | None, style: StyleType | None = None, end_section: bool = False
    ) -> None:
        """See `Table.add_row`."""
        super().add_row(*map(_cell, renderables), style=style, end_section=end_section)


def _cell(cell: RenderableType | None) -> RenderableType | None:
    if isinstance(cell, str):
        return printable(cell)
    return _spelt_out(cell) if isinstance(cell, Text) else cell
