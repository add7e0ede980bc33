"""`tagstream replay`: score again what was uploaded before, by jobs."""

from __future__ import annotations

import typer
from typer.core import TyperGroup

from schemas.errors import ConfigurationError
from tagstream.commands.replay.comparing import publish, report
from tagstream.commands.replay.plan import plan
from tagstream.commands.replay.running import resume, run
from tagstream.commands.replay.start import start
from tagstream.commands.replay.steering import cancel, list_, pause, rate, status

DROPPED = (
    "`replay drop` is gone: `tagstream replay cancel JOB` ends a job, and workers pass over its requests, and"
    " over those that an earlier release has left in the lane"
)


class ReplayCommands(TyperGroup):
    """The commands; options without one are those of `start`, as they were before there were jobs."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # its own Context
        """See `TyperGroup.parse_args`."""
        if args and args[0] == "drop":
            raise ConfigurationError(DROPPED)
        is_start = bool(args) and args[0].startswith("--") and args[0] != "--help"
        return super().parse_args(ctx, ["start", *args] if is_start else args)


app = typer.Typer(
    cls=ReplayCommands, no_args_is_help=True, help="Score again what was uploaded before, by jobs."
)


@app.callback()
def replay() -> None:
    """Score again what was uploaded before, by jobs that can be paused, resumed and taken over."""


for command in (plan, start, status, pause, resume, cancel, rate, report, publish, run):
    app.command()(command)
app.command("list")(list_)
