"""`tagstream model`: train a version, judge a version."""

from __future__ import annotations

import typer

from tagstream.commands.model.evaluate import evaluate
from tagstream.commands.model.train import train

app = typer.Typer(no_args_is_help=True, help="Train a model version, judge a model version.")


@app.callback()
def model() -> None:
    """Train a model version, judge a model version."""


app.command()(train)
app.command()(evaluate)
