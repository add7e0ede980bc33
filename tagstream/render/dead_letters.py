"""Dead letters in the terminal: by cause, one whole, and what a redrive did."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import typer
from rich.console import Group, RenderableType
from rich.prompt import Confirm
from rich.text import Text

from operations import dead_letters
from operations.dead_letters import Letter
from operations.letter_reader import ReadProgress
from operations.redrive import RedriveRequest, RedriveResult, Tick
from schemas import topics
from schemas.errors import ConfigurationError
from schemas.wire import headers as wire_headers
from tagstream.render import progress, tables
from tagstream.render.console import PrintableConsole, in_one_line
from tagstream.render.tables import counted

_TRACE: Final = "exception.stacktrace"
_LONGEST: Final = 160
"""Characters of an example's cause."""


def show_groups(letters: Iterable[Letter], *, as_json: bool) -> None:
    """The letters by cause."""
    groups = dead_letters.grouped(letters)
    if as_json:
        for group in groups:
            typer.echo(json.dumps(group.document()))
    else:
        PrintableConsole().print(_groups(groups) if groups else Text("No letters", "green"), soft_wrap=True)


def show_letters(letters: Sequence[Letter], *, limit: int, hint: str = "", as_json: bool) -> None:
    """The newest `limit` letters one by one, the oldest of them first; `hint` where there are none."""
    shown = letters[-limit:]
    if as_json:
        for letter in shown:
            typer.echo(json.dumps(letter.document()))
        return
    console = PrintableConsole()
    if earlier := len(letters) - len(shown):
        console.print(Text(f"{counted(earlier, 'earlier letter')}: --limit N shows more", "dim"))
    for letter in shown:
        console.print_line(_line(letter))
    if not shown:
        console.print(Text(f"No such letters{hint}", "green"))


def show_one(letter: Letter, *, as_json: bool) -> None:
    """One letter."""
    if as_json:
        typer.echo(json.dumps(letter.document()))
    else:
        PrintableConsole().print(_letter(letter), soft_wrap=True)


def ask(selected: RedriveResult, request: RedriveRequest, *, as_json: bool) -> bool:
    """Whether the person at the terminal wants them sent; raises `ConfigurationError` where nobody is."""
    if as_json or not sys.stdin.isatty():
        raise ConfigurationError(
            "nobody is there to be asked: say --yes, or --dry-run to see what would be sent"
        )
    causes = ", ".join(sorted({letter.code for letter in selected.chosen}))
    asked = Text(f"Send {len(selected.chosen):,} letters back ({causes}), {request.rate:g} a second?")
    return Confirm.ask(asked, console=PrintableConsole(), default=False)


@contextmanager
def reading() -> Iterator[ReadProgress]:
    """A bar while letters are read."""
    with progress.on_terminal(*progress.columns("Reading", time="none")) as shown:
        bar = shown.add_task("", total=None)
        yield lambda done, total: shown.update(bar, completed=done, total=total)


@contextmanager
def sending(total: int) -> Iterator[Tick]:
    """A bar while letters are sent back, and what to do if that is broken off."""
    with progress.on_terminal(*progress.columns("Sending back")) as shown:
        bar = shown.add_task("", total=total)
        try:
            yield lambda count: shown.advance(bar, count)
        except KeyboardInterrupt:
            shown.console.print(
                "Interrupted: run it again, and it goes on where this one ended", style="yellow"
            )
            raise


def show_result(outcome: RedriveResult, *, dry_run: bool, as_json: bool) -> None:
    """What was sent back, what would be, and what stays."""
    if as_json:
        typer.echo(json.dumps(_document(outcome)))
        return
    console = PrintableConsole()
    earlier = f"; {outcome.earlier:,} more were sent back before" if outcome.earlier else ""
    if dry_run and outcome.chosen:
        console.print(f"{counted(len(outcome.chosen), 'letter')} would be sent back{earlier}")
        console.print(_groups(dead_letters.grouped(outcome.chosen)), soft_wrap=True)
    elif not outcome.chosen:
        console.print(f"No such letters{earlier}")
    elif outcome.redriven is None:
        console.print("Nothing was sent")
    else:
        console.print(f"{counted(outcome.redriven, 'letter')} sent back{earlier}")
    for each in outcome.refused:
        _, partition, offset = each.letter.place
        console.print(Text(f"{partition}:{offset} stays: {each.why}", "red"))


def _document(outcome: RedriveResult) -> dict[str, Any]:
    refused = [
        {"partition": each.letter.place[1], "offset": each.letter.place[2], "why": each.why}
        for each in outcome.refused
    ]
    hopeless = {each.letter.place for each in outcome.refused} - {each.place for each in outcome.chosen}
    return {
        "selected": len(outcome.chosen) + len(hopeless),
        "redriven": outcome.redriven or 0,
        "redriven_before": outcome.earlier,
        "refused": refused,
    }


def _groups(groups: Sequence[dead_letters.LetterGroup]) -> RenderableType:
    lines = (line for group in groups for line in (_group(group), _example(group.example)))
    return Group(*map(in_one_line, lines))


def _group(group: dead_letters.LetterGroup) -> Text:
    parking = " on parking" if group.topic == topics.PARKING else ""
    return Text.assemble(
        (group.code, "bold red"),
        f" in {', '.join(group.stages)}{parking}: ",
        (counted(group.count, "letter"), "bold"),
        (f", {group.redriven:,} sent back" if group.redriven else "", "yellow"),
        (f", suspected since {_time(group.suspected_since)}" if group.suspected_since else "", "yellow"),
        (f"  {_span(group.first, group.last)}", "dim"),
    )


def _span(first: datetime | None, last: datetime | None) -> str:
    return _time(first) if first == last else f"{_time(first)} to {_time(last)}"


def _line(letter: Letter) -> Text:
    parking = " on parking" if letter.place[0] == topics.PARKING else ""
    again = ", sent back" if letter.is_redriven else ""
    about = (f"{_time(letter.message.timestamp)} ", "dim"), (letter.code, "bold red"), f"{parking}{again}"
    return Text.assemble(*about, _example(letter))


def _example(example: Letter) -> Text:
    _, partition, offset = example.place
    error = example.causes.get("exception.message", "")[:_LONGEST]
    return Text.assemble(
        (f"  {partition}:{offset}", "bold"), f"  {example.image_id or '-'}  ", (error, "dim")
    )


def _letter(letter: Letter) -> RenderableType:
    topic, partition, offset = letter.origin
    why = letter.causes
    key = (letter.message.key or b"").decode(errors="backslashreplace")
    facts = {
        "cause": f"{letter.code} in {why.get('stage', '?')}",
        "error": f"{why.get('exception.class.name', '?')}: {why.get('exception.message', '')}",
        "image": letter.image_id or "-",
        "written": _time(letter.message.timestamp),
        "came from": f"{topic}, partition {partition}, offset {offset}",
        "key": key or "-",
        "attempts": why.get("attempts", "-"),
        **({"suspected": f"too many are {why['suspected']}"} if why.get("suspected") else {}),
        "sent back": _sent_back(letter),
    }
    headers = {
        name: value.decode(errors="backslashreplace")
        for name, value in wire_headers.as_it_came(letter.message.headers)
    }
    parts: list[RenderableType] = [tables.grid(facts.items())]
    if headers:
        parts += [Text("\nheaders", "bold"), tables.grid(headers.items())]
    if trace := why.get(_TRACE):
        parts += [Text("\nstack trace", "bold"), Text(trace, "dim")]
    raw = letter.message.value or b""
    cut = (
        f" of {dict(letter.message.headers)[wire_headers.TRUNCATED].decode()}"
        if wire_headers.is_truncated(letter.message.headers)
        else ""
    )
    parts += [Text(f"\nvalue, {len(raw):,}{cut} bytes", "bold"), Text(dead_letters.dump(raw))]
    return Group(*parts)


def _sent_back(letter: Letter) -> str:
    earlier = wire_headers.redriven(letter.message.headers)
    before = f"{earlier} times before it came here" if earlier else "-"
    return f"this letter too; {before}" if letter.is_redriven else before


def _time(moment: datetime | None) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}" if moment else "-"
