"""`tagstream data`: gather, check, divide and look at labelled photographs."""

from __future__ import annotations

import typer

from tagstream.commands.data.draw import draw
from tagstream.commands.data.import_ import import_
from tagstream.commands.data.prelabel import prelabel
from tagstream.commands.data.show import show

app = typer.Typer(no_args_is_help=True, help="Gather, check, divide and look at labelled photographs.")


@app.callback()
def data() -> None:
    """Gather, check, divide and look at labelled photographs."""


app.command("import")(import_)
app.command()(show)
app.command()(prelabel)
app.command()(draw)
