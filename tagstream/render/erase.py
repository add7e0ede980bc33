"""An erasure in the terminal: what it asks, what was done, and what is left where until when."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from io import StringIO
from pathlib import Path

import typer
from rich.console import Group, RenderableType
from rich.prompt import Confirm
from rich.text import Text

from operations import erasure_receipt
from operations.erase import ErasureResult
from operations.erasure_receipt import DataLine, Receipt
from operations.erasure_targets import ErasureRequest, ErasureTarget
from operations.topic_remains import TopicRemains
from schemas.errors import ConfigurationError
from tagstream.render import tables
from tagstream.render.console import PrintableConsole
from tagstream.render.tables import counted

_NOTHING = "The store names this uploader for no image: there never was one, or all are erased"
_AGAIN = "Not worked on yet: {}, with uploads of this uploader perhaps; run it again when none is left"
_WIDTH = 110
_MOST = 50
"""Addresses that are printed one by one; --json has all."""


def ask(targets: Sequence[ErasureTarget], request: ErasureRequest, *, as_json: bool) -> bool:
    """Whether the person at the terminal wants them erased; raises `ConfigurationError` where nobody is."""
    if all(each.is_erased for each in targets) and not (request.objects or request.data):
        return True  # there is nothing to be lost
    if as_json or not sys.stdin.isatty():
        raise ConfigurationError(
            "nobody is there to be asked: say --yes, or --dry-run to see what would be erased"
        )
    unknown = sum(not each.is_known for each in targets)
    more = f", {unknown:,} of which the store does not know" if unknown else ""
    where = " with their objects in storage" if request.objects else "; their objects stay in storage"
    asked = Text(f"Erase {counted(len(targets), 'image')}{more}, for ever{where}?")
    return Confirm.ask(asked, console=PrintableConsole(), default=False)


def nothing(*, as_json: bool) -> None:
    """The uploader has no images."""
    typer.echo(json.dumps({"images": 0}) if as_json else _NOTHING)


def kept(*, as_json: bool) -> None:
    """The answer was no."""
    if not as_json:
        typer.echo("Nothing was erased")


def show(result: ErasureResult, *, file: Path | None, is_dry: bool, as_json: bool) -> None:
    """What was done, or would be, and what is left."""
    if as_json:
        typer.echo(json.dumps(_document(result)))
        return
    console = PrintableConsole()
    for part in _parts(result, is_dry=is_dry):
        console.print(part, soft_wrap=True)
    if file:
        digest = result.receipt.digest[:12]
        console.print(f"\nReceipt: {file} (digest {digest}), for people {for_people(file)}", soft_wrap=True)


def for_people(file: Path) -> Path:
    """Beside the receipt."""
    return file.with_name(f"{file.name}.txt")


def readable(receipt: Receipt) -> str:
    """The receipt for people: what it says in JSON, and no more."""
    console = PrintableConsole(file=StringIO(), width=_WIDTH, soft_wrap=True)
    who = f"by {receipt.run_by}, from {_time(receipt.begun_at)} to {_time(receipt.finished_at)}"
    console.print(f"Receipt of an erasure, {receipt.state}, {who}, Tagstream {receipt.tagstream}")
    console.print(f"Digest of the receipt in JSON: {receipt.digest}\n")
    for part in _parts(ErasureResult(receipt, (), receipt.data), is_dry=False):
        console.print(part)
    console.print("\nImages, by the sha256 of their ids")
    for line in receipt.images:
        console.print(f"  {line.image} {line.outcome} {_time(line.erased_at)}")
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]  # the StringIO of above


def _document(result: ErasureResult) -> dict[str, object]:
    return {
        "receipt": result.receipt.model_dump(mode="json"),
        "standing": [str(each) for each in result.standing],
        "data": [each.model_dump(mode="json") for each in result.data],
        "refused": [str(each) for each in result.refused],
    }


def _parts(result: ErasureResult, *, is_dry: bool) -> Iterator[RenderableType]:
    yield _summary(result.receipt, is_dry=is_dry)
    for refused in result.refused:
        yield Text(str(refused), "red")
    if result.receipt.uploader and result.receipt.waiting:
        yield Text(_AGAIN.format(counted(result.receipt.waiting, "message")), "yellow")
    if result.standing:
        yield _standing(result, is_dry=is_dry)
    if result.data:
        yield Group(Text("\nData", "bold"), *(_data(each) for each in result.data))
    if result.receipt.topics:
        yield Group(Text("\nWhat topics may still hold", "bold"), *_topics(result.receipt.topics))
    yield Group(
        Text("\nWhat Tagstream does not reach", "bold"),
        *(Text(f"  {each}") for each in result.receipt.elsewhere),
    )


def _summary(receipt: Receipt, *, is_dry: bool) -> Text:
    outcomes = erasure_receipt.counts(receipt.images)
    said = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
    return Text.assemble(
        (f"{counted(len(receipt.images), 'image')}: {said}", "bold"), "" if is_dry else _done(receipt)
    )


def _done(receipt: Receipt) -> str:
    lines = receipt.images
    done = (
        (sum(each.scores for each in lines), "score", "deleted"),
        (sum(sum(each.events.values()) for each in lines), "event", "published"),
        (sum(each.versions_deleted for each in lines), "version", "of objects deleted"),
        (sum(each.renditions for each in lines), "rendition", "deleted"),
        (sum(each.statements for each in lines), "statement", "of reasons kept without what they named"),
    )
    said = [f"{counted(count, noun)} {what}" for count, noun, what in done if count]
    return f"\n{', '.join(said)}" if said else ""


def _standing(result: ErasureResult, *, is_dry: bool) -> RenderableType:
    to_do = "--objects deletes them" if is_dry else "known nowhere else now; `erase s3://... --objects`"
    shown = [Text(f"  {where}") for where in result.standing[:_MOST]]
    more = len(result.standing) - len(shown)
    rest = [Text(f"  and {more:,} more: --json has them all")] if more else []
    return Group(Text(f"\nObjects that stand in storage, or may ({to_do})", "bold yellow"), *shown, *rest)


def _data(line: DataLine) -> Text:
    done = f", {counted(line.removed, 'row')} removed" if line.removed else ""
    to_do = f": {line.to_do}" if line.to_do else ""
    return Text(f"  {line.place}: {line.what}, {counted(line.images, 'image')}{done}{to_do}")


def _topics(remains: Sequence[TopicRemains]) -> Iterator[RenderableType]:
    """What is kept for the same reason stands together; of what is empty the names are enough."""
    for why in dict.fromkeys(each.why for each in remains if each.records):
        yield Text(f"  {why}:")
        table = tables.plain("    topic", "oldest record", "gone by", "holds", whole=("    topic",))
        for each in (each for each in remains if each.records and each.why == why):
            table.add_row(f"    {each.topic}", _time(each.oldest), _until(each), each.holds)
        yield table
    if empty := [each.topic for each in remains if not each.records]:
        yield Text(f"  nothing, for they are empty: {', '.join(empty)}")


def _until(remains: TopicRemains) -> str:
    return _time(remains.until) if remains.until else "not bounded"


def _time(moment: datetime | None) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}" if moment else "-"
