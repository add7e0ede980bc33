"""Luigi's visualiser beside a command."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def shown(port: int | None, *, keep: bool) -> Iterator[None]:
    """The visualiser while the block lasts; with `keep` until Ctrl-C, after a failure too."""
    if port is None:
        yield
        return
    from model.pipeline.visualiser import visualiser  # noqa: PLC0415

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
