"""Uploads in the terminal: JSON lines, or a table of tags."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import typer
from rich.text import Text

from operations import topic_names
from operations.await_tags import DeadLettered, End, TagsAnnounced, Unknown
from operations.deferral import Deferral
from operations.upload import UploadProgress
from operations.upload_sources import Source
from operations.uploader import NotSent, Sent
from schemas.records import ImageHead, State
from schemas.uploads import ImageUploaded
from tagstream.render import progress, tables, tags
from tagstream.render.console import PrintableConsole, PrintableTable

_ID_WIDTH: Final = 30
"""Of a derived image id: one that is cut short cannot be copied."""


class _Lines:
    """One JSON object a line on standard output, at once."""

    def doing(self, what: str, total: int) -> None:
        """Scripts do not watch."""

    def waiting(self, why: str) -> None:
        """See `UploadProgress.waiting`."""
        typer.echo(why, err=True)

    def refused(self, answer: NotSent) -> None:
        """See `UploadProgress.refused`."""
        self._write(answer.document())

    def sent(self, answer: Sent, *, is_last_word: bool) -> None:
        """See `UploadProgress.sent`."""
        if is_last_word:
            self._write(answer.document())

    def deferred(self, upload: ImageUploaded, deferral: Deferral) -> None:
        """See `UploadProgress.deferred`. A line a photograph: its last word says so."""

    def ended(self, answer: Sent, end: End) -> None:
        """See `UploadProgress.ended`."""
        self._write({**answer.document(), **end.document()})

    @staticmethod
    def _write(document: object) -> None:
        typer.echo(json.dumps(document))


class _Table:
    """A table when all is done; until then a progress bar on standard error."""

    def __init__(self, progress: progress.Bars) -> None:
        self._progress = progress
        self._bar = progress.add_task("", visible=False)
        self.refusals: list[NotSent] = []
        self.sends: list[Sent] = []
        self.ends: list[tuple[Sent, End]] = []

    def doing(self, what: str, total: int) -> None:
        """See `UploadProgress.doing`."""
        self._progress.reset(self._bar, description=what, total=total, visible=True)

    def waiting(self, why: str) -> None:
        """See `UploadProgress.waiting`."""
        self._progress.console.print(Text(why, "yellow"), soft_wrap=True)

    def refused(self, answer: NotSent) -> None:
        """See `UploadProgress.refused`."""
        self.refusals.append(answer)
        self._progress.advance(self._bar)

    def sent(self, answer: Sent, *, is_last_word: bool) -> None:
        """See `UploadProgress.sent`."""
        if is_last_word:
            self.sends.append(answer)
        self._progress.advance(self._bar)

    def deferred(self, upload: ImageUploaded, deferral: Deferral) -> None:
        """See `UploadProgress.deferred`."""
        line = Text.assemble(f"{_printable(upload.location.key)}  ", (deferral.words, "yellow"))
        self._progress.console.print(line, soft_wrap=True)

    def ended(self, answer: Sent, end: End) -> None:
        """See `UploadProgress.ended`."""
        self.ends.append((answer, end))
        self._progress.advance(self._bar)


@contextmanager
def lines() -> Iterator[UploadProgress]:
    """One JSON object a line."""
    yield _Lines()


@contextmanager
def table() -> Iterator[UploadProgress]:
    """A progress bar, then a table on standard output, and what failed on standard error."""
    console = PrintableConsole(stderr=True)
    with progress.on_terminal(*progress.columns(time="elapsed"), console=console) as shown:
        answers = _Table(shown)
        yield answers
    out = PrintableConsole()
    if answers.sends:
        out.print(_sent(answers.sends))
    if tagged := [(sent, end) for sent, end in answers.ends if isinstance(end, TagsAnnounced)]:
        out.print(_tagged(tagged))
    for sent, end in answers.ends:
        if not isinstance(end, TagsAnnounced):
            console.print_line(_untagged(sent, end))
    for refusal in answers.refusals:
        console.print_line(_failed(refusal.source, refusal.error.code, str(refusal.error)))


def _sent(sends: Sequence[Sent]) -> PrintableTable:
    made = tables.plain("Photograph", "Image id", "Object", whole={"Image id"})
    made.columns[1].min_width = _ID_WIDTH
    for sent in sends:
        made.add_row(
            Text(_printable(sent.source.name)), Text(sent.upload.image_id), Text(str(sent.upload.location))
        )
    return made


def _tagged(tagged: Sequence[tuple[Sent, TagsAnnounced]]) -> PrintableTable:
    verdicts = [end.head.verdict for _, end in tagged if end.head.verdict]
    labels = sorted({tag.label for verdict in verdicts for tag in verdict.tags})
    made = tags.columns("Photograph", labels, last="Goes to")
    made.columns[0].min_width = _ID_WIDTH
    for sent, end in tagged:
        verdict = end.head.verdict
        name = Text.assemble(_printable(sent.source.name), (f"\n{sent.upload.image_id}", "dim"))
        made.add_row(name, *tags.cells(verdict.tags if verdict else (), labels), _places(end.head))
    return made


def _places(head: ImageHead) -> Text:
    routes = head.verdict.routes if head.verdict else ()
    places = dict.fromkeys(topic_names.short(route.topic) for route in routes)
    text = Text(", ".join(places) or "-", "bold cyan" if places else "dim")
    return text.append(", hidden", "yellow") if head.state is State.HIDDEN else text


def _untagged(sent: Sent, end: DeadLettered | Unknown) -> Text:
    if isinstance(end, DeadLettered):
        return _failed(sent.source, end.code, f"{end.why}; `tagstream dlq show {end.place}` says more")
    if end.deferral:
        return _failed(sent.source, end.deferral.code, end.why)
    return _failed(sent.source, "timeout", f"{end.why}; is a worker running? `tagstream doctor` looks")


def _failed(source: Source, code: str, why: str) -> Text:
    return Text.assemble(("✗ ", "bold red"), f"{_printable(source.name)}  ", (code, "bold red"), f": {why}")


def _printable(name: str) -> str:
    return name.encode(errors="replace").decode()
