"""`tagstream upload`: photographs in."""

from __future__ import annotations

from typing import Annotated

import typer


def upload(  # noqa: PLR0913 - one parameter an option
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH|s3://BUCKET/KEY...", help="Files, folders to search, objects."),
    ],
    *,
    restaurant: Annotated[str | None, typer.Option(metavar="ID", help="Whose photographs they are.")] = None,
    bucket: Annotated[
        str | None, typer.Option(help="Where files go; the only bucket of TAGSTREAM_S3__BUCKETS if absent.")
    ] = None,
    prefix: Annotated[str, typer.Option(help="In front of every file's key.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the tags and show them.")] = False,
    timeout: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How long to wait at most.")] = 120,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, as each is done.")] = False,
) -> None:
    """Upload photographs and announce them.

    Files are put into S3 and an event is published for each; of what is in S3 already, the event.
    A file's key is its name, in a folder its path below the folder. The image's id comes of bucket and
    key alone: upload a file again, and it is the same image with new bytes, tagged again.

    Under `tagstream dev` it waits for the workers before it sends more than the embedded broker keeps.

    Exits 1 if a photograph could not be uploaded or, with --wait, was not tagged.

    For example:

    - `tagstream upload lunch.jpg --restaurant trattoria-lucia --wait`

    - `tagstream upload ~/Pictures --prefix 2026/11`

    - `tagstream upload s3://photos/lunch.jpg --json | jq -r .image_id`
    """
    import asyncio
    import os
    from pathlib import Path

    from operations import upload as uploading
    from operations import upload_sources
    from tagstream.commands.environment import load_settings
    from tagstream.dev import state
    from tagstream.render import upload as render

    config = load_settings()
    chosen = upload_sources.choose(paths, bucket=bucket, prefix=prefix, config=config)
    is_embedded = state.adopted(os.environ, Path.cwd()) is not None
    request = uploading.UploadRequest(chosen, restaurant, timeout if wait else None, paced=is_embedded)
    with render.lines() if as_json else render.table() as progress:
        failed = asyncio.run(uploading.upload(request, config, progress))
    if failed:
        raise typer.Exit(1)
