"""The pipeline in the terminal: a row a step, what came of it, and Luigi's visualiser."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from model.pipeline.runner import Ran
from model.registry.refs import VersionRef
from tagstream.render import tables
from tagstream.render.console import PrintableConsole


def show(ran: tuple[Ran, ...]) -> None:
    """A row a step."""
    table = tables.bordered("step", "", "seconds", "in", right={"seconds"})
    for each in ran:
        status = "done" if each.now else "finished before"
        table.add_row(each.done.step, status, f"{each.done.seconds:.1f}", str(each.step.folder))
    console = PrintableConsole()
    console.print(table)
    for line in _outcomes(ran):
        console.print(line, soft_wrap=True)


def _outcomes(ran: tuple[Ran, ...]) -> Iterator[str]:
    """What came of it, in the order of the steps."""
    for each in ran:
        match each.done.about:
            case {"split": split, "top_accuracy": {"value": float() | int() as value, "of": of}}:
                yield f"top label right: {value:.1%} of {of} ({split}); {each.step.product(2)}"
            case {"ref": ref, "registry": registry}:
                yield f"{ref} is published at {registry}"
            case {"alias": alias, "version": version}:
                yield f"{alias} is {version}; workers that follow it take it within a minute"


def document(ran: tuple[Ran, ...], *, version: VersionRef) -> dict[str, Any]:
    """One document: each step, whether it ran now, where its product is, what came of it."""
    return {"version": str(version), "steps": [_row(each) for each in ran]}


def _row(each: Ran) -> dict[str, Any]:
    done = each.done
    return {
        "step": done.step,
        "ran": each.now,
        "folder": str(each.step.folder),
        "seconds": round(done.seconds, 2),
        "cpu_seconds": round(done.cpu_seconds, 2),
        "resumed": done.resumed,
        **done.about,
    }


@contextmanager
def shown(port: int | None, *, keep: bool) -> Iterator[None]:
    """The visualiser while the block lasts; with `keep` until Ctrl-C, after a failure too."""
    if port is None:
        yield
        return
    from model.pipeline.tasks import visualiser

    with visualiser(port) as address:
        typer.echo(f"Luigi's visualiser: {address}", err=True)
        try:
            yield
        except Exception as error:
            if keep:
                typer.echo(f"failed: {error}", err=True)
                _hold(address)
            raise
        if keep:
            _hold(address)


def _hold(address: str) -> None:
    try:
        typer.echo(f"the visualiser stays at {address} until Ctrl-C", err=True)
        signal.pause()
    except KeyboardInterrupt:
        typer.echo("the visualiser has ended", err=True)
