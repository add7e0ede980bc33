"""Command line entry: the commands, and the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import importlib
import sys
import traceback
from typing import Final, NoReturn, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command_from_info, get_group_from_info
from typer.models import CommandInfo, TyperInfo

from tagstream import exit_errors, printable_streams
from tagstream.commands.environment import meet_system

COMMANDS: Final = (
    "dev",
    "upload",
    "tail",
    "scores",
    "why",
    "link",
    "decide",
    "erase",
    "statements",
    "replay",
    "batch",
    "dlq",
    "topics",
    "routes",
    "store",
    "keys",
    "doctor",
    "stress",
    "config",
    "classify",
    "schemas",
    "demo",
    "data",
    "model",
    "serve",
    "worker",
)
"""In the order of `--help`. Each is a module of `tagstream.commands`, with a function of its name or with
an `app` of several, and is imported when it is called: nobody waits for another command's imports."""

ON_THEIR_OWN: Final = frozenset({"dev", "demo", "worker", "serve", "classify", "model", "schemas"})
"""Commands that go by the environment alone, or need none of it."""


class Commands(TyperGroup):
    """The commands of `COMMANDS`."""

    def list_commands(self, _context: object) -> list[str]:
        """Their names."""
        return list(COMMANDS)

    def get_command(self, _context: object, name: str) -> TyperGroup | TyperCommand | None:
        """The command of that name, imported; None where there is none."""
        return _command(name) if name in COMMANDS else None


app = typer.Typer(
    name="tagstream",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich and its Markdown double the time of `--help`
)


@app.callback()
def tagstream(context: typer.Context) -> None:
    """Tags restaurant photographs as they are uploaded: Kafka in, a resident CNN, tags and scores out."""
    if context.invoked_subcommand not in ON_THEIR_OWN:
        meet_system()


def _command(name: str) -> TyperGroup | TyperCommand:
    module = importlib.import_module(f"tagstream.commands.{name}")
    if hasattr(module, "app"):
        group = TyperInfo(module.app, name=name)
        return get_group_from_info(
            group, pretty_exceptions_short=True, suggest_commands=True, rich_markup_mode=None
        )
    command = CommandInfo(name, cls=TyperCommand, context_settings={}, callback=getattr(module, name))
    found = get_command_from_info(command, pretty_exceptions_short=True, rich_markup_mode=None)
    return cast("TyperCommand", found)


def main() -> NoReturn:
    """Run the command line."""
    with printable_streams.around_both():
        try:
            with exit_errors.exit_on_errors():
                app()
        except Exception:  # noqa: BLE001 - a traceback names files and keys, too: it goes through the streams
            traceback.print_exc()
            sys.exit(exit_errors.EXIT_FAILED)
    sys.exit(0)
