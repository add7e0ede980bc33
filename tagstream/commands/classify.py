"""`tagstream classify`: local files, no broker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import Broken, ConfigurationError

if TYPE_CHECKING:
    from agents.wiring.settings import Settings
    from operations.classify import Answer


def classify(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, and folders to search.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, as each is done.")] = False,
    model: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A model version; the packaged one where absent.")
    ] = None,
) -> None:
    """Say what is on local photographs: every label with its probability, and where it would go.

    Folders are searched for photographs, with the folders below them; a file that is named is tried
    whatever it is called. What cannot be read is reported and does not stop the others. Answers come
    as each is done, in no order.

    Exits 1 if any file failed.

    For example:

    - `tagstream classify lunch.jpg menu.png`

    - `tagstream classify ~/Pictures --json | jq -r 'select(.top == "menu").path'`
    """
    import asyncio

    from agents.telemetry import logs
    from agents.wiring import settings
    from tagstream.render import classify as render

    config = _configured(settings.load(), model)
    logs.configure(config.log.model_copy(update={"level": "warning"}))
    with render.lines() if as_json else render.table() as tell:
        try:
            failed = asyncio.run(_look(paths, config, tell=tell))
        except Broken as error:
            typer.echo(f"tagstream classify: {error}", err=True)
            raise typer.Exit(1) from error
    if failed:
        raise typer.Exit(1)


def _configured(config: Settings, model: Path | None) -> Settings:
    """The settings with that model; raises `ConfigurationError` at once where there is none."""
    from agents.wiring import model_source
    from model import checkpoint

    folder = model or model_source.folder_here(config)
    checkpoint.read_manifest(folder)  # before torch is imported, which takes its time
    return config.model_copy(
        update={"model": config.model.model_copy(update={"folder": folder, "ref": None})}
    )


async def _look(paths: list[Path], config: Settings, *, tell: Callable[[Answer, int], None]) -> int:
    """Tell every answer, with how many there will be; how many files failed."""
    from contextlib import aclosing

    from agents.wiring.components import load_tagger
    from operations.classify import PhotoClassifier, RefusedFile, found

    files = list(found(paths))
    if not files:
        raise ConfigurationError("no photographs there; name a file to have it tried whatever it is called")
    failed = 0
    async with await load_tagger(config) as tagger:
        eye = PhotoClassifier(
            tagger,
            at_once=config.window.concurrency,
            loading=2 * config.decode.processes,
            max_bytes=config.s3.max_object_bytes,
        )
        async with aclosing(eye.look(files)) as answers:
            async for answer in answers:
                tell(answer, len(files))
                failed += isinstance(answer, RefusedFile)
    return failed
