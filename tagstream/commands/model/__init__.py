"""`tagstream model`: a version from its training to its workers."""

from __future__ import annotations

import typer

from tagstream.commands.model.compare import compare
from tagstream.commands.model.compare_backbones import compare_backbones
from tagstream.commands.model.evaluate import evaluate
from tagstream.commands.model.parity import parity
from tagstream.commands.model.pipeline import pipeline
from tagstream.commands.model.recalibrate import average, calibrate
from tagstream.commands.model.rollouts import canary, end, rollout, shadow
from tagstream.commands.model.rollouts import listing as rollouts
from tagstream.commands.model.train import train
from tagstream.commands.model.versions import fetch, listing, promote, publish, rollback, show, status

app = typer.Typer(no_args_is_help=True, help="Train, judge, publish and promote model versions.")


@app.callback()
def model() -> None:
    """Train, judge, publish and promote model versions."""


app.command()(train)
app.command()(evaluate)
app.command()(compare)
app.command()(compare_backbones)
app.command()(calibrate)
app.command()(average)
app.command()(parity)
app.command()(pipeline)
app.command()(publish)
app.command("list")(listing)
app.command()(show)
app.command()(promote)
app.command()(rollback)
app.command()(shadow)
app.command()(canary)
app.command()(rollout)
app.command("rollouts")(rollouts)
app.command("end-rollout")(end)
app.command()(status)
app.command()(fetch)
