"""What `tagstream dlq` does: letters by cause, one letter, and a selection sent back."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.prompt import Confirm
from rich.table import Table
from rich.text import Text

from agents.wiring import backends
from agents.wiring.backends import kafka_connection
from agents.wiring.settings import Settings
from operations import dead_letters
from operations import redrive as redriving
from operations.dead_letters import Letter, LetterSelection
from operations.redrive import Redrive, RefusedLetter, Tick, TopicJournal
from schemas import topics
from schemas.errors import ConfigurationError
from schemas.wire import headers as wire_headers
from streams.adapters.kafka.producer import RestartingProducer
from streams.adapters.kafka.publisher import RedrivePublisher

_TRACE: Final = "exception.stacktrace"
_SAID: Final = 160
"""Characters of an example's cause."""


def show_groups(config: Settings, *, parking: bool, as_json: bool) -> None:
    """The letters by cause."""
    names = (topics.DEAD_LETTERS, topics.PARKING) if parking else (topics.DEAD_LETTERS,)
    with _reading() as progress:
        found = asyncio.run(redriving.read(kafka_connection(config), names, progress))
    groups = dead_letters.grouped(found)
    if as_json:
        for group in groups:
            sys.stdout.write(json.dumps(group.document()) + "\n")
    else:
        Console(highlight=False).print(
            _groups(groups) if groups else Text("No letters", "green"), soft_wrap=True
        )


def show_one(config: Settings, place: tuple[int, int], *, parking: bool, as_json: bool) -> None:
    """One letter."""
    letter = asyncio.run(redriving.one(kafka_connection(config), _topic(parking=parking), place))
    if as_json:
        sys.stdout.write(json.dumps(letter.document()) + "\n")
    else:
        Console(highlight=False).print(_letter(letter), soft_wrap=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedriveOptions:
    """How letters are sent back."""

    rate: float = 50.0
    """Letters a second."""
    again: bool = False
    """Also those that were sent back before."""
    dry_run: bool = False
    yes: bool = False
    """Do not ask."""


@dataclass(frozen=True, slots=True)
class RedriveRequest:
    """Which letters are to be sent back, and how."""

    selection: LetterSelection
    pace: RedriveOptions
    parking: bool = False


@dataclass(frozen=True, slots=True)
class RedriveResult:
    """What became of the selected letters."""

    chosen: Sequence[Letter]
    earlier: int
    """Selected too, and sent back before."""
    refused: Sequence[RefusedLetter] | None
    """None where nothing was sent."""

    @property
    def redriven(self) -> int:
        """How many were sent back."""
        return 0 if self.refused is None else len(self.chosen) - len(self.refused)


def redrive(config: Settings, order: RedriveRequest, *, as_json: bool) -> bool:
    """Send the selected letters back, if asked and allowed to; whether none was refused."""
    with _reading() as progress:
        name = _topic(parking=order.parking)
        found = asyncio.run(redriving.read(kafka_connection(config), [name], progress))
    selected = [letter for letter in found if order.selection.holds(letter)]
    chosen = [letter for letter in selected if order.pace.again or not letter.is_redriven]
    refused = None
    if chosen and not order.pace.dry_run and _may(chosen, order, as_json=as_json):
        refused = _send(config, chosen, order)
    outcome = RedriveResult(chosen, len(selected) - len(chosen), refused)
    _tell_json(outcome) if as_json else _tell(outcome, order)
    return not outcome.refused


def _may(chosen: Sequence[Letter], order: RedriveRequest, *, as_json: bool) -> bool:
    if order.pace.yes:
        return True
    if as_json or not sys.stdin.isatty():
        raise ConfigurationError(
            "nobody is there to be asked: say --yes, or --dry-run to see what would be sent"
        )
    causes = ", ".join(sorted({letter.code for letter in chosen}))
    return Confirm.ask(
        f"Send {len(chosen):,} letters back ({causes}), {order.pace.rate:g} a second?", default=False
    )


def _send(config: Settings, chosen: Sequence[Letter], order: RedriveRequest) -> tuple[RefusedLetter, ...]:
    columns = (TextColumn("Sending back"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=len(chosen))
        try:
            return asyncio.run(_redrive(config, chosen, order, lambda count: progress.advance(bar, count)))
        except KeyboardInterrupt:
            console.print("Interrupted: run it again, and it goes on where this one ended", style="yellow")
            raise


async def _redrive(
    config: Settings, chosen: Sequence[Letter], order: RedriveRequest, tick: Tick
) -> tuple[RefusedLetter, ...]:
    kafka = backends.kafka_settings(config)
    await redriving.prepare_journal(kafka.bootstrap, [_topic(parking=order.parking)])
    async with AsyncExitStack() as stack:
        publisher = await stack.enter_async_context(RedrivePublisher(kafka))
        journal = TopicJournal(await stack.enter_async_context(RestartingProducer(kafka)))
        return await Redrive(publisher, journal, rate=order.pace.rate).run(chosen, tick)


def _topic(*, parking: bool) -> str:
    return topics.PARKING if parking else topics.DEAD_LETTERS


@contextmanager
def _reading() -> Iterator[redriving.Progress]:
    console = Console(stderr=True)
    columns = (TextColumn("Reading"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)


def _tell_json(outcome: RedriveResult) -> None:
    refused = [
        {"partition": each.letter.place[1], "offset": each.letter.place[2], "why": each.why}
        for each in outcome.refused or ()
    ]
    document = {
        "selected": len(outcome.chosen),
        "redriven": outcome.redriven,
        "redriven_before": outcome.earlier,
        "refused": refused,
    }
    sys.stdout.write(json.dumps(document) + "\n")


def _tell(outcome: RedriveResult, order: RedriveRequest) -> None:
    console = Console(highlight=False)
    earlier = f"; {outcome.earlier:,} more were sent back before" if outcome.earlier else ""
    if order.pace.dry_run and outcome.chosen:
        console.print(f"{_counted(len(outcome.chosen))} would be sent back{earlier}")
        console.print(_groups(dead_letters.grouped(outcome.chosen)), soft_wrap=True)
    elif not outcome.chosen:
        console.print(f"No such letters{earlier}")
    elif outcome.refused is None:
        console.print("Nothing was sent")
    else:
        console.print(f"{_counted(outcome.redriven)} sent back{earlier}")
    for each in outcome.refused or ():
        _, partition, offset = each.letter.place
        console.print(Text(f"{partition}:{offset} stays: {each.why}", "red"))


def _groups(groups: Sequence[dead_letters.LetterGroup]) -> RenderableType:
    return Group(*(Group(_group(group), _example(group.example)) for group in groups))


def _group(group: dead_letters.LetterGroup) -> Text:
    one = "letter" if group.count == 1 else "letters"
    parking = " on parking" if group.topic == topics.PARKING else ""
    return Text.assemble(
        (group.code, "bold red"),
        f" in {', '.join(group.stages)}{parking}: ",
        (f"{group.count:,} {one}", "bold"),
        (f", {group.redriven:,} sent back" if group.redriven else "", "yellow"),
        (f"  {_span(group.first, group.last)}", "dim"),
    )


def _span(first: datetime | None, last: datetime | None) -> str:
    return _time(first) if first == last else f"{_time(first)} to {_time(last)}"


def _example(example: Letter) -> Text:
    _, partition, offset = example.place
    said = example.causes.get("exception.message", "")[:_SAID]
    return Text.assemble((f"  {partition}:{offset}", "bold"), f"  {example.image_id or '-'}  ", (said, "dim"))


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
        "sent back": _sent_back(letter),
    }
    headers = {
        name: value.decode(errors="backslashreplace")
        for name, value in wire_headers.as_it_came(letter.message.headers)
    }
    parts: list[RenderableType] = [_grid(facts)]
    if headers:
        parts += [Text("\nheaders", "bold"), _grid(headers)]
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


def _grid(facts: dict[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        table.add_row(Text(name, "bold"), Text(value))
    return table


def _time(moment: datetime | None) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}" if moment else "-"


def _counted(letters: int) -> str:
    return "1 letter" if letters == 1 else f"{letters:,} letters"
