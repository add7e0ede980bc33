"""`tagstream`: the commands, and the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from schemas.errors import EXIT_CONFIGURATION, ConfigurationError
from tagstream.commands import classify, config, demo, model, worker

app = typer.Typer(
    name="tagstream",
    help="Tags restaurant photographs as they are uploaded: Kafka in, a resident CNN, tags and scores out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich and its Markdown double the time of `--help`
)
app.command("demo")(demo.demo)
app.command("classify")(classify.classify)
app.command("worker")(worker.worker)
app.add_typer(config.app, name="config")
app.add_typer(model.app, name="model")


def main() -> NoReturn:
    """Run the command line."""
    try:
        app()
    except ConfigurationError as error:
        sys.stderr.write(f"tagstream: {error}\n")
        sys.exit(EXIT_CONFIGURATION)
    sys.exit(0)
